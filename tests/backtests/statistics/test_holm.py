"""The correction for the number of tests, by hand and against statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from backtests.statistics.holm import correct_holm


def test_p_is_corrected_for_the_number_of_tests() -> None:
    """Holm by hand: 3 x 0.01, 2 x 0.02, 0.03 kept at what came before."""
    assert correct_holm([0.02, None, 0.01, 0.03]) == [
        pytest.approx(0.04),
        None,
        pytest.approx(0.03),
        pytest.approx(0.04),
    ]
    assert correct_holm([0.9, 0.8]) == [1.0, 1.0] and correct_holm([]) == []


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60))
def test_it_is_that_of_an_independent_library(ps: list[float]) -> None:
    expected = multipletests(np.array(ps), method="holm")[1]
    assert correct_holm(ps) == pytest.approx(expected.tolist())
