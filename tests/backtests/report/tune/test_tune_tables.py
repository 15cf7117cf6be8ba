"""The tables and sentences of a search say what it found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.report.cells import LOWEST, NONE
from backtests.report.tune import page as tune_page
from backtests.report.tune import tables as tune_tables
from backtests.report.tune import words as tune_words
from backtests.report.tune.page import Recorded
from tests.backtests.report.tune_sample import KINDS
from tests.backtests.report.tune_usual import STANDING, VALUES


@pytest.fixture(scope="module")
def usual(search_of: Callable[[str], Path]) -> Recorded:
    return tune_page.recorded(search_of("usual"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_has_a_cell_for_every_heading(
    kind: str, search_of: Callable[[str], Path]
) -> None:
    run = tune_page.recorded(search_of(kind))
    found = [getattr(tune_tables, name)(run.found) for name in tune_page.TABLES]
    found += [
        table(run.found, mode)
        for table in (tune_tables.unseen, tune_tables.steps, tune_tables.drift)
        for mode in tune_words.MODES
    ]
    for table in [*found, tune_page.top(run)]:
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


def test_a_test_is_called_what_its_text_calls_it() -> None:
    one = {"name": "pbo", "value": 0.4, "limit": 0.2, "passed": False}
    texts = ["Unseen breakouts: none was won.", "it says nothing of the sort: or does it?"]
    rows = tune_tables.tests({"verdict": {"tests": [one | {"text": text} for text in texts]}}).rows
    assert [(row[0].text, row[4].text) for row in rows] == [
        ("Unseen breakouts", "None was won."),
        ("pbo", texts[1]),
    ]


def test_the_best_set_is_told_with_what_was_and_what_is(usual: Recorded) -> None:
    best = usual.trials.loc[usual.trials["objective"].idxmax()]
    rows = [[cell.text for cell in row] for row in tune_tables.changed(usual.found).rows]
    expected = [[key, STANDING[key], best[key]] for key in VALUES if best[key] != STANDING[key]]
    assert len(expected) > 3
    assert rows == [
        [key, tune_words.shown(was), tune_words.shown(now)] for key, was, now in expected
    ]
    assert tune_tables.compared(usual.found).rows[0][2].sort == pytest.approx(best["cagr"])
    assert tune_tables.compared(usual.found).rows[-1][2].sort == pytest.approx(
        usual.trials["cagr"][0]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (np.int64(252), "252"),
        (252.0, "252"),
        (True, "true"),
        (np.bool_(False), "false"),
        ([0.0, 1.0], "[0, 1]"),
        ("off", "off"),
    ],
)
def test_values_are_told_as_a_settings_file_has_them(value: Any, text: str) -> None:
    assert tune_words.shown(value) == text
    assert tune_words.shown(None) == tune_words.shown(float("nan")) == NONE


def test_steps_show_only_what_was_chosen_otherwise(usual: Recorded) -> None:
    steps = usual.found["walk_forward"]["rolling"]["steps"]
    rows = tune_tables.steps(usual.found, "rolling").rows
    assert [row[0].text for row in rows] == [one["first"] for one in steps]
    assert rows[3][1].text == "nothing could be chosen: as it stands"
    first = ", ".join(
        f"{key.partition('.')[2]} = {tune_words.shown(value)}"
        for key, value in steps[0]["chosen"].items()
    )
    assert rows[0][1].text.replace("\N{NO-BREAK SPACE}", " ") == first
    for row, one in zip(rows, steps, strict=True):
        assert row[-1].sort == pytest.approx(one["out_of_sample"] - one["defaults"])


def test_a_key_is_shortened_only_where_that_leaves_no_doubt() -> None:
    found = {
        "search": {
            "space": [
                {"key": key}
                for key in (
                    "confirmations.credit.sessions",
                    "confirmations.breadth.sessions",
                    "a.band",
                    "b.band",
                )
            ]
        }
    }
    assert tune_words.short("confirmations.credit.sessions", found) == "credit.sessions"
    assert tune_words.short("a.band", found) == "a.band"


def test_stress_is_held_against_the_set_as_it_is(usual: Recorded) -> None:
    own = usual.found["best"]["in_sample"]["sharpe"]
    rows = tune_tables.stress(usual.found).rows
    assert [row[0].text for row in rows] == [
        "as it is",
        "fee doubled",
        "slippage tripled",
        "gate one bar late",
        "without credit",
    ]
    assert [row[-1].sort for row in rows[1:]] == pytest.approx(
        [own * less for less in (-0.07, -0.1, -0.16, 0.02)]
    )


def test_the_objective_has_its_name(usual: Recorded) -> None:
    assert tune_words.measure(usual.found) == "Sharpe ratio"
    mixed = {"search": {"objective": {"sharpe": 0.5, "calmar": 0.25}}}
    assert tune_words.objective(mixed) == "0.5 x Sharpe ratio + 0.25 x Calmar ratio"
    assert tune_words.measure(mixed) == "objective"


def test_the_best_are_listed_in_their_order(usual: Recorded) -> None:
    table = tune_page.top(usual)
    numbers = [int(row[0].sort) for row in table.rows]
    worth = usual.trials["objective"].fillna(-np.inf).to_numpy()
    assert numbers == np.argsort(-worth, kind="stable")[:10].tolist()
    place = [name for name, _ in table.headings].index("ceilings")
    assert {row[place].text for row in table.rows} <= {"[0.25, 0.5, 0.75, 1]", "[0, 0, 0, 1]"}


def test_a_whole_set_is_told_by_what_it_changes(usual: Recorded) -> None:
    """Whether a step names all values of what was chosen, or only those that are new, makes no difference."""
    steps = [
        {**one, "chosen": STANDING | one["chosen"]}
        for one in usual.found["walk_forward"]["rolling"]["steps"]
    ]
    whole = {**usual.found, "walk_forward": {"rolling": {"steps": steps}}}
    assert (
        tune_tables.steps(whole, "rolling").rows == tune_tables.steps(usual.found, "rolling").rows
    )


def test_days_in_coins_are_not_mixed_up_with_the_share_of_the_account_in_coins(
    usual: Recorded,
) -> None:
    table = tune_tables.compared(usual.found)
    place = [name for name, _ in table.headings].index("days in coins")
    best, again, standing = (row[place] for row in table.rows)
    assert (best.sort, standing.sort) == (
        usual.found["best"]["in_sample"]["days_held"],
        usual.found["defaults"]["in_sample"]["days_held"],
    )
    assert again.text == NONE


def test_days_of_an_interval_are_whole(usual: Recorded) -> None:
    assert [cell.text for cell in tune_tables.intervals(usual.found).rows[-1]] == [
        "days under",
        "1,746",
        "599",
        "3,539",
    ]
