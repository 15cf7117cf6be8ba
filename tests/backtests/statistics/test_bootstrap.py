"""Bootstrap intervals: their estimates, their invariances, and how often they cover."""

import numpy as np
import pytest

from backtests.performance.metrics import sharpe
from backtests.statistics.bootstrap import DRAWS, LEVEL, Interval, interval, resample
from backtests.statistics.bootstrap import sharpe_difference as difference_of


def drawn(seed: int, days: int = 500, mean: float = 0.001) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.02, days)


def sharpe_difference(first: np.ndarray, second: np.ndarray, seed: int) -> Interval:
    both = np.column_stack((first, second))
    return difference_of(both, 0, 1, resample(both, seed))


def ratio(daily: np.ndarray) -> float:
    return float(np.mean(daily) / np.std(daily, ddof=1) * np.sqrt(365))


def test_the_estimate_is_the_difference_of_annualised_ratios() -> None:
    one, other = drawn(1), drawn(2)
    assert sharpe_difference(one, other, 1).estimate == pytest.approx(
        ratio(one) - ratio(other), rel=1e-12
    )


def test_the_interval_holds_the_estimate_and_a_seed_reproduces_it() -> None:
    one, other = drawn(1), drawn(2)
    got = sharpe_difference(one, other, 5)
    assert got.low < got.estimate < got.high
    assert got == sharpe_difference(one, other, 5)
    assert got != sharpe_difference(one, other, 6)


def test_a_series_against_itself_differs_by_nothing() -> None:
    one = drawn(3)
    assert sharpe_difference(one, one, 1) == (0.0, 0.0, 0.0)


def test_sides_exchanged_turn_the_interval_round() -> None:
    one, other = drawn(1), drawn(2)
    got, turned = sharpe_difference(one, other, 9), sharpe_difference(other, one, 9)
    assert (turned.estimate, turned.low, turned.high) == pytest.approx(
        (-got.estimate, -got.high, -got.low), rel=1e-9
    )


def test_days_are_drawn_in_pairs() -> None:
    """Twice the same returns with a shift of the mean: drawn apart, the interval would be as wide
    as for strangers.
    """
    one = drawn(4)
    paired = sharpe_difference(one + 0.001, one, 1)
    strangers = sharpe_difference(one + 0.001, drawn(5), 1)
    assert paired.high - paired.low < 0.2 * (strangers.high - strangers.low)


def test_a_side_without_variation_counts_as_zero() -> None:
    one = drawn(6)
    got = sharpe_difference(one, np.zeros(len(one)), 1)
    assert got.estimate == pytest.approx(ratio(one), rel=1e-12)
    assert np.isfinite(got).all()


def test_the_width_of_independent_days_is_the_textbooks() -> None:
    """For independent normal days the standard error of a yearly Sharpe ratio is about sqrt(365 /
    days); two strangers add up.
    """
    days = 4000
    widths = []
    for seed in range(4):
        got = sharpe_difference(drawn(10 + seed, days), drawn(20 + seed, days), seed)
        widths.append(got.high - got.low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.sqrt(2 * 365 / days), rel=0.15)


def test_equal_strategies_are_seldom_told_apart() -> None:
    """Two strangers of one mean: at most 15 % of 95 % intervals exclude zero (a block bootstrap of
    short series is a little too narrow).
    """
    wrong = 0
    for seed in range(60):
        got = sharpe_difference(drawn(100 + seed, 700), drawn(300 + seed, 700), seed)
        wrong += got.low > 0 or got.high < 0
    assert wrong <= 9


def test_blocks_widen_the_interval_of_days_that_cling_together() -> None:
    """Runs of 30 equal days hold 30 times less information: the interval must be several times as
    wide as for days apart.
    """
    random = np.random.default_rng(7)
    clinging = np.repeat(random.normal(0.001, 0.02, 60), 30)
    apart = random.permutation(clinging)
    zeros = np.zeros(len(clinging))
    wide, narrow = (sharpe_difference(one, zeros, 1) for one in (clinging, apart))
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


# --- each figure's own interval
# ----------------------------------------------------------------------------------------------

MEAN, DEVIATION, YEARS = 0.0012, 0.03, 10  # of daily log returns
TRUE_SHARPE = (
    (np.exp(MEAN + DEVIATION**2 / 2) - 1)
    / np.sqrt((np.exp(DEVIATION**2) - 1) * np.exp(2 * MEAN + DEVIATION**2))
    * np.sqrt(365)
)
TRUE_CAGR = np.exp(365 * MEAN) - 1  # what the growth of a long history tends to
BINOMIAL_99 = 2.5758


def covered(histories: int, seed: int) -> dict[str, float]:
    """Share of simulated histories of independent log-normal days whose interval holds the true
    figure.
    """
    truth = {"sharpe": TRUE_SHARPE, "cagr": TRUE_CAGR}
    inside = dict.fromkeys(truth, 0)
    for number in range(histories):
        random = np.random.default_rng((seed, number))
        draws = resample(np.exp(random.normal(MEAN, DEVIATION, (365 * YEARS, 1))) - 1, number)
        for figure, true in truth.items():
            low, high = interval(getattr(draws, figure)[:, 0])
            inside[figure] += low <= true <= high
    return {figure: count / histories for figure, count in inside.items()}


def assert_nominal(shares: dict[str, float], histories: int) -> None:
    """Were each interval right with probability 0.95, the share would lie within 0.95 +- 2.5758 *
    sqrt(0.95 * 0.05 / n) in 99 of 100 cases:

    0.918 to 0.982 for 300 histories, 0.887 to 1 for 80.
    """
    for figure, share in shares.items():
        assert abs(share - LEVEL) <= BINOMIAL_99 * np.sqrt(LEVEL * (1 - LEVEL) / histories), figure


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    assert_nominal(covered(80, 11), 80)


@pytest.mark.proof
def test_the_interval_covers_the_truth_as_often_as_it_says_in_many_histories() -> None:
    assert_nominal(covered(300, 12), 300)


def test_the_true_figures_are_those_of_very_long_histories() -> None:
    """300 times 40 years: the error of the mean ratio is about 1 / sqrt(12000), a hundredth."""
    days = np.exp(np.random.default_rng(1).normal(MEAN, DEVIATION, 365 * 12_000)) - 1
    assert ratio(days) == pytest.approx(TRUE_SHARPE, abs=3 / np.sqrt(12_000))
    assert np.exp(np.log1p(days).mean() * 365) - 1 == pytest.approx(TRUE_CAGR, abs=0.03)


def test_growth_and_drawdown_of_equal_days_by_hand() -> None:
    """Whatever days are drawn, they are the same 400 returns."""
    rising, falling = (
        resample(np.full((400, 1), 0.001), 1),
        resample(np.full((400, 1), -0.001), 1),
    )
    assert rising.cagr == pytest.approx(1.001**365 - 1, rel=1e-9)
    assert (rising.max_drawdown == 0.0).all()
    assert falling.max_drawdown == pytest.approx(
        1 - 0.999**400, rel=1e-9
    )  # from the value a draw starts with


def test_curves_of_a_draw_have_the_same_days() -> None:
    one = drawn(8)
    draws = resample(np.column_stack((one, one, 0.5 * one, -one)), 3)
    for figure in draws:
        np.testing.assert_array_equal(figure[:, 0], figure[:, 1])
    np.testing.assert_allclose(
        draws.sharpe[:, 2], draws.sharpe[:, 0], rtol=1e-9
    )  # half the stake, the same ratio
    np.testing.assert_allclose(draws.sharpe[:, 3], -draws.sharpe[:, 0], rtol=1e-9)
    assert (np.diff(draws.sharpe[:, 0]) != 0).any()


def test_a_curve_is_drawn_alike_whoever_stands_beside_it() -> None:
    one, other = drawn(8), drawn(9)
    alone, beside = resample(one[:, None], 4), resample(np.column_stack((other, one)), 4)
    for mine, both in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(mine[:, 0], both[:, 1])


def test_drawdowns_lie_between_nothing_and_all() -> None:
    wild = np.random.default_rng(2).normal(0.0, 0.1, (800, 3)).clip(-0.9)
    draws = resample(wild, 5).max_drawdown
    assert draws.shape == (DRAWS, 3)
    assert (draws >= -wild.min(axis=0) - 1.0).all() and (draws <= 1.0).all()
    assert (draws > 0.0).all()
    deepest = np.array([1.0 - np.prod(1 + column[column < 0]) for column in wild.T])
    low, high = interval(draws[:, 0])
    assert 0.0 < low < high < 1.0
    assert deepest[0] > high  # all losses in a row are worse than any draw


def test_no_risk_no_drawdown_and_no_ratio() -> None:
    """Cash: nothing to resample, and no noise where nothing varies."""
    draws = resample(np.zeros((500, 1)), 1)
    for figure in draws:
        assert (figure == 0.0).all()


@pytest.mark.parametrize("daily", [0.00013, 0.003, -0.01])
def test_interest_alone_is_no_ratio_of_a_billion(daily: float) -> None:
    """A curve that grows by the same share every day varies by rounding only, as metrics says: it
    has no Sharpe ratio.
    """
    equity = 1e5 * (1 + daily) ** np.arange(1500)
    returns = (equity[1:] / equity[:-1] - 1)[:, None]
    assert sharpe(returns[:, 0]) is None
    assert (resample(returns, 1).sharpe == 0.0).all()
    apart = np.random.default_rng(3).permutation(returns.ravel())
    assert (resample(apart[:, None], 2).sharpe == 0.0).all()


def test_the_interval_holds_the_named_share_of_the_draws() -> None:
    low, high = interval(np.arange(1001.0))
    assert (low, high) == pytest.approx((25.0, 975.0))  # 2.5 % on each side
