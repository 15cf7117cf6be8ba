"""`gate`: today's reading, a past day's, or a run's."""

import json
from datetime import date
from pathlib import Path

import pandas as pd

from backtests.commands.run_scope import Files, Texts
from backtests.report import terminal
from backtests.report.progress import progress
from brokers.console import console
from brokers.prices.load import Prices, load_prices
from brokers.progress import Progress
from config.settings import ConfigError, Settings, load


def read_gate(
    files: Files, overrides: Texts, as_json: bool, as_of: str | None, refresh: bool
) -> None:
    """Today's reading, a past day's, or a run's."""
    from backtests.report import gate_reading as reading
    from backtests.runs import latest_evidence as quoted

    settings = load(files, overrides)
    with progress() as step:
        prices = _prices_as_of(settings, as_of, refresh, step)
        found = reading.read(settings, prices)
    evidence = (
        None if prices.sample or as_of is not None else quoted.newest()
    )  # then nobody knew of it
    if as_json:
        print(json.dumps(reading.as_json(found) | {"evidence": evidence, "sample": prices.sample}))
        return
    out = console()
    if prices.sample:
        terminal.show_sample(out, prices.fallback)
    for number, sentence in enumerate(reading.sentences(found)):
        out.print(sentence, style="bold" if number == 0 else "")
    if found.openings:
        out.print(terminal.openings_table(found.openings, list(found.openings[0].after)))
        events = len({one.spell.family for one in found.openings})
        out.print(
            f"{events} independent breakouts, the later ones not over yet where a dash stands: a story, not a statistic.",
            style="dim",
        )
    if evidence:
        terminal.show_evidence(out, evidence)
    out.print(f"As known at {found.as_of:%Y-%m-%d %H:%M} UTC.", style="dim")


def _prices_as_of(settings: Settings, as_of: str | None, refresh: bool, step: Progress) -> Prices:
    now = pd.Timestamp.now(tz="UTC")
    if as_of is None:
        return load_prices(settings, now, refresh, step)
    if as_of and Path(as_of).is_dir():
        from backtests.runs import folder as runs

        summary = runs.read(Path(as_of))
        pinned = {name: one["vintage"] for name, one in summary["data"].items()}
        if summary.get("sample"):
            settings = settings.model_copy(
                update={"prices": settings.prices.model_copy(update={"source": "sample"})}
            )
        return load_prices(settings, now, False, step, pinned).until(
            pd.Timestamp(summary["window"]["last"])
        )
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
    return load_prices(settings, now, refresh, step).until(day + pd.Timedelta(days=1))
