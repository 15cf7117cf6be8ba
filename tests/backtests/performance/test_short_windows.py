"""Windows too short to judge: which they are, and what of them is left out."""

import pandas as pd
import pytest

from backtests.performance.metrics import Metrics, daily_rows
from backtests.performance.short_windows import (
    FEWEST_DAYS,
    is_short,
    why_short,
    window_days,
    without_annualised,
)
from backtests.statistics.bootstrap import BLOCK_DAYS
from tests.scenes import ends

WHOLE = Metrics(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 8, 0.9, 1.0, 11, 12.0)


def test_it_takes_ten_mean_blocks_of_the_bootstrap() -> None:
    assert FEWEST_DAYS == 10 * BLOCK_DAYS == 600
    assert is_short(599) and not is_short(600)


def test_a_short_window_keeps_what_is_no_yearly_figure() -> None:
    got = without_annualised(WHOLE, 599)
    assert [name for name, value in got._asdict().items() if value is None] == [
        *("cagr", "volatility", "sharpe", "sortino", "calmar", "turnover")
    ]
    assert (got.total_return, got.max_drawdown, got.max_drawdown_days) == (0.1, 0.7, 8)
    assert (got.exposure, got.orders, got.fees) == (0.9, 11, 12.0)


def test_a_long_window_keeps_everything() -> None:
    assert without_annualised(WHOLE, 600) == WHOLE


@pytest.mark.parametrize("hours", [1, 4, 24])
@pytest.mark.parametrize("bars", [1, 7, 24, 100, 602])
def test_the_days_of_a_window_are_its_daily_returns(hours: int, bars: int) -> None:
    """As many as there are returns between the last bars of its days."""
    index = ends(bars, length=pd.Timedelta(hours=hours))
    assert window_days(index[0], index[-1]) == len(daily_rows(index)) - 1


def test_the_reason_has_both_numbers() -> None:
    assert "45 daily returns: fewer than 600" in why_short(45)
    assert "1 daily return:" in why_short(1)
