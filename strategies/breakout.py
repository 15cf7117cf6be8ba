"""The breakout of an index above a long-standing record: one state machine over closes."""

from typing import Any, NamedTuple

import numpy as np

from strategies.indicators import Counts, Floats, Ints, Numbers

DORMANT, TESTING, CONFIRMED = 0, 1, 2
STATES = ("dormant", "testing", "confirmed")

NOTHING, BROKE_OUT, HELD, LAPSED, FAILED, TREND, AGE = range(7)
REASONS = ("", "breakout", "confirmed", "lapsed", "failed", "trend", "age")


class BreakoutRules(NamedTuple):
    """When a record counts, when its breakout is confirmed, when it has failed.

    Counts are US sessions.
    """

    base_sessions: int
    rearm_sessions: int
    rearm_within: int
    confirm_sessions: int
    confirm_within: int
    buffer: float
    min_confirmations: int
    fail_sessions: int
    fail_tolerance: float
    max_sessions: int


class Records(NamedTuple):
    """What the closes alone say, one entry a session; arrays or lists of equal length."""

    record: Any  # highest earlier close, NaN before the first
    base_age: Any  # sessions since that record was set, 0 before the first
    # Row of the first close above its record from this session on; the number of sessions where
    # none follows.
    next_high: Any
    stale: Any  # sessions since the last known close


class Changes(NamedTuple):
    """One entry a change of state, in order of time, as of the session's end.

    Arrays or lists long enough for one a session.
    """

    row: Any
    state: Any
    reason: Any
    level: Any  # the record broken; NaN while dormant
    confirmed_row: Any  # row of the latest confirmation, -1 before the first
    after_base: Any  # 1 where the latest breakout came out of a full base, 0 where it was re-armed


class BreakoutTable(NamedTuple):
    """Records and changes as arrays with one entry a session."""

    state: Ints
    reason: Ints
    record: Floats
    base_age: Ints
    level: Floats
    confirmed_row: Ints
    after_base: Ints
    stale: Ints


def records_of(closes: Floats) -> Records:
    """The `Records` of closes, one a session, NaN where it is missing.

    A record is a close above all earlier ones; on a tie the older stands.
    """
    rows = np.arange(len(closes))
    known = ~np.isnan(closes)
    highest = np.fmax.accumulate(closes)
    record = np.concatenate(([np.nan], highest[:-1]))
    high = closes > record
    set_row = np.maximum.accumulate(np.where(high | (known & np.isnan(record)), rows, -1))
    before = np.concatenate(([-1], set_row[:-1]))
    highs = np.append(np.flatnonzero(high), len(closes))
    last_known = np.maximum.accumulate(np.where(known, rows, -1))
    return Records(
        record,
        np.where(before >= 0, rows - before, 0),
        highs[np.searchsorted(highs, rows)],
        rows - last_known,
    )


def find_breakouts(  # noqa: C901, PLR0917  # one piece, called by position: numba compiles it
    closes: Numbers,
    records: Records,
    averages: Numbers,
    confirmations: Counts,
    rules: BreakoutRules,
    out: Changes,
) -> int:
    """Walk the sessions, write each change of state into `out`, return how many there were.

    Written for plain Python and for numba alike: scalars, indexing and loops only.

    Parameters
    ----------
    closes : the index, one close a session, NaN where the session's close is missing. A missing
        close changes nothing; sessions go on being counted.
    records : `records_of` the closes.
    averages : the index's own average including the session, NaN while unknown (unknown is not
        "below").
    confirmations : number of enabled confirmations that hold in the session.

    A change in row i uses closes up to i only. On the last session of `confirm_within` a breakout
    may still be confirmed, otherwise it lapses on that session.

    """
    record, base_age, next_high = records.record, records.base_age, records.next_high
    rows, states, reasons, levels, confirmed_rows, after_bases = out
    sessions = len(closes)
    state = DORMANT
    reason = NOTHING
    level = float("nan")
    count = i = breakout_row = streak = bad = after_base = 0
    confirmed_row = left_row = -1
    while i < sessions:
        if state == DORMANT:
            i = next_high[i]  # nothing but a new record ends this state
            if i == sessions:
                break
        before = state
        close = closes[i]
        if state == DORMANT:
            rearmed = left_row >= 0 and i - left_row <= rules.rearm_within
            if base_age[i] >= (rules.rearm_sessions if rearmed else rules.base_sessions):
                state, reason, level = TESTING, BROKE_OUT, record[i]
                breakout_row, streak = i, 0
                after_base = 1 if base_age[i] >= rules.base_sessions else 0
        elif state == CONFIRMED and close == close:
            failed = close < level * (1.0 - rules.fail_tolerance)
            bad = bad + 1 if failed or close < averages[i] else 0
            if bad >= rules.fail_sessions:
                state, reason, left_row = DORMANT, (FAILED if failed else TREND), i
            elif rules.max_sessions > 0 and i - confirmed_row >= rules.max_sessions:
                state, reason, left_row = DORMANT, AGE, i
        if state == TESTING and close == close:
            streak = streak + 1 if close > level * (1.0 + rules.buffer) else 0
            if streak >= rules.confirm_sessions and confirmations[i] >= rules.min_confirmations:
                state, reason, confirmed_row, bad = CONFIRMED, HELD, i, 0
            elif i - breakout_row >= rules.confirm_within:
                state, reason, left_row = DORMANT, LAPSED, i
        if state != before:
            rows[count], states[count], reasons[count] = i, state, reason
            levels[count] = level if state != DORMANT else float("nan")
            confirmed_rows[count], after_bases[count] = confirmed_row, after_base
            count += 1
        i += 1
    return count


def breakout_table(
    closes: Floats, averages: Floats, confirmations: Ints, rules: BreakoutRules
) -> BreakoutTable:
    """`find_breakouts` session by session; arguments as there."""
    records = records_of(closes)
    size = len(closes)
    changes = Changes(*([0] * size for _ in Changes._fields))
    listed = Records(*(column.tolist() for column in records))
    count = find_breakouts(
        closes.tolist(), listed, averages.tolist(), confirmations.tolist(), rules, changes
    )
    latest = np.searchsorted(changes.row[:count], np.arange(size), side="right")
    start = (DORMANT, NOTHING, np.nan, -1, 0)  # before the first change
    state, reason, level, confirmed_row, after_base = (
        np.array([first, *column[:count]])[latest]
        for first, column in zip(start, changes[1:], strict=True)
    )
    return BreakoutTable(
        state,
        reason,
        records.record,
        records.base_age,
        level,
        confirmed_row,
        after_base,
        records.stale,
    )
