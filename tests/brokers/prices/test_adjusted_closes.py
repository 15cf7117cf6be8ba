"""Missing adjusted closes: filled where only one value is possible, refused by date elsewhere."""

import numpy as np
import pandas as pd
import pytest

from brokers.prices.adjusted_closes import MOST_NEWEST, SAME_RATIO, fill_adjusted
from brokers.prices.clean import clean_series
from brokers.prices.series import DataError, Request, Series

DAYS = pd.bdate_range("2024-01-01", periods=40)
CLOSES = 100.0 + np.arange(40.0)
RATIOS = np.where(np.arange(40) < 20, 0.95, 1.0)  # a dividend of 5 % in row 20
ORIGIN = "daily/HYG.csv"


def without(*rows: int) -> np.ndarray:
    adjusted = RATIOS * CLOSES
    adjusted[list(rows)] = np.nan
    return adjusted


def series_of(adjusted: np.ndarray, symbol: str = "HYG") -> Series:
    closes = pd.Series((DAYS + pd.Timedelta(hours=21)).tz_localize("UTC"), DAYS)
    rows = pd.DataFrame({"close": CLOSES, "adj_close": adjusted}, DAYS)
    return clean_series(
        Request(symbol, "session"),
        rows,
        source="folder",
        origin=ORIGIN,
        closes=closes,
        delay=pd.Timedelta(0),
        now=closes.iloc[-1],
    )


@pytest.mark.parametrize(
    "rows", [(1,), (5, 6, 7), (3, 9, 30), (18,), (21,), (39,), tuple(range(35, 40))]
)
def test_a_gap_without_a_dividend_has_the_ratio_around_it(rows: tuple[int, ...]) -> None:
    """The expected total return is that of the file nobody took rows out of."""
    series = series_of(without(*rows))
    np.testing.assert_allclose(series.frame["adj_close"], RATIOS * CLOSES, rtol=1e-12)
    (note,) = [note for note in series.notes if "adjusted" in note]
    noun = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    assert note == (
        f"{noun} without an adjusted close: its ratio to the close is that of the row before"
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            tuple(range(6)),
            "cannot be filled, first 2024-01-01 to 2024-01-08: they are more than the",
        ),
        (tuple(range(15)), "15 rows without an adjusted close that cannot be filled, first"),
        ((19,), "first 2024-01-26: its ratio to the close is 0.95 before and 1 after, so"),
        ((20,), "first 2024-01-29: its ratio to the close is 0.95 before and 1 after, so"),
        ((5, 18, 19, 20, 21), "4 rows without an adjusted close that cannot be filled, first"),
        ((5, 18, 19, 20, 21), "first 2024-01-25 to 2024-01-30"),
        (tuple(range(34, 40)), "more than the 5 newest"),
    ],
)
def test_a_gap_in_which_there_may_have_been_a_dividend_is_refused_by_its_rows(
    rows: tuple[int, ...], words: str
) -> None:
    with pytest.raises(DataError) as refused:
        series_of(without(*rows))
    assert words in str(refused.value) and str(refused.value).startswith(ORIGIN)


def test_rounding_is_no_dividend() -> None:
    adjusted = without(10)
    for factor, is_filled in ((0.9, True), (1.1, False)):
        adjusted[11:20] = 0.95 * CLOSES[11:20] * (1.0 + factor * SAME_RATIO)
        if is_filled:
            assert fill_adjusted(CLOSES, adjusted, DAYS, ORIGIN)[0][10] == pytest.approx(0.95 * 110)
        else:
            with pytest.raises(DataError, match="a dividend in between"):
                fill_adjusted(CLOSES, adjusted, DAYS, ORIGIN)


@pytest.mark.parametrize("rows", [(0,), tuple(range(5)), (0, 1, 10, 39)])
def test_the_oldest_rows_have_the_ratio_of_the_row_after(rows: tuple[int, ...]) -> None:
    series = series_of(without(*rows))
    np.testing.assert_allclose(series.frame["adj_close"], RATIOS * CLOSES, rtol=1e-12)
    (note,) = [note for note in series.notes if "adjusted" in note]
    assert note.endswith("of the first rows that of the row after")


@pytest.mark.parametrize("price", [1.0, 3.0, 8.0])
def test_rounding_to_cents_of_a_low_price_is_no_dividend(price: float) -> None:
    closes = np.round(price * CLOSES / 100.0, 2)
    whole = np.round(0.9 * closes, 2)
    for row in range(1, 39):
        adjusted = np.where(np.arange(40) == row, np.nan, whole)
        filled, _ = fill_adjusted(closes, adjusted, DAYS, ORIGIN)
        assert filled[row] == pytest.approx(whole[row], abs=0.011)
    paid = np.where(np.arange(40) < 20, 0.95 * whole, whole)
    paid[19] = np.nan
    with pytest.raises(DataError, match="a dividend in between"):
        fill_adjusted(closes, paid, DAYS, ORIGIN)


def test_an_index_has_no_dividends_and_a_whole_file_needs_none() -> None:
    missing = np.full(40, np.nan)
    assert series_of(missing).notes[0] == "no adjusted close: ratios exclude dividends"
    np.testing.assert_array_equal(series_of(missing).frame["adj_close"], CLOSES)
    some = CLOSES.copy()
    some[:15] = np.nan
    np.testing.assert_array_equal(series_of(some, "^RUT").frame["adj_close"], CLOSES)
    assert MOST_NEWEST == 5, "the newest five, as the tests above have it"
