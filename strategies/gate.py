"""The gate table: one row a US session, saying how much crypto may be held and why."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from strategies.breakout import REASONS, STATES, BreakoutRules, breakout_table
from strategies.checked_market import check_market
from strategies.confirmations import Measure, MeasureRules, measure
from strategies.indicators import Floats, Ints, rolling_mean
from strategies.market import Market, in_session
from strategies.risk_curve import CurveRules, HaircutRules, ceiling, filled_channels, haircut

ACCEPTED = ("accepted_at", "accepted_note")  # columns of `session_rows` where one was accepted
# Columns of a stale row that are its own session's and not those of the row it repeats.
OF_THE_SESSION = ("stale", "session_close", "held", "closes_note", "substituted")
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
    `closes_note` (what was held, confirmed or rejected there, as a sentence; "" for nothing);
    `substituted` (a close is not of its series' first source: the ceiling does not rise). A
    session whose held closes somebody stood by before the next one has a second row, from then on;
    no instant has two.
    """
    return published_rows(session_rows(market, rules))


def session_rows(market: Market, rules: GateRules) -> pd.DataFrame:
    """The rows before `published_rows`: each from its own session's closes that count by now.

    NaN where the index has no close. Where somebody stood by all that a session holds, the columns
    `accepted_at` (NaT elsewhere) and `accepted_note` say from when on and why; such a row is not
    stale.
    """
    checked = check_market(market)
    market, held = checked.market, checked.held
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
    is_free = held == ""
    is_free[list(checked.accepted_at)] = True
    table["stale"] = _sessions_since(~np.isnan(close) & is_free)
    table["held"] = held
    table["closes_note"] = checked.notes
    table["substituted"] = known_at.isin(market.substituted)
    if checked.accepted_at:
        rows, at = range(len(table)), checked.accepted_at
        table["accepted_at"] = pd.DatetimeIndex([at.get(row) for row in rows], tz="UTC")
        table["accepted_note"] = [checked.accepted_notes.get(row, "") for row in rows]
    return table


def published_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """`session_rows` as each session showed them.

    A stale row repeats the last that was not stale; the instants stay the session's own. One whose
    held closes were accepted is stale up to then, and is there again from then on. A substituted
    row's ceiling is at most that of the row before.
    """
    if ACCEPTED[0] in rows:
        rows = _held_and_accepted(rows)
    is_fresh, substituted = rows["stale"].to_numpy() == 0, rows["substituted"].to_numpy()
    if is_fresh.all() and not substituted.any():
        return rows
    sources = np.maximum.accumulate(np.where(is_fresh, np.arange(len(rows)), -1))
    table: pd.DataFrame = rows.iloc[np.maximum(sources, 0)].set_axis(rows.index)
    for name in OF_THE_SESSION:
        table[name] = rows[name]
    table["ceiling"] = cap_ceilings(table["ceiling"].to_numpy(dtype=float), is_fresh, substituted)
    return table


def cap_ceilings(ceilings: Floats, is_fresh: np.ndarray, substituted: np.ndarray) -> Floats:
    """`ceilings`, one a row, where no close of a later source raises one.

    A substituted row has at most the ceiling of the row before it, one that is not fresh the same.
    """
    capped = ceilings.copy()
    for row in np.flatnonzero(~is_fresh | substituted):
        if row > 0:
            before = capped[row - 1]
            capped[row] = min(capped[row], before) if is_fresh[row] else before
    return capped


def _held_and_accepted(rows: pd.DataFrame) -> pd.DataFrame:
    """Each accepted row twice: stale, as its session showed it, and from its acceptance on.

    Once where it was accepted at the very instant the session was known: it never showed it held.
    """
    at, note = (rows[name] for name in ACCEPTED)
    is_accepted = at.notna().to_numpy()
    accepted = rows[is_accepted].assign(held="", closes_note=note[is_accepted])
    as_held = rows.drop(columns=list(ACCEPTED))
    before = as_held["stale"].shift(fill_value=0).to_numpy()
    as_held["stale"] = np.where(is_accepted, before + 1, as_held["stale"])
    accepted = accepted.set_axis(pd.DatetimeIndex(at[is_accepted]))[list(as_held.columns)]
    table = pd.concat([as_held, accepted])
    order = np.argsort(np.r_[np.arange(len(rows)), np.flatnonzero(is_accepted) + 0.5])
    table = table.iloc[order]
    return table[~table.index.duplicated(keep="last")]


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
