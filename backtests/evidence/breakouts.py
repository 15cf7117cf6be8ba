"""Claims about what followed the Russell's breakouts."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.rules import breakout_rules
from backtests.evidence.claim import FEWEST, Claim, lacking, stated, weighed
from backtests.evidence.events import (
    LEVEL,
    SEEN,
    TREND_DAYS,
    After,
    Excess,
    after,
    any_dates,
    breakouts,
    compared,
    dates_like,
    dates_near,
    every_day,
    rising,
)
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.performance.forward_returns import HORIZONS
from backtests.performance.metrics import DAYS
from config.evidence import Evidence
from config.settings import Settings

FORMED = (2016, 2020)  # years whose breakouts the thesis was made from: they cannot prove it
NAMED = (
    "3 months"  # of tests that name one horizon: the end of the "one to three months" of claim B7
)
YEAR_DAYS = 365.25
MOST_EVENTS = 30  # of the curve of power: more than a century of them
ANSWER = "BTC and ETH often stay quiet while small caps rise; ETH and altcoins answer within one to three months of a sustained Russell uptrend"
WASHED_OUT = 0.5  # share that is gone of the highest price


class Follow(NamedTuple):
    """What one asset did over one horizon after breakouts, held against other dates by name of how these were drawn."""

    asset: str
    horizon: str
    after: After
    against: Mapping[str, Excess]

    @property
    def strictest(self) -> Excess:
        """Against the dates that speak most against the breakouts: what does not stand up to one of them is not shown."""
        return max(self.against.values(), key=lambda one: one.p)


class Definition(NamedTuple):
    """The same question, Bitcoin over `NAMED`, of another definition of a breakout."""

    base_sessions: int
    confirm_sessions: int
    breakouts: int
    found: Follow | None


class Until(NamedTuple):
    """How long until a difference as measured would be seen in 80 %; None: it never would be. `power` is by events, from 1 on."""

    horizon: str
    had: int
    events: float | None
    years: float | None
    power: list[float]


class Breakouts(NamedTuple):
    """The event study."""

    events: pd.DatetimeIndex
    levels: pd.Series
    follows: Mapping[tuple[str, str], Follow]
    unused: Mapping[
        str, Follow
    ]  # Bitcoin, by horizon, after the breakouts that did not form the thesis
    definitions: list[Definition]
    until: list[Until]


def studied(history: History, settings: Settings) -> Breakouts:
    """Gains after the breakouts of the settings' own definition, held against other dates and other definitions."""
    rules, evidence, closes = (
        breakout_rules(settings)._replace(confirm_sessions=1),
        settings.evidence,
        history.closes,
    )
    trend = settings.gate.trend_sessions
    events = breakouts(closes, rules, trend)
    own = events[[event.year not in FORMED for event in events]]

    def follow(asset: str, horizon: str, some: pd.DatetimeIndex) -> Follow | None:
        values = history.assets[asset]
        return _follow(asset, horizon, values, after(values, some, HORIZONS[horizon]), evidence)

    every = [follow(asset, horizon, events) for horizon in HORIZONS for asset in history.assets]
    follows = {(one.asset, one.horizon): one for one in every if one}
    unused = {horizon: one for horizon in HORIZONS if (one := follow(BITCOIN, horizon, own))}
    definitions = []
    for base in evidence.bases:
        for confirm in evidence.confirms:
            some = breakouts(
                closes, rules._replace(base_sessions=base, confirm_sessions=confirm), trend
            )
            definitions.append(Definition(base, confirm, len(some), follow(BITCOIN, NAMED, some)))
    levels = closes.cummax().shift().reindex(events)
    return Breakouts(events, levels, follows, unused, definitions, _until(unused, events, closes))


def claims(found: Breakouts, history: History) -> Iterator[Claim]:
    """Those about breakouts."""
    yield _both_times(found)
    yield _nothing_can_be_concluded(found)
    yield _altcoins(found)
    for asset in (ETHER, ALTS, BITCOIN):
        for horizon in ("1 month", "3 months"):
            yield _answer(found, asset, horizon)
    yield _alike(found)
    yield from _beforehand(found, history.assets[BITCOIN])


def _follow(
    asset: str, horizon: str, values: pd.Series, found: After, evidence: Evidence
) -> Follow | None:
    """None where no event has prices for so long."""
    if not len(found.rows):
        return None
    how = evidence.draws, evidence.seed
    dates = {
        "any day": any_dates(found, *how),
        "days with the same trend of its own": dates_like(
            found, rising(values, found.starts), *how
        ),
        "days within a year of it": dates_near(found, DAYS, *how),
    }
    return Follow(
        asset, horizon, found, {name: compared(found, rows) for name, rows in dates.items()}
    )


def _until(
    unused: Mapping[str, Follow], events: pd.DatetimeIndex, closes: pd.Series
) -> list[Until]:
    """At the rate at which breakouts came since the index began."""
    rate = len(events) / ((closes.index[-1] - closes.index[0]).days / YEAR_DAYS)
    found = []
    for horizon, one in unused.items():
        own = one.strictest
        needed = own.needed()
        years = None if needed is None else max(needed - own.n, 0.0) / rate
        found.append(
            Until(
                horizon,
                own.n,
                needed,
                years,
                [round(own.power_with(events), 4) for events in range(1, MOST_EVENTS + 1)],
            )
        )
    return found


def _times(log_gain: float) -> float:
    return float(np.expm1(log_gain))


def _both_times(found: Breakouts) -> Claim:
    said = "In 2016 and in 2020 the Russell 2000 broke above its record and a BTC bull market began"
    one = found.follows.get((BITCOIN, "12 months"))
    rows = (
        []
        if one is None
        else [row for row, event in enumerate(one.after.events) if event.year in FORMED]
    )
    if one is None or len(rows) < len(FORMED):
        return lacking("A1", said, "BTC in 2016 and 2020")
    gains = [_times(gain) for gain in one.after.gains[rows]]
    often = float(np.mean(one.after.every >= np.log(2.0)))
    usual = f"after {often:.0%} of all days it at least doubled"
    why = f"BTC rose {gains[0]:.0%} and {gains[1]:.0%} in the year after; {usual}, and these two made the thesis."
    return stated(
        "A1",
        said,
        "BTC over 12 months after each",
        BITCOIN,
        min(gains),
        "share",
        min(gains) >= 1.0,
        why,
        n=len(rows),
    )


def _nothing_can_be_concluded(found: Breakouts) -> Claim:
    said = "There are only two examples; statistically nothing can be concluded"
    if NAMED not in found.unused:
        return lacking("A2", said, "BTC at other breakouts than those of 2016 and 2020")
    own = found.unused[NAMED].strictest
    shown = own.n >= FEWEST and own.p <= LEVEL and own.power >= SEEN
    why = (
        f"{own.n} breakouts with a price of BTC did not form the thesis: after {NAMED} {_times(own.mean):+.0%} on average against "
        f"{_times(own.usual):+.0%} at other dates (p {own.p:.3f}); fewer than {FEWEST} decide nothing."
    )
    return Claim(
        "A2", said, "", f"BTC over {NAMED} after breakouts that did not form the thesis, against random dates", BITCOIN, own.n, own.difference,
        own.low, own.high, "log", own.p, own.power, "contradicted" if shown else "supported", why,
    )  # fmt: skip


def _altcoins(found: Breakouts) -> Claim:
    said = "In 2017 and again in 2021 the Russell surged and an altcoin season followed"
    alts, bitcoin = (found.follows.get((asset, "12 months")) for asset in (ALTS, BITCOIN))
    if alts is None or bitcoin is None:
        return lacking("B1", said, "alts or BTC")
    by_year = [
        {
            event.year: _times(gain)
            for event, gain in zip(one.after.events, one.after.gains, strict=True)
        }
        for one in (alts, bitcoin)
    ]
    years = [year for year in FORMED if all(year in gains for gains in by_year)]
    if len(years) < len(FORMED):
        return lacking("B1", said, "alts in 2016 and 2020")
    told = ", ".join(
        f"{year}: alts {by_year[0][year]:+,.0%}, BTC {by_year[1][year]:+,.0%}" for year in years
    )
    holds = all(by_year[0][year] > max(by_year[1][year], 0.0) for year in years)
    return stated(
        "B1", said, "alts against BTC over the year after each breakout", f"{ALTS}, {BITCOIN}", None, "", holds,
        f"In the year after the breakouts of {told}; alts of today are those that survived.", n=len(years),
    )  # fmt: skip


def _answer(found: Breakouts, asset: str, horizon: str) -> Claim:
    reading = (
        f"{asset}, {horizon}" if asset != BITCOIN else f"{asset}, {horizon}; said of ETH and alts"
    )
    how = "mean log gain after breakouts against dates drawn in three ways; the least favourable counts"
    one = found.follows.get((asset, horizon))
    if one is None:
        return lacking("B7", ANSWER, f"{asset} at any breakout")._replace(reading=reading)
    own = one.strictest
    told = ", ".join(f"{each.p:.3f} against {name}" for name, each in one.against.items())
    why = (
        f"After {own.n} breakouts {_times(own.mean):+.0%} on average, at the dates that speak most against it {_times(own.usual):+.0%} "
        f"(p {told}); a difference below {_times(own.smallest):.0%} would rarely have been seen."
    )
    return Claim(
        "B7", ANSWER, reading, how, f"{asset}, {INDEX}", own.n, own.difference, own.low, own.high, "log", own.p, own.power, weighed(own), why,
    )  # fmt: skip


def _beforehand(found: Breakouts, bitcoin: pd.Series) -> Iterator[Claim]:
    """What Bitcoin itself looked like at the breakouts: each is a case for the claim or against it, and most decide."""
    washed = "It happens when crypto is washed out by selling: books thin, sellers exhausted"
    late = "Whoever waits for crypto's own chart to confirm is late: the signal comes before crypto's own trend turns"
    daily = every_day(bitcoin)
    covered = found.events[
        (found.events >= daily.index[min(TREND_DAYS, len(daily) - 1)])
        & (found.events <= daily.index[-1])
    ]
    known = daily.index[daily.index.searchsorted(covered)]
    if not len(known):
        yield from (
            lacking(id_, said, "BTC before any breakout")
            for id_, said in (("B9", washed), ("B11", late))
        )
        return
    falls = (1.0 - daily / daily.cummax())[known]
    times = f"At {len(known)} breakouts BTC"
    told = ", ".join(f"{day.year}: {fall:.0%}" for day, fall in falls.items())
    yield stated(
        "B9", washed, f"fall of BTC from its highest close at each breakout, {WASHED_OUT:.0%} or more in most", BITCOIN, float(falls.median()),
        "share", bool((falls >= WASHED_OUT).mean() > 0.5), f"{times} stood below its highest close by: {told}.", n=len(known),
    )  # fmt: skip
    above = rising(bitcoin, known)
    told = ", ".join(
        f"{day.year}: {'above' if is_above else 'below'}"
        for day, is_above in zip(known, above, strict=True)
    )
    yield stated(
        "B11", late, f"BTC below its own mean of {TREND_DAYS} days in most", BITCOIN, float(1.0 - above.mean()), "share", bool(above.mean() < 0.5),
        f"{times} stood against its own mean of {TREND_DAYS} days: {told}.", n=len(known),
    )  # fmt: skip


def _alike(found: Breakouts) -> Claim:
    said = "Every cycle runs on the same engine whatever its surface"
    one = found.follows.get((BITCOIN, NAMED))
    if one is None or len(one.after.gains) < 2:
        return lacking("B10", said, "BTC at two breakouts")
    gains = [_times(gain) for gain in one.after.gains]
    spread = one.strictest.spread_p
    seen = f"{NAMED} after its {len(gains)} breakouts BTC was up {min(gains):+.0%} to {max(gains):+.0%}"
    why = f"{seen}; gains after dates drawn at random differ as much in {spread:.0%} of draws."
    return Claim(
        "B10", said, "", f"variance of BTC's log gains over {NAMED} among breakouts against that among random dates", BITCOIN, len(gains),
        float(one.after.gains.std(ddof=1)), None, None, "log", spread, None, "contradicted" if spread <= LEVEL else "cannot be told", why,
    )  # fmt: skip
