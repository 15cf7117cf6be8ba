"""Easings by yield and balance sheet: days worked out by hand, and the order of layers."""

import numpy as np
import pandas as pd

from backtests.evidence import easings
from backtests.evidence.easings import asset_easings, yield_easings
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from brokers.prices.load import Prices

DAYS = pd.date_range("2000-01-01", "2010-12-31", freq="D", tz="UTC")
WEEKS = pd.date_range("2000-01-06", "2010-12-30", freq="7D", tz="UTC")


def steps(**changes: float) -> pd.Series:
    """5 percent, and from each day on (d20030601) another yield."""
    values = pd.Series(5.0, index=DAYS)
    for day, value in changes.items():
        values[pd.Timestamp(day[1:], tz="UTC") :] = value
    return values


def days(instants: list[pd.Timestamp]) -> list[str]:
    return [f"{instant:%Y-%m-%d}" for instant in instants]


def test_a_fall_of_a_percentage_point_is_an_easing_and_a_smaller_one_is_not():
    assert days(yield_easings(steps(d20030601=4.0))) == ["2003-06-01"]
    assert days(yield_easings(steps(d20030601=4.01))) == []


def test_a_second_fall_soon_after_belongs_to_the_first():
    """The first stands a point below the year's highest until 2004-05-31; a year must pass."""
    soon = steps(d20030601=4.0, d20050401=3.0)
    late = steps(d20030601=4.0, d20050701=3.0)
    assert days(yield_easings(soon)) == ["2003-06-01"]
    assert days(yield_easings(late)) == ["2003-06-01", "2005-07-01"]


def test_a_slow_fall_is_none():
    """A point in two years: half a point below the year's highest."""
    slow = pd.Series(np.linspace(8.0, 2.5, len(DAYS)), index=DAYS)
    assert yield_easings(slow) == []


def test_a_fall_in_the_first_year_of_a_series_is_not_known_to_be_the_first():
    assert yield_easings(steps(d20000601=4.0)) == []


def test_a_balance_sheet_a_tenth_above_the_year_before_is_an_easing():
    values = pd.Series(1000.0, index=WEEKS)
    values["2005-03-01":] = 1100.0
    assert days(asset_easings(values)) == ["2005-03-03"]
    values["2005-03-01":] = 1099.0
    assert asset_easings(values) == []


def test_december_banknotes_are_none():
    """A quarter's rise of 5 % every December, gone by January."""
    values = pd.Series(1000.0, index=WEEKS)
    values[WEEKS.month == 12] = 1050.0
    assert asset_easings(values) == []


def test_nothing_comes_of_nothing():
    nothing = pd.Series(dtype=float, index=DAYS[:0])
    assert yield_easings(nothing) == asset_easings(nothing) == []


def dipping(days_after: int) -> pd.Series:
    """Flat with a day's dip so many days after each first of July."""
    values = pd.Series(100.0, index=DAYS)
    for year in range(2000, 2011):
        low = pd.Timestamp(f"{year}-07-01", tz="UTC") + pd.Timedelta(days=days_after)
        values.loc[low:low] = 80.0
    return values


def world(broad: int, small: int, **macro: pd.Series) -> History:
    closes = dipping(small)
    named = {
        name.replace("_", " ").replace("two year", "two-year"): of for name, of in macro.items()
    }
    return History(
        Prices({}, pd.Series(dtype=float), DAYS[-1]),
        pd.DataFrame({"close": closes}),
        closes,
        dipping(broad),
        {},
        {INDEX: daily_closes(closes), BITCOIN: dipping(200)["2008-01-01":]},
        {},
        (),
        macro=named,
    )


# Falls on the first of July, two years apart.
FALLS = steps(d20020701=4.0, d20040701=3.0, d20060701=2.0, d20080701=1.0)


def test_the_order_of_layers_is_counted():
    claims = list(easings.claims(world(20, 60, two_year_yield=FALLS)))
    by_yield, by_assets = claims
    assert (by_yield.n, by_yield.estimate) == (4, 1.0)
    assert "broad index 20 (of 4), Russell 2000 60 (of 4), BTC 200 (of 1)" in by_yield.why
    assert by_assets.verdict == "inconclusive"
    assert "no prices of the Fed's total assets" in by_assets.why


def test_the_opposite_order_is_counted_as_well():
    claim, _ = easings.claims(world(60, 20, two_year_yield=FALLS))
    assert (claim.n, claim.estimate) == (4, 0.0)


def test_both_are_tests_of_the_risk_curve():
    claims = easings.claims(world(20, 60, two_year_yield=FALLS))
    assert [(claim.id, claim.kind) for claim in claims] == [("A10", "test")] * 2
