"""One estimated figure with its interval and its test, and how it is put in words."""

from math import expm1, isfinite
from typing import NamedTuple

from backtests.evidence.events import NORMAL, SIDES, Excess, WithoutOne


class Estimate(NamedTuple):
    """A figure of `n` observations with its 95 % interval; `p` of its test, None without one.

    `p` is two-sided. `smallest`: the effect that a two-sided test at 5 % detects with 80 % power,
    in the same unit. `without_each`: with each event left out in turn; empty where the observations
    are no events. `p_opposite`: one-sided, of the side on which the claim does not lie, where that
    is not 1 less the claim's own p; None where it is.
    """

    n: int
    estimate: float
    low: float
    high: float
    p: float | None
    smallest: float
    without_each: tuple[WithoutOne, ...] = ()
    p_opposite: float | None = None

    def times(self, factor: float) -> "Estimate":
        """In another unit; `factor` above 0."""
        return self._replace(
            estimate=float(self.estimate * factor),
            low=float(self.low * factor),
            high=float(self.high * factor),
            smallest=float(self.smallest * factor),
        )

    def p_against(self, null: float) -> float | None:
        """The two-sided p against `null`: its own, or where it has none that of its interval.

        The interval is taken for a normal one, 2 x 1.96 standard errors wide (Altman and Bland
        2011, BMJ 343:d2304).
        """
        if self.p is not None:
            return self.p
        error = (self.high - self.low) / (2.0 * NORMAL.inv_cdf(SIDES[1]))
        if not (isfinite(error) and error > 0.0):
            return None
        return 2.0 * NORMAL.cdf(-abs(self.estimate - null) / error)

    @property
    def interval(self) -> str:
        """The interval in words."""
        return f"95 % CI {self.low:+.2f} to {self.high:+.2f}"

    @property
    def higher(self) -> str:
        """How much higher or lower something is, where the figure is a difference."""
        return f"{abs(self.estimate):.2f} {'lower' if self.estimate < 0.0 else 'higher'}"

    @property
    def percent(self) -> str:
        """A difference of logs as a trader reads it: "12% higher (95 % CI -5% to +31%)"."""
        ends = [f"{expm1(end):+,.0%}" if isfinite(end) else "?" for end in (self.low, self.high)]
        size = f"{abs(expm1(self.estimate)):,.0%}"
        word = "lower" if self.estimate < 0.0 else "higher"
        return f"{size} {word} (95 % CI {ends[0]} to {ends[1]})"


def event_estimate(excess: Excess) -> Estimate:
    """What was gained after events over what is usual, with the interval of the events."""
    return Estimate(
        n=excess.n,
        estimate=excess.difference,
        low=excess.low,
        high=excess.high,
        p=excess.p,
        smallest=excess.smallest,
        without_each=excess.without_each,
    )
