"""The evidence on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.report import terminal
from backtests.report.evidence import page as evidence_page
from backtests.report.evidence import words as evidence_words
from backtests.report.terminal import plain_table

COLOURS = {
    "supported": "green",
    "contradicted": "red",
    "cannot be told": "yellow",
    "not testable with prices": "dim",
}
ALL = 1000  # rows


def show(out: Console, found: Mapping[str, Any], folder: object) -> None:
    """Words first, then the claims, the breakouts, and how much hangs on their definition."""
    if found["sample"]:
        terminal.show_sample(out, found["fallback"])
    out.print(escape(evidence_words.headline(found)) + "\n")
    for text in evidence_words.in_short(found):
        out.print(escape(text))
    out.print(_claims(found))
    if found["events"]:
        out.print(plain_table(evidence_page.events(found), "What followed the breakouts", ALL))
        out.print(
            plain_table(
                evidence_page.definitions(found),
                "Bitcoin over 3 months, by what counts as a breakout",
                ALL,
            )
        )
        for text in evidence_words.until(found):
            out.print(escape(text))
    for symbol, why in found["lacking"].items():
        out.print(f"[yellow]without {escape(symbol)}[/]: {escape(why)}")
    out.print(f"\nWritten to {folder}")


def _claims(found: Mapping[str, Any]) -> Table:
    table = Table(title="The claims", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("", "claim", "verdict", "n", "p", "why"):
        table.add_column(
            heading,
            justify="right" if heading in ("n", "p") else "left",
            no_wrap=heading in ("", "n", "p"),
        )
    for one in found["claims"]:
        claim = f"{one['claim']} ({one['reading']})" if one["reading"] else one["claim"]
        p = "-" if one["p"] is None else f"{one['p']:.3f}"
        verdict = f"[{COLOURS[one['verdict']]}]{one['verdict']}[/]"
        table.add_row(
            one["id"],
            escape(claim),
            verdict,
            "-" if one["n"] is None else str(one["n"]),
            p,
            escape(one["why"]),
        )
    return table
