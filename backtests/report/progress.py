"""What is being done, on standard error, while it is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from brokers.console import console
from brokers.interrupts import check_interrupt
from brokers.progress import Progress


@contextmanager
def progress() -> Iterator[Progress]:
    """A line on standard error that says what is being done, silent where that is no terminal.

    Each step is one at which Ctrl-C may end the work.
    """
    with _progress_display() as show:

        def step(text: str, done: int = 0, of: int = 0) -> None:
            check_interrupt()
            show(text, done, of)

        yield step


@contextmanager
def _progress_display() -> Iterator[Callable[[str, int, int], object]]:
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console(error=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda text, done, of: bar.update(
            task, description=text, completed=done, total=of or None
        )
