"""The kernel against backtrader, order by order, and its gate against the gate table."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from backtests.engine import arrays, kernel
from backtests.engine.rules import gate_rules
from backtests.engine.simulation import simulate
from strategies.coins import coin_lines
from tests.backtests.parity import SEED, compare, real, same, synthetic
from tests.scenes import REAL, bars, ends, gate_rows, random_backtest, realdata, written

PAIRS = 60


@pytest.mark.parametrize("number", range(PAIRS))
def test_both_engines_do_the_same(number: int) -> None:
    found = compare(random_backtest(np.random.default_rng((SEED, number))))
    assert found.differing == 0
    assert found.equity_difference <= 1e-9


def test_what_parity_is_asked_on_meets_every_end_of_an_order_and_every_switch() -> None:
    met: Counter[str] = Counter()
    for _, inputs in synthetic(25, seed=7):
        run = simulate(inputs)
        met.update(order.status for order in run.orders)
        met["sells"] += sum(order.size < 0 for order in run.orders)
        rules = inputs.rules
        for one in run.decisions:
            met["stale gate with coins held"] += one.gate.stale > 0 and any(one.current)
            met["gate too old"] += one.gate.stale > rules.max_gate_age and any(one.current)
            met["unlisted coin"] += any(missing != missing for missing in one.missing)
            met["held coin without a bar"] += any(
                missing > 0 and held for missing, held in zip(one.missing, one.current, strict=True)
            )
            met["ended coin sold"] += any(
                missing >= rules.max_missing and size < 0
                for missing, size in zip(one.missing, one.sizes, strict=True)
            )
            met["drawdown stop"] += 0 < rules.drawdown_stop <= one.drawdown
            met["held while dormant"] += one.gate.state == 0 and any(one.current)
    wanted = {
        "filled",
        "no cash",
        "cancelled",
        "open",
        "sells",
        "stale gate with coins held",
        "gate too old",
        "unlisted coin",
    }
    wanted |= {"held coin without a bar", "ended coin sold", "drawdown stop", "held while dormant"}
    assert not {name for name in wanted if not met[name]}, met


@realdata
def test_both_engines_do_the_same_on_real_prices() -> None:
    differing = {}
    for name, inputs in real(6, REAL):
        found = compare(inputs)
        if found.differing or not found.equity_difference <= 1e-9:
            differing[name] = found
    assert not differing


def test_orders_that_differ_in_a_size_are_seen() -> None:
    frame = bars([100.0, 110.0], ends(2))
    order = simulate(written({"BTC": frame}, gate_rows([1.0, 1.0], frame.index))).orders[0]
    assert same(order, order)
    for changed in (
        order._replace(size=order.size * (1 + 1e-9)),
        order._replace(status="open"),
        order._replace(filled=order.decided),
    ):
        assert not same(order, changed)


@pytest.mark.parametrize("seed", range(12))
def test_the_kernels_gate_is_the_gate_table(seed: int) -> None:
    inputs = random_backtest(np.random.default_rng((99, seed)))
    rules = gate_rules(inputs.settings)
    expected = arrays.gate_arrays(inputs.table)
    for first in (0, len(inputs.table) // 2):
        sessions = arrays.sessions_of(inputs.rows)
        kernel.gate_of(
            sessions,
            rules.breakout,
            np.array(rules.curve.ceilings),
            np.array(rules.curve.dormant_ceilings),
            first,
        )
        for name, got, line in zip(arrays.Gate._fields, sessions.lines, expected, strict=True):
            np.testing.assert_array_equal(got[first:], line[first:], err_msg=name)


@pytest.mark.parametrize("seed", range(6))
def test_a_whole_set_is_the_gates_trading(seed: int) -> None:
    """The same orders and equity from the state machine's own gate as from the gate table's."""
    inputs = random_backtest(np.random.default_rng((98, seed)))
    rules, size = gate_rules(inputs.settings), len(inputs.grid)
    bars = arrays.bars_of(list(inputs.coins.values()), inputs.grid, inputs.table.index)
    traded = (bars, arrays.as_arrays(inputs.rules), inputs.costs, arrays.account_of(inputs))
    found = []
    for gate in (arrays.gate_arrays(inputs.table), None):
        room = np.empty(size), np.empty(size), arrays.room(size * len(inputs.coins))
        if gate:
            count = kernel.trade(gate, *traded, *room)
        else:
            ceilings = np.array(rules.curve.ceilings), np.array(rules.curve.dormant_ceilings)
            count = kernel.run_set(
                arrays.sessions_of(inputs.rows), rules.breakout, *ceilings, *traded, *room
            )
        found.append(
            (room[0].tolist(), room[1].tolist(), [column[:count].tolist() for column in room[2]])
        )
    assert found[0] == found[1]
    assert found[0][2], "nothing was traded"


def test_a_kernel_without_room_counts_and_trades_the_same() -> None:
    frame = bars([100.0, 110.0, 90.0, 120.0], ends(4))
    inputs = written(
        {"BTC": frame}, gate_rows([1.0, 0.0, 1.0, 0.0], frame.index), {"costs.fee": 0.001}
    )
    lines = arrays.bars_of(list(inputs.coins.values()), inputs.grid, inputs.table.index)
    results = []
    for size in (0, 1, 10):
        equity, cash = np.empty(4), np.empty(4)
        account = arrays.account_of(inputs)
        count = kernel.trade(
            arrays.gate_arrays(inputs.table),
            lines,
            arrays.as_arrays(inputs.rules),
            inputs.costs,
            account,
            equity,
            cash,
            arrays.room(size),
        )
        results.append((count, equity.tolist(), cash.tolist()))
    assert results[0] == results[1] == results[2]
    assert results[0][0] == 4


def test_a_window_that_starts_on_a_missing_bar_waits_for_a_real_one() -> None:
    """Before its first bar inside the window nothing is known of the coin, or at most its last
    close: it is not bought at NaN.
    """
    frame = bars([100.0, 101.0, np.nan, 103.0, 104.0, 105.0], ends(6))
    inputs = written({"BTC": frame}, gate_rows([1.0] * 6, ends(6)))
    grid = inputs.grid[2:]
    inputs = inputs._replace(
        grid=grid, coins={"BTC": coin_lines(frame, frame["close"], grid, 2, 2)}
    )
    run = simulate(inputs)
    assert [one.status for one in run.orders][:1] == ["filled"]
    assert all(one.equity == one.equity for one in run.decisions)
    assert compare(inputs).differing == 0


def test_the_kernel_loads_nothing_that_only_tests_need_and_hides_nothing_from_them() -> None:
    program = (
        "import sys; from backtests.engine import kernel; "
        "only_tests = {'scipy.linalg', 'scipy.linalg.cython_blas', 'coverage'}; "
        "assert not only_tests & sys.modules.keys(); "
        "import scipy.linalg, coverage; "
        "print(scipy.linalg.norm([3.0, 4.0]), coverage.Coverage.__name__)"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ".", "PATH": ""},
    )
    assert result.stdout.split() == ["5.0", "Coverage"], result.stderr
