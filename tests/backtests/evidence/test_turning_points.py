"""Turning points of hand-made paths, the order of planted layers, and known advances."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backtests.evidence import advances, turning_points
from backtests.evidence.advances import find_advances
from backtests.evidence.document import Claim
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.turning_points import (
    AROUND,
    FIRST_CUTS,
    LAYERS,
    day_of_peak,
    find_turns,
    interval_of_mean,
    order_of_turns,
    share_in_order,
)
from brokers.prices.load import Prices
from strategies.indicators import Floats

START = pd.Timestamp("2012-01-01", tz="UTC")
LEADS = (-30, -20, -10)  # days by which bonds, the broad index and the Russell turn before Bitcoin


def path(*prices: float) -> pd.Series:
    """A price a day."""
    return pd.Series(
        list(prices), index=pd.date_range(START, periods=len(prices), freq="D"), dtype=float
    )


def row(day: pd.Timestamp) -> int:
    return (day - START).days


def found_in(*prices: float) -> list[tuple[int, str, float]]:
    return [(row(one.day), one.kind, one.price) for one in find_turns(path(*prices))]


def history(
    bitcoin: pd.Series,
    alts: Mapping[str, pd.Series] | None = None,
    bonds: pd.Series | None = None,
    **indices: pd.Series,
) -> History:
    """Without layers of their own indices are flat."""
    flat = pd.Series(1.0, index=bitcoin.index)
    assets = {BITCOIN: bitcoin, INDEX: indices.get("small", flat)}
    broad = indices.get("broad", flat)
    nothing = Prices({}, pd.Series(dtype=float), bitcoin.index[-1])
    kinds = {} if bonds is None else {"risky": bonds, "safe": indices.get("safe", bonds)}
    return History(nothing, pd.DataFrame(), broad, broad, kinds, assets, {}, (), alts or {})


def claims(of: History) -> list[Claim]:
    return [*turning_points.claims(of), *advances.claims(of)]


def claims_by_key(
    bitcoin: pd.Series, alts: Mapping[str, pd.Series] | None = None, **layers: pd.Series
) -> dict[tuple[str, str], Claim]:
    return {(one.id, one.reading): one for one in claims(history(bitcoin, alts, **layers))}


def valley(days: int, at: int, steep: float, trend: float = 0.0) -> pd.Series:
    """Falls to one day and rises from it, by so much a day as a log, beside a trend."""
    away = np.arange(days)
    return path(*np.exp(steep * np.abs(away - at) + trend * away))


def wave(turning: int, steep: float, shift: int = 0, trend: float = 0.0) -> pd.Series:
    """Falls for 250 days and rises for 250, so many times, all of it so many days later.

    Beside a trend.
    """
    away = np.arange(500 * turning + 1)
    return path(*np.exp(steep * np.abs((away - shift) % 500 - 250) + trend * away))


def layered(
    turning: int, leads: Sequence[int] = LEADS, trend: float = 0.004
) -> dict[str, pd.Series]:
    return {
        name: wave(turning, 0.002, lead, trend)
        for name, lead in zip(("bonds", "broad", "small"), leads, strict=True)
    }


# --- turns ----------------------------------------------------------------------------------------


def test_highs_and_lows_follow_one_another() -> None:
    assert found_in(100, 40, 90, 160, 70) == [
        (0, "high", 100.0),
        (1, "low", 40.0),
        (3, "high", 160.0),
    ]


def test_turns_stand_on_the_days_of_the_prices() -> None:
    assert [one.day for one in find_turns(path(100, 40, 90))] == [
        pd.Timestamp("2012-01-01", tz="UTC"),
        pd.Timestamp("2012-01-02", tz="UTC"),
    ]


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ((100, 50), [(0, "high", 100.0)]),
        ((100, 50.01), []),
        ((50, 100), [(0, "low", 50.0)]),
        ((50, 99.99), []),
        ((100, 70, 60, 119), []),
        ((100, 70, 60, 120), [(2, "low", 60.0)]),
    ],
)
def test_half_and_double_are_enough_and_less_is_not(
    prices: Sequence[float], expected: list[tuple[int, str, float]]
) -> None:
    assert found_in(*prices) == expected


def test_a_turn_is_the_last_close_before_which_it_went_further() -> None:
    """It falls on after it has lost half, and rises on after it has doubled."""
    assert found_in(90, 100, 45, 30, 59, 60, 200, 150, 100) == [
        (1, "high", 100.0),
        (3, "low", 30.0),
        (6, "high", 200.0),
    ]


def test_of_equal_closes_the_first_is_the_turn() -> None:
    assert found_in(100, 100, 40, 40, 80, 80, 40) == [
        (0, "high", 100.0),
        (2, "low", 40.0),
        (4, "high", 80.0),
    ]


def test_before_the_first_turn_both_ways_are_open() -> None:
    assert found_in(100, 70, 130, 65) == [(2, "high", 130.0)]
    assert found_in(100, 130, 70, 140) == [(2, "low", 70.0)]


def test_no_turn_is_known_before_it_was_confirmed() -> None:
    assert found_in(100, 40, 79) == [(0, "high", 100.0)]
    assert found_in(*range(100, 150)) == [] and found_in(100) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-0.6, 0.6), min_size=1, max_size=150))
def test_turns_are_the_extremes_between_their_neighbours(steps: list[float]) -> None:
    prices = np.exp(np.cumsum(steps))
    found = found_in(*prices)
    for (first, kind, price), (second, other, later) in pairwise(found):
        assert kind != other and price == prices[first]
        between = prices[first : second + 1]
        assert (between.min(), between.max()) == (
            (price, later) if kind == "low" else (later, price)
        )
        assert later >= 2.0 * price if kind == "low" else later <= 0.5 * price
    if found:
        last, kind, price = found[-1]
        assert (
            prices[last:].max() >= 2.0 * price
            if kind == "low"
            else prices[last:].min() <= 0.5 * price
        )
        assert prices[last:].min() == price if kind == "low" else prices[last:].max() == price
    else:
        assert (1.0 - prices / np.maximum.accumulate(prices)).max() < 0.5 and (
            prices / np.minimum.accumulate(prices)
        ).max() < 2.0


def test_advances_run_from_low_to_high_and_the_last_as_far_as_it_came() -> None:
    found = find_advances(path(100, 40, 60, 160, 70, 60, 100, 130, 120))
    assert [
        (row(one.low.day), row(one.high.day), one.high.price, one.is_finished, one.days)
        for one in found
    ] == [
        (1, 3, 160.0, True, 2),
        (5, 7, 130.0, False, 2),
    ]


def test_an_advance_that_ended_is_the_last_where_no_low_came_after() -> None:
    assert [one.is_finished for one in find_advances(path(40, 160, 70, 60, 100))] == [True]
    assert find_advances(path(100, 40, 70)) == []


# --- the order of layers --------------------------------------------------------------------------


def test_layers_turn_on_their_own_days_beside_their_trend() -> None:
    """The index rises by 0.004 a day whatever the valley does: it is lowest at the window's
    beginning, beside its line at the valley.
    """
    small = valley(1001, 480, 0.002, 0.004)
    found = order_of_turns(history(valley(1001, 500, 0.01), small=small), (INDEX, BITCOIN), "low")
    assert [(row(one.turn.day), one.days) for one in found] == [(500, {INDEX: -20, BITCOIN: 0})]
    assert small.iloc[500 - AROUND : 501 + AROUND].argmin() == 0


def test_at_highs_layers_are_highest() -> None:
    bitcoin, small = 1.0 / valley(1001, 500, 0.01), 1.0 / valley(1001, 537, 0.002, 0.004)
    found = order_of_turns(history(bitcoin, small=small), (INDEX, BITCOIN), "high")
    assert [(row(one.turn.day), one.turn.kind, one.days) for one in found] == [
        (500, "high", {INDEX: 37, BITCOIN: 0})
    ]
    assert order_of_turns(history(bitcoin, small=small), (INDEX, BITCOIN), "low") == []


@pytest.mark.parametrize("bump", [-150, -1, 0, 1, 90])
def test_a_bump_on_a_rising_layer_is_found_where_it_is(bump: int) -> None:
    days = np.arange(-AROUND, AROUND + 1)
    logs: Floats = 0.01 * days + 0.3 * np.exp(-((days - bump) ** 2) / 50.0)
    assert day_of_peak(logs) == bump
    assert logs.argmax() == 2 * AROUND or bump == 90


def test_a_line_is_taken_off_whatever_its_level() -> None:
    days = np.arange(-AROUND, AROUND + 1)
    bump: Floats = np.exp(-((days - 33) ** 2) / 50.0)
    assert {
        day_of_peak(bump + level + slope * days)
        for level in (-5.0, 0.0, 9.0)
        for slope in (-0.05, 0.0, 0.05)
    } == {33}


@pytest.mark.parametrize("vertex", [-60, 0, 60])
def test_what_bends_evenly_turns_in_the_middle_once_its_line_is_gone(vertex: int) -> None:
    """-(day - vertex)^2 is -day^2 and a line, wherever its vertex was."""
    assert day_of_peak(-((np.arange(-AROUND, AROUND + 1) - vertex) ** 2.0)) == 0


@pytest.mark.parametrize(
    ("apart", "counted"), [(100, [600]), (182, [682]), (183, [500, 683]), (250, [500, 750])]
)
def test_a_low_with_a_lower_one_within_182_days_is_not_counted(
    apart: int, counted: list[int]
) -> None:
    """Both are turns: between them the price trebles, and falls back to 1 % less."""
    away = np.arange(1201)
    logs = np.interp(
        away,
        [0, 500, 500 + apart // 2, 500 + apart, 1200],
        [3.0, 0.0, np.log(3.0), np.log(0.99), 3.0],
    )
    bitcoin = path(*np.exp(logs))
    assert [row(one.day) for one in find_turns(bitcoin) if one.kind == "low"] == [500, 500 + apart]
    assert [
        row(one.turn.day) for one in order_of_turns(history(bitcoin), (INDEX, BITCOIN), "low")
    ] == counted


@pytest.mark.parametrize(
    ("first", "last", "counted"), [(318, 682, 1), (319, 682, 0), (318, 681, 0)]
)
def test_turns_count_only_where_all_layers_have_prices_all_around(
    first: int, last: int, counted: int
) -> None:
    small = valley(1001, 480, 0.002).iloc[first : last + 1]
    assert (
        len(order_of_turns(history(valley(1001, 500, 0.01), small=small), (INDEX, BITCOIN), "low"))
        == counted
    )


def test_other_layers_do_not_matter() -> None:
    short = valley(1001, 480, 0.002).iloc[450:]
    found = order_of_turns(
        history(valley(1001, 500, 0.01), broad=short, small=valley(1001, 480, 0.002)),
        (INDEX, BITCOIN),
        "low",
    )
    assert [set(one.days) for one in found] == [{INDEX, BITCOIN}]


def test_agreement_is_the_share_of_pairs_in_their_order() -> None:
    days = np.array([[-9, 0, 4], [4, 0, -9], [0, 0, 1], [5, 5, 5], [1, 3, 2]])
    assert share_in_order(days).tolist() == pytest.approx(
        [1.0, 0.0, (0.5 + 1.0 + 1.0) / 3.0, 0.5, 2.0 / 3.0]
    )


@pytest.mark.parametrize("count", [2, 5, 9])
def test_the_interval_of_a_mean_is_students(count: int) -> None:
    """As far as shares go."""
    values = np.random.default_rng(count).uniform(0.2, 0.5, count)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert interval_of_mean(values) == pytest.approx(
        (max(expected.low, 0.0), min(expected.high, 1.0))
    )


# --- after first cuts -----------------------------------------------------------------------------

CUT_DAYS = pd.date_range("1988-01-01", "2025-12-31", freq="D", tz="UTC")
CUTS = [pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1) for day in FIRST_CUTS]
READING = "the order after first cuts"
PAIR = "blue chips before small caps after first cuts"


def after_cuts(
    lead: int | Sequence[int], first: str = "1988-01-01", trend: float = 0.001
) -> pd.Series:
    """Lowest so many days after each cut beside a trend; of several each cut has its own."""
    leads = [lead] * len(CUTS) if isinstance(lead, int) else lead
    lows = [cut + pd.Timedelta(days=days) for cut, days in zip(CUTS, leads, strict=True)]
    away = np.min([np.abs((CUT_DAYS - low).days) for low in lows], axis=0)
    # Without noise rounding alone would say where a straight piece is lowest beside its line.
    noise = np.random.default_rng(1).normal(0.0, 1e-6, len(CUT_DAYS))
    closes = np.exp(0.005 * away + trend * np.arange(len(CUT_DAYS)) + noise)
    return pd.Series(closes, CUT_DAYS)[pd.Timestamp(first, tz="UTC") :]


def layers_after_cuts(
    leads: Sequence[int], bitcoin_from: str = "1988-01-01"
) -> dict[tuple[str, str], Claim]:
    """Bonds, the broad index, the Russell and Bitcoin."""
    bonds, broad, small = (after_cuts(lead) for lead in leads[:3])
    coin = after_cuts(leads[3], bitcoin_from)
    of = history(coin, bonds=bonds, broad=broad, small=small)
    return {(one.id, one.reading): one for one in turning_points.claims(of)}


def test_first_cuts_are_years_apart() -> None:
    assert all((later - earlier).days > 730 for earlier, later in pairwise(FIRST_CUTS))
    assert len(FIRST_CUTS) == 7 and FIRST_CUTS[-1].isoformat() == "2024-09-18"


@pytest.mark.parametrize(
    ("leads", "word", "share", "p"),
    [
        ((60, 90, 120, 150), "supported", 1.0, 1 / 24),
        ((150, 120, 90, 60), "contradicted", 0.0, 23 / 24),
    ],
)
def test_layers_that_turn_in_that_order_or_against_it(
    leads: Sequence[int], word: str, share: float, p: float
) -> None:
    """Of the 24 orders of four layers only their own fits as well."""
    found = layers_after_cuts(leads)
    layers = {statement.id: names for statement, names in LAYERS.items()}
    for id_, first in (("B5", "high-yield bonds"), ("A10", "government bonds")):
        claim = found[id_, READING]
        assert (claim.verdict, claim.estimate, claim.low, claim.high) == (word, share, share, share)
        assert (claim.n, claim.unit, claim.side, claim.null) == (7, "share", "above", 0.5)
        assert claim.p == pytest.approx(p) and claim.data == ", ".join(layers[id_])
        days = zip((first, "broad index", INDEX, BITCOIN), leads, strict=True)
        assert ", ".join(f"{name} {lead}" for name, lead in days) in claim.why


def test_an_order_that_changes_with_the_cut_is_inconclusive() -> None:
    """Four times this way and three times the other: shares of 1 and 0, of which Student's."""
    ways = [1, 1, 1, 1, 0, 0, 0]
    leads = [[lead if way else 210 - lead for way in ways] for lead in (60, 90, 120, 150)]
    bonds, broad, small, coin = (after_cuts(lead) for lead in leads)
    of = history(coin, bonds=bonds, broad=broad, small=small)
    claim = {(one.id, one.reading): one for one in turning_points.claims(of)}["B5", READING]
    expected = stats.ttest_1samp(ways, 0.0).confidence_interval(0.95)
    assert claim.verdict == "inconclusive" and claim.estimate == pytest.approx(4 / 7)
    assert (claim.low, claim.high) == pytest.approx((expected.low, min(expected.high, 1.0)))


@pytest.mark.parametrize(
    ("bitcoin_from", "n"), [("2001-01-04", 4), ("2001-01-05", 3), ("2019-08-02", 0)]
)
def test_a_cut_counts_where_all_layers_have_prices_for_the_year_after(
    bitcoin_from: str, n: int
) -> None:
    """Fewer than five cuts are inconclusive, a single one is no order at all."""
    claim = layers_after_cuts((60, 90, 120, 150), bitcoin_from)["A10", READING]
    assert (claim.verdict, claim.n) == ("inconclusive", n)
    assert claim.estimate == (1.0 if n else None)


def test_the_upper_layers_are_compared_with_years_that_begin_anywhere() -> None:
    """The base rate by a plain loop over every 28th day."""
    broad, small = after_cuts(90), after_cuts((120, 60, 120, 120, 90, 120, 60), trend=0.002)
    of = history(after_cuts(150, "2012-01-01"), broad=broad, small=small)
    claim = {(one.id, one.reading): one for one in turning_points.claims(of)}["A10", PAIR]
    lags = "+30, -30, +30, +30, +0, +30, -30"
    assert (claim.n, claim.estimate) == (7, pytest.approx(4 / 7)) and lags in claim.why
    wins = []
    days = np.arange(365.0)
    for first in range(0, len(CUT_DAYS) - 364, 28):
        lows = []
        for series in (broad, small):
            logs = np.log(series.to_numpy()[first : first + 365])
            lows.append((logs - np.polyval(np.polyfit(days, logs, 1), days)).argmin())
        wins.append(lows[0] < lows[1])
    assert claim.null == pytest.approx(np.mean(wins), abs=1e-9)
    assert claim.p == pytest.approx(stats.binomtest(4, 7, claim.null, "greater").pvalue)


def test_without_bonds_there_is_no_order_but_the_upper_layers() -> None:
    of = history(after_cuts(150), broad=after_cuts(90), small=after_cuts(120))
    found = {(one.id, one.reading): one for one in turning_points.claims(of)}
    for id_ in ("B5", "A10"):
        assert found[id_, READING].why == (
            "There are no prices of bonds, indices and BTC for a year after two first cuts."
        )
    assert found["A10", PAIR].estimate == 1.0


# --- alts while Bitcoin advances ------------------------------------------------------------------

RISES = path(
    100, 40, 60, 100, 120, 50, 30, 45, 75, 90, 40
)  # 40 to 120 on days 1 to 4, 30 to 90 on days 6 to 9: both times +200 %


def test_alts_apart_and_fallen_on_the_way() -> None:
    alts = {
        "much": path(
            9, 1, 2, 1, 4, 1, 1, 3, 2, 5, 1
        ),  # +300 % after a fall of half, +400 % after one of a third
        "little": path(
            9, 1, 1.5, 0.9, 2, 1, 1, 0.6, 1, 2, 1
        ),  # +100 % after one of 40 %, +100 % after one of 40 %
    }
    found = claims_by_key(RISES, alts)
    together = found["B12", "not together"]
    assert (together.verdict, together.estimate, together.n) == ("supported", 1.0, 2)
    assert (
        "2012-01-01: much +300%, little +100%, BTC +200%;"
        " 2012-01-06: much +400%, little +100%, BTC +200%" in together.why
    )
    line = found["B12", "not in a straight line"]
    first, second = (0.5 + 0.4) / 2.0, (1.0 / 3.0 + 0.4) / 2.0
    assert (
        line.verdict == "supported"
        and line.estimate == pytest.approx((first + second) / 2.0)
        and line.n == 2
    )
    assert "was 45%, 37%" in line.why


def test_alts_that_all_beat_bitcoin_in_a_straight_line() -> None:
    alts = {
        name: path(1, 1, 2, 3, many, 1, 1, 2, 3, many, 1)
        for name, many in (("much", 9), ("more", 12))
    }
    found = claims_by_key(RISES, alts)
    assert (found["B12", "not together"].verdict, found["B12", "not together"].estimate) == (
        "contradicted",
        0.0,
    )
    assert (
        found["B12", "not in a straight line"].verdict,
        found["B12", "not in a straight line"].estimate,
    ) == ("contradicted", 0.0)


def test_alts_that_all_lag_bitcoin_are_not_apart_either() -> None:
    alts = {
        name: path(1, 1, 1.2, 1.4, many, 1, 1, 1.2, 1.4, many, 1)
        for name, many in (("little", 1.5), ("less", 1.4))
    }
    assert (
        claims_by_key(RISES, alts)["B12", "not together"].verdict,
        claims_by_key(RISES, alts)["B12", "not together"].estimate,
    ) == ("contradicted", 0.0)


def test_half_of_the_advances_are_not_most() -> None:
    alts = {
        "much": path(9, 1, 0.5, 1, 4, 1, 1, 2, 3, 5, 1),
        "little": path(9, 1, 0.5, 1, 2, 1, 1, 2, 3, 4, 1),
    }
    found = claims_by_key(RISES, alts)
    assert (found["B12", "not together"].verdict, found["B12", "not together"].estimate) == (
        "contradicted",
        0.5,
    )
    assert (
        found["B12", "not in a straight line"].verdict,
        found["B12", "not in a straight line"].estimate,
    ) == ("contradicted", 0.25)


def test_a_fall_of_30_percent_is_one() -> None:
    for low, word in ((7.0, "supported"), (7.01, "contradicted")):
        alts = {name: path(1, 10, 10, low, 40, 1, 10, 10, low, 40, 1) for name in ("one", "other")}
        assert claims_by_key(RISES, alts)["B12", "not in a straight line"].verdict == word


def test_falls_before_and_after_an_advance_are_not_on_its_way() -> None:
    alts = {
        name: path(90, 1, 2, 3, many, 0.1, 1, 2, 3, many, 0.1)
        for name, many in (("much", 9), ("little", 3.5))
    }
    assert claims_by_key(RISES, alts)["B12", "not in a straight line"].estimate == 0.0


def test_alts_that_were_listed_later_or_ended_before_are_left_out() -> None:
    """Of the first advance only two remain; "late" would have gained least, "gone" most."""
    alts = {
        "much": path(9, 1, 2, 3, 4, 1, 1, 2, 3, 4, 1).iloc[1:],  # on the very day
        "little": path(9, 1, 2, 2, 2, 1, 1, 2, 2, 2, 1),
        "late": path(9, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1).iloc[2:],
        "gone": path(9, 1, 100, 100),
    }
    why = claims_by_key(RISES, alts)["B12", "not together"].why
    assert (
        "2012-01-01: much +300%, little +100%, BTC +200%;"
        " 2012-01-06: much +300%, late +0%, BTC +200%" in why
    )


@pytest.mark.parametrize("alts", [{}, {"one": RISES}, {"one": RISES, "late": RISES.iloc[7:]}])
def test_fewer_than_two_alts_are_not_apart(alts: dict[str, pd.Series]) -> None:
    found = claims_by_key(RISES, alts)
    for reading in ("not together", "not in a straight line"):
        assert (found["B12", reading].verdict, found["B12", reading].why) == (
            "inconclusive",
            "There are no prices of two alts over an advance of BTC.",
        )
