"""What assets gained on the broad index after breakouts, and the pooled effect of a breakout.

All gains are logs of the price ratio of an asset to the broad index, less what is usual for the
asset on any day of its history. All assets share the breakouts, so a breakout is one observation,
however many assets there are: its effect is the mean over them, its sampling variance that of the
same mean on any day. Breakouts are pooled by random effects (`pool_random_effects`): Student's
interval with one degree of freedom less than there are breakouts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.events import (
    Excess,
    ForwardGains,
    above_own_mean,
    compare_with_random_dates,
    daily_closes,
    forward_gains,
    least_favourable,
)
from backtests.statistics.random_effects import pool_random_effects, predict_next
from config.settings import Settings
from strategies.indicators import Floats

FEWEST_ASSETS = 3  # fewer do not show how far assets lie apart


class BreakoutEffects(NamedTuple):
    """The mean effect of each breakout over the assets, in order of time, and its variance."""

    effects: Floats
    variances: Floats


class AssetGains(NamedTuple):
    """One asset's gains on the broad index over one horizon, and on which dates it gains so."""

    asset: str
    gains: ForwardGains
    relative: pd.Series

    @property
    def usual(self) -> float:
        """Mean gain on any day."""
        return float(self.gains.every.mean())

    @property
    def deviation(self) -> float:
        """Standard deviation of a gain on any day."""
        return float(self.gains.every.std())


def relative_price(closes: pd.Series, broad: pd.Series) -> pd.Series:
    """An asset in units of the broad index at each UTC midnight that both have a close."""
    ratio: pd.Series = (daily_closes(closes) / daily_closes(broad)).dropna()
    return ratio


def measure_assets(
    closes: Mapping[str, pd.Series], broad: pd.Series, events: pd.DatetimeIndex, days: int
) -> Iterator[AssetGains]:
    """Each asset with at least one breakout that its prices cover."""
    for asset, series in closes.items():
        relative = relative_price(series, broad)
        if len(relative) <= days:
            continue
        gains = forward_gains(relative, events, days)
        if len(gains.rows):
            yield AssetGains(asset, gains, relative)


def effects_of_breakouts(
    measured: Sequence[AssetGains], scales: Sequence[float] | None = None
) -> BreakoutEffects:
    """The effects of the breakouts of any asset, each asset's divided by its scale (None: by 1).

    Of breakout j with assets A_j: y_j = mean over A_j of (gain - usual) / scale, and v_j is the
    variance of the same mean over all days from which all of A_j have prices for the horizon.
    """
    scales = [1.0] * len(measured) if scales is None else scales
    by_day: dict[str, pd.Series] = {}
    by_event: dict[str, pd.Series] = {}
    for each, scale in zip(measured, scales, strict=True):
        gains = each.gains
        effects = (gains.every - each.usual) / scale
        by_day[each.asset] = pd.Series(effects, index=gains.starts)
        by_event[each.asset] = pd.Series(effects[gains.rows], index=gains.events)
    days, events = (pd.concat(table, axis=1).sort_index() for table in (by_day, by_event))
    present = events.notna().to_numpy()
    variances = [days.loc[:, assets].dropna().mean(axis=1).var() for assets in present]
    return BreakoutEffects(events.mean(axis=1).to_numpy(), np.array(variances))


def predict_other_asset(
    measured: Sequence[AssetGains], *, error: float, n: int
) -> tuple[float, float] | None:
    """95 % interval of the mean effect of another asset over `n` breakouts, in its own deviations.

    Assets are pooled by random effects, each with the variance max(s^2, 1) / n of its mean, s^2
    among its breakouts, 1 on any day. As they share breakouts, the error of the common mean is at
    least `error`, that over breakouts. None below `FEWEST_ASSETS`.
    """
    if len(measured) < FEWEST_ASSETS:
        return None
    effects, variances = [], []
    for each in measured:
        values = (each.gains.gains - each.usual) / each.deviation
        scatter = float(values.var(ddof=1)) if len(values) > 1 else 1.0
        effects.append(float(values.mean()))
        variances.append(max(scatter, 1.0) / len(values))
    pooled = pool_random_effects(np.array(effects), np.array(variances))
    return predict_next(pooled._replace(error=max(pooled.error, error)), 1.0 / n)


def strictest_excess(measured: AssetGains, settings: Settings) -> Excess:
    """Against the least favourable of three kinds of random dates, as in the event study."""
    gains, evidence = measured.gains, settings.evidence
    trend = above_own_mean(measured.relative, gains.starts)
    return least_favourable(compare_with_random_dates(gains, trend, evidence.draws, evidence.seed))
