"""What happened after the articles had appeared: the only prices that nobody could have fitted."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd
from pydantic import Field

from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.simulation import simulate
from backtests.evidence.dated_closes import covers, end_of_day, gain_between
from backtests.evidence.forward_summary import ForwardSummary, summarise_forward
from backtests.evidence.history import BITCOIN, ETHER, INDEX, History
from backtests.performance.forward_returns import HORIZONS
from backtests.performance.result import equity_frame
from backtests.runs.document import Record
from brokers.plurals import count
from brokers.prices.clean import day_of_close
from brokers.prices.series import DataError
from config.settings import Settings

# The articles name only the month. The sceptic knows of a Russell above 2,700, where it closed
# first on the 22nd; what follows the later day is certain to have been unseen by both authors.
EARLIEST, LATEST = date(2026, 1, 22), date(2026, 1, 31)
NAMED = ("1 month", "3 months", "6 months")  # of HORIZONS
TO_DATE: Final = "to date"
BROAD, MEDIAN_ALT, STRATEGY = "S&P 500", "median altcoin", "strategy"
# What the sentence is about: the end of the believer's "one to three months", these assets, and
# the median of all altcoins.
FORECAST = "3 months"
IN_WORDS = {"1 month": "One month", "3 months": "Three months", "6 months": "Six months"}
NO_ALTS = (INDEX, BROAD, BITCOIN, ETHER, STRATEGY, MEDIAN_ALT)
ASSETS: Mapping[str, str] = {
    INDEX: "the Russell 2000",
    BITCOIN: "Bitcoin",
    ETHER: "Ether",
}


class GainsRecord(Record):
    """What each asset has gained from the close of one day to that of another."""

    horizon: str = Field(description='as "3 months", or "to date"')
    ends: str = Field(description="the last day, which may lie ahead")
    over: bool = Field(description="whether that day has ended")
    gains: Mapping[str, float | None] = Field(
        description="fractions by asset; None: the time is not over, or there is no price"
    )


class PublicationRecord(Record):
    """One day on which the articles may have appeared, and what came after it."""

    day: str
    unseen: bool = Field(description="whether both authors can have seen nothing that follows")
    state: str = Field(description="the gate's state at the end of that day")
    ceiling: float = Field(description="the ceiling in force then, share of equity")
    after: Sequence[GainsRecord]


class SincePublication(Record):
    """The time since the articles appeared, and the rows that were written as it passed."""

    summary: str = Field(description="the result in a sentence or two")
    dates: Sequence[PublicationRecord] = Field(description="the earliest day, then the latest")
    forward: ForwardSummary | None = Field(default=None, description="None: there is no record")


def measure_since(
    history: History, settings: Settings, table: pd.DataFrame, now: pd.Timestamp
) -> SincePublication | None:
    """What happened since, as known at `now` (UTC); `table` is the gate by the instant known.

    None where prices are simulated or end before the articles appeared.
    """
    ends = (history.assets[BITCOIN].index[-1], history.bars.index[-1])
    if history.prices.sample or min(ends) < pd.Timestamp(LATEST, tz="UTC"):
        return None
    inputs = _inputs_since(history, settings)
    dates = []
    for day in (EARLIEST, LATEST):
        row = table.loc[: end_of_day(day)].iloc[-1]
        after = _gains_after(day, history, _equity_since(day, inputs), now)
        dates.append(
            PublicationRecord(
                day=day.isoformat(),
                unseen=day >= LATEST,
                state=str(row["state"]),
                ceiling=_ceiling_in_force(row, settings),
                after=after,
            )
        )
    return SincePublication(
        summary=summary_of(dates[-1]),
        dates=dates,
        forward=summarise_forward(history, settings, table),
    )


def _gains_after(
    day: date, history: History, account: pd.Series, now: pd.Timestamp
) -> list[GainsRecord]:
    """By horizon; `account` is the value of one that the strategy has begun on `day`."""
    ends = {name: day + timedelta(days=HORIZONS[name]) for name in NAMED}
    if (latest := _latest_day(history)) > day:
        ends[TO_DATE] = latest
    now = min(now, history.prices.now)
    return [
        GainsRecord(
            horizon=name,
            ends=end.isoformat(),
            over=(over := bool(end_of_day(end) <= now)),
            gains=_gains(history, account, (day, end), is_over=over),
        )
        for name, end in ends.items()
    ]


def _latest_day(history: History) -> date:
    """The newest day for which there are closes of Bitcoin and of the index."""
    newest = (history.assets[BITCOIN].index[-1], history.bars.index[-1])
    return min(day_of_close(instant) for instant in newest)


def _ceiling_in_force(row: pd.Series, settings: Settings) -> float:
    """Nothing may be held by a row that is too old."""
    return 0.0 if row["stale"] > settings.gate.age_limit else float(row["ceiling"])


def _inputs_since(history: History, settings: Settings) -> Inputs | None:
    """What the strategy runs on from the earliest day on; None where no coin has a bar then."""
    window = settings.backtest.model_copy(update={"start": EARLIEST, "end": None})
    try:
        return prepare_inputs(settings.model_copy(update={"backtest": window}), history.prices)
    except DataError:
        return None


def _equity_since(day: date, inputs: Inputs | None) -> pd.Series:
    """Value of an account that the strategy begins with cash at the close of `day`."""
    if inputs is None:
        return pd.Series(dtype=float)
    start = end_of_day(day)
    coins = {name: lines.loc[start:] for name, lines in inputs.coins.items()}
    begun = inputs._replace(grid=inputs.grid[inputs.grid >= start], coins=coins)
    return equity_frame(simulate(begun))["value"]


def _gains(
    history: History, account: pd.Series, days: tuple[date, date], *, is_over: bool
) -> dict[str, float | None]:
    """By asset, from the close of one day to that of another; None where either is not known."""
    sessions = pd.DatetimeIndex(history.prices.sessions.index)
    series = {
        INDEX: history.bars["close"],
        BROAD: history.broad,
        **history.coins,
        STRATEGY: account,
    }
    gains: dict[str, float | None] = {}
    for name, closes in series.items():
        is_index = name in (INDEX, BROAD)
        known = _has_sessions(closes, sessions, days) if is_index else covers(closes, *days)
        gains[name] = gain_between(closes, *days) if is_over and known else None
    alts = [gain for name in history.alts if (gain := gains[name]) is not None]
    return gains | {MEDIAN_ALT: float(np.median(alts)) if alts else None}


def _has_sessions(closes: pd.Series, sessions: pd.DatetimeIndex, days: tuple[date, date]) -> bool:
    """Whether there is the close of the newest session at the end of each day."""
    newest = [sessions[sessions <= end_of_day(day)][-1:] for day in days]
    return all(len(session) > 0 and session[0] in closes.index for session in newest)


def summary_of(publication: PublicationRecord) -> str:
    """The result in words: after the three months that the believer names, and the newest known."""
    after = {record.horizon: record for record in publication.after}
    known = [name for name in IN_WORDS if after[name].gains.get(BITCOIN) is not None]
    if not known:
        ends = publication.after[0].ends
        return f"The first month after {publication.day} is not known yet: it ends on {ends}."
    newest = known[-1]
    horizons = (FORECAST, newest) if FORECAST in known[:-1] else (newest,)
    changes = " ".join(
        f"{IN_WORDS[name]} after {publication.day}"
        f"{', by when both articles had appeared,' if name == horizons[0] else ''}"
        f" {_changes(after[name])}."
        for name in horizons
    )
    results = [
        f"{_in_words(gain)} by {after[name].ends}"
        for name in horizons
        if (gain := after[name].gains.get(STRATEGY)) is not None
    ]
    if not results:
        return changes
    return (
        f"{changes} The gate was {publication.state} then, with at most {publication.ceiling:.0%}"
        f" in coins; an account begun on that day {' and '.join(results)}."
    )


def _changes(record: GainsRecord) -> str:
    """What each asset gained or lost; two at least are known where Bitcoin is."""
    alts = sum(gain is not None for name, gain in record.gains.items() if name not in NO_ALTS)
    names = {**ASSETS, MEDIAN_ALT: f"the median of {count(alts, 'altcoin')}"}
    *changes, last = [
        f"{name} {_in_words(gain)}"
        for key, name in names.items()
        if (gain := record.gains.get(key)) is not None
    ]
    return f"{', '.join(changes)} and {last}" if changes else last


def _in_words(gain: float) -> str:
    size = f"{abs(gain):.0%}"
    if size == "0%":
        return "was unchanged"
    return f"{'lost' if gain < 0.0 else 'gained'} {size}"
