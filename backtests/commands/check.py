"""What the check commands do: the promises, on the user's own configuration and data."""

import json
from pathlib import Path

import pandas as pd

from backtests.report import terminal
from backtests.report.progress import progress
from brokers.console import console
from brokers.prices.load import known_until, load_each, load_prices, sessions
from brokers.prices.series import DataError
from config.settings import load


class BrokenPromiseError(Exception):
    """A check found what must not be; the message says what. Exit code 5."""


def check_data(
    files: list[Path] | None, overrides: list[str] | None, as_json: bool, refresh: bool
) -> None:
    """Every series at a glance."""
    from brokers.prices import quality

    settings = load(files, overrides)
    with progress() as step:
        now = known_until(settings, pd.Timestamp.now(tz="UTC"))
        known = sessions(settings, now)
        series = dict(load_each(settings, now, refresh, step))
    refused = {
        request.name: str(one) for request, one in series.items() if isinstance(one, DataError)
    }
    found = [
        quality.quality(one, known, now)
        for one in series.values()
        if not isinstance(one, DataError)
    ]
    if as_json:
        print(
            json.dumps(
                {one.name: quality.as_json(one) for one in found}
                | {name: {"refused": why} for name, why in refused.items()}
            )
        )
    else:
        terminal.show_quality(console(), found)
    if refused:
        raise DataError("\n".join(f"{name}: refused: {why}" for name, why in refused.items()))


def check_lookahead(
    files: list[Path] | None,
    overrides: list[str] | None,
    as_json: bool,
    cuts: int,
    seed: int,
    refresh: bool,
) -> None:
    """Cut and rescale the user's own data and see whether an earlier decision moves."""
    from backtests.checks import lookahead

    settings = load(files, overrides)
    with progress() as step:
        # Never the sample unasked: it would vouch for data nobody looked at.
        prices = load_prices(settings, pd.Timestamp.now(tz="UTC"), refresh, step)
        found = lookahead.check(settings, prices, cuts, seed, step)
    said = lookahead.sentences(found)
    if as_json:
        print(json.dumps(lookahead.as_json(found) | {"sample": prices.sample}))
    elif not found.moved:
        out = console()
        if prices.sample:
            terminal.show_sample(out, prices.fallback)
        for number, sentence in enumerate(said):
            out.print(sentence, style="bold" if number == 0 else "")
    if found.moved:
        raise BrokenPromiseError("\n".join(said))


def check_parity(
    files: list[Path] | None,
    overrides: list[str] | None,
    as_json: bool,
    span: str | None,
    refresh: bool,
) -> None:
    """Drive the user's own configuration through the live path over history, and hold that against the backtest."""
    from tempfile import TemporaryDirectory

    from backtests.checks import parity
    from backtests.commands.backtest import window
    from backtests.engine.inputs import prepare
    from backtests.engine.simulation import simulate
    from backtests.runs.replay import replayed_run

    # Nobody pays interest on a paper account's cash.
    settings = load(
        files, [*(overrides or []), *(window(span) if span else ()), "costs.cash_yield=0.0"]
    )
    with progress() as step, TemporaryDirectory() as folder:
        prices = load_prices(settings, pd.Timestamp.now(tz="UTC"), refresh, step)
        inputs = prepare(settings, prices)
        found = parity.compare(
            replayed_run(inputs, Path(folder) / "journal.sqlite", step),
            simulate(inputs),
            list(inputs.coins),
        )
    said = parity.sentences(found)
    if as_json:
        print(json.dumps(parity.as_json(found) | {"sample": prices.sample}))
    elif not found.differences:
        out = console()
        if prices.sample:
            terminal.show_sample(out, prices.fallback)
        out.print(said[0], style="bold")
    if found.differences:
        raise BrokenPromiseError("\n".join(said))
