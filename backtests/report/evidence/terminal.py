"""The evidence on the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.evidence.document import Claim, EvidenceDocument
from backtests.report import terminal
from backtests.report.evidence import tables, words
from backtests.report.terminal import terminal_table
from brokers.local_paths import path_from_here

COLOURS = {
    "supported": "green",
    "contradicted": "red",
    "inconclusive": "yellow",
    "not testable with prices": "dim",
}
ALL = 1000  # rows
TESTS = "Tests"


def show_document(out: Console, document: EvidenceDocument, folder: Path | str) -> None:
    """Key results first, then the claims, the breakouts, and other definitions of a breakout."""
    if document.sample:
        terminal.show_sample(out, document.fallback)
    out.print(escape(words.headline(document)) + "\n")
    for text in words.summary(document):
        out.print(escape(text))
    for title, claims in (
        (TESTS, tables.tested_claims(document)),
        ("Facts of record", tables.facts_of_record(document)),
        ("Not testable with prices", tables.open_claims(document)),
    ):
        if claims:
            out.print(_claim_table(title, claims))
    if document.events:
        out.print(terminal_table(tables.event_table(document), "Gains after breakouts", ALL))
        definitions = tables.definition_table(document)
        title = "Bitcoin over 3 months by definition of a breakout"
        out.print(terminal_table(definitions, title, ALL))
        out.print(escape(words.required_events(document)))
    if document.elsewhere:
        out.print(escape(document.elsewhere.line))
    for symbol, why in document.lacking.items():
        word = "doubtful:" if symbol in document.data else "without"
        out.print(f"[yellow]{word} {escape(symbol)}[/]: {escape(why)}")
    out.print(f"\nWritten to {path_from_here(folder)}")


def _claim_table(title: str, claims: Sequence[Claim]) -> Table:
    sides = "; p is one-sided where the sentence has a direction" if title == TESTS else ""
    table = Table(
        title=f"{title} ({len(claims)}){sides}", box=box.SIMPLE_HEAD, title_justify="left"
    )
    for heading in ("no.", "claim", "verdict", "n", "p", "corrected", "result"):
        is_number = heading in ("n", "p", "corrected")
        is_short = heading == "no." or is_number
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_short)
    for claim in claims:
        table.add_row(*_claim_row(claim))
    return table


def _claim_row(claim: Claim) -> list[str]:
    sentence = f"{claim.claim} ({claim.reading})" if claim.reading else claim.claim
    return [
        claim.id,
        escape(sentence),
        f"[{COLOURS[claim.verdict]}]{claim.verdict}[/]",
        "-" if claim.n is None else str(claim.n),
        "-" if claim.p is None else f"{claim.p:.3f}",
        "-" if claim.p_corrected is None else f"{claim.p_corrected:.3f}",
        escape(claim.why),
    ]
