"""The evidence on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.openings import HORIZONS
from backtests.report import evidence_words, terminal

COLOURS = {"supported": "green", "contradicted": "red", "cannot be told": "yellow", "not testable with prices": "dim"}


def show(out: Console, found: Mapping[str, Any], folder: object) -> None:
    """Words first, then the claims, the breakouts, and how much hangs on their definition."""
    if found["sample"]:
        terminal.show_sample(out, found["fallback"])
    out.print(escape(evidence_words.headline(found)) + "\n")
    for text in evidence_words.in_short(found):
        out.print(escape(text))
    out.print(_claims(found))
    if found["events"]:
        out.print(_events(found))
        out.print(_definitions(found))
        for text in evidence_words.until(found):
            out.print(escape(text))
    for symbol, why in found["lacking"].items():
        out.print(f"[yellow]without {escape(symbol)}[/]: {escape(why)}")
    out.print(f"\nWritten to {folder}")


def _claims(found: Mapping[str, Any]) -> Table:
    table = Table(title="The claims", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("", "claim", "verdict", "n", "p", "why"):
        table.add_column(heading, justify="right" if heading in ("n", "p") else "left", no_wrap=heading in ("", "n", "p"))
    for one in found["claims"]:
        claim = f"{one['claim']} ({one['reading']})" if one["reading"] else one["claim"]
        p = "-" if one["p"] is None else f"{one['p']:.3f}"
        verdict = f"[{COLOURS[one['verdict']]}]{one['verdict']}[/]"
        table.add_row(one["id"], escape(claim), verdict, "-" if one["n"] is None else str(one["n"]), p, escape(one["why"]))
    return table


def _events(found: Mapping[str, Any]) -> Table:
    table = Table(title="What followed the breakouts", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("breakout", no_wrap=True)
    table.add_column("level", justify="right")
    table.add_column("", no_wrap=True)
    for heading in HORIZONS:
        table.add_column(heading, justify="right")
    for event in found["events"]:
        names = [name for name, gains in event["after"].items() if any(value is not None for value in gains.values())]
        for number, name in enumerate(names):
            gains = ("-" if event["after"][name][horizon] is None else f"{event['after'][name][horizon]:+,.0%}" for horizon in HORIZONS)
            table.add_row(*((event["opened"][:10], f"{event['level']:,.2f}") if number == 0 else ("", "")), name, *gains)
    return table


def _definitions(found: Mapping[str, Any]) -> Table:
    table = Table(title="Bitcoin over 3 months, by what counts as a breakout", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("record stood for", "closes above", "breakouts", "with BTC", "BTC", "other dates", "p"):
        table.add_column(heading, justify="right")
    for one in found["definitions"]:
        figures = ["-"] * 4
        if "n" in one:
            figures = [str(one["n"]), *(f"{_share(one[name]):+,.0%}" for name in ("mean", "usual")), f"{one['p']:.3f}"]
        table.add_row(f"{one['base_sessions']} sessions", str(one["confirm_sessions"]), str(one["breakouts"]), *figures)
    return table


def _share(log_gain: float) -> float:
    from math import expm1

    return expm1(log_gain)
