"""The gate as plain loops over lists, every number recomputed from the start in every session.

Slow and obvious on purpose, written from the text alone. A session without a value holds None.
Where the text is silent: the confirming session is not yet judged as bad; a session that leaves a
state enters no other; the last session of `confirm_within` may still confirm; windows of the index
count the sessions that have a close.
"""

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple

Values = Sequence[float | None]
Answers = list[bool | None]


class Numbers(NamedTuple):
    """The rules of the gate, by name."""

    base_sessions: int
    rearm_sessions: int
    rearm_within: int
    confirm_sessions: int
    confirm_within: int
    buffer: float
    min_confirmations: int
    fail_sessions: int
    fail_tolerance: float
    trend_sessions: int
    max_sessions: int
    ceilings: tuple[float, ...]
    dormant_ceilings: tuple[float, ...]


class Row(NamedTuple):
    """One session of the gate."""

    state: str
    reason: str
    level: float | None
    record: float | None
    base_age: int
    confirmed_row: int | None
    after_base: bool
    filled: int
    ceiling: float
    stale: int


def literal_gate(  # noqa: C901  # one loop, as the text tells it
    closes: Values, confirmations: Sequence[Answers], channels: Sequence[Answers], numbers: Numbers
) -> list[Row]:
    """One row a session from the index's closes and the answers of the enabled confirmations and of
    the channels in order.
    """
    rows: list[Row] = []
    state, reason, level, after_base = "dormant", "", None, False
    broke_out = confirmed = left = None
    earlier: list[float] = []
    bad: list[bool] = []
    for i, close in enumerate(closes):
        if close is None:
            before = (
                rows[-1] if rows else Row(*("dormant", "", None, None, 0, None, False, 0, 0.0, 0))
            )
            rows.append(before._replace(stale=before.stale + 1))
            continue
        record = max(earlier, default=None)
        base_age = i - closes.index(record) if earlier else 0
        if state == "dormant":
            soon_after = left is not None and i - left <= numbers.rearm_within
            if (
                record is not None
                and close > record
                and base_age >= (numbers.rearm_sessions if soon_after else numbers.base_sessions)
            ):
                state, reason, level, broke_out = "testing", "breakout", record, i
                after_base = base_age >= numbers.base_sessions
        elif state == "confirmed":
            bad.append(is_bad([*earlier, close], level, numbers))
            if bad[-numbers.fail_sessions :] == [True] * numbers.fail_sessions:
                state, left = "dormant", i
                reason = "failed" if close < level * (1 - numbers.fail_tolerance) else "trend"
            elif numbers.max_sessions > 0 and i - confirmed >= numbers.max_sessions:
                state, reason, left = "dormant", "age", i
        if state == "testing":
            holding = [answers[i] for answers in confirmations].count(True)
            if (
                is_held(closes[broke_out : i + 1], level, numbers)
                and holding >= numbers.min_confirmations
            ):
                state, reason, confirmed, bad = "confirmed", "confirmed", i, []
            elif i - broke_out >= numbers.confirm_within:
                state, reason, left = "dormant", "lapsed", i
        filled = consecutive([channel[i] for channel in channels])
        ceiling = (numbers.ceilings if state == "confirmed" else numbers.dormant_ceilings)[filled]
        shown_level = None if state == "dormant" else level
        rows.append(
            Row(
                state,
                reason,
                shown_level,
                record,
                base_age,
                confirmed,
                after_base,
                filled,
                ceiling,
                0,
            )
        )
        earlier.append(close)
    return rows


def consecutive(answers: Answers) -> int:
    """How many hold in a row from the first."""
    filled = 0
    while filled < len(answers) and answers[filled] is True:
        filled += 1
    return filled


def is_held(since_breakout: Values, level: float, numbers: Numbers) -> bool:
    """Whether the last closes, the breakout's the earliest that counts, are all above the buffered
    level.
    """
    tested = [close for close in since_breakout if close is not None][-numbers.confirm_sessions :]
    return len(tested) == numbers.confirm_sessions and all(
        close > level * (1 + numbers.buffer) for close in tested
    )


def is_bad(closes: Sequence[float], level: float, numbers: Numbers) -> bool:
    """Whether the last close is below the level less the tolerance, or below the average of the
    last ones; unknown is not bad.
    """
    window = closes[-numbers.trend_sessions :]
    below_average = len(window) == numbers.trend_sessions and closes[-1] * len(window) < fsum(
        window
    )
    return closes[-1] < level * (1 - numbers.fail_tolerance) or below_average


def kept(values: Values, max_age: int) -> Values:
    """The newest value known in each session, None where it is older than `max_age` sessions."""
    out = []
    for i in range(len(values)):
        fresh = [v for v in values[max(0, i - max_age) : i + 1] if v is not None]
        out.append(fresh[-1] if fresh else None)
    return out


def above_average(values: Values, sessions: int) -> Answers:
    """Whether each value is above the average of the last ones, itself included."""
    out: Answers = []
    for i, value in enumerate(values):
        window = values[max(0, i - sessions + 1) : i + 1]
        out.append(
            None if len(window) < sessions or None in window else value * sessions > fsum(window)
        )
    return out


def ratio(upper: Values, lower: Values) -> Values:
    """`upper` over `lower`, session by session."""
    return [None if a is None or b is None else a / b for a, b in zip(upper, lower, strict=True)]


def volume_rises(volume: Values, fast: int, slow: int, share: float) -> Answers:
    """Whether the mean of the fast window is at least `share` of the slow one's."""
    out: Answers = []
    for i in range(len(volume)):
        long, short = volume[max(0, i - slow + 1) : i + 1], volume[max(0, i - fast + 1) : i + 1]
        unknown = len(long) < slow or len(short) < fast or None in long or None in short
        out.append(None if unknown else fsum(short) * slow >= share * fsum(long) * fast)
    return out


def broad_enough(funds: Sequence[Values], sessions: int, share: float) -> Answers:
    """Whether at least `share` of the funds stand above their own average; unknown where one of
    them is.
    """
    out: Answers = []
    for together in zip(*(above_average(fund, sessions) for fund in funds), strict=True):
        out.append(None if None in together else together.count(True) / len(together) >= share)
    return out
