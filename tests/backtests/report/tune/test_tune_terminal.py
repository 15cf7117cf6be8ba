"""A search on the terminal: the verdict first, every test and every changed setting, on a narrow
terminal too.
"""

import io

import pytest
from rich.console import Console

from backtests.report.tune import terminal as tune_terminal
from backtests.report.tune import words as tune_words
from backtests.tuning.document import TuneDocument
from tests.backtests.report import tune_sample
from tests.backtests.report.tune_sample import KINDS


def printed(document: TuneDocument, width: int = 160) -> str:
    out = io.StringIO()
    tune_terminal.show(Console(file=out, width=width), document, "runs/this")
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [60, 80, 160])
def test_every_kind_of_search_is_printed(kind: str, width: int) -> None:
    text = printed(tune_sample.document_of(kind), width)
    assert tune_words.headline(tune_sample.document_of(kind)) in text
    assert text.rstrip().endswith("Written to runs/this")
    assert not {"nan", "None", "inf", "True", "False"} & set(text.split())
    assert all(len(line) <= width for line in text.splitlines())


def test_the_verdict_its_tests_and_the_settings_come_first() -> None:
    found = tune_sample.document_of("usual")
    text = printed(found)
    assert found.verdict is not None
    assert text.startswith(f"Not recommended. {found.verdict.why[0]}")
    places = [
        text.index(part)
        for part in (
            "Tests of the verdict",
            "Best parameter set by Sharpe ratio",
            "In-sample",
            "Out-of-sample (rolling walk-forward)",
        )
    ]
    assert places == sorted(places)
    for test in found.verdict.tests:
        assert test.text.partition(": ")[0] in text
    for key, (was, now) in found.best.changed.items():
        (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{key} ")]
        assert tune_words.value_text(was) in line and tune_words.value_text(now) in line


def test_sample_prices_are_said_before_any_figure() -> None:
    text = printed(tune_sample.document_of("sample"))
    assert text.lstrip().startswith("SAMPLE PRICES")
    assert "p = " not in text


def test_where_nothing_could_be_chosen_no_setting_is_offered() -> None:
    text = printed(tune_sample.document_of("nothing feasible"))
    assert "No parameter set meets the constraints: at least 10 orders" in text
    assert "Best parameter set" not in text


def test_nothing_in_a_search_is_taken_for_markup() -> None:
    content = tune_sample.made("usual")[0]
    document = tune_sample.with_parts(
        tune_sample.document_of("usual"),
        verdict=content["verdict"] | {"why": ["[bold]not bold[/]", "[/]"]},
        warnings=["[link]x[/]"],
        best=content["best"] | {"changed": {"gate.base_sessions": ["[red]252[/]", "[/]"]}},
    )
    text = printed(document)
    for expected in ("[bold]not bold[/]", "[link]x[/]", "[red]252[/]"):
        assert expected in text
