"""One estimated figure with its interval and power, and how it is put in words."""

from typing import NamedTuple

from backtests.evidence.document import Verdict
from backtests.evidence.events import SEEN

INCONCLUSIVE: Verdict = "inconclusive"


class Estimate(NamedTuple):
    """A figure of `n` observations with its 95 % interval; `p` of its test, None without one.

    `power`: the probability that a one-sided test at 5 % detects the measured effect, were it the
    true one. `smallest`: the effect that this test detects with 80 % power, in the same unit.
    """

    n: int
    estimate: float
    low: float
    high: float
    p: float | None
    power: float
    smallest: float

    def times(self, factor: float) -> "Estimate":
        """In another unit; `factor` above 0."""
        return self._replace(
            estimate=float(self.estimate * factor),
            low=float(self.low * factor),
            high=float(self.high * factor),
            smallest=float(self.smallest * factor),
        )

    @property
    def interval(self) -> str:
        """The interval in words."""
        return f"95 % CI {self.low:+.2f} to {self.high:+.2f}"

    @property
    def higher(self) -> str:
        """How much higher or lower something is, where the figure is a difference."""
        return f"{abs(self.estimate):.2f} {'lower' if self.estimate < 0.0 else 'higher'}"

    def detectable_effect(self, verdict: Verdict) -> str:
        """The smallest detectable effect, where nothing can be concluded for want of data."""
        if verdict != INCONCLUSIVE or self.power >= SEEN:
            return ""
        return f"; smallest effect detectable with 80 % power: {self.smallest:.2f}"
