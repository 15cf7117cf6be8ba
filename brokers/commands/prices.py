"""`prices accept`: stand by a close that is held, so that it counts from now on."""

import math
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from brokers.clock import utc_text
from brokers.commands.account_settings import account_settings
from brokers.journal.opening import open_journal
from brokers.journal.records import Accepted
from brokers.journal.selection import select_journal
from brokers.live.strategy import D, LiveStrategy
from brokers.prices.calendar import NEW_YORK
from brokers.prices.live import LivePrices
from brokers.prices.load import Prices
from config.settings import ConfigError, Settings


class _Held(NamedTuple):
    """A close that is held: its session's close (UTC), the price, and its move since the last."""

    session: pd.Timestamp
    close: float
    move: float


def accept_close(
    files: list[Path] | None,
    overrides: list[str] | None,
    strategy_of: Callable[[Settings], LiveStrategy[D]],
    symbol: str,
    day: str,
    *,
    reason: str,
) -> None:
    """Record in a paper account's journal that the held close of `symbol` of `day` is true.

    Its session, whether it runs or not, and every backtest and replay that reads this journal count
    the close from now on.

    Raises
    ------
    ConfigError
        No such journal, several could be meant, or that close is not held.
    DataError
        The prices cannot be had.
    JournalUnavailableError, JournalError
        It could not be recorded, and nothing has changed.

    """
    session = _date(day)  # before the journal, whose lack says nothing about a wrong date
    path = select_journal(files, overrides)
    settings = account_settings(path, files, overrides)
    now = math.ceil(time.time())
    source = LivePrices(settings, lambda text, done=0, of=0: None)
    prices, failed = source.history(pd.Timestamp(now, unit="s", tz="UTC"))
    if symbol in failed:
        raise failed[symbol]
    held = _held_close(prices, strategy_of(settings).functions.gate(prices), symbol, session)
    row = Accepted(symbol, int(held.session.timestamp()), held.close, reason, now)
    text = f"the close of {symbol} of {session} ({held.close:g}, {held.move:+.1%})"
    with open_journal(path, time.time, locked=False) as journal:
        journal.accept_close(row)
        journal.record_incident("held close", "warning", f"{text} is accepted: {reason}")
    print(f"accepted: {text} counts from {utc_text(now)} on, for the decisions of {path} and for")
    print("backtests that read this journal")


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise ConfigError(f"{day!r} is no date; write the session's as YYYY-MM-DD") from None


def _held_close(prices: Prices, table: pd.DataFrame, symbol: str, session: date) -> _Held:
    """The close of that session, which has to be held now.

    Raises
    ------
    ConfigError
        It is not.

    """
    rows = zip(pd.DatetimeIndex(table.index), table["held"], strict=True)
    held = {instant: str(names).split(", ") for instant, names in rows if names}
    newest = held.get(table.index[-1], []) if len(table) else []
    instants = [instant for instant in held if _day(table["session_close"][instant]) == session]
    if symbol not in newest or not instants or symbol not in held[instants[0]]:
        now = ", ".join(newest) or "nothing"
        raise ConfigError(
            f"the close of {symbol} of {session} is not held, so that there is nothing to accept; "
            f"held now: {now} (`status` and `gate` show the session)"
        )
    closes = prices.of(symbol).frame["close"]
    row = int(closes.index.searchsorted(instants[0]))
    close, before = float(closes.iloc[row]), float(closes.iloc[row - 1])
    return _Held(pd.Timestamp(prices.sessions[instants[0]]), close, close / before - 1.0)


def _day(session_close: pd.Timestamp) -> date:
    """A session's day: its close may be known a day later (`prices.publication_delay`)."""
    return session_close.tz_convert(NEW_YORK).date()
