"""What followed the breakouts, compared with what follows random dates.

There are few breakouts, so nothing here rests on a limit theorem: the distribution of a mean of so
few gains is taken from the asset's own history, at random dates as far apart as the breakouts are.
All gains are logs of price ratios.
"""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.breakout import CONFIRMED, BreakoutRules, breakout_table
from strategies.gate import index_average
from strategies.indicators import Floats, Ints, rolling_mean

LEVEL, SEEN = 0.05, 0.8  # significance of a one-sided test; power that is asked for
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


class Excess(NamedTuple):
    """How much more was gained after events than after random dates.

    `mean` is that of the `n` events, `usual` that of the random dates, `low` to `high` the 95 %
    interval of their difference; `p` the share of draws of so many dates that gained as much,
    one-sided: (1 + those) / (1 + draws). `power`: the probability that a test at 5 % detects the
    measured difference, were it the true one; `smallest`: the difference that it detects with
    80 % power. `spread_p`: the share of draws whose gains differ from one another as much as the
    events' do, NaN for a single event.
    """

    n: int
    mean: float
    usual: float
    low: float
    high: float
    p: float
    power: float
    smallest: float
    spread_p: float

    @property
    def difference(self) -> float:
        """Of the two means."""
        return self.mean - self.usual

    def required_events(self) -> float | None:
        """Events for 80 % power, were the measured difference the true one; None without any.

        The error falls with the root of their number.
        """
        return self.n * (self.smallest / self.difference) ** 2 if self.difference > 0.0 else None

    def power_with(self, events: int) -> float:
        """Power of so many events, were the measured difference the true one."""
        seen, usual = NORMAL.inv_cdf(SEEN), NORMAL.inv_cdf(1.0 - LEVEL)
        return NORMAL.cdf(
            (seen + usual) * self.difference / self.smallest * sqrt(events / self.n) - usual
        )


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
    """The events, one at least, against draws of dates."""
    after_events = gains.gains
    drawn = gains.every[rows]
    means, mean, usual = drawn.mean(axis=1), float(after_events.mean()), float(drawn.mean())
    low, high = mean - np.quantile(means, SIDES[1]), mean - np.quantile(means, SIDES[0])
    bar = float(np.quantile(means, 1.0 - LEVEL))
    several = len(after_events) > 1
    return Excess(
        n=len(after_events),
        mean=mean,
        usual=usual,
        low=float(low),
        high=float(high),
        p=share_as_high(means, mean),
        power=float(np.mean(means + mean - usual >= bar)),
        smallest=bar - float(np.quantile(means, 1.0 - SEEN)),
        spread_p=share_as_high(drawn.var(axis=1), float(after_events.var()))
        if several
        else float("nan"),
    )


def leave_one_out_means(gains: ForwardGains) -> Floats:
    """The mean gain with one event left out, for each; empty with fewer than two."""
    values = gains.gains
    return (values.sum() - values) / (len(values) - 1) if len(values) > 1 else np.empty(0)


def share_as_high(drawn: Floats, observed: float) -> float:
    """The p of a statistic against draws of it: (1 + those as high) / (1 + draws)."""
    return float((1 + (drawn >= observed).sum()) / (1 + len(drawn)))
