"""Leave one breakout out: against a search over days, what is left out stays out, ranks and wins by
hand.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.performance.metrics import sharpe
from backtests.tuning.search.segment_stats import Rule, from_returns
from backtests.tuning.search.splits import Partition, partition
from backtests.tuning.validation.leave_one_out import LeaveOneOut, leave_one_out

BEST_SHARPE = Rule({"sharpe": 1.0}, 0, 1.0)
BEST_RETURN = Rule({"cagr": 1.0}, 0, 1.0)
# 100 days apart, the first on the 51st day: borders on rows 100, 200 and 300.
EVENTS = pd.DatetimeIndex(["2020-02-20", "2020-05-30", "2020-09-07", "2020-12-16"], tz="UTC")
FOLDS = [0, 100, 200, 300, 400]
PURGED = 20


def cut(purge_days: int = PURGED, events: pd.DatetimeIndex = EVENTS) -> Partition:
    return partition(pd.date_range("2020-01-01", periods=400, tz="UTC"), events, 1, purge_days)


def drawn(seed: int, sets: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.02, (400, sets))


def left_out(
    daily: np.ndarray,
    rule: Rule = BEST_SHARPE,
    *,
    default: int = 0,
    cuts: Partition | None = None,
    exposed: bool = True,
    held: np.ndarray | None = None,
) -> LeaveOneOut:
    """`held`: daily returns of exposure-matched holding, nothing unless said otherwise."""
    parts = cuts or cut()
    segments = from_returns(
        daily, np.full(daily.shape, exposed), np.zeros(daily.shape, dtype=int), parts.edges
    )
    market = np.zeros(len(daily)) if held is None else held

    def holding(row: int, begin: int, end: int) -> np.ndarray:
        assert row in range(daily.shape[1])
        return market[begin:end]

    return leave_one_out(segments, parts, rule, holding, default)


def test_choices_are_those_of_a_search_over_days() -> None:
    daily, market = drawn(1), drawn(8, sets=1)[:, 0]
    found = left_out(daily, default=3, held=market)
    assert found.edges.tolist() == FOLDS
    assert found.events.tolist() == EVENTS.tolist()
    assert found.first.strftime("%Y-%m-%d").tolist() == [
        "2020-01-01",
        "2020-04-10",
        "2020-07-19",
        "2020-10-27",
    ]
    for fold in range(4):
        begin, end = FOLDS[fold], FOLDS[fold + 1]
        training = np.concatenate((daily[:begin], daily[end + PURGED :]))
        ratios = [sharpe(training[:, one]) for one in range(6)]
        row = int(np.argmax(ratios))
        outside = np.array([sharpe(daily[begin:end, one]) for one in range(6)])
        assert found.chosen[fold] == row
        assert found.in_sample[fold] == pytest.approx(ratios[row], rel=1e-9)
        assert found.out_of_sample[fold] == pytest.approx(outside[row], rel=1e-9)
        assert found.defaults[fold] == pytest.approx(outside[3], rel=1e-9)
        assert found.rank[fold] == (outside < outside[row]).sum() / 5
        of_market = sharpe(market[begin:end])
        assert found.holding[fold] == pytest.approx(of_market, rel=1e-9)
        assert found.won[fold] == (outside[row] > of_market)
        assert found.figures.total_return[fold] == pytest.approx(
            np.prod(1 + daily[begin:end, row]) - 1, abs=1e-6
        )
        assert found.default_figures.total_return[fold] == pytest.approx(
            np.prod(1 + daily[begin:end, 3]) - 1, abs=1e-6
        )
    assert found.share == found.won.mean()
    assert found.ahead == sum(found.out_of_sample >= found.defaults)
    assert found.median_rank == np.median(found.rank)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3))
def test_a_fold_and_the_days_after_it_do_not_choose_for_it(seed: int, fold: int) -> None:
    daily, changed = drawn(seed), drawn(seed)
    unseen = slice(FOLDS[fold], min(FOLDS[fold + 1] + PURGED, 400))
    changed[unseen] = drawn(seed + 1)[unseen]
    before, after = left_out(daily), left_out(changed)
    assert (before.chosen[fold], before.in_sample[fold]) == (
        after.chosen[fold],
        after.in_sample[fold],
    )


def test_days_after_a_fold_are_left_out_for_that_fold_only() -> None:
    """Set 1 earns in the days after fold 0 alone, and set 2 a little everywhere."""
    daily = 0.01 * drawn(2, sets=3)
    daily[:, 2] += 0.0005
    daily[100 : 100 + PURGED, 1] += 0.03
    assert left_out(daily, BEST_RETURN).chosen.tolist() == [
        2,
        2,
        1,
        1,
    ]  # they lie in fold 1, and are purged for fold 0
    assert left_out(daily, BEST_RETURN, cuts=cut(purge_days=0)).chosen.tolist() == [1, 2, 1, 1]


def flat_but(**by_fold: list[float]) -> np.ndarray:
    """Daily returns that are the same on every day of a fold."""
    return np.repeat(np.array(list(by_fold.values())), 100, axis=0)


def test_ranks_and_wins_by_hand() -> None:
    """By return. Set 3 is best on the whole, and on each training part; the default is set 0."""
    daily = flat_but(
        first=[0.000, -0.002, 0.001, 0.002],  # best of 4: won
        second=[
            0.001,
            -0.001,
            0.000,
            0.001,
        ],  # equal to the default, ranks 2 and 3 of 0 to 3: won and ahead
        third=[0.002, 0.000, -0.001, 0.001],  # behind the default, third best: won, not ahead
        fourth=[-0.004, -0.003, -0.002, -0.001],  # ahead of all, but behind the market: not won
    )
    market = np.repeat([0.0015, 0.0005, -0.001, 0.0], 100)
    found = left_out(daily, BEST_RETURN, cuts=cut(purge_days=0), held=market)
    assert found.chosen.tolist() == [3, 3, 3, 3]
    assert found.won.tolist() == [True, True, True, False]
    assert found.holding == pytest.approx((1 + market[[0, 100, 200, 300]]) ** 365 - 1, rel=1e-5)
    assert found.ahead == 3
    assert found.rank.tolist() == [1.0, 2.5 / 3, 2 / 3, 1.0]
    assert (found.share, found.median_rank) == (0.75, pytest.approx((1.0 + 2.5 / 3) / 2))


def test_a_rising_market_is_no_win() -> None:
    """What makes money on every fold, and less than holding the same exposure does, wins none."""
    daily = flat_but(**{f"fold {fold}": [0.001, 0.002, 0.0015] for fold in range(4)})
    for market, won in ((0.0025, False), (0.00201, False), (0.00199, True)):
        found = left_out(daily, BEST_RETURN, held=np.full(400, market))
        assert found.chosen.tolist() == [1] * 4 and (found.out_of_sample > 0).all()
        assert found.won.tolist() == [won] * 4


def test_an_equal_of_the_default_set_is_not_chosen_over_it() -> None:
    found = left_out(np.repeat(drawn(3, sets=1), 5, axis=1), default=4)
    assert found.chosen.tolist() == [4] * 4
    assert found.rank.tolist() == [0.5] * 4


@pytest.mark.parametrize(
    ("rule", "exposed"), [(Rule({"sharpe": 1.0}, 1, 1.0), True), (BEST_SHARPE, False)]
)
def test_the_default_set_is_kept_where_none_can_be_chosen(*, rule: Rule, exposed: bool) -> None:
    found = left_out(drawn(4), rule, default=2, exposed=exposed)
    assert found.kept_default.all() and np.isnan(found.in_sample).all()
    assert found.chosen.tolist() == [2] * 4
    np.testing.assert_array_equal(found.out_of_sample, found.defaults)


def test_a_lone_set_is_in_the_middle() -> None:
    assert left_out(drawn(5, sets=1)).rank.tolist() == [0.5] * 4


@pytest.mark.parametrize("events", [0, 1])
def test_with_fewer_than_two_breakouts_there_is_nothing_to_leave_out(events: int) -> None:
    found = left_out(drawn(6), cuts=cut(events=EVENTS[:events]))
    assert [
        len(found.events),
        len(found.chosen),
        len(found.out_of_sample),
        len(found.won),
        len(found.first),
    ] == [0] * 5
    assert found.share is None and found.median_rank is None
