"""Implausible prices as a user meets them: every command refuses them, or gives no verdict."""

import json
from collections.abc import Callable
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


def no_volume(folder: Path) -> None:
    path = folder / "daily/IWM.csv"
    path.write_text(path.read_text().replace(",Volume", ",Turnover", 1))


def zero_volume(folder: Path) -> None:
    edit(folder / "daily/IWM.csv", lambda rows: [f"{row.rpartition(',')[0]},0" for row in rows])


def no_first_year(folder: Path) -> None:
    edit(folder / "daily/RUT.csv", lambda rows: [row for row in rows if not row.startswith("2012")])


@pytest.mark.parametrize(
    ("spoil", "symbol", "words"),
    [
        (no_volume, "IWM", "has no volume; add a column Volume"),
        (zero_volume, "IWM", "the volume of IWM is 0 on 2016-12-30"),
        (no_first_year, "^RUT", "^RUT starts on 2013-01-02, signal.history_from is 2012-01-03"),
    ],
    ids=["no volume", "no trades", "no first year"],
)
def test_the_check_fails_on_what_no_gate_can_be_computed_from(
    spoil: Callable[[Path], None], symbol: str, words: str, folder: Path, cache: Path
) -> None:
    """With the sentence with which the others refuse it."""
    spoil(folder)
    refused = run("gate", "--as-of", "2017-01-01", *options(folder, cache))
    assert refused.exit_code == 3
    checked = run("check", "data", "--json", *options(folder, cache))
    assert checked.exit_code == 5
    why = json.loads(checked.stdout)[symbol]["refused"]
    assert words in why
    assert why in " ".join(refused.stderr.split())
    assert f"{symbol}: refused: {why}" in " ".join(checked.stderr.split())


@pytest.mark.parametrize(
    ("span", "is_outside"),
    [("2014-05-23:2014-06-02", False), ("2016-01-01:2016-03-01", True)],
    ids=["inside", "outside"],
)
def test_a_refusal_outside_of_the_window_says_that_the_whole_file_is_checked(
    span: str, *, is_outside: bool, folder: Path, cache: Path
) -> None:
    bend(folder)
    first, last = span.split(":")
    window = ["--set", f"backtest.start={first}", "--set", f"backtest.end={last}"]
    result = run("backtest", "--no-report", *options(folder, cache), *window)
    assert result.exit_code == 3
    words = f"the whole file is checked, not only {first} to {last}"
    assert (words in " ".join(result.stderr.split())) == is_outside


def test_a_single_accepted_date_is_named_with_its_brackets(folder: Path, cache: Path) -> None:
    result = run(
        "check", "data", *options(folder, cache), "--set", f'prices.accepted."^RUT"={JUMP}'
    )
    assert result.exit_code == 2
    assert f"should be a list of dates: write [{JUMP}]" in " ".join(result.stderr.split())
