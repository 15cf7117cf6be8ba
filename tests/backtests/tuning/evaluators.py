"""Fields on made-up markets for tests of the search, and whole backtests to hold them against."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.benchmarks.random_gates import shift_circularly
from backtests.engine import arrays, kernel
from backtests.engine.arrays import Gate
from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.simulation import Run, simulate
from backtests.performance.metrics import daily_rows
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Segments, from_returns
from backtests.tuning.search.space import Axis, Space
from backtests.tuning.search.splits import Partition
from brokers.prices.load import Prices, load_prices
from config.settings import ConfigError, Settings, load, with_changes
from tests.price_folder import overrides

NOW = pd.Timestamp("2017-01-15", tz="UTC")
CHANNELS = ("credit", "broad", "leadership", "rates", "liquidity")
TESTS = ("volume", "breadth", "leadership", "credit", "liquidity", "exhaustion")
SMALL = {  # windows of a few sessions: gates open and close within a few dozen bars
    "gate.base_sessions": (3, 5, 7),
    "gate.rearm_sessions": (1, 2, 4),
    "gate.rearm_within": (0, 4, 8),
    "gate.confirm_sessions": (1, 2, 3),
    "gate.confirm_within": (2, 6),
    "gate.buffer": (0.0, 0.003),
    "gate.min_confirmations": (0, 1, 2),
    "gate.fail_sessions": (1, 2),
    "gate.fail_tolerance": (0.0, 0.02, 0.05),
    "gate.trend_sessions": (3, 5, 8),
    "gate.max_sessions": (0, 4),
    "gate.max_gate_age": (0, 2, 4),
    "gate.when_stale": ("sell", "hold"),
    **{f"confirmations.{name}.enabled": (False, True) for name in TESTS},
    "confirmations.volume.fast_sessions": (1, 2, 3),
    "confirmations.volume.slow_sessions": (3, 5),
    ("confirmations.volume.min_ratio"): (0.8, 1.0, 1.2),
    "confirmations.breadth.sessions": (2, 4),
    "confirmations.breadth.min_share": (0.5, 1.0),
    ("confirmations.leadership.sessions"): (2, 3, 5),
    "confirmations.credit.sessions": (2, 3, 5),
    "confirmations.liquidity.weeks": (1, 2),
    ("confirmations.exhaustion.drawdown"): (0.05, 0.1, 0.3),
    "confirmations.exhaustion.days": (3, 10),
    "risk_curve.broad_sessions": (2, 4, 7),
    "risk_curve.rates_sessions": (2, 4, 7),
    "haircuts.flows.factor": (0.3, 1.0),
    "haircuts.flows.days": (5, 20),
    ("haircuts.flows.record_sessions"): (1, 5),
    "haircuts.losses.factor": (0.3, 1.0),
    "haircuts.losses.max_share": (0.2, 0.6),
    "haircuts.losses.max_age": (3, 30),
    "allocation.unready": ("cash", "spread"),
    "allocation.own_trend": ("off", "and", "or"),
    "allocation.own_trend_days": (2, 4, 9),
    "allocation.target_volatility": (0.0, 0.3, 0.6),
    "allocation.volatility_days": (2, 5, 10),
    "allocation.drawdown_stop": (0.0, 0.05, 0.15),
    "allocation.cash_reserve": (0.0, 0.02, 0.2),
    "allocation.band": (0.0, 0.05, 0.3),
}


def spaced(
    settings: Settings,
    values: Mapping[str, tuple[Any, ...]],
    when: Mapping[str, Mapping[str, tuple[Any, ...]]] | None = None,
) -> Space:
    """A space of these values around the settings, unchecked."""
    return Space(
        tuple(Axis(key, some, (when or {}).get(key, {})) for key, some in values.items()),
        tuple(standing(settings, key) for key in values),
    )


def standing(settings: Settings, key: str) -> Any:
    found: Any = settings
    for part in key.split("."):
        found = getattr(found, part)
    return found


def curves(random: np.random.Generator, channels: int) -> dict[str, tuple[Any, ...]]:
    """Channels in other orders, and ceilings for as many."""
    orders = {
        tuple(str(name) for name in random.permutation(CHANNELS)[:channels]) for _ in range(3)
    }
    rows = [tuple(random.random(channels + 1).round(2).tolist()) for _ in range(4)]
    return {
        "risk_curve.channels": tuple(orders),
        "risk_curve.ceilings": tuple(rows[:2]),
        "risk_curve.dormant_ceilings": tuple(rows[2:]),
    }


@cache
def folder_prices(folder: Path, calendar: Path, *more: str) -> tuple[Settings, Prices]:
    """Settings and prices of the made-up folder of `tests.price_folder`."""
    settings = load(None, [*overrides(folder, calendar), *more])
    return settings, load_prices(settings, NOW)


def folder_evaluator(
    folder: Path,
    calendar: Path,
    values: Mapping[str, tuple[Any, ...]],
    *more: str,
    threads: int = 1,
) -> Evaluator:
    """The made-up folder's prices as a evaluator."""
    settings, prices = folder_prices(folder, calendar, *more)
    return Evaluator(prepare_inputs(settings, prices), spaced(settings, values), threads)


def by_day(inputs: Inputs, run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Daily returns, whether coins were held at each of these days' ends, and orders filled on each
    of these days, by a run of backtrader.

    What fills on the first day, before there is a return, counts with the second.
    """
    rows = daily_rows(inputs.grid)
    value, cash = np.array([[one.equity, one.cash] for one in run.decisions])[rows].T
    ends = inputs.grid.as_unit("s").asi8[rows]
    filled = np.searchsorted(ends, [one.filled for one in run.orders if one.filled is not None])
    orders = np.bincount(np.maximum(filled - 1, 0).astype(int), minlength=len(rows) - 1)
    return value[1:] / value[:-1] - 1.0, (value != cash)[1:], orders


def whole_backtest(
    settings: Settings, prices: Prices, point: Mapping[str, Any], edges: np.ndarray
) -> tuple[Segments, Run]:
    """One set as `backtest` would run it: its own settings, prepared anew, in backtrader."""
    inputs = prepare_inputs(with_changes(settings, point, "the set"), prices)
    run = simulate(inputs)
    lines = (line[:, None] for line in by_day(inputs, run))
    return from_returns(*lines, edges), run


def accepted(settings: Settings, point: Mapping[str, Any]) -> bool:
    """Whether the settings take a set."""
    try:
        with_changes(settings, point, "the set")
    except ConfigError:
        return False
    return True


def shifted_run(inputs: Inputs, turn: int) -> np.ndarray:
    """Equity by bar with the whole gate of a prepared backtest shifted as `random_gates` does."""
    bars = arrays.bars_of(list(inputs.coins.values()), inputs.grid, inputs.table.index)
    first, last = max(int(bars.session[0]), 0), int(bars.session[-1])
    window = Gate(*(line[first : last + 1] for line in arrays.gate_arrays(inputs.table)))
    known_at = inputs.table.index.as_unit("s").asi8[first : last + 1].astype(float)
    own = bars._replace(session=np.where(bars.session < 0, -1, bars.session - first))
    equity, cash = np.empty((2, len(bars.time)))
    account = arrays.account_of(inputs)
    kernel.trade(
        shift_circularly(window, known_at, turn),
        own,
        arrays.as_arrays(inputs.rules),
        inputs.costs,
        account,
        equity,
        cash,
        arrays.room(0),
    )
    return equity


def halves(evaluator: Evaluator) -> Partition:
    """Two segments, each a block, a fold and a step."""
    days = evaluator.days
    edges = np.array([0, len(days) // 2, len(days)])
    label = np.array([0, 1])
    starts = days[edges[:-1]]
    return Partition(edges, label, label, np.array([False, False]), label, starts, starts)


def assert_same(found: Segments, expected: Segments) -> None:
    """Segment by segment: sums to the rounding of doubles, what is kept in single precision to its
    own.
    """
    for name, one, other in zip(Segments._fields, found, expected, strict=True):
        if name in ("exposed", "orders"):
            np.testing.assert_array_equal(one, other, err_msg=name)
        else:
            tolerance = 1e-9 if one.dtype == np.float64 else 2e-6
            np.testing.assert_allclose(
                one,
                other,
                rtol=tolerance,
                atol=1e-10 if one.dtype == np.float64 else 1e-7,
                err_msg=name,
            )
