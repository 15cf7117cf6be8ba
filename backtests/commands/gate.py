"""`gate`: the reading of today, of a past day, or on a run's data."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console

from backtests.commands.run_scope import Files, Texts
from backtests.report import terminal
from backtests.report.progress import progress
from brokers.clock import Clock
from brokers.console import console
from brokers.plurals import count
from brokers.prices.load import Prices, load_prices
from brokers.prices.series import DataError
from brokers.progress import Progress
from config.settings import ConfigError, Settings, load, restore_file

if TYPE_CHECKING:  # cost the strategy's start-up
    from backtests.report.gate_reading import GateReading
    from backtests.runs.document import EvidenceQuote


def read_gate(
    files: Files, overrides: Texts, *, as_json: bool, as_of: str | None, refresh: bool
) -> None:
    """Print the reading of today, of a past day, or on a run's data, by that run's settings."""
    from backtests.evidence.latest import latest_evidence
    from backtests.report.gate_reading import gate_reading

    run = Path(as_of) if as_of and Path(as_of).is_dir() else None
    settings = load(files, overrides) if run is None else _settings_of_run(run, files, overrides)
    with progress() as step:
        if run is not None:
            prices = _prices_of_run(settings, run, step)
        else:
            prices = _prices_as_of(settings, as_of, step, refresh=refresh)
        reading = gate_reading(settings, prices)
    is_past = as_of is not None  # nobody knew of the evidence then
    evidence = None if prices.sample or is_past else latest_evidence()
    if as_json:
        quote = evidence.model_dump() if evidence else None
        doubts = {"issues": [issue.text for issue in prices.issues]} if prices.issues else {}
        further = {"evidence": quote, "sample": prices.sample} | doubts
        print(json.dumps(reading.to_json() | further))
    else:
        _show(prices, reading, evidence)
    if not is_past:
        _record(prices, reading, settings)


def _show(prices: Prices, reading: "GateReading", evidence: "EvidenceQuote | None") -> None:
    out = console()
    if prices.sample:
        terminal.show_sample(out, prices.fallback)
    _show_reading(out, reading)
    terminal.show_issues(out, prices.issues)
    if evidence:
        terminal.show_evidence(out, evidence.line, evidence.folder)
    out.print(f"As known at {reading.as_of:%Y-%m-%d %H:%M} UTC.", style="dim")


def _show_reading(out: Console, reading: "GateReading") -> None:
    from backtests.report.gate_reading import sentences

    for number, sentence in enumerate(sentences(reading)):
        out.print(sentence, style="bold" if number == 0 else "")
    if reading.forward_returns:
        coins = list(reading.forward_returns[0].by_coin)
        out.print(terminal.forward_returns_table(reading.forward_returns, coins))
        events = len({returns.period.event_id for returns in reading.forward_returns})
        out.print(
            f"{count(events, 'independent breakout')}; a dash: the time is not over, or no price."
            " A case study, not a statistic.",
            style="dim",
        )


def _record(prices: Prices, reading: "GateReading", settings: Settings) -> None:
    """Add today's reading to the forward record; a line on standard error where it gets none."""
    from backtests.engine.rules import rules_digest
    from brokers.journal.forward_record import ForwardError
    from brokers.live.forward_recorder import Reading, record_reading

    newest = Reading(
        known_at=pd.Timestamp(str(reading.row.name)),
        state=str(reading.row["state"]),
        ceiling=reading.ceiling,
        close=float(reading.row["close"]),
        stale=float(reading.row["stale"]),
        rules_digest=rules_digest(settings),
    )
    try:
        is_recorded = record_reading(newest, prices, settings, _now())
    except ForwardError as error:
        print(f"Warning: {error}", file=sys.stderr)
        return
    if not is_recorded and not prices.sample:
        text = (
            f"Not in the forward record: the session known at {newest.known_at:%Y-%m-%d %H:%M} UTC"
            " is not the newest one, or lacks its own closes."
        )
        console(error=True).print(text, style="dim")


def _prices_as_of(
    settings: Settings, as_of: str | None, step: Progress, *, refresh: bool
) -> Prices:
    now = _now()
    if as_of is None:
        return load_prices(settings, now, refresh=refresh, progress=step)
    try:
        day = pd.Timestamp(date.fromisoformat(as_of), tz="UTC")
    except ValueError:
        raise ConfigError(
            f"--as-of {as_of}: is neither a date (YYYY-MM-DD) nor a run folder"
        ) from None
    if day > now:
        raise ConfigError(
            f"--as-of {as_of}: lies in the future; leave it out for the reading of now"
        )
    return load_prices(settings, now, refresh=refresh, progress=step).until(
        day + pd.Timedelta(days=1)
    )


def _settings_of_run(folder: Path, files: Files, overrides: Texts) -> Settings:
    """The settings that a run stored, then `overrides`; `files` are today's and have no part."""
    from backtests.runs.folder import read_run

    if read_run(folder).sample:  # whatever source they name, it was out of reach
        overrides = ["prices.source=sample", *(overrides or [])]
    if files:
        print(
            f"--config is not used: {folder} is read by its own settings; --set changes one",
            file=sys.stderr,
        )
    path = folder / "settings.toml"
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; the gate of a run is read by that run's settings")
    return restore_file(path, overrides)


def _prices_of_run(settings: Settings, folder: Path, step: Progress) -> Prices:
    """The prices that a run was made from, as known at its last bar."""
    from backtests.runs.folder import read_run

    document = read_run(folder)
    vintages = {name: series.vintage for name, series in document.data.items()}
    now = _now()
    try:
        loaded = load_prices(settings, now, progress=step, pinned=vintages)
    except DataError as error:
        sources = sorted({series.source for series in document.data.values()})
        raise DataError(
            f"{folder}: its prices, from {' and '.join(sources)}, cannot be read again: {error}"
        ) from None
    return loaded.until(pd.Timestamp(document.window.last))


def _now() -> pd.Timestamp:
    return pd.Timestamp(Clock().now(), unit="s", tz="UTC")
