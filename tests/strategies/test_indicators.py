"""Rolling statistics against arithmetic written out here, and the properties the gate rests on."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.indicators import annualised_volatility, excess, rolling_max, rolling_mean

FEW = settings(max_examples=60, deadline=None, database=None)
PRICES = st.lists(st.floats(0.01, 1e5), min_size=1, max_size=40).map(np.array)
NAN = math.nan


def test_rolling_mean_is_the_mean_of_the_window_including_the_current_value() -> None:
    np.testing.assert_array_equal(
        rolling_mean(np.array([1.0, 2.0, 6.0, 4.0]), 3),
        [NAN, NAN, (1 + 2 + 6) / 3, (2 + 6 + 4) / 3],
    )


def test_excess_is_the_value_over_its_mean_minus_one() -> None:
    np.testing.assert_allclose(
        excess(np.array([1.0, 2.0, 6.0, 2.0]), 3), [NAN, NAN, 6 / 3 - 1, 2 / (10 / 3) - 1]
    )


def test_volatility_is_the_sample_deviation_of_log_returns_a_year() -> None:
    # Returns ln 2, ln 2, -ln 2: mean ln 2 / 3, squared deviations (4/9 + 4/9 + 16/9) ln² 2, over 3
    # - 1, times 365.
    expected = math.sqrt((4 + 4 + 16) / 9 * math.log(2) ** 2 / 2 * 365)
    np.testing.assert_allclose(
        annualised_volatility(np.array([1.0, 2.0, 4.0, 2.0]), 3), [NAN, NAN, NAN, expected]
    )


def test_volatility_takes_its_periods_a_year() -> None:
    closes = np.array([1.0, 2.0, 4.0, 2.0, 3.0])
    np.testing.assert_allclose(
        annualised_volatility(closes, 2, periods=100) * 2,
        annualised_volatility(closes, 2, periods=400),
    )


def test_volatility_of_equal_returns_is_exactly_zero() -> None:
    np.testing.assert_array_equal(
        annualised_volatility(np.array([1.0, 2.0, 4.0, 8.0]), 2), [NAN, NAN, 0.0, 0.0]
    )


def test_rolling_max_is_the_largest_of_the_window_shorter_at_the_start() -> None:
    np.testing.assert_array_equal(
        rolling_max(np.array([3.0, 1.0, 2.0, 1.0, 0.0]), 3), [3, 3, 3, 2, 2]
    )
    np.testing.assert_array_equal(rolling_max(np.array([1.0, 3.0, 2.0]), 10), [1, 3, 3])


def test_rolling_max_ignores_nan() -> None:
    np.testing.assert_array_equal(rolling_max(np.array([NAN, 1.0, NAN, NAN]), 2), [NAN, 1, 1, NAN])


@FEW
@given(values=PRICES, window=st.integers(1, 12))
def test_mean_and_excess_agree_with_numpy_and_pandas(values: np.ndarray, window: int) -> None:
    written_out = [
        values[i - window + 1 : i + 1].mean() if i + 1 >= window else NAN
        for i in range(len(values))
    ]
    scale = (
        values.max()
    )  # pandas' running sum keeps an error of the largest value that passed through it
    np.testing.assert_allclose(rolling_mean(values, window), written_out, rtol=1e-12)
    np.testing.assert_allclose(
        rolling_mean(values, window),
        pd.Series(values).rolling(window).mean(),
        rtol=1e-9,
        atol=1e-9 * scale,
    )
    np.testing.assert_allclose(
        excess(values, window), values / np.array(written_out) - 1, rtol=1e-9, atol=1e-11
    )


@FEW
@given(values=PRICES, window=st.integers(2, 12))
def test_volatility_agrees_with_numpy(values: np.ndarray, window: int) -> None:
    returns = np.diff(np.log(values))
    written_out = [
        returns[i - window : i].std(ddof=1) * math.sqrt(365) if i >= window else NAN
        for i in range(len(values))
    ]
    np.testing.assert_allclose(
        annualised_volatility(values, window), written_out, rtol=1e-9, atol=1e-9
    )


def test_volatility_agrees_with_pandas() -> None:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.03, 300)))
    expected = np.log(pd.Series(closes)).diff().rolling(30).std() * math.sqrt(365)
    np.testing.assert_allclose(annualised_volatility(closes, 30), expected, rtol=1e-9)


@pytest.mark.parametrize("window", [1, 2, 3, 10, 200])
@pytest.mark.parametrize("value", [0.1, 0.7, 1 / 3, 1298.6, 1e-8])
def test_a_flat_series_is_exactly_its_own_mean(value: float, window: int) -> None:
    flat = np.full(300, value)
    mean = rolling_mean(flat, window)
    assert not (flat > mean).any()
    assert not (flat < mean).any()
    assert not (excess(flat, window)[window - 1 :] != 0).any()


def test_a_flat_stretch_after_a_jump_is_exactly_its_own_mean() -> None:
    series = np.array([1e7, 3.3, *[0.1] * 20])  # a running sum would still carry the error of 1e7
    np.testing.assert_array_equal(rolling_mean(series, 5)[6:], [0.1] * 16)


def test_results_are_nan_until_the_window_is_full() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert np.isnan(rolling_mean(values, 4)).tolist() == [True, True, True, False]
    assert np.isnan(excess(values, 4)).tolist() == [True, True, True, False]
    assert np.isnan(annualised_volatility(values, 3)).tolist() == [True, True, True, False]
    assert np.isnan(rolling_mean(values, 5)).all()
    assert np.isnan(annualised_volatility(values, 9)).all()


def test_a_nan_makes_every_window_that_holds_it_unknown_and_no_other() -> None:
    values = np.array([1.0, 2.0, NAN, 4.0, 5.0, 6.0])
    assert np.isnan(rolling_mean(values, 2)).tolist() == [True, False, True, True, False, False]
    assert np.isnan(excess(values, 2)).tolist() == [True, False, True, True, False, False]
    # A missing close takes two returns with it: those of rows 2 and 3.
    assert (
        np.isnan(
            annualised_volatility(np.arange(1.0, 8.0) * np.where(np.arange(7) == 2, NAN, 1), 2)
        ).tolist()
        == [True] * 5 + [False] * 2
    )


@FEW
@given(
    values=PRICES,
    front=st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=10),
    window=st.integers(2, 8),
)
def test_earlier_history_changes_no_bit(
    values: np.ndarray, front: list[float], window: int
) -> None:
    longer = np.array([*front, *values])
    for measure in (rolling_mean, excess):
        np.testing.assert_array_equal(
            measure(longer, window)[len(front) + window - 1 :],
            measure(values, window)[window - 1 :],
        )
    np.testing.assert_array_equal(
        annualised_volatility(longer, window)[len(front) + window :],
        annualised_volatility(values, window)[window:],
    )


@FEW
@given(values=PRICES, window=st.integers(1, 8), cut=st.integers(1, 40))
def test_later_values_change_no_bit(values: np.ndarray, window: int, cut: int) -> None:
    for measure in (rolling_mean, excess, rolling_max):
        np.testing.assert_array_equal(measure(values, window)[:cut], measure(values[:cut], window))
    np.testing.assert_array_equal(
        annualised_volatility(values, window + 1)[:cut],
        annualised_volatility(values[:cut], window + 1),
    )


@FEW
@given(seed=st.integers(0, 2**32 - 1), window=st.integers(1, 8), factor=st.floats(1e-3, 1e3))
def test_rescaling_keeps_the_sign_of_excess(seed: int, window: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    values = np.repeat(
        random.uniform(0.5, 2.0, 12), random.integers(1, 9, 12)
    )  # with flat stretches, where the sign is 0
    np.testing.assert_array_equal(
        np.sign(excess(values * factor, window)), np.sign(excess(values, window))
    )


@FEW
@given(values=PRICES, window=st.integers(1, 8), exponent=st.integers(-20, 20))
def test_rescaling_by_a_power_of_two_changes_no_bit_of_excess(
    values: np.ndarray, window: int, exponent: int
) -> None:
    np.testing.assert_array_equal(excess(values * 2.0**exponent, window), excess(values, window))


def test_arguments_are_left_as_they_were() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    for measure in (rolling_mean, excess, annualised_volatility, rolling_max):
        measure(values, 2)
    np.testing.assert_array_equal(values, [1.0, 2.0, 3.0, 4.0])
