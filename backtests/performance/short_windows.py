"""Windows too short to judge: nothing of them is annualised, compared by intervals or judged.

One rule for metrics, comparison, pages, replays and metrics.json. The bootstrap resamples days in
blocks of `BLOCK_DAYS` on average; of fewer than ten blocks its draws repeat the same few stretches,
and a year's figure made of them is an extrapolation.
"""

from datetime import datetime, timedelta
from typing import Any

from backtests.performance.metrics import Metrics

BLOCK_DAYS = 60  # mean block: long enough for the calm and the volatile periods of crypto
FEWEST_BLOCKS = 10
FEWEST_DAYS = FEWEST_BLOCKS * BLOCK_DAYS
ANNUALISED = ("cagr", "volatility", "sharpe", "sortino", "calmar", "turnover")


def window_days(first: datetime, last: datetime) -> int:
    """Daily returns of a window between the ends (UTC) of its first and last bar."""
    days = [(end - timedelta(microseconds=1)).date() for end in (first, last)]
    return (days[1] - days[0]).days


def is_short(days: int) -> bool:
    """Whether a window with so many daily returns is too short to judge."""
    return days < FEWEST_DAYS


def why_short(days: int) -> str:
    """Why such a window is not judged, as a sentence."""
    return (
        f"The window has {days} daily {'return' if days == 1 else 'returns'}: fewer than"
        f" {FEWEST_DAYS} (ten mean blocks of the bootstrap) are neither judged nor annualised,"
        " and have no intervals."
    )


def without_annualised(metrics: Metrics, days: int) -> Metrics:
    """`metrics` of a window with so many daily returns, without yearly figures if it is short."""
    none: dict[str, Any] = dict.fromkeys(ANNUALISED)
    return metrics._replace(**none) if is_short(days) else metrics
