"""`backtest`, and `paper --replay`."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from backtests.commands.calibration import (
    calibrate_run,
    print_document,
    refuse_sample,
    refuse_simulation,
    show_if_calibrated,
)
from backtests.commands.run_scope import Files, RunOptions, Texts, run_scope
from backtests.report.run.terminal import show_backtest
from brokers.console import console
from brokers.prices.load import Prices, load_prices
from brokers.progress import Progress
from config.coin_choice import choose_coins
from config.settings import ConfigError, Settings, load

if TYPE_CHECKING:  # cost backtrader's start-up
    from backtests.engine.inputs import Inputs
    from backtests.runs.backtest import Backtest

Make = Callable[["Inputs", Path, Progress], "Backtest"]  # inputs, folder to fill, progress


class Choices(NamedTuple):
    """What the options of a backtest set; None leaves it to the settings."""

    start: str | None = None
    end: str | None = None
    cash: str | None = None
    coins: str | None = None


NO_CHOICES = Choices()


def run_backtest(
    files: Files,
    overrides: Texts,
    options: RunOptions,
    *,
    with_benchmarks: bool,
    choices: Choices = NO_CHOICES,
) -> None:
    """Backtest, print the result, write the run folder."""
    from backtests.runs.backtest import backtest

    if options.calibration and not with_benchmarks:
        raise ConfigError("--calibrate: counts verdicts, which --no-benchmarks leaves out")

    def make(inputs: "Inputs", partial: Path, step: Progress) -> "Backtest":
        step("backtrader")
        return backtest(inputs, with_benchmarks=with_benchmarks, progress=step)

    _run("backtest", chosen_settings(files, overrides, choices), make, options)


def chosen_settings(files: Files, overrides: Texts, choices: Choices) -> Settings:
    """The settings with `choices`, which win over files, environment and `overrides`.

    Raises
    ------
    ConfigError
        As `load`; a value of `choices` that is not allowed is named by its option.

    """
    days = {"start": choices.start, "end": choices.end}
    layers: dict[str, dict[str, object]] = {
        f"--{name}": {f"backtest.{name}": _day(name, text)}
        for name, text in days.items()
        if text is not None
    }
    if choices.cash is not None:
        layers["--cash"] = {"backtest.cash": _amount(choices.cash)}
    settings = load(files, overrides, layers)
    return settings if choices.coins is None else choose_coins(settings, choices.coins)


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"--{name} {text}: is no date (YYYY-MM-DD)") from None


def _amount(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f"--cash {text}: is no number; expected USD without separators, as in 10000"
        ) from None


def run_replay(files: Files, overrides: Texts, span: str, options: RunOptions) -> None:
    """The same through the live path; its journal is left in the run folder."""
    from backtests.runs.replay import backtest_replay

    def make(inputs: "Inputs", partial: Path, step: Progress) -> "Backtest":
        return backtest_replay(inputs, partial / "journal.sqlite", step)

    _run("replay", load(files, [*(overrides or []), *window(span)]), make, options)


def _run(command: str, settings: Settings, make: Make, options: RunOptions) -> None:
    from backtests.engine.inputs import prepare_inputs
    from backtests.evidence.latest import latest_evidence
    from backtests.runs.caveats import caveats
    from backtests.runs.folder import read_run
    from backtests.runs.writer import write_run

    def load_run_prices(now: pd.Timestamp, step: Progress) -> tuple[Prices, Prices]:
        prices = load_prices(
            settings, now, refresh=options.refresh, progress=step, may_fall_back=True
        )
        return prices, prices

    refuse_sample(options.calibration, settings)
    with run_scope(command, settings, load_run_prices, options) as scope:
        refuse_simulation(options.calibration, is_sample=scope.loaded.sample)
        scope.step("gate and coins")
        result = make(prepare_inputs(settings, scope.loaded), scope.partial, scope.step)
        found = caveats(result)
        for caveat in found:
            scope.log.warning("{}: {}: {}", caveat.severity, caveat.about, caveat.text)
        decisions, orders = len(result.run.decisions), len(result.run.orders)
        value = result.equity["value"].iloc[-1]
        scope.log.info("{} decisions, {} orders, final value {:.2f}", decisions, orders, value)
        scope.step("writing")
        write_run(result, found, scope.partial, latest_evidence())
        calibration = calibrate_run(options.calibration, "backtest", settings, scope, result)
    document = read_run(scope.folder)
    if options.as_json:
        print_document(document.to_json(), scope.folder, calibration)
    else:
        show_backtest(console(), document, scope.folder)
        show_if_calibrated(calibration)


def window(span: str) -> list[str]:
    """FROM:TO as overrides of the traded window."""
    first, colon, last = span.partition(":")
    try:
        dates = [date.fromisoformat(day) for day in (first, last) if day]
    except ValueError:
        dates = []
    if not colon or not dates:
        raise ConfigError(
            f"{span}: is no window FROM:TO of dates (YYYY-MM-DD:YYYY-MM-DD);"
            " one side may be left out"
        )
    return [f'backtest.{name}="{day}"' for name, day in (("start", first), ("end", last)) if day]
