"""The scaffold of a command that makes a run: prices, a new folder with its log, the report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import pandas as pd

from backtests.calibration.request import Request
from backtests.commands.pages import write_page
from backtests.report.progress import progress
from brokers.prices.load import Prices
from brokers.prices.stored_series import needs_storing
from brokers.progress import Progress
from config.settings import Settings

if TYPE_CHECKING:  # costs a tenth of a second
    from loguru import Logger

Files = list[Path] | None
Texts = list[str] | None
Loaded = TypeVar("Loaded")


class RunOptions(NamedTuple):
    """Options that all commands that make a run have; `calibration` None: not asked for."""

    as_json: bool = False
    output: Path | None = None
    with_report: bool = True
    refresh: bool = False
    calibration: Request | None = None


class RunScope(NamedTuple, Generic[Loaded]):
    """A run in the making: what was loaded, the folder to fill, where to log and to report.

    `partial` becomes `folder` when all is written.
    """

    loaded: Loaded
    folder: Path
    partial: Path
    log: "Logger"
    step: Progress


@contextmanager
def run_scope(
    command: str,
    settings: Settings,
    load: Callable[[pd.Timestamp, Progress], tuple[Loaded, Prices]],
    options: RunOptions,
) -> Iterator[RunScope[Loaded]]:
    """Load, make the run folder, let the caller fill it, write the report, keep the prices.

    `load(now, step)` returns what the run is made from, and the prices in it. An interruption or an
    error leaves nothing.
    """
    from backtests.runs import folder as run_folders

    now = pd.Timestamp.now(tz="UTC")
    with progress() as step:
        loaded, prices = load(now, step)
        folder = options.output or run_folders.make_run_folder(command, settings, prices, now)
        with run_folders.new_folder(folder) as partial, open_log(partial / "run.log") as log:
            log.info("{}", command)
            yield RunScope(loaded, folder, partial, log, step)
            if options.with_report:
                write_page(partial, folder.resolve().name, step)
            pin(prices, settings)
            step("done")


def pin(prices: Prices, settings: Settings) -> None:
    """Keep what was downloaded, or combined of several sources, so that it can be read again."""
    sources = {series.source for series in prices.series.values()}
    is_combined = any(map(needs_storing, prices.series.values()))
    if is_combined or sources - {"folder", "file", "sample"}:
        from brokers.prices import download

        download.pin(prices.series, settings)


@contextmanager
def open_log(path: Path) -> Iterator["Logger"]:
    """Loguru's logger, writing to `path` only."""
    from loguru import logger

    logger.remove()
    sink = logger.add(path, format="{time:YYYY-MM-DDTHH:mm:ss.SSS!UTC}Z {level} {message}")
    try:
        yield logger
    finally:
        logger.remove(sink)
