"""The newest evidence, quoted where somebody looks at the gate or at a backtest."""

import json
from pathlib import Path
from typing import Any

import pytest

from backtests.commands.backtest import run_backtest
from backtests.commands.gate import read_gate
from backtests.commands.report import write_report
from backtests.commands.run_scope import RunOptions
from backtests.evidence.latest import latest_evidence
from backtests.report.run.terminal import show_backtest
from backtests.runs import folder as run_folders
from brokers.console import console
from tests.backtests.evidence.documents import document, document_of_0_1
from tests.price_folder import HISTORY_FROM

LINE = "3 readings of the claims: [2] supported."


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / run_folders.RUNS


@pytest.fixture
def overrides(whole_folder: Path, cache: Path) -> list[str]:
    return [
        "prices.source=folder",
        f"prices.folder={whole_folder}",
        f"prices.cache={cache}",
        f"signal.history_from={HISTORY_FROM}",
    ]


def save(runs: Path, name: str, content: str | dict[str, Any]) -> None:
    (runs / name).mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (runs / name / "evidence.json").write_text(text)


def test_without_any_nothing_is_quoted() -> None:
    assert latest_evidence() is None


def test_the_newest_of_real_prices_counts(runs: Path) -> None:
    save(runs, "20260101T000000-evidence-aa", document(line="old"))
    save(runs, "20260301T000000-evidence-bb", document(line="new"))
    save(runs, "20260401T000000-evidence-cc", document(line="simulated", sample=True))
    save(runs, "20260501T000000-backtest-dd", document(line="something else"))
    quote = latest_evidence()
    assert quote is not None
    assert (quote.line, quote.folder) == ("new", "20260301T000000-evidence-bb")


def test_one_of_version_0_1_is_quoted_in_the_words_of_this_one(runs: Path) -> None:
    save(runs, "20260101T000000-evidence-aa", document_of_0_1())
    quote = latest_evidence()
    assert quote is not None and "1 inconclusive" in quote.line


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"sample": false}', '{"version": 3}'])
def test_a_damaged_or_newer_one_is_passed_over(content: str, runs: Path) -> None:
    save(runs, "20260101T000000-evidence-aa", document(line="old"))
    save(runs, "20260301T000000-evidence-bb", content)
    quote = latest_evidence()
    assert quote is not None and quote.line == "old"


def test_gate_and_backtest_quote_it_where_it_was_known(
    runs: Path, overrides: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    save(runs, "20260101T000000-evidence-aa", document(line=LINE))

    def gate(as_of: str | None) -> object:
        read_gate(None, overrides, as_json=True, as_of=as_of, refresh=False)
        return json.loads(capsys.readouterr().out)["evidence"]

    quote = latest_evidence()
    assert quote is not None
    assert gate(None) == quote.model_dump() and gate("2014-01-10") is None
    read_gate(None, overrides, as_json=False, as_of=None, refresh=False)
    assert LINE in " ".join(capsys.readouterr().out.split())
    run_backtest(None, overrides, RunOptions(output=Path("run")), with_benchmarks=False)
    assert LINE in " ".join(capsys.readouterr().out.split())
    assert run_folders.read_run(Path("run")).evidence == quote
    assert LINE in (Path("run") / "report.html").read_text()


def test_a_run_that_quotes_nothing_is_shown(overrides: list[str]) -> None:
    options = RunOptions(as_json=True, output=Path("run"), with_report=False)
    run_backtest(None, overrides, options, with_benchmarks=False)
    content = json.loads(Path("run/metrics.json").read_text())
    assert content.pop("evidence") is None
    Path("run/metrics.json").write_text(json.dumps(content))
    write_report(Path("run"), None, as_json=True)
    assert "Evidence for the thesis" not in Path("run/report.html").read_text()
    show_backtest(console(), run_folders.read_run(Path("run")), "run")
