"""The gate against a literal loop written from DESIGN section 4, and its rules one by one."""

import os
from pathlib import Path
from typing import Any

import literal_gate as literal
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_markets import (
    ALL_MEASURES,
    CEILINGS,
    DORMANT_CEILINGS,
    UPSTREAM,
    dated,
    literal_numbers,
    random_inputs,
    session_instants,
    small_market,
    small_rules,
)

from config.settings import load
from strategies.breakout import CONFIRMED, DORMANT, REASONS, STATES, TESTING, BreakoutRules, BreakoutTable, find_breakouts
from strategies.confirmations import MeasureRules, measure
from strategies.gate import GATE_LINES, GateRules, gate_lines, gate_table
from strategies.market import Market, carried, in_session, latest
from strategies.risk_curve import CurveRules, HaircutRules, ceilings, filled_channels

CHECKED = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / os.environ.get("RUSSELL_GATE_TEST_DATA", "../shared/data")


@st.composite
def breakout_numbers(draw: st.DrawFn) -> dict[str, Any]:
    """Small numbers for every rule of the breakout."""
    base = draw(st.integers(3, 8))
    confirm = draw(st.integers(1, 4))
    return {
        "base_sessions": base,
        "rearm_sessions": draw(st.integers(1, base)),
        "rearm_within": draw(st.integers(0, 12)),
        "confirm_sessions": confirm,
        "confirm_within": draw(st.integers(confirm, 9)),
        "buffer": draw(st.sampled_from([0.0, 0.0, 0.02, 0.0625])),
        "min_confirmations": draw(st.integers(0, 2)),
        "fail_sessions": draw(st.integers(1, 4)),
        "fail_tolerance": draw(st.sampled_from([0.0, 0.03, 0.0625])),
        "trend_sessions": draw(st.integers(3, 5)),
        "max_sessions": draw(st.sampled_from([0, 0, 3, 9])),
    }


def walk(closes: list[float | None], averages: list[float] | None = None, confirmations: list[int] | None = None, **changes: Any) -> BreakoutTable:
    """`find_breakouts` on small rules; without averages the trend is unknown, without confirmations none holds. None is a missing close."""
    size = len(closes)
    out = BreakoutTable(*([None] * size for _ in BreakoutTable._fields))
    rules = small_rules(**changes).breakout
    known = [np.nan if close is None else float(close) for close in closes]
    find_breakouts(known, averages or [np.nan] * size, confirmations or [0] * size, rules, out)
    return out


def states(table: BreakoutTable) -> str:
    """One letter a session."""
    return "".join(STATES[state][0] for state in table.state)


def nothing(value: Any) -> Any:
    """None for NaN and missing, so that rows compare."""
    return None if pd.isna(value) else value


# --- the whole state machine ---------------------------------------------------------------------------------------------


def test_breakouts_are_those_of_the_literal_loop() -> None:
    opened, ended = [], set()

    @CHECKED
    @settings(max_examples=150)
    @given(
        numbers=breakout_numbers(),
        moves=st.lists(st.integers(-3, 4), min_size=30, max_size=70),
        holding=st.lists(st.integers(0, 3), min_size=70, max_size=70),
        gaps=st.sets(st.integers(1, 69), max_size=5),
    )
    def compare(numbers: dict[str, Any], moves: list[int], holding: list[int], gaps: set[int]) -> None:
        closes: list[float | None] = [float(max(close, 3)) for close in 32 + np.cumsum(moves)]
        closes = [None if row in gaps else close for row, close in enumerate(closes)]
        holding = holding[: len(closes)]
        averages = [literal_average(closes, row, numbers["trend_sessions"]) for row in range(len(closes))]
        table = walk(closes, averages, holding, **numbers)
        answers = [[count > which for count in holding] for which in range(3)]
        expected = literal.literal_gate(closes, answers, [], literal_numbers(small_rules(**numbers)))
        for row, want in enumerate(expected):
            got = (
                STATES[table.state[row]],
                REASONS[table.reason[row]],
                nothing(table.level[row]),
                nothing(table.confirmed_row[row] if table.confirmed_row[row] >= 0 else None),
                bool(table.after_base[row]),
                table.stale[row],
            )
            assert got == (want.state, want.reason, want.level, want.confirmed_row, want.after_base, want.stale), row
            if want.stale == 0:
                assert (nothing(table.record[row]), table.base_age[row]) == (want.record, want.base_age), row
        opened.append(any(row.state == "confirmed" for row in expected))
        ended.update(row.reason for row in expected)

    compare()
    assert np.mean(opened) > 0.3, "the windows are too large for the examples: gates must really open"
    assert ended == set(REASONS)


def literal_average(closes: list[float | None], row: int, sessions: int) -> float:
    """The average of the last closes, the session's own included; NaN where there is none."""
    window = [close for close in closes[: row + 1] if close is not None][-sessions:]
    return sum(window) / sessions if closes[row] is not None and len(window) == sessions else np.nan


def test_gate_table_is_that_of_the_literal_loop() -> None:
    opened, seen_missing, filled = [], [], set()

    @CHECKED
    @settings(max_examples=70)
    @given(
        seed=st.integers(0, 2**32 - 1),
        numbers=breakout_numbers(),
        sessions=st.integers(30, 70),
        gaps=st.sampled_from([0.0, 0.1]),
        share=st.sampled_from([0.5, 0.6, 1.0]),
        windows=st.tuples(*[st.integers(2, 5)] * 5),
    )
    def compare(seed: int, numbers: dict[str, Any], sessions: int, gaps: float, share: float, windows: tuple[int, ...]) -> None:
        inputs = random_inputs(np.random.default_rng(seed), sessions, gaps)
        breadth, leadership, credit, broad, rates = windows
        rules = small_rules(
            **numbers,
            confirmations=("volume", "breadth", "leadership", "credit"),
            channels=("credit", "broad", "leadership", "rates"),
            ceilings=(0.25, 0.5, 0.75, 0.875, 1.0),
            dormant_ceilings=(0.0, 0.125, 0.25, 0.375, 0.5),
            breadth_share=share,
            breadth_sessions=breadth,
            leadership_sessions=leadership,
            credit_sessions=credit,
            broad_sessions=broad,
            rates_sessions=rates,
        )
        table = gate_table(small_market(**inputs), rules)
        known = {name: literal.kept(values, rules.measures.max_age_sessions) for name, values in inputs.items() if name != "breadth"}
        funds = [literal.kept(fund, rules.measures.max_age_sessions) for fund in inputs["breadth"].values()]
        answers = {
            "volume": literal.volume_rises(known["volume"], 2, 4, 1.0),
            "breadth": literal.broad_enough(funds, breadth, share),
            "leadership": literal.above_average(literal.ratio(known["index"], known["broad"]), leadership),
            "credit": literal.above_average(literal.ratio(known["risky_credit"], known["safe_credit"]), credit),
            "broad": literal.above_average(known["broad"], broad),
            "rates": literal.above_average(known["safe_credit"], rates),
        }
        expected = compare_table(table, inputs["index"], answers, rules)
        opened.append(any(row.state == "confirmed" for row in expected))
        seen_missing.append(any(None in column for column in answers.values()))
        filled.update(row.filled for row in expected)

    compare()
    assert np.mean(opened) > 0.3, "the windows are too large for the examples: gates must really open"
    assert any(seen_missing)
    assert filled == {0, 1, 2, 3, 4}


def compare_table(table: pd.DataFrame, closes: literal.Values, answers: dict[str, literal.Answers], rules: GateRules) -> list[literal.Row]:
    """Assert that every row of the table is the literal loop's; return the loop's rows."""
    confirmations = [answers[name] for name in rules.confirmations]
    channels = [answers[name] for name in rules.curve.channels]
    expected = literal.literal_gate(closes, confirmations, channels, literal_numbers(rules))
    columns = ["state", "reason", "level", "record", "base_age", "after_base", "filled", "ceiling", "stale"]
    got = table[columns].astype(object).where(table[columns].notna(), None)
    confirmed_at = [None if row.confirmed_row is None else table.index[row.confirmed_row] for row in expected]
    for name in columns:
        assert got[name].tolist() == [getattr(row, name) for row in expected], name
    assert [nothing(instant) for instant in table["confirmed_at"]] == confirmed_at
    fresh = [row for row, close in enumerate(closes) if close is not None]
    for prefix, names in (("confirmation", rules.confirmations), ("channel", rules.curve.channels)):
        for name in names:
            shown = [nothing(answer) for answer in table[f"{prefix}_{name}"]]
            assert [shown[row] for row in fresh] == [answers[name][row] for row in fresh], (prefix, name)
    counted = [[answer[row] for answer in confirmations].count(True) for row in fresh]
    assert table["confirmations"].iloc[fresh].tolist() == counted
    return expected


# --- real prices ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_rules() -> GateRules:
    """The rules of config/default.toml."""
    chosen = load()
    gate, confirm, curve, cuts = chosen.gate, chosen.confirmations, chosen.risk_curve, chosen.haircuts
    measures = MeasureRules(
        volume_fast=confirm.volume.fast_sessions,
        volume_slow=confirm.volume.slow_sessions,
        volume_ratio=confirm.volume.min_ratio,
        breadth_sessions=confirm.breadth.sessions,
        breadth_share=confirm.breadth.min_share,
        leadership_sessions=confirm.leadership.sessions,
        credit_sessions=confirm.credit.sessions,
        broad_sessions=curve.broad_sessions,
        rates_sessions=curve.rates_sessions,
        liquidity_weeks=confirm.liquidity.weeks,
        exhaustion_drawdown=confirm.exhaustion.drawdown,
        exhaustion_days=confirm.exhaustion.days,
        max_age_sessions=chosen.prices.max_age_sessions,
        max_age_macro_days=chosen.prices.max_age_macro,
    )
    return GateRules(
        BreakoutRules(**{name: getattr(gate, name) for name in BreakoutRules._fields}),
        gate.trend_sessions,
        confirm.enabled(),
        measures,
        CurveRules(curve.channels, curve.ceilings, curve.dormant_ceilings),
        HaircutRules(
            cuts.flows.factor, cuts.flows.days, cuts.flows.record_sessions, cuts.losses.factor, cuts.losses.max_share, cuts.losses.max_age
        ),
    )


@pytest.mark.realdata
def test_real_spells_since_2011_are_those_of_the_literal_loop(real_rules: GateRules) -> None:
    if not (REAL / "daily" / "RUT.csv").exists():
        pytest.skip(f"no real prices in {REAL}; name their folder in RUSSELL_GATE_TEST_DATA")
    chosen = load()

    def column(symbol: str, name: str) -> pd.Series:
        values = pd.read_csv(REAL / "daily" / f"{symbol.lstrip('^')}.csv", parse_dates=["Date"], index_col="Date")[name].dropna()
        return values.set_axis(values.index.tz_localize("UTC") + pd.Timedelta(hours=21, minutes=30)).astype(float)

    index = column(chosen.signal.index, "Close")
    market = Market(
        sessions=index.index.to_series() - pd.Timedelta(minutes=30),
        index=index,
        broad=column(chosen.signal.broad, "Close"),
        volume=column(chosen.signal.volume, "Volume"),
        risky_credit=column(chosen.signal.risky_credit, "Adj Close"),
        safe_credit=column(chosen.signal.safe_credit, "Adj Close"),
        breadth={symbol: column(symbol, "Adj Close") for symbol in chosen.confirmations.breadth.symbols},
    )
    table = gate_table(market, real_rules)

    numbers = real_rules.measures

    def known(series: pd.Series) -> literal.Values:
        found = series.to_dict()
        return literal.kept([found.get(instant) for instant in index.index], numbers.max_age_sessions)

    broad = known(market.broad)
    answers = {
        "volume": literal.volume_rises(known(market.volume), numbers.volume_fast, numbers.volume_slow, numbers.volume_ratio),
        "breadth": literal.broad_enough([known(fund) for fund in market.breadth.values()], numbers.breadth_sessions, numbers.breadth_share),
        "leadership": literal.above_average(literal.ratio(known(index), broad), numbers.leadership_sessions),
        "credit": literal.above_average(literal.ratio(known(market.risky_credit), known(market.safe_credit)), numbers.credit_sessions),
        "broad": literal.above_average(broad, numbers.broad_sessions),
    }
    expected = literal.literal_gate(
        index.tolist(),
        [answers[name] for name in real_rules.confirmations],
        [answers[name] for name in real_rules.curve.channels],
        literal_numbers(real_rules),
    )
    days = [instant.date().isoformat() for instant in index.index]
    recent = [row for row, day in enumerate(days) if day >= "2011"]

    def spells(rows: list[tuple[str, str, float, int]]) -> list[tuple[Any, ...]]:
        return [(days[row], *rows[row]) for row in recent if rows[row][:2] != rows[row - 1][:2]]

    got = list(zip(table["state"], table["reason"], table["ceiling"], table["filled"], strict=True))
    want = [(row.state, row.reason, row.ceiling, row.filled) for row in expected]
    assert spells(got) == spells(want)
    assert [got[row] for row in recent] == [want[row] for row in recent]
    openings = {day for day, state, *_ in spells(got) if state == "confirmed"}
    assert openings >= {"2016-11-16", "2020-11-17", "2025-09-22"}


# --- the breakout, rule by rule (base 3, confirm 2 within 5, fail 2 at 10 %, re-arm 2 within 4) ---------------------------


def test_a_record_must_have_stood_for_base_sessions() -> None:
    assert states(walk([10, 9, 11])) == "ddd"  # set in row 0, two sessions old in row 2
    assert states(walk([10, 9, 9, 11])) == "dddt"  # three sessions old in row 3


def test_a_close_at_the_record_is_no_breakout() -> None:
    assert states(walk([10, 9, 9, 10])) == "dddd"


def test_record_is_the_highest_earlier_close_and_its_age_counts_from_the_session_that_set_it() -> None:
    table = walk([10, 12, 11, 13, 9])
    assert table.record[1:] == [10, 12, 12, 13]
    assert table.base_age == [0, 1, 1, 2, 1]
    assert np.isnan(table.record[0])


def test_a_tie_keeps_the_older_record() -> None:
    table = walk([10, 9, 10, 9, 11], base_sessions=4)
    assert table.base_age[4] == 4  # from row 0; from row 2 it would be 2
    assert states(table) == "ddddt"


def test_level_is_the_record_broken_and_stays_while_newer_records_are_set() -> None:
    table = walk([10, 9, 9, 11, 12, 13])
    assert table.level[3:] == [10, 10, 10]
    assert np.isnan(table.level[:3]).all()


def test_the_breakout_session_counts_as_the_first_of_confirm_sessions() -> None:
    table = walk([10, 9, 9, 11, 11])
    assert states(table) == "dddtc"
    assert (table.confirmed_row, [REASONS[reason] for reason in table.reason[2:]]) == ([-1, -1, -1, -1, 4], ["", "breakout", "confirmed"])
    assert states(walk([10, 9, 9, 11], confirm_sessions=1)) == "dddc"


def test_a_close_at_the_level_breaks_the_row_of_closes_above_it() -> None:
    assert states(walk([10, 9, 9, 11, 10, 11, 11])) == "dddtttc"


def test_only_closes_above_the_buffered_level_count() -> None:
    table = walk([8, 7, 7, 9, 10, 11, 11], buffer=0.25)  # 8 * 1.25 = 10: the breakout at 9 and the close at 10 do not count
    assert states(table) == "dddtttc"


def test_testing_goes_on_while_confirmations_are_missing_and_confirms_when_they_hold() -> None:
    table = walk([10, 9, 9, 11, 11, 11, 11], confirmations=[2, 2, 2, 2, 1, 1, 2], min_confirmations=2)
    assert states(table) == "dddtttc"


def test_confirmations_count_on_the_confirming_session_alone() -> None:
    assert states(walk([10, 9, 9, 11, 11, 11], confirmations=[2, 2, 2, 2, 0, 0], min_confirmations=2)) == "dddttt"
    assert states(walk([10, 9, 9, 11, 11, 11], confirmations=[0, 0, 0, 0, 2, 0], min_confirmations=2)) == "dddtcc"


def test_an_unconfirmed_breakout_lapses_after_confirm_within_sessions() -> None:
    table = walk([10, 9, 9, 11, 9, 9, 9, 9, 9])  # broken out in row 3, lapsed in row 3 + 5
    assert states(table) == "dddtttttd"
    assert REASONS[table.reason[8]] == "lapsed"


def test_the_last_session_of_confirm_within_may_still_confirm() -> None:
    assert states(walk([10, 9, 9, 11, 9, 9, 9, 11, 11])) == "dddtttttc"


def test_after_a_lapse_a_younger_record_suffices_for_rearm_within_sessions() -> None:
    lapsed = [10, 9, 9, 11, 9, 9, 9, 9, 9]  # dormant again in row 8; the record of 11 is of row 3
    # A record of 12 in row 9 is dormant's breakout itself; its age there is 6, a full base.
    assert walk([*lapsed, 12]).after_base[9] == 1
    # base 7: row 9 (age 6) opens only because it is within four sessions of row 8.
    again = walk([*lapsed, 12], base_sessions=7, rearm_sessions=6)
    assert states(again) == "d" * 10  # the first breakout (age 3) never happened with base 7
    base = [10, 9, 9, 9, 9, 9, 9]
    attempt = [11, 9, 9, 9, 9, 9]  # breaks out in row 7 (age 7), lapses in row 12; the record of 11 is of row 7
    table = walk([*base, *attempt, 9, 9, 9, 12], base_sessions=10, rearm_sessions=2, rearm_within=4)
    assert states(table) == "d" * 17  # again no first breakout: nothing to re-arm from
    table = walk([*base, *attempt, 9, 9, 9, 12], base_sessions=7, rearm_sessions=2, rearm_within=4)
    assert table.base_age[16] == 9  # a full base anyway
    assert table.after_base[16] == 1


@pytest.mark.parametrize(("age", "wait", "opens"), [(2, 4, True), (1, 4, False), (2, 5, False), (2, 1, True), (7, 5, True)])
def test_rearming_needs_rearm_sessions_within_rearm_within_sessions_of_leaving(age: int, wait: int, opens: bool) -> None:
    # Base 7: out in row 7 at 11, lapsed in row 8 (confirm within 1). Then `wait` sessions after row 8 comes a breakout above a
    # record that is `age` sessions old, set on the way at 12 where it is younger than row 7's.
    closes = [10.0, 9, 9, 9, 9, 9, 9, 11, 9]
    target = 8 + wait
    closes += [9.0] * (target - len(closes)) + [13.0]
    if target - age > 8:
        closes[target - age] = 12.0
    table = walk(closes, base_sessions=7, rearm_sessions=2, rearm_within=4, confirm_sessions=1, confirm_within=1, min_confirmations=1)
    if target - age > 8 and age != wait:
        # the record at 12 must itself not have opened: it is at most a re-armed breakout, which would lapse one session later
        assert table.base_age[target] == age
    expected = opens if age != 7 else target - 7 >= 7
    if age == 7:
        assert table.base_age[target] == target - 7
    assert (table.state[target] == TESTING) == expected
