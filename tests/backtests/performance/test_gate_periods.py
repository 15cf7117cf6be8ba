"""Openings of the gate: which are one event, and what each was worth inside the window."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.performance.gate_periods import (
    VERDICT_BASE,
    Events,
    GatePeriod,
    events,
    gate_periods,
)
from tests.scenes import FIRST, ends

SESSIONS = pd.date_range("2020-01-01 21:30", periods=40, freq="D", tz="UTC")


def table(text: str, base: dict[int, bool] | None = None) -> pd.DataFrame:
    """A gate table from a letter a session (d, t, c).

    `base` says at which rows a breakout came out of a full base (default all).
    """
    states = {"d": "dormant", "t": "testing", "c": "confirmed"}
    state = [states[letter] for letter in text]
    after_base, current = [], False
    for row, name in enumerate(state):
        if name != "dormant" and (row == 0 or state[row - 1] == "dormant"):
            current = (base or {}).get(row, True)
        after_base.append(current)
    reason = ["failed" if name == "dormant" else name for name in state]
    rows = {
        "state": state,
        "reason": reason,
        "level": np.arange(100.0, 100.0 + len(text)),
        "base_age": np.arange(300, 300 + len(text)),
        "after_base": after_base,
    }
    return pd.DataFrame(rows, SESSIONS[: len(text)])


def over(
    text: str,
    equity: list[float],
    bitcoin: list[float] | None = None,
    first: int = 0,
    base: dict[int, bool] | None = None,
) -> Events:
    """Events in a window of daily bars that begins `first` days after the sessions do."""
    index = ends(len(equity), FIRST + first * pd.Timedelta(days=1))
    return events(table(text, base), pd.Series(equity, index), pd.Series(bitcoin or equity, index))


def test_a_gate_period_runs_from_confirmation_until_the_gate_left_it() -> None:
    (one,) = gate_periods(table("ddttccccdd"))
    assert (one.opened, one.closed, one.reason, one.rearmed, one.event_id) == (
        SESSIONS[4],
        SESSIONS[8],
        "failed",
        False,
        1,
    )
    assert (one.level, one.base_age) == (104.0, 302)  # level at opening, base age at the breakout


def test_a_gate_period_still_open_has_no_end() -> None:
    (one,) = gate_periods(table("dtcc"))
    assert (one.closed, one.reason) == (None, "")


def test_breakouts_that_lapse_are_no_gate_periods() -> None:
    assert gate_periods(table("dttddtd")) == []


def test_a_breakout_and_its_rearms_are_one_event() -> None:
    found = gate_periods(table("dtccdtccdtcd", {5: False}))
    assert [(one.rearmed, one.event_id) for one in found] == [(False, 1), (True, 1), (False, 2)]


def test_a_rearm_after_a_lapsed_full_base_breakout_belongs_to_that_breakout() -> None:
    found = gate_periods(table("dtcdttdtcd", {7: False}))
    assert [(one.rearmed, one.event_id) for one in found] == [(False, 1), (True, 2)]


def test_events_are_counted_by_event() -> None:
    got = over("dtccdtccdtcd", [1.0] * 12, base={5: False})
    assert (got.breakouts, got.rearmed, got.independent_events, got.closed_events) == (2, 1, 2, 2)


def test_a_breakout_that_failed_is_closed_though_a_rearmed_one_runs() -> None:
    got = over("dtccdtcccccc", [1.0] * 12, base={5: False})
    assert (got.independent_events, got.closed_events) == (1, 1)
    assert got.gate_periods[-1].closed is None


def test_an_event_that_only_runs_is_not_closed() -> None:
    got = over("dtccdtcccccc", [1.0] * 12)
    assert (got.independent_events, got.closed_events) == (2, 1)


def test_gate_periods_outside_the_window_do_not_count_and_event_ids_start_at_one() -> None:
    got = over("dtcdddddtccddddtcd", [1.0] * 7, first=6)
    assert [(one.opened, one.event_id) for one in got.gate_periods] == [(SESSIONS[9], 1)]
    assert (got.independent_events, got.closed_events) == (1, 1)


def test_a_gate_period_that_closes_after_the_window_is_open_in_it() -> None:
    got = over("dtccccccd", [1.0] * 5)
    assert [one.closed for one in got.gate_periods] == [None]
    assert got.closed_events == 0


def test_a_gate_period_opened_before_the_window_is_in_it() -> None:
    got = over("dtccccccdd", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], first=4)
    assert len(got.gate_periods) == 1
    assert got.gate_periods[0].bitcoin_return == pytest.approx(5.0 / 1.0 - 1)


def test_returns_by_hand() -> None:
    """Opened in session 2 (21:30 of day 2): known at the bar that ends day 2.

    Closed in session 5; the exit fills on the bar after.
    """
    equity = [10.0, 10.0, 11.0, 12.0, 13.0, 14.0, 21.0, 99.0]
    bitcoin = [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    (one,) = over("dtcccddd", equity, bitcoin).gate_periods
    assert one.bitcoin_return == pytest.approx(5.0 / 2.0 - 1)
    assert one.strategy_return == pytest.approx(21.0 / 11.0 - 1)


def test_an_open_gate_period_is_valued_at_the_windows_end() -> None:
    (one,) = over("dtcccccc", [10.0, 10.0, 10.0, 11.0, 12.0, 15.0]).gate_periods
    assert (one.strategy_return, one.bitcoin_return) == pytest.approx((0.5, 0.5))


def test_a_verdict_counts_events_by_the_record_of_their_first_breakout() -> None:
    """Of three events the first passed a record 251 sessions old; its re-armed one goes with it.

    A re-armed one of the second counts with it, though its own record is young.
    """
    rows = table("dtcddtcddtcddtcddtcd", {5: False, 13: False})
    rows["base_age"] = 0
    rows.loc[rows.index[[1, 5, 9, 13, 17]], "base_age"] = [251, 400, 252, 21, 300]
    equity = pd.Series(1.0, ends(20))
    whole = events(rows, equity, equity)
    assert (whole.independent_events, whole.closed_events, whole.rearmed) == (3, 3, 2)
    assert [row.event_base for row in whole.gate_periods] == [251, 251, 252, 252, 300]
    counted = whole.of_verdict()
    assert (counted.breakouts, counted.rearmed) == (2, 1)
    assert (counted.independent_events, counted.closed_events) == (2, 2)
    assert [row.event_id for row in counted.gate_periods] == [1, 1, 2]


def test_a_rearmed_period_without_a_breakout_in_the_table_counts_for_no_verdict() -> None:
    got = over("tccd", [1.0] * 4, base={0: False})
    assert (got.independent_events, got.of_verdict().independent_events) == (1, 0)


def test_searches_count_by_the_same_record() -> None:
    from backtests.tuning.search import study

    assert study.BASE == VERDICT_BASE == 252


def test_a_window_without_gate_periods_has_no_events() -> None:
    assert over("dddd", [1.0] * 4) == Events(0, 0, 0, 0, [])


def test_a_gate_period_that_opens_after_the_last_bar_is_not_in_the_window() -> None:
    assert over("ddddtc", [1.0] * 5).gate_periods == []


def gate_period(**changes: Any) -> GatePeriod:
    return GatePeriod(
        opened=SESSIONS[0],
        closed=SESSIONS[5],
        level=100.0,
        base_age=300,
        rearmed=False,
        event_id=1,
        reason="failed",
        event_base=300,
    )._replace(**changes)


def test_a_gate_period_without_figures_has_nan() -> None:
    assert np.isnan(gate_period().strategy_return) and np.isnan(gate_period().bitcoin_return)
