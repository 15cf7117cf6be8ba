"""What a book gives for an order."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.orders.book import walk_book

ASKS = ((100.0, 1.0), (101.0, 2.0), (110.0, 5.0))


@pytest.mark.parametrize(
    ("size", "filled", "average"),
    [
        (0.5, 0.5, 100.0),
        (1.0, 1.0, 100.0),
        (2.0, 2.0, (100.0 + 101.0) / 2),
        (4.0, 4.0, (100.0 + 202.0 + 110.0) / 4),
        (99.0, 8.0, (100 + 202 + 550) / 8),
    ],
)
def test_levels_are_taken_best_first(size: float, filled: float, average: float) -> None:
    assert walk_book(ASKS, size) == pytest.approx((filled, average))


def test_a_limit_leaves_the_levels_behind_it() -> None:
    assert walk_book(ASKS, 99.0, 101.0) == (3.0, pytest.approx(302.0 / 3))
    bids = ((99.0, 1.0), (98.0, 1.0))
    assert walk_book(bids, 5.0, 98.5, buying=False) == (1.0, 99.0)


def test_an_empty_book_gives_nothing() -> None:
    assert walk_book((), 1.0) == (0.0, 0.0)
    assert walk_book(ASKS, 1.0, 99.0) == (0.0, 0.0)


@given(st.floats(1e-8, 1e8), st.floats(1e-6, 1e8))
def test_one_endless_level_has_exactly_its_price(price: float, size: float) -> None:
    assert walk_book(((price, math.inf),), size) == (size, price)
