"""Run folders: whole or not at all, named after what was run, read again, listed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.runs import folder as runs
from tests.scenes import random_backtest

# --- whole or not at all -------------------------------------------------------------------------------------------------


def test_a_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    with runs.new_folder(tmp_path / "a" / "run") as partial:
        (partial / "file").write_text("content")
        assert not (tmp_path / "a" / "run").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["run"]
    assert (tmp_path / "a" / "run" / "file").read_text() == "content"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, SystemExit])
def test_what_is_interrupted_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    def fill() -> None:
        with runs.new_folder(tmp_path / "run") as partial:
            (partial / "metrics.json").write_text("{")
            raise failure

    with pytest.raises(failure):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("precious")

    def fill() -> None:
        with runs.new_folder(tmp_path / "run"):
            pytest.fail("must not be reached")

    with pytest.raises(runs.RunError, match="exists already"):
        fill()
    assert (tmp_path / "run" / "mine").read_text() == "precious"


def test_a_file_in_the_way_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("precious")
    with pytest.raises(runs.RunError, match="exists already"), runs.new_folder(tmp_path / "run"):
        pytest.fail("must not be reached")
    assert (tmp_path / "run").read_text() == "precious"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with runs.new_folder(tmp_path / "run") as partial:
        (partial / "file").touch()
    assert (tmp_path / "run" / "file").exists()


def test_a_place_that_cannot_be_made_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(runs.RunError, match="file"), runs.new_folder(tmp_path / "file" / "run"):
        pytest.fail("must not be reached")


def test_what_was_left_by_a_kill_does_not_get_into_the_next_run(tmp_path: Path) -> None:
    (tmp_path / ".run.partial").mkdir()
    (tmp_path / ".run.partial" / "old").touch()
    with runs.new_folder(tmp_path / "run") as partial:
        (partial / "new").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["new"]


# --- read and listed -----------------------------------------------------------------------------------------------------


def test_reading_gives_the_content_of_metrics(tmp_path: Path) -> None:
    content = {"strategy": {"sharpe": 1.5}, "window": {}, "data": {}, "more": [1, None]}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(content))
    assert runs.read(tmp_path / "run") == content
    assert runs.listed(tmp_path) == [tmp_path / "run"]


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(runs.RunError, match="no run folder"):
        runs.read(tmp_path)
    for text in ("{", "[]", '{"strategy": {}}'):
        (tmp_path / "metrics.json").write_text(text)
        with pytest.raises(runs.RunError, match="no run folder"):
            runs.read(tmp_path)


def test_half_written_folders_are_not_listed(tmp_path: Path) -> None:
    for name in ("20200101T000000-backtest-aa", ".20200102T000000-backtest-bb.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text("{}")
    assert [path.name for path in runs.listed(tmp_path)] == ["20200101T000000-backtest-aa"]


def test_a_run_folder_has_time_command_and_a_hash_of_settings_and_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = random_backtest(np.random.default_rng(3))
    settings, prices = inputs.settings, inputs.prices
    now = pd.Timestamp("2026-01-02 03:04:05", tz="UTC")
    name = runs.run_folder("backtest", settings, prices, now)
    assert name.parent == runs.RUNS
    assert name.name.startswith("20260102T030405-backtest-")
    assert (
        runs.run_folder("backtest", settings, prices, now).name == f"{name.name}-2"
    )  # begun in the same second: nobody writes over it
    assert runs.run_folder("backtest", settings, prices, now).name == f"{name.name}-3"
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
                runs.run_folder("backtest", other_settings, prices, now),
                runs.run_folder("backtest", settings, other_prices, now),
            }
        )
        == 3
    )
    assert not any(
        folder.name.endswith(("-2", "-3"))
        for folder in runs.RUNS.iterdir()
        if not folder.name.startswith(name.name)
    )


def test_a_name_that_was_taken_for_nothing_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = random_backtest(np.random.default_rng(3))
    folder = runs.run_folder(
        "backtest", inputs.settings, inputs.prices, pd.Timestamp("2026-01-02", tz="UTC")
    )
    with pytest.raises(KeyboardInterrupt), runs.new_folder(folder):
        raise KeyboardInterrupt
    assert list(runs.RUNS.iterdir()) == []


def test_a_place_for_runs_that_cannot_be_written_is_a_run_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("in the way")
    inputs = random_backtest(np.random.default_rng(3))
    with pytest.raises(runs.RunError, match=r"runs/.* cannot be written"):
        runs.run_folder(
            "backtest", inputs.settings, inputs.prices, pd.Timestamp("2026-01-02", tz="UTC")
        )
