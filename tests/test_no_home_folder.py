"""No page, document, log or line of a run shows where it lies on this machine, or whose home.

The project is below a folder called home/alice, with its prices beside it, and both are named by
absolute paths.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import main
from brokers.journal.incident import Incident
from brokers.live import logs
from brokers.prices.load import load_prices
from config.settings import DEFAULT, load
from tests.price_folder import edit, options

# What a user wrote into the settings stays as it is: of it the run can be made again.
VERBATIM = ("settings.toml", ".sqlite", ".parquet")


@pytest.fixture
def project(
    tmp_path: Path, whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    home = tmp_path / "home/alice"
    shutil.copytree(whole_folder, home / "prices")
    shutil.copytree(cache, home / "project/cache")
    monkeypatch.chdir(home / "project")
    monkeypatch.setenv("PWD", str(home / "project"))
    return home / "project"


@pytest.fixture(params=["prices below it", "prices beside it"])
def sets(project: Path, request: pytest.FixtureRequest) -> list[str]:
    """Options that read the prices by their absolute path."""
    prices = project.parent / "prices"
    if request.param == "prices below it":
        prices = prices.rename(project / "prices")
    return options(prices, project / "cache")


@pytest.fixture
def output_of(project: Path) -> Callable[..., str]:
    """Runs a command; everything it has printed and written, so far, as text."""
    printed: list[str] = []

    def run(*words: str, code: int = 0) -> str:
        result: Result = CliRunner().invoke(main.app, list(words))
        assert result.exit_code == code, result.output
        printed.append(result.output)
        files = [
            file.read_text(errors="replace")
            for file in project.glob("[!cp]*/**/*")  # not cache and prices
            if file.is_file() and not file.name.endswith(VERBATIM)
        ]
        return "\n".join([*printed, *files])

    return run


def assert_nowhere(text: str, project: Path) -> None:
    for place in (str(project.parents[2]), "alice"):
        position = text.find(place)
        assert position < 0, text[max(position - 200, 0) : position + 200]


def test_a_backtest_and_its_page(
    project: Path, sets: list[str], output_of: Callable[..., str]
) -> None:
    output_of("backtest", *sets)
    text = output_of("backtest", *sets, "--json", "--output", str(project / "runs/named"))
    assert "<html" in text and "RUT.csv" in text
    output_of("report", str(project / "runs/named"))
    output_of("runs", "--json")
    assert_nowhere(output_of("runs", str(project / "runs/named")), project)
    assert '"folder": "runs/named"' in text


def test_a_series_knows_its_file_without_its_place(project: Path, sets: list[str]) -> None:
    settings = load([], [word for word in sets if word != "--set"])
    prices = load_prices(settings, pd.Timestamp("2017-01-02", tz="UTC"))
    origins = {series.origin for series in prices.series.values()}
    assert {"prices/daily/RUT.csv", "daily/RUT.csv"} & origins
    assert_nowhere("\n".join(origins), project)


def test_a_search(project: Path, sets: list[str], output_of: Callable[..., str]) -> None:
    space = 'tune.space={"gate.base_sessions"=[126,252]}'
    words = (*sets, "--set", "tune.searched_gates=5", "--set", space)
    text = output_of("tune", *words)
    assert "<html" in text and "Best parameter set of the search" in text
    assert_nowhere(
        output_of("tune", *words, "--json", "--output", str(project / "runs/named")), project
    )


def test_evidence(project: Path, sets: list[str], output_of: Callable[..., str]) -> None:
    quick = ("evidence.draws=200", "evidence.bases=[126, 252]", "evidence.confirms=[1]")
    text = output_of("evidence", *sets, *(word for pair in quick for word in ("--set", pair)))
    assert "<html" in text
    assert_nowhere(text, project)


def test_a_replay_and_its_report(
    project: Path, sets: list[str], output_of: Callable[..., str]
) -> None:
    where = project / "runs/named"
    window = "2015-08-01:2015-09-15"
    output_of("paper", *sets, "--replay", window, "--output", str(where))
    text = output_of("report", str(where / "journal.sqlite"), "--json")
    assert "<html" in text
    assert_nowhere(text, project)


def test_readings_checks_and_errors(
    project: Path, sets: list[str], output_of: Callable[..., str]
) -> None:
    output_of("gate", *sets, "--json", "--as-of", "2016-01-04")
    output_of("check", "data", *sets)
    output_of("check", "data", *sets, "--json")
    output_of("gate", "--config", str(project / "missing.toml"), code=2)
    output_of("backtest", *sets, "--set", "gate.base_session=3", code=2)
    (project / "mine.toml").write_text("[gate]\nbase_session = 3\n")
    text = output_of("gate", "--config", str(project / "mine.toml"), code=2)
    assert "mine.toml" in text
    file = next(project.parent.glob("**/prices/daily/RUT.csv"))
    edit(file, lambda rows: [*rows[:5], "2012-01-10,x,x,x,x,x,x", *rows[6:]])
    text = output_of("gate", *sets, code=3)
    assert "RUT.csv: row " in text
    assert_nowhere(text, project)


def test_the_log_of_a_session(project: Path) -> None:
    """A traceback and each record name files of the program, too."""
    from loguru import logger

    logs.start(project / "logs", level="INFO", rotation_mb=1.0, keep=1, console=False, secrets=())
    try:
        incident = Incident("data", "warning", f"{project.parent}/prices/daily/RUT.csv: no row")
        logger.warning("{}: {}", incident.kind, incident.text)
        try:
            raise OSError(2, "No such file", str(project / "state/a.sqlite"))
        except OSError:
            logger.exception("in {}", project)
    finally:
        logs.stop()
    text = (project / "logs" / logs.FILE).read_text()
    assert "~/prices/daily/RUT.csv: no row" in text
    assert "state/a.sqlite" in text
    assert str(DEFAULT.parents[1]) not in text
    assert_nowhere(text, project)
