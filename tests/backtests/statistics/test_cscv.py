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
from scipy.stats import rankdata

from backtests.performance.metrics import sharpe
from backtests.statistics.cscv import (
    BlockSums,
    Overfitting,
    all_splits,
    block_edges,
    block_sums,
    overfitting,
)

BINOMIAL_99 = 2.5758
MATCHED = 0.001


def studied(
    daily: np.ndarray, blocks: int, exposed: np.ndarray | None = None, threads: int = 1
) -> Overfitting:
    held = np.ones_like(daily, dtype=bool) if exposed is None else exposed
    return overfitting(summed(daily, held, blocks), threads)


def summed(
    daily: np.ndarray, held: np.ndarray, blocks: int, copies: list[int] | None = None
) -> BlockSums:
    """Every column once unless said otherwise; exposure-matched holding earns 0.1 % a day."""
    times = np.array(copies or [1] * daily.shape[1])
    return block_sums(daily, held, daily - MATCHED, times, blocks)


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
) -> dict[int, list[tuple[Fraction, Fraction, Fraction, float]]]:
    """For each split that counts, every set that is best: its two scores, its average rank over
    sets + 1, and what it earned out-of-sample above matched holding.
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
        best = []
        for chosen in (one for one in range(sets) if first[one] == max(first)):
            ranks = [
                1 + sum(other < second[chosen] for other in second),
                sum(other <= second[chosen] for other in second),
            ]
            above = float(returns[halves[1], chosen].sum()) - MATCHED * len(halves[1])
            best.append(
                (first[chosen], second[chosen], Fraction(sum(ranks), 2 * (sets + 1)), above)
            )
        found[sum(1 << block for block in inside)] = best
    return found


def yearly(score: Fraction) -> float:
    return float(np.sign(float(score)) * np.sqrt(abs(float(score)) * 365))


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
    half = Fraction(1, 2)
    for place, best in enumerate(rows):
        assert result.in_sample[place] == pytest.approx(yearly(best[0][0]), rel=1e-12)
        outside = np.mean([yearly(outside) for _, outside, _, _ in best])
        assert result.out_of_sample[place] == pytest.approx(outside, rel=1e-12)
        logits = [log(rank / (1 - rank)) for _, _, rank, _ in best]
        assert result.logits[place] == pytest.approx(np.mean(logits), abs=1e-12)
    if rows:
        shares = [
            np.mean([np.mean([of(*one) for one in best]) for best in rows])
            for of in (
                lambda _, __, rank, ___: rank <= half,
                lambda _, __, rank, ___: rank == half,
                lambda _, outside, __, ___: outside < 0,
                lambda _, __, ___, above: above < 0,
            )
        ]
        assert result[:4] == pytest.approx(tuple(shares))
        assert result.tied == pytest.approx(np.mean([len(best) > 1 for best in rows]))
        assert result.counts.sum() == pytest.approx(len(rows))
        assert result.counts[:12].sum() == pytest.approx(result.pbo * len(rows))


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
    assert (
        result.slope is result.intercept is None
    )  # every split chose a ratio of the same height: no line to draw


def test_the_ratio_of_a_union_is_the_metrics_own() -> None:
    daily = noise(1, 210, 3) + 0.001
    result = studied(daily, 4)
    edges = block_edges(210, 4)
    for mask, inside in zip(all_splits(4).masks, result.in_sample, strict=True):
        days = np.concatenate(
            [np.arange(edges[b], edges[b + 1]) for b in range(4) if mask >> b & 1]
        )
        best = max(sharpe(daily[days, one]) for one in range(3))
        assert inside == pytest.approx(best, rel=1e-10)


def test_the_line_of_degradation_is_least_squares() -> None:
    result = studied(noise(2, 400, 12), 8)
    slope, intercept = np.polyfit(result.in_sample, result.out_of_sample, 1)
    assert (result.slope, result.intercept) == pytest.approx((slope, intercept), rel=1e-9)


@pytest.mark.parametrize("blocks", [2, 4, 8, 16])
def test_splits_are_all_halves_with_their_counterparts(blocks: int) -> None:
    splits = all_splits(blocks)
    assert len(set(splits.masks.tolist())) == len(splits.masks) == comb(blocks, blocks // 2)
    assert {int(mask).bit_count() for mask in splits.masks} == {blocks // 2}
    assert {2**blocks - 1 - mask for mask in splits.masks.tolist()} == set(splits.masks.tolist())


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
    alone = studied(daily[:, [17, 0]], 16)
    assert np.mean(result.in_sample == alone.in_sample) > 0.99


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
    assert result[:9] == (*[None] * 7, 0, 6)
    assert len(result.logits) == 0 and not result.counts.any()


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
        assert result.pbo == 0.0 and result.tied == 0.0
        assert (result.in_sample < 50).all()


def test_interest_that_varies_is_no_skill_of_one_who_held_nothing() -> None:
    daily = np.column_stack((np.tile([0.0001, 0.00011], 40), noise(8, 80, 1)[:, 0] + 0.01))
    exposed = np.column_stack((np.zeros(80, bool), np.ones(80, bool)))
    assert (studied(daily, 4, exposed).in_sample < 50).all()
    assert (studied(daily, 4).in_sample > 300).all()  # had it held coins: a ratio of 400


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
    # In block 1 sets 0, 2 and 3 are equally best. In block 0 set 0 is the best of all, rank 4 of 5;
    # sets 2 and 3 share the ranks 2 and 3 of 5, the median.
    assert by_mask[2] == pytest.approx(log(4) / 3)
    assert result.tied == 0.5
    assert (result.pbo, result.at_median) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_copies_end_at_the_median_and_say_so() -> None:
    result = studied(np.repeat(noise(9, 160, 1), 5, axis=1), 4)
    assert (result.pbo, result.at_median, result.tied) == (1.0, 1.0, 1.0)


def random_order_pbo(daily: np.ndarray, blocks: int, draws: int, seed: int) -> float:
    """The search of the paper, which takes the first of equals, on columns in random orders."""
    random, edges = np.random.default_rng(seed), block_edges(len(daily), blocks)
    shares = []
    for _ in range(draws):
        columns = daily[:, random.permutation(daily.shape[1])]
        low = 0
        for inside in combinations(range(blocks), blocks // 2):
            rows = np.concatenate([np.arange(edges[b], edges[b + 1]) for b in inside])
            one, other = (
                part.mean(axis=0) / part.std(axis=0, ddof=1)
                for part in (columns[rows], np.delete(columns, rows, axis=0))
            )
            best = int(np.argmax(one > one.max() - 1e-12))
            low += rankdata(other.round(12))[best] <= (len(other) + 1) / 2
        shares.append(low / comb(blocks, blocks // 2))
    return float(np.mean(shares))


def test_ties_count_as_a_random_order_of_the_sets_does_on_average() -> None:
    """Sets that share their path on part of the days: 70 splits of 8 blocks, many of them tied."""
    daily = noise(13, 160, 6)
    daily[:100, 1], daily[40:, 2], daily[:, 3] = daily[:100, 0], daily[40:, 0], daily[:, 0]
    result = studied(daily, 8)
    assert result.tied > 0.2
    drawn = random_order_pbo(daily, 8, 100, 1)
    assert result.pbo == pytest.approx(drawn, abs=4 * 0.5 / np.sqrt(70 * 100))
    assert result.pbo not in (studied(daily[:, [0, 4, 5]], 8).pbo, 0.0)


def test_a_path_counts_as_often_as_sets_took_it() -> None:
    """In ties too: three paths with 1, 3 and 5 copies did the same, and well, on most days."""
    daily = noise(14, 320, 7)
    daily[:240, [0, 1, 4]] = daily[:240, :1] + 0.01
    held = np.ones_like(daily, dtype=bool)
    copies = [1, 3, 1, 2, 5, 1, 1]
    weighted = overfitting(summed(daily, held, 8, copies))
    repeated = studied(np.repeat(daily, copies, axis=1), 8)
    assert studied(daily, 8).tied == pytest.approx(15 / 70)  # 4 blocks out of the first 6
    assert weighted[:9] == pytest.approx(repeated[:9])
    np.testing.assert_allclose(weighted.logits, repeated.logits, atol=1e-12)
    np.testing.assert_allclose(weighted.counts, repeated.counts, atol=1e-9)


# invariances


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_sets_changes_nothing(seed: int) -> None:
    """With ties: every third set did the same, and well, on half of the days."""
    daily = noise(10, 320, 9)
    daily[:160, ::3] = daily[:160, :1] + 0.01
    order = np.random.default_rng(seed).permutation(9)
    one, other = studied(daily, 8), studied(daily[:, order], 8)
    assert one.tied > 0.0
    assert one[:9] == pytest.approx(other[:9], rel=1e-12)
    np.testing.assert_allclose(one.logits, other.logits, atol=1e-12)


def test_many_marks_are_counted_as_few_are() -> None:
    """The sorted way, for splits with many sets that are best together and differ afterwards."""
    daily = np.concatenate([np.repeat(noise(11, 80, 1), 40, axis=1), noise(12, 80, 40)])
    held = np.concatenate([np.ones((80, 40), bool), np.ones((80, 40), bool)])
    result = studied(daily, 2, held)
    for mask, logit, inside in zip(
        all_splits(2).masks, result.logits, result.in_sample, strict=True
    ):
        if mask == 1:  # all 40 are best: they end on ranks 1 to 40 of 41, evenly
            assert logit == pytest.approx(0.0, abs=1e-9)
            assert inside == pytest.approx(sharpe(daily[:80, 0]))
    # Of the other split the best ties with all in the first half, at the median: 0.5 and 1.
    assert result.pbo == pytest.approx((0.5 + 1.0) / 2)
    assert result.at_median == pytest.approx((0.0 + 1.0) / 2)


def test_threads_change_nothing() -> None:
    daily = np.repeat(noise(11, 320, 20), 2, axis=1)
    whole, parts = studied(daily, 8), studied(daily, 8, threads=2)
    assert whole[:9] == parts[:9]
    for one, other in zip(whole[9:], parts[9:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_stake_changes_nothing() -> None:
    daily = noise(12, 320, 6)
    np.testing.assert_array_equal(studied(daily, 8).logits, studied(daily / 4, 8).logits)


def test_blocks_are_as_equal_as_days_allow() -> None:
    assert block_edges(10, 4).tolist() == [0, 2, 5, 7, 10]
    daily = np.arange(20.0).reshape(10, 2)
    sums = block_sums(daily, np.arange(20).reshape(10, 2) > 3, 2 * daily, np.array([1, 4]), 4)
    assert sums.days.tolist() == [2, 3, 2, 3]
    assert sums.copies.tolist() == [1, 4]
    assert sums.excess[0].tolist() == [2 * total for total in sums.total[0]]
    assert sums.total[0].tolist() == [0 + 2, 4 + 6 + 8, 10 + 12, 14 + 16 + 18]
    assert sums.squares[1].tolist() == [1 + 9, 25 + 49 + 81, 121 + 169, 225 + 289 + 361]
    assert sums.exposed[0].tolist() == [0, 3, 2, 3]


# refusals


def flat(sets: int, blocks: int) -> BlockSums:
    tables = (np.ones((sets, blocks)) for _ in range(4))
    return BlockSums(np.ones(blocks), *tables, copies=np.ones(sets, dtype=int))


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        (flat(1, 4), "sets: 1, must be 2 or more"),
        (flat(3, 5), "blocks: 5, must be even and from 2 to 20"),
        (flat(3, 22), "blocks: 22, must be even and from 2 to 20"),
        (flat(3, 4)._replace(days=np.ones(3)), "must all be paths x blocks"),
        (flat(3, 4)._replace(copies=np.ones(2)), "must all be paths x blocks"),
        (flat(3, 4)._replace(excess=np.full((3, 4), np.nan)), "excess of set 0 in block 0"),
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
