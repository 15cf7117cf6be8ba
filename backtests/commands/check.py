"""What the check commands do: tests of the user's own configuration and data."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from backtests.report import terminal
from backtests.report.progress import progress
from brokers.console import console
from brokers.prices.load import Prices, known_until, load_each, load_prices, sessions
from brokers.prices.quality import issue_to_json
from brokers.prices.series import DataError, DataIssue, ImplausibleError
from config.settings import load


class CheckFailedError(Exception):
    """A check found a failure; the message says which. Exit code 5."""


def check_data(
    files: list[Path] | None, overrides: list[str] | None, *, as_json: bool, refresh: bool
) -> None:
    """Every series at a glance, and what is implausible about them.

    Raises
    ------
    DataError
        One cannot be had or read.
    CheckFailedError
        All can, and one is implausible, or the gate cannot be computed from it.

    """
    from backtests.engine.inputs import unusable_inputs
    from brokers.prices import quality
    from brokers.prices.plausibility import check_plausibility

    settings = load(files, overrides)
    with progress() as step:
        now = known_until(settings, pd.Timestamp.now(tz="UTC"))
        calendar = sessions(settings, now)
        loaded = dict(load_each(settings, now, refresh=refresh, progress=step))
    usable = {request: item for request, item in loaded.items() if not isinstance(item, DataError)}
    unusable = {
        request.name: item for request, item in loaded.items() if isinstance(item, DataError)
    }
    issues = check_plausibility(usable, calendar, settings.prices.accepted)
    rows = [quality.quality(series, calendar, now) for series in usable.values()]
    refused = [(issue.symbol, issue.text) for issue in issues if issue.severity == "refused"]
    refused += unusable_inputs(settings, usable, calendar, now)
    if as_json:
        document = {
            row.name: quality.as_json(row) | _issues_of(row.name, issues, refused) for row in rows
        }
        print(
            json.dumps(document | {name: {"refused": str(why)} for name, why in unusable.items()})
        )
    else:
        terminal.show_quality(console(), rows, issues)
    lines = [f"{name}: refused: {why}" for name, why in (*unusable.items(), *refused)]
    if any(not isinstance(error, ImplausibleError) for error in unusable.values()):
        raise DataError("\n".join(lines))
    if lines:
        raise CheckFailedError("\n".join(lines))


def _issues_of(
    name: str, issues: Sequence[DataIssue], refused: Sequence[tuple[str, str]]
) -> dict[str, object]:
    """What is implausible about one series as JSON, and why it is refused, if it is."""
    own = [issue_to_json(issue) for issue in issues if issue.symbol == name]
    why = next((text for symbol, text in refused if symbol == name), None)
    return {"issues": own} | ({"refused": why} if why else {})


def check_lookahead(
    files: list[Path] | None,
    overrides: list[str] | None,
    *,
    as_json: bool,
    cuts: int,
    seed: int,
    refresh: bool,
) -> None:
    """Cut and rescale the user's own data; compare the earlier decisions."""
    from backtests.checks import lookahead

    settings = load(files, overrides)
    with progress() as step:
        # Never the sample unless it is chosen: the result would be about data nobody looked at.
        now = pd.Timestamp.now(tz="UTC")
        prices = load_prices(settings, now, refresh=refresh, progress=step)
        report = lookahead.find_lookahead(settings, prices, cuts, seed, step)
    lines = lookahead.sentences(report)
    if as_json:
        print(json.dumps(lookahead.as_json(report) | {"sample": prices.sample}))
    elif not report.findings:
        _print_lines(lines, prices)
    if report.findings:
        raise CheckFailedError("\n".join(lines))


def check_parity(
    files: list[Path] | None,
    overrides: list[str] | None,
    *,
    as_json: bool,
    span: str | None,
    refresh: bool,
) -> None:
    """Run the user's own configuration through the live path over history; compare the backtest."""
    from tempfile import TemporaryDirectory

    from backtests.checks import parity
    from backtests.commands.backtest import window
    from backtests.engine.inputs import prepare_inputs
    from backtests.engine.simulation import simulate
    from backtests.runs.replay import replay_run

    # Nobody pays interest on a paper account's cash.
    settings = load(
        files, [*(overrides or []), *(window(span) if span else ()), "costs.cash_yield=0.0"]
    )
    with progress() as step, TemporaryDirectory() as folder:
        now = pd.Timestamp.now(tz="UTC")
        prices = load_prices(settings, now, refresh=refresh, progress=step)
        inputs = prepare_inputs(settings, prices)
        live = replay_run(inputs, Path(folder) / "journal.sqlite", step)
        report = parity.compare(live, simulate(inputs), list(inputs.coins))
    lines = parity.sentences(report)
    if as_json:
        print(json.dumps(parity.as_json(report) | {"sample": prices.sample}))
    elif not report.differences:
        _print_lines(lines, prices)
    if report.differences:
        raise CheckFailedError("\n".join(lines))


def _print_lines(lines: list[str], prices: Prices) -> None:
    """The sentences of a check that passed, the first of them bold."""
    out = console()
    if prices.sample:
        terminal.show_sample(out, prices.fallback)
    for number, line in enumerate(lines):
        out.print(line, style="" if number else "bold")
