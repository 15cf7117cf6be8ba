"""The breakout of an index above a record that has stood for long: one state machine over closes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from strategies.indicators import Floats, Ints

DORMANT, TESTING, CONFIRMED = 0, 1, 2
STATES = ("dormant", "testing", "confirmed")

NOTHING, BROKE_OUT, HELD, LAPSED, FAILED, TREND, AGE = range(7)
REASONS = ("", "breakout", "confirmed", "lapsed", "failed", "trend", "age")


class BreakoutRules(NamedTuple):
    """When a record counts, when its breakout is confirmed, when it has failed. Counts are US sessions."""

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


class BreakoutTable(NamedTuple):
    """One entry a session, written by `find_breakouts`; arrays or lists of equal length."""

    state: Any
    reason: Any  # of the last change of state
    record: Any  # highest earlier close, NaN before the first
    base_age: Any  # sessions since that record was set
    level: Any  # the record broken; NaN while dormant
    confirmed_row: Any  # row of the latest confirmation, -1 before the first
    after_base: Any  # 1 where the latest breakout came out of a full base, 0 where it was re-armed
    stale: Any  # sessions since the last known close


def find_breakouts(  # noqa: C901  # one piece, because numba compiles it as it stands
    closes: Sequence[float] | Floats,
    averages: Sequence[float] | Floats,
    confirmations: Sequence[int] | Ints,
    rules: BreakoutRules,
    out: BreakoutTable,
) -> None:
    """Walk the sessions and write every column of `out`.

    Written for plain Python and for numba alike: scalars, indexing and loops only.

    Parameters
    ----------
    closes : the index, one close a session, NaN where the session's close is missing. A missing close keeps the row
        before and counts it as stale; sessions go on being counted.
    averages : the index's own average including the session, NaN while unknown (unknown is not "below").
    confirmations : number of enabled confirmations that hold in the session.

    A record is a close above all earlier ones; on a tie the older stands. Row i uses closes up to i only. On the last
    session of `confirm_within` a breakout may still be confirmed, otherwise it lapses on that session.

    """
    states, reasons, records, base_ages, levels, confirmed_rows, after_bases, stales = out
    state = DORMANT
    reason = NOTHING
    record = level = float("nan")
    record_row = breakout_row = 0
    confirmed_row = left_row = -1
    streak = bad = after_base = stale = 0
    for i in range(len(closes)):
        close = closes[i]
        age = i - record_row
        records[i] = record
        base_ages[i] = age
        if close != close:
            stale += 1
        else:
            stale = 0
            if state == DORMANT:
                rearmed = left_row >= 0 and i - left_row <= rules.rearm_within
                needed = rules.rearm_sessions if rearmed else rules.base_sessions
                if close > record and age >= needed:
                    state, reason, level = TESTING, BROKE_OUT, record
                    breakout_row, streak = i, 0
                    after_base = 1 if age >= rules.base_sessions else 0
            elif state == CONFIRMED:
                failed = close < level * (1.0 - rules.fail_tolerance)
                bad = bad + 1 if failed or close < averages[i] else 0
                if bad >= rules.fail_sessions:
                    state, reason, left_row = DORMANT, (FAILED if failed else TREND), i
                elif rules.max_sessions > 0 and i - confirmed_row >= rules.max_sessions:
                    state, reason, left_row = DORMANT, AGE, i
            if state == TESTING:
                streak = streak + 1 if close > level * (1.0 + rules.buffer) else 0
                if streak >= rules.confirm_sessions and confirmations[i] >= rules.min_confirmations:
                    state, reason, confirmed_row, bad = CONFIRMED, HELD, i, 0
                elif i - breakout_row >= rules.confirm_within:
                    state, reason, left_row = DORMANT, LAPSED, i
            if not close <= record:
                record, record_row = close, i
        states[i] = state
        reasons[i] = reason
        levels[i] = level if state != DORMANT else float("nan")
        confirmed_rows[i] = confirmed_row
        after_bases[i] = after_base
        stales[i] = stale
