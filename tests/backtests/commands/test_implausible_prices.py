"""Implausible prices as a user meets them: every command refuses them, or gives no verdict."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import main
from tests.price_folder import edit, options

ROOT = Path(__file__).parents[3]
PRICES = ["Open", "High", "Low", "Close", "Adj Close"]
JUMP = "2014-05-23"
ACCEPTED = ["--set", f'prices.accepted."^RUT"=[{JUMP}]']


def run(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words))


def bend(folder: Path) -> None:
    """One close of the index times 100."""
    path = folder / "daily/RUT.csv"
    rows = pd.read_csv(path, index_col="Date")
    rows.loc[JUMP, PRICES] *= 100.0
    rows.to_csv(path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["backtest", "--no-report"], 3),
        (["gate", "--as-of", "2016-12-01"], 3),
        (["tune", "--config", str(ROOT / "config/tune.toml")], 3),
        (["evidence"], 3),
        (["paper", "--replay", "2016-01-01:2016-03-01"], 3),
        (["check", "lookahead"], 3),
        (["check", "parity"], 3),
        (["check", "data"], 5),
    ],
    ids=lambda value: " ".join(value).partition("/")[0] if isinstance(value, list) else "",
)
def test_no_command_uses_a_jump_that_comes_back(
    words: list[str], code: int, folder: Path, cache: Path, tmp_path: Path
) -> None:
    bend(folder)
    result = run(*words, *options(folder, cache), "--set", f"journal.folder={tmp_path}/state")
    assert result.exit_code == code, result.output
    expected = ["RUT.csv", JUMP, "100.0", "2014-05-22", "2014-05-27", "prices.accepted"]
    assert [word for word in expected if word not in result.stderr] == []
    assert "Traceback" not in result.output


def test_a_person_can_accept_a_named_date(folder: Path, cache: Path) -> None:
    bend(folder)
    words = ["check", "data", "--json", *options(folder, cache)]
    refused = json.loads(run(*words).stdout)["^RUT"]
    assert [issue["severity"] for issue in refused["issues"]] == ["refused"]
    assert refused["refused"] == refused["issues"][0]["text"]
    accepted = run(*words, *ACCEPTED)
    assert accepted.exit_code == 0
    assert json.loads(accepted.stdout)["^RUT"]["issues"] == []


def test_weekly_rows_of_a_coin_are_refused_and_no_benchmark_is_quoted(
    folder: Path, cache: Path
) -> None:
    edit(folder / "daily/BTC-USD.csv", lambda rows: rows[::7])
    result = run("backtest", "--no-report", *options(folder, cache))
    assert result.exit_code == 3
    assert "BTC-USD are a week apart" in result.stderr
    assert result.stdout == ""


def test_where_the_index_is_missing_for_months_there_is_no_verdict(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    """In the document, on the page and in the terminal; `gate` and `check data` name the gap."""
    missing = ("2014-01", "2014-02", "2014-03", "2014-04", "2014-05")
    edit(
        folder / "daily/RUT.csv",
        lambda rows: [row for row in rows if not row.startswith(missing)],
    )
    out = tmp_path / "out"
    result = run("backtest", *options(folder, cache), "-o", str(out))
    assert result.exit_code == 0, result.output
    document = json.loads((out / "metrics.json").read_text())
    page = (out / "report.html").read_text()
    assert (document["verdict"], document["random_gates"]) == (None, None)
    gap = "sessions of ^RUT missing between 2013-12-31 and 2014-06-02"
    assert gap in document["no_verdict"]
    severe = [row["text"] for row in document["warnings"] if row["severity"] == "high"]
    assert any(gap in text and "no verdict" in text for text in severe)
    shown = " ".join(result.stdout.split())
    assert "No verdict." in shown
    assert gap in shown
    assert "Verdict:" not in shown
    head = page[page.index('<h1 class="verdict">') :][:1000]
    assert head.startswith('<h1 class="verdict">No verdict.</h1>')
    assert "^RUT missing between 2013-12-31 and 2014-06-02" in head
    for words in (["gate", "--as-of", "2016-12-01"], ["check", "data"]):
        told = run(*words, *options(folder, cache))
        assert told.exit_code == 0
        assert gap in " ".join(told.stdout.split()), words
