"""The evidence on the terminal."""

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


def show_document(out: Console, document: EvidenceDocument, folder: Path | str) -> None:
    """Key results first, then the claims, the breakouts, and other definitions of a breakout."""
    if document.sample:
        terminal.show_sample(out, document.fallback)
    out.print(escape(words.headline(document)) + "\n")
    for text in words.key_results(document):
        out.print(escape(text))
    out.print(_claim_table(document))
    if document.events:
        out.print(terminal_table(tables.event_table(document), "Gains after breakouts", ALL))
        definitions = tables.definition_table(document)
        title = "Bitcoin over 3 months by definition of a breakout"
        out.print(terminal_table(definitions, title, ALL))
        for text in words.required_events(document):
            out.print(escape(text))
    for symbol, why in document.lacking.items():
        word = "doubtful:" if symbol in document.data else "without"
        out.print(f"[yellow]{word} {escape(symbol)}[/]: {escape(why)}")
    out.print(f"\nWritten to {path_from_here(folder)}")


def _claim_table(document: EvidenceDocument) -> Table:
    table = Table(title="Claims", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("no.", "claim", "verdict", "n", "p", "result"):
        is_number, is_short = heading in ("n", "p"), heading in ("no.", "n", "p")
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_short)
    for claim in document.claims:
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
        escape(claim.why),
    ]
