"""Who leads whom, among indices and coins: does what one did lately tell the other's next week, and the other way round?"""

from collections.abc import Iterator
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import ANSWER
from backtests.evidence.claim import Claim, Word, lacking
from backtests.evidence.comovement import BLOCK_WEEKS, WEEKS_A_YEAR, weekly
from backtests.evidence.events import LEVEL
from backtests.evidence.gate_test import RIVAL
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.evidence.predictive_regression import (
    Slope,
    ahead,
    change,
    hidden,
    row,
    saturdays,
    told_of,
    weighed,
)
from backtests.statistics.stationary_bootstrap import drawn_days
from config.evidence import Evidence
from strategies.indicators import Floats

BROAD = "broad index"
SPANS = (4, 13)  # weeks: the "one to three months" of claim B7
KNOWN = "the leader's change and its own"
REACH = 26  # weeks both ways
DRAWS = 500
OUTRUN = "Small caps beginning to outperform the broad market is the moment just before alternative assets wake"


class Lead(NamedTuple):
    """What the leader's change over `weeks` tells of the follower's next week, the follower's own change known; by deviation of that change."""

    leader: str
    follower: str
    weeks: int
    found: Slope


class Cross(NamedTuple):
    """Correlation of weekly returns, the second's so many weeks after the first's; `band` is what 95 % of unrelated ones reach at no lag."""

    first: str
    second: str
    n: int
    lags: list[int]
    correlation: Floats
    band: float


def named(history: History) -> dict[str, pd.Series]:
    """Closes of all that may lead."""
    return {
        BROAD: history.broad,
        **{
            name: history.assets[name]
            for name in (INDEX, BITCOIN, ETHER, ALTS)
            if name in history.assets
        },
    }


def led(history: History, evidence: Evidence) -> list[Lead]:
    """All pairs both ways, coins and indices."""
    found = []
    for leader, follower in permutations(closes := named(history), 2):
        at = saturdays(closes[follower])
        for weeks in SPANS:
            past = {name: change(closes[name], at, weeks) for name in (leader, follower)}
            told = told_of(ahead(closes[follower], at), past, evidence.seed)
            found += (
                [Lead(leader, follower, weeks, told[leader].times(WEEKS_A_YEAR))] if told else []
            )
    return found


def crossed(history: History, evidence: Evidence) -> list[Cross]:
    """All pairs; the coin or the later of both second."""
    closes = named(history)
    return [found for pair in combinations(closes, 2) if (found := _cross(*pair, closes, evidence))]


def claims(history: History, leads: list[Lead], evidence: Evidence) -> Iterator[Claim]:
    """Those about who comes first."""
    by_pair = {(one.leader, one.follower, one.weeks): one for one in leads}
    for pair in ((INDEX, BITCOIN), (BITCOIN, INDEX)):
        for weeks in SPANS:
            yield _who(
                by_pair.get((*pair, weeks)), f"{pair[0]} ahead of {pair[1]}, {weeks} weeks", pair
            )
    for asset in (ETHER, ALTS):
        for weeks in SPANS:
            yield _answers(
                by_pair.get((INDEX, asset, weeks)),
                f"{asset}, the week after the Russell's last {weeks}",
                asset,
            )
    for asset in (BITCOIN, ETHER, ALTS):
        yield _after_outrunning(history, asset, SPANS[-1], evidence.seed)


def _cross(
    first: str, second: str, closes: dict[str, pd.Series], evidence: Evidence
) -> Cross | None:
    weeks = weekly({name: closes[name] for name in (first, second)})
    if len(weeks) < 4 * REACH:
        return None
    values = (weeks - weeks.mean()) / weeks.std(ddof=0)
    one, other = values[first].to_numpy(), values[second].to_numpy()
    drawn = other[drawn_days(len(other), DRAWS, evidence.seed, BLOCK_WEEKS)]
    highest = np.abs(_correlations(one, drawn)).max(axis=-1)
    found = _correlations(one, other[None])[0]
    return Cross(
        first,
        second,
        len(weeks),
        list(range(-REACH, REACH + 1)),
        found,
        float(np.quantile(highest, 1.0 - LEVEL)),
    )


def _correlations(one: Floats, others: Floats) -> Floats:
    """Sum of products at each lag over the number of all weeks, draws x lags: `others` so many weeks after `one`."""
    n, room = len(one), 2 * len(one)
    products = np.fft.irfft(np.fft.rfft(others, room) * np.conj(np.fft.rfft(one, room)), room) / n
    return np.asarray(np.concatenate((products[:, -REACH:], products[:, : REACH + 1]), axis=1))


def _who(lead: Lead | None, reading: str, pair: tuple[str, str]) -> Claim:
    if lead is None:
        return lacking("A11", RIVAL, f"{pair[0]} and {pair[1]} for two years")._replace(
            reading=reading
        )
    found = lead.found
    word: Word = "contradicted" if weighed(found) == "supported" else "cannot be told"
    why = f"After {lead.weeks} weeks in which {pair[0]} was up by a deviation more, {pair[1]}'s next earned {found.told} more{hidden(found, word)}."
    return row("A11", RIVAL, reading, f"{pair[0]}, {pair[1]}", found, word, why, KNOWN)


def _answers(lead: Lead | None, reading: str, asset: str) -> Claim:
    if lead is None:
        return lacking("B7", ANSWER, f"{asset} for two years")._replace(reading=reading)
    word = weighed(lead.found)
    why = f"After {lead.weeks} weeks with the Russell up by a deviation more the next earned {lead.found.told} more{hidden(lead.found, word)}."
    return row("B7", ANSWER, reading, f"{asset}, {INDEX}", lead.found, word, why, KNOWN)


def _after_outrunning(history: History, asset: str, weeks: int, seed: int) -> Claim:
    reading = f"{asset}, {weeks} weeks"
    closes = history.assets.get(asset)
    told = None
    if closes is not None:
        at = saturdays(closes)
        ahead_of = change(history.assets[INDEX], at, weeks) - change(history.broad, at, weeks)
        told = told_of(ahead(closes, at), {INDEX: ahead_of, asset: change(closes, at, weeks)}, seed)
    if told is None:
        return lacking("B6", OUTRUN, f"{asset} for two years")._replace(reading=reading)
    found = told[INDEX].times(WEEKS_A_YEAR)
    word = weighed(found)
    why = f"After {weeks} weeks with the Russell ahead of the broad index by a deviation more the next earned {found.told} more{hidden(found, word)}."
    return row("B6", OUTRUN, reading, f"{asset}, {INDEX}, {BROAD}", found, word, why, KNOWN)
