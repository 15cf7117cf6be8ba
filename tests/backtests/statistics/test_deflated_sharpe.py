"""Sharpe ratios of one record and of the best of many: published examples, planted searches, and
how often luck gets through.
"""

from math import e, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.performance.metrics import sharpe
from backtests.statistics import deflated_sharpe as deflated
from backtests.statistics.deflated_sharpe import (
    Deflation,
    TrackRecord,
    deflate,
    deflated_sharpe,
    effective_trials,
    expected_maximum,
    minimum_track_record,
    probabilistic_sharpe,
    track_record,
)

PHI, QUANTILE = NormalDist().cdf, NormalDist().inv_cdf


def noise(seed: int, days: int, sets: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.02, (days, sets))


# published examples


def test_the_deflated_ratio_of_bailey_and_lopez_de_prado_2014() -> None:
    """Their numerical example: the best of 100 tries has a yearly ratio of 2.5 over 5 years of 250
    days, skewness -3, kurtosis 10;

    the tries' yearly ratios have variance 1/2. They find an expected maximum of 0.1132 a day and a
    deflated ratio of 0.9004, below 95 %; after 46 tries it would have been 0.9505; with normal
    returns 88 tries would have left as much.
    """
    variance = 0.5 / 250
    best = TrackRecord(2.5 / sqrt(250), 1250, -3.0, 10.0)
    by_hand = sqrt(variance) * (
        (1 - 0.5772156649) * QUANTILE(1 - 1 / 100) + 0.5772156649 * QUANTILE(1 - 1 / (100 * e))
    )
    assert sqrt(variance) * expected_maximum(100) == pytest.approx(by_hand, rel=1e-9)
    assert round(by_hand, 4) == 0.1132
    error = sqrt(
        (1 + 3 * 0.158114 + (10 - 1) / 4 * 0.158114**2) / 1249
    )  # 2.5 / sqrt(250) = 0.158114
    assert deflated_sharpe(best, 100, variance) == pytest.approx(
        PHI((0.158114 - by_hand) / error), abs=1e-5
    )
    assert round(deflated_sharpe(best, 100, variance), 4) == 0.9004
    assert round(deflated_sharpe(best, 46, variance), 4) == 0.9505
    assert round(deflated_sharpe(TrackRecord(2.5 / sqrt(250), 1250), 88, variance), 4) == 0.9505


def test_the_probabilistic_ratio_of_bailey_and_lopez_de_prado_2012() -> None:
    """Their hedge fund: 24 months with a monthly ratio of 0.458, skewness -2.448, kurtosis 10.164.

    Taken for normal, 98.2 % sure of skill: 0.458 * sqrt(23 / (1 + 0.458 ** 2 / 2)) = 2.090. With
    its shape 91.3 %: 0.458 * sqrt(23 / (1 + 2.448 * 0.458 + 9.164 / 4 * 0.458 ** 2)) = 1.362.
    """
    assert PHI(2.090) == pytest.approx(0.982, abs=5e-4)
    assert round(probabilistic_sharpe(TrackRecord(0.458, 24)), 3) == 0.982
    assert PHI(1.362) == pytest.approx(0.913, abs=5e-4)
    assert round(probabilistic_sharpe(TrackRecord(0.458, 24, -2.448, 10.164)), 3) == 0.913


@pytest.mark.parametrize(
    ("periods", "skewness", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_minimum_track_records_of_bailey_and_lopez_de_prado_2012(
    periods: int, skewness: float, kurtosis: float, years: float
) -> None:
    """To be 95 % sure that a yearly ratio of 2 is above 1: normal returns seen daily, weekly,
    monthly, and a typical hedge fund's.

    Daily: (1 + (1 + 4 / 252 / 2) * (1.6449 * sqrt(252)) ** 2) / 252 = (1 + 1.00794 * 681.8) / 252 =
    2.73 years.
    """
    ratio, benchmark = 2 / sqrt(periods), 1 / sqrt(periods)
    needed = minimum_track_record(TrackRecord(ratio, 100, skewness, kurtosis), benchmark)
    assert needed is not None
    assert round(needed / periods, 2) == years
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    assert needed == pytest.approx(1 + spread * (1.6448536 / (ratio - benchmark)) ** 2, rel=1e-7)


# one record


def test_a_record_is_told_by_its_moments() -> None:
    """Three days of -1 % and one of 7 %: mean 1 %, squares (4 + 4 + 4 + 36) / 4 = 12, cubes (-24 +
    216) / 4 = 48, fourths (48 + 1296) / 4 = 336.
    """
    record = track_record(np.array([-0.01, -0.01, -0.01, 0.07]))
    assert record is not None
    assert record.days == 4
    assert record.sharpe == pytest.approx(1 / sqrt(48 / 3))
    assert record.skewness == pytest.approx(48 / 12**1.5)
    assert record.kurtosis == pytest.approx(336 / 12**2)


def test_the_ratio_of_a_record_is_the_metrics_own_by_the_day() -> None:
    daily = noise(1, 500, 1)[:, 0] + 0.001
    record = track_record(daily)
    assert record is not None
    assert record.sharpe * sqrt(365) == pytest.approx(sharpe(daily), rel=1e-12)


@pytest.mark.parametrize(
    "daily", [np.zeros(50), np.full(50, 0.001), np.array([0.01]), np.array([])]
)
def test_without_variation_there_is_no_record(daily: np.ndarray) -> None:
    assert track_record(daily) is None


records = st.builds(
    TrackRecord,
    st.floats(0.01, 0.3),
    st.integers(100, 5000),
    st.floats(-1.5, 1.5),
    st.floats(3.5, 12.0),
)


@given(records, st.floats(-0.1, 0.005), st.floats(0.6, 0.999))
def test_a_record_of_the_minimum_length_is_as_sure_as_asked(
    record: TrackRecord, benchmark: float, confidence: float
) -> None:
    needed = minimum_track_record(record, benchmark, confidence)
    assert needed is not None
    z = (
        (record.sharpe - benchmark)
        * sqrt(needed - 1)
        / sqrt(1 - record.skewness * record.sharpe + (record.kurtosis - 1) / 4 * record.sharpe**2)
    )
    assert PHI(z) == pytest.approx(confidence, abs=1e-9)
    assert (
        probabilistic_sharpe(record._replace(days=int(needed) + 2), benchmark) >= confidence - 1e-9
    )


def test_no_length_makes_a_ratio_larger_than_itself() -> None:
    assert minimum_track_record(TrackRecord(0.05, 500), 0.05) is None
    assert minimum_track_record(TrackRecord(-0.05, 500)) is None


def test_at_the_benchmark_it_is_a_toss() -> None:
    assert probabilistic_sharpe(TrackRecord(0.07, 900, -1.0, 8.0), 0.07) == 0.5


def test_a_shape_no_returns_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="kurtosis that its skewness allows"):
        probabilistic_sharpe(TrackRecord(0.5, 100, 3.0, 1.0))
    with pytest.raises(ValueError, match="2 days or more"):
        minimum_track_record(TrackRecord(0.5, 1))


def test_the_probability_is_right_as_often_as_it_says() -> None:
    """600 records of 500 normal days whose true ratio is 0.05: the share of them surer than 95 %
    that it is above 0.05 is 5 %.
    """
    sure = [
        probabilistic_sharpe(track_record(noise(seed, 500, 1)[:, 0] + 0.001), 0.05) > 0.95
        for seed in range(600)
    ]
    assert np.mean(sure) == pytest.approx(0.05, abs=2.5758 * sqrt(0.05 * 0.95 / 600))


# the best of many


@pytest.mark.parametrize(
    ("trials", "allowed"), [(2, 0.08), (3, 0.03), (10, 0.03), (30, 0.03), (100, 0.01), (1000, 0.01)]
)
def test_the_expected_maximum_is_near_the_exact_one(trials: int, allowed: float) -> None:
    """The mean of the highest of n is the integral of 1 - F ** n above 0 minus that of F ** n
    below.
    """
    z = np.linspace(-9, 9, 20_001)
    distribution = np.array([PHI(value) for value in z]) ** trials
    exact = np.trapezoid(np.where(z > 0, 1 - distribution, -distribution), z)
    assert expected_maximum(trials) == pytest.approx(exact, rel=allowed)


def test_the_expected_maximum_rises_from_nothing_without_a_step() -> None:
    found = np.array([expected_maximum(trials) for trials in np.geomspace(1, 1e5, 2000)])
    assert expected_maximum(0.5) == found[0] == 0.0
    assert (np.diff(found) > 0).all()
    assert np.diff(found).max() < 0.01


def grouped(seed: int, days: int, groups: int, size: int, apart: float = 0.0) -> np.ndarray:
    """Sets in groups of copies, or nearly: each with a deviation of its own of `apart` times the
    group's.
    """
    return np.repeat(noise(seed, days, groups), size, axis=1) + apart * noise(
        seed + 1000, days, groups * size
    )


def test_copies_are_one_try() -> None:
    assert effective_trials(grouped(1, 400, 1, 50), 50, 1) == pytest.approx(1.0, abs=1e-6)
    assert effective_trials(grouped(1, 400, 1, 50), 100_000, 1) == pytest.approx(1.0, abs=1e-6)
    assert effective_trials(grouped(1, 400, 1, 50, apart=0.01), 50, 1) == pytest.approx(
        1.0, abs=0.05
    )


@pytest.mark.parametrize("sets", [2, 10, 100])
def test_strangers_are_as_many_tries_as_there_are(sets: int) -> None:
    """Below by what the published approximation of the maximum is above the exact one, at most a
    tenth.
    """
    assert effective_trials(noise(2, 1000, sets), sets, 1) == pytest.approx(sets, rel=0.12)


@pytest.mark.parametrize("groups", [2, 3, 5, 10, 20])
@pytest.mark.parametrize("tried", [None, 100_000])
def test_groups_of_copies_are_as_many_tries_as_groups(groups: int, tried: int | None) -> None:
    sets = grouped(3, 800, groups, 20)
    assert effective_trials(sets, tried or sets.shape[1], 1) == pytest.approx(groups, rel=0.15)


def test_of_strangers_a_sample_stands_for_all() -> None:
    assert effective_trials(noise(4, 1500, 100), 1000, 1) == pytest.approx(1000, rel=0.25)


@pytest.mark.parametrize("likeness", [0.5, 0.9])
def test_what_sets_share_does_not_hide_what_they_do_not(likeness: float) -> None:
    """With a common part of variance c, the highest of 100 is sqrt(1 - c) times that of 100
    strangers: they must say so together.
    """
    daily = sqrt(likeness) * noise(5, 1500, 1) + sqrt(1 - likeness) * noise(6, 1500, 100)
    assert expected_maximum(effective_trials(daily, 100, 1)) == pytest.approx(
        sqrt(1 - likeness) * expected_maximum(100), rel=0.05
    )


def test_sets_that_never_traded_add_at_most_one() -> None:
    daily = noise(7, 800, 10)
    idle = np.column_stack((daily, np.zeros((800, 40))))
    assert effective_trials(idle, 50, 1) == pytest.approx(effective_trials(daily, 10, 1), abs=1.0)
    assert effective_trials(np.zeros((800, 5)), 5, 1) == 1.0


def test_stakes_and_means_are_no_tries() -> None:
    daily = noise(8, 600, 10)
    moved = daily * np.geomspace(0.1, 10, 10) + np.linspace(-0.01, 0.01, 10)
    assert effective_trials(moved, 10, 1) == pytest.approx(effective_trials(daily, 10, 1), rel=1e-6)


@pytest.mark.parametrize(("series", "tried"), [(5, 4), (1, 2)])
def test_series_that_cannot_stand_for_the_search_are_refused(series: int, tried: int) -> None:
    with pytest.raises(ValueError, match=f"series: {series}, must be from 2 to the {tried} sets"):
        effective_trials(noise(1, 50, series), tried, 1)


def test_unknown_returns_are_refused() -> None:
    daily = noise(1, 50, 3)
    daily[4, 1] = np.nan
    with pytest.raises(ValueError, match="no finite numbers"):
        effective_trials(daily, 3, 1)


def studied(daily: np.ndarray, seed: int = 1) -> Deflation:
    ratios = daily.mean(axis=0) / daily.std(axis=0, ddof=1)
    found = deflate(daily[:, ratios.argmax()], daily, ratios, seed)
    assert found is not None
    return found


def test_a_study_is_held_against_what_luck_would_show() -> None:
    daily = noise(9, 800, 30)
    ratios = daily.mean(axis=0) / daily.std(axis=0, ddof=1)
    got = studied(daily)
    assert got.record.sharpe == pytest.approx(ratios.max())
    assert got.variance == max(np.var(ratios, ddof=1), 1 / 799)
    assert got.expected_maximum == pytest.approx(
        sqrt(got.variance) * expected_maximum(got.effective_trials)
    )
    assert got.deflated_sharpe == pytest.approx(
        probabilistic_sharpe(got.record, got.expected_maximum)
    )
    assert got.minimum_days == minimum_track_record(got.record, got.expected_maximum)


def test_sets_that_are_much_alike_do_not_count_their_likeness_twice() -> None:
    """Copies of one set have no variance among them; a single try still scatters by 1 / (days - 1).
    One try: nothing to deflate.
    """
    daily = grouped(10, 800, 1, 20)
    got = studied(daily)
    assert got.variance == 1 / 799
    assert got.effective_trials == pytest.approx(1.0, abs=1e-6)
    assert got.deflated_sharpe == pytest.approx(
        probabilistic_sharpe(track_record(daily[:, 0])), abs=1e-6
    )


@pytest.mark.parametrize("likeness", [0.0, 0.8])
def test_luck_seldom_passes_however_hard_one_searches(
    likeness: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 searches among 30 sets without skill: at most 5 % of the best seem sure, within the 99 %
    band; undeflated, many do.
    """
    monkeypatch.setattr(deflated, "DRAWS", 500)
    searches = 100
    passed, undeflated = 0, 0
    for seed in range(searches):
        got = studied(
            sqrt(likeness) * noise(seed, 150, 1) + sqrt(1 - likeness) * noise(seed + 5000, 150, 30),
            seed,
        )
        passed += got.deflated_sharpe > 0.95
        undeflated += probabilistic_sharpe(got.record) > 0.95
    assert passed / searches <= 0.05 + 2.5758 * sqrt(0.05 * 0.95 / searches)
    assert undeflated / searches > 0.15


def test_skill_passes() -> None:
    daily = noise(11, 1500, 40)
    daily[:, 7] += 0.004
    assert studied(daily).deflated_sharpe > 0.99


def test_a_search_that_never_traded_has_nothing_to_deflate() -> None:
    assert deflate(np.zeros(100), np.zeros((100, 3)), np.zeros(3), 1) is None


def test_a_seed_reproduces_a_study() -> None:
    daily = noise(12, 300, 10)
    assert studied(daily, 4) == studied(daily, 4)
    assert studied(daily, 4) != studied(daily, 5)
