"""The gate at the wrong time: what a shift is, what p counts, and that p means what it says."""

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.benchmarks import prepare_kernel
from backtests.benchmarks.excess_of_cash import sharpe_in_excess
from backtests.benchmarks.random_gates import effective_shifts, random_gates, shift_circularly
from backtests.engine.arrays import Gate, gate_arrays
from backtests.engine.inputs import Inputs
from strategies.breakout import CONFIRMED
from tests.scenes import bars, changed, ends, gate_rows, written

NAN = float("nan")


def walk(random: np.random.Generator, days: int) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.03, days)))


def blocks(random: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Zeros and ones in blocks of one length, beginning anywhere in a block."""
    return np.repeat(random.integers(0, 2, count // length + 2), length)[
        int(random.integers(length)) :
    ][:count].astype(float)


def scene(
    random: np.random.Generator, days: int = 120, ceilings: np.ndarray | None = None
) -> Inputs:
    """One coin on a walk, a session every day at noon, a gate that knows nothing of prices."""
    instants = ends(days)
    known_at = instants - pd.Timedelta(hours=12)
    return written(
        {"BTC": bars(walk(random, days), instants)},
        gate_rows(blocks(random, days, 10) if ceilings is None else ceilings, known_at),
    )


def gate_of(state: list[int]) -> tuple[Gate, np.ndarray]:
    count = len(state)
    known_at = 1e9 + 86400.0 * np.arange(count)
    gate = Gate(
        np.array(state, float),
        np.linspace(0.1, 0.9, count),
        np.arange(count) % 4.0,
        np.full(count, NAN),
        np.zeros(count),
    )
    return gate, known_at


def literal_confirmed_at(state: list[float], known_at: np.ndarray) -> list[float]:
    latest, found = NAN, []
    for row, now in enumerate(state):
        if now == CONFIRMED and (row == 0 or state[row - 1] != CONFIRMED):
            latest = known_at[row]
        found.append(latest)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_shift_by_all_sessions_is_no_shift(seed: int) -> None:
    inputs = scene(np.random.default_rng(seed))
    gate = gate_arrays(inputs.table)
    known_at = inputs.table.index.as_unit("s").asi8.astype(float)
    for whole_turns in (len(known_at), 0, 3 * len(known_at)):
        for name, line in zip(
            Gate._fields, shift_circularly(gate, known_at, whole_turns), strict=True
        ):
            np.testing.assert_array_equal(line, getattr(gate, name), err_msg=name)


@pytest.mark.parametrize("shift", [1, 2, 5, 8])
def test_a_shifted_gate_says_later_what_the_own_said(shift: int) -> None:
    gate, known_at = gate_of([0, 1, 2, 2, 0, 0, 1, 2, 0])
    moved = shift_circularly(gate, known_at, shift)
    for row in range(9):
        assert moved.state[(row + shift) % 9] == gate.state[row]
        assert moved.ceiling[(row + shift) % 9] == gate.ceiling[row]


@pytest.mark.parametrize("shift", range(1, 12))
def test_confirmed_at_is_when_the_shifted_gate_period_was_known(shift: int) -> None:
    gate, known_at = gate_of([0, 1, 2, 2, 0, 0, 2, 2, 2, 1, 0, 2])
    moved = shift_circularly(gate, known_at, shift)
    np.testing.assert_array_equal(
        moved.confirmed_at, literal_confirmed_at(moved.state.tolist(), known_at)
    )


def test_p_counts_the_gates_at_least_as_good_and_the_own_one() -> None:
    random = np.random.default_rng(3)
    inputs = scene(random)
    got = random_gates(prepare_kernel(inputs), 50, seed=1)
    assert (got.n, len(got.sharpes), len(got.total_returns)) == (50, 50, 50)
    from backtests.engine.simulation import simulate

    values = np.array([one.equity for one in simulate(inputs).decisions])
    own_return = values[-1] / values[0] - 1
    daily = values[1:] / values[:-1] - 1
    own_sharpe = daily.mean() / daily.std(ddof=1) * np.sqrt(365)
    assert got.p_return == (1 + (got.total_returns >= own_return).sum()) / 51
    assert got.p_sharpe == (1 + (got.sharpes >= own_sharpe).sum()) / 51


def test_ratios_are_in_excess_of_cash() -> None:
    """Of the gate and of its shifts: an account that is mostly in cash is mostly interest."""
    inputs = scene(np.random.default_rng(3))
    paid = inputs._replace(settings=changed(inputs.settings, {"costs.cash_yield": 0.5}))
    got = random_gates(prepare_kernel(paid), 50, seed=1)
    from backtests.engine.simulation import simulate

    values = pd.Series([one.equity for one in simulate(paid).decisions], inputs.grid)
    assert got.own_sharpe == pytest.approx(sharpe_in_excess(values, 0.5), rel=1e-9)
    assert got.p_sharpe == (1 + (got.sharpes >= got.own_sharpe).sum()) / 51
    # Interest on half the account lifts a ratio of daily returns without telling good from bad.
    unpaid = random_gates(prepare_kernel(inputs), 50, seed=1)
    assert np.median(got.sharpes - unpaid.sharpes) < 0.0


def test_a_gate_with_perfect_foresight_has_the_smallest_p_there_is() -> None:
    random = np.random.default_rng(4)
    days = 160
    prices = walk(random, days)
    # At noon of day t the gate knows whether the open after the next, at which its order is undone,
    # lies higher.
    rises = np.append(prices[1:] > prices[:-1], False)
    inputs = written(
        {"BTC": bars(prices, ends(days), opens=prices)},
        gate_rows(np.append(rises[1:], False).astype(float), ends(days) - pd.Timedelta(hours=12)),
    )
    got = random_gates(prepare_kernel(inputs), 99, seed=1)
    assert got.p_sharpe == got.p_return == 1 / 100


def test_a_seed_reproduces_and_another_does_not() -> None:
    place = prepare_kernel(scene(np.random.default_rng(5)))
    one, again, other = (random_gates(place, 30, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.sharpes, again.sharpes)
    assert one.p_sharpe == again.p_sharpe
    assert one.sharpes.tolist() != other.sharpes.tolist()


def test_no_shift_is_drawn_twice_and_a_small_window_has_fewer() -> None:
    """A window of 20 sessions has 19 shifts.

    A ceiling that differs in every row makes each shift another curve.
    """
    random = np.random.default_rng(6)
    place = prepare_kernel(scene(random, 20, np.linspace(0.05, 0.95, 20)))
    ticks = []
    got = random_gates(place, 1000, seed=1, progress=lambda: ticks.append(1))
    assert got.n == len(ticks) == 19
    assert len(set(got.total_returns.tolist())) == 19


def test_a_gate_that_never_opens_has_no_p_by_sharpe() -> None:
    got = random_gates(
        prepare_kernel(scene(np.random.default_rng(7), ceilings=np.zeros(120))), 20, seed=1
    )
    assert got.p_sharpe is None
    assert got.p_return == 1.0  # nothing gained, as every shift
    assert got.effective_n == 1.0


def test_only_the_traded_window_turns() -> None:
    """Sessions before and after the coins' bars are no part of the circle.

    What stands there changes nothing.
    """
    random = np.random.default_rng(8)
    days, inside = 60, blocks(random, 40, 5)
    frame = bars(walk(random, 40), ends(days)[10:50])
    results = []
    for outside in (0.0, 1.0):
        # Rows at the bars' own ends; the row before the first bar is not known at any bar.
        ceilings = np.concatenate((np.full(10, outside), inside, np.full(10, outside)))
        table = gate_rows(ceilings, ends(days), confirmed_at=[ends(days)[0]] * days)
        results.append(random_gates(prepare_kernel(written({"BTC": frame}, table)), 39, seed=1))
    np.testing.assert_array_equal(results[0].total_returns, results[1].total_returns)
    assert results[0].n == 39


@pytest.mark.parametrize("length", [5, 20])
def test_blocks_hold_one_independent_shift_each(length: int) -> None:
    """Autocorrelation of blocks falls linearly to 0 at `length`.

    1 + 2 * sum(1 - k / length) = length.
    """
    found = [
        effective_shifts(blocks(np.random.default_rng(seed), 10_000, length)) for seed in range(8)
    ]
    assert np.median(found) == pytest.approx(10_000 / length, rel=0.15)


def test_an_autoregression_holds_the_share_its_formula_says() -> None:
    """AR(1) with coefficient a: autocorrelation a**k, time (1 + a) / (1 - a)."""
    found = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        noise = random.normal(size=20_000)
        values = np.empty(20_000)
        values[0] = noise[0]
        for row in range(1, 20_000):
            values[row] = 0.8 * values[row - 1] + noise[row]
        found.append(effective_shifts(values))
    assert np.median(found) == pytest.approx(20_000 * 0.2 / 1.8, rel=0.15)


def test_a_constant_ceiling_has_one_independent_shift() -> None:
    assert effective_shifts(np.full(500, 0.7)) == 1.0
    assert effective_shifts(np.zeros(500)) == 1.0


def test_p_is_uniform_for_gates_that_know_nothing_of_prices() -> None:
    """120 scenes: the mean of p and the share below 0.1 lie within 4 standard errors."""
    scenes, days = 120, 80
    place = prepare_kernel(scene(np.random.default_rng(9), days))
    found = []
    for seed in range(scenes):
        random = np.random.default_rng((9, seed))
        prices = walk(random, days)[:, None]
        basket = place.basket._replace(open=np.vstack((prices[:1], prices[:-1])), close=prices)
        table = gate_rows(blocks(random, days, 10), pd.DatetimeIndex(place.inputs.table.index))
        found.append(
            random_gates(
                place._replace(basket=basket, inputs=place.inputs._replace(table=table)),
                39,
                seed=seed,
            ).p_return
        )
    p = np.array(found, dtype=float)
    assert abs(p.mean() - 0.5) < 4 * np.sqrt(1 / 12 / scenes) + 1 / 80
    assert abs((p <= 0.1).mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / scenes)
