"""Claims about what happened: dates, levels, the protocol. Prices or the schedule decide them."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

import pandas as pd

from backtests.benchmarks.halvings import HALVINGS, share_mined, yearly_issuance
from backtests.evidence import user_series
from backtests.evidence.claim import Statement, factual_claim, is_close, missing_prices
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.volatility import CALMER, ETFS

PASSED = Statement(
    "B2",
    "In January 2026 the Russell 2000 passed 2,600 for the first time, up about 15 %, on heavy"
    " volume and broad participation",
)
JANUARY = Statement(
    "A3", "In the first three weeks of 2026 the Russell 2000 rose 9 % and passed 2,700"
)
EXCEEDED = Statement(
    "A4",
    "After its late-2021 peak the Russell 2000 first exceeded it in November 2024; BTC then stood"
    " near 100,000 USD",
)
ROUNDS = Statement(
    "A5",
    "Since the April 2024 halving BTC rose about 50 %; in the two previous rounds about 5 and 27"
    " times",
)
ISSUANCE = Statement(
    "A7",
    "The halving took yearly issuance from 1.7 % to 0.85 % of supply, and 94 % of all BTC is mined",
)
RECORD_BEFORE_HALVING = Statement(
    "A8", "In March 2024 BTC passed its record before the halving, for the first time"
)
MARK = 2600.0
PEAK_YEAR = 2021
PUBLISHED_ON = "2026-01-23"  # the articles, at the latest
ARTICLE_BREAKOUTS = ("2016-11-14", "2020-11-13")
DAY, YEAR = pd.Timedelta(days=1), pd.Timedelta(days=365)


class Fact(NamedTuple):
    """A claim that the prices of `asset` from `first` to `last` decide."""

    statement: Statement
    asset: str
    first: str
    last: str
    evaluate: Callable[["Fact", History], Iterator[Claim]]


def claims(history: History) -> Iterator[Claim]:
    """All of them; one whose days the prices do not cover is inconclusive."""
    for fact in FACTS:
        closes = history.assets[fact.asset]
        if closes.index[0] <= _end(fact.first) and _end(fact.last) <= closes.index[-1]:
            yield from fact.evaluate(fact, history)
        else:
            needed = f"{fact.asset} from {fact.first} to {fact.last}"
            yield missing_prices(fact.statement, needed)
    yield from claims_without_prices(history)


def claims_without_prices(history: History | None = None) -> Iterator[Claim]:
    """Those that no price decides, but the protocol or the user's own figures (None: nothing)."""
    yield _issuance_claim()
    if history is None:
        yield from user_series.claims({}, None, {})
    else:
        yield from user_series.claims(history.macro, history.assets[BITCOIN], history.lacking)


def _issuance_claim() -> Claim:
    height = HALVINGS[3].height
    before, since, share = yearly_issuance(height - 1), yearly_issuance(height), share_mined(height)
    return factual_claim(
        ISSUANCE,
        test="the protocol's schedule",
        data="none",
        estimate=since,
        unit="share",
        holds=is_close(before, 0.017) and is_close(since, 0.0085) and is_close(share, 0.94),
        why=f"By the protocol's schedule issuance was {before:.2%} a year before block {height:,}"
        f" and is {since:.2%} since; {share:.2%} of all coins were mined by then.",
    )


def _end(day: str | date) -> pd.Timestamp:
    """The instant at which a UTC day is over."""
    return pd.Timestamp(day, tz="UTC") + DAY


def _close_on(closes: pd.Series, day: str | date) -> float:
    """The newest close at the end of a UTC day."""
    return float(closes[: _end(day)].iloc[-1])


def _format_day(instant: pd.Timestamp | None, none: str = "never") -> str:
    return none if instant is None else f"{instant:%Y-%m-%d}"


def _first_time(condition: pd.Series) -> pd.Timestamp | None:
    return _peak_time(condition) if condition.any() else None


def _peak_time(values: pd.Series) -> pd.Timestamp:
    """When they are highest for the first time."""
    return pd.DatetimeIndex(values.index)[int(values.to_numpy().argmax())]


def _january_claim(fact: Fact, history: History) -> Iterator[Claim]:
    closes = history.bars["close"]
    gain = _close_on(closes, fact.last) / _close_on(closes, fact.first) - 1.0
    first = _format_day(_first_time(closes > 2700.0))
    yield factual_claim(
        fact.statement,
        test=f"closes of {fact.first} and {fact.last}",
        data=fact.asset,
        estimate=gain,
        unit="share",
        holds=is_close(gain, 0.09) and first[:7] == "2026-01",
        why=f"The index rose {gain:.1%}; its first close above 2,700: {first}.",
    )


def _exceeded_claims(fact: Fact, history: History) -> Iterator[Claim]:
    """When the record of 2021 was first exceeded, on closes and on intraday highs."""
    years = pd.DatetimeIndex(history.bars.index).year
    for reading, column in (("closes", "close"), ("within the day", "high")):
        values = history.bars[column]
        record, later = float(values[years == PEAK_YEAR].max()), values[years > PEAK_YEAR]
        first = _first_time(later > record)
        why = (
            f"Its record of {PEAK_YEAR} was {record:,.2f}; first above it:"
            f" {_format_day(first, 'not yet')}{_bitcoin_then(history.assets[BITCOIN], first)}"
            f"{_nearest_before(later, record, first)}."
        )
        yield factual_claim(
            fact.statement.read_as(reading),
            test=f"first value above the record of {PEAK_YEAR}",
            data=fact.asset,
            estimate=record,
            unit="points",
            holds=_format_day(first)[:7] == "2024-11",
            why=why,
        )


def _bitcoin_then(bitcoin: pd.Series, first: pd.Timestamp | None) -> str:
    if first is None or not bitcoin.index[0] <= first <= bitcoin.index[-1]:
        return ""
    return f"; BTC stood at {_close_on(bitcoin, first.date()):,.0f} USD"


def _nearest_before(later: pd.Series, record: float, first: pd.Timestamp | None) -> str:
    before = later if first is None else later[:first].iloc[:-1]
    if not len(before):
        return ""
    nearest, day = before.max(), _format_day(_peak_time(before))
    return f"; the nearest before was {nearest:,.2f} on {day}, {record - nearest:,.2f} short"


def _round_claims(fact: Fact, history: History) -> Iterator[Claim]:
    """Gains of the rounds, counted from the halving and from the breakout."""
    bitcoin = history.assets[BITCOIN]
    halvings = [_end(halving.day) for halving in HALVINGS]
    ends = [start + 2 * YEAR for start in halvings[1:3]]  # by then both rounds were over
    now = _close_on(bitcoin, PUBLISHED_ON) / _close_on(bitcoin, HALVINGS[3].day) - 1.0
    breakouts = [_end(day) for day in ARTICLE_BREAKOUTS]
    for reading, starts in (("halving", halvings[1:3]), ("breakout", breakouts)):
        times = [
            float(bitcoin[start:end].max() / bitcoin[start:end].iloc[0])
            for start, end in zip(starts, ends, strict=True)
        ]
        why = (
            f"To the peak of its round BTC rose {times[0]:.1f} and {times[1]:.1f} times; from the"
            f" halving of 2024 to {PUBLISHED_ON} by {now:.0%}."
        )
        if reading == "halving":
            why += _rounds_so_far(bitcoin, halvings)
        # "About 5" is a rounder number.
        is_five = abs(times[1] / 5.0 - 1.0) <= 0.2
        yield factual_claim(
            fact.statement.read_as(f"from the {reading}"),
            test="highest close within two years of the halving over the first",
            data=fact.asset,
            estimate=now,
            unit="share",
            holds=is_close(times[0], 27.0) and is_five and is_close(now, 0.5),
            why=why,
        )


def _rounds_so_far(bitcoin: pd.Series, halvings: list[pd.Timestamp]) -> str:
    """Where the earlier rounds stood after as many days as this one."""
    elapsed = _end(PUBLISHED_ON) - halvings[3]
    times = [
        _close_on(bitcoin, (start + elapsed - DAY).date())
        / _close_on(bitcoin, (start - DAY).date())
        for start in halvings[1:3]
    ]
    return f" After as many days those rounds stood at {times[0]:.1f} and {times[1]:.1f} times."


def _record_before_halving_claim(fact: Fact, history: History) -> Iterator[Claim]:
    bitcoin = history.assets[BITCOIN]
    last_records: list[tuple[int, pd.Timestamp | None]] = []
    for halving in HALVINGS:
        end = pd.Timestamp(halving.day, tz="UTC")
        if bitcoin.index[0] <= end - 2 * YEAR:  # else its record is not known
            is_record = bitcoin[:end].cummax()[end - YEAR :].diff() > 0.0
            last = is_record[is_record].index[-1] if is_record.any() else None
            last_records.append((halving.day.year, last))
    by_year = ", ".join(f"{year}: {_format_day(day, 'none')}" for year, day in last_records)
    is_first = all(day is None for _, day in last_records[:-1])
    yield factual_claim(
        fact.statement,
        test="record closes in the year before each halving",
        data=fact.asset,
        estimate=None,
        unit="",
        holds=last_records[-1][1] is not None and is_first,
        why=f"Last record in the year before the halving of {by_year}.",
        n=len(last_records),
    )


def _year_2025_claims(fact: Fact, history: History) -> Iterator[Claim]:
    closes = history.bars["close"]
    year = closes[_end(fact.first) : _end(fact.last)]
    low = _peak_time(-year)
    calendar = _close_on(closes, fact.last) / _close_on(closes, fact.first) - 1.0
    climb = float(year[low:].max() / year.min() - 1.0)
    yield factual_claim(
        fact.statement.read_as("the year"),
        test="closes of the last days of 2024 and 2025",
        data=fact.asset,
        estimate=calendar,
        unit="share",
        holds=calendar > 0.4,
        why=f"The index rose {calendar:.1%}.",
    )
    yield factual_claim(
        fact.statement.read_as("from the low"),
        test="lowest close of 2025 to the highest after it",
        data=fact.asset,
        estimate=climb,
        unit="share",
        holds=climb > 0.4,
        why=f"From its lowest close, on {_format_day(low)}, to its highest after that the index"
        f" rose {climb:.1%}.",
    )


def _above_2600_claim(fact: Fact, history: History) -> Iterator[Claim]:
    closes = history.bars["close"]
    first = _first_time(closes > MARK)
    gain = None if first is None else float(closes[first] / closes[first - YEAR :].iloc[0] - 1.0)
    above = "" if gain is None else f", {gain:.1%} above that of a year before"
    yield factual_claim(
        fact.statement,
        test="first close above 2,600",
        data=fact.asset,
        estimate=gain,
        unit="share",
        holds=gain is not None and _format_day(first)[:7] == "2026-01" and is_close(gain, 0.15),
        why=f"Its first close above 2,600: {_format_day(first)}{above}.",
    )


def _advance_claim(fact: Fact, history: History) -> Iterator[Claim]:
    """The highest gain within a year since the ETFs, and that of 2017."""
    daily = daily_closes(history.assets[BITCOIN])
    gains = daily / daily.shift(YEAR.days) - 1.0
    of_2017 = float(gains[_end("2016-12-31") : _end("2017-12-31")].max())
    since = float(gains[ETFS + YEAR :].max())
    yield factual_claim(
        fact.statement.read_as("no advance like 2017's"),
        test="highest gain over 365 days since the ETFs and in 2017",
        data=fact.asset,
        estimate=since,
        unit="share",
        holds=since < of_2017,
        why=f"The highest gain over 365 days that began since was {since:,.0%}; of those that ended"
        f" in 2017 it was {of_2017:,.0%}.",
    )


FACTS = (
    Fact(JANUARY, INDEX, "2025-12-31", "2026-01-22", _january_claim),
    Fact(EXCEEDED, INDEX, "2021-01-01", "2024-12-31", _exceeded_claims),
    Fact(ROUNDS, BITCOIN, "2016-07-09", PUBLISHED_ON, _round_claims),
    Fact(CALMER, BITCOIN, "2016-01-01", "2025-01-11", _advance_claim),
    Fact(
        RECORD_BEFORE_HALVING,
        BITCOIN,
        "2022-04-20",
        "2024-04-20",
        _record_before_halving_claim,
    ),
    Fact(user_series.FLOWS, INDEX, "2024-12-31", "2025-12-31", _year_2025_claims),
    Fact(PASSED, INDEX, "2024-12-31", "2026-01-31", _above_2600_claim),
)
