"""What chance has to show for a search: every distinct path above exposure-matched holding.

A coin that rose for years pays whoever held it, and a search among holders finds a good one. So
chance is asked about the returns above holding the same share of equity all the time; see
`statistics.matched_holding`.
"""

from typing import NamedTuple

import numpy as np

from backtests.performance.metrics import FLAT
from backtests.statistics.cscv import BlockSums, block_edges
from backtests.statistics.deflated_sharpe import Deflation, deflate
from backtests.statistics.matched_holding import excess_returns
from backtests.statistics.reality_check import ChanceMaxima, RealityCheck
from backtests.tuning.search.evaluator import MOST_SERIES, Evaluator
from backtests.tuning.search.paths import Paths, distinct_paths
from backtests.tuning.search.segment_stats import block_sums, select_sets
from backtests.tuning.search.study import DEFAULT, Study
from brokers.progress import Progress
from strategies.indicators import Floats, Ints

MOST_PATHS = 10_000  # more only take longer


class Survey(NamedTuple):
    """The daily returns of the distinct paths, looked at in parts.

    `rows` are the first parameter sets of the paths looked at, that of the best set first and that
    of the current settings second (or the same); `sharpes` their daily Sharpe ratios of excess
    returns, 0 where these do not vary. `returns` and `excess` are series, days x the first paths.
    """

    paths: Paths
    rows: Ints
    sums: BlockSums
    sharpes: Floats
    returns: Floats
    excess: Floats
    chance: ChanceMaxima

    @property
    def current(self) -> int:
        """The column of the current settings: 0 if theirs is the best path, else 1."""
        return int(self.rows[0] != self.paths.first[self.paths.of[DEFAULT]])


def survey_paths(
    evaluator: Evaluator, study: Study, seed: int, interest: float, step: Progress
) -> Survey:
    """Run the distinct paths again for their daily series, `MOST_PATHS` drawn at random at most.

    `seed` is of the paths drawn and of the days; `interest` a day's, on what is not held in coins.
    """
    paths = distinct_paths(study.segments)
    numbers = _draw(paths, study, seed)
    rows, basket = paths.first[numbers], evaluator.basket_returns
    edges = block_edges(len(basket), int(study.partition.block[-1]) + 1)
    chance = ChanceMaxima(len(basket), seed)
    sharpes, totals = [], []
    first_series: list[tuple[Floats, Floats]] = []
    for begin in range(0, len(rows), MOST_SERIES):
        step("luck", begin, len(rows))
        series = evaluator.series(study.codes[rows[begin : begin + MOST_SERIES]])
        excess = excess_returns(series.returns, series.exposure, basket, interest)
        first_series = first_series or [(series.returns, excess)]
        chance.add(excess)
        sharpes.append(daily_sharpes(excess))
        totals.append(np.add.reduceat(excess, edges[:-1], axis=0).T)
    sums = block_sums(
        select_sets(study.segments, rows),
        study.partition,
        np.concatenate(totals),
        paths.copies[numbers],
    )
    return Survey(paths, rows, sums, np.concatenate(sharpes), *first_series[0], chance)


def daily_sharpes(excess: Floats) -> Floats:
    """Mean over standard deviation of each column, 0 where it does not vary."""
    deviations = excess.std(axis=0, ddof=1)
    means = excess.mean(axis=0)
    ratios = np.divide(means, deviations, out=np.zeros_like(means), where=deviations > FLAT)
    return np.asarray(ratios)


def check_luck(survey: Survey, excess: Floats) -> RealityCheck | None:
    """Test the excess returns of one path as the best of the search; None if they do not vary."""
    if excess.std(ddof=1) <= FLAT:
        return None
    (sharpe,) = daily_sharpes(excess[:, None])
    return survey.chance.check(float(sharpe), len(survey.paths.first))


def deflate_excess(survey: Survey, seed: int) -> Deflation | None:
    """The deflated Sharpe ratio of the best path's excess returns."""
    included = 0 if survey.excess.shape[1] == len(survey.rows) else survey.current + 1
    return deflate(survey.excess[:, 0], survey.excess[:, included:], survey.sharpes, seed)


def _draw(paths: Paths, study: Study, seed: int) -> Ints:
    """Numbers of the paths to look at: of the best set, of the current settings, then others."""
    include = list(dict.fromkeys(paths.of[[study.row, DEFAULT]].tolist()))
    others = np.random.default_rng(seed).permutation(len(paths.first))
    others = others[~np.isin(others, include)]
    return np.concatenate((include, others)).astype(np.int64)[:MOST_PATHS]
