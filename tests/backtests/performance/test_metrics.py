"""Every figure against empyrical (empyrical-reloaded), or against arithmetic written here."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest

from backtests.performance.metrics import (
    Metrics,
    daily_rows,
    drawdowns,
    longest_drawdown,
    measure,
    returns,
    sharpe,
    sortino,
)
from tests.scenes import ends

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

YEAR = {"annualization": 365}


def curve(seed: int, days: int = 400) -> pd.Series:
    random = np.random.default_rng(seed)
    return pd.Series(1000.0 * np.exp(np.cumsum(random.normal(0.001, 0.03, days))), ends(days))


def measured(equity: pd.Series, **changes: float) -> Metrics:
    usual = {"traded": 0.0, "orders": 0, "fees": 0.0} | changes
    return measure(
        equity, np.zeros(len(equity)), usual["traded"], int(usual["orders"]), usual["fees"]
    )


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_empyricals(seed: int) -> None:
    equity = curve(seed)
    daily = equity.pct_change().dropna()
    got = measured(equity)
    expected = {
        "total_return": empyrical.cum_returns_final(daily),
        "cagr": empyrical.annual_return(daily, **YEAR),
        "volatility": empyrical.annual_volatility(daily, **YEAR),
        "sharpe": empyrical.sharpe_ratio(daily, **YEAR),
        "sortino": empyrical.sortino_ratio(daily, **YEAR),
        "calmar": empyrical.calmar_ratio(daily, **YEAR),
        "max_drawdown": -empyrical.max_drawdown(daily),
    }
    for name, value in expected.items():
        assert getattr(got, name) == pytest.approx(float(value), rel=1e-9), name


def test_a_year_has_365_days() -> None:
    """One step of 10 % a day, 365 steps: a year.

    Doubling over two years is the square root of two a year.
    """
    assert measured(pd.Series(1.1 ** np.arange(366), ends(366))).cagr == pytest.approx(
        1.1**365 - 1, rel=1e-9
    )
    assert measured(pd.Series(np.linspace(1.0, 2.0, 731), ends(731))).cagr == pytest.approx(
        math.sqrt(2) - 1, rel=1e-12
    )


def test_ratios_by_hand() -> None:
    """Returns 10 %, -5 %, 1 %.

    Mean 2 %, sample variance (8² + 7² + 1²)/2 of 1e-4, downside sqrt(5²/3) %.
    """
    daily = np.array([0.10, -0.05, 0.01])
    assert sharpe(daily) == pytest.approx(
        0.02 / math.sqrt((64 + 49 + 1) / 2 * 1e-4) * math.sqrt(365), rel=1e-12
    )
    assert sortino(daily) == pytest.approx(
        0.02 / math.sqrt(25 / 3 * 1e-4) * math.sqrt(365), rel=1e-12
    )


def test_drawdown_by_hand() -> None:
    values = np.array([100.0, 120.0, 90.0, 96.0, 120.0, 119.0, 130.0, 65.0])
    assert drawdowns(values).tolist() == pytest.approx(
        [0.0, 0.0, -0.25, -0.2, 0.0, 119 / 120 - 1, 0.0, -0.5]
    )
    assert longest_drawdown(values) == 2
    got = measured(pd.Series(values, ends(8)))
    assert (got.max_drawdown, got.max_drawdown_days) == (0.5, 2)


def test_a_drawdown_that_lasts_to_the_end_counts() -> None:
    assert longest_drawdown(np.array([5.0, 4.0, 5.0, 4.0, 4.5, 4.9])) == 3
    assert longest_drawdown(np.array([5.0, 5.0, 6.0])) == 0


def test_turnover_is_traded_value_over_mean_equity_and_years() -> None:
    equity = pd.Series(np.linspace(100.0, 300.0, 731), ends(731))
    got = measured(equity, traded=1000.0, orders=4, fees=2.5)
    assert got.turnover == pytest.approx(1000.0 / 200.0 / 2.0, rel=1e-12)
    assert (got.orders, got.fees) == (4, 2.5)


def test_exposure_is_the_mean_over_bars() -> None:
    assert measure(curve(0, 4), np.array([0.0, 0.5, 1.0, 0.5]), 0.0, 0, 0.0).exposure == 0.5


def test_a_flat_curve_has_no_ratios() -> None:
    got = measured(pd.Series(100.0, ends(30)))
    assert (got.sharpe, got.sortino, got.calmar) == (None, None, None)
    assert (
        got.total_return,
        got.cagr,
        got.volatility,
        got.max_drawdown,
        got.max_drawdown_days,
    ) == (0.0, 0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize("rate", [0.03, 0.05, 0.001])
@pytest.mark.parametrize("bars_a_day", [1, 24])
def test_a_curve_of_interest_alone_has_no_sharpe_ratio_of_rounding_errors(
    rate: float, bars_a_day: int
) -> None:
    """Cash at a fixed yield, as the broker pays it at each bar.

    A deviation of 1e-16 is none, and a ratio of 1e12 would be a lie.
    """
    values = [100_000.0]
    for _ in range(400 * bars_a_day - 1):
        values.append(values[-1] + values[-1] * ((1 + rate) ** (1 / 365 / bars_a_day) - 1))
    assert (
        measured(
            pd.Series(values, ends(len(values), length=pd.Timedelta(hours=24 // bars_a_day)))
        ).sharpe
        is None
    )


def test_a_curve_that_only_rises_has_no_downside_and_no_drawdown() -> None:
    got = measured(pd.Series([100.0, 101.0, 103.0, 104.0], ends(4)))
    assert (got.sortino, got.calmar, got.max_drawdown) == (None, None, 0.0)
    assert got.sharpe is not None


@pytest.mark.parametrize("days", [1, 2])
def test_too_short_a_curve_gives_none_never_nan(days: int) -> None:
    got = measured(pd.Series([100.0, 90.0][:days], ends(days)), traded=10.0)
    assert all(value is None or math.isfinite(value) for value in got)
    assert got.sharpe is None and got.volatility is None


def test_figures_of_an_intraday_curve_are_those_of_its_daily_values() -> None:
    hours = ends(24 * 50, length=pd.Timedelta(hours=1))
    random = np.random.default_rng(8)
    equity = pd.Series(1000.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, len(hours)))), hours)
    daily = equity[hours == hours.normalize()]
    assert len(daily) == 50
    by_hour, by_day = measured(equity, traded=500.0), measured(daily, traded=500.0)
    assert by_hour == by_day


def test_the_last_bar_of_a_day_ends_at_or_before_24_hours() -> None:
    hours = pd.DatetimeIndex(
        [
            "2020-01-01 22:00",
            "2020-01-01 23:00",
            "2020-01-02 00:00",
            "2020-01-02 01:00",
            "2020-01-02 20:00",
        ],
        tz="UTC",
    )
    assert daily_rows(hours).tolist() == [2, 4]
    assert daily_rows(ends(3)).tolist() == [0, 1, 2]


def test_returns_are_simple() -> None:
    assert returns(np.array([100.0, 110.0, 99.0])).tolist() == pytest.approx([0.1, -0.1])
