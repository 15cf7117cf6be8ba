"""The gate against Bitcoin's weeks and the halving cycle.

Slopes against numpy's, circular shifts against a plain loop, claims on planted worlds.
"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.gate_test import (
    circular_shift_p,
    claims,
    days_with_gate,
    gate_open_at,
    regression_slopes,
    weeks_with_gate,
)
from backtests.evidence.history import BITCOIN, History
from brokers.prices.load import Prices
from config.settings import load

EVIDENCE = load().evidence
WEEKS = pd.date_range("2012-01-07", "2026-01-03", freq="W-SAT", tz="UTC")
GATE = (np.arange(len(WEEKS) - 1) // 40) % 3 == 1  # open for 40 weeks of 120


def history(log_returns: np.ndarray) -> History:
    closes = pd.Series(100.0 * np.exp(np.concatenate(([0.0], np.cumsum(log_returns)))), index=WEEKS)
    nothing = Prices({}, pd.Series(dtype=float), WEEKS[-1])
    return History(
        nothing, pd.DataFrame(), closes, closes, {}, {BITCOIN: daily_closes(closes)}, {}, ()
    )


def table(is_open: np.ndarray = GATE) -> pd.DataFrame:
    """Known at Friday's close, three hours before the week begins."""
    return pd.DataFrame(
        {"state": np.where(is_open, "confirmed", "dormant"), "stale": 0},
        index=WEEKS[:-1] - pd.Timedelta(hours=3),
    )


def claims_by_key(
    log_returns: np.ndarray, is_open: np.ndarray = GATE
) -> dict[tuple[str, str], Claim]:
    return {
        (one.id, one.reading): one for one in claims(history(log_returns), table(is_open), EVIDENCE)
    }


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.02, len(WEEKS) - 1)


# --- figures --------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_slopes_are_those_of_least_squares(seed: int) -> None:
    random = np.random.default_rng(seed)
    draws = np.concatenate(
        (random.normal(size=(3, 40, 1)), random.integers(0, 2, (3, 40, 2)).astype(float)), axis=-1
    )
    for draw, found in zip(draws, regression_slopes(draws), strict=True):
        columns = np.column_stack((np.ones(40), draw[:, 1:]))
        assert found == pytest.approx(
            np.linalg.lstsq(columns, draw[:, 0], rcond=None)[0][1:], abs=1e-9
        )


def test_a_gate_that_never_changes_has_no_slope() -> None:
    draws = np.zeros((2, 10, 2))
    draws[0, :5, 1] = draws[0, :5, 0] = 1.0
    found = regression_slopes(draws)[:, 0]
    assert found[0] == pytest.approx(1.0) and np.isnan(found[1])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 40))
def test_moves_are_those_of_a_plain_loop(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    returns, gate = random.normal(size=n), np.zeros(n)
    gate[: int(random.integers(1, n))] = 1.0
    gate = np.roll(gate, int(random.integers(0, n)))

    def apart(moved: np.ndarray) -> float:
        return float(returns[moved == 1.0].mean() - returns[moved == 0.0].mean())

    own, everywhere = apart(gate), [apart(np.roll(gate, by)) for by in range(n)]
    as_high = np.mean([each >= own - 1e-9 for each in everywhere])
    as_low = np.mean([each <= own + 1e-9 for each in everywhere])
    assert circular_shift_p(returns, gate) == pytest.approx(min(1.0, 2.0 * min(as_high, as_low)))


def test_a_week_has_the_gate_that_was_known_when_it_began() -> None:
    """A row known one second after the week's beginning is the next week's."""
    late = table()
    late.index = late.index + pd.Timedelta(hours=3, seconds=1)
    moved = weeks_with_gate(history(noise(1)), late)
    assert moved.gate.tolist() == GATE[:-1].astype(float).tolist()
    assert weeks_with_gate(history(noise(1)), table()).gate.tolist() == GATE.astype(float).tolist()


def test_a_halving_is_recent_for_18_months() -> None:
    found = weeks_with_gate(history(noise(1)), table())
    running = found.starts[found.halving == 1.0]
    for first, last in (
        ("2012-11-28", "2014-05-28"),
        ("2016-07-09", "2018-01-09"),
        ("2020-05-11", "2021-11-11"),
        ("2024-04-20", "2025-10-20"),
    ):
        assert (
            (running >= pd.Timestamp(first, tz="UTC")) & (running < pd.Timestamp(last, tz="UTC"))
        ).sum() in (78, 79)
    assert len(running) == pytest.approx(4 * 78.3, abs=2)


# --- claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", ["since 2010", "since 2014"])
def test_a_gate_that_pays_is_a_signal(since: str) -> None:
    found = claims_by_key(noise(2) + 0.02 * GATE)
    signal = found["A15", since]
    assert signal.verdict == "contradicted" and signal.side == "both"
    assert signal.p is not None and signal.p <= 0.01
    assert signal.estimate == pytest.approx(0.02 * 365.25 / 7, rel=0.3)
    assert found["A11", "the gate, controlling for the halving cycle"].verdict == "contradicted"
    assert found["A11", "the halving cycle, controlling for the gate"].verdict == "inconclusive"


def test_a_gate_in_which_bitcoin_earns_less_does_not_show_that_it_tells_nothing() -> None:
    signal = claims_by_key(noise(2) - 0.02 * GATE)["A15", "since 2010"]
    assert signal.verdict == "inconclusive" and signal.p is not None and signal.p <= 0.01


def test_the_larger_of_both_p_counts_whose_shifts_are_by_days() -> None:
    """By days there are seven times as many shifts as by weeks."""
    of, gate = history(noise(2) + 0.004 * GATE), table()
    (signal,) = (claim for claim in claims(of, gate, EVIDENCE) if claim.reading == "since 2010")
    days = days_with_gate(of.assets[BITCOIN], gate)
    assert len(days.returns) == len(days.gate) == pytest.approx(7 * len(GATE), abs=7)
    assert signal.p is not None
    by_shift = circular_shift_p(days.returns, days.gate)
    assert signal.p >= by_shift > 0.002
    assert f"two-sided p {by_shift:.2f}" in signal.why


def test_weeks_before_the_year_do_not_count() -> None:
    """Before 2014 the gate pays twentyfold, since then it costs."""
    early = WEEKS[1:] < pd.Timestamp("2014-01-01", tz="UTC")
    found = claims_by_key(noise(2) + np.where(early, 0.2, -0.02) * GATE)
    whole, since = found["A15", "since 2010"], found["A15", "since 2014"]
    assert whole.estimate is not None and since.estimate is not None
    assert whole.estimate > 0.0 > since.estimate
    assert whole.n == len(GATE) and since.n == pytest.approx(len(GATE) - early.sum(), abs=1)


def test_a_gate_without_an_effect_is_inconclusive() -> None:
    found = claims_by_key(noise(3))
    assert found["A15", "since 2010"].verdict == "inconclusive"
    assert found["A11", "the gate, controlling for the halving cycle"].verdict == "inconclusive"


def test_what_the_halving_cycle_explains_is_not_the_gates() -> None:
    """Bitcoin pays by its clock alone.

    The gate was open in most of these weeks and in few others.
    """
    clock = weeks_with_gate(history(noise(4)), table()).halving == 1.0
    mostly = clock ^ (np.random.default_rng(1).random(len(clock)) < 0.1)
    found: dict[Any, Claim] = claims_by_key(noise(4) + 0.02 * clock, mostly)
    assert found["A11", "the gate, controlling for the halving cycle"].verdict == "inconclusive"
    assert found["A11", "the halving cycle, controlling for the gate"].verdict == "supported"
    assert (
        found["A15", "since 2010"].verdict == "contradicted"
    )  # alone the gate looks like a signal


def test_a_gate_that_is_never_open_is_inconclusive() -> None:
    found = claims_by_key(noise(5), np.zeros(len(WEEKS) - 1, dtype=bool))
    assert {one.verdict for one in found.values()} == {"inconclusive"} and len(found) == 2


@pytest.mark.parametrize(("days", "known"), [(6, True), (10, True), (11, False)])
def test_a_gate_without_a_row_for_long_is_not_known(*, days: int, known: bool) -> None:
    rows = pd.DatetimeIndex(["2020-01-03 21:00"], tz="UTC")
    table = pd.DataFrame({"state": ["confirmed"], "stale": [0]}, index=rows)
    found = gate_open_at(table, rows + pd.Timedelta(days=days))
    assert (found.tolist() == [1.0]) == known and np.isnan(found[0]) == (not known)


@pytest.mark.parametrize(("stale", "known"), [(5, True), (6, False)])
def test_a_gate_whose_index_has_no_close_for_a_week_is_not_known(
    *, stale: int, known: bool
) -> None:
    rows = pd.date_range("2020-01-03", periods=3, freq="D", tz="UTC")
    table = pd.DataFrame({"state": "confirmed", "stale": [0, 0, stale]}, index=rows)
    assert (gate_open_at(table, rows)[-1] == 1.0) == known
