"""The status of a session in the terminal: a panel below the log lines, or lines of the log."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from brokers.live.status_document import Health, StatusReport, TradingNow
from brokers.live.status_words import short_line, status_lines

REFRESH = 1.0  # times a second
COLOURS: Mapping[Health, str] = {"well": "green", "recovering": "yellow", "needs a person": "red"}


@contextmanager
def show_status(log: Any) -> Iterator[Callable[[StatusReport], None]]:
    """Show the status for the length of the block; what is yielded takes each new one.

    In a terminal what anyone writes to stderr, the log's console line too, appears above the panel.
    Elsewhere a short line of `log` follows a decision and a change of health, and another every
    change of the trading state.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(log)
        return
    from rich.live import Live

    panel = _Panel()
    # Standard output stays itself where it is read by a program.
    both = sys.stdout is not None and sys.stdout.isatty()
    live = Live(
        get_renderable=panel.render,
        console=console,
        refresh_per_second=REFRESH,
        redirect_stdout=both,
    )
    live.start()
    try:
        yield panel
    finally:
        with suppress(OSError):  # the terminal may have gone before the session does
            live.stop()


class _Lines:
    def __init__(self, log: Any) -> None:
        self._log = log
        self._logged: tuple[object, ...] = ()
        self._trading: TradingNow | None = None

    def __call__(self, report: StatusReport) -> None:
        before, self._trading = self._trading, report.trading
        if before is not None and before != report.trading:
            self._log.info("{}", _change(before, report.trading))
        content = _content(report)
        if content != self._logged:
            self._logged = content
            self._log.info("{}", short_line(report, _now(report)))


def _change(before: TradingNow, after: TradingNow) -> str:
    """A change of the trading state; one that was taken back between two looks as well."""
    states = f"{before.state} -> {after.state}"
    if before.state == after.state:
        states = f"{after.state} (changed meanwhile)"
    return f"trading {states}: {after.reason or 'no reason was given'}"


def _content(report: StatusReport) -> tuple[object, ...]:
    """What a new line is worth; prices change all the time, and incidents have their own lines."""
    gate, decision = report.gate, report.decision
    return (
        report.next and report.next.at,
        gate and (gate.state, gate.ceiling, gate.stale),
        decision and (decision.bar, decision.sentence),
        report.health,
    )


class _Panel:
    """Drawn anew at every refresh: the time left runs on while nothing else happens."""

    def __init__(self) -> None:
        self._report: StatusReport | None = None

    def __call__(self, report: StatusReport) -> None:
        self._report = report

    def render(self) -> Any:
        from rich.panel import Panel
        from rich.text import Text

        if self._report is None:
            return Panel(Text("starting"), title="Russell Gate", title_align="left")
        return status_panel(self._report, _now(self._report))


def status_panel(report: StatusReport, now: float) -> Any:
    """The report as a panel, for the terminal; `now` is what the time left is counted from."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    colour = COLOURS[report.health]
    colours = {"health": colour, "incident": "yellow"}
    if report.trading.state != "on":
        colours["trading"] = "bold red"
    for name, text in status_lines(report, now):
        style = colours.get(name, "") if text else "dim"
        table.add_row(name, Text(_printable(text) or "-", style=style))
    return Panel(table, title="Russell Gate", title_align="left", border_style=colour)


def _now(report: StatusReport) -> float:
    """The exchange's time, as far as it is known."""
    return time.time() + (report.clock_offset or 0.0)


def _printable(text: str) -> str:
    """Without what would move the cursor: an incident may quote what an exchange answered."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
