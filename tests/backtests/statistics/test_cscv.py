"""Backtest overfitting: against exact enumeration, on noise, on planted skill, and where nothing
varies.
"""

from fractions import Fraction
from itertools import combinations
from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.performance.metrics import sharpe
from backtests.statistics import cscv
from backtests.statistics.cscv import (
    BlockSums,
    Overfitting,
    all_splits,
    block_edges,
    block_sums,
    overfitting,
)

BINOMIAL_99 = 2.5758


def studied(
    daily: np.ndarray, blocks: int, exposed: np.ndarray | None = None, threads: int = 1
) -> Overfitting:
    return overfitting(
        block_sums(daily, np.ones_like(daily, dtype=bool) if exposed is None else exposed, blocks),
        threads,
    )


def noise(seed: int, days: int, sets: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.02, (days, sets))


# against enumeration


def exact_score(returns: list[int], exposed: list[bool]) -> Fraction:
    """Squared Sharpe ratio with its sign, in whole numbers: no rounding makes or breaks a tie."""
    n, s, q = len(returns), sum(returns), sum(r * r for r in returns)
    if not any(exposed) or n * q == s * s:
        return Fraction(0)
    return Fraction(s * abs(s) * (n - 1), n * (n * q - s * s))


def enumerated(
    returns: np.ndarray, exposed: np.ndarray, blocks: int
) -> dict[int, tuple[int, float, float, Fraction]]:
    """For each split that counts: the set chosen, its two scores, and its average rank over sets +
    1.
    """
    edges = block_edges(len(returns), blocks)
    sets = returns.shape[1]
    found = {}
    for inside in combinations(range(blocks), blocks // 2):
        halves = [
            [
                day
                for block in range(blocks)
                if (block in inside) == wanted
                for day in range(edges[block], edges[block + 1])
            ]
            for wanted in (True, False)
        ]
        if not all(exposed[days].any() for days in halves):
            continue
        first, second = (
            [
                exact_score(returns[days, one].tolist(), exposed[days, one].tolist())
                for one in range(sets)
            ]
            for days in halves
        )
        chosen = first.index(max(first))
        ranks = [
            1 + sum(other < second[chosen] for other in second),
            sum(other <= second[chosen] for other in second),
        ]
        found[sum(1 << block for block in inside)] = (
            chosen,
            float(first[chosen]),
            float(second[chosen]),
            Fraction(sum(ranks), 2 * (sets + 1)),
        )
    return found


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_split_is_as_enumerated_in_whole_numbers(data: st.DataObject) -> None:
    blocks, sets = data.draw(st.sampled_from([2, 4, 6])), data.draw(st.integers(2, 5))
    days = data.draw(st.integers(2 * blocks, 4 * blocks))
    draws = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    by_block = np.repeat(
        draws.random((blocks, sets)) < data.draw(st.sampled_from([0.2, 0.6, 1.0])),
        np.diff(block_edges(days, blocks)),
        axis=0,
    )
    returns = draws.integers(-2, 4, (days, sets)) * by_block
    expected = enumerated(returns, by_block, blocks)
    result = studied(returns.astype(float), blocks, by_block)
    assert (result.used, result.dropped) == (
        len(expected),
        comb(blocks, blocks // 2) - len(expected),
    )
    rows = [expected[mask] for mask in all_splits(blocks).masks.tolist() if mask in expected]
    for place, (chosen, inside, outside, rank) in enumerate(rows):
        assert result.chosen[place] == chosen
        assert result.in_sample[place] == pytest.approx(
            np.sign(inside) * np.sqrt(abs(inside) * 365), rel=1e-12
        )
        assert result.out_of_sample[place] == pytest.approx(
            np.sign(outside) * np.sqrt(abs(outside) * 365), rel=1e-12
        )
        assert result.logits[place] == pytest.approx(log(rank / (1 - rank)), abs=1e-12)
    if rows:
        assert result.pbo == pytest.approx(np.mean([rank <= Fraction(1, 2) for *_, rank in rows]))
        assert result.probability_of_loss == pytest.approx(
            np.mean([outside < 0 for _, _, outside, _ in rows])
        )


def test_two_sets_that_change_places_by_hand() -> None:
    """Each is best in one block and worst in the other: whoever is chosen ends last of two, w = 1 /
    3, ln(w / (1 - w)) = -ln 2.

    Mean 0.02 and deviation sqrt(2) * 0.01 in the good block, the same below zero in the bad one.
    """
    daily = np.array([[0.03, -0.03], [0.01, -0.01], [-0.03, 0.03], [-0.01, 0.01]])
    result = studied(daily, 2)
    good = 0.02 / (np.sqrt(2) * 0.01) * np.sqrt(365)
    assert (
        result.pbo,
        result.at_median,
        result.probability_of_loss,
        result.used,
        result.dropped,
    ) == (1.0, 0.0, 1.0, 2, 0)
    assert result.logits == pytest.approx([-log(2)] * 2)
    assert result.in_sample == pytest.approx([good] * 2)
    assert result.out_of_sample == pytest.approx([-good] * 2)
    assert sorted(result.chosen) == [0, 1]
    assert (
        result.slope is result.intercept is None
    )  # every split chose a ratio of the same height: no line to draw


def test_the_ratio_of_a_union_is_the_metrics_own() -> None:
    daily = noise(1, 210, 3) + 0.001
    result = studied(daily, 4)
    edges = block_edges(210, 4)
    for mask, chosen, inside in zip(
        all_splits(4).masks, result.chosen, result.in_sample, strict=True
    ):
        days = np.concatenate(
            [np.arange(edges[b], edges[b + 1]) for b in range(4) if mask >> b & 1]
        )
        assert inside == pytest.approx(sharpe(daily[days, chosen]), rel=1e-10)


def test_the_line_of_degradation_is_least_squares() -> None:
    result = studied(noise(2, 400, 12), 8)
    slope, intercept = np.polyfit(result.in_sample, result.out_of_sample, 1)
    assert (result.slope, result.intercept) == pytest.approx((slope, intercept), rel=1e-9)


@pytest.mark.parametrize("blocks", [2, 4, 8, 16])
def test_splits_are_all_halves_with_their_counterparts(blocks: int) -> None:
    splits = all_splits(blocks)
    assert len(set(splits.masks.tolist())) == len(splits.masks) == comb(blocks, blocks // 2)
    assert {int(mask).bit_count() for mask in splits.masks} == {blocks // 2}
    assert (splits.masks + splits.masks[splits.complement] == 2**blocks - 1).all()


# what it says of searches


def test_on_noise_the_best_in_sample_is_anywhere_out_of_sample() -> None:
    """In independent studies a split's best is in the lower half with probability 1/2: within the
    99 % band of a coin thrown as often.

    The splits of one study hang together, so each study gives one split to the count; its mean PBO
    can only scatter less.
    """
    studies = 300
    results = [studied(noise(seed, 96, 10), 6) for seed in range(studies)]
    band = BINOMIAL_99 * np.sqrt(0.25 / studies)
    assert np.mean([result.logits[0] <= 0 for result in results]) == pytest.approx(0.5, abs=band)
    assert np.mean([result.pbo for result in results]) == pytest.approx(0.5, abs=band)


def test_sixteen_blocks_of_noise_make_12870_splits() -> None:
    result = studied(noise(5, 1600, 40), 16)
    assert result.used == 12_870
    assert 0.1 < result.pbo < 0.9


def test_a_set_with_skill_is_found_again() -> None:
    daily = noise(3, 1600, 40)
    daily[:, 17] += 0.006  # a yearly ratio of 0.006 / 0.02 * sqrt(365) = 5.7
    result = studied(daily, 16)
    assert result.pbo < 0.001
    assert result.probability_of_loss == 0.0
    assert (result.chosen == 17).mean() > 0.99


def test_a_set_fitted_to_half_the_history_is_unmasked() -> None:
    """Sets that each shine in one block and lose in the others: what was best in sample has used up
    its luck.
    """
    daily = noise(4, 800, 8) - 0.002
    for one, (begin, end) in enumerate(
        zip(block_edges(800, 8)[:-1], block_edges(800, 8)[1:], strict=True)
    ):
        daily[begin:end, one] += 0.03
    result = studied(daily, 8)
    assert result.pbo > 0.95
    assert result.probability_of_loss > 0.95


# where nothing varies


def test_splits_in_which_nobody_held_anything_are_dropped_and_counted() -> None:
    """Exposed in blocks 0 and 1 of 4 only: the splits {0, 1} and {2, 3} have an empty half, the
    other 4 of 6 count.
    """
    daily = noise(6, 80, 3)
    exposed = np.zeros_like(daily, dtype=bool)
    exposed[:40, 1] = True
    result = studied(daily, 4, exposed)
    assert (result.used, result.dropped) == (4, 2)


def test_a_single_exposed_block_tells_nothing() -> None:
    daily = noise(7, 80, 3)
    exposed = np.zeros_like(daily, dtype=bool)
    exposed[:20] = True
    result = studied(daily, 4, exposed)
    assert result[:7] == (None, None, None, None, None, 0, 6)
    assert len(result.logits) == 0


@pytest.mark.parametrize("daily_yield", [0.00013, 0.003, 0.02])
def test_interest_alone_is_no_ratio_of_a_billion(daily_yield: float) -> None:
    """Growth by the same share every day varies by rounding only: ratio 0, held or not, so the set
    that earns its risk is the best.
    """
    equity = 1e5 * (1 + daily_yield) ** np.arange(401)
    worker = noise(8, 400, 1)[:, 0] + 0.01
    daily = np.column_stack((equity[1:] / equity[:-1] - 1, worker, np.full(400, daily_yield)))
    for held in (False, True):
        result = studied(
            daily, 8, np.column_stack((np.full(400, held), np.ones(400, bool), np.full(400, held)))
        )
        assert (result.chosen == 1).all()
        assert result.pbo == 0.0


def test_interest_that_varies_is_no_skill_of_one_who_held_nothing() -> None:
    daily = np.column_stack((np.tile([0.0001, 0.00011], 40), noise(8, 80, 1)[:, 0] + 0.01))
    exposed = np.column_stack((np.zeros(80, bool), np.ones(80, bool)))
    assert (studied(daily, 4, exposed).chosen == 1).all()
    assert (studied(daily, 4).chosen == 0).all()  # had it held coins, that would be a ratio of 400


def test_equals_share_their_rank() -> None:
    """Four sets, two of them flat: when the winner is flat out of sample it ties with the two,
    above a loser and below nobody or one.
    """
    daily = np.zeros((40, 4))
    daily[:20, 0] = np.tile([0.03, 0.01], 10)  # holds in block 0 only
    daily[:, 1] = np.tile([-0.03, -0.01], 20)  # always loses
    exposed = daily != 0
    result = studied(daily, 2, exposed)
    by_mask = dict(zip(all_splits(2).masks.tolist(), result.logits, strict=True))
    # Out of sample in block 1: set 1 loses, sets 0, 2 and 3 are flat on ranks 2, 3, 4: average 3 of
    # 5.
    assert by_mask[1] == pytest.approx(log(3 / 2))
    # In block 1 sets 0, 2 and 3 are equally flat and set 0 is the first; in block 0 it is the best
    # of all: rank 4 of 5.
    assert by_mask[2] == pytest.approx(log(4))
    assert result.chosen.tolist() == [0, 0]


def test_copies_end_at_the_median_and_say_so() -> None:
    result = studied(np.repeat(noise(9, 160, 1), 5, axis=1), 4)
    assert (result.pbo, result.at_median) == (1.0, 1.0)
    assert (result.chosen == 0).all()


# invariances


def test_the_order_of_sets_changes_nothing_but_their_numbers() -> None:
    daily = noise(10, 320, 9)
    order = np.random.default_rng(1).permutation(9)
    one, other = studied(daily, 8), studied(daily[:, order], 8)
    assert one[:7] == other[:7]
    np.testing.assert_array_equal(order[other.chosen], one.chosen)
    np.testing.assert_array_equal(one.logits, other.logits)


@pytest.mark.parametrize("threads", [1, 2])
def test_parts_and_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    daily = np.repeat(noise(11, 320, 20), 2, axis=1)  # with equals, in different parts too
    whole = studied(daily, 8)
    monkeypatch.setattr(cscv, "SETS_AT_ONCE", 7)
    parts = studied(daily, 8, threads=threads)
    assert whole[:7] == parts[:7]
    for one, other in zip(whole[7:], parts[7:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_stake_changes_nothing() -> None:
    daily = noise(12, 320, 6)
    np.testing.assert_array_equal(studied(daily, 8).logits, studied(daily / 4, 8).logits)


def test_blocks_are_as_equal_as_days_allow() -> None:
    assert block_edges(10, 4).tolist() == [0, 2, 5, 7, 10]
    sums = block_sums(np.arange(20.0).reshape(10, 2), np.arange(20).reshape(10, 2) > 3, 4)
    assert sums.days.tolist() == [[2, 3, 2, 3]] * 2
    assert sums.total[0].tolist() == [0 + 2, 4 + 6 + 8, 10 + 12, 14 + 16 + 18]
    assert sums.squares[1].tolist() == [1 + 9, 25 + 49 + 81, 121 + 169, 225 + 289 + 361]
    assert sums.exposed[0].tolist() == [0, 3, 2, 3]


# refusals


def flat(sets: int, blocks: int) -> BlockSums:
    return BlockSums(*(np.ones((sets, blocks)) for _ in range(4)))


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        (flat(1, 4), "sets: 1, must be 2 or more"),
        (flat(3, 5), "blocks: 5, must be even and from 2 to 20"),
        (flat(3, 22), "blocks: 22, must be even and from 2 to 20"),
        (flat(3, 4)._replace(days=np.ones((3, 3))), "must all be sets x blocks"),
        (
            flat(3, 4)._replace(total=np.array([[0.0] * 4, [0, 0, np.nan, 0], [0.0] * 4])),
            "total of set 1 in block 2",
        ),
        (flat(3, 4)._replace(squares=np.full((3, 4), np.inf)), "squares of set 0 in block 0"),
    ],
)
def test_what_cannot_be_split_is_refused(sums: BlockSums, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        overfitting(sums)
