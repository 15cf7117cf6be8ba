"""Block heights by day, and maximum drawdowns: by hand, by a plain loop, on planted paths."""

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.benchmarks.halvings import HALVINGS, Halving, height_on
from backtests.evidence import volatility
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.user_series import ETF_START
from backtests.evidence.volatility import max_drawdowns
from backtests.statistics.stationary_bootstrap import draw_days
from brokers.prices.load import Prices
from config.settings import load
from strategies.indicators import Floats

EVIDENCE = load().evidence
WEEKS = pd.date_range("2016-01-02", "2026-01-03", freq="W-SAT", tz="UTC")
SINCE = WEEKS > ETF_START  # 104 weeks


def at(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


def noise(seed: int, before: float, since: float) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 1.0, len(WEEKS)) * np.where(SINCE, since, before)


def claims_by_key(moves: Floats, weeks: pd.DatetimeIndex = WEEKS) -> Claim:
    closes = pd.Series(100.0 * np.exp(np.cumsum(moves)), index=weeks)
    nothing = Prices({}, pd.Series(dtype=float), weeks[-1])
    history = History(
        nothing,
        pd.DataFrame(),
        closes,
        closes,
        {},
        {BITCOIN: daily_closes(closes), INDEX: daily_closes(closes)},
        {},
        (),
    )
    return volatility.drawdown_claim(volatility.CALMER, history, EVIDENCE)


def fall(moves: Floats) -> float:
    """Of prices that begin at 1, the largest share below the highest before."""
    prices = np.concatenate(([1.0], np.exp(np.cumsum(moves))))
    return float((1.0 - prices / np.maximum.accumulate(prices)).max())


# --- heights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("halving", HALVINGS)
def test_the_height_of_a_halving_is_reached_on_its_day(halving: Halving) -> None:
    assert height_on(at(str(halving.day))) == halving.height


@pytest.mark.parametrize(
    ("day", "height"),
    [
        ("2009-01-03", 0),
        ("2024-04-21", 840_000 + 144),
        ("2025-04-20", 840_000 + 365 * 144),
        ("2018-06-10", 525_000),
    ],
)
def test_days_between_halvings_are_alike_and_144_blocks_a_day_come_after_the_last(
    day: str, height: int
) -> None:
    """2018-06-10 is 701 of the 1,402 days from 2016-07-09 to 2020-05-11."""
    assert height_on(at(day)) == height


def test_the_hour_does_not_matter() -> None:
    assert (
        height_on(datetime(2024, 4, 20, 23, 59, tzinfo=UTC))
        == height_on(datetime(2024, 4, 20, tzinfo=UTC))
        == 840_000
    )
    assert height_on(datetime(2024, 4, 19, 23, 59, tzinfo=UTC)) < 840_000


def test_no_day_has_fewer_blocks_than_the_one_before() -> None:
    heights = [
        height_on(day) for day in pd.date_range("2009-01-03", "2026-12-31", freq="D", tz="UTC")
    ]
    assert np.diff(heights).min() >= 0 and heights[0] == 0


@pytest.mark.parametrize("halving", HALVINGS)
def test_the_height_is_within_two_weeks_of_the_true_one(halving: Halving) -> None:
    """As it says of itself.

    On the day before a halving the true height is a day's blocks below it.
    """
    assert (
        abs(height_on(at(str(halving.day)) - pd.Timedelta(days=1)) - (halving.height - 144))
        <= 14 * 144
    )


# --- maximum drawdowns ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "share"),
    [
        ((1.2, 0.5, 1.5, 0.9), 0.5),
        ((0.7, 1.1, 2.0), 0.3),  # from the start
        ((1.1, 1.2, 1.3), 0.0),
        ((0.9, 0.9, 1.05, 0.9), 1.0 - 0.9**3 * 1.05),
        ((0.6, 3.0, 0.5), 0.5),  # not from the highest to the lowest, which came before
        ((0.8,), 0.2),
    ],
)
def test_the_deepest_fall_is_from_the_highest_before(
    steps: tuple[float, ...], share: float
) -> None:
    assert max_drawdowns(np.log([steps])).tolist() == pytest.approx([share], abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_each_path_has_its_own(seed: int) -> None:
    paths = np.random.default_rng(seed).normal(0.0, 0.2, (4, 30))
    assert max_drawdowns(paths).tolist() == pytest.approx([fall(one) for one in paths])


# --- maximum drawdown since the ETFs --------------------------------------------------------------


def test_a_calm_since_the_etfs_has_shallower_falls() -> None:
    found = claims_by_key(noise(1, 0.12, 0.005))
    assert (found.id, found.reading, found.verdict, found.n, found.unit) == (
        "A6",
        "",
        "supported",
        104,
        "share",
    )
    assert found.high is not None and found.high < 0.0


def test_a_crash_since_the_etfs_is_deeper() -> None:
    moves = noise(2, 0.005, 0.005) - 0.05 * (np.arange(len(WEEKS)) >= len(WEEKS) - 60)
    found = claims_by_key(moves)
    assert found.verdict == "contradicted" and found.low is not None and found.low > 0.0


def test_weeks_as_volatile_as_before_are_inconclusive() -> None:
    found = claims_by_key(noise(3, 0.08, 0.08))
    assert (
        found.verdict == "inconclusive"
        and found.low is not None
        and found.high is not None
        and found.low < 0.0 < found.high
    )


def test_it_is_compared_with_the_mean_of_all_windows_of_the_same_length() -> None:
    """418 weeks before hold 418 - 103 spans of 104.

    The interval is Student's for 104 / 9 blocks, less one, of the difference of draws.
    """
    moves = noise(4, 0.1, 0.06)
    found = claims_by_key(moves)
    before, since = moves[~SINCE][1:], moves[SINCE]
    spans = [fall(before[first : first + 104]) for first in range(len(before) - 103)]
    assert (len(before), len(since), len(spans)) == (418, 104, 315)
    estimate = fall(since) - np.mean(spans)
    assert found.estimate == pytest.approx(estimate)
    assert (
        f"in 315 earlier windows of the same length it was {min(spans):.0%} to {max(spans):.0%}"
        in found.why
        and f"maximum drawdown since is {fall(since):.0%}" in found.why
    )
    stats = pytest.importorskip("scipy.stats")
    drawn = [
        np.array(
            [
                fall(one[:104])
                for one in part[draw_days(len(part), 2000, EVIDENCE.seed + number, 9.0)]
            ]
        )
        for number, part in enumerate((before, since))
    ]
    reach = stats.t.ppf(0.975, 104 / 9.0 - 1.0) * (drawn[1] - drawn[0]).std()
    assert (found.low, found.high) == (
        pytest.approx(estimate - reach),
        pytest.approx(estimate + reach),
    )


def test_it_is_not_compared_with_all_earlier_years_at_once() -> None:
    """One crash of ten years is in some spans of two only: beside their mean a fall half as deep is
    no shallower one.
    """
    moves = np.full(len(WEEKS), 0.001)
    moves[30:40] = math.log(0.2) / 10.0  # 80 %, in 28 to 40 of all spans
    moves[-50:-45] = math.log(0.6) / 5.0
    found = claims_by_key(moves)
    assert found.estimate is not None and found.estimate > 0.0 and "0% to 80%" in found.why


@pytest.mark.parametrize(
    ("first", "last", "enough"),
    [
        ("2022-01-08", "2026-01-03", True),  # 104 returns up to 2024-01-06
        ("2022-01-15", "2026-01-03", False),
        ("2016-01-02", "2025-12-27", False),  # 103 since
        ("2021-01-09", "2027-01-02", True),  # 156 before and since
        ("2021-01-16", "2027-01-02", False),  # 155 before
    ],
)
def test_two_years_before_and_since_and_no_fewer_before(
    *, first: str, last: str, enough: bool
) -> None:
    weeks = pd.date_range(first, last, freq="W-SAT", tz="UTC")
    found = claims_by_key(np.random.default_rng(5).normal(0.0, 0.05, len(weeks)), weeks)
    assert (found.estimate is not None) == enough
    if not enough:
        assert (found.verdict, found.reading) == ("inconclusive", "")
        assert found.why == "There are no prices of BTC for two years before and after."
