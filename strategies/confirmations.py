"""The measures that confirm a breakout, or show capital moving down the risk curve.

Each is one number a session.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from strategies.indicators import Floats, excess, rolling_max, rolling_mean
from strategies.market import Market, carry_forward, in_session, latest

LIQUIDITY_PARTS = {
    "assets": 1.0,
    "treasury": -1.0,
    "reverse_repos": -1000.0,
}  # what a rise adds, in millions of USD
HOLDS, FAILS, UNKNOWN = 1.0, 0.0, np.nan


class MeasureRules(NamedTuple):
    """Numbers behind the measures. Counts are US sessions unless the name says otherwise.

    A value older than the maximum age counts as unknown.
    """

    volume_fast: int
    volume_slow: int
    volume_ratio: float
    breadth_sessions: int
    breadth_share: float
    leadership_sessions: int
    credit_sessions: int
    broad_sessions: int
    rates_sessions: int
    liquidity_weeks: int
    exhaustion_drawdown: float
    exhaustion_days: int
    max_age_sessions: int
    max_age_macro_days: int


class Measure(NamedTuple):
    """A number a session and whether it passes: 1 yes, 0 no, NaN unknown (never counted as yes)."""

    value: Floats
    holds: Floats


BySession = Callable[[pd.Series], Floats]


def measure(name: str, market: Market, rules: MeasureRules) -> Measure:
    """The measure called `name`: an entry a session of `market.sessions`, from what was known then.

    volume : mean volume of the fast window over that of the slow one; passes at `volume_ratio`.
    breadth : share of the funds above their own average; unknown unless every fund is known; passes
        from `breadth_share`.
    leadership, credit : index/broad and risky/safe credit over the ratio's own average, minus 1;
        pass above 0.
    broad, rates : broad market and safe credit over their own average, minus 1; pass above 0.
    liquidity : change over the weeks of assets - treasury - reverse repos, millions of USD, as
        published; passes above 0.
    exhaustion : deepest distance of a daily close of the last days below the coin's record of that
        day; passes beyond `exhaustion_drawdown`. The record may be far older than the window.
    """
    known_at = pd.DatetimeIndex(market.sessions.index)

    def by_session(series: pd.Series) -> Floats:
        return carry_forward(in_session(series, known_at), rules.max_age_sessions)

    return MEASURES[name](market, rules, known_at, by_session)


def _passes(value: Floats, condition: np.ndarray) -> Measure:
    return Measure(value, np.where(np.isnan(value), UNKNOWN, condition))


def _volume(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    volume = by_session(market.volume)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rolling_mean(volume, rules.volume_fast) / rolling_mean(volume, rules.volume_slow)
    return _passes(ratio, ratio >= rules.volume_ratio)


def _breadth(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    above = [
        excess(by_session(series), rules.breadth_sessions) for series in market.breadth.values()
    ]
    share = np.mean([np.where(np.isnan(fund), np.nan, fund > 0) for fund in above], axis=0)
    return _passes(share, share >= rules.breadth_share)


def _leadership(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    return _above(
        by_session(market.small_caps) / by_session(market.broad), rules.leadership_sessions
    )


def _credit(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    return _above(
        by_session(market.risky_credit) / by_session(market.safe_credit), rules.credit_sessions
    )


def _broad(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    return _above(by_session(market.broad), rules.broad_sessions)


def _rates(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    return _above(by_session(market.safe_credit), rules.rates_sessions)


def _above(values: Floats, sessions: int) -> Measure:
    distance = excess(values, sessions)
    return _passes(distance, distance > 0)


def _liquidity(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    max_age = pd.Timedelta(days=rules.max_age_macro_days)

    def net(at: pd.DatetimeIndex) -> Floats:
        part = {name: latest(series, at, max_age) for name, series in market.liquidity.items()}
        return np.asarray(sum(unit * part[name] for name, unit in LIQUIDITY_PARTS.items()))

    change = net(known_at) - net(known_at - pd.Timedelta(weeks=rules.liquidity_weeks))
    return _passes(change, change > 0)


def _exhaustion(
    market: Market, rules: MeasureRules, known_at: pd.DatetimeIndex, by_session: BySession
) -> Measure:
    if market.coin is None:
        raise ValueError("the exhaustion measure needs market.coin")
    closes = market.coin.to_numpy(dtype=float)
    distance = 1.0 - closes / np.fmax.accumulate(closes)
    deepest = pd.Series(rolling_max(distance, rules.exhaustion_days), market.coin.index)
    value = latest(deepest, known_at, pd.Timedelta(days=rules.max_age_sessions))
    return _passes(value, value > rules.exhaustion_drawdown)


MEASURES: Mapping[str, Callable[[Market, MeasureRules, pd.DatetimeIndex, BySession], Measure]] = {
    "volume": _volume,
    "breadth": _breadth,
    "leadership": _leadership,
    "credit": _credit,
    "broad": _broad,
    "rates": _rates,
    "liquidity": _liquidity,
    "exhaustion": _exhaustion,
}
