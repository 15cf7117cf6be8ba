"""The gate against a literal loop, and its rules one by one."""

import os
from pathlib import Path
from typing import Any

import literal_gate as literal
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_markets import (
    breakout_numbers,
    dated,
    examples,
    held,
    literal_numbers,
    random_closes,
    random_inputs,
    session_instants,
    small_market,
    small_rules,
    with_gaps,
)

from config.settings import load
from strategies.breakout import (
    CONFIRMED,
    DORMANT,
    REASONS,
    STATES,
    TESTING,
    BreakoutRules,
    BreakoutTable,
    breakout_table,
)
from strategies.confirmations import MeasureRules, measure
from strategies.gate import GATE_LINES, GateRules, gate_lines, gate_table
from strategies.market import Market, carry_forward, in_session, latest
from strategies.risk_curve import CurveRules, HaircutRules, filled_channels

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / os.environ.get("RUSSELL_GATE_TEST_DATA", "../shared/data")


def walk(
    closes: list[float | None],
    averages: list[float] | None = None,
    confirmations: list[int] | None = None,
    **changes: Any,
) -> BreakoutTable:
    """`breakout_table` on small rules, columns as lists.

    Without averages the trend is unknown, without confirmations none holds. None: no close.
    """
    size = len(closes)
    rules = small_rules(**changes).breakout
    known = np.array([np.nan if close is None else float(close) for close in closes])
    table = breakout_table(
        known, np.array(averages or [np.nan] * size), np.array(confirmations or [0] * size), rules
    )
    return BreakoutTable(*(column.tolist() for column in table))


def states(table: BreakoutTable) -> str:
    """One letter a session."""
    return "".join(STATES[state][0] for state in table.state)


def nothing(value: Any) -> Any:
    """None for NaN and missing, so that rows compare."""
    return None if pd.isna(value) else value


# --- the whole state machine ----------------------------------------------------------------------


def test_breakouts_are_those_of_the_literal_loop() -> None:
    opened, ended = [], set()

    @examples(150)
    @given(
        seed=st.integers(0, 2**32 - 1),
        numbers=breakout_numbers(),
        sessions=st.integers(30, 70),
        gaps=st.sampled_from([0.0, 0.1]),
    )
    def compare(seed: int, numbers: dict[str, Any], sessions: int, gaps: float) -> None:
        random = np.random.default_rng(seed)
        closes = with_gaps(random, random_closes(random, sessions), gaps)
        holding = [int(count) for count in random.integers(0, 4, sessions)]
        averages = [
            literal_average(closes, row, numbers["trend_sessions"]) for row in range(len(closes))
        ]
        table = walk(closes, averages, holding, **numbers)
        answers = [[count > which for count in holding] for which in range(3)]
        expected = literal.literal_gate(
            closes, answers, [], literal_numbers(small_rules(**numbers))
        )
        for row, want in enumerate(expected):
            got = (
                STATES[table.state[row]],
                REASONS[table.reason[row]],
                nothing(table.level[row]),
                nothing(table.confirmed_row[row] if table.confirmed_row[row] >= 0 else None),
                bool(table.after_base[row]),
                table.stale[row],
            )
            assert got == (
                want.state,
                want.reason,
                want.level,
                want.confirmed_row,
                want.after_base,
                want.stale,
            ), row
            if want.stale == 0:
                assert (nothing(table.record[row]), table.base_age[row]) == (
                    want.record,
                    want.base_age,
                ), row
        opened.append(any(row.state == "confirmed" for row in expected))
        ended.update(row.reason for row in expected)

    compare()
    assert np.mean(opened) > 0.3, (
        "the windows are too large for the examples: gates must really open"
    )
    assert ended == set(REASONS)


def literal_average(closes: list[float | None], row: int, sessions: int) -> float:
    """The average of the last closes, the session's own included; NaN where there is none."""
    window = [close for close in closes[: row + 1] if close is not None][-sessions:]
    return sum(window) / sessions if closes[row] is not None and len(window) == sessions else np.nan


def test_gate_table_is_that_of_the_literal_loop() -> None:
    opened, seen_missing, filled = [], [], set()

    @examples(45)
    @given(
        seed=st.integers(0, 2**32 - 1),
        numbers=breakout_numbers(),
        sessions=st.integers(30, 70),
        gaps=st.sampled_from([0.0, 0.1]),
        share=st.sampled_from([0.5, 0.6, 1.0]),
        windows=st.tuples(*[st.integers(2, 5)] * 5),
    )
    def compare(
        *,
        seed: int,
        numbers: dict[str, Any],
        sessions: int,
        gaps: float,
        share: float,
        windows: tuple[int, ...],
    ) -> None:
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
        known = {
            name: literal.kept(values, rules.measures.max_age_sessions)
            for name, values in inputs.items()
            if name != "breadth"
        }
        funds = [
            literal.kept(fund, rules.measures.max_age_sessions)
            for fund in inputs["breadth"].values()
        ]
        answers = {
            "volume": literal.volume_rises(known["volume"], 2, 4, 1.0),
            "breadth": literal.broad_enough(funds, breadth, share),
            "leadership": literal.above_average(
                literal.ratio(known["index"], known["broad"]), leadership
            ),
            "credit": literal.above_average(
                literal.ratio(known["risky_credit"], known["safe_credit"]), credit
            ),
            "broad": literal.above_average(known["broad"], broad),
            "rates": literal.above_average(known["safe_credit"], rates),
        }
        expected = compare_table(table, inputs["index"], answers, rules)
        opened.append(any(row.state == "confirmed" for row in expected))
        seen_missing.append(any(None in column for column in answers.values()))
        filled.update(row.filled for row in expected)

    compare()
    assert np.mean(opened) > 0.3, (
        "the windows are too large for the examples: gates must really open"
    )
    assert any(seen_missing)
    assert filled >= {0, 1, 2, 3}


def compare_table(
    table: pd.DataFrame,
    closes: literal.Values,
    answers: dict[str, literal.Answers],
    rules: GateRules,
) -> list[literal.Row]:
    """Assert that every row of the table is the literal loop's; return the loop's rows."""
    confirmations = [answers[name] for name in rules.confirmations]
    channels = [answers[name] for name in rules.curve.channels]
    expected = literal.literal_gate(closes, confirmations, channels, literal_numbers(rules))
    columns = [
        "state",
        "reason",
        "level",
        "record",
        "base_age",
        "after_base",
        "filled",
        "ceiling",
        "stale",
    ]
    got = table[columns].astype(object).where(table[columns].notna(), None)
    confirmed_at = [
        None if row.confirmed_row is None else table.index[row.confirmed_row] for row in expected
    ]
    for name in columns:
        assert got[name].tolist() == [getattr(row, name) for row in expected], name
    assert [nothing(instant) for instant in table["confirmed_at"]] == confirmed_at
    fresh = [row for row, close in enumerate(closes) if close is not None]
    for prefix, names in (("confirmation", rules.confirmations), ("channel", rules.curve.channels)):
        for name in names:
            shown = [nothing(answer) for answer in table[f"{prefix}_{name}"]]
            assert [shown[row] for row in fresh] == [answers[name][row] for row in fresh], (
                prefix,
                name,
            )
    counted = [[answer[row] for answer in confirmations].count(True) for row in fresh]
    assert table["confirmations"].iloc[fresh].tolist() == counted
    return expected


# --- real prices ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_rules() -> GateRules:
    """The rules of config/default.toml."""
    chosen = load()
    gate, confirm, curve, cuts = (
        chosen.gate,
        chosen.confirmations,
        chosen.risk_curve,
        chosen.haircuts,
    )
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
            cuts.flows.factor,
            cuts.flows.days,
            cuts.flows.record_sessions,
            cuts.losses.factor,
            cuts.losses.max_share,
            cuts.losses.max_age,
        ),
    )


@pytest.mark.realdata
def test_real_spells_since_2011_are_those_of_the_literal_loop(real_rules: GateRules) -> None:
    if not (REAL / "daily" / "RUT.csv").exists():
        pytest.skip(f"no real prices in {REAL}; name their folder in RUSSELL_GATE_TEST_DATA")
    chosen = load()

    def column(symbol: str, name: str) -> pd.Series:
        values = pd.read_csv(
            REAL / "daily" / f"{symbol.lstrip('^')}.csv", parse_dates=["Date"], index_col="Date"
        )[name].dropna()
        return values.set_axis(
            values.index.tz_localize("UTC") + pd.Timedelta(hours=21, minutes=30)
        ).astype(float)

    index = column(chosen.signal.index, "Close")
    market = Market(
        sessions=index.index.to_series() - pd.Timedelta(minutes=30),
        small_caps=index,
        broad=column(chosen.signal.broad, "Close"),
        volume=column(chosen.signal.volume, "Volume"),
        risky_credit=column(chosen.signal.risky_credit, "Adj Close"),
        safe_credit=column(chosen.signal.safe_credit, "Adj Close"),
        breadth={
            symbol: column(symbol, "Adj Close") for symbol in chosen.confirmations.breadth.symbols
        },
    )
    table = gate_table(market, real_rules)

    numbers = real_rules.measures

    def known(series: pd.Series) -> literal.Values:
        found = series.to_dict()
        return literal.kept(
            [found.get(instant) for instant in index.index], numbers.max_age_sessions
        )

    broad = known(market.broad)
    answers = {
        "volume": literal.volume_rises(
            known(market.volume), numbers.volume_fast, numbers.volume_slow, numbers.volume_ratio
        ),
        "breadth": literal.broad_enough(
            [known(fund) for fund in market.breadth.values()],
            numbers.breadth_sessions,
            numbers.breadth_share,
        ),
        "leadership": literal.above_average(
            literal.ratio(known(index), broad), numbers.leadership_sessions
        ),
        "credit": literal.above_average(
            literal.ratio(known(market.risky_credit), known(market.safe_credit)),
            numbers.credit_sessions,
        ),
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


# --- the breakout, rule by rule (base 3, confirm 2 within 5, fail 2 at 10 %, re-arm 2 within 4) ---


def test_a_record_must_have_stood_for_base_sessions() -> None:
    assert states(walk([10, 9, 11])) == "ddd"  # set in row 0, two sessions old in row 2
    assert states(walk([10, 9, 9, 11])) == "dddt"  # three sessions old in row 3


def test_a_close_at_the_record_is_no_breakout() -> None:
    assert states(walk([10, 9, 9, 10])) == "dddd"


def test_record_is_the_highest_earlier_close_and_its_age_counts_from_the_session_that_set_it() -> (
    None
):
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
    assert (table.confirmed_row, [REASONS[reason] for reason in table.reason[2:]]) == (
        [-1, -1, -1, -1, 4],
        ["", "breakout", "confirmed"],
    )
    assert states(walk([10, 9, 9, 11], confirm_sessions=1)) == "dddc"


def test_a_close_at_the_level_breaks_the_row_of_closes_above_it() -> None:
    assert states(walk([10, 9, 9, 11, 10, 11, 11])) == "dddtttc"


def test_only_closes_above_the_buffered_level_count() -> None:
    table = walk(
        [8, 7, 7, 9, 10, 11, 11], buffer=0.25
    )  # 8 * 1.25 = 10: the breakout at 9 and the close at 10 do not count
    assert states(table) == "dddtttc"


def test_testing_goes_on_while_confirmations_are_missing_and_confirms_when_they_hold() -> None:
    table = walk(
        [10, 9, 9, 11, 11, 11, 11], confirmations=[2, 2, 2, 2, 1, 1, 2], min_confirmations=2
    )
    assert states(table) == "dddtttc"


def test_confirmations_count_on_the_confirming_session_alone() -> None:
    assert (
        states(walk([10, 9, 9, 11, 11, 11], confirmations=[2, 2, 2, 2, 0, 0], min_confirmations=2))
        == "dddttt"
    )
    assert (
        states(walk([10, 9, 9, 11, 11, 11], confirmations=[0, 0, 0, 0, 2, 0], min_confirmations=2))
        == "dddtcc"
    )


def test_an_unconfirmed_breakout_lapses_after_confirm_within_sessions() -> None:
    table = walk([10, 9, 9, 11, 9, 9, 9, 9, 9])  # broken out in row 3, lapsed in row 3 + 5
    assert states(table) == "dddtttttd"
    assert REASONS[table.reason[8]] == "lapsed"


def test_the_last_session_of_confirm_within_may_still_confirm() -> None:
    assert states(walk([10, 9, 9, 11, 9, 9, 9, 11, 11])) == "dddtttttc"


LAPSED = [
    10.0,
    *[9.0] * 7,
    11.0,
    9.0,
]  # base 8: out in row 8, lapsed in row 9; the record of 11 is of row 8
ONE_SESSION_TO_CONFIRM = {
    "base_sessions": 8,
    "confirm_sessions": 1,
    "confirm_within": 1,
    "min_confirmations": 1,
}  # and none ever holds


def test_after_a_lapse_a_younger_record_suffices() -> None:
    young = walk(
        [*LAPSED, 12], rearm_sessions=2, **ONE_SESSION_TO_CONFIRM
    )  # row 10 - row 8 = 2 sessions
    assert (young.state[8:], young.base_age[10]) == ([TESTING, DORMANT, TESTING], 2)
    assert (young.after_base[8], young.after_base[10]) == (1, 0)
    assert walk([*LAPSED, 12], rearm_sessions=3, **ONE_SESSION_TO_CONFIRM).state[10] == DORMANT


def test_a_younger_record_suffices_for_rearm_within_sessions_only() -> None:
    assert (
        walk([*LAPSED, 9, 9, 9, 12], **ONE_SESSION_TO_CONFIRM).state[13] == TESTING
    )  # 13 - 9 = 4 sessions after leaving
    assert (
        walk([*LAPSED, 9, 9, 9, 9, 12], **ONE_SESSION_TO_CONFIRM).state[14] == DORMANT
    )  # 5; the record is 6 old, the base 8


def test_a_failed_spell_rearms_too() -> None:
    failed = [10.0, *[9.0] * 7, 11.0, 8.9, 8.9]  # confirmed in row 8, failed in row 10
    rules = {"base_sessions": 8, "confirm_sessions": 1}
    assert states(walk([*failed, 9, 9, 9, 12], **rules)) == "ddddddddccddddc"  # 14 - 10 = 4
    assert states(walk([*failed, 9, 9, 9, 9, 12], **rules))[15] == "d"  # 5; the record is 7 old


def test_a_full_base_soon_after_an_attempt_is_a_breakout_of_its_own() -> None:
    table = walk([*LAPSED, *[9.0] * 6, 12], rearm_within=100, **ONE_SESSION_TO_CONFIRM)
    assert (table.base_age[16], table.after_base[16]) == (8, 1)


CONFIRMED_AT_10 = [
    10.0,
    9.0,
    9.0,
    11.0,
    11.0,
]  # confirmed in row 4; bad is below 10 * (1 - 0.1) = 9


def test_fails_after_fail_sessions_closes_below_the_tolerance_in_a_row() -> None:
    table = walk([*CONFIRMED_AT_10, 8.9, 8.9])
    assert states(table) == "dddtccd"
    assert REASONS[table.reason[6]] == "failed"
    assert np.isnan(table.level[6])


def test_a_close_at_the_tolerance_is_not_bad() -> None:
    assert states(walk([*CONFIRMED_AT_10, 9.0, 9.0, 9.0])) == "dddtcccc"


def test_a_good_close_starts_the_count_of_bad_ones_again() -> None:
    assert states(walk([*CONFIRMED_AT_10, 8.9, 9.5, 8.9, 8.9])) == "dddtccccd"


def test_fails_after_fail_sessions_closes_below_the_average_in_a_row() -> None:
    table = walk([*CONFIRMED_AT_10, 10.5, 10.5], averages=[0, 0, 0, 0, 0, 10.6, 10.6])
    assert states(table) == "dddtccd"
    assert REASONS[table.reason[6]] == "trend"


def test_a_close_at_its_average_is_not_bad() -> None:
    assert states(walk([*CONFIRMED_AT_10, 10.5, 10.5], averages=[10.5] * 7)) == "dddtccc"


def test_an_unknown_average_is_not_bad() -> None:
    assert (
        states(
            walk([*CONFIRMED_AT_10, 10.5, 10.5, 10.5], averages=[0, 0, 0, 0, 0, 10.6, np.nan, 10.6])
        )
        == "dddtcccc"
    )


def test_bad_sessions_of_both_kinds_count_together_and_the_last_names_the_reason() -> None:
    below, above = [0.0] * 5 + [10.6, 0.0], [0.0] * 6 + [10.6]
    assert REASONS[walk([*CONFIRMED_AT_10, 10.5, 8.9], averages=below).reason[6]] == "failed"
    assert REASONS[walk([*CONFIRMED_AT_10, 8.9, 10.5], averages=above).reason[6]] == "trend"


def test_the_confirming_session_is_not_judged() -> None:
    assert (
        states(walk([*CONFIRMED_AT_10, 11.0], averages=[99.0] * 6)) == "dddtcc"
    )  # the first bad one is row 5


def test_bad_sessions_of_an_earlier_spell_are_forgotten() -> None:
    # Ends by age in row 6 with one bad close, confirms again in row 7; one bad close is again one.
    closes = [*CONFIRMED_AT_10, 11.0, 8.9, 12.0, 8.9, 11.5]
    table = walk(closes, confirm_sessions=1, max_sessions=3)  # confirmed in row 3, of age in row 6
    assert states(table) == "dddcccdccc"


def test_max_sessions_after_confirmation_end_a_spell() -> None:
    table = walk([*CONFIRMED_AT_10, 11, 11, 11], max_sessions=3)  # 4 + 3
    assert states(table) == "dddtcccd"
    assert REASONS[table.reason[7]] == "age"
    assert states(walk([*CONFIRMED_AT_10, 11, 11, 11], max_sessions=0)) == "dddtcccc"


def test_a_missing_close_keeps_the_row_before_and_counts_as_stale() -> None:
    table = walk([10, None, 9, 11, None, None, 11])
    assert table.stale == [0, 1, 0, 0, 1, 2, 0]
    assert (
        states(table) == "dddtttc"
    )  # sessions go on being counted: the record is three sessions old in row 3
    assert table.base_age[3] == 3


def test_a_history_that_starts_with_missing_closes_has_no_record_there() -> None:
    table = walk([None, 10, 9, 9, 11])
    assert np.isnan(table.record[:2]).all()
    assert (table.base_age[4], table.state[4]) == (3, TESTING)


# --- the gate table -------------------------------------------------------------------------------

OPEN = [10.0, 9.0, 9.0, 11.0, 11.0]  # testing in row 3, confirmed in row 4


def test_a_missing_index_close_repeats_the_last_row_and_counts_as_stale() -> None:
    table = gate_table(
        small_market([*OPEN, None, None, 12.0], broad=[1.0] * 7 + [2.0]),
        small_rules(channels=("broad",), ceilings=(0.5, 1.0), dormant_ceilings=(0.0, 0.0)),
    )
    same = table.columns.difference(["session_close", "stale"])
    for row in (5, 6):
        pd.testing.assert_series_equal(
            table[same].iloc[row], table[same].iloc[4], check_names=False
        )
    assert table["stale"].tolist() == [0, 0, 0, 0, 0, 1, 2, 0]
    assert (table["session_close"] == table.index - pd.Timedelta(minutes=30)).all()
    assert table["close"].iloc[7] == 12.0
    assert table["filled"].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_a_gate_without_gaps_is_never_stale() -> None:
    assert gate_table(small_market(OPEN), small_rules())["stale"].tolist() == [0] * 5


def test_the_index_average_counts_sessions_that_have_a_close_itself_included() -> None:
    table = gate_table(small_market([10.0, None, 11.0, 15.0]), small_rules(trend_sessions=3))
    assert table["average"].iloc[3] == (10 + 11 + 15) / 3
    assert table["average"].iloc[:3].isna().all()


def test_confirmed_at_is_the_instant_the_confirming_session_was_known() -> None:
    table = gate_table(small_market(OPEN), small_rules())
    assert table["confirmed_at"].isna().tolist() == [True] * 4 + [False]
    assert table["confirmed_at"].iloc[4] == session_instants(5)[4]


def test_confirmations_hold_unknown_ones_are_missing_and_not_counted() -> None:
    # broad's average of 4 is unknown in rows 0 to 2; volume's of 2 over 4 too; credit is flat:
    # known to fail from row 2 on.
    market = small_market(
        [10.0, 9.0, 9.0, 11.0, 11.0], broad=[1.0, 1, 1, 1, 2], volume=[1.0, 1, 1, 1, 2]
    )
    table = gate_table(
        market, small_rules(confirmations=("volume", "broad", "credit"), min_confirmations=2)
    )
    assert table["confirmation_broad"].isna().tolist() == [True, True, True, False, False]
    assert table["confirmation_broad"].iloc[3:].tolist() == [False, True]
    assert table["confirmation_volume"].iloc[3:].tolist() == [True, True]  # 1 >= 1.0 * 1
    assert table["confirmation_credit"].iloc[2:].tolist() == [False] * 3
    assert table["confirmations"].tolist() == [0, 0, 0, 1, 2]
    assert table["state"].tolist() == ["dormant", "dormant", "dormant", "testing", "confirmed"]
    assert table["measure_broad"].iloc[4] == pytest.approx(2 / (5 / 4) - 1)


def test_a_confirmation_that_is_unknown_does_not_confirm() -> None:
    unknown = small_market(OPEN, broad=[1.0, 1, 1, 1, 2])
    table = gate_table(
        unknown, small_rules(confirmations=("broad",), min_confirmations=1, broad_sessions=9)
    )
    assert table["state"].iloc[4] == "testing"


def test_channels_count_consecutively_from_the_first() -> None:
    yes, no, unknown = np.array([1.0]), np.array([0.0]), np.array([np.nan])
    assert filled_channels([yes, yes, yes], 1) == 3
    assert filled_channels([yes, no, yes], 1) == 1
    assert filled_channels([no, yes, yes], 1) == 0
    assert filled_channels([yes, unknown, yes], 1) == 1
    assert filled_channels([], 1) == 0


def test_ceilings_follow_state_and_filled_channels() -> None:
    rates, broad = (
        [1.0, 1, 1, 1, 2, 3, 3],
        [1.0, 1, 1, 1, 1, 2, 2],
    )  # from row 4 on 1, 2 and 0 are above their averages of 2
    rules = small_rules(
        channels=("rates", "broad"),
        rates_sessions=2,
        broad_sessions=2,
        ceilings=(0.25, 0.5, 1.0),
        dormant_ceilings=(0.0, 0.1, 0.3),
    )
    open_gate = gate_table(small_market([*OPEN, 11, 11], safe_credit=rates, broad=broad), rules)
    assert open_gate["filled"].tolist() == [0, 0, 0, 0, 1, 2, 0]
    assert open_gate["ceiling"].tolist() == [0, 0, 0, 0, 0.5, 1.0, 0.25]
    shut = gate_table(small_market([10.0] * 7, safe_credit=rates, broad=broad), rules)
    assert shut["ceiling"].tolist() == [0, 0, 0, 0, 0.1, 0.3, 0]


def test_dormant_ceilings_hold_while_testing_and_the_others_from_confirmation() -> None:
    table = gate_table(small_market(OPEN), small_rules(ceilings=(0.75,), dormant_ceilings=(0.25,)))
    assert table["ceiling"].tolist() == [0.25, 0.25, 0.25, 0.25, 0.75]


def test_gate_lines_are_the_table_as_numbers() -> None:
    lines = gate_lines(gate_table(small_market([*OPEN, None]), small_rules()))
    assert tuple(lines.columns) == GATE_LINES
    assert lines["state"].tolist() == [DORMANT, DORMANT, DORMANT, TESTING, CONFIRMED, CONFIRMED]
    assert lines["stale"].tolist() == [0, 0, 0, 0, 0, 1]
    assert lines["confirmed_at"].isna().tolist() == [True] * 4 + [False] * 2
    assert lines["confirmed_at"].iloc[5] == pd.Timestamp("2020-01-05 21:30", tz="UTC").timestamp()
    assert set(lines.dtypes) == {np.dtype(float)}


# --- what is known --------------------------------------------------------------------------------


def test_a_value_is_carried_for_max_age_sessions_and_then_unknown() -> None:
    values = np.array([np.nan, 3.0, np.nan, np.nan, np.nan, 4.0])
    np.testing.assert_array_equal(carry_forward(values, 2), [np.nan, 3.0, 3.0, 3.0, np.nan, 4.0])


def test_an_input_older_than_max_age_sessions_makes_its_channel_unknown() -> None:
    market = small_market([10.0] * 8, broad=[1.0, 1, 1, 2, None, None, None, 3.0])
    channel = gate_table(
        market,
        small_rules(
            channels=("broad",), ceilings=(0, 1), dormant_ceilings=(0, 0), broad_sessions=2
        ),
    )["channel_broad"]
    assert channel.isna().tolist() == [
        True,
        False,
        False,
        False,
        False,
        False,
        True,
        True,
    ]  # row 3's value is kept in rows 4 and 5
    assert channel.iloc[1:6].tolist() == [False, False, True, False, False]


def test_only_the_session_s_own_instant_is_its_value() -> None:
    known_at = session_instants(2)
    series = dated([5.0, 6.0], known_at + pd.Timedelta(minutes=1))
    assert np.isnan(in_session(series, known_at)).all()


def test_latest_is_the_newest_value_published_by_then() -> None:
    published = dated(
        [1.0, 2.0], pd.DatetimeIndex(["2020-01-02 12:00", "2020-01-04 12:00"], tz="UTC")
    )
    at = pd.DatetimeIndex(
        [
            "2020-01-02 11:59",
            "2020-01-02 12:00",
            "2020-01-04 11:59",
            "2020-01-04 12:00",
            "2020-01-09",
        ],
        tz="UTC",
    )
    np.testing.assert_array_equal(latest(published, at), [np.nan, 1, 1, 2, 2])
    np.testing.assert_array_equal(
        latest(published, at, pd.Timedelta(days=2)), [np.nan, 1, 1, 2, np.nan]
    )
    two_days_later = pd.DatetimeIndex(["2020-01-06 12:00"], tz="UTC")
    assert latest(published, two_days_later, pd.Timedelta(days=2)) == 2
    assert np.isnan(latest(published.iloc[:0], at)).all()


def test_until_keeps_what_was_known_at_that_instant_included() -> None:
    market = small_market(
        OPEN, liquidity={"assets": dated([1.0] * 5)}, coin=dated([1.0] * 5), flows=dated([1.0] * 5)
    )
    cut = market.until(session_instants(5)[2])
    assert [
        len(series) for series in (cut.sessions, cut.small_caps, cut.broad, cut.coin, cut.flows)
    ] == [3] * 5
    assert [len(cut.breadth["fund"]), len(cut.liquidity["assets"]), cut.losses] == [3, 3, None]
    assert len(market.until(session_instants(5)[2] - pd.Timedelta(seconds=1)).small_caps) == 2


# --- the measures ---------------------------------------------------------------------------------


def test_volume_compares_two_means_that_include_the_session() -> None:
    market = small_market([10.0] * 5, volume=[4.0, 4, 1, 3, 9])
    one = measure("volume", market, small_rules().measures)
    np.testing.assert_allclose(
        one.value[3:], [(1 + 3) / 2 / ((4 + 4 + 1 + 3) / 4), (3 + 9) / 2 / ((4 + 1 + 3 + 9) / 4)]
    )
    assert held("volume", market) == [None, None, None, False, True]


def test_volume_passes_at_the_ratio_itself() -> None:
    market = small_market([10.0] * 4, volume=[1.0, 1, 3, 3])  # 3 over 2
    assert held("volume", market, volume_ratio=1.5)[3] is True
    assert held("volume", market, volume_ratio=1.51)[3] is False


def test_breadth_is_the_share_of_funds_above_their_own_average() -> None:
    up, down = [1.0, 1.0, 2.0], [2.0, 2.0, 1.0]
    market = small_market([10.0] * 3, breadth={"a": up, "b": up, "c": up, "d": down})
    assert measure("breadth", market, small_rules().measures).value[2] == 3 / 4
    assert held("breadth", market, breadth_share=0.75)[2] is True  # at the share itself
    assert held("breadth", market, breadth_share=0.76)[2] is False


def test_breadth_never_counts_a_half_known_set() -> None:
    up = [1.0, 1.0, 2.0, 3.0]
    market = small_market([10.0] * 4, breadth={"a": up, "b": up, "late": [None, 1.0, 1.0, 2.0]})
    assert held("breadth", market) == [None, None, None, True]


def test_leadership_is_the_index_over_the_broad_market_against_its_average() -> None:
    market = small_market(
        [10.0, 10.0, 11.0, 13.0], broad=[1.0, 1.0, 1.0, 1.25]
    )  # ratios 10, 10, 11, 10.4
    one = measure("leadership", market, small_rules().measures)
    np.testing.assert_allclose(one.value[2:], [11 / (31 / 3) - 1, 10.4 / (31.4 / 3) - 1])
    assert held("leadership", market) == [None, None, True, False]


def test_credit_is_risky_over_safe_bonds_against_its_average() -> None:
    market = small_market(
        [10.0] * 4, risky_credit=[10.0, 10, 10, 10], safe_credit=[1.0, 1.0, 0.5, 2.0]
    )  # ratios 10, 10, 20, 5
    assert held("credit", market) == [None, None, True, False]


def test_broad_and_rates_are_prices_against_their_own_average() -> None:
    market = small_market([10.0] * 5, broad=[1.0, 1, 1, 2, 1], safe_credit=[2.0, 2, 2, 1, 2])
    assert held("broad", market) == [None, None, None, True, False]
    assert held("rates", market) == [None, None, None, False, True]


def test_a_value_at_its_average_is_not_above_it() -> None:
    market = small_market(
        [0.1] * 5,
        broad=[0.1] * 5,
        risky_credit=[0.3] * 5,
        safe_credit=[0.7] * 5,
        breadth={"a": [0.1] * 5},
    )
    for name in ("leadership", "credit", "broad", "rates", "breadth"):
        assert held(name, market)[4] is False, name


def liquidity_market(
    reverse_repos: list[float], known_at: pd.DatetimeIndex, sessions: int = 8
) -> Market:
    """Assets of 900 and then 1,000 millions, an empty Treasury account, and the reverse repos, in
    billions, of the same two days.
    """
    parts = {"assets": [900.0, 1000.0], "treasury": [0.0, 0.0], "reverse_repos": reverse_repos}
    return small_market(
        [10.0] * sessions,
        liquidity={name: dated(values, known_at) for name, values in parts.items()},
    )


FIRST_AND_LAST = session_instants(8)[[0, 7]]  # a week apart


def test_liquidity_takes_reverse_repos_in_billions() -> None:
    # (1000 - 1000 * 0.2) - (900 - 1000 * 0.1) = 0 millions: not higher; with 0.199 billions it is
    # one million more.
    assert held("liquidity", liquidity_market([0.1, 0.2], FIRST_AND_LAST))[7] is False
    market = liquidity_market([0.1, 0.199], FIRST_AND_LAST)
    assert held("liquidity", market)[7] is True
    assert measure("liquidity", market, small_rules().measures).value[7] == pytest.approx(1.0)


def test_liquidity_subtracts_the_treasury_account() -> None:
    parts = {"assets": [900.0, 1000.0], "treasury": [0.0, 101.0], "reverse_repos": [0.0, 0.0]}
    market = small_market(
        [10.0] * 8,
        liquidity={name: dated(values, FIRST_AND_LAST) for name, values in parts.items()},
    )
    assert measure("liquidity", market, small_rules().measures).value[7] == -1


def test_liquidity_uses_nothing_published_after_the_session() -> None:
    late = FIRST_AND_LAST + pd.Timedelta(minutes=1)
    market = liquidity_market([0.0, 0.0], late, sessions=10)
    assert held("liquidity", market, max_age_macro_days=9) == [None] * 8 + [
        True,
        True,
    ]  # row 7 does not know its own day's 1,000 yet


def test_liquidity_is_unknown_where_a_part_is_too_old() -> None:
    market = liquidity_market([0.0, 0.0], FIRST_AND_LAST, sessions=14)
    assert held("liquidity", market, max_age_macro_days=3) == [None] * 7 + [True] * 4 + [None] * 3


def test_exhaustion_holds_for_the_days_after_a_close_far_below_the_record() -> None:
    coin = [100.0, 59.0, 90.0, 90.0, 90.0]  # 41 % below, then 10 %
    assert held("exhaustion", small_market([10.0] * 5, coin=coin)) == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_exhaustion_needs_more_than_the_drawdown() -> None:
    assert held("exhaustion", small_market([10.0] * 2, coin=[100.0, 60.0])) == [False, False]


def test_exhaustion_counts_from_a_record_older_than_the_window() -> None:
    assert (
        held("exhaustion", small_market([10.0] * 7, coin=[100.0, 90, 80, 70, 65, 59, 59]))[6]
        is True
    )


def test_exhaustion_of_an_old_close_is_unknown() -> None:
    market = small_market([10.0] * 6, coin=[100.0, 50.0, None, None, None, None])
    assert held("exhaustion", market) == [False, True, True, True, None, None]


def test_exhaustion_without_a_coin_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"market\.coin"):
        measure("exhaustion", small_market([10.0]), small_rules().measures)


# --- haircuts -------------------------------------------------------------------------------------
# Flows: half, over 3 days, at most 2 sessions after a record; losses: a quarter from 40 %, known
# for 10 days.


def cut(market: Market) -> list[float]:
    """The haircut of each session, checked against the ceiling it is to multiply."""
    table = gate_table(market, small_rules(dormant_ceilings=(0.8,), base_sessions=20))
    assert table["state"].eq("dormant").all()
    np.testing.assert_allclose(table["ceiling"], 0.8 * table["haircut"])
    return list(table["haircut"])


def test_without_the_users_figures_nothing_is_cut() -> None:
    assert cut(small_market([10.0, 11.0])) == [1.0, 1.0]


def test_outflows_at_a_record_cut_the_ceiling() -> None:
    assert cut(small_market([10.0, 11.0], flows=[-1.0, -1.0])) == [0.5, 0.5]
    assert cut(small_market([10.0, 11.0], flows=[1.0, 1.0])) == [1.0, 1.0]


def test_flows_that_cancel_cut_nothing() -> None:
    assert cut(small_market([10.0, 11.0], flows=[1.0, -1.0])) == [1.0, 1.0]


def test_outflows_matter_for_flows_record_sessions_after_a_record_close() -> None:
    assert cut(small_market([12.0, 11, 11, 11, 11], flows=[-1.0] * 5)) == [0.5, 0.5, 0.5, 1.0, 1.0]
    assert cut(small_market([10.0, 9, 9, 9, 11], flows=[-1.0] * 5))[3:] == [
        1.0,
        0.5,
    ]  # the session's own close is a record


def test_a_close_at_the_record_is_no_new_record_for_the_flows() -> None:
    assert cut(small_market([12.0, 11, 11, 11, 12], flows=[-1.0] * 5)) == [0.5, 0.5, 0.5, 1.0, 1.0]


def test_flows_are_summed_over_the_last_days_only() -> None:
    market = small_market([10.0, 11, 12, 13, 14], flows=[-5.0, 1, 1, 1, 1])
    assert cut(market) == [
        0.5,
        0.5,
        0.5,
        1.0,
        1.0,
    ]  # the -5 leaves the window of three days in row 3


def test_flows_published_after_the_session_are_not_used() -> None:
    late = dated([-1.0], session_instants(1) + pd.Timedelta(minutes=1))
    assert cut(small_market([10.0, 11.0], flows=late)) == [1.0, 0.5]


def test_a_high_share_of_loss_making_companies_cuts_the_ceiling() -> None:
    assert cut(small_market([10.0, 11.0, 12.0], losses=[0.39, 0.4, 0.41])) == [1.0, 0.25, 0.25]


def test_an_old_share_of_loss_making_companies_cuts_nothing() -> None:
    losses = dated([0.5], session_instants(1))
    assert cut(small_market([10.0] * 13, losses=losses)) == [0.25] * 11 + [1.0] * 2


def test_both_haircuts_multiply() -> None:
    assert cut(small_market([10.0, 11.0], flows=[-1.0, -1.0], losses=[0.5, 0.5])) == [0.125, 0.125]
