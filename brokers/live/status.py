"""The state of a session in the terminal: one panel that stays below the log lines, or plain lines where there is no terminal."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

REFRESH = 1.0  # times a second


class Holding(NamedTuple):
    """A coin: its value now, and the value the last decision wants, quote units."""

    coin: str
    value: float
    target: float


class Status(NamedTuple):
    """What a person wants to see. NaN and "" stand for what is not known yet, or has not happened.

    `next_decision` is epoch seconds, `ceiling` and `drawdown` are fractions of equity, `equity` is in units of `quote`, `halted` the
    reason of a halt.
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
def shown(log: Any) -> Iterator[Callable[[Status], None]]:
    """Show the status for the length of the block; what is yielded takes each new one.

    In a terminal what anyone writes to stderr, the log's console line too, appears above the panel. Elsewhere a status becomes a line
    of `log`, and only where a decision, an incident or a halt has changed it.
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
        get_renderable=panel.rendered,
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
        self._said: tuple[object, ...] = ()

    def __call__(self, status: Status) -> None:
        matters = (
            str(status.next_decision),
            status.gate,
            str(status.ceiling),
            status.sentence,
            status.incident,
            status.halted,
        )
        if matters != self._said:
            self._said = matters
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

    def rendered(self) -> Any:
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
    """Name and text of each fact; the text is "" where there is nothing to say."""
    holdings = ", ".join(
        f"{one.coin} {_amount(one.value)} (target {_amount(one.target)})" for one in status.holdings
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
    words = f"in {hours} h {minutes:02} min" if hours else f"in {minutes} min {seconds:02} s"
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC, {words if left > 0 else 'due'}"


def _amount(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.2f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}".replace(".0%", "%")


def _printable(text: str) -> str:
    """Without what would move the cursor: an incident may quote what an exchange answered."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
