"""A paper session in the terminal."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.paper_sessions.attention import attention
from backtests.paper_sessions.sentences import headline, sentence
from backtests.paper_sessions.summary import SessionReport
from backtests.report.session import comparison_tables, uptime_tables
from backtests.report.session.tiles import tiles
from backtests.report.terminal import COLOURS, show_sample, terminal_table
from brokers.local_paths import path_from_here

TABLES = (
    (comparison_tables.metrics, ""),
    (comparison_tables.causes, "Differences from the backtest"),
    (uptime_tables.missed, "Bars missed"),
)


def show_session(out: Console, report: SessionReport, page: Path | str) -> None:
    """How far a paper session is from the backtest, what it cost, what needs attention."""
    if report.comparison is not None and report.comparison.prices.sample:
        show_sample(out, "")
    out.print(f"[bold]{headline(report)}[/] {escape(sentence(report))}\n")
    facts = Table.grid(padding=(0, 2))
    for what, figure, remark in tiles(report):
        facts.add_row(f"[dim]{what}[/]", f"[bold]{figure}[/]", escape(remark))
    out.print(facts)
    for table, title in TABLES:
        content = table(report)
        if content.rows:
            out.print(terminal_table(content, title))
    for item in attention(report):
        severity = f"[{COLOURS[item.severity]}]{item.severity}: {item.about}[/]"
        out.print(f"{severity}: {escape(item.text)}")
    out.print(f"\nWritten to {path_from_here(page)}")
