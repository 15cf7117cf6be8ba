"""What should be there when a bar closes and is not: how long it is waited for depends on it."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from brokers.journal.incident import Incident
from brokers.plurals import count
from brokers.prices.load import Prices
from brokers.prices.series import DataError, UnreachableError
from config.sections import Coin

# What is missing, and the newest of it that there is: the same pair twice is the same absence.
Absent = frozenset[tuple[str, object]]


def absent_series(
    prices: Prices, failed: Mapping[str, DataError], behind: Collection[str]
) -> Absent:
    """Series that could not be loaded, or are `behind`: without the row of the newest session.

    One that goes on lacking rows stays the same absence; one whose vendor cannot be reached is a
    new one after each session.
    """
    sessions = len(prices.sessions)
    lost = {
        (symbol, sessions if isinstance(error, UnreachableError) else "")
        for symbol, error in failed.items()
    }
    late = {(symbol, prices.of(symbol).frame.index[-1]) for symbol in behind}
    return frozenset(lost | late)


def absent_coins(
    coins: Sequence[Coin],
    lines: Mapping[str, Mapping[str, float]],
    due: int,
    length: pd.Timedelta,
    unreachable: Collection[str],
) -> Absent:
    """Coins without the bar that ended at `due`, each with the end of its newest one.

    `lines` are those of a snapshot; the candles of the histories in `unreachable` could not be
    asked for, which is a new absence at each bar.
    """
    absent: set[tuple[str, object]] = set()
    for coin in coins:
        newest = lines.get(coin.name)
        if coin.history in unreachable:
            absent.add((coin.name, due))
        elif newest is None:
            absent.add((coin.name, "not listed"))
        elif newest["stale"] > 0:
            absent.add((coin.name, due - newest["stale"] * length.total_seconds()))
    return frozenset(absent)


def report_missing_bars(history: str, stale: int, newest: pd.Timestamp) -> Incident:
    """A coin whose newest bar ended `stale` bars ago, at `newest`."""
    text = (
        f"{history}: its newest bar ended {count(stale, 'bar')} ago, at "
        f"{newest:%Y-%m-%d %H:%M} UTC: later bars are missing"
    )
    return Incident("data", "warning", text)
