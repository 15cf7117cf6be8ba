"""What the kernel runs on: arrays, and how they are made of a backtest's inputs."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.inputs import Inputs
from strategies.breakout import Changes, Records, records_of
from strategies.decision import DecisionRules
from strategies.gate import ACCEPTED, GATE_LINES, gate_lines
from strategies.indicators import Floats, Ints


class Gate(NamedTuple):
    """The gate's lines, one entry a session row (`strategies.gate.GATE_LINES`)."""

    state: Floats
    ceiling: Floats
    filled: Floats
    confirmed_at: Floats
    stale: Floats


class Bars(NamedTuple):
    """Coin bars: `time`, `session`, `late` and `settled` by bar, the rest bar x coin.

    `time` is in epoch seconds, `session` the row of the gate known then (-1: none), `late` how many
    sessions that row is older than the newest: what those hold is accepted later. Prices and
    features are NaN before a coin is listed; `missing` is NaN there, 0 on a real bar. A bar is
    settled, 1, where the same coins have a real bar as at the bar before and all others are not
    listed.
    """

    time: Floats
    session: Ints
    late: Floats
    settled: Ints
    open: Floats
    close: Floats
    own_average: Floats
    volatility: Floats
    missing: Floats


class Account(NamedTuple):
    """Cash at the start, its yearly yield, and each coin's order step."""

    cash: float
    cash_yield: float
    steps: Floats


class Orders(NamedTuple):
    """Room for orders, one entry each; an order filled at no bar has `filled` -1.

    `size` is signed.
    """

    decided: Ints
    filled: Ints
    coin: Ints
    size: Floats
    price: Floats
    fee: Floats
    status: Ints


class Sessions(NamedTuple):
    """What the gate's state machine reads, one entry a session.

    `known_at` is in epoch seconds. Each entry is from the session's own closes
    (`strategies.gate.session_rows`); where `lines.stale` is above zero `gate_of` repeats the lines
    of the last session whose closes count, and where `substituted` is, 1, the ceiling may not rise.
    """

    known_at: Floats
    close: Floats
    records: Records
    average: Floats
    confirming: Ints
    filled: Ints
    haircut: Floats
    substituted: Floats
    lines: Gate  # `filled` and `stale` of the gate; the others are room for a parameter set's
    changes: Changes  # room


def sessions_of(rows: pd.DataFrame) -> Sessions:
    """What the state machine reads, out of `strategies.gate.session_rows`.

    Copies, because a frame's own arrays are read-only: another type, for which numba would compile
    everything again.
    """
    close, average, haircut, substituted = (
        rows[name].to_numpy(dtype=float, copy=True)
        for name in ("close", "average", "haircut", "substituted")
    )
    confirming, filled = (
        rows[name].to_numpy(dtype=np.int64, copy=True) for name in ("confirmations", "filled")
    )
    lines = Gate(*(np.empty(len(rows)) for _ in Gate._fields))
    lines = lines._replace(
        filled=filled.astype(float), stale=rows["stale"].to_numpy(dtype=float, copy=True)
    )
    room = Changes(
        *(np.empty(len(rows), float if name == "level" else np.int64) for name in Changes._fields)
    )
    return Sessions(
        known_at=_seconds(pd.DatetimeIndex(rows.index)),
        close=close,
        records=records_of(close),
        average=average,
        confirming=confirming,
        filled=filled,
        haircut=haircut,
        substituted=substituted,
        lines=lines,
        changes=room,
    )


def _seconds(index: pd.DatetimeIndex) -> Floats:
    return index.as_unit("s").asi8.astype(float)


def bars_by_session(inputs: Inputs) -> Bars:
    """The strategy's coins as the kernel's arrays, for a gate with one row a session."""
    known_at = pd.DatetimeIndex(inputs.rows.index)
    bars = bars_of(list(inputs.coins.values()), inputs.grid, known_at)
    if ACCEPTED[0] not in inputs.rows:
        return bars
    at = inputs.rows[ACCEPTED[0]]
    usable_at = pd.DatetimeIndex(at.where(at.notna(), known_at))
    session = usable_at.searchsorted(inputs.grid, side="right") - 1
    return bars._replace(
        session=session.astype(np.int64), late=(bars.session - session).astype(np.float64)
    )


def bars_of(coins: list[pd.DataFrame], grid: pd.DatetimeIndex, known_at: pd.DatetimeIndex) -> Bars:
    """Coin lines on one grid as the kernel's arrays; `known_at` is the gate table's index."""

    def matrix(column: str) -> Floats:
        return np.column_stack(
            [lines[column].reindex(grid).to_numpy(dtype=float) for lines in coins]
        )

    names = ("open", "close", "own_average", "volatility", "stale")
    rows = known_at.searchsorted(grid, side="right") - 1
    columns = Bars(
        _seconds(grid),
        rows.astype(np.int64),
        np.zeros(len(grid)),
        np.zeros(len(grid), np.int64),
        *(matrix(name) for name in names),
    )
    real, unlisted = columns.missing == 0.0, np.isnan(columns.missing)
    columns.settled[1:] = ((real[1:] == real[:-1]) & (real | unlisted)[1:]).all(axis=1)
    return columns


def gate_arrays(table: pd.DataFrame) -> Gate:
    """A gate table's lines as the kernel's arrays."""
    lines = gate_lines(table)
    return Gate(*(lines[name].to_numpy() for name in GATE_LINES))


def as_arrays(rules: DecisionRules) -> DecisionRules:
    """Rules the kernel takes for any number of coins without being compiled anew."""
    return rules._replace(
        weights=np.asarray(rules.weights, dtype=float), lags=np.asarray(rules.lags, dtype=float)
    )


def room(orders: int) -> Orders:
    """Room for that many orders."""
    decided, filled, coin, status = np.zeros((4, orders), np.int64)
    size, price, fee = np.zeros((3, orders))
    return Orders(
        decided=decided,
        filled=filled,
        coin=coin,
        size=size,
        price=price,
        fee=fee,
        status=status,
    )


def account_of(inputs: Inputs) -> Account:
    """The account the settings describe."""
    settings = inputs.settings
    return Account(
        settings.backtest.cash,
        settings.costs.cash_yield,
        np.array([settings.coin_step(name) for name in inputs.coins]),
    )
