"""What is kept of a parameter set's run, and the figures of any union of its segments.

A search tries more parameter sets than there is memory for return series. Sums over segments give
the Sharpe and Sortino ratios of any union of segments exactly. A path's growth, highest and lowest
point and deepest fall can be joined too, which gives the drawdown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtests.performance.metrics import DAYS, FLAT
from backtests.statistics.cscv import BlockSums
from backtests.statistics.split_scores import NO_SPREAD
from backtests.tuning.search.splits import Partition
from strategies.indicators import Floats, Ints

Singles = NDArray[np.float32]
Counted = NDArray[np.int32]
CountedDays = NDArray[np.uint16]  # up to 179 years
OBJECTIVES = ("sharpe", "sortino", "calmar", "cagr")
SETS_AT_ONCE = 2048  # with 50 segments each they fit into a processor's cache


class Segments(NamedTuple):
    """Parameter sets x segments: all that is needed of a union of segments.

    Returns are simple and daily; a "log" is the logarithm of account value.
    """

    total: Floats  # sum of returns
    squares: Floats  # sum of squared returns
    downside: Singles  # sum of squares of negative returns
    growth: Singles  # log of value at the end over value at the start
    highest: Singles  # highest log inside, relative to the start, >= 0
    lowest: Singles  # lowest, <= 0
    fall: Singles  # deepest fall inside from an earlier value (or the start), as a positive log
    exposed: CountedDays  # days on which coins were held
    orders: Counted


class Figures(NamedTuple):
    """Figures of a path as in `performance.metrics`, one entry for each parameter set.

    `days` is the number of days: one for all, or one for each path where lengths differ.
    `days_held` is the share of days on which coins were held; the exposure of a backtest is
    another figure, a share of equity.
    """

    days: int | Ints
    total_return: Floats
    cagr: Floats
    volatility: Floats
    sharpe: Floats
    sortino: Floats
    calmar: Floats
    max_drawdown: Floats
    days_held: Floats
    orders: Ints


class Rule(NamedTuple):
    """What makes a parameter set the best: the largest weighted sum of figures of `OBJECTIVES`.

    Only sets with enough orders and a small enough drawdown count.
    """

    weights: Mapping[str, float]
    min_orders: int
    max_drawdown: float  # fraction; 1: no limit


def from_returns(
    daily_returns: Floats, exposed: NDArray[np.bool_], orders: Ints, edges: Ints
) -> Segments:
    """Segments of return series; only for few parameter sets.

    Parameters
    ----------
    daily_returns, exposed, orders : days x sets: returns, whether coins were held, orders filled.
    edges : of the segments, as in `Partition`.

    Raises
    ------
    ValueError
        A return that is not a finite number above -1: a value of 0 has no logarithm.

    """
    unusable = np.argwhere(~(np.isfinite(daily_returns) & (daily_returns > -1.0)))
    if len(unusable):
        day, column = unusable[0]
        raise ValueError(
            f"return of set {column} on day {day}: {daily_returns[day, column]},"
            " must be a finite number above -1"
        )
    first = np.asarray(edges)[:-1]
    logs = np.log1p(daily_returns)
    paths = [_path(logs[begin:end]) for begin, end in zip(first, edges[1:], strict=True)]
    growth, highest, lowest, fall = (
        np.stack(line, axis=1).astype(np.float32) for line in zip(*paths, strict=True)
    )

    def total_by_segment(values: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(np.add.reduceat(values, first, axis=0).T)

    downside = total_by_segment(np.minimum(daily_returns, 0.0) ** 2).astype(np.float32)
    days_held, ordered = (
        total_by_segment(np.asarray(values, dtype=np.int64)) for values in (exposed, orders)
    )
    return Segments(
        total=total_by_segment(daily_returns),
        squares=total_by_segment(daily_returns**2),
        downside=downside,
        growth=growth,
        highest=highest,
        lowest=lowest,
        fall=fall,
        exposed=days_held.astype(np.uint16),
        orders=ordered.astype(np.int32),
    )


def select_sets(segments: Segments, rows: Ints | slice) -> Segments:
    """The segments of some parameter sets."""
    lines: Any = (line[rows] for line in segments)
    return Segments(*lines)


def block_sums(segments: Segments, partition: Partition, excess: Floats, copies: Ints) -> BlockSums:
    """The input of `statistics.cscv.overfitting`: the segments of each block added up.

    Parameters
    ----------
    segments : one row for each path.
    excess : sums by block of the returns above exposure-matched holding, paths x blocks.
    copies : by path, how many parameter sets took it.

    """
    first = np.flatnonzero(np.diff(partition.block, prepend=-1))
    total, squares, exposed = (
        np.add.reduceat(line, first, axis=1)
        for line in (segments.total, segments.squares, segments.exposed.astype(np.int64))
    )
    days = np.add.reduceat(partition.lengths, first)
    return BlockSums(days, total, squares, exposed, excess, copies)


def figures(segments: Segments, lengths: Ints, chosen: NDArray[np.bool_] | Ints) -> Figures:
    """Figures of each parameter set on the path of the chosen segments, joined in order.

    Parameters
    ----------
    segments : of the parameter sets.
    lengths : days of each segment (`Partition.lengths`).
    chosen : which segments, one truth value a segment, or their numbers in order.

    Returns
    -------
    Definitions of `performance.metrics`: 365 days a year, standard deviation with ddof = 1. A ratio
    is 0 where it does not exist: no variation, no downside, no drawdown. It is 0 as well where
    coins were never held, as in `statistics.cscv`: interest paid for two days at once after a gap
    would make a ratio of a thousand.

    Raises
    ------
    ValueError
        No day was chosen.

    """
    order: Ints = (
        np.flatnonzero(chosen) if chosen.dtype == np.bool_ else np.asarray(chosen, dtype=np.intp)
    )
    days = int(np.asarray(lengths)[order].sum())
    if not days:
        raise ValueError("chosen: no segment, must be one day or more")
    parts = range(0, max(len(segments.total), 1), SETS_AT_ONCE)
    sums = np.concatenate(
        [
            _join(select_sets(segments, slice(first, first + SETS_AT_ONCE)), order)
            for first in parts
        ],
        axis=1,
    )
    return _figures(days, sums)


def objective(measured: Figures, rule: Rule) -> Floats:
    """What the search maximises: `merit`, or -inf where a set breaks a constraint of the rule."""
    orders, drawdown = measured.orders, measured.max_drawdown
    allowed = (orders >= rule.min_orders) & (drawdown <= rule.max_drawdown)
    return np.where(allowed, merit(measured, rule), -np.inf)


def merit(measured: Figures, rule: Rule) -> Floats:
    """The rule's weighted sum of figures without its constraints: for out-of-sample days.

    Raises
    ------
    ValueError
        A weight for a figure that is not one of `OBJECTIVES`.

    """
    unknown = sorted(set(rule.weights) - set(OBJECTIVES))
    if unknown:
        raise ValueError(f"objective: {unknown[0]}, must be of {', '.join(OBJECTIVES)}")
    return np.asarray(
        sum(
            (weight * getattr(measured, name) for name, weight in rule.weights.items()),
            start=np.zeros(len(measured.sharpe)),
        )
    )


def best(scores: Floats, default: int) -> int:
    """Row of the highest score; among equals the default's, or the first."""
    highest = int(scores.argmax())
    return default if scores[default] == scores[highest] else highest


def choose(
    segments: Segments, lengths: Ints, rule: Rule, part: NDArray[np.bool_], default: int
) -> tuple[int, float]:
    """The best parameter set on a part of the segments, and its objective.

    The default set and NaN where no set held coins or none meets the constraints.
    """
    if not segments.exposed[:, part].any():
        return default, np.nan
    scores = objective(figures(segments, lengths, part), rule)
    row = best(scores, default)
    return (row, float(scores[row])) if np.isfinite(scores[row]) else (default, np.nan)


def figures_by_part(
    segments: Segments, lengths: Ints, rows: Ints, parts: Sequence[NDArray[np.bool_]]
) -> Figures:
    """Figures of set rows[i] on the segments parts[i], one entry for each part."""
    measured = [
        figures(select_sets(segments, slice(row, row + 1)), lengths, part)
        for row, part in zip(rows, parts, strict=True)
    ]
    return Figures(
        *(
            np.array([getattr(part, name) for part in measured]).reshape(len(measured))
            for name in Figures._fields
        )
    )


def _path(logs: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Growth, highest, lowest and fall of daily log returns, days x sets."""
    levels = np.concatenate((np.zeros((1, logs.shape[1])), np.cumsum(logs, axis=0)))
    return (
        levels[-1],
        levels.max(axis=0),
        levels.min(axis=0),
        (np.maximum.accumulate(levels, axis=0) - levels).max(axis=0),
    )


def _join(part: Segments, order: Ints) -> Floats:
    """Total, squares, downside, growth, fall, exposed, orders along `order`, 7 x sets."""
    lines: Any = (np.ascontiguousarray(line[:, order].T, dtype=np.float64) for line in part)
    path = Segments(*lines)
    growth, highest, fall = np.zeros((3, len(part.total)))
    for segment in range(len(order)):
        from_before = highest - (growth + path.lowest[segment])
        fall = np.maximum(np.maximum(fall, path.fall[segment]), from_before)
        highest = np.maximum(highest, growth + path.highest[segment])
        growth = growth + path.growth[segment]
    total, squares, downside, exposed, orders = (
        line.sum(axis=0) for line in (*path[:3], *path[-2:])
    )
    return np.stack((total, squares, downside, growth, fall, exposed, orders))


def _figures(days: int, sums: Floats) -> Figures:
    """Figures from what `_join` returns."""
    total, squares, downside, growth, fall, exposed, orders = sums
    spread = days * squares - total * total  # days * (days - 1) * variance
    pairs = days * (days - 1.0)
    varies = spread > NO_SPREAD * days * squares
    deviation = np.sqrt(np.divide(spread, pairs, out=np.zeros(len(total)), where=varies))
    below, mean = np.sqrt(downside / days), total / days
    cagr, worst = np.expm1(growth * DAYS / days), -np.expm1(-fall)
    held = exposed > 0

    def ratio(above: Floats, risk: Floats) -> Floats:
        return np.divide(above, risk, out=np.zeros(len(above)), where=held & (risk > FLAT))

    return Figures(
        days=days,
        total_return=np.expm1(growth),
        cagr=cagr,
        volatility=deviation * np.sqrt(DAYS),
        sharpe=ratio(mean * np.sqrt(DAYS), deviation),
        sortino=ratio(mean * np.sqrt(DAYS), below),
        calmar=ratio(cagr, worst),
        max_drawdown=worst,
        days_held=exposed / days,
        orders=orders.astype(np.int64),
    )
