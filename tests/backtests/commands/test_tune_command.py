"""`tune` as a user meets it: what it prints and writes, what it refuses, and Ctrl-C in the middle
of a search.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import main
from config.settings import load, with_changes
from tests.price_folder import options

ROOT = Path(__file__).parents[3]
SPACE = 'tune.space={"gate.base_sessions"=[126,252],"allocation.band"=[0.1,0.3]}'
FILES = {
    *("best.toml", "block_sums.npz", "run.log", "settings.toml", "trials.parquet", "tune.json"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: runs/ is made below it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def sets(whole_folder: Path, cache: Path) -> list[str]:
    """Options that search four sets on the made-up prices."""
    return [*options(whole_folder, cache), "--set", "tune.searched_gates=5", "--set", SPACE]


def tune(*words: str) -> Result:
    """`tune` in this process."""
    return CliRunner().invoke(main.app, ["tune", *words])


def document(text: str) -> Any:
    """The one JSON document `text` is, of numbers that other languages can read as well."""

    def no_number(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=no_number)


class Twice(NamedTuple):
    """The same search in `first`, as JSON and without a page, and in `second`, both in `here`, and
    the --set words it was told.
    """

    here: Path
    words: list[str]
    as_json: Result
    as_text: Result


@pytest.fixture(scope="module")
def twice(whole_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    folder = tmp_path_factory.mktemp("twice")
    own = folder / "cache"
    shutil.copytree(cache, own, ignore=shutil.ignore_patterns("tune"))
    sets = [*options(whole_folder, own), "--set", "tune.searched_gates=5", "--set", SPACE]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        as_json = tune(*sets, "--json", "--no-report", "--output", "first")
        as_text = tune(*sets)
    return Twice(folder, sets[1::2], as_json, as_text)


def test_a_search_is_printed_and_written(twice: Twice) -> None:
    result = twice.as_text
    assert (result.exit_code, result.stderr) == (0, "")
    (folder,) = (twice.here / "runs").glob("*-tune-*")
    assert {one.name for one in folder.iterdir()} == FILES | {"report.html"}
    assert "-tune-" in folder.name
    assert "Sharpe ratio" in result.stdout and f"runs/{folder.name}" in result.stdout
    assert (
        len(pd.read_parquet(folder / "trials.parquet"))
        == document((folder / "tune.json").read_text())["trials"]["n"]
        == 5
    )
    assert "5 parameter sets" in (folder / "run.log").read_text()


def test_json_is_one_document_and_nothing_else(twice: Twice) -> None:
    result = twice.as_json
    found = document(result.stdout)
    assert (result.exit_code, result.stderr, result.stdout.count("\n")) == (0, "", 1)
    assert found.pop("folder") == "first"
    assert found == document((twice.here / "first" / "tune.json").read_text())
    assert {one.name for one in (twice.here / "first").iterdir()} == FILES


def test_a_second_search_reads_the_first(twice: Twice) -> None:
    """Five sets are run once; the neighbour of the best set that no grid has is run each time."""
    (folder,) = (twice.here / "runs").glob("*-tune-*")
    first, second = (
        document((one / "tune.json").read_text()) for one in (twice.here / "first", folder)
    )
    assert first.pop("kernel")["sets"] - second.pop("kernel")["sets"] == 5
    assert first == second


def test_the_best_set_loads_over_the_settings_beside_it(
    twice: Twice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As best.toml says it should: the very settings that the search found the best, with its
    verdict.
    """
    monkeypatch.chdir(twice.here)
    found = document(twice.as_json.stdout)
    assert found["best"]["changed"] != {}
    expected = with_changes(
        load(None, twice.words),
        {key: new for key, (_, new) in found["best"]["changed"].items()},
        "the best set",
    )
    best = load([Path("first/settings.toml"), Path("first/best.toml")])
    assert best.model_copy(update={"tuned": None}) == expected
    assert best.tuned is not None and (best.tuned.verdict, best.tuned.run) == (
        found["verdict"]["word"],
        "first",
    )
    words = [
        "backtest",
        "--json",
        "--no-benchmarks",
        "--no-report",
        "--config",
        "first/settings.toml",
        "--config",
        "first/best.toml",
    ]
    words += ["--output", "again"]  # runs/ is looked into by others
    again = CliRunner().invoke(main.app, words)
    assert again.exit_code == 0, again.output
    assert document(again.stdout)["strategy"]["sharpe"] == pytest.approx(
        found["best"]["backtrader"]["sharpe"]
    )


def test_simulated_prices_are_said_to_be_simulated(cache: Path, here: Path) -> None:
    words = [
        "--set",
        "prices.source=sample",
        "--set",
        f"prices.cache={cache}",
        "--set",
        "backtest.start=2025-06-01",
        "--set",
        SPACE,
    ]
    result = tune(*words, "--no-report", "--output", "found")
    assert result.exit_code == 0, result.output
    assert "SAMPLE PRICES" in result.stdout and "No verdict." in result.stdout
    found = document((here / "found" / "tune.json").read_text())
    assert (
        found["sample"],
        found["verdict"],
        found["superior_ability"],
        found["searched_gates"],
    ) == (True, None, None, None)
    assert (
        tomllib.loads((here / "found" / "best.toml").read_text())["tuned"]["verdict"]
        == "no verdict"
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "tune.sets=3"], "a grid of 4 sets, tune.sets allows 3"),
        (["--set", "tune.space.gate.base_session=[3]"], "did you mean 'base_sessions'?"),
        (
            ["--set", "backtest.start=2014-01-01", "--set", "backtest.end=2014-01-10"],
            "the traded window cannot be split",
        ),
    ],
)
def test_what_cannot_be_searched_is_one_message_and_no_folder(
    more: list[str], said: str, sets: list[str], here: Path
) -> None:
    result = tune(*sets, *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        result.stderr.startswith("error: ")
        and said in result.stderr
        and "Traceback" not in result.stderr
    )
    assert [one for one in here.rglob("*") if one.is_file()] == []


def test_a_folder_that_is_taken_is_refused_before_the_search(sets: list[str], here: Path) -> None:
    (here / "found").mkdir()
    (here / "found" / "mine.txt").write_text("mine")
    result = tune(*sets, "--output", "found", "--set", "tune.space.allocation.band=[0.15]")
    assert result.exit_code == 2
    assert "found: exists already" in result.stderr


# Ctrl-C

MANY = (
    'tune.space={"gate.base_sessions"={low=21,high=504,steps=40},"allocation.band"={low=0.0,high=0.5,steps=40},'
    '"gate.fail_tolerance"={low=0.0,high=0.1,steps=10}}'
)
COUNT = 6500
# `main.py tune` that gets its Ctrl-C when the first batch has just been written.
INTERRUPTED = """
import os, signal, sys
import main
from backtests.tuning.search import batches
write = batches._write
def write_and_interrupt(file, part):
    write(file, part)
    os.kill(os.getpid(), signal.SIGINT)
batches._write = write_and_interrupt
sys.argv[0] = "main.py"
main.run()
"""


def test_ctrl_c_keeps_what_was_searched_and_nothing_else(here: Path, tmp_path: Path) -> None:
    """It says how much, and the same command goes on from there."""
    cache = tmp_path / "prices"
    pairs = {
        "prices.source": "sample",
        "prices.cache": cache,
        "backtest.start": "2024-01-01",
        "tune.method": "random",
        "tune.sets": COUNT,
    }
    words = [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]
    words += ["--set", MANY, "--no-report", "--json"]
    first = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "tune", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (first.returncode, first.stdout) == (130, ""), first.stderr
    assert first.stderr == (
        "interrupted; nothing half-written is left; "
        "2,000 of 6,501 parameter sets are kept; the same command goes on from there\n"
    )
    assert list((here / "runs").iterdir()) == []
    kept = {file: file.stat().st_mtime_ns for file in cache.glob("tune/*/*")}
    assert [file.name for file in kept] == ["batch-0000000.parquet"], "no claim is left"

    result = tune(*words)
    assert result.exit_code == 0, result.output
    found = document(result.stdout)
    assert {one: one.stat().st_mtime_ns for one in kept} == kept
    assert found["trials"]["n"] == COUNT + 1
    again = found["kernel"]["sets"] - (
        found["trials"]["n"] - sum(len(pd.read_parquet(one)) for one in kept)
    )
    assert 0 <= again <= 2 * 3, "only neighbours of the best set that were not drawn"
    assert [one.name for one in (here / "runs").iterdir()] == [Path(found["folder"]).name]
