"""`backtest`, and `paper --replay`."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from backtests.commands.run_scope import Files, Texts, run_in_folder
from brokers.progress import Progress
from config.settings import ConfigError, load

if TYPE_CHECKING:  # cost backtrader's start-up
    from backtests.engine.inputs import Inputs
    from backtests.runs.backtest import Backtest


def run_backtest(
    files: Files,
    overrides: Texts,
    as_json: bool,
    output: Path | None,
    with_benchmarks: bool,
    with_report: bool,
    refresh: bool,
) -> None:
    """Backtest, print, write the run folder."""
    from backtests.runs.backtest import backtest

    def make(inputs: "Inputs", partial: Path, step: Progress) -> "Backtest":
        step("backtrader")
        return backtest(inputs, with_benchmarks, step)

    run_in_folder("backtest", load(files, overrides), make, as_json, output, with_report, refresh)


def run_replay(
    files: Files, overrides: Texts, as_json: bool, span: str, output: Path | None
) -> None:
    """The same through the live path, its journal in the run folder."""
    from backtests.runs.replay import replayed

    def make(inputs: "Inputs", partial: Path, step: Progress) -> "Backtest":
        return replayed(inputs, partial / "journal.sqlite", step)

    run_in_folder(
        "replay",
        load(files, [*(overrides or []), *window(span)]),
        make,
        as_json,
        output,
        True,
        False,
    )


def window(span: str) -> list[str]:
    """FROM:TO as overrides of the traded window."""
    first, colon, last = span.partition(":")
    try:
        dates = [date.fromisoformat(day) for day in (first, last) if day]
    except ValueError:
        dates = []
    if not colon or not dates:
        raise ConfigError(
            f"{span}: is no window FROM:TO of dates (YYYY-MM-DD:YYYY-MM-DD); one side may be left out"
        )
    return [f'backtest.{name}="{day}"' for name, day in (("start", first), ("end", last)) if day]
