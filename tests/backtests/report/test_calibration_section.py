"""How a calibration is shown: tables by hand, on the page of a run, in the terminal."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from backtests.calibration.document import (
    CalibrationDocument,
    Requirement,
    ResultShares,
    Share,
    Worlds,
)
from backtests.evidence.document import parse
from backtests.report.calibration import calibration_section, make_section, show_calibration
from backtests.report.cells import Table
from backtests.report.evidence import page as evidence_page
from backtests.report.run import page
from backtests.runs.folder import RunError, write_json
from tests.backtests.evidence import documents


def share(name: str, count: int, of: int = 200) -> Share:
    return Share(name=name, count=count, of=of, low=0.01, high=0.08)


def document(effect: float = 0.0, *, regimes: bool = False) -> CalibrationDocument:
    tests = (
        ResultShares(
            name="permutation test",
            own="failed",
            outcomes=(share("passed", 7), share("failed", 193), share("not possible", 0)),
        ),
    )
    return CalibrationDocument(
        version=2,
        command="backtest",
        worlds=Worlds(
            text="backtest: coins drawn anew",
            effect=effect,
            effect_a_day=None,
            regimes=regimes,
            block_days=60,
        ),
        n=200,
        seed=7,
        own="inconclusive",
        words=(share("better", 4), share("worse", 0), share("inconclusive", 196)),
        tests=tests,
        means={"facts supported": 12.68},
        seconds=0.5,
    )


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_words_and_tests_are_shown_with_their_shares() -> None:
    section = make_section(document())
    assert section.heading == "What this verdict says in worlds without an effect"
    assert section.text == "The same run in 200 worlds: coins drawn anew."
    assert texts(section.words) == [
        ["better", "4", "2.0%", "1.0% to 8.0%"],
        ["worse", "0", "0.0%", "1.0% to 8.0%"],
        ["inconclusive", "196", "98.0%", "1.0% to 8.0%"],
    ]
    assert [row[0].kind for row in section.words.rows] == ["", "", "own"]
    assert texts(section.tests) == [["permutation test", "failed", "3.5%", "1.0% to 8.0%"]]
    assert "12.7 facts supported" in section.note and "Seed 7" in section.note


def requirement(what: str, has: float, needs: float) -> Requirement:
    return Requirement(what=what, has=has, needs=needs)


def asking(*requirements: Requirement, command: str = "backtest") -> CalibrationDocument:
    """A calibration in which no world passed a test that counts events."""
    outcomes = (share("passed", 0), share("failed", 200))
    test = ResultShares(name="5 closed events", own="failed", outcomes=outcomes)
    changes = {"command": command, "requirements": requirements, "tests": (test,)}
    return document().model_copy(update=changes)


def test_a_word_that_the_run_itself_rules_out_is_named_on_page_and_terminal(
    run_of: Callable[[str], Path],
) -> None:
    given = asking(
        requirement("shifted gates", 1000, 20),
        requirement("independent shifts", 18.96, 19),
        requirement("independent closed events", 3, 5),
    )
    text = (
        "The word cannot be better in any world: the run itself has 18.9 independent shifts (it"
        " takes 19) and 3 independent closed events (it takes 5). What the worlds say is how often"
        " each other test is passed."
    )
    assert make_section(given).impossible == text
    out = StringIO()
    show_calibration(Console(file=out, width=300), given)
    assert text in out.getvalue()
    run = page.load_run(run_of("usual"))
    shown = page.html(run._replace(calibration=make_section(given)))
    assert "cannot be better in any world" in shown


def test_of_a_search_it_is_recommended() -> None:
    search = make_section(asking(requirement("independent breakouts", 1, 5), command="tune"))
    assert search.impossible.startswith(
        "The word cannot be recommended in any world: the run itself has 1 independent breakout (it"
        " takes 5)."
    )


def test_what_came_out_in_no_world_is_not_called_impossible() -> None:
    """None passed: by chance, or of a calibration that does not say what the run itself has."""
    for given in (asking(), asking(requirement("independent shifts", 19.0, 19)), document()):
        assert make_section(given).impossible == ""


def test_evidence_shows_what_was_supported_and_what_was_contradicted() -> None:
    outcomes = (share("supported", 3), share("contradicted", 5), share("inconclusive", 192))
    claim = ResultShares(name="A15", own="inconclusive", outcomes=outcomes)
    given = document().model_copy(update={"command": "evidence", "tests": (claim,)})
    section = make_section(given)
    assert texts(section.tests) == [
        ["A15", "inconclusive", "1.5%", "1.0% to 8.0%", "2.5%", "1.0% to 8.0%"]
    ]


@pytest.mark.parametrize(
    ("effect", "regimes", "ending"),
    [
        (1.0, False, "with the measured effect"),
        (2.0, False, "with twice the measured effect"),
        (1.5, False, "with 1.5 times the measured effect"),
        (0.0, True, "without an effect, in bull and bear markets"),
    ],
)
def test_the_heading_says_which_worlds_they_are(
    *, effect: float, regimes: bool, ending: str
) -> None:
    assert make_section(document(effect, regimes=regimes)).heading.endswith(f"in worlds {ending}")


def test_the_terminal_has_the_same_tables() -> None:
    out = StringIO()
    show_calibration(Console(file=out, width=100), document())
    text = out.getvalue()
    assert "in worlds without an effect" in text
    assert "98.0%" in text and "permutation test" in text and "3.5%" in text


def test_the_terminal_leaves_out_claims_that_nothing_came_out_of() -> None:
    def claim(name: str, own: str, supported: int) -> ResultShares:
        outcomes = (share("supported", supported), share("contradicted", 0))
        return ResultShares(name=name, own=own, outcomes=outcomes)

    tests = (claim("A15", "inconclusive", 0), claim("B7", "inconclusive", 1))
    tests += (claim("B8", "supported", 0),)
    out = StringIO()
    given = document().model_copy(update={"command": "evidence", "tests": tests})
    show_calibration(Console(file=out, width=120), given)
    text = out.getvalue()
    assert "B7" in text and "B8" in text and "A15" not in text
    assert "1 other test came out inconclusive everywhere." in text


def test_the_page_of_a_run_has_the_section_if_the_run_was_calibrated(
    run_of: Callable[[str], Path],
) -> None:
    folder = run_of("usual")
    run = page.load_run(folder)
    assert "What this verdict says" not in page.html(run)
    text = page.html(run._replace(calibration=make_section(document())))
    assert text.count("<h2>What this verdict says in worlds without an effect</h2>") == 1
    assert "permutation test" in text and "98.0%" in text


def test_the_page_of_evidence_has_it_too() -> None:
    given = parse(documents.document(claims=[documents.claim()]))
    assert "What this verdict says" not in evidence_page.html(given, "run")
    text = evidence_page.html(given, "run", make_section(document()))
    assert text.count("<h2>What this verdict says in worlds without an effect</h2>") == 1


def test_a_folder_has_its_calibration_or_none_and_a_damaged_one_is_an_error(
    tmp_path: Path,
) -> None:
    assert calibration_section(tmp_path) is None
    write_json(document().to_json(), tmp_path / "calibration.json")
    assert calibration_section(tmp_path) == make_section(document())
    (tmp_path / "calibration.json").write_text('{"version": 99}')
    with pytest.raises(RunError, match="version 99"):
        calibration_section(tmp_path)
