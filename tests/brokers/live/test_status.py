"""The status in a real terminal (a pseudo-terminal, its screen redrawn here) and where there is
none. All figures are made up.
"""

import io
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brokers.live.status import Holding, Status, show_status

pty = pytest.importorskip("pty", reason="pseudo-terminals exist on Unix only")

ROOT = Path(__file__).parents[3]
NAN = float("nan")
PATIENCE = 20.0  # seconds after which a program hangs
STATUS = Status(
    mode="testnet",
    exchange="binance",
    next_decision=1_893_456_000.0,  # 2030-01-01 00:00 UTC
    gate="confirmed",
    ceiling=0.75,
    equity=10_250.5,
    quote="USDT",
    drawdown=0.012,
    holdings=(Holding("BTC", 5000.0, 5125.25), Holding("ETH", 0.0, 1025.0)),
    sentence="The gate is confirmed: 2 of 3 channels hold.",
    incident="",
    halted="",
)
BEGINNING = f"""
import sys
from pathlib import Path
from loguru import logger
from brokers.live import logs
from brokers.live.status import Holding, Status, show_status
nan = float("nan")
status = {STATUS!r}
logs.start(
    Path(sys.argv[1]), level="INFO", rotation_mb=1.0, keep=1, console=True, secrets=[]
)
"""


class Lines:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str) -> None:
        self.said.append(text)


class Terminal:
    """A program with a terminal of 24 rows and 80 columns for its stderr."""

    def __init__(self, program: str, folder: Path, kind: str = "xterm-256color") -> None:
        self._master, slave = pty.openpty()
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")
        }
        environment |= {"TERM": kind, "COLUMNS": "80", "LINES": "24", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", BEGINNING + program, str(folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=slave, text=True
        )
        os.close(slave)
        self.sent = b""

    def read(self, until: bytes = b"") -> None:
        """Until `until` has come, or to the end."""
        while not until or until not in self.sent:
            assert select.select([self._master], [], [], PATIENCE)[0], self.sent
            try:
                piece = os.read(self._master, 65_536)
            except OSError:  # how Linux says that nobody holds the other end any more
                piece = b""
            if not piece:
                assert not until, self.sent
                return
            self.sent += piece

    def close(self) -> None:
        os.close(self._master)

    def screen(self) -> list[str]:
        """What stands on an endless screen after all of it."""
        rows, row, column = [""], 0, 0
        for end, move, letter in re.findall(
            r"\x1b\[([\d;?]*)([a-zA-Z])|(.|\n|\r)", self.sent.decode()
        ):
            if move == "A":
                row -= int(end or 1)
            elif move == "K":
                rows[row] = ""
            elif letter == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            elif letter == "\r":
                column = 0
            elif letter:
                rows[row] = rows[row][:column].ljust(column) + letter + rows[row][column + 1 :]
                column += 1
        return [line.rstrip() for line in rows]


def test_log_lines_stand_above_one_panel_that_shows_the_newest_status(tmp_path: Path):
    program = """
with show_status(logger) as update:
    logger.info("first line")
    update(status._replace(sentence="An older decision."))
    logger.warning("second line, longer than what fits: " + "word " * 12)
    print("from a library", file=sys.stderr)
    print("on standard output")
    update(status)
    logger.info("last line")
"""
    terminal = Terminal(program, tmp_path)
    terminal.read()
    out, _ = terminal.process.communicate(timeout=PATIENCE)
    terminal.close()
    assert terminal.process.returncode == 0
    assert out == "on standard output\n"  # a pipe is not drawn on
    screen = terminal.screen()
    text = "\n".join(screen)
    top = next(number for number, line in enumerate(screen) if line.startswith("╭─ Russell Gate"))
    assert [line[21:] for line in screen[:top] if line.startswith("20")] == [
        "INFO     first line",
        screen[1][21:],
        "INFO     last line",
    ]
    assert screen[1][21:].startswith("WARNING  second line, longer")
    assert screen[top - 2] == "from a library"
    assert (
        sum(line.startswith("╭") for line in screen)
        == sum(line.startswith("╰") for line in screen)
        == 1
    )
    assert "An older decision." not in text
    panel = re.sub(r"[│\s]+", " ", "\n".join(screen[top + 1 :]))
    for fact in (
        "session testnet on binance",
        "next decision 2030-01-01 00:00 UTC, ",
        "gate confirmed, ceiling 75%",
        "equity 10,250.50 USDT, drawdown 1.2%",
        "holdings BTC 5,000.00 (target 5,125.25), ETH 0.00 (target 1,025.00)",
        "decision The gate is confirmed: 2 of 3 channels hold.",
        "incident - halted -",
    ):
        assert fact in panel, panel


def test_time_runs_on_while_the_session_waits(tmp_path: Path):
    program = """
import time
with show_status(logger) as update:
    update(status._replace(next_decision=time.time() + 65.5))
    sys.stdin.read()
"""
    terminal = Terminal(program, tmp_path)
    terminal.read(b"in 1 min 05 s")
    terminal.read(b"in 1 min 04 s")
    assert terminal.process.poll() is None
    terminal.process.communicate("", timeout=PATIENCE)
    terminal.close()


def test_what_an_exchange_answered_is_shown_as_text(tmp_path: Path):
    program = r"""
with show_status(logger) as update:
    update(status._replace(incident="[bold]not markup[/] \x1b[2J\x07 end", halted="by hand"))
"""
    terminal = Terminal(program, tmp_path)
    terminal.read()
    terminal.process.communicate(timeout=PATIENCE)
    terminal.close()
    assert terminal.process.returncode == 0
    assert "[bold]not markup[/]  [2J  end" in "\n".join(terminal.screen())
    assert b"\x1b[2J" not in terminal.sent
    assert "by hand" in "\n".join(terminal.screen())


def test_a_terminal_that_goes_away_does_not_take_the_session_with_it(tmp_path: Path):
    program = """
with show_status(logger) as update:
    update(status)
    sys.stdin.read()
    logger.info("still here")
    update(status._replace(sentence="Nobody looks."))
print("ended well")
"""
    terminal = Terminal(program, tmp_path)
    terminal.read(b"channels hold")
    terminal.close()
    out, _ = terminal.process.communicate("", timeout=PATIENCE)
    assert (terminal.process.returncode, out) == (0, "ended well\n")
    assert "still here" in (tmp_path / "paper.log.jsonl").read_text()


def test_a_terminal_that_cannot_be_drawn_on_gets_lines(tmp_path: Path):
    terminal = Terminal("with show_status(logger) as update: update(status)", tmp_path, kind="dumb")
    terminal.read()
    terminal.process.communicate(timeout=PATIENCE)
    terminal.close()
    assert b"\x1b[1A" not in terminal.sent
    assert b"INFO" in terminal.sent
    assert b"session testnet on binance; next decision 2030-01-01 00:00 UTC, in " in terminal.sent


def test_without_a_terminal_a_line_is_logged_when_something_has_changed(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log = Lines()
    with show_status(log) as update:
        update(STATUS)
        update(STATUS)
        update(STATUS._replace(equity=9_999.0, drawdown=0.02))  # prices move all the time
        update(STATUS._replace(incident="no answer from the exchange"))
        update(STATUS._replace(incident="no answer from the exchange", halted="by hand"))
    first, *others = log.said
    assert re.fullmatch(
        r"session testnet on binance; next decision 2030-01-01 00:00 UTC, (in \d+ h \d\d min|due); "
        r"gate confirmed, ceiling 75%; "
        r"equity 10,250\.50 USDT, drawdown 1\.2%; "
        r"holdings BTC 5,000\.00 \(target 5,125\.25\), ETH 0\.00 \(target 1,025\.00\); "
        r"decision The gate is confirmed: 2 of 3 channels hold\.",
        first,
    )
    assert [line.rpartition("; ")[2] for line in others] == [
        "incident no answer from the exchange",
        "halted by hand",
    ]
    assert sys.stderr.getvalue() == ""


def test_what_is_not_known_yet_is_a_dash_and_reported_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log = Lines()
    unknown = Status("dry-run", "binance", NAN, "", NAN, NAN, "USDT", NAN, (), "", "", "")
    with show_status(log) as update:
        update(unknown)
        update(
            unknown._replace(next_decision=float("nan"), ceiling=float("nan"), equity=float("nan"))
        )
    assert log.said == ["session dry-run on binance; equity - USDT, drawdown -; holdings none"]


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (86_400.0, "in 24 h 00 min"),
        (3_600.0, "in 1 h 00 min"),
        (3_599.5, "in 1 h 00 min"),
        (61.0, "in 1 min 01 s"),
        (0.2, "in 0 min 01 s"),
        (0.0, "due"),
        (-5.0, "due"),
    ],
)
def test_how_long_until_the_next_decision(left: float, words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(time, "time", lambda: STATUS.next_decision - left)
    log = Lines()
    with show_status(log) as update:
        update(STATUS)
    assert f"UTC, {words};" in log.said[0]
