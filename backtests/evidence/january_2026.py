"""Claims about January 2026, when the articles appeared, and their forecast from there."""

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import ANSWER, NAMED
from backtests.evidence.claim import (
    Statement,
    factual_claim,
    is_close,
    missing_prices,
    untestable_claim,
)
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
from backtests.evidence.history import BITCOIN, ETHER, INDEX, History
from backtests.evidence.since_publication import EARLIEST, LATEST
from backtests.performance.forward_returns import HORIZONS
from brokers.prices.clean import day_of_close

PASSED = Statement(
    "B2",
    "In January 2026 the Russell 2000 passed 2,600 for the first time, up about 15 %, on heavy"
    " volume and broad participation, not thin holiday trading",
)
FEW_SHARES = Statement("A16", "Perhaps a few shares or passive flows pull the index up")
SOLD_OUT = Statement(
    "B9",
    "Sold out, thin books, exhausted sellers: exactly where crypto stands in early 2026",
)
MARK = 2600.0
LOW_TURNOVER = "thin books, by turnover"
WASHED_OUT = 0.5  # drawdown from the record that counts as sold out
RECENT_DAYS, YEAR_DAYS = 21, 365  # of turnover
VOLUME_SESSIONS = 100  # five months, as the gate's own slow mean of volume
BREADTH_SESSIONS = 50  # as the gate's own breadth
BROAD_SHARE = 0.6  # of the funds: three of four


def claims(history: History) -> Iterator[Claim]:
    """All of them."""
    for day in (EARLIEST, LATEST):
        yield _forecast_claim(history, day)
    yield from _passing_claims(history)
    yield from _crypto_claims(history, EARLIEST)


def _forecast_claim(history: History, day: date) -> Claim:
    """Whether Ether and the median altcoin had risen three months after publication."""
    statement = ANSWER.read_as(f"its own forecast, {NAMED} from {day}")
    end = (pd.Timestamp(day) + pd.Timedelta(days=HORIZONS[NAMED])).date()
    coins = {name: series for name, series in history.coins.items() if covers(series, day, end)}
    alts = [name for name in coins if name not in (BITCOIN, ETHER)]
    if not alts or ETHER not in coins or not covers(history.assets[INDEX], day, end):
        return missing_prices(statement, f"ETH, alts and the index to {end}", kind="fact")
    gains = {name: gain_between(series, day, end) for name, series in coins.items()}
    gains[INDEX] = gain_between(history.bars["close"], day, end)
    median = float(np.median([gains[name] for name in alts]))
    highest = float(np.median([_highest_gain(coins[name], day, end) for name in alts]))
    listed = ", ".join(f"{name} {gains[name]:+.0%}" for name in (INDEX, *coins))
    return factual_claim(
        statement,
        test=f"closes of {day} and {end}: ETH and the median altcoin above it",
        data=", ".join((INDEX, *coins)),
        estimate=median,
        unit="share",
        holds=gains[ETHER] > 0.0 and median > 0.0,
        why=f"By {end}: {listed}. The median altcoin: {median:+.0%}, at its highest close"
        f" in between {highest:+.0%}.",
        n=len(alts),
    )


def _highest_gain(closes: pd.Series, first: date, last: date) -> float:
    """From the close of the first day to the highest one after it, until the last."""
    after = closes[end_of_day(first) : end_of_day(last)].iloc[1:]
    return float(after.max()) / close_on(closes, first) - 1.0


def _passing_claims(history: History) -> Iterator[Claim]:
    """One row a mark of the first close above `MARK`."""
    closes = history.bars["close"]
    first = first_time(closes > MARK)
    readings = ("the first time", "up about 15 %", "heavy volume", "broad participation")
    if first is None or not covers(closes, "2025-01-31", "2026-01-31"):
        for reading in readings:
            yield missing_prices(PASSED.read_as(reading), f"{INDEX} to 2026-01-31", kind="fact")
        yield missing_prices(FEW_SHARES.read_as("a few shares"), INDEX, kind="fact")
    else:
        yield _first_close_claim(closes, first)
        yield _gain_claim(closes, first)
        yield _volume_claim(history.volumes.get(INDEX), first)
        yield from _breadth_claims(history.breadth, first)
    yield untestable_claim(
        FEW_SHARES.read_as("passive flows"),
        "flows of small-cap index funds by day, against the index's return",
    )


def _first_close_claim(closes: pd.Series, first: pd.Timestamp) -> Claim:
    return factual_claim(
        PASSED.read_as("the first time"),
        test=f"first close above {MARK:,.0f}",
        data=INDEX,
        estimate=float(closes[first]),
        unit="points",
        holds=format_day(first)[:7] == "2026-01",
        why=f"Its first close above {MARK:,.0f}: {format_day(first)}, at {closes[first]:,.2f}.",
    )


def _gain_claim(closes: pd.Series, first: pd.Timestamp) -> Claim:
    """The article does not say since when: over a year, and from the autumn's low."""
    year = float(closes[first] / closes[first - pd.Timedelta(days=YEAR_DAYS) :].iloc[0] - 1.0)
    autumn = closes[first - pd.Timedelta(days=90) : first]
    low = peak_time(-autumn)
    climb = float(closes[first] / autumn.min() - 1.0)
    return factual_claim(
        PASSED.read_as("up about 15 %"),
        test="first close above the mark against that of a year before; since when is unsaid",
        data=INDEX,
        estimate=year,
        unit="share",
        holds=is_close(year, 0.15) or is_close(climb, 0.15),
        why=f"On {format_day(first)} it stood {year:.1%} above the close of a year before and"
        f" {climb:.1%} above the lowest of the 90 days before, of {format_day(low)}.",
    )


def _volume_claim(volume: pd.Series | None, first: pd.Timestamp) -> Claim:
    """Of the day itself: a mean over ten sessions would hold the holidays before it."""
    statement = PASSED.read_as("heavy volume")
    known = pd.Series(dtype=float) if volume is None else volume[:first]
    if len(known) <= VOLUME_SESSIONS or known.index[-1] != first:
        return missing_prices(statement, "volume at the first close above 2,600", kind="fact")
    usual = float(known.iloc[-1 - VOLUME_SESSIONS : -1].mean())
    ratio = float(known.iloc[-1]) / usual
    return factual_claim(
        statement,
        test=f"volume of the day over the mean of the {VOLUME_SESSIONS} sessions before",
        data="volume of the index's fund",
        estimate=ratio,
        unit="times",
        holds=ratio > 1.0,
        why=f"On {format_day(first)} volume was {ratio:.2f} times the mean of the"
        f" {VOLUME_SESSIONS} sessions before.",
    )


def _breadth_claims(breadth: Mapping[str, pd.Series], first: pd.Timestamp) -> Iterator[Claim]:
    """Broad participation, and its contrary: the same figure decides both."""
    rows = {name: series[:first] for name, series in breadth.items()}
    known = [row for row in rows.values() if len(row) >= BREADTH_SESSIONS]
    statements = PASSED.read_as("broad participation"), FEW_SHARES.read_as("a few shares")
    if not known:
        for statement in statements:
            yield missing_prices(statement, "funds to measure breadth by", kind="fact")
        return
    above = [float(row.iloc[-1]) > float(row.iloc[-BREADTH_SESSIONS:].mean()) for row in known]
    share = float(np.mean(above))
    is_broad = share >= BROAD_SHARE
    for statement, holds in zip(statements, (is_broad, not is_broad), strict=True):
        yield factual_claim(
            statement,
            test=f"share of the breadth funds above their own {BREADTH_SESSIONS}-session mean at"
            f" the first close above {MARK:,.0f}, {BROAD_SHARE:.0%} or more",
            data=", ".join(rows),
            estimate=share,
            unit="share",
            holds=holds,
            why=f"On {format_day(first)} {sum(above)} of {len(known)} funds stood above their own"
            " means. They are baskets of other shares than the index's: its members would decide.",
            n=len(known),
        )


def _crypto_claims(history: History, day: date) -> Iterator[Claim]:
    """One row a mark of where crypto stood on the day of publication."""
    coins = {name: item for name, item in history.coins.items() if covers(item, day, day)}
    if not coins:
        for reading in ("sold out", LOW_TURNOVER):
            yield missing_prices(SOLD_OUT.read_as(reading), f"coins on {day}", kind="fact")
    else:
        yield _drawdown_claim(coins, day)
        yield _turnover_claim({name: history.volumes.get(name) for name in coins}, day)
    yield untestable_claim(
        SOLD_OUT.read_as("thin books"), "the depth of order books by day, over several years"
    )
    yield untestable_claim(
        SOLD_OUT.read_as("exhausted sellers"),
        "losses realised on chain by day, over several years",
    )


def _drawdown_claim(coins: Mapping[str, pd.Series], day: date) -> Claim:
    by_day = {}
    for name, closes in coins.items():
        daily = daily_closes(closes)[: end_of_day(day)]
        by_day[name] = 1.0 - daily / daily.cummax()
    medians = pd.DataFrame(by_day).median(axis=1)
    median = float(medians.iloc[-1])
    listed = ", ".join(f"{name} {falls.iloc[-1]:.0%}" for name, falls in by_day.items())
    return factual_claim(
        SOLD_OUT.read_as("sold out"),
        test=f"median coin {WASHED_OUT:.0%} or more below its record close of {day}",
        data=", ".join(coins),
        estimate=median,
        unit="share",
        holds=median >= WASHED_OUT,
        why=f"On {day} below their record closes: {listed}; the median coin {median:.0%}."
        f" {_base_rate(medians >= WASHED_OUT)}",
        n=len(coins),
    )


def _turnover_claim(volumes: Mapping[str, pd.Series | None], day: date) -> Claim:
    """Less turnover than over the year before, which is not how thin the books are."""
    statement = SOLD_OUT.read_as(LOW_TURNOVER)
    by_day = {}
    for name, volume in volumes.items():
        known = pd.Series(dtype=float) if volume is None else volume[: end_of_day(day)]
        is_full = len(known) > YEAR_DAYS and day_of_close(known.index[-1]) == day
        if is_full and float(known.iloc[-YEAR_DAYS:].mean()) > 0.0:
            ratios = known.rolling(RECENT_DAYS).mean() / known.rolling(YEAR_DAYS).mean()
            by_day[name] = ratios.dropna()
    if not by_day:
        return missing_prices(statement, f"turnover of coins to {day}", kind="fact")
    medians = pd.DataFrame(by_day).median(axis=1)
    median = float(medians.iloc[-1])
    listed = ", ".join(f"{name} {ratios.iloc[-1]:.2f}" for name, ratios in by_day.items())
    return factual_claim(
        statement,
        test=f"median coin's turnover of {RECENT_DAYS} days below its mean of {YEAR_DAYS}",
        data=", ".join(by_day),
        estimate=median,
        unit="times",
        holds=median < 1.0,
        why=f"To {day} turnover over its mean of a year: {listed}. As exchanges report"
        f" it; depth is not in it. {_base_rate(medians < 1.0)}",
        n=len(by_day),
    )


def _base_rate(holds: pd.Series) -> str:
    """How often it was so of the median of the coins known on a day."""
    first = day_of_close(holds.index[0])
    share = f"{holds.mean():.0%} of days since {first}"
    return f"It was so of the median of the coins then known on {share}."
