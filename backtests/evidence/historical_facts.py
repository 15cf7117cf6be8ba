"""Claims about what happened: dates, levels, the protocol. Prices or the schedule decide them."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from backtests.benchmarks.halvings import HALVINGS, share_mined, yearly_issuance
from backtests.evidence import user_series
from backtests.evidence.claim import Statement, factual_claim, is_close, missing_prices
from backtests.evidence.dated_closes import (
    close_on,
    covers,
    end_of_day,
    first_time,
    format_day,
    gain_between,
    peak_time,
)
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.since_publication import EARLIEST
from backtests.evidence.volatility import CALMER

JANUARY = Statement(
    "A3",
    "In the first three weeks of 2026 the Russell 2000 rose 9 % and passed 2,700; above a record"
    " there is no resistance left",
)
EXCEEDED = Statement(
    "A4",
    "After its late-2021 peak the Russell 2000 went sideways for three years and first exceeded it"
    " in November 2024; BTC then stood near 100,000 USD",
)
ROUNDS = Statement(
    "A5",
    "Since the April 2024 halving BTC rose from 63,000 to 90,000 USD, about 50 %; in the two"
    " previous rounds about 5 and 27 times",
)
ISSUANCE = Statement(
    "A7",
    "The halving effect is fading: yearly issuance went from 1.7 % to 0.85 % of supply, and 94 % of"
    " all BTC is mined",
)
RECORD_BEFORE_HALVING = Statement(
    "A8", "In March 2024 BTC passed its record before the halving, for the first time"
)
PEAK_YEAR = 2021
SIDEWAYS = 0.2  # a fall as deep is by the usual definition a bear market
NEAR_PRICE = 100_000.0
PUBLISHED_ON = EARLIEST.isoformat()
ARTICLE_GAIN = 90_000.0 / 63_000.0 - 1.0  # by the article's own two prices
ARTICLE_BREAKOUTS = ("2016-11-14", "2020-11-13")
# Times gained that the article gives for the rounds of 2016 and 2020; "about 5" is rounder.
ARTICLE_TIMES, ROUNDNESS = (27.0, 5.0), (0.1, 0.2)
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
        if covers(history.assets[fact.asset], fact.first, fact.last):
            yield from fact.evaluate(fact, history)
        else:
            needed = f"{fact.asset} from {fact.first} to {fact.last}"
            yield missing_prices(fact.statement, needed, kind="fact")
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
        ISSUANCE.read_as("the schedule"),
        test="the protocol's schedule",
        data="none",
        estimate=since,
        unit="share",
        holds=is_close(before, 0.017) and is_close(since, 0.0085) and is_close(share, 0.94),
        why=f"By the protocol's schedule issuance was {before:.2%} a year before block {height:,}"
        f" and is {since:.2%} since; {share:.2%} of all coins were mined by then.",
    )


def _january_claim(fact: Fact, history: History) -> Iterator[Claim]:
    closes = history.bars["close"]
    gain = gain_between(closes, fact.first, fact.last)
    first = format_day(first_time(closes > 2700.0))
    yield factual_claim(
        fact.statement.read_as("three weeks"),
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
        first = first_time(later > record)
        bitcoin = _bitcoin_then(history.assets[BITCOIN], first)
        stood = "" if bitcoin is None else f"; BTC stood at {bitcoin:,.0f} USD"
        why = (
            f"Its record of {PEAK_YEAR} was {record:,.2f}; first above it:"
            f" {format_day(first, 'not yet')}{stood}{_nearest_before(later, record, first)}."
        )
        is_near = bitcoin is None or is_close(bitcoin, NEAR_PRICE)
        yield factual_claim(
            fact.statement.read_as(reading),
            test=f"first value above the record of {PEAK_YEAR}; BTC then within a tenth of"
            f" {NEAR_PRICE:,.0f} USD",
            data=fact.asset,
            estimate=record,
            unit="points",
            holds=format_day(first)[:7] == "2024-11" and is_near,
            why=why,
        )
    yield _sideways_claim(fact, history.bars["close"])


def _sideways_claim(fact: Fact, closes: pd.Series) -> Claim:
    """Whether it stayed near its record of `PEAK_YEAR` until it first exceeded it."""
    years = pd.DatetimeIndex(closes.index).year
    record = float(closes[years == PEAK_YEAR].max())
    since = closes[peak_time(closes.where(years == PEAK_YEAR, 0.0)) :]
    exceeded = first_time(since > record)
    below = since if exceeded is None else since[:exceeded].iloc[:-1]
    fall = 1.0 - float(below.min()) / record
    return factual_claim(
        fact.statement.read_as("sideways"),
        test=f"lowest close before the record was exceeded, at most {SIDEWAYS:.0%} below it",
        data=fact.asset,
        estimate=-fall,
        unit="share",
        holds=fall <= SIDEWAYS,
        why=f"On the way it fell {fall:.0%} below its record, until {format_day(peak_time(-below))}"
        f"; a fall of {SIDEWAYS:.0%} is usually called a bear market.",
    )


def _bitcoin_then(bitcoin: pd.Series, first: pd.Timestamp | None) -> float | None:
    if first is None or not bitcoin.index[0] <= first <= bitcoin.index[-1]:
        return None
    return close_on(bitcoin, first.date())


def _nearest_before(later: pd.Series, record: float, first: pd.Timestamp | None) -> str:
    before = later if first is None else later[:first].iloc[:-1]
    if not len(before):
        return ""
    nearest, day = before.max(), format_day(peak_time(before))
    return f"; the nearest before was {nearest:,.2f} on {day}, {record - nearest:,.2f} short"


def _round_claims(fact: Fact, history: History) -> Iterator[Claim]:
    """Three figures: this round's gain, and those of the two before by two ways of counting."""
    bitcoin = history.assets[BITCOIN]
    yield _this_round_claim(fact, bitcoin)
    halvings = [halving.day.isoformat() for halving in HALVINGS[1:3]]
    # By two years after each halving both rounds were over.
    ends = [end_of_day(day) + 2 * YEAR for day in halvings]
    for row, (year, claimed) in enumerate(zip(("2016", "2020"), ARTICLE_TIMES, strict=True)):
        for start, day in (("halving", halvings[row]), ("breakout", ARTICLE_BREAKOUTS[row])):
            window = bitcoin[end_of_day(day) : ends[row]]
            times = float(window.max() / window.iloc[0])
            yield factual_claim(
                fact.statement.read_as(f"round of {year}, from the {start}"),
                test="highest close within two years of the halving over the first",
                data=fact.asset,
                estimate=times,
                unit="times",
                holds=abs(times / claimed - 1.0) <= ROUNDNESS[row],
                why=f"From {day} to {format_day(peak_time(window))} BTC rose {times:.1f} times; the"
                f" article says about {claimed:.0f}.",
            )


def _this_round_claim(fact: Fact, bitcoin: pd.Series) -> Claim:
    first = HALVINGS[3].day.isoformat()
    gain = gain_between(bitcoin, first, PUBLISHED_ON)
    return factual_claim(
        fact.statement.read_as("since the halving of 2024"),
        test=f"closes of {first} and {PUBLISHED_ON}",
        data=fact.asset,
        estimate=gain,
        unit="share",
        holds=is_close(gain, 0.5),
        why=f"BTC rose {gain:.0%}; the article's own two prices make {ARTICLE_GAIN:.0%}."
        f"{_rounds_so_far(bitcoin)}",
    )


def _rounds_so_far(bitcoin: pd.Series) -> str:
    """Where the earlier rounds stood after as many days as this one."""
    halvings = [end_of_day(halving.day) for halving in HALVINGS]
    elapsed = end_of_day(PUBLISHED_ON) - halvings[3]
    times = [
        close_on(bitcoin, (start + elapsed - DAY).date()) / close_on(bitcoin, (start - DAY).date())
        for start in halvings[1:3]
    ]
    return f" After as many days those rounds stood at {times[0]:.1f} and {times[1]:.1f} times."


def _fading_claim(fact: Fact, history: History) -> Iterator[Claim]:
    """Times gained from each halving to the peak within two years of it."""
    bitcoin = history.assets[BITCOIN]
    rounds = [halving.day for halving in HALVINGS if bitcoin.index[0] <= end_of_day(halving.day)]
    windows = [bitcoin[end_of_day(day) : end_of_day(day) + 2 * YEAR] for day in rounds]
    times = [float(window.max() / window.iloc[0]) for window in windows]
    listed = ", ".join(f"{day.year}: {gain:.1f}" for day, gain in zip(rounds, times, strict=True))
    yield factual_claim(
        fact.statement.read_as("the gain after each"),
        test="highest close within two years of each halving over the first, lower each time",
        data=fact.asset,
        estimate=times[-1],
        unit="times",
        holds=len(times) > 1 and all(later < earlier for earlier, later in pairwise(times)),
        why=f"Times gained to the peak within two years of the halving of {listed}.",
        n=len(times),
    )


def _record_before_halving_claim(fact: Fact, history: History) -> Iterator[Claim]:
    bitcoin = history.assets[BITCOIN]
    last_records: list[tuple[int, pd.Timestamp | None]] = []
    for halving in HALVINGS:
        end = pd.Timestamp(halving.day, tz="UTC")
        if bitcoin.index[0] <= end - 2 * YEAR:  # else its record is not known
            is_record = bitcoin[:end].cummax()[end - YEAR :].diff() > 0.0
            last = is_record[is_record].index[-1] if is_record.any() else None
            last_records.append((halving.day.year, last))
    by_year = ", ".join(f"{year}: {format_day(known, 'none')}" for year, known in last_records)
    is_first = all(known is None for _, known in last_records[:-1])
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
    year = closes[end_of_day(fact.first) : end_of_day(fact.last)]
    low = peak_time(-year)
    calendar = gain_between(closes, fact.first, fact.last)
    climb = close_on(closes, fact.last) / float(year.min()) - 1.0
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
        test="lowest close of 2025 to the last one of the year",
        data=fact.asset,
        estimate=climb,
        unit="share",
        holds=climb > 0.4,
        why=f"From its lowest close, on {format_day(low)}, to the year's end the index rose"
        f" {climb:.1%}: where the article's figure comes from.",
    )


def _advance_claim(fact: Fact, history: History) -> Iterator[Claim]:
    """The highest gain within a year since the ETFs, and that of 2017."""
    daily = daily_closes(history.assets[BITCOIN])
    gains = daily / daily.shift(YEAR.days) - 1.0
    of_2017 = float(gains[end_of_day("2016-12-31") : end_of_day("2017-12-31")].max())
    since = float(gains[user_series.ETF_START + YEAR :].max())
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
        ISSUANCE.read_as("the gain after each"), BITCOIN, "2016-07-09", "2024-04-20", _fading_claim
    ),
    Fact(
        RECORD_BEFORE_HALVING,
        BITCOIN,
        "2022-04-20",
        "2024-04-20",
        _record_before_halving_claim,
    ),
    Fact(user_series.FLOWS, INDEX, "2024-12-31", "2025-12-31", _year_2025_claims),
)
