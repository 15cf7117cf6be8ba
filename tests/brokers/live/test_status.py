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

from brokers.live.status import show_status
from brokers.live.status_document import TradingNow
from tests.brokers.live.status_samples import (
    HALTED,
    NEXT,
    REPORT,
    changed,
    incident,
)

pty = pytest.importorskip("pty", reason="pseudo-terminals exist on Unix only")

ROOT = Path(__file__).parents[3]
PATIENCE = 20.0  # seconds after which a program hangs
BEGINNING = f"""
import sys
from pathlib import Path
from loguru import logger
from brokers.live import logs
from brokers.live.status import show_status
from brokers.live.status_document import StatusReport
status = StatusReport.model_validate_json({REPORT.model_dump_json()!r})

def changed(**parts):
    content = status.model_dump()
    for name, part in parts.items():
        content[name] = {{**content[name], **part}} if isinstance(part, dict) else part
    return StatusReport.model_validate(content)

logs.start(
    Path(sys.argv[1]), level="INFO", rotation_mb=1.0, keep=1, console=True, secrets=[]
)
"""


class Lines:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str, *values: str) -> None:
        self.said.append(text.format(*values))


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
    update(changed(decision={"sentence": "An older decision."}))
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
        "session testnet on binance, runs (process 4711) since 2029-12-22 00:00 UTC",
        "health well",
        "trading on",
        "next decision 2030-01-01 00:00 UTC, ",
        "buys possible from 00:00 to 03:00 UTC, not before 2030-01-01 00:00 UTC",
        "gate confirmed since 2029-09-23 00:00 UTC, ceiling 75% (2 of 3 risk checks)",
        "equity 10,250.50 USDT, cash 5,250.50, drawdown 1.2%",
        "holdings BTC 5,000.00 (target 5,125.25), ETH 0.00 (target 1,025.00)",
        "decision The gate is confirmed: 2 of 3 channels hold.",
        "incident -",
    ):
        assert fact in panel, panel


def test_time_runs_on_while_the_session_waits(tmp_path: Path):
    program = """
import time
with show_status(logger) as update:
    update(changed(next={"at": time.time() + 65.5}))
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
    incident = dict(kind="exchange", severity="warning", count=1, first=0.0, last=0.0, open=True)
    incident["text"] = "[bold]not markup[/] \x1b[2J\x07 end"
    off = {"state": "off", "reason": "by hand"}
    update(changed(incidents=(incident,), trading=off))
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
    update(changed(decision={"sentence": "Nobody looks."}))
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
    assert b"; next decision 2030-01-01 00:00 UTC, in " in terminal.sent


def test_without_a_terminal_a_short_line_is_logged_when_something_has_changed(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log = Lines()
    account = REPORT.account and REPORT.account.model_copy(update={"equity": 9_999.0})
    silent = (incident("no answer from the exchange"),)
    with show_status(log) as update:
        update(REPORT)
        update(REPORT)
        update(changed(account=account))  # prices move all the time
        update(changed(incidents=silent))  # which has a line of its own
        update(changed(health="recovering", reasons=("the gate is 1 session old",)))
    first, second = log.said
    assert re.fullmatch(
        r"health well; "
        r"gate confirmed since 2029-09-23 00:00 UTC, ceiling 75% \(2 of 3 risk checks\); "
        r"equity 10,250\.50 USDT, cash 5,250\.50, drawdown 1\.2%; "
        r"next decision 2030-01-01 00:00 UTC, (in \d+ h \d\d min|due)",
        first,
    )
    assert second.startswith("health recovering; gate ")
    assert sys.stderr.getvalue() == ""


def test_every_change_of_the_trading_state_is_logged(monkeypatch: pytest.MonkeyPatch):
    """One that was taken back between two looks too."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log = Lines()
    resumed = TradingNow(state="on", reason="resumed", since=NEXT - 60.0)
    again = TradingNow(state="on", reason="resumed", since=NEXT - 30.0)
    with show_status(log) as update:
        for trading in (HALTED, HALTED, resumed, again):
            update(changed(trading=trading))
    first, *others = log.said
    assert first.startswith("health well; trading off; gate ")
    assert others == [
        "trading off -> on: resumed",
        "trading on (changed meanwhile): resumed",
    ]


def test_before_the_first_decision_only_what_is_known_is_logged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log = Lines()
    young = changed(gate=None, account=None, decision=None, next=None)
    with show_status(log) as update:
        update(young)
        update(young)
    assert log.said == ["health well"]


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
    monkeypatch.setattr(time, "time", lambda: NEXT - left)
    log = Lines()
    with show_status(log) as update:
        update(REPORT)
    assert log.said[0].endswith(f"UTC, {words}")
