"""What the commands do: load, run, show, write."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pandas as pd

from backtests.report import terminal
from brokers.prices.load import Prices, load_each, load_prices, sessions
from brokers.prices.series import DataError
from config.settings import ConfigError, Settings, load

Step = Callable[..., None]
Files = list[Path] | None
Texts = list[str] | None


def run_backtest(files: Files, overrides: Texts, as_json: bool, output: Path | None, with_benchmarks: bool, refresh: bool) -> None:
    """Backtest, print, write the run folder."""
    from loguru import logger

    from backtests import runs
    from backtests.backtest import backtest
    from backtests.caveats import caveats
    from backtests.prepare import prepare

    settings = load(files, overrides)
    now = pd.Timestamp.now(tz="UTC")
    with progress() as step:
        prices = load_prices(settings, now, refresh, step)
        folder = output or runs.run_folder("backtest", settings, prices, now)
        with runs.new_folder(folder) as partial:
            logger.remove()
            log = logger.add(partial / "run.log", format="{time:YYYY-MM-DDTHH:mm:ss.SSS!UTC}Z {level} {message}")
            logger.info("backtest {} {}", " ".join(map(str, files or [])), " ".join(overrides or []))
            step("gate and coins")
            inputs = prepare(settings, prices)
            step("backtrader")
            result = backtest(inputs, with_benchmarks, step)
            figures = {name: curve.metrics for name, curve in result.benchmarks.items()}
            found = caveats(inputs, result.metrics, figures, result.events, result.equity["value"])
            for caveat in found:
                logger.warning("{}: {}: {}", caveat.severity, caveat.about, caveat.text)
            step("writing")
            runs.write(result, found, partial)
            if any(one.source not in ("folder", "file") for one in prices.series.values()):
                from brokers.prices.download import pin

                pin(prices.series, settings)
            logger.info(
                "{} decisions, {} orders, final value {:.2f}", len(result.run.decisions), len(result.run.orders), result.equity["value"].iloc[-1]
            )
            logger.remove(log)
            step("done")
    summary = runs.read(folder)
    if as_json:
        print(json.dumps(summary | {"folder": str(folder)}))
    else:
        terminal.show_backtest(terminal.console(), summary, folder)


def read_gate(files: Files, overrides: Texts, as_json: bool, as_of: str | None, refresh: bool) -> None:
    """Today's reading, a past day's, or a run's."""
    from backtests import reading

    settings = load(files, overrides)
    with progress() as step:
        prices = _prices_as_of(settings, as_of, refresh, step)
        found = reading.read(settings, prices)
    if as_json:
        print(json.dumps(reading.as_json(found)))
        return
    out = terminal.console()
    for number, sentence in enumerate(reading.sentences(found)):
        out.print(sentence, style="bold" if number == 0 else "")
    out.print(f"As known at {found.as_of:%Y-%m-%d %H:%M} UTC.", style="dim")


def check_data(files: Files, overrides: Texts, as_json: bool, refresh: bool) -> None:
    """Every series at a glance."""
    from brokers.prices import quality

    settings = load(files, overrides)
    with progress() as step:
        now = pd.Timestamp.now(tz="UTC")
        known = sessions(settings, now)
        series = dict(load_each(settings, now, refresh, step))
    refused = {request.name: str(one) for request, one in series.items() if isinstance(one, DataError)}
    found = [quality.quality(one, known, now) for one in series.values() if not isinstance(one, DataError)]
    if as_json:
        print(json.dumps({one.name: quality.as_json(one) for one in found} | {name: {"refused": why} for name, why in refused.items()}))
    else:
        terminal.show_quality(terminal.console(), found)
    if refused:
        raise DataError("\n".join(f"{name}: refused: {why}" for name, why in refused.items()))


def _prices_as_of(settings: Settings, as_of: str | None, refresh: bool, step: Step) -> Prices:
    now = pd.Timestamp.now(tz="UTC")
    if as_of is None:
        return load_prices(settings, now, refresh, step)
    if as_of and Path(as_of).is_dir():
        from backtests import runs

        summary = runs.read(Path(as_of))
        pinned = {name: one["vintage"] for name, one in summary["data"].items()}
        return load_prices(settings, now, False, step, pinned).until(pd.Timestamp(summary["window"]["last"]))
    try:
        day = pd.Timestamp(date.fromisoformat(as_of), tz="UTC")
    except ValueError:
        raise ConfigError(f"--as-of {as_of}: is neither a date (YYYY-MM-DD) nor a run folder") from None
    if day > now:
        raise ConfigError(f"--as-of {as_of}: lies in the future; leave it out for the reading of now")
    return load_prices(settings, now, refresh, step).until(day + pd.Timedelta(days=1))


def show_config(files: Files, overrides: Texts, as_json: bool) -> None:
    """The merged settings, secrets masked."""
    import tomli_w

    settings = load(files, overrides)
    print(settings.model_dump_json(indent=1) if as_json else tomli_w.dumps(settings.model_dump(exclude_none=True)), end="")


def show_schema() -> None:
    """The JSON schema of the settings."""
    print(json.dumps(Settings.model_json_schema(), indent=1))


def list_runs(folders: Files, as_json: bool) -> None:
    """Runs side by side."""
    from backtests import runs

    chosen = folders or runs.listed()
    alike = len({folder.name for folder in chosen}) < len(chosen)
    found = {str(folder) if alike else folder.name: runs.read(folder) for folder in chosen}
    if as_json:
        print(json.dumps(found))
        return
    out = terminal.console()
    if not found:
        out.print(f"no runs under {runs.RUNS}/ yet; `python main.py backtest` makes one")
        return
    out.print(terminal.metrics_table({name: run["strategy"] for name, run in found.items()}, "runs", out.width))


@contextmanager
def progress() -> Iterator[Step]:
    """A line on standard error that says what is being done, silent where that is no terminal; each step lets Ctrl-C through.

    An interruption that falls into one of numba's callbacks is swallowed there: the next step raises it again.
    """
    interruptions: list[int] = []

    def interrupted(signal_number: int, _: object) -> None:
        interruptions.append(signal_number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        with _shown() as show:

            def step(text: str, done: int = 0, of: int = 0) -> None:
                if interruptions:
                    raise KeyboardInterrupt
                show(text, done, of)

            yield step
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _shown() -> Iterator[Callable[[str, int, int], object]]:
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.console(error=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda text, done, of: bar.update(task, description=text, completed=done, total=of or None)
