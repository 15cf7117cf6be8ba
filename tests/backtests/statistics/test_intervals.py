"""Intervals of a return path's figures: the figures are the run's own, the intervals those of the
draws.
"""

import numpy as np
import pandas as pd
import pytest

from backtests.performance.metrics import Metrics, measure
from backtests.statistics.bootstrap import DRAWS, interval, resample
from backtests.statistics.intervals import headline_intervals
from backtests.statistics.stationary_bootstrap import draw_days

SEED = 2


def returns(seed: int = 1, days: int = 500, mean: float = 0.001) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.02, days)


def measured(daily: np.ndarray) -> Metrics:
    ends = pd.date_range("2020-01-02", periods=len(daily) + 1, freq="D", tz="UTC")
    return measure(
        pd.Series(1e4 * np.concatenate(([1.0], np.cumprod(1 + daily))), ends),
        np.ones(len(daily) + 1),
        0.0,
        0,
        0.0,
    )


def test_the_estimates_are_the_figures_of_a_run() -> None:
    daily = returns()
    run = measured(daily)._asdict()
    got = headline_intervals(daily, SEED)
    assert list(got) == [
        name for name in Metrics._fields if name not in ("exposure", "turnover", "orders", "fees")
    ]
    for name, figure in got.items():
        assert figure.estimate == pytest.approx(run[name], rel=1e-9), name


def figures(daily: np.ndarray) -> dict[str, float]:
    """Written out once more, in the plainest way."""
    values = [1.0]
    for gain in daily:
        values.append(values[-1] * (1 + gain))
    peaks = np.maximum.accumulate(values)
    growth, worst = (
        values[-1] ** (365 / len(daily)) - 1,
        max(1 - value / peak for value, peak in zip(values, peaks, strict=True)),
    )
    longest = below = 0
    for value, peak in zip(values, peaks, strict=True):
        below = below + 1 if value < peak else 0
        longest = max(longest, below)
    return {
        "total_return": values[-1] - 1,
        "cagr": growth,
        "volatility": daily.std(ddof=1) * np.sqrt(365),
        "sharpe": daily.mean() / daily.std(ddof=1) * np.sqrt(365),
        "sortino": daily.mean()
        / np.sqrt((daily[daily < 0] ** 2).sum() / len(daily))
        * np.sqrt(365),
        "calmar": growth / worst,
        "max_drawdown": worst,
        "max_drawdown_days": longest,
    }


def test_every_interval_is_that_of_the_figure_over_the_draws() -> None:
    """Each draw measured by itself; the ends are quantiles 0.025 and 0.975."""
    daily = returns(2, 120)
    draws = [figures(daily[rows]) for rows in draw_days(120, DRAWS, SEED)]
    for name, figure in headline_intervals(daily, SEED).items():
        expected = np.quantile([draw[name] for draw in draws], [0.025, 0.975])
        assert (figure.low, figure.high) == pytest.approx(expected, rel=1e-8), name


def test_the_shared_figures_are_the_report_s() -> None:
    daily = returns(3)
    draws = resample(daily[:, None], SEED)
    got = headline_intervals(daily, SEED)
    for name in ("sharpe", "cagr", "max_drawdown"):
        assert got[name][1:] == interval(getattr(draws, name)[:, 0])


def test_no_risk_no_ratio() -> None:
    got = headline_intervals(np.zeros(200), SEED)
    assert all(figure == (0.0, 0.0, 0.0) for figure in got.values())


def test_equal_losses_by_hand() -> None:
    """300 days of -0.1 % in whatever order: below the start all the time."""
    got = headline_intervals(np.full(300, -0.001), SEED)
    assert got["max_drawdown_days"] == (300.0, 300.0, 300.0)
    assert got["total_return"] == pytest.approx([0.999**300 - 1] * 3)
    assert got["sortino"] == pytest.approx(
        [-np.sqrt(365)] * 3
    )  # mean over downside deviation: -1 a day
    assert got["calmar"] == pytest.approx([(0.999**365 - 1) / (1 - 0.999**300)] * 3)
    assert got["sharpe"] == (0.0, 0.0, 0.0)
