"""Run folders: whole or not at all, named after what was run, read again, listed."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.runs import folder as run_folders
from backtests.runs.backtest import backtest
from backtests.runs.document import MetricsDocument
from backtests.runs.writer import metrics_document
from tests.scenes import random_backtest

# --- whole or not at all --------------------------------------------------------------------------


def test_a_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    with run_folders.new_folder(tmp_path / "a" / "run") as partial:
        (partial / "file").write_text("content")
        assert not (tmp_path / "a" / "run").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["run"]
    assert (tmp_path / "a" / "run" / "file").read_text() == "content"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, SystemExit])
def test_what_is_interrupted_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    def fill() -> None:
        with run_folders.new_folder(tmp_path / "run") as partial:
            (partial / "metrics.json").write_text("{")
            raise failure

    with pytest.raises(failure):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("precious")

    def fill() -> None:
        with run_folders.new_folder(tmp_path / "run"):
            pytest.fail("must not be reached")

    with pytest.raises(run_folders.RunError, match="exists already"):
        fill()
    assert (tmp_path / "run" / "mine").read_text() == "precious"


def test_a_file_in_the_way_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("precious")
    with (
        pytest.raises(run_folders.RunError, match="exists already"),
        run_folders.new_folder(tmp_path / "run"),
    ):
        pytest.fail("must not be reached")
    assert (tmp_path / "run").read_text() == "precious"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with run_folders.new_folder(tmp_path / "run") as partial:
        (partial / "file").touch()
    assert (tmp_path / "run" / "file").exists()


def left_by(pid: int, host: str = "") -> str:
    """The name of a partial folder of the run "other"."""
    return f".other.{pid}{host and '@'}{host}.partial"


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("host", ["", os.uname().nodename])
def test_what_a_dead_process_left_is_removed_by_the_next_run(
    host: str, dead: int, tmp_path: Path
) -> None:
    """With the name it had taken. Version 0.1 named no host."""
    (tmp_path / left_by(dead, host)).mkdir()
    (tmp_path / left_by(dead, host) / "run.log").touch()
    (tmp_path / "other").mkdir()
    with run_folders.new_folder(tmp_path / "run") as partial:
        assert [path.name for path in tmp_path.iterdir()] == [partial.name]
        (partial / "file").touch()


def test_what_others_write_or_have_written_stays(dead: int, tmp_path: Path) -> None:
    """Of a living process, of another machine, and a finished run under a dead one's name."""
    names = (left_by(os.getppid()), left_by(dead, "elsewhere"), ".other.partial", "other")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / left_by(dead)).mkdir()
    with run_folders.new_folder(tmp_path / "run") as partial:
        (partial / "file").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "run"])


def test_a_place_that_cannot_be_made_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(run_folders.RunError, match="file"),
        run_folders.new_folder(tmp_path / "file" / "run"),
    ):
        pytest.fail("must not be reached")


def test_what_was_left_by_a_kill_does_not_get_into_the_next_run(tmp_path: Path) -> None:
    (tmp_path / ".run.partial").mkdir()
    (tmp_path / ".run.partial" / "old").touch()
    with run_folders.new_folder(tmp_path / "run") as partial:
        (partial / "new").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["new"]


# --- read and listed ------------------------------------------------------------------------------


def test_reading_gives_the_content_of_metrics(tmp_path: Path) -> None:
    document = random_document()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(document.to_json()))
    assert run_folders.read_run(tmp_path / "run") == document
    assert run_folders.list_runs(tmp_path) == [tmp_path / "run"]


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(run_folders.RunError, match="no run folder"):
        run_folders.read_run(tmp_path)
    for text in ("{", "[]", '{"strategy": {}}'):
        (tmp_path / "metrics.json").write_text(text)
        with pytest.raises(run_folders.RunError, match="no run folder"):
            run_folders.read_run(tmp_path)


def random_document() -> MetricsDocument:
    inputs = random_backtest(np.random.default_rng(5))
    return metrics_document(backtest(inputs, with_benchmarks=False), [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 4}, "of version 4; this program reads versions up to 3"),
        ({"events": None}, "events: "),
        ({"more": 1}, "more: Extra inputs are not permitted"),
        ({"verdict": {"word": "good", "why": ""}}, "verdict.word: "),
    ],
)
def test_a_document_of_another_version_or_damaged_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    content = random_document().to_json() | changes
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(run_folders.RunError, match=re.escape(message)) as raised:
        run_folders.read_run(tmp_path)
    assert str(tmp_path / "metrics.json") in str(raised.value)


@pytest.mark.parametrize("about", ["a benchmark beats it", "beaten by a benchmark"])
@pytest.mark.parametrize(("days", "is_short"), [(599, True), (600, False)])
def test_a_short_run_of_an_earlier_version_loses_the_caveat_that_quotes_ratios(
    tmp_path: Path, about: str, days: int, *, is_short: bool
) -> None:
    """A page that says that nothing is annualised cannot say who has the higher Sharpe ratio."""
    first = pd.Timestamp("2020-01-01", tz="UTC")
    texts = {"severity": "high", "text": "constant exposure (3.31)", "remedy": ""}
    content = random_document().to_json() | {
        "version": 2,
        "window": {
            "first": first.isoformat(),
            "last": (first + pd.Timedelta(days=days)).isoformat(),
            "timeframe": "1d",
        },
        "warnings": [texts | {"about": name} for name in ("few events", about, "concentration")],
    }
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    read = [caveat.about for caveat in run_folders.read_run(tmp_path).caveats]
    assert read == ["few events", *([] if is_short else [about]), "concentration"]


def test_a_document_of_version_2_is_read_without_what_came_later(tmp_path: Path) -> None:
    written = random_document()
    content = written.to_json() | {"version": 2}
    for name in ("other_assumptions", "capacity", "required_events"):
        del content[name]
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    read = run_folders.read_run(tmp_path)
    assert (read.version, read.strategy, read.events) == (3, written.strategy, written.events)
    assert (read.other_assumptions, read.capacity, read.required_events) == ((), (), None)


def test_half_written_folders_are_not_listed(tmp_path: Path) -> None:
    for name in ("20200101T000000-backtest-aa", ".20200102T000000-backtest-bb.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text("{}")
    assert [path.name for path in run_folders.list_runs(tmp_path)] == [
        "20200101T000000-backtest-aa"
    ]


def test_a_run_folder_has_time_command_and_a_hash_of_settings_and_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = random_backtest(np.random.default_rng(3))
    settings, prices = inputs.settings, inputs.prices
    now = pd.Timestamp("2026-01-02 03:04:05", tz="UTC")
    name = run_folders.make_run_folder("backtest", settings, prices, now)
    assert name.parent == run_folders.RUNS
    assert name.name.startswith("20260102T030405-backtest-")
    assert (
        run_folders.make_run_folder("backtest", settings, prices, now).name == f"{name.name}-2"
    )  # begun in the same second: nobody writes over it
    assert run_folders.make_run_folder("backtest", settings, prices, now).name == f"{name.name}-3"
    other_settings = settings.model_copy(
        update={"costs": settings.costs.model_copy(update={"fee": 0.009})}
    )
    request, one = next(iter(prices.series.items()))
    other_prices = prices._replace(
        series=dict(prices.series) | {request: one._replace(vintage="another")}
    )
    assert (
        len(
            {
                name,
                run_folders.make_run_folder("backtest", other_settings, prices, now),
                run_folders.make_run_folder("backtest", settings, other_prices, now),
            }
        )
        == 3
    )
    assert not any(
        folder.name.endswith(("-2", "-3"))
        for folder in run_folders.RUNS.iterdir()
        if not folder.name.startswith(name.name)
    )


def test_a_name_that_was_taken_for_nothing_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = random_backtest(np.random.default_rng(3))
    folder = run_folders.make_run_folder(
        "backtest", inputs.settings, inputs.prices, pd.Timestamp("2026-01-02", tz="UTC")
    )
    with pytest.raises(KeyboardInterrupt), run_folders.new_folder(folder):
        raise KeyboardInterrupt
    assert list(run_folders.RUNS.iterdir()) == []


def test_a_place_for_runs_that_cannot_be_written_is_a_run_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("in the way")
    inputs = random_backtest(np.random.default_rng(3))
    with pytest.raises(run_folders.RunError, match=r"runs/.* cannot be written"):
        run_folders.make_run_folder(
            "backtest", inputs.settings, inputs.prices, pd.Timestamp("2026-01-02", tz="UTC")
        )
