"""How the tests are run: which are left to the proofs, and what continuous integration demands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MANY_VARIANTS, SPREAD, has_room
from tests.readme import ROOT

PYTEST = (sys.executable, "-m", "pytest", "-q", "-n", "0", "--maxfail=1", "-m", "not proof")
BROWSER_TEST = "tests/backtests/report/test_browser.py"


@pytest.mark.parametrize("name", [*MANY_VARIANTS, SPREAD])
def test_a_file_that_is_named_exists(name: str) -> None:
    """Or all its variants would run every time after it was renamed."""
    assert list((ROOT / "tests").rglob(f"{name}*py"))


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--require-browser",), 1)])
def test_a_missing_browser_fails_where_one_is_required(options: tuple[str, ...], code: int) -> None:
    done = subprocess.run(
        [*PYTEST, *options, BROWSER_TEST],
        cwd=ROOT,
        env={**os.environ, "CHROMIUM": "/nonexistent", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert ("no Chromium" in done.stdout) == bool(code)


def test_a_part_without_tests_is_refused() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "test", "PART=nosuch"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert 'no test file has "nosuch" in its path' in done.stderr


def test_folders_of_tests_are_in_memory_only_where_it_has_room(tmp_path: Path) -> None:
    assert has_room(tmp_path, room=1.0)
    assert not has_room(tmp_path, room=1e30)
    assert not has_room(tmp_path / "missing", room=1.0)


def test_modules_are_compiled_once_for_all_processes_of_tests() -> None:
    """Whatever the machine's own setting is."""
    done = subprocess.run(
        ["make", "--no-print-directory", "-f", "Makefile", "-f", "-", "show"],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        input="show:\n\t@printenv PYTHONDONTWRITEBYTECODE\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\n"
