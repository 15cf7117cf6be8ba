"""The worlds in which the verdict is calibrated are what they claim, and runs through them are
counted as they are said to be.
"""

from functools import cache
from math import log, sqrt
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.tuning.search.space import space_of
from backtests.tuning.validation.checks import Check
from brokers.prices.load import load_prices
from config.settings import load
from tests.backtests.tuning.evaluators import NOW
from tests.backtests.tuning.planted import (
    OPEN,
    PRICES,
    SHUT,
    Effect,
    KnownGate,
    Source,
    drawn_rows,
    effect,
    known_gate,
    source,
    world,
)
from tests.price_folder import overrides
from tests.proofs.tune_calibration import (
    Job,
    Outcome,
    Scene,
    alone_in_the_way,
    interval,
    planted_in,
    searched,
)
from tests.scenes import REAL, realdata

TUNE = Path(__file__).parents[3] / "config" / "tune.toml"
EARN = Effect(open=0.9, shut=-0.4)
WORLDS = 150
COINS = ["BTC-USD", "ETH-USD", "SOL-USD"]


@pytest.fixture(scope="module")
def inputs(whole_folder: Path, cache: Path) -> Inputs:
    settings = load([TUNE], overrides(whole_folder, cache))
    return prepare_inputs(settings, load_prices(settings, NOW))


@pytest.fixture(scope="module")
def real(inputs: Inputs) -> Source:
    return source(inputs)


def closes(prices: object, symbol: str) -> pd.Series:
    return prices.of(symbol).frame["close"]  # type: ignore[attr-defined]


def test_a_day_of_all_coins_is_one_real_day_of_all_of_them(inputs: Inputs, real: Source) -> None:
    """Except what is added to a coin's close: the same on all days with the same coins."""
    drawn = world(inputs.prices, real, 3, None)
    of_day = {day: row for row, day in enumerate(real.days)}
    for symbol in COINS:
        before = np.log(closes(inputs.prices, symbol)).diff()
        found = np.log(closes(drawn.prices, symbol)).diff().iloc[1:]
        rows = [of_day[day] for day in found.index]
        added = found.to_numpy() - before.reindex(real.days).to_numpy()[drawn.rows[rows]]
        for pool in set(real.pool[rows].tolist()):
            assert np.ptp(added[real.pool[rows] == pool]) == pytest.approx(0.0, abs=1e-12)
        opened = (
            drawn.prices.of(symbol).frame["open"].to_numpy()[1:]
            / closes(drawn.prices, symbol).to_numpy()[:-1]
        )
        was = (
            (inputs.prices.of(symbol).frame["open"] / closes(inputs.prices, symbol).shift())
            .reindex(real.days)
            .to_numpy()
        )
        assert_allclose(opened, was[drawn.rows[rows]], rtol=1e-9)


def test_coins_begin_and_end_when_the_real_ones_do_and_their_bars_are_bars(
    inputs: Inputs, real: Source
) -> None:
    drawn = world(inputs.prices, real, 4, Effect(4.0, -4.0))
    for request, one in drawn.prices.series.items():
        before = inputs.prices.series[request].frame
        if request.kind != "coin":
            assert one.frame is before
            continue
        assert_array_equal(one.frame.index, before.index)
        assert one.frame.index.dtype == before.index.dtype
        opened, high, low, close = (one.frame[name] for name in PRICES)
        assert (
            (low <= opened) & (low <= close) & (high >= opened) & (high >= close) & (low > 0)
        ).all()
        assert not one.frame.isna().any(axis=None)


def test_coins_listed_earlier_begin_as_many_days_earlier(inputs: Inputs, real: Source) -> None:
    first = pd.Timestamp(
        "2012-03-01", tz="UTC"
    )  # BTC's first bar, that ends on 2 June, 93 days earlier
    early = source(inputs, first)
    drawn = world(inputs.prices, early, 4, None)
    for symbol in COINS:
        before, after = closes(inputs.prices, symbol).index, closes(drawn.prices, symbol).index
        assert (before[0] - after[0], after[-1]) == (pd.Timedelta(days=93), before[-1])


def test_blocks_are_as_long_as_those_of_a_stationary_bootstrap(real: Source) -> None:
    """A day follows the one before it unless a block ends, 1 in 60, or other coins are listed; each
    row of a pool is as likely as the next.
    """
    draws = np.array([drawn_rows(real, seed) for seed in range(400)])
    last = len(real.pools) - 1
    begin, end = real.pools[last]
    days = np.flatnonzero(real.pool == last)
    some = draws[:, days]
    assert (some.min(), some.max()) == (begin, end - 1)
    follows = (some[:, 1:] - begin) == (some[:, :-1] - begin + 1) % (end - begin)
    tries = follows.size
    assert 1.0 - follows.mean() == pytest.approx(
        1 / 60 * (1 - 1 / (end - begin)), abs=5 * sqrt(1 / 60 / tries)
    )
    # A draw has about days / 60 blocks, and the mean of a uniform row has a standard deviation of
    # (end - begin) / sqrt(12).
    error = (end - begin) / sqrt(12) / sqrt(400 * len(days) / 120)
    assert some.mean() == pytest.approx((begin + end - 1) / 2, abs=5 * error)


def test_in_the_null_world_coins_earn_what_they_earned_and_the_gate_says_nothing(
    inputs: Inputs, real: Source
) -> None:
    worlds = np.array([world(inputs.prices, real, seed, None).returns for seed in range(WORLDS)])
    for coin, symbol in enumerate(COINS):
        prices = closes(inputs.prices, symbol)
        mean = log(prices.iloc[-1] / prices.iloc[0]) / (len(prices) - 1)
        listed = real.listed[:, coin]
        of_worlds = worlds[:, listed, coin].mean(axis=1)
        assert of_worlds.mean() == pytest.approx(mean, abs=4 * of_worlds.std() / sqrt(WORLDS))
        here = real.is_open[listed]
        apart = worlds[:, listed, coin][:, here].mean(axis=1) - worlds[:, listed, coin][
            :, ~here
        ].mean(axis=1)
        assert apart.mean() == pytest.approx(0.0, abs=4 * apart.std() / sqrt(WORLDS))


def test_no_draw_reads_the_gate(inputs: Inputs, real: Source) -> None:
    other = real._replace(is_open=~real.is_open)
    assert_array_equal(
        world(inputs.prices, real, 5, None).returns, world(inputs.prices, other, 5, None).returns
    )
    assert_array_equal(
        world(inputs.prices, real, 5, EARN).rows, world(inputs.prices, other, 5, EARN).rows
    )


def test_planted_coins_earn_the_two_drifts(inputs: Inputs, real: Source) -> None:
    worlds = np.array([world(inputs.prices, real, seed, EARN).returns for seed in range(WORLDS)])
    for coin in range(3):
        for is_open, yearly in ((True, 0.9), (False, -0.4)):
            days = real.listed[:, coin] & (real.is_open == is_open)
            of_worlds = worlds[:, days, coin].mean(axis=1)
            assert of_worlds.mean() == pytest.approx(
                yearly / 365, abs=4 * of_worlds.std() / sqrt(WORLDS)
            )


def test_between_worlds_of_one_seed_nothing_differs_but_the_drift(
    inputs: Inputs, real: Source
) -> None:
    none, some = (
        world(inputs.prices, real, 6, planted).returns for planted in (Effect(0.1, 0.1), EARN)
    )
    added = np.where(real.is_open, 0.8, -0.5)[:, None] / 365
    assert_allclose(some - none, np.where(real.listed, added, np.nan), atol=1e-12)


def test_the_drift_is_there_while_what_was_bought_at_the_gate_is_held(
    inputs: Inputs, real: Source
) -> None:
    """Day by day: the newest session that was known when the day before ended."""
    rows = list(zip(inputs.table.index, inputs.table["state"], strict=True))
    known, state = -1, ""
    for day, is_open in zip(real.days, real.is_open, strict=True):
        while known + 1 < len(rows) and rows[known + 1][0] <= day - pd.Timedelta(days=1):
            known += 1
            state = rows[known][1]
        assert is_open == (state == "confirmed")
    assert 0 < real.is_open.sum() < len(real.days)


def test_twice_doubles_what_the_gate_adds() -> None:
    assert (OPEN, SHUT) == (0.79, 0.26)
    for found, expected in (
        (effect(1.0), (0.79, 0.26)),
        (effect(2.0), (1.32, 0.26)),
        (effect(0.0), (0.26, 0.26)),
    ):
        assert found == pytest.approx(expected)
    assert [planted_in(name) for name in ("null", "truth", "twice", "4")] == [
        None,
        effect(1.0),
        effect(2.0),
        effect(4.0),
    ]


@realdata
def test_the_drifts_are_what_real_bitcoin_had(tmp_path: Path) -> None:
    settings = load(
        [TUNE], ["prices.source=folder", f"prices.folder={REAL}", f"prices.cache={tmp_path}"]
    )
    real = source(
        prepare_inputs(settings, load_prices(settings, pd.Timestamp("2026-08-22", tz="UTC")))
    )
    earned = real.logs[1:, 0, 3] * 365
    assert (earned[real.is_open[1:]].mean(), earned[~real.is_open[1:]].mean()) == (
        pytest.approx(OPEN, abs=0.005),
        pytest.approx(SHUT, abs=0.005),
    )


def flat_source(days: int, covariance: np.ndarray, seed: int) -> Source:
    """Coins that are all listed all the time, with normal returns, and a gate that is open on every
    fourth block of 50 days.
    """
    logs = np.zeros((days, len(covariance), 4))
    logs[:, :, 3] = np.random.default_rng(seed).multivariate_normal(
        np.zeros(len(covariance)), covariance, days
    )
    is_open, index = (
        np.arange(days) // 50 % 4 == 0,
        pd.date_range("2010-01-01", periods=days, tz="UTC"),
    )
    return Source(
        (),
        logs,
        logs[:, :, 0],
        index,
        np.ones((days, len(covariance)), bool),
        is_open,
        np.zeros(days, np.int64),
        ((0, days),),
    )


def test_a_known_gate_is_found_as_often_as_normal_returns_say() -> None:
    """Two coins of volatility 2 % and 3 % a day, correlated 0.5, whose best mix has the variance 1
    / (1' C^-1 1).
    """
    covariance = np.array([[4.0, 3.0], [3.0, 9.0]]) * 1e-4
    real, planted = flat_source(4000, covariance, 1), Effect(0.5, 0.0)
    inverse = np.array([[9.0, -3.0], [-3.0, 4.0]]) / 27e-4
    expected = 0.5 / 365 * sqrt(4000 * 0.25 * 0.75 * inverse.sum())
    found = known_gate(real, planted, 1000, 7)
    assert found.added == pytest.approx(
        expected, rel=0.05
    )  # the sample's covariance is not quite the one drawn from
    # Blocks that are drawn together with the gate's own length change nothing about the ratio's
    # spread: days are independent.
    assert (found.ratios.mean(), found.ratios.std()) == (
        pytest.approx(0.0, abs=0.1),
        pytest.approx(1.0, abs=0.1),
    )
    power = 1.0 - NormalDist(found.added).cdf(NormalDist().inv_cdf(0.95))
    assert found.power == pytest.approx(power, abs=0.05)


def test_power_counts_ratios_beyond_the_95th_of_a_hundred() -> None:
    ratios = np.arange(101.0)
    assert KnownGate(ratios, 0.0).power == 5 / 101
    assert KnownGate(ratios, 10.5).power == 16 / 101


def check(name: str, *, passed: bool | None) -> Check:
    return Check(name, None, 0.0, passed, condemns=False, text="")


def test_a_test_stands_alone_in_the_way_where_all_others_are_passed() -> None:
    cases = [(True, True), (True, False), (None, True), (False, False), (True, False)]
    found = [
        Outcome(0, "", "", (check("a", passed=a), check("b", passed=b)), *(False, None, 0.0))
        for a, b in cases
    ]
    assert alone_in_the_way(found) == {"a": 1, "b": 2}


def test_intervals_are_wilson_s() -> None:
    """The ends p of the interval are where the share lies 1.96 standard errors sqrt(p (1 - p) / n)
    from p.
    """
    for count, of in ((3, 40), (0, 200), (200, 200), (10, 20)):
        for end, inside in zip(interval(count, of), (0.0, 1.0), strict=True):
            if abs(end - inside) > 1e-9:
                assert abs(count / of - end) == pytest.approx(
                    1.959964 * sqrt(end * (1 - end) / of), rel=1e-6
                )
    assert interval(0, 200)[0] == 0.0
    assert interval(200, 200)[1] == pytest.approx(1.0)


@cache
def stage(folder: Path, calendar: Path, *more: str) -> Scene:
    settings = load(
        [TUNE], [*overrides(folder, calendar), "tune.min_orders=1", "gate.base_sessions=60", *more]
    )
    inputs = prepare_inputs(settings, load_prices(settings, NOW))
    return Scene(settings, space_of(settings), inputs.prices, source(inputs))


def test_a_run_is_judged_by_all_tests_and_comes_out_again_the_same(
    whole_folder: Path, cache: Path
) -> None:
    place = stage(whole_folder, cache)
    job = Job(11, "", effect(2.0), None, sets=25, gates=20)
    one, again = searched(place, job), searched(place, job)
    assert one._replace(seconds=0.0) == again._replace(seconds=0.0)
    assert [test.name for test in one.tests] == [
        "events",
        "luck",
        "searched_gates",
        "pbo",
        "leave_one_out",
    ]
    assert one.shifted_p is not None
    assert one.shifted_p * 21 == pytest.approx(round(one.shifted_p * 21))
    assert (one.word == "recommended") == all(test.passed for test in one.tests)
    assert (one.without_count == "recommended") == all(
        test.passed for test in one.tests if test.name != "events"
    )


@pytest.mark.proof
def test_a_gate_that_is_everything_is_found_and_one_that_is_wrong_is_not(
    whole_folder: Path, cache: Path
) -> None:
    """Coins rise by e^4 a year while it is open and fall so while it is shut, then the other way
    round: no other time does as well, or as badly.
    """
    place, drift = stage(whole_folder, cache), Effect(4.0, -4.0)
    for seed in range(3):
        for sign, p in ((1.0, 1 / 41), (-1.0, 1.0)):
            planted = Effect(sign * drift.open, sign * drift.shut)
            found = searched(place, Job(seed, "", planted, None, sets=25, gates=40))
            assert found.shifted_p == pytest.approx(p)
