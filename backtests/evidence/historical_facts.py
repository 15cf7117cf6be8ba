"""Claims about what happened: dates, levels, the protocol. No sample, no luck; prices or the schedule say whether it was so."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

import pandas as pd

from backtests.benchmarks.halvings import HALVINGS, share_mined, yearly_issuance
from backtests.evidence import user_series as owned
from backtests.evidence.claim import Claim, about, lacking, stated
from backtests.evidence.comovement import CALMER, ETFS
from backtests.evidence.events import every_day
from backtests.evidence.history import BITCOIN, INDEX, History

PASSED = "In January 2026 the Russell 2000 passed 2,600 for the first time, up about 15 %, on heavy volume and broad participation"
MARK = 2600.0
PEAK_YEAR = 2021
TOLD_ON = "2026-01-23"  # of the articles, at the latest
BREAKOUTS_TOLD_OF = ("2016-11-14", "2020-11-13")
DAY, YEAR = pd.Timedelta(days=1), pd.Timedelta(days=365)


class Fact(NamedTuple):
    """A claim that the prices of `asset` from `first` to `last` decide."""

    id: str
    said: str
    asset: str
    first: str
    last: str
    tell: Callable[["Fact", History], Iterator[Claim]]

    def claim(
        self,
        test: str,
        estimate: float | None,
        unit: str,
        holds: bool,
        why: str,
        reading: str = "",
        n: int = 1,
    ) -> Claim:
        """What came of it."""
        return stated(self.id, self.said, test, self.asset, estimate, unit, holds, why, reading, n)


def facts(history: History) -> Iterator[Claim]:
    """All of them; one whose days the prices do not cover says so."""
    for fact in FACTS:
        closes = history.assets[fact.asset]
        if closes.index[0] <= _end(fact.first) and _end(fact.last) <= closes.index[-1]:
            yield from fact.tell(fact, history)
        else:
            yield lacking(fact.id, fact.said, f"{fact.asset} from {fact.first} to {fact.last}")
    yield from without_prices(history)


def without_prices(history: History | None = None) -> Iterator[Claim]:
    """Those that no price decides: the protocol does, or what the user has of his own; None: nothing."""
    height = HALVINGS[3].height
    before, since, share = yearly_issuance(height - 1), yearly_issuance(height), share_mined(height)
    why = f"By the protocol's schedule {before:.2%} before block {height:,} and {since:.2%} since; {share:.2%} of all coins were mined by then."
    issuance = "The halving took yearly issuance from 1.7 % to 0.85 % of supply, and 94 % of all BTC is mined"
    holds = about(before, 0.017) and about(since, 0.0085) and about(share, 0.94)
    yield stated("A7", issuance, "the protocol's schedule", "none", since, "share", holds, why)
    yield from (
        owned.claims(history.macro, history.assets[BITCOIN], history.lacking)
        if history
        else owned.claims({}, None, {})
    )


def _end(day: str | date) -> pd.Timestamp:
    """The instant at which a UTC day is over."""
    return pd.Timestamp(day, tz="UTC") + DAY


def _on(closes: pd.Series, day: str | date) -> float:
    """The newest close at the end of a UTC day."""
    return float(closes[: _end(day)].iloc[-1])


def _day(instant: pd.Timestamp | None, none: str = "never") -> str:
    return none if instant is None else f"{instant:%Y-%m-%d}"


def _january(fact: Fact, history: History) -> Iterator[Claim]:
    closes = history.bars["close"]
    gain = _on(closes, fact.last) / _on(closes, fact.first) - 1.0
    first = _day(_first(closes > 2700.0))
    why = f"It rose {gain:.1%}; its first close above 2,700: {first}."
    yield fact.claim(
        f"closes of {fact.first} and {fact.last}",
        gain,
        "share",
        about(gain, 0.09) and first[:7] == "2026-01",
        why,
    )


def _first(holds: pd.Series) -> pd.Timestamp | None:
    return _highest(holds) if holds.any() else None


def _highest(values: pd.Series) -> pd.Timestamp:
    """Where they are highest for the first time."""
    return pd.DatetimeIndex(values.index)[int(values.to_numpy().argmax())]


def _exceeded(fact: Fact, history: History) -> Iterator[Claim]:
    """The record of 2021 and when it was first exceeded, on closes and within the day."""
    years, bitcoin = pd.DatetimeIndex(history.bars.index).year, history.assets[BITCOIN]
    for reading, column in (("closes", "close"), ("within the day", "high")):
        values = history.bars[column]
        record, later = float(values[years == PEAK_YEAR].max()), values[years > PEAK_YEAR]
        first = _first(later > record)
        near = later if first is None else later[:first].iloc[:-1]
        best = (
            f"; the nearest before was {near.max():,.2f} on {_day(_highest(near))}, {record - near.max():,.2f} short"
            if len(near)
            else ""
        )
        known = first is not None and bitcoin.index[0] <= first <= bitcoin.index[-1]
        price = (
            f"; BTC stood at {_on(bitcoin, first.date()):,.0f} USD"
            if known and first is not None
            else ""
        )
        why = f"Its record of {PEAK_YEAR} was {record:,.2f}; first above it: {_day(first, 'not yet')}{price}{best}."
        holds = _day(first)[:7] == "2024-11"
        yield fact.claim(
            f"first value above the record of {PEAK_YEAR}", record, "points", holds, why, reading
        )


def _rounds(fact: Fact, history: History) -> Iterator[Claim]:
    """Gains of the rounds, counted from the halving and from the breakout."""
    bitcoin = history.assets[BITCOIN]
    halvings = [_end(one.day) for one in HALVINGS]
    ends = [start + 2 * YEAR for start in halvings[1:3]]  # by then both rounds were over
    now = _on(bitcoin, TOLD_ON) / _on(bitcoin, HALVINGS[3].day) - 1.0
    as_long = _end(TOLD_ON) - halvings[3]
    test = "highest close within two years of the halving over the first"
    for reading, starts in (
        ("from the halving", halvings[1:3]),
        ("from the breakout", [_end(day) for day in BREAKOUTS_TOLD_OF]),
    ):
        times = [
            float(bitcoin[start:end].max() / bitcoin[start:end].iloc[0])
            for start, end in zip(starts, ends, strict=True)
        ]
        why = f"To the peak of its round BTC rose {times[0]:.1f} and {times[1]:.1f} times; from the halving of 2024 to {TOLD_ON} by {now:.0%}."
        if starts[0] == halvings[1]:
            then = [
                _on(bitcoin, (start + as_long - DAY).date()) / _on(bitcoin, (start - DAY).date())
                for start in starts
            ]
            why += (
                f" After as many days those rounds stood at {then[0]:.1f} and {then[1]:.1f} times."
            )
        holds = (
            about(times[0], 27.0) and abs(times[1] / 5.0 - 1.0) <= 0.2 and about(now, 0.5)
        )  # "about 5" is a rounder number
        yield fact.claim(test, now, "share", holds, why, reading)


def _record_before_halving(fact: Fact, history: History) -> Iterator[Claim]:
    bitcoin, found = history.assets[BITCOIN], []
    for one in HALVINGS:
        end = pd.Timestamp(one.day, tz="UTC")
        if bitcoin.index[0] <= end - 2 * YEAR:  # else its record is not known
            records = bitcoin[:end].cummax()[end - YEAR :].diff() > 0.0
            found.append((one.day.year, records[records].index[-1] if records.any() else None))
    told = ", ".join(f"{year}: {_day(day, 'none')}" for year, day in found)
    holds = found[-1][1] is not None and all(day is None for _, day in found[:-1])
    why = f"Last record in the year before the halving of {told}."
    yield fact.claim(
        "record closes in the year before each halving", None, "", holds, why, n=len(found)
    )


def _year_2025(fact: Fact, history: History) -> Iterator[Claim]:
    closes = history.bars["close"]
    year = closes[_end(fact.first) : _end(fact.last)]
    calendar, climb = (
        _on(closes, fact.last) / _on(closes, fact.first) - 1.0,
        float(year[_highest(-year) :].max() / year.min() - 1.0),
    )
    why = f"It rose {calendar:.1%}."
    yield fact.claim(
        "closes of the last days of 2024 and 2025",
        calendar,
        "share",
        calendar > 0.4,
        why,
        "the year",
    )
    why = f"From its lowest close, on {_day(_highest(-year))}, to its highest after it rose {climb:.1%}."
    yield fact.claim(
        "lowest close of 2025 to the highest after it",
        climb,
        "share",
        climb > 0.4,
        why,
        "from the low",
    )


def _above_2600(fact: Fact, history: History) -> Iterator[Claim]:
    closes = history.bars["close"]
    first = _first(closes > MARK)
    gain = None if first is None else float(closes[first] / closes[first - YEAR :].iloc[0] - 1.0)
    above = "" if gain is None else f", {gain:.1%} above that of a year before"
    holds = gain is not None and _day(first)[:7] == "2026-01" and about(gain, 0.15)
    yield fact.claim(
        "first close above 2,600",
        gain,
        "share",
        holds,
        f"Its first close above 2,600: {_day(first)}{above}.",
    )


def _no_such_advance(fact: Fact, history: History) -> Iterator[Claim]:
    """The highest gain within a year since the ETFs, and that of 2017."""
    daily = every_day(history.assets[BITCOIN])
    gains = daily / daily.shift(YEAR.days) - 1.0
    then, since = (
        float(gains[_end("2016-12-31") : _end("2017-12-31")].max()),
        float(gains[ETFS + YEAR :].max()),
    )
    why = f"The most it gained in a year begun since was {since:,.0%}, in one that ended in 2017 {then:,.0%}."
    yield fact.claim(
        "highest gain over 365 days since the ETFs and in 2017",
        since,
        "share",
        since < then,
        why,
        "no advance like 2017's",
    )


FACTS = (
    Fact("A3", "In the first three weeks of 2026 the Russell 2000 rose 9 % and passed 2,700", INDEX, "2025-12-31", "2026-01-22", _january),
    Fact(
        "A4", "After its late-2021 peak the Russell 2000 first exceeded it in November 2024; BTC then stood near 100,000 USD", INDEX, "2021-01-01",
        "2024-12-31", _exceeded,
    ),
    Fact(
        "A5", "Since the April 2024 halving BTC rose about 50 %; in the two previous rounds about 5 and 27 times", BITCOIN, "2016-07-09", TOLD_ON,
        _rounds,
    ),
    Fact("A6", CALMER, BITCOIN, "2016-01-01", "2025-01-11", _no_such_advance),
    Fact(
        "A8", "In March 2024 BTC passed its record before the halving, for the first time", BITCOIN, "2022-04-20", "2024-04-20",
        _record_before_halving,
    ),
    Fact(
        "A12", owned.FLOWS, INDEX, "2024-12-31", "2025-12-31",
        _year_2025,
    ),
    Fact("B2", PASSED, INDEX, "2024-12-31", "2026-01-31", _above_2600),
)  # fmt: skip
