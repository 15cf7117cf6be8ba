"""The tables and sentences of a search say what it found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.report.cells import LOWEST, NONE
from backtests.report.tune import page as tune_page
from backtests.report.tune import tables as tune_tables
from backtests.report.tune import verdict_table
from backtests.report.tune import words as tune_words
from backtests.report.tune.page import RecordedSearch
from tests.backtests.report.tune_sample import KINDS, with_parts
from tests.backtests.report.tune_usual import CURRENT, VALUES


@pytest.fixture(scope="module")
def usual(search_of: Callable[[str], Path]) -> RecordedSearch:
    return tune_page.read_search(search_of("usual"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_has_a_cell_for_every_heading(
    kind: str, search_of: Callable[[str], Path]
) -> None:
    run = tune_page.read_search(search_of(kind))
    found = [getattr(tune_tables, name)(run.result) for name in tune_page.TABLES]
    found.append(verdict_table.tests(run.result))
    found += [
        table(run.result, mode)
        for table in (tune_tables.out_of_sample_table, tune_tables.steps, tune_tables.drift)
        for mode in tune_words.MODES
    ]
    for table in [*found, tune_page.best_sets(run)]:
        for row in table.rows:
            assert len(row) == len(table.headings)
            for cell, (heading, is_number) in zip(row, table.headings, strict=True):
                assert ("number" in cell.kind) == is_number, (heading, cell)
                assert not is_number or cell.sort == LOWEST or np.isfinite(float(cell.sort)), (
                    heading,
                    cell,
                )
                assert not {"nan", "None", "NaT", "inf", "True", "False"} & set(
                    cell.text.split()
                ), (heading, cell)


def test_a_test_is_called_what_its_text_calls_it(usual: RecordedSearch) -> None:
    test = {"name": "pbo", "value": 0.4, "limit": 0.2, "passed": False, "condemns": False}
    texts = ["Breakouts left out: none was won.", "it says nothing of the sort: or does it?"]
    tests = [test | {"text": text} for text in texts]
    verdict = {"word": "not recommended", "why": [], "tests": tests}
    rows = verdict_table.tests(with_parts(usual.result, verdict=verdict)).rows
    assert [(row[0].text, row[-1].text) for row in rows] == [
        ("Breakouts left out", "None was won."),
        ("pbo", "It says nothing of the sort: or does it?"),
    ]


def test_the_best_set_is_listed_with_old_and_new_values(usual: RecordedSearch) -> None:
    best = usual.trials.loc[usual.trials["objective"].idxmax()]
    rows = [[cell.text for cell in row] for row in tune_tables.changed_settings(usual.result).rows]
    expected = [[key, CURRENT[key], best[key]] for key in VALUES if best[key] != CURRENT[key]]
    assert len(expected) > 3
    assert rows == [
        [key, tune_words.value_text(was), tune_words.value_text(now)] for key, was, now in expected
    ]
    assert tune_tables.in_sample_figures(usual.result).rows[0][2].sort == pytest.approx(
        best["cagr"]
    )
    assert tune_tables.in_sample_figures(usual.result).rows[-1][2].sort == pytest.approx(
        usual.trials["cagr"][0]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (np.int64(252), "252"),
        (252.0, "252"),
        (True, "true"),
        (np.bool_(0), "false"),
        ([0.0, 1.0], "[0, 1]"),
        ("off", "off"),
    ],
)
def test_values_are_written_as_in_a_settings_file(value: Any, text: str) -> None:
    assert tune_words.value_text(value) == text
    assert tune_words.value_text(None) == tune_words.value_text(float("nan")) == NONE


def test_steps_show_only_what_was_chosen_otherwise(usual: RecordedSearch) -> None:
    steps = usual.result.walk_forward.rolling.steps
    rows = tune_tables.steps(usual.result, "rolling").rows
    assert [row[0].text for row in rows] == [step.first for step in steps]
    assert rows[3][1].text == "nothing could be chosen: current settings"
    first = ", ".join(
        f"{key.partition('.')[2]} = {tune_words.value_text(value)}"
        for key, value in steps[0].chosen.items()
    )
    assert rows[0][1].text.replace("\N{NO-BREAK SPACE}", " ") == first
    for row, step in zip(rows, steps, strict=True):
        assert step.out_of_sample is not None and step.defaults is not None
        assert row[-1].sort == pytest.approx(step.out_of_sample - step.defaults)


def test_a_key_is_shortened_only_where_that_leaves_no_doubt(usual: RecordedSearch) -> None:
    keys = (
        "confirmations.credit.sessions",
        "confirmations.breadth.sessions",
        "a.band",
        "b.band",
    )
    space = [{"key": key, "values": [], "when": {}} for key in keys]
    search = usual.result.search.model_dump(mode="json") | {"space": space}
    document = with_parts(usual.result, search=search)
    assert tune_words.short_key("confirmations.credit.sessions", document) == "credit.sessions"
    assert tune_words.short_key("a.band", document) == "a.band"


def test_stress_is_compared_with_the_set_as_it_is(usual: RecordedSearch) -> None:
    own = usual.result.best.in_sample.sharpe
    rows = tune_tables.stress(usual.result).rows
    assert [row[0].text for row in rows] == [
        "unchanged",
        "fee doubled",
        "slippage tripled",
        "gate one bar late",
        "without the credit confirmation",
    ]
    assert [row[-1].sort for row in rows[1:]] == pytest.approx(
        [own * less for less in (-0.07, -0.1, -0.16, 0.02)]
    )


def test_the_objective_has_its_name(usual: RecordedSearch) -> None:
    assert tune_words.measure(usual.result) == "Sharpe ratio"
    search = usual.result.search.model_dump(mode="json")
    search["objective"] = {"sharpe": 0.5, "calmar": 0.25}
    mixed = with_parts(usual.result, search=search)
    assert tune_words.objective(mixed) == "0.5 x Sharpe ratio + 0.25 x Calmar ratio"
    assert tune_words.measure(mixed) == "objective"


def test_the_best_are_listed_in_their_order(usual: RecordedSearch) -> None:
    table = tune_page.best_sets(usual)
    numbers = [int(row[0].sort) for row in table.rows]
    worth = usual.trials["objective"].fillna(-np.inf).to_numpy()
    assert numbers == np.argsort(-worth, kind="stable")[:10].tolist()
    place = [name for name, _ in table.headings].index("ceilings")
    assert {row[place].text for row in table.rows} <= {"[0.25, 0.5, 0.75, 1]", "[0, 0, 0, 1]"}


def test_a_whole_set_is_written_as_its_changes(usual: RecordedSearch) -> None:
    """Whether a step names all values of a set or only those that differ makes no difference."""
    walks = usual.result.walk_forward.model_dump(mode="json")
    for step in walks["rolling"]["steps"]:
        step["chosen"] = CURRENT | step["chosen"]
    whole = with_parts(usual.result, walk_forward=walks)
    assert (
        tune_tables.steps(whole, "rolling").rows == tune_tables.steps(usual.result, "rolling").rows
    )


def test_time_in_market_is_not_mixed_up_with_the_share_of_the_account_in_coins(
    usual: RecordedSearch,
) -> None:
    table = tune_tables.in_sample_figures(usual.result)
    place = [name for name, _ in table.headings].index("time in market")
    best, again, standing = (row[place] for row in table.rows)
    assert (best.sort, standing.sort) == (
        usual.result.best.in_sample.days_held,
        usual.result.defaults.in_sample.days_held,
    )
    assert again.text == NONE


def test_days_of_an_interval_are_whole(usual: RecordedSearch) -> None:
    assert [cell.text for cell in tune_tables.intervals(usual.result).rows[-1]] == [
        "longest drawdown (days)",
        "1,746",
        "599",
        "3,539",
    ]
