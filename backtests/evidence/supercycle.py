"""Claim B13, a forecast: the four marks of a supercycle, from the articles' publication on.

A mark whose time has not passed is open: its row says how it stands and what decides it.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import pandas as pd

from backtests.evidence.advances import find_advances
from backtests.evidence.claim import (
    Statement,
    factual_claim,
    missing_prices,
    untestable_claim,
)
from backtests.evidence.dated_closes import covers, end_of_day, format_day, gain_between
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, ETHER, History
from backtests.evidence.january_2026 import WASHED_OUT
from backtests.evidence.since_publication import LATEST
from brokers.prices.clean import day_of_close
from strategies.indicators import Floats

SUPERCYCLE = Statement(
    "B13",
    "A supercycle: advances last longer, dips are absorbed by buyers, sectors rotate, suppressed"
    " high beta revives",
)
DECIDED = date(2027, 1, 31)  # a year after: by then the last two marks are judged
DIP = 0.05  # a day's fall that counts
FEWEST_DAYS = 30  # of prices since publication


def claims(history: History) -> Iterator[Claim]:
    """One a mark."""
    closes = daily_closes(history.assets[BITCOIN])
    yield _length_claim(closes)
    yield _dips_claim(closes)
    yield untestable_claim(
        SUPERCYCLE.read_as("sectors rotate"), "daily prices of coins by sector from 2026 on"
    )
    yield _revival_claim(history)


def _length_claim(closes: pd.Series) -> Claim:
    """The first advance since publication against the longest before; open without one."""
    statement = SUPERCYCLE.read_as("longer advances")
    advances = find_advances(closes)
    before = [each for each in advances if each.low.day <= end_of_day(LATEST)]
    since = [each for each in advances if each.low.day > end_of_day(LATEST)]
    if not before:
        return missing_prices(statement, "BTC over an advance before 2026", kind="fact")
    longest = max(before, key=lambda advance: advance.days)
    standing = f"the longest, from {format_day(longest.low.day)}, took {longest.days:,} days"
    if since:
        first = since[0]
        is_longer = first.days > longest.days
        is_final = first.is_finished or is_longer
        state = f"The first since {LATEST} began on {format_day(first.low.day)} and has come"
        why = f"{state} {first.days:,} days; before it {standing}."
    else:
        is_longer = is_final = False
        why = (
            f"Open: none has begun since {LATEST}. The first that does decides: before it"
            f" {standing}."
        )
    return factual_claim(
        statement,
        test=f"the first advance of BTC since {LATEST} is the longest",
        data=BITCOIN,
        estimate=float(since[0].days) if since else None,
        unit="days",
        holds=is_longer,
        why=why,
        n=len(since),
        is_final=is_final,
    )


def days_to_recover(closes: pd.Series, dip: float = DIP) -> Floats:
    """Days from each day that fell by `dip` or more until its close before is reached again.

    `closes` are daily. Infinity where it has not been.
    """
    values = closes.to_numpy(dtype=float)
    rows = np.flatnonzero(values[1:] <= (1.0 - dip) * values[:-1]) + 1
    days = [
        float(reached[0])
        if len(reached := np.flatnonzero(values[row:] >= values[row - 1]))
        else np.inf
        for row in rows
    ]
    return np.array(days)


def _dips_claim(closes: pd.Series) -> Claim:
    """Whether falls are made good sooner than before, and the worst days are no worse."""
    statement = SUPERCYCLE.read_as("dips are absorbed")
    since = closes[end_of_day(LATEST) : end_of_day(DECIDED)]
    before = closes[: end_of_day(LATEST)].iloc[-4 * len(since) - 1 :]
    recovery = days_to_recover(since), days_to_recover(before)
    if len(since) < FEWEST_DAYS or not all(map(len, recovery)):
        return missing_prices(statement, f"BTC with falls since {LATEST}", kind="fact")
    medians = [float(np.median(days)) for days in recovery]
    tails = [float(part.pct_change().quantile(0.05)) for part in (since, before)]
    words = ["not yet" if np.isinf(days) else f"{days:.0f} days" for days in medians]
    is_final = day_of_close(since.index[-1]) >= DECIDED
    return factual_claim(
        statement,
        test=f"median days to recover from a day's fall of {DIP:.0%} and the 5 % quantile of daily"
        f" returns, since {LATEST} against four times as long before: sooner, and no worse",
        data=BITCOIN,
        estimate=None if np.isinf(medians[0]) else medians[0],
        unit="days",
        holds=medians[0] < medians[1] and tails[0] >= tails[1],
        why=f"{_opening(is_final=is_final)}Median recovery from {len(recovery[0])} falls:"
        f" {words[0]}, before {words[1]}; one day in twenty lost {-tails[0]:.1%} or more, before"
        f" {-tails[1]:.1%}.",
        n=len(recovery[0]),
        is_final=is_final,
    )


def _opening(*, is_final: bool) -> str:
    return "" if is_final else f"Open until {DECIDED}. "


def _revival_claim(history: History) -> Claim:
    """Alts that stood `WASHED_OUT` below their records, against Bitcoin since publication."""
    statement = SUPERCYCLE.read_as("suppressed high beta revives")
    bitcoin = history.assets[BITCOIN]
    gains = {}
    for name, closes in _suppressed(history).items():
        last = min(day_of_close(closes.index[-1]), day_of_close(bitcoin.index[-1]), DECIDED)
        if (last - LATEST).days >= FEWEST_DAYS:
            own, other = (gain_between(item, LATEST, last) for item in (closes, bitcoin))
            gains[name] = (last, own, (1.0 + own) / (1.0 + other) - 1.0)
    if not gains:
        return missing_prices(statement, f"alts since {LATEST}", kind="fact")
    median = float(np.median([gain for _, gain, _ in gains.values()]))
    against = float(np.median([relative for _, _, relative in gains.values()]))
    listed = ", ".join(f"{name} {gain:+.0%} to {last}" for name, (last, gain, _) in gains.items())
    is_final = all(last >= DECIDED for last, _, _ in gains.values())
    return factual_claim(
        statement,
        test=f"median gain of alts {WASHED_OUT:.0%} or more below their records of {LATEST},"
        " above 0 and above Bitcoin's",
        data=", ".join((*gains, BITCOIN)),
        estimate=median,
        unit="share",
        holds=median > 0.0 and against > 0.0,
        why=f"{_opening(is_final=is_final)}{listed}; the median {median:+.0%}, {against:+.0%}"
        " against BTC.",
        n=len(gains),
        is_final=is_final,
    )


def _suppressed(history: History) -> Mapping[str, pd.Series]:
    """Altcoins that far below their records at publication."""
    falls = {}
    for name, closes in history.coins.items():
        if name in (BITCOIN, ETHER) or not covers(closes, LATEST, LATEST):
            continue
        known = closes[: end_of_day(LATEST)]
        if float(known.iloc[-1]) <= (1.0 - WASHED_OUT) * float(known.max()):
            falls[name] = closes
    return falls
