"""What followed the breakouts, compared with what follows random dates.

There are few breakouts, so no p here rests on a limit theorem: the distribution of a mean of so few
gains is taken from the asset's own history, at random dates as far apart as the breakouts are. How
far the effect itself may lie from its mean only the breakouts can say: the interval is Student's,
and where breakouts differ from one another more than dates do, so is p. All gains are logs of price
ratios.
"""

from collections.abc import Mapping
from functools import cache
from math import nan, sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.performance.metrics import DAYS
from strategies.breakout import CONFIRMED, BreakoutRules, breakout_table
from strategies.gate import index_average
from strategies.indicators import Floats, Ints, rolling_mean

LEVEL, SEEN = 0.05, 0.8  # significance of a test; power that is asked for
SIDES = (0.025, 0.975)  # quantiles of an interval
NORMAL = NormalDist()
DAY = pd.Timedelta(days=1)
TREND_DAYS = 200


class ForwardGains(NamedTuple):
    """Gains of one asset over `days` days, from every day of `starts` on.

    `starts` are UTC midnights at which the asset's close was known. `rows` are those of `events`:
    the first day known at or after each. An event is left out before the asset was listed, and
    where `days` are not over.
    """

    days: int
    starts: pd.DatetimeIndex
    every: Floats
    events: pd.DatetimeIndex
    rows: Ints

    @property
    def gains(self) -> Floats:
        """From each event on."""
        return self.every[self.rows]


Side = Literal["above", "below", "both"]


class WithoutOne(NamedTuple):
    """What is left with one event left out: two-sided p, and the difference that it is of."""

    p: float
    difference: float


class Excess(NamedTuple):
    """How much more was gained after events than after random dates.

    `mean` is that of the `n` events, `usual` that of the random dates, `low` to `high` Student's
    95 % interval of their difference by what the events gained, NaN for a single event. `p`,
    two-sided, is the larger of Student's for that interval and of twice the smaller share of draws
    of so many dates that gained as much or as little, each (1 + those) / (1 + draws);
    `without_each` the same with each event left out.
    `spread` is the standard deviation of a gain, the larger of that among events and that among
    dates; `smallest` the difference that a two-sided test at 5 % detects with 80 % power at it.
    `spread_p`: the share of draws whose gains differ from one another as much as the events' do,
    NaN for a single event.
    """

    n: int
    mean: float
    usual: float
    low: float
    high: float
    p: float
    smallest: float
    spread: float
    spread_p: float
    without_each: tuple[WithoutOne, ...] = ()

    @property
    def difference(self) -> float:
        """Of the two means."""
        return self.mean - self.usual


def confirmed_breakouts(
    closes: pd.Series, rules: BreakoutRules, trend_sessions: int
) -> pd.DatetimeIndex:
    """Instants at which breakouts out of a full base were confirmed, by the closes alone.

    `closes` has one entry a session, indexed by the instant it was known, NaN where it is missing.
    The rules are the gate's own. Confirmations by other series are not required: they begin in
    2007, and half of the breakouts are earlier.
    """
    values = closes.to_numpy(dtype=float)
    trend = index_average(values, trend_sessions)
    table = breakout_table(
        values, trend, np.zeros(len(values), dtype=np.int64), rules._replace(min_confirmations=0)
    )
    begins = (table.state == CONFIRMED) & (np.concatenate(([-1], table.state[:-1])) != CONFIRMED)
    return pd.DatetimeIndex(closes.index[begins & (table.after_base == 1)])


def daily_closes(closes: pd.Series) -> pd.Series:
    """The newest close known at each UTC midnight, from the first to the last."""
    first, last = closes.index[0].ceil("D"), closes.index[-1].floor("D")
    return closes.reindex(pd.date_range(first, last, freq="D"), method="ffill")


def forward_gains(closes: pd.Series, events: pd.DatetimeIndex, days: int) -> ForwardGains:
    """Gains over `days` days; `closes` by the instant known, of a coin or of sessions."""
    daily = daily_closes(closes)
    logs = np.log(daily.to_numpy(dtype=float))
    every = logs[days:] - logs[:-days]
    starts = pd.DatetimeIndex(daily.index[: len(every)])
    rows = daily.index.searchsorted(events)
    inside = (events > daily.index[0] - DAY) & (rows < len(every))
    return ForwardGains(days, starts, every, events[inside], rows[inside])


def above_own_mean(
    closes: pd.Series, starts: pd.DatetimeIndex, days: int = TREND_DAYS
) -> NDArray[np.bool_]:
    """Whether an asset stood above its own mean of so many days; False while that is unknown."""
    daily = daily_closes(closes)
    values = daily.to_numpy(dtype=float)
    above = values > rolling_mean(values, days)
    return np.asarray(above[daily.index.get_indexer(starts)])


def draw_any_dates(gains: ForwardGains, draws: int, seed: int) -> Ints:
    """Rows of as many dates as there are events, draws x events, all equally likely.

    Any two are apart by the horizon, or by what the two nearest events are if that is less: gains
    that overlap would vary too much.
    """
    n, length = len(gains.rows), len(gains.every)
    apart = min(gains.days, int(np.diff(gains.rows).min()), (length - 1) // n) if n > 1 else 0
    first = np.random.default_rng(seed).integers(0, length - (n - 1) * apart, (draws, n))
    return np.sort(first, axis=1) + apart * np.arange(n)


def draw_matching_dates(
    gains: ForwardGains, like: NDArray[np.bool_], draws: int, seed: int
) -> Ints:
    """The same, each drawn among the days whose `like`, one value a day, is its event's."""
    return _draw_from([np.flatnonzero(like == kind) for kind in like[gains.rows]], draws, seed)


def draw_nearby_dates(gains: ForwardGains, within: int, draws: int, seed: int) -> Ints:
    """The same among the days at most `within` days from the event.

    What an asset did while it was small and volatile is no measure for what it does now.
    """
    last = len(gains.every) - 1
    pools = [np.arange(max(row - within, 0), min(row + within, last) + 1) for row in gains.rows]
    return _draw_from(pools, draws, seed)


def _draw_from(pools: list[Ints], draws: int, seed: int) -> Ints:
    random = np.random.default_rng(seed)
    return np.stack([pool[random.integers(0, len(pool), draws)] for pool in pools], axis=1)


def compare_with_dates(gains: ForwardGains, rows: Ints) -> Excess:
    """The events, one at least, against draws of dates, draws x events."""
    after_events, drawn = gains.gains, gains.every[rows]
    n, means = len(after_events), drawn.mean(axis=1)
    mean, usual = float(after_events.mean()), float(drawn.mean())
    reach = _student_reach(after_events)
    spread = deviation_of_gain(after_events, means)
    return Excess(
        n=n,
        mean=mean,
        usual=usual,
        low=mean - usual - reach,
        high=mean - usual + reach,
        p=_p_of_mean(after_events, drawn),
        smallest=smallest_difference(n, spread),
        spread=spread,
        spread_p=share_as_high(drawn.var(axis=1), float(after_events.var())) if n > 1 else nan,
        without_each=tuple(
            _without_one(np.delete(after_events, row), np.delete(drawn, row, axis=1))
            for row in range(n if n > 1 else 0)
        ),
    )


def _without_one(after_events: Floats, drawn: Floats) -> WithoutOne:
    difference = float(after_events.mean() - drawn.mean())
    return WithoutOne(_p_of_mean(after_events, drawn), difference)


def _p_of_mean(after_events: Floats, drawn: Floats) -> float:
    """The larger of both p of `Excess`; `drawn` is draws x events."""
    from scipy.stats import t  # as long to load as all the rest

    mean, n = float(after_events.mean()), len(after_events)
    p = two_sided_p(drawn.mean(axis=1), mean)
    error = _error_of_mean(after_events)
    if not error > 0.0:  # a single event, or events alike
        return p
    return max(p, 2.0 * float(t.sf(abs(mean - float(drawn.mean())) / error, n - 1)))


def _student_reach(values: Floats) -> float:
    """Half of Student's 95 % interval of a mean of independent values; NaN for a single one."""
    from scipy.stats import t

    return float(t.ppf(SIDES[1], len(values) - 1)) * _error_of_mean(values)


def _error_of_mean(values: Floats) -> float:
    """Of independent values; NaN for a single one."""
    n = len(values)
    return float(values.std(ddof=1)) / sqrt(n) if n > 1 else nan


def deviation_of_gain(after_events: Floats, means: Floats) -> float:
    """Standard deviation of one gain: the larger of that among events and that among dates.

    `means`: of as many dates as there are events, by draw. Few events rarely show how far events
    lie apart.
    """
    n = len(after_events)
    among_events = float(after_events.std(ddof=1)) if n > 1 else 0.0
    return max(among_events, float(means.std()) * sqrt(n))


def smallest_difference(n: int, spread: float) -> float:
    """What Student's two-sided test at 5 % of `n` events detects with 80 % power; NaN of one.

    By this test alone: a correction for many tests asks for more.
    """
    return _detectable_shift(n) * spread / sqrt(n) if n > 1 else nan


@cache
def _detectable_shift(n: int) -> float:
    """In standard errors of the mean: the noncentral t (Chow, Shao and Wang 2008, section 3.1)."""
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    freedom = n - 1
    limit = float(t.ppf(SIDES[1], freedom))

    def missing_power(shift: float) -> float:
        return SEEN - float(nct.sf(limit, freedom, shift))  # nothing is on the other side there

    return float(brentq(missing_power, 0.0, 10.0 * limit))


def compare_with_random_dates(
    gains: ForwardGains, above_trend: NDArray[np.bool_], draws: int, seed: int
) -> dict[str, Excess]:
    """Against random dates drawn in each of three ways, by the name of the way.

    `above_trend`: whether the asset stood above its own mean, one value a day of `gains.starts`.
    """
    dates = {
        "any day": draw_any_dates(gains, draws, seed),
        "days with the same trend of its own": draw_matching_dates(gains, above_trend, draws, seed),
        "days within a year of it": draw_nearby_dates(gains, DAYS, draws, seed),
    }
    return {name: compare_with_dates(gains, rows) for name, rows in dates.items()}


def least_favourable(comparisons: Mapping[str, Excess], side: Side = "both") -> Excess:
    """A result must hold against all random dates; on `side` of them, if it has a direction."""
    return max(
        comparisons.values(), key=lambda excess: p_on_side(excess.p, excess.difference, side)
    )


def p_on_side(p: float, difference: float, side: Side) -> float:
    """A two-sided p of a difference as the p of one side; as it is where `side` is both."""
    if side == "both":
        return p
    return p / 2.0 if (difference > 0.0) == (side == "above") else 1.0 - p / 2.0


def leave_one_out_means(gains: ForwardGains) -> Floats:
    """The mean gain with one event left out, for each; empty with fewer than two."""
    values = gains.gains
    return (values.sum() - values) / (len(values) - 1) if len(values) > 1 else np.empty(0)


def share_as_high(drawn: Floats, observed: float) -> float:
    """The p of a statistic against draws of it: (1 + those as high) / (1 + draws)."""
    return float((1 + (drawn >= observed).sum()) / (1 + len(drawn)))


def two_sided_p(drawn: Floats, observed: float) -> float:
    """Twice the smaller of the shares of draws as high and as low, 1 at most."""
    as_low = float((1 + (drawn <= observed).sum()) / (1 + len(drawn)))
    return min(1.0, 2.0 * min(share_as_high(drawn, observed), as_low))
