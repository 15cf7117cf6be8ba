"""What followed the breakouts, held against what follows any day.

There are few breakouts, so nothing here rests on a limit theorem: what a mean of so many gains does by chance is seen on the asset's own
history, at dates drawn at random as far apart as the breakouts are. All gains are logs of price ratios.
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

LEVEL, SEEN = 0.05, 0.8  # of a one-sided test; share in which an effect should be seen
SIDES = (0.025, 0.975)  # of an interval
NORMAL = NormalDist()
DAY = pd.Timedelta(days=1)
TREND_DAYS = 200


class After(NamedTuple):
    """Gains of one asset over `days` days from every day of `starts` on (an instant at which its close was known; UTC midnights).

    `rows` are those of `events`: the first day known at or after each. Events are left out before the asset was listed, and where
    `days` are not over.
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
    """How much more was gained after events than after any days.

    `mean` is that of the `n` events, `usual` that of all days, `low` to `high` the 95 % interval of their difference; `p` the share of
    draws of so many dates that gained as much, one-sided: (1 + those) / (1 + draws). `power`: were the difference what was measured, how
    often a test at 5 % would see it; `smallest`: the difference that it sees in 80 %. `spread_p`: the share of draws whose gains differ
    from one another as much as the events' do, NaN for a single event.
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

    def needed(self) -> float | None:
        """Events after which a difference as measured would be seen in 80 %, chance falling with the root of their number; None if there is none."""
        return self.n * (self.smallest / self.difference) ** 2 if self.difference > 0.0 else None

    def power_with(self, events: int) -> float:
        """How often so many events would show the difference, were it what was measured; chance falls with the root of their number."""
        seen, usual = NORMAL.inv_cdf(SEEN), NORMAL.inv_cdf(1.0 - LEVEL)
        return NORMAL.cdf(
            (seen + usual) * self.difference / self.smallest * sqrt(events / self.n) - usual
        )


def breakouts(closes: pd.Series, rules: BreakoutRules, trend_sessions: int) -> pd.DatetimeIndex:
    """Instants at which breakouts out of a full base were confirmed, by the gate's own rules and the closes alone.

    `closes` has one entry a session, indexed by the instant it was known, NaN where it is missing. Confirmations by other series are
    not asked for: they begin in 2007, and half of the breakouts lie before.
    """
    values = closes.to_numpy(dtype=float)
    trend = index_average(values, trend_sessions)
    found = breakout_table(
        values, trend, np.zeros(len(values), dtype=np.int64), rules._replace(min_confirmations=0)
    )
    begins = (found.state == CONFIRMED) & (np.concatenate(([-1], found.state[:-1])) != CONFIRMED)
    return pd.DatetimeIndex(closes.index[begins & (found.after_base == 1)])


def every_day(closes: pd.Series) -> pd.Series:
    """The newest close known at each UTC midnight, from the first to the last."""
    first, last = closes.index[0].ceil("D"), closes.index[-1].floor("D")
    return closes.reindex(pd.date_range(first, last, freq="D"), method="ffill")


def after(closes: pd.Series, events: pd.DatetimeIndex, days: int) -> After:
    """Gains over `days` days; `closes` by the instant known, of a coin or of sessions."""
    daily = every_day(closes)
    logs = np.log(daily.to_numpy(dtype=float))
    every = logs[days:] - logs[:-days]
    starts = pd.DatetimeIndex(daily.index[: len(every)])
    rows = daily.index.searchsorted(events)
    inside = (events > daily.index[0] - DAY) & (rows < len(every))
    return After(days, starts, every, events[inside], rows[inside])


def rising(
    closes: pd.Series, starts: pd.DatetimeIndex, days: int = TREND_DAYS
) -> NDArray[np.bool_]:
    """Whether an asset stood above its own mean of so many days; False while that is not known."""
    daily = every_day(closes)
    values = daily.to_numpy(dtype=float)
    above = values > rolling_mean(values, days)
    return np.asarray(above[daily.index.get_indexer(starts)])


def any_dates(found: After, draws: int, seed: int) -> Ints:
    """Rows of as many dates as there are events, draws x events, all as likely as one another.

    Any two are apart by the horizon, or by what the two nearest events are if that is less: gains that overlap would vary too much.
    """
    n, length = len(found.rows), len(found.every)
    apart = min(found.days, int(np.diff(found.rows).min()), (length - 1) // n) if n > 1 else 0
    first = np.random.default_rng(seed).integers(0, length - (n - 1) * apart, (draws, n))
    return np.sort(first, axis=1) + apart * np.arange(n)


def dates_like(found: After, like: NDArray[np.bool_], draws: int, seed: int) -> Ints:
    """The same, each drawn for itself among the days for which `like`, a truth value a day, is what it was at its event."""
    return _drawn_from([np.flatnonzero(like == kind) for kind in like[found.rows]], draws, seed)


def dates_near(found: After, within: int, draws: int, seed: int) -> Ints:
    """The same among the days at most `within` days from the event: an asset that was small and wild once is no measure for what it is now."""
    last = len(found.every) - 1
    return _drawn_from(
        [np.arange(max(row - within, 0), min(row + within, last) + 1) for row in found.rows],
        draws,
        seed,
    )


def _drawn_from(pools: list[Ints], draws: int, seed: int) -> Ints:
    random = np.random.default_rng(seed)
    return np.stack([pool[random.integers(0, len(pool), draws)] for pool in pools], axis=1)


def compared(found: After, rows: Ints) -> Excess:
    """The events, one at least, against draws of dates."""
    gains = found.gains
    drawn = found.every[rows]
    means, mean, usual = drawn.mean(axis=1), float(gains.mean()), float(drawn.mean())
    low, high = mean - np.quantile(means, SIDES[1]), mean - np.quantile(means, SIDES[0])
    bar = float(np.quantile(means, 1.0 - LEVEL))
    power = float(np.mean(means + mean - usual >= bar))
    smallest = bar - float(np.quantile(means, 1.0 - SEEN))
    spread = (
        share_as_high(drawn.var(axis=1), float(gains.var())) if len(gains) > 1 else float("nan")
    )
    return Excess(
        len(gains),
        mean,
        usual,
        float(low),
        float(high),
        share_as_high(means, mean),
        power,
        smallest,
        spread,
    )


def without_each(found: After) -> Floats:
    """The mean gain with one event left out, for each; empty with fewer than two."""
    gains = found.gains
    return (gains.sum() - gains) / (len(gains) - 1) if len(gains) > 1 else np.empty(0)


def share_as_high(drawn: Floats, own: float) -> float:
    """The p of a statistic against draws of it: (1 + those as high) / (1 + draws)."""
    return float((1 + (drawn >= own).sum()) / (1 + len(drawn)))
