"""--calibrate as a user meets it: what it prints and writes, what it refuses, and that an
interrupted one goes on.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import main
from backtests.calibration import calibrate as calibration
from backtests.calibration.document import parse
from backtests.calibration.outcome import Outcome, WorldOutcome
from tests.price_folder import options

SPACE = 'tune.space={"gate.base_sessions"=[126,252],"allocation.band"=[0.1,0.3]}'
QUICK_EVIDENCE = ("evidence.draws=100", "evidence.bases=[126]", "evidence.confirms=[1]")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: runs/ is made below it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sets(whole_folder: Path, cache: Path) -> list[str]:
    return [*options(whole_folder, cache), "--set", "tune.threads=1"]


def command(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words))


def test_a_calibrated_backtest_is_one_document_and_a_second_one_runs_no_world(
    sets: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["backtest", "--calibrate", "2", "--effect", "1.5", "--json", *sets]
    result = command(*words, "--output", "one")
    assert (result.exit_code, result.stderr) == (0, "")
    printed: dict[str, Any] = json.loads(result.stdout)
    written = json.loads((here / "one" / "calibration.json").read_text())
    assert printed["calibration"] == written
    document = parse(written)
    assert (document.command, document.n, document.worlds.effect) == ("backtest", 2, 1.5)
    assert document.own == printed["verdict"]["word"]
    assert sum(word.count for word in document.words) == 2
    assert "What this verdict says in worlds with 1.5 times the measured effect" in (
        here / "one" / "report.html"
    ).read_text(encoding="utf-8")

    def refuse(job: object, missing: list[int], *_: object) -> list[object]:
        assert missing == []
        return []

    monkeypatch.setattr(calibration, "run_worlds", refuse)
    again = command(*words, "--no-report", "--output", "two")
    assert (again.exit_code, again.stderr) == (0, "")
    assert json.loads((here / "two" / "calibration.json").read_text()) == written


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tune", ["--set", "tune.searched_gates=5", "--set", SPACE]),
        ("evidence", [word for value in QUICK_EVIDENCE for word in ("--set", value)]),
    ],
)
def test_searches_and_evidence_are_repeated_in_a_world_as_they_are(
    sets: list[str], here: Path, name: str, words: list[str]
) -> None:
    result = command(name, "--calibrate", "1", "--no-report", "--output", "run", *sets, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "in worlds without an effect" in " ".join(result.stdout.split())
    document = parse(json.loads((here / "run" / "calibration.json").read_text()))
    own = json.loads((here / "run" / f"{name}.json").read_text())
    assert (document.n, len(document.tests) > 0) == (1, True)
    if name == "tune":
        assert document.own == own["verdict"]["word"]
        assert {test.name: test.own == "passed" for test in document.tests} == {
            test["name"]: test["passed"] is True for test in own["verdict"]["tests"]
        }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--effect", "1"], "error: --effect: says what worlds are like; add --calibrate N"),
        (["--regimes"], "error: --regimes: says what worlds are like; add --calibrate N"),
        (["--calibrate", "1", "--effect", "nan"], "error: --effect nan: must be 0 to 100 times"),
        (["--calibrate", "1", "--effect", "-1"], "error: --effect -1: must be 0 to 100 times"),
        (["--calibrate", "1", "--effect", "1e9"], "error: --effect 1e+09: must be 0 to 100 times"),
        (["--calibrate", "0"], "Invalid value for '--calibrate'"),
        (["--calibrate", "1", "--set", "prices.source=sample"], "worlds of a simulation"),
    ],
)
@pytest.mark.parametrize("name", ["backtest", "tune", "evidence"])
def test_what_makes_no_sense_is_a_usage_error(
    here: Path, name: str, words: list[str], message: str
) -> None:
    result = command(name, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert list(here.iterdir()) == []


def test_verdicts_that_are_not_made_cannot_be_counted(sets: list[str], here: Path) -> None:
    result = command("backtest", "--calibrate", "1", "--no-benchmarks", *sets)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--no-benchmarks leaves out" in result.stderr
    short = command("backtest", "--calibrate", "1", "--start", "2016-06-01", *sets)
    assert (short.exit_code, short.stdout) == (2, "")
    assert "this run gets no verdict" in short.stderr
    assert not any((here / "runs").glob("*"))


def test_ctrl_c_keeps_the_finished_worlds_and_the_same_command_goes_on(
    sets: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def run(job: object, numbers: list[int], *_: object) -> Iterator[WorldOutcome]:
        asked.append(numbers)
        for number in numbers:
            if len(asked) == 1 and number == 1:
                raise KeyboardInterrupt
            yield WorldOutcome(number, Outcome("inconclusive", {}, {}), 1.0)

    monkeypatch.setattr(calibration, "run_worlds", run)
    words = ["backtest", "--calibrate", "3", "--no-report", "--output", "run", *sets]
    words += ["--set", f"prices.cache={here / 'cache'}"]
    result = command(*words)
    assert result.exit_code == 130
    assert "1 of 3 worlds are kept; the same command goes on from there" in result.stderr
    assert not (here / "run").exists()
    assert command(*words).exit_code == 0
    assert asked == [[0, 1, 2], [1, 2]]
