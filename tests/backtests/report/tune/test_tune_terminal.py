"""A search on the terminal: the verdict first, every test and every changed setting, on a narrow terminal too."""

import io

import pytest
from rich.console import Console

from backtests.report.tune import terminal as tune_terminal
from backtests.report.tune import words as tune_words
from tests.backtests.report import tune_sample
from tests.backtests.report.tune_sample import KINDS


def printed(found: tune_words.Found, width: int = 160) -> str:
    out = io.StringIO()
    tune_terminal.show(Console(file=out, width=width), found, "runs/this")
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [60, 80, 160])
def test_every_kind_of_search_is_told(kind: str, width: int) -> None:
    text = printed(tune_sample.made(kind)[0], width)
    assert tune_words.headline(tune_sample.made(kind)[0]) in text
    assert text.rstrip().endswith("Written to runs/this")
    assert not {"nan", "None", "inf", "True", "False"} & set(text.split())
    assert all(len(line) <= width for line in text.splitlines())


def test_the_verdict_its_tests_and_the_settings_come_first() -> None:
    found = tune_sample.made("usual")[0]
    text = printed(found)
    assert text.startswith(f"Not recommended. {found['verdict']['why'][0]}")
    places = [
        text.index(part)
        for part in (
            "What it had to pass",
            "The best set, by Sharpe ratio",
            "On the days tuned on",
            "On days not seen",
        )
    ]
    assert places == sorted(places)
    for one in found["verdict"]["tests"]:
        assert one["text"].partition(": ")[0] in text
    for key, (was, now) in found["best"]["changed"].items():
        (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{key} ")]
        assert tune_words.shown(was) in line and tune_words.shown(now) in line


def test_sample_prices_are_said_before_any_figure() -> None:
    text = printed(tune_sample.made("sample")[0])
    assert text.lstrip().startswith("SAMPLE PRICES")
    assert "p = " not in text


def test_where_nothing_could_be_chosen_no_setting_is_offered() -> None:
    text = printed(tune_sample.made("nothing feasible")[0])
    assert "No set kept the conditions: at least 10 orders and a drawdown of 30% at most." in text
    assert "The best set" not in text


def test_nothing_in_a_search_is_taken_for_markup() -> None:
    found = tune_sample.made("usual")[0]
    verdict = found["verdict"] | {"why": ["[bold]not bold[/]", "[/]"]}
    changed = {"gate.base_sessions": ["[red]252[/]", "[/]"]}
    text = printed(
        found
        | {
            "verdict": verdict,
            "warnings": ["[link]x[/]"],
            "best": found["best"] | {"changed": changed},
        }
    )
    for expected in ("[bold]not bold[/]", "[link]x[/]", "[red]252[/]"):
        assert expected in text
