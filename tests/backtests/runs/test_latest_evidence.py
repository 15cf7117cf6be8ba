"""The newest evidence, quoted where somebody looks at the gate or at a backtest; in a folder of its own."""

import json
from pathlib import Path

import pytest

from backtests.commands.backtest import run_backtest
from backtests.commands.gate import read_gate
from backtests.commands.report import write_report
from backtests.report.run.terminal import show_backtest
from backtests.runs import folder as runs
from backtests.runs.latest_evidence import newest
from brokers.console import console
from tests.price_folder import HISTORY_FROM


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / runs.RUNS


def kept(place: Path, name: str, content: str) -> None:
    (place / name).mkdir(parents=True)
    (place / name / "evidence.json").write_text(content)


def found(line: str, sample: bool = False) -> str:
    return json.dumps({"line": line, "sample": sample})


def test_without_any_nothing_is_quoted() -> None:
    assert newest() is None


def test_the_newest_of_real_prices_counts(place: Path) -> None:
    kept(place, "20260101T000000-evidence-aa", found("old"))
    kept(place, "20260301T000000-evidence-bb", found("new"))
    kept(place, "20260401T000000-evidence-cc", found("simulated", sample=True))
    kept(place, "20260501T000000-backtest-dd", found("something else"))
    assert newest() == {"line": "new", "folder": "20260301T000000-evidence-bb"}


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"sample": false}'])
def test_a_damaged_one_is_passed_over(content: str, place: Path) -> None:
    kept(place, "20260101T000000-evidence-aa", found("old"))
    kept(place, "20260301T000000-evidence-bb", content)
    quoted = newest()
    assert quoted is not None and quoted["line"] == "old"


def test_gate_and_backtest_quote_it_where_it_was_known(
    place: Path, whole_folder: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "prices.source=folder",
        f"prices.folder={whole_folder}",
        f"prices.cache={cache}",
        f"signal.history_from={HISTORY_FROM}",
    ]
    kept(place, "20260101T000000-evidence-aa", found("Of 3 readings [2] supported."))

    def gate(as_of: str | None) -> object:
        read_gate(None, words, True, as_of, False)
        return json.loads(capsys.readouterr().out)["evidence"]

    assert gate(None) == newest() and gate("2014-01-10") is None
    read_gate(None, words, False, None, False)
    assert "Of 3 readings [2] supported." in " ".join(capsys.readouterr().out.split())
    run_backtest(None, words, False, Path("run"), False, True, False)
    assert "Of 3 readings [2] supported." in " ".join(capsys.readouterr().out.split())
    assert runs.read(Path("run"))["evidence"] == newest()
    assert "Of 3 readings [2] supported." in (Path("run") / "report.html").read_text()


def test_a_run_of_an_older_version_has_no_line_and_is_shown(
    place: Path, whole_folder: Path, cache: Path
) -> None:
    words = [
        "prices.source=folder",
        f"prices.folder={whole_folder}",
        f"prices.cache={cache}",
        f"signal.history_from={HISTORY_FROM}",
    ]
    run_backtest(None, words, True, Path("run"), False, False, False)
    summary = runs.read(Path("run"))
    assert summary.pop("evidence") is None
    Path("run/metrics.json").write_text(json.dumps(summary))
    write_report(Path("run"), None, True)
    assert "thesis on trial" not in Path("run/report.html").read_text()
    show_backtest(console(), summary, "run")
