"""The gate table: one row a US session, saying how much crypto may be held and why."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from strategies.breakout import REASONS, STATES, BreakoutRules, breakout_table
from strategies.confirmations import Measure, MeasureRules, measure
from strategies.held_closes import check_market
from strategies.indicators import Floats, Ints, rolling_mean
from strategies.market import Market, in_session
from strategies.risk_curve import CurveRules, HaircutRules, ceiling, filled_channels, haircut

GATE_LINES = ("state", "ceiling", "filled", "confirmed_at", "stale")


class GateRules(NamedTuple):
    """Everything that turns market data into gate rows."""

    breakout: BreakoutRules
    trend_sessions: int
    confirmations: tuple[str, ...]
    measures: MeasureRules
    curve: CurveRules
    haircuts: HaircutRules


def gate_table(market: Market, rules: GateRules) -> pd.DataFrame:
    """One row a session of `market.sessions`, indexed by the instant it was known (UTC).

    Columns: `session_close`; the index's `close`, its `record` (highest earlier close), `base_age`
    (sessions since that), `average`; `state`, `reason` of its last change, the `level` broken,
    `confirmed_at` (instant the latest confirmation was known), `after_base` (the latest breakout
    came out of a full base); `confirmations` (how many hold); `confirmation_<name>` and
    `channel_<name>` (True, False, or missing where unknown) with the number behind them in
    `measure_<name>`; `filled` (risk checks that pass from the first on); `haircut`; `ceiling`;
    `stale` (sessions since the last one whose closes count: the index has none, or a close is held;
    the row then repeats that session's); `held` (names of the series whose close is),
    `closes_note` (what was held, confirmed or rejected there, as a sentence; "" for nothing).
    """
    return published_rows(session_rows(market, rules))


def session_rows(market: Market, rules: GateRules) -> pd.DataFrame:
    """The rows before `published_rows`: each from its own session's closes that count by now.

    NaN where the index has no close.
    """
    market, held, notes = check_market(market)
    known_at = pd.DatetimeIndex(market.sessions.index)
    close = in_session(market.small_caps, known_at)
    names = dict.fromkeys((*rules.confirmations, *rules.curve.channels))
    measures = {name: measure(name, market, rules.measures) for name in names}
    confirming = _count(measures, rules.confirmations, len(known_at))
    average = index_average(close, rules.trend_sessions)
    states = breakout_table(close, average, confirming, rules.breakout)

    table = pd.DataFrame(
        {"session_close": market.sessions.array, "close": close, "average": average}, index=known_at
    )
    table = table.assign(record=states.record, base_age=states.base_age, level=states.level)
    table["state"] = np.asarray(STATES, dtype=object)[states.state]
    table["reason"] = np.asarray(REASONS, dtype=object)[states.reason]
    table["confirmed_at"] = known_at[np.maximum(states.confirmed_row, 0)].where(
        states.confirmed_row >= 0
    )
    table["after_base"] = states.after_base.astype(bool)
    table["confirmations"] = confirming
    for prefix, chosen in (
        ("confirmation", rules.confirmations),
        ("channel", rules.curve.channels),
    ):
        for name in chosen:
            table[f"{prefix}_{name}"] = _with_unknown(measures[name].holds)
    for name, result in measures.items():
        table[f"measure_{name}"] = result.value
    filled = filled_channels([measures[name].holds for name in rules.curve.channels], len(known_at))
    cut = haircut(market, states.base_age, close > states.record, rules.haircuts)
    table["filled"] = filled
    table["haircut"] = cut
    table["ceiling"] = _ceilings(states.state, filled, rules.curve) * cut
    table["stale"] = _sessions_since(~np.isnan(close) & (held == ""))
    table["held"] = held
    table["closes_note"] = notes
    return table


def published_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """`session_rows` as each session showed them.

    A stale row repeats the last that was not stale; the instants stay the session's own.
    """
    if not (rows["stale"] > 0).any():
        return rows
    sources = np.arange(len(rows)) - rows["stale"].to_numpy()
    table: pd.DataFrame = rows.iloc[np.maximum(sources, 0)].set_axis(rows.index)
    for name in ("stale", "session_close", "held", "closes_note"):
        table[name] = rows[name]
    return table


def gate_lines(table: pd.DataFrame) -> pd.DataFrame:
    """The table as the numbers that travel on the gate feed: `GATE_LINES`.

    `confirmed_at` is in epoch seconds (NaN: never).
    """
    confirmed = table["confirmed_at"]
    seconds = (confirmed - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    state = table["state"].map({name: float(code) for code, name in enumerate(STATES)})
    return pd.DataFrame(
        {
            "state": state,
            "ceiling": table["ceiling"],
            "filled": table["filled"],
            "confirmed_at": seconds,
            "stale": table["stale"],
        },
        dtype=float,
    )


def index_average(close: Floats, sessions: int) -> Floats:
    """The index's own average over the sessions that have a close; NaN elsewhere."""
    average = np.full(len(close), np.nan)
    known = ~np.isnan(close)
    average[known] = rolling_mean(close[known], sessions)
    return average


def _count(measures: dict[str, Measure], names: tuple[str, ...], sessions: int) -> Any:
    return (
        np.sum([measures[name].holds == 1.0 for name in names], axis=0, dtype=int)
        if names
        else np.zeros(sessions, dtype=int)
    )


def _ceilings(states: Ints, filled: Ints, curve: CurveRules) -> Floats:
    pairs = list(zip(curve.ceilings, curve.dormant_ceilings, strict=True))
    by_state = np.array([[ceiling(state, *pair) for pair in pairs] for state in range(len(STATES))])
    chosen: Floats = by_state[states, filled]
    return chosen


def _with_unknown(holds: Floats) -> Any:
    return pd.arrays.BooleanArray(holds == 1.0, np.isnan(holds))


def _sessions_since(counts: np.ndarray) -> Ints:
    """Sessions since the last one that counts; since before the first where none does yet."""
    rows = np.arange(len(counts))
    return rows - np.maximum.accumulate(np.where(counts, rows, -1))
