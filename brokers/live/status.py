"""The status of a session in the terminal: a panel below the log lines, or lines of the log."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from brokers.clock import utc_text

REFRESH = 1.0  # times a second


class Holding(NamedTuple):
    """A coin: its value now and its target value, quote units."""

    coin: str
    value: float
    target: float


class Status(NamedTuple):
    """What a person wants to see. NaN and "" stand for what is unknown or has not happened.

    `next_decision` is epoch seconds, `ceiling` and `drawdown` are fractions of equity, `equity` is
    in units of `quote`, `halted` the reason of a halt.
    """

    mode: str
    exchange: str
    next_decision: float
    gate: str
    ceiling: float
    equity: float
    quote: str
    drawdown: float
    holdings: tuple[Holding, ...]
    sentence: str
    incident: str
    halted: str


@contextmanager
def show_status(log: Any) -> Iterator[Callable[[Status], None]]:
    """Show the status for the length of the block; what is yielded takes each new one.

    In a terminal what anyone writes to stderr, the log's console line too, appears above the panel.
    Elsewhere a status becomes a line of `log`, and only where a decision, an incident or a halt has
    changed it.
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

    def __call__(self, status: Status) -> None:
        content = (
            str(status.next_decision),
            status.gate,
            str(status.ceiling),
            status.sentence,
            status.incident,
            status.halted,
        )
        if content != self._logged:
            self._logged = content
            self._log.info(
                "; ".join(
                    f"{name} {text}" if name else text
                    for name, text in _rows(status, time.time())
                    if text
                )
            )


class _Panel:
    """Drawn anew at every refresh: the time left runs on while nothing else happens."""

    def __init__(self) -> None:
        self._status: Status | None = None

    def __call__(self, status: Status) -> None:
        self._status = status

    def render(self) -> Any:
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        if self._status is None:
            return Panel(Text("starting"), title="Russell Gate", title_align="left")
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        colours = {"halted": "bold red", "incident": "yellow"}
        for name, text in _rows(self._status, time.time()):
            table.add_row(
                name, Text(_printable(text) or "-", style=colours.get(name, "") if text else "dim")
            )
        border = "red" if self._status.halted else "yellow" if self._status.incident else "green"
        return Panel(table, title="Russell Gate", title_align="left", border_style=border)


def _rows(status: Status, now: float) -> list[tuple[str, str]]:
    """Name and text of each line; the text is "" where there is none."""
    holdings = ", ".join(
        f"{coin} {_amount(value)} (target {_amount(target)})"
        for coin, value, target in status.holdings
    )
    return [
        ("session", f"{status.mode} on {status.exchange}"),
        ("next decision", _until(status.next_decision, now)),
        ("gate", f"{status.gate}, ceiling {_share(status.ceiling)}" if status.gate else ""),
        ("equity", f"{_amount(status.equity)} {status.quote}, drawdown {_share(status.drawdown)}"),
        ("holdings", holdings or "none"),
        ("decision", status.sentence),
        ("incident", status.incident),
        ("halted", status.halted),
    ]


def _until(at: float, now: float) -> str:
    if math.isnan(at):
        return ""
    left = math.ceil(at - now)
    hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
    wait = f"in {hours} h {minutes:02} min" if hours else f"in {minutes} min {seconds:02} s"
    return f"{utc_text(at)}, {wait if left > 0 else 'due'}"


def _amount(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.2f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}".replace(".0%", "%")


def _printable(text: str) -> str:
    """Without what would move the cursor: an incident may quote what an exchange answered."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
