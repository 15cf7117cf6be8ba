"""How often does the best of many paths without skill do as well as the best of a search?

White (2000), "A reality check for data snooping", Econometrica 68(5), with Sharpe ratios in place
of means: of returns in excess of exposure-matched holding (`statistics.matched_holding`), each path
is moved to a mean of zero, days are drawn in blocks (the stationary bootstrap of Politis and Romano
1994), the same days for all paths, and the highest ratio of each draw is what chance has to show
for a search among so many paths. Paths that resemble one another add little to it.

Paths come in parts: a search has more of them than there is memory for daily returns.
"""

from typing import NamedTuple

import numpy as np

from backtests.performance.metrics import FLAT
from backtests.statistics.bootstrap import BLOCK_DAYS
from backtests.statistics.stationary_bootstrap import count_days, draw_days
from strategies.indicators import Floats

DRAWS = 2000
DRAWS_AT_ONCE = 250


class RealityCheck(NamedTuple):
    """The daily Sharpe ratio of the path that is tested, and the best ones that chance produces.

    `by_chance` has the highest daily ratio of each draw, `paths` says among how many. `p` is
    (1 + draws as high or higher) / (1 + draws): never 0. Where `paths` are only some of `of` paths,
    draws count as if that part were repeated independently, 1 - (1 - p) ** (of / paths): the most
    that paths with positive dependence can have.
    """

    sharpe: float
    p: float
    by_chance: Floats
    paths: int
    of: int
    block_days: float


class ChanceMaxima:
    """The highest ratio by chance of each draw, of all the paths shown to it so far."""

    def __init__(
        self, days: int, seed: int, draws: int = DRAWS, block_days: float = BLOCK_DAYS
    ) -> None:
        self.block_days = block_days
        self.highest = np.full(draws, -np.inf)
        self.paths = 0
        rows = draw_days(days, draws, seed, block_days)
        # Counts are small whole numbers; in single precision the products take half the time.
        self._counts = np.concatenate(
            [
                count_days(rows[first : first + DRAWS_AT_ONCE]).astype(np.float32)
                for first in range(0, draws, DRAWS_AT_ONCE)
            ]
        )

    def add(self, excess: Floats) -> None:
        """Show more paths: their excess returns, days x paths."""
        days = len(excess)
        apart = (excess - excess.mean(axis=0)).astype(np.float32)
        varies = excess.std(axis=0, ddof=1) > FLAT
        means = (self._counts @ apart[:, varies]) / days
        squares = (self._counts @ apart[:, varies] ** 2) / days
        variances = (squares - means**2) * days / (days - 1)
        ratios = np.divide(
            means, np.sqrt(variances.clip(min=0)), out=np.zeros_like(means), where=variances > 0
        )
        highest = ratios.max(axis=1, initial=-np.inf if varies.all() else 0.0)
        self.highest = np.maximum(self.highest, highest)
        self.paths += excess.shape[1]

    def check(self, sharpe: float, of: int) -> RealityCheck:
        """Test a daily ratio of excess returns, that of the best of `of` paths."""
        reached = int((self.highest >= sharpe).sum())
        p = (1.0 + reached) / (1.0 + len(self.highest))
        whole = 1.0 - (1.0 - p) ** max(of / self.paths, 1.0)
        return RealityCheck(sharpe, whole, self.highest, self.paths, of, self.block_days)
