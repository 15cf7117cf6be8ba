"""A command's run: prices, a new run folder with its log, its page, and the data kept for a second reading."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.commands.pages import write_page
from backtests.report.progress import progress
from backtests.report.run.terminal import show_backtest
from brokers.console import console
from brokers.prices.load import Prices, load_prices
from brokers.progress import Progress
from config.settings import Settings

if TYPE_CHECKING:  # cost backtrader's start-up
    from backtests.engine.inputs import Inputs
    from backtests.runs.backtest import Backtest

Files = list[Path] | None
Texts = list[str] | None


def run_in_folder(
    command: str, settings: Settings, make: Callable[["Inputs", Path, Progress], "Backtest"], as_json: bool, output: Path | None, with_report: bool,
    refresh: bool,
) -> None:  # fmt: skip
    """Make a result out of the settings' prices, print it, write its folder."""
    from backtests.engine.inputs import prepare
    from backtests.runs import folder as runs
    from backtests.runs import writer as record
    from backtests.runs.caveats import caveats

    now = pd.Timestamp.now(tz="UTC")
    with progress() as step:
        prices = load_prices(settings, now, refresh, step, may_fall_back=True)
        folder = output or runs.run_folder(command, settings, prices, now)
        with runs.new_folder(folder) as partial, logged(partial / "run.log") as log:
            log.info("{}", command)
            step("gate and coins")
            inputs = prepare(settings, prices)
            result = make(inputs, partial, step)
            found = caveats(result)
            for caveat in found:
                log.warning("{}: {}: {}", caveat.severity, caveat.about, caveat.text)
            log.info(
                "{} decisions, {} orders, final value {:.2f}",
                len(result.run.decisions),
                len(result.run.orders),
                result.equity["value"].iloc[-1],
            )
            step("writing")
            record.write(result, found, partial)
            if with_report:
                write_page(partial, folder.resolve().name, step)
            pin(prices, settings)
            step("done")
    summary = runs.read(folder)
    if as_json:
        print(json.dumps(summary | {"folder": str(folder)}))
    else:
        show_backtest(console(), summary, folder)


def pin(prices: Prices, settings: Settings) -> None:
    """Keep what was downloaded, so that the run can be read again."""
    if any(one.source not in ("folder", "file", "sample") for one in prices.series.values()):
        from brokers.prices import download

        download.pin(prices.series, settings)


@contextmanager
def logged(path: Path) -> Iterator[Any]:
    """Loguru's logger, writing to `path` only."""
    from loguru import logger

    logger.remove()
    sink = logger.add(path, format="{time:YYYY-MM-DDTHH:mm:ss.SSS!UTC}Z {level} {message}")
    try:
        yield logger
    finally:
        logger.remove(sink)
