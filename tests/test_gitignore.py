"""What the program writes by default is never committed: it has accounts, logs and keys in it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from backtests.runs.folder import RUNS
from config.secrets import DOTENV
from config.settings import load

ROOT = Path(__file__).parents[1]
SETTINGS = load()
WRITTEN = (
    Path(SETTINGS.journal.folder) / "dry-run-binance.sqlite",
    Path(SETTINGS.journal.folder) / "dry-run-binance.permit",
    Path(SETTINGS.log.folder) / "paper.log.jsonl",
    Path(SETTINGS.prices.cache) / "yahoo/IWM_1d.parquet",
    RUNS / "20261130-backtest-1/report.html",
    Path("backtests/engine/__pycache__/kernel.nbi"),
    DOTENV,
    Path(".env.testnet"),
)
OURS = (".env.example", "config/default.toml", "brokers/live/logs.py", "backtests/runs/folder.py")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=60)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    return tmp_path


def is_ignored(repository: Path, path: Path | str) -> bool:
    words = ["git", "-C", str(repository), "check-ignore", "-q", str(path)]
    return subprocess.run(words, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("path", WRITTEN, ids=str)
def test_what_is_written_by_default_is_ignored(repository: Path, path: Path) -> None:
    assert is_ignored(repository, path)


@pytest.mark.parametrize("path", OURS)
def test_the_program_itself_is_not(repository: Path, path: str) -> None:
    assert not is_ignored(repository, path)
