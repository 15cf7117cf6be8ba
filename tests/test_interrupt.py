"""Ctrl-C ends a command with one message and leaves nothing; `make proofs` tries 200 moments."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brokers import interrupts
from tests.proofs.interrupts import ROOT, interrupt, length

MOMENTS = (0.0, 0.02, 0.1, 0.2, 0.3, 0.4)  # of a backtest, from the first line of main.py on


@pytest.fixture(scope="module")
def whole(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    return length(cache, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_backtest_ends_with_130_and_leaves_nothing(
    moment: float, whole: float, cache: Path, tmp_path: Path
) -> None:
    ending = interrupt(moment * whole, cache, tmp_path)
    assert ending.clean, ending


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Code in a process of its own that knows how to interrupt itself."""
    start = "import os, signal, sys\nfrom pathlib import Path\nfrom brokers import interrupts\n"
    start += "def ctrl_c(): os.kill(os.getpid(), signal.SIGINT)\n"
    return subprocess.run(
        [sys.executable, "-c", start + code, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_recorded_and_raised_at_the_next_safe_step() -> None:
    done = python(
        "interrupts.record_interrupts(); interrupts.check_interrupt()\n"
        "ctrl_c(); print('goes on')\n"
        "try: interrupts.check_interrupt()\n"
        "except KeyboardInterrupt: print('ends')"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\nends\n", "")


def test_one_that_came_before_the_handler_is_not_lost() -> None:
    done = python(
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        "ctrl_c(); interrupts.record_interrupts()\n"
        "try: interrupts.check_interrupt()\n"
        "except KeyboardInterrupt: print('ends')"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")


def test_a_second_one_ends_the_process_and_removes_what_is_unfinished(tmp_path: Path) -> None:
    names = "folder/file", "claim", "kept"
    (tmp_path / "folder").mkdir()
    for name in names:
        (tmp_path / name).touch()
    done = python(
        "interrupts.record_interrupts(); folder = Path(sys.argv[1])\n"
        "with interrupts.unfinished(folder / 'kept'): pass\n"
        "with interrupts.unfinished(folder / 'folder'), interrupts.unfinished(folder / 'claim'):\n"
        "    ctrl_c(); print('goes on', flush=True); ctrl_c(); print('never reached')",
        str(tmp_path),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "goes on\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_where_the_program_waits_it_is_raised_at_once() -> None:
    done = python(
        "interrupts.record_interrupts()\n"
        "try:\n"
        "    with interrupts.raised_at_once(): ctrl_c(); print('never reached')\n"
        "except KeyboardInterrupt: print('ends')\n"
        "ctrl_c(); print('recorded again')"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\nrecorded again\n", "")


def test_one_while_python_shuts_down_changes_no_exit_code() -> None:
    done = python(
        "class Late:\n"
        "    def __del__(self, ctrl_c=ctrl_c): ctrl_c()\n"
        "interrupts.record_interrupts(); sys.modules['kept to the end'] = Late(); sys.exit(3)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_within_another_program_nothing_is_changed() -> None:
    """A test runner or a notebook that calls a command keeps its own handler."""
    before = signal.getsignal(signal.SIGINT)
    with interrupts.raised_at_once():
        assert signal.getsignal(signal.SIGINT) is before
    assert signal.getsignal(signal.SIGINT) is before


ASKING = """
import os, signal, sys
import main
import typer
def ask(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)
    raise RuntimeError("asked on")
def abort(*_, **__):
    raise typer.Abort
typer.prompt = {"ask": ask, "abort": abort}[sys.argv[1]]
sys.stdin.isatty = lambda: True
sys.argv = ["main.py", "init", "--output", sys.argv[2]]
main.run()
"""


@pytest.mark.parametrize("prompt", ["ask", "abort"])
def test_a_question_is_interrupted_at_once(prompt: str, tmp_path: Path) -> None:
    """Whether Ctrl-C is raised here or by the library that asks."""
    done = python(ASKING, prompt, str(tmp_path / "my.toml"))
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted; nothing half-written is left\n"
    assert list(tmp_path.iterdir()) == []
