"""Standard output on a full disk or behind a reader who has gone: one line or none, no traceback.

/dev/full stands for a full disk.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

import pytest
from typer.testing import CliRunner

import main
from brokers import standard_streams
from brokers.standard_streams import final_exit_code, let_exit_code_stand, protect_streams

MAIN = str(Path(main.__file__))
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture(autouse=True)
def of_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard_streams, "_exit_code_stands", [])


class Lines:
    """The lines that reached standard errors."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[str]:
        sys.stderr.flush()
        return self.path.read_text(encoding="utf-8").splitlines()


@contextmanager
def streams(output: TextIO | None, tmp_path: Path) -> Iterator[Lines]:
    """`output` as standard output, and standard errors in a file.

    In the test, not in a fixture: pytest sets its own streams in between.
    """
    before = sys.stdout, sys.stderr
    path = tmp_path / "errors"
    with path.open("w", encoding="utf-8") as file:
        sys.stdout, sys.stderr = cast("TextIO", output), file
        try:
            yield Lines(path)
        finally:
            sys.stdout, sys.stderr = before


@needs_full
@pytest.mark.parametrize(("code", "expected"), [(0, 75), (3, 3), (130, 130)])
def test_a_full_disk_is_one_line_and_not_exit_code_0(
    code: int, expected: int, tmp_path: Path
) -> None:
    with FULL.open("w", encoding="utf-8") as full, streams(full, tmp_path) as errors:
        output = protect_streams()
        for _ in range(3):
            print("a line" * 5_000)  # more than a buffer
        assert final_exit_code(code, output) == expected
        (line,) = errors.read()
    assert line.startswith("error: standard output cannot be written: No space left")


@needs_full
def test_a_command_of_an_account_keeps_its_exit_code(tmp_path: Path) -> None:
    with FULL.open("w", encoding="utf-8") as full, streams(full, tmp_path) as errors:
        output = protect_streams()
        let_exit_code_stand()
        print("halted")
        assert final_exit_code(0, output) == 0
        assert len(errors.read()) == 1


@pytest.mark.parametrize("name", ["paper", "halt", "flatten", "resume", "status", "doctor"])
def test_the_commands_of_an_account(name: str) -> None:
    assert CliRunner().invoke(main.app, [name, "--set", "gate.nothing=1"]).exit_code == 2
    assert standard_streams._exit_code_stands


@pytest.mark.parametrize("name", ["backtest", "gate", "tune", "evidence"])
def test_the_commands_whose_output_is_what_they_are_for(name: str) -> None:
    assert CliRunner().invoke(main.app, [name, "--set", "gate.nothing=1"]).exit_code == 2
    assert not standard_streams._exit_code_stands


def test_a_reader_who_has_gone_is_no_failure(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as file, streams(file, tmp_path) as errors:
        output = protect_streams()
        print("nobody reads this")
        assert final_exit_code(0, output) == 0
        assert errors.read() == []


def test_a_closed_output_swallows_all_and_its_number_goes_to_no_other_file(tmp_path: Path) -> None:
    with streams(None, tmp_path) as errors:
        output = protect_streams()
        print("nobody reads this")
        assert final_exit_code(0, output) == 0
        descriptor = output.fileno()
        assert os.path.samestat(os.fstat(descriptor), Path(os.devnull).stat())
        assert errors.read() == []
    os.close(descriptor)


def test_a_character_that_the_output_cannot_hold_is_a_question_mark(tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("w", encoding="ascii") as file, streams(file, tmp_path) as errors:
        output = protect_streams()
        print("return \N{MINUS SIGN}5%")
        assert final_exit_code(0, output) == 0
        assert errors.read() == []
    assert path.read_text(encoding="ascii") == "return ?5%\n"


@needs_full
def test_errors_that_cannot_be_written_change_no_exit_code(tmp_path: Path) -> None:
    with (
        (tmp_path / "output").open("w", encoding="utf-8") as file,
        streams(file, tmp_path),
        FULL.open("w", encoding="utf-8") as full,
    ):
        sys.stderr = full
        output = protect_streams()
        print("an error", file=sys.stderr, flush=True)
        assert final_exit_code(3, output) == 3


@needs_full
def test_a_whole_command_on_a_full_disk() -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, MAIN, "config", "show"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 75
    assert done.stderr.startswith("error: standard output cannot be written")
    assert done.stderr.count("\n") == 1


def test_a_whole_command_before_head() -> None:
    words = [sys.executable, MAIN, "config", "schema"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"{\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
