"""The commands as a user meets them: what they print, write, refuse, and with which exit code."""

import csv
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import main
from config.settings import load
from tests.brokers.prices.servers import closed_port
from tests.price_folder import edit, options, overrides
from tests.spoiled_files import FAULTS, Fault

ROOT = Path(__file__).parents[1]
COMMANDS = [
    ["backtest"],
    ["gate"],
    ["report"],
    ["init"],
    ["runs"],
    ["check"],
    ["check", "data"],
    ["check", "lookahead"],
]
COMMANDS += [[], ["config"], ["config", "show"], ["config", "schema"]]
QUICK = ["--no-benchmarks", "--no-report"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: runs/ is made below it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def sets(whole_folder: Path, cache: Path) -> list[str]:
    """Options that read the made-up prices."""
    return options(whole_folder, cache)


def run(*words: str) -> Result:
    """A command in this process."""
    return CliRunner().invoke(main.app, list(words))


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    command = [sys.executable, str(ROOT / "main.py"), *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def document(text: str) -> Any:
    """The one JSON document `text` is, of numbers that other languages can read as well."""

    def no_number(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=no_number)


def assert_one_message(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code, f"{result.exit_code}: {result.exception!r} {result.output}"
    assert result.stderr.startswith("error: "), result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert [word for word in words if word not in result.stderr] == [], result.stderr


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


# Help


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "none")
def test_every_command_explains_itself(words: list[str]):
    for flag in ("--help", "-h"):
        result = run(*words, flag)
        assert result.exit_code == 0
        assert "Usage:" in result.stdout


def test_no_summary_is_cut_in_the_list_of_commands():
    for words in ([], ["check"], ["config"]):
        assert "..." not in run(*words, "--help").stdout.partition("Commands:")[2]


@pytest.mark.parametrize("name", ["status", "halt", "flatten", "resume"])
def test_commands_about_an_account_explain_their_exit_codes(name: str):
    text = " ".join(run(name, "--help").stdout.split())
    assert "Exit codes: 0 " in text
    for code in ("2", "5", "75"):
        assert f"; {code} " in text


def test_resume_says_what_it_brings_about():
    text = " ".join(run("resume", "--help").stdout.split())
    assert "it buys as the gate allows" in text
    assert "The drawdown guard starts a new peak" in text


def test_a_command_in_the_place_of_an_argument_is_named_and_nothing_else_is():
    result = run("paper", "status")
    assert result.exit_code == 2
    assert "`main.py status` is a command of its own" in result.stderr
    assert "hunter2" not in run("paper", "hunter2").stderr


def test_every_option_has_a_line_of_help():
    from typer.main import get_command

    def options_of(command: Any, path: str) -> Iterator[str]:
        yield from (
            f"{path} {option.name}"
            for option in command.params
            if getattr(option, "help", "") == ""
        )
        yield from (
            f"{path} {option.name}"
            for option in command.params
            if option.param_type_name == "option" and not option.help
        )
        for name, child in getattr(command, "commands", {}).items():
            yield from options_of(child, f"{path} {name}".strip())

    assert list(options_of(get_command(main.app), "")) == []


def test_the_help_names_the_exit_codes():
    text = " ".join(run("--help").stdout.split())
    assert (
        "Exit codes: 0 done, 2 usage or configuration, 3 market data, 4 exchange, "
        "5 stopped for safety or a check failed, 75 try again later, 130 interrupted."
    ) in text


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["backtest", "--nonsense"],
        ["check", "nonsense"],
        ["backtest", "extra"],
        ["backtest", "--set"],
    ],
)
def test_words_that_are_no_command_are_usage_errors(words: list[str]):
    result = run(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


# Configuration


@pytest.mark.parametrize(
    "command", [["backtest"], ["gate"], ["check", "data"], ["config", "show"]], ids=" ".join
)
def test_a_typo_in_set_is_one_message(command: list[str]):
    assert_one_message(
        run(*command, "--set", "gate.base_session=3"),
        2,
        "gate.base_session",
        "unknown key",
        "--set",
        "did you mean 'base_sessions'?",
    )


def test_a_typo_in_a_file_names_the_file(here: Path):
    (here / "mine.toml").write_text("[gate]\nbase_session = 3\n")
    assert_one_message(
        run("backtest", "--config", "mine.toml"),
        2,
        "gate.base_session",
        "mine.toml",
        "did you mean 'base_sessions'?",
    )


def test_a_typo_in_the_environment_names_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RUSSELL_GATE_GATE__BASE_SESSION", "3")
    assert_one_message(
        run("gate"), 2, "gate.base_session", "the environment", "did you mean 'base_sessions'?"
    )


def test_a_file_that_is_not_there_is_one_message():
    assert_one_message(
        run("backtest", "-c", "nowhere.toml"), 2, "nowhere.toml", "no such file", "--config"
    )


def test_a_folder_source_without_its_folder_is_one_message():
    assert_one_message(run("backtest", "-s", "prices.source=folder"), 2, "prices.folder")


def test_a_wrong_configuration_in_a_process_of_its_own():
    process = start("backtest", "--set", "gate.base_sessions=many")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith("error: gate.base_sessions: ")
    assert "'many'" in err
    assert "Traceback" not in err


def test_shown_settings_load_again_as_the_same_settings(here: Path):
    changes = [
        "gate.base_sessions=126",
        "backtest.start=2017-01-01",
        "coins=[{name='X',history='X-USD',market='X/USD',weight=1,lag_days=0}]",
    ]
    shown = run("config", "show", *(word for change in changes for word in ("--set", change)))
    assert shown.exit_code == 0
    (here / "mine.toml").write_text(shown.stdout)
    assert load([here / "mine.toml"]) == load([], changes)
    assert run("config", "show", "-c", "mine.toml").stdout == shown.stdout


def test_shown_settings_as_json_are_one_document():
    assert (
        document(run("config", "show", "--json", "-s", "gate.buffer=0.01").stdout)["gate"]["buffer"]
        == 0.01
    )


def test_the_schema_knows_every_section_and_its_bounds():
    schema = document(run("config", "schema").stdout)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) - {"tuned"} == set(
        tomllib.loads((ROOT / "config/default.toml").read_text())
    )
    fee = schema["$defs"]["Costs"]["properties"]["fee"]
    assert (fee["minimum"], fee["exclusiveMaximum"], fee["type"]) == (0, 0.1, "number")
    references = [word for word in json.dumps(schema).split('"') if word.startswith("#/$defs/")]
    assert {word.removeprefix("#/$defs/") for word in references} <= set(schema["$defs"])


# Market data


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_a_spoiled_file_ends_with_3_and_one_message(
    fault: Fault, folder: Path, cache: Path, here: Path
):
    words = fault.spoil(folder)
    before = snapshot(cache)
    assert_one_message(
        run("backtest", *QUICK, *options(folder, cache), "--output", "out"), 3, *words
    )
    assert snapshot(cache) == before
    assert list(here.iterdir()) == [], "nothing half-written is left"


@pytest.mark.parametrize(
    "command", [["gate"], ["gate", "--json"], ["gate", "--as-of", "2014-01-02"]], ids=" ".join
)
def test_the_gate_refuses_a_file_that_is_cut_off(command: list[str], folder: Path, cache: Path):
    words = next(fault for fault in FAULTS if fault.name == "last row cut off").spoil(folder)
    assert_one_message(run(*command, *options(folder, cache)), 3, *words)


def test_check_data_tells_every_file_that_is_refused_and_shows_the_rest(folder: Path, cache: Path):
    spoils = [
        next(fault.spoil for fault in FAULTS if fault.name == name)
        for name in ("last row cut off", "two rows swapped")
    ]
    words = [word for spoil in spoils for word in spoil(folder)]
    shown, as_json = (
        run("check", "data", *options(folder, cache), *flag) for flag in ([], ["--json"])
    )
    for result in (shown, as_json):
        assert result.exit_code == 3
        assert [word for word in words if word not in result.stderr] == []
        assert "Traceback" not in result.output
    assert "SOL-USD" in shown.stdout
    found = document(as_json.stdout)
    assert [name for name, series in found.items() if "refused" in series] == ["^GSPC", "HYG"]
    assert found["SOL-USD"]["rows"] > 1000


def test_market_data_errors_in_a_process_of_its_own(folder: Path, cache: Path, here: Path):
    words = next(fault for fault in FAULTS if fault.name == "two rows swapped").spoil(folder)
    process = start("backtest", "--json", *options(folder, cache))
    out, err = process.communicate()
    assert (process.returncode, out) == (3, "")
    assert all(word in err for word in words)
    assert "Traceback" not in err
    assert list(here.iterdir()) == []


def test_a_series_that_ends_early_is_a_caveat_and_no_error(folder: Path, cache: Path):
    edit(folder / "daily/XBI.csv", lambda rows: [row for row in rows if row < "2015-01-01"])
    result = run("backtest", *QUICK, "--json", *options(folder, cache))
    assert result.exit_code == 0
    (caveat,) = [
        caveat
        for caveat in document(result.stdout)["warnings"]
        if caveat["about"] == "series ended"
    ]
    assert "XBI" in caveat["text"]
    assert "2014-12-31" in caveat["text"]


def test_a_coin_with_a_gap_trades_on_real_bars_only(folder: Path, cache: Path, here: Path):
    gap = ("2013-11-05", "2013-11-06")
    edit(
        folder / "daily/ETH-USD.csv", lambda rows: [row for row in rows if not row.startswith(gap)]
    )
    checked = document(run("check", "data", "--json", *options(folder, cache)).stdout)["ETH-USD"]
    assert (checked["gaps"], checked["last_gap"]) == (2, "2013-11-07"), "a day is known at its end"
    assert run("backtest", *QUICK, *options(folder, cache), "-o", "out").exit_code == 0
    with (here / "out/orders.csv").open() as file:
        filled = [row["filled"][:10] for row in csv.DictReader(file) if row["symbol"] == "ETH"]
    assert len(filled) > 2
    assert not set(filled) & set(gap)


def test_without_network_yahoo_is_unreachable_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
):
    from tenacity import wait_none

    from brokers.prices import yahoo

    monkeypatch.setattr(yahoo, "WAIT", wait_none())
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody listens
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    own = tmp_path / "own cache"
    own.mkdir()
    for file in cache.glob("XNYS*"):
        (own / file.name).write_bytes(file.read_bytes())
    words = [
        "-s",
        "prices.source=yahoo",
        "-s",
        f"prices.cache={own}",
        "-s",
        "signal.history_from=2012-01-03",
    ]
    assert_one_message(
        run("gate", *words),
        3,
        "Yahoo",
        "^RUT",
        "try again later",
        'prices.sources."^RUT" to "folder"',
    )
    assert not list(own.rglob("*UT*.parquet"))


def test_a_cache_that_cannot_be_written_is_one_message(whole_folder: Path, here: Path):
    (here / "in the way").write_text("a file")
    words = options(whole_folder, here / "in the way" / "cache")
    assert_one_message(run("gate", *words), 3, "in the way", "cannot be written", "prices.cache")


# Backtest and runs


def test_a_backtest_writes_a_whole_run_folder_and_says_where(sets: list[str], here: Path):
    result = run("backtest", *sets)
    assert result.exit_code == 0, result.output
    (folder,) = (here / "runs").iterdir()
    assert f"Written to runs/{folder.name}" in result.stdout.replace("\n", "")
    assert "Verdict:" in result.stdout
    written = {path.name for path in folder.iterdir()}
    assert written >= {
        "settings.toml",
        "metrics.json",
        "equity.csv",
        "orders.csv",
        "gate.csv",
        "decisions.csv",
        "curves.csv",
        "report.html",
        "run.log",
    }
    assert set(document((folder / "metrics.json").read_text())["benchmarks"]) >= {
        "hold_bitcoin",
        "hold_basket",
        "bitcoin_own_trend",
    }
    assert load([folder / "settings.toml"]) == load([], sets[1::2]), (
        "a run can be repeated from its own settings"
    )


def test_no_report_writes_none_and_report_writes_it_later(sets: list[str], here: Path):
    assert run("backtest", *QUICK, *sets, "-o", "out").exit_code == 0
    assert not (here / "out/report.html").exists()
    result = run("report", "out")
    assert (result.exit_code, result.stdout) == (0, "Written to out/report.html\n")
    before = (here / "out/report.html").read_bytes()
    assert document(run("report", "out", "--json").stdout) == {"report": "out/report.html"}
    assert (here / "out/report.html").read_bytes() == before
    (here / "out/orders.csv").unlink()
    assert_one_message(run("report", "out"), 2, "out", "orders.csv", "run the backtest again")
    assert_one_message(run("report", "elsewhere"), 2, "elsewhere", "is no run folder")


def test_sample_prices_are_called_so_everywhere_and_get_no_verdict(here: Path):
    result = run("backtest", "-s", "prices.source=sample", "-o", "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(" SAMPLE PRICES ")
    assert "Verdict" not in result.stdout
    assert "Random gates" not in result.stdout
    found = document((here / "out/metrics.json").read_text())
    assert (found["sample"], found["verdict"], found["random_gates"]) == (True, None, None)
    assert all(series["sample"] for series in found["data"].values())
    page = (here / "out/report.html").read_text()
    assert "Sample prices: a simulation" in page
    assert "No verdict." in page
    assert run("gate", "-s", "prices.source=sample").stdout.startswith(" SAMPLE PRICES ")
    of_run = document(run("gate", "--as-of", "out", "--json").stdout)
    assert of_run["sample"] is True, "the run's own prices, whatever source the settings name now"


def no_service_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    from brokers.prices import probe

    monkeypatch.setattr(probe, "_address", lambda url: ("127.0.0.1", closed_port()))
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_without_a_network_a_backtest_runs_on_the_sample_and_says_why(
    here: Path, monkeypatch: pytest.MonkeyPatch
):
    no_service_answers(monkeypatch)
    result = run("backtest", *QUICK, "-o", "out")
    assert result.exit_code == 0, result.output
    assert "SAMPLE PRICES" in result.stdout
    why = document((here / "out/metrics.json").read_text())["fallback"]
    assert "^RUT is not in the cache and no connection to" in why
    assert why[1:] in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    "words", [["gate"], ["check", "lookahead"], ["check", "data"]], ids=" ".join
)
def test_what_speaks_of_the_users_own_data_never_falls_back_to_the_sample(
    words: list[str], monkeypatch: pytest.MonkeyPatch
):
    from brokers.prices import yahoo
    from brokers.prices.series import UnreachableError

    def unreachable(*_: object) -> None:
        raise UnreachableError("Yahoo: nobody answers")

    no_service_answers(monkeypatch)
    monkeypatch.setattr(yahoo, "fetch", unreachable)
    result = run(*words)
    assert (result.exit_code, "nobody answers" in result.stderr, "SAMPLE" in result.stdout) == (
        3,
        True,
        False,
    )


def test_a_second_run_gives_the_same_orders_in_another_process(sets: list[str]):
    first = document(run("backtest", *QUICK, "--json", *sets, "-o", "first").stdout)
    process = start("backtest", *QUICK, "--json", *sets, "-o", "second")
    out, err = process.communicate()
    assert process.returncode == 0, err
    second = document(out)
    assert first["strategy"]["orders"] > 20
    assert second["order_list_hash"] == first["order_list_hash"]
    assert {key: value for key, value in second.items() if key != "folder"} == {
        key: value for key, value in first.items() if key != "folder"
    }


def test_a_gate_period_open_at_the_end_of_the_window_has_no_reason_of_its_end(sets: list[str]):
    found = document(
        run("backtest", *QUICK, "--json", *sets, "-s", "backtest.end=2013-12-31").stdout
    )
    (period,) = found["events"]["spells"]
    assert period["closed"] is None
    assert period["reason"] not in ("trend", "failed", "age")


def test_benchmarks_do_not_change_the_strategy(sets: list[str]):
    alone, compared = (
        document(run("backtest", *words, "--json", *sets).stdout) for words in (QUICK, [])
    )
    assert alone["benchmarks"] == {}
    assert alone["verdict"] is None
    assert alone["order_list_hash"] == compared["order_list_hash"]


def test_json_prints_one_document_and_nothing_else(sets: list[str], here: Path):
    result = run("backtest", *QUICK, "--json", *sets, "-o", "out")
    shown = document(result.stdout)
    assert result.stderr == ""
    assert shown | {"folder": None} == document((here / "out/metrics.json").read_text()) | {
        "folder": None
    }


@pytest.mark.parametrize("kind", ["full folder", "file"])
def test_an_output_that_exists_is_left_as_it_is(kind: str, sets: list[str], here: Path):
    if kind == "file":
        (here / "out").write_text("mine")
    else:
        (here / "out").mkdir()
        (here / "out/notes.txt").write_text("mine")
    before = snapshot(here)
    assert_one_message(
        run("backtest", *QUICK, *sets, "-o", "out"), 2, "out", "exists already", "--output"
    )
    assert snapshot(here) == before


def test_an_output_folder_is_made_with_its_parents(sets: list[str], here: Path):
    assert run("backtest", *QUICK, *sets, "-o", "some/where/out").exit_code == 0
    assert [path.name for path in (here / "some/where").iterdir()] == ["out"]


# The program, with a Ctrl-C at its first step after the run folder was begun.
INTERRUPTED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv.pop(1))
import main
from backtests.report import progress
check = progress.check_interrupt
def interrupt_and_check():
    if list(Path("runs").glob(".*.partial/run.log")):
        os.kill(os.getpid(), signal.SIGINT)
    check()
progress.check_interrupt = interrupt_and_check
main.run()
"""


def test_ctrl_c_leaves_no_half_written_run_and_the_next_run_works(sets: list[str], here: Path):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(ROOT), "backtest", *sets],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted; nothing half-written is left\n"
    assert list((here / "runs").iterdir()) == []
    assert run("backtest", *QUICK, *sets).exit_code == 0
    assert len(list((here / "runs").iterdir())) == 1


def test_an_interruption_while_prices_are_read_ends_with_130(
    sets: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
):
    from brokers.prices import folder

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "fetch", interrupted)
    result = run("backtest", *sets)
    assert result.exit_code == 130
    assert result.stdout == ""
    assert list(here.iterdir()) == []


def test_a_bug_shows_its_traceback(sets: list[str], monkeypatch: pytest.MonkeyPatch):
    from brokers.prices import folder

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(folder, "fetch", broken)
    assert isinstance(run("gate", *sets).exception, ZeroDivisionError)


def test_a_bug_in_a_run_leaves_no_half_written_folder(
    sets: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
):
    from backtests.runs import writer

    monkeypatch.setattr(writer, "order_list_hash", lambda orders: 1 / 0)
    assert isinstance(run("backtest", *QUICK, *sets).exception, ZeroDivisionError)
    assert list((here / "runs").iterdir()) == []


def test_runs_lists_and_compares(sets: list[str], here: Path):
    assert "no runs" in run("runs").stdout
    assert document(run("runs", "--json").stdout) == {}
    for name in ("runs/a", "runs/b", "elsewhere"):
        run("backtest", *QUICK, *sets, "-o", name)
    listed = run("runs")
    assert listed.exit_code == 0
    first = [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]
    assert [name for name in ("a", "b", "elsewhere") if name in first] == ["a", "b"]
    assert set(document(run("runs", "--json").stdout)) == {"a", "b"}
    assert set(document(run("runs", "runs/b", "elsewhere", "--json").stdout)) == {"b", "elsewhere"}


def test_two_compared_runs_of_the_same_name_both_show(sets: list[str]):
    for name in ("one/out", "two/out"):
        run("backtest", *QUICK, *sets, "-o", name)
    assert len(document(run("runs", "one/out", "two/out", "--json").stdout)) == 2


@pytest.mark.parametrize("content", [None, "{", "[1]", "{}"])
def test_what_is_no_run_folder_is_one_message(content: str | None, here: Path):
    (here / "none").mkdir()
    if content is not None:
        (here / "none/metrics.json").write_text(content)
    assert_one_message(run("runs", "none"), 2, "none", "is no run folder")


# Gate and check


def test_the_gate_speaks_in_sentences(sets: list[str]):
    result = run("gate", *sets, "--as-of", "2014-03-08")
    assert result.exit_code == 0, result.output
    first, *_ = result.stdout.splitlines()
    assert first.startswith("The gate is open (confirmed) since 2013-07-15")
    assert "As known at 2014-03-09 00:00 UTC." in result.stdout


def test_the_gate_of_a_past_day_knows_nothing_later(sets: list[str]):
    reading = document(run("gate", *sets, "--as-of", "2013-07-14", "--json").stdout)
    assert (reading["state"], reading["as_of"]) == ("testing", "2013-07-15T00:00:00+00:00")
    assert (
        document(run("gate", *sets, "--as-of", "2013-07-15", "--json").stdout)["state"]
        == "confirmed"
    )


def test_the_gate_of_today_says_that_its_data_are_old(sets: list[str]):
    result = run("gate", *sets)
    assert result.exit_code == 0
    assert "No coins may be held" in result.stdout
    assert "The last close of ^RUT is of 2016-12-30" in result.stdout
    assert "Get newer prices" in " ".join(result.stdout.split())


@pytest.mark.parametrize("day", ["yesterday", "2014-02-30", "runs/none"])
def test_as_of_nothing_is_a_usage_error(day: str, sets: list[str]):
    assert_one_message(run("gate", *sets, "--as-of", day), 2, "--as-of", "YYYY-MM-DD", "run folder")


def test_as_of_a_day_before_all_data_is_an_error_of_data(sets: list[str]):
    assert_one_message(
        run("gate", *sets, "--as-of", "2009-06-01"), 3, "^RUT", "2009-06-02 00:00 UTC"
    )


def test_the_gate_of_a_run_is_read_on_that_runs_data(folder: Path, cache: Path):
    words = options(folder, cache)
    assert run("backtest", *QUICK, *words, "-o", "out").exit_code == 0
    of_run = document(run("gate", *words, "--as-of", "out", "--json").stdout)
    of_day = document(run("gate", *words, "--as-of", "2016-12-31", "--json").stdout)
    assert {key: value for key, value in of_run.items() if key != "as_of"} == {
        key: value for key, value in of_day.items() if key != "as_of"
    }
    edit(folder / "daily/GSPC.csv", lambda rows: [*rows[:-1], rows[-1] + "1"])
    assert_one_message(
        run("gate", *words, "--as-of", "out"), 3, "GSPC.csv", "is not what that run used"
    )


def test_check_data_names_every_series(sets: list[str]):
    symbols = [
        "^RUT",
        "^GSPC",
        "IWM",
        "HYG",
        "IEF",
        "KRE",
        "XLI",
        "XBI",
        "RSP",
        "BTC-USD",
        "ETH-USD",
        "SOL-USD",
    ]
    result = run("check", "data", *sets)
    assert result.exit_code == 0
    assert [symbol for symbol in symbols if symbol not in result.stdout] == []
    assert list(document(run("check", "data", *sets, "--json").stdout)) == symbols


def test_check_lookahead_finds_nothing_in_what_is_sound(sets: list[str]):
    result = run("check", "lookahead", *sets, "--cuts", "4")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("No look-ahead found.")
    found = document(run("check", "lookahead", *sets, "--cuts", "4", "--json").stdout)
    assert (found["cuts"], found["moved"]) == (4, [])
    assert found["stamps"] > 5000


def test_check_lookahead_names_a_leak_and_ends_with_5(
    sets: list[str], monkeypatch: pytest.MonkeyPatch
):
    from strategies import confirmations

    def tomorrow(market: Any, rules: Any, known_at: Any, known: Any) -> Any:
        ratio = known(market.risky_credit) / known(market.safe_credit)
        return confirmations._above(np.append(ratio[1:], np.nan), rules.credit_sessions)

    monkeypatch.setitem(confirmations.MEASURES, "credit", tomorrow)
    result = run("check", "lookahead", *sets)
    assert_one_message(result, 5, "Look-ahead found", "HYG")


def test_init_writes_a_configuration_that_runs(sets: list[str], here: Path):
    result = run("init", "--coins", "eth, btc", "--style", "strict")
    assert (result.exit_code, result.stdout) == (
        0,
        "Written to my.toml; now: python main.py backtest --config my.toml\n",
    )
    assert [coin.name for coin in load([here / "my.toml"]).coins] == ["ETH", "BTC"]
    assert run("backtest", *QUICK, "-c", "my.toml", *sets).exit_code == 0
    assert_one_message(run("init"), 2, "my.toml", "exists already", "--output")
    assert_one_message(
        run("init", "-o", "other.toml", "--style", "bold"), 2, "--style bold", "or-trend"
    )
    assert not (here / "other.toml").exists()


def test_overrides_reach_the_command(whole_folder: Path, cache: Path, here: Path):
    (here / "mine.toml").write_text("[backtest]\ncash = 500.0\n")
    shown = document(
        run("config", "show", "--json", "-c", "mine.toml", *options(whole_folder, cache)).stdout
    )
    assert shown["backtest"]["cash"] == 500.0
    assert shown == load([here / "mine.toml"], overrides(whole_folder, cache)).model_dump(
        mode="json"
    )
