"""What the commands do: load, run, show, write."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.report import terminal
from backtests.progress import Step, progress
from brokers.prices.load import Prices, load_prices
from config.settings import ConfigError, Settings, load

if TYPE_CHECKING:  # cost backtrader's start-up
    from backtests.runs.backtest import Result
    from backtests.engine.inputs import Inputs

Files = list[Path] | None
Texts = list[str] | None


def run_backtest(files: Files, overrides: Texts, as_json: bool, output: Path | None, with_benchmarks: bool, with_report: bool, refresh: bool) -> None:
    """Backtest, print, write the run folder."""
    from backtests.runs.backtest import backtest

    def make(inputs: "Inputs", partial: Path, step: Step) -> "Result":
        step("backtrader")
        return backtest(inputs, with_benchmarks, step)

    _run("backtest", load(files, overrides), make, as_json, output, with_report, refresh)


def run_replay(files: Files, overrides: Texts, as_json: bool, span: str, output: Path | None) -> None:
    """The same through the live path, its journal in the run folder."""
    from backtests.runs.replay import replayed

    def make(inputs: "Inputs", partial: Path, step: Step) -> "Result":
        return replayed(inputs, partial / "journal.sqlite", step)

    _run("replay", load(files, [*(overrides or []), *window(span)]), make, as_json, output, True, False)


def window(span: str) -> list[str]:
    """FROM:TO as overrides of the traded window."""
    first, colon, last = span.partition(":")
    try:
        dates = [date.fromisoformat(day) for day in (first, last) if day]
    except ValueError:
        dates = []
    if not colon or not dates:
        raise ConfigError(f"{span}: is no window FROM:TO of dates (YYYY-MM-DD:YYYY-MM-DD); one side may be left out")
    return [f'backtest.{name}="{day}"' for name, day in (("start", first), ("end", last)) if day]


def _run(
    command: str, settings: Settings, make: Callable[["Inputs", Path, Step], "Result"], as_json: bool, output: Path | None, with_report: bool,
    refresh: bool,
) -> None:  # fmt: skip
    """Make a result out of the settings' prices, print it, write its folder."""
    from backtests.runs import writer as record, folder as runs
    from backtests.runs.caveats import caveats
    from backtests.engine.inputs import prepare

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
                "{} decisions, {} orders, final value {:.2f}", len(result.run.decisions), len(result.run.orders), result.equity["value"].iloc[-1]
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
        terminal.show_backtest(terminal.console(), summary, folder)


def write_page(folder: Path, name: str | None, step: Step) -> Path:
    """The report of a run folder, of that of a search, or of the evidence."""
    step("report")
    if (folder / "evidence.json").exists():
        from backtests.report.evidence import page as evidence_page

        return evidence_page.write(folder, name)
    if (folder / "tune.json").exists():
        from backtests.report.tune import page as tune_page

        return tune_page.write(folder, name)
    from backtests.report.run import page

    return page.write(folder, name)


def pin(prices: Prices, settings: Settings) -> None:
    """Keep what was downloaded, so that the run can be read again."""
    if any(one.source not in ("folder", "file", "sample") for one in prices.series.values()):
        from brokers.prices import download

        download.pin(prices.series, settings)


def write_report(path: Path, overrides: Texts, as_json: bool) -> None:
    """The page of a finished run again, or that of a paper session from its journal."""
    from backtests.runs import folder as runs

    if (journal := runs.journal_at(path)) is not None:
        _write_session_report(journal, overrides or [], as_json)
        return
    if overrides:
        raise ConfigError(f"--set {overrides[0]}: {path} is no paper session's journal; a run's page shows what its folder holds")
    with progress() as step:
        page = write_page(path, None, step)
    print(json.dumps({"report": str(page)}) if as_json else f"Written to {page}")


def _write_session_report(journal: Path, overrides: list[str], as_json: bool) -> None:
    from backtests.paper_sessions import summary as session_report
    from backtests.report.session import page as session_page

    with progress() as step:
        found = session_report.session_report(journal, overrides, pd.Timestamp.now(tz="UTC"), step)
        step("report")
        page = session_page.write(found)
    if as_json:
        print(json.dumps(session_report.as_json(found) | {"report": str(page)}, allow_nan=False))
    else:
        terminal.show_session(terminal.console(), found, page)


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


def read_gate(files: Files, overrides: Texts, as_json: bool, as_of: str | None, refresh: bool) -> None:
    """Today's reading, a past day's, or a run's."""
    from backtests.report import gate_reading as reading
    from backtests.runs import latest_evidence as quoted

    settings = load(files, overrides)
    with progress() as step:
        prices = _prices_as_of(settings, as_of, refresh, step)
        found = reading.read(settings, prices)
    evidence = None if prices.sample or as_of is not None else quoted.newest()  # then nobody knew of it
    if as_json:
        print(json.dumps(reading.as_json(found) | {"evidence": evidence, "sample": prices.sample}))
        return
    out = terminal.console()
    if prices.sample:
        terminal.show_sample(out, prices.fallback)
    for number, sentence in enumerate(reading.sentences(found)):
        out.print(sentence, style="bold" if number == 0 else "")
    if found.openings:
        out.print(terminal.openings_table(found.openings, list(found.openings[0].after)))
        events = len({one.spell.family for one in found.openings})
        out.print(f"{events} independent breakouts, the later ones not over yet where a dash stands: a story, not a statistic.", style="dim")
    if evidence:
        terminal.show_evidence(out, evidence)
    out.print(f"As known at {found.as_of:%Y-%m-%d %H:%M} UTC.", style="dim")


def _prices_as_of(settings: Settings, as_of: str | None, refresh: bool, step: Step) -> Prices:
    now = pd.Timestamp.now(tz="UTC")
    if as_of is None:
        return load_prices(settings, now, refresh, step)
    if as_of and Path(as_of).is_dir():
        from backtests.runs import folder as runs

        summary = runs.read(Path(as_of))
        pinned = {name: one["vintage"] for name, one in summary["data"].items()}
        if summary.get("sample"):
            settings = settings.model_copy(update={"prices": settings.prices.model_copy(update={"source": "sample"})})
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


def start_config(output: Path, coins: str | None, style: str | None, timeframe: str | None, prices: str | None) -> None:
    """Ask what was not said, if there is somebody to ask, and write the file."""
    import typer

    from config import start

    def answer(given: str | None, question: str, usual: str) -> str:
        if given is not None or not sys.stdin.isatty():
            return usual if given is None else given
        return str(typer.prompt(question, default=usual, show_default=bool(usual)))

    styles = "; ".join(f"{name}: {meaning}" for name, meaning in start.STYLES.items())
    chosen = answer(coins, f"Coins in the order they join ({', '.join(start.KNOWN_COINS)})", "BTC,ETH,SOL")
    answers = start.Answers(
        coins=tuple(coin.strip().upper() for coin in chosen.split(",") if coin.strip()),
        style=answer(style, f"How cautious ({styles})", "gate"),
        timeframe=answer(timeframe, "A decision every (1d, 4h, 1h)", "1d"),
        folder=answer(prices, "Folder of price files (empty: from Yahoo)", ""),
    )
    start.written(answers, output)
    print(f"Written to {output}; now: python main.py backtest --config {output}")


def list_runs(folders: Files, as_json: bool) -> None:
    """Runs side by side."""
    from backtests.runs import folder as runs

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
