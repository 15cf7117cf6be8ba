"""`gate --as-of RUN`: the data and the settings of that run, whatever today's are."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import main
from tests.price_folder import edit, options

RUN = ["--no-benchmarks", "--no-report"]
STORED = Path(__file__).parents[2] / "stored/0.1/backtest"
# With them the gate confirms later than by default, and the ceilings are half of the usual ones.
OWN = ["gate.confirm_sessions=9", "risk_curve.ceilings=[0.125,0.25,0.375,0.5]"]
CHANGED = [word for setting in OWN for word in ("--set", setting)]


def run(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words))


def reading(*words: str) -> dict[str, Any]:
    result = run("gate", *words, "--json")
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.stdout)
    return {key: value for key, value in content.items() if key != "as_of"}


@pytest.fixture
def sets(folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options that read the price folder; a run `out` was made with settings of its own."""
    monkeypatch.chdir(tmp_path)
    words = options(folder, cache)
    end = ["--end", "2013-10-31"]
    assert run("backtest", *RUN, *words, *CHANGED, *end, "-o", "out").exit_code == 0
    return words


def test_it_is_read_by_the_runs_own_settings(
    sets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_GATE__CONFIRM_SESSIONS", "2")
    own = reading("--as-of", "out")
    monkeypatch.delenv("RUSSELL_GATE_GATE__CONFIRM_SESSIONS")
    day = ["--as-of", "2013-10-31"]
    assert own == reading(*sets, *CHANGED, *day)
    todays = reading(*sets, *day)
    assert own["state"] == todays["state"] == "confirmed"
    assert own["row_ceiling"] == todays["row_ceiling"] / 2


def test_a_setting_may_be_changed_and_files_have_no_part(sets: list[str], tmp_path: Path) -> None:
    (tmp_path / "today.toml").write_text("[gate]\nconfirm_sessions = 2\n")
    own = reading("--as-of", "out")
    result = run("gate", "--as-of", "out", "--config", "today.toml", "--json")
    assert {key: value for key, value in json.loads(result.stdout).items() if key != "as_of"} == own
    assert result.stderr.startswith("--config is not used: out is read by its own settings")
    changed = reading("--as-of", "out", "--set", "gate.confirm_sessions=3")
    assert changed["confirmed_at"] != own["confirmed_at"]


def test_what_has_changed_since_is_named_with_the_runs_source(
    sets: list[str], folder: Path
) -> None:
    edit(folder / "daily/GSPC.csv", lambda rows: [*rows[:-1], rows[-1] + "1"])
    result = run("gate", "--as-of", "out")
    assert (result.exit_code, result.stdout) == (3, "")
    for word in ("out", "from folder", "GSPC.csv", "is not what that run used"):
        assert word in result.stderr
    assert "cache" not in result.stderr


def test_a_folder_that_has_moved_can_be_named(sets: list[str], folder: Path) -> None:
    own = reading("--as-of", "out")
    moved = folder.rename(folder.with_name("moved"))
    result = run("gate", "--as-of", "out")
    assert (result.exit_code, "cache" in result.stderr) == (3, False)
    assert reading("--as-of", "out", "--set", f"prices.folder={moved}") == own
    moved.rename(folder)


def test_a_run_on_a_file_and_a_second_source_is_read_again_with_what_it_noted(
    folder: Path, whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IWM stands in for the newest rows of a file that is complete when the run is read again."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(cache, tmp_path / "cache")
    edit(folder / "daily/RUT.csv", lambda rows: rows[:-3])
    words = [*options(folder, tmp_path / "cache"), "--set"]
    words += ['prices.sources."^RUT"=["folder","proxy:IWM"]']
    assert run("backtest", *RUN, *words, "-o", "out").exit_code == 0
    shutil.copy(whole_folder / "daily/RUT.csv", folder / "daily/RUT.csv")
    (issue,) = reading("--as-of", "out")["issues"]
    assert issue.startswith("^RUT: 3 newest rows, from ") and issue.endswith("not from folder")


def test_a_run_of_an_earlier_version_is_read_by_its_settings_too(cache: Path) -> None:
    with (STORED / "gate.csv").open() as file:
        *_, last = csv.DictReader(file)
    result = reading("--as-of", str(STORED), "--set", f"prices.cache={cache}")
    assert result["sample"]
    assert (result["state"], result["ceiling"]) == (last["state"], float(last["ceiling"]))


def test_a_run_without_its_settings_is_an_error_by_name(sets: list[str], tmp_path: Path) -> None:
    (tmp_path / "out/settings.toml").unlink()
    result = run("gate", "--as-of", "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "out/settings.toml: no such file" in result.stderr
    assert "--config" not in result.stderr


def test_a_folder_that_is_no_run_is_an_error_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    result = run("gate", "--as-of", "some")
    assert (result.exit_code, "some: is no run folder" in result.stderr) == (2, True)
