"""A paper session in the terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.paper_sessions.summary import SessionReport, attention, headline, sentence
from backtests.report.session import tables as session_tables
from backtests.report.terminal import COLOURS, plain_table, show_sample


def show_session(out: Console, report: SessionReport, page: object) -> None:
    """How far a paper session is from the backtest of its days, what it cost, what needs a look."""
    if report.beside is not None and report.beside.prices.sample:
        show_sample(out, "")
    out.print(f"[bold]{headline(report)}[/] {escape(sentence(report))}\n")
    facts = Table.grid(padding=(0, 2))
    for what, figure, beside in session_tables.tiles(report):
        facts.add_row(f"[dim]{what}[/]", f"[bold]{figure}[/]", escape(beside))
    out.print(facts)
    for name, title in (
        ("against_backtest", ""),
        ("causes", "What was done otherwise"),
        ("missed", "Bars missed"),
    ):
        content = getattr(session_tables, name)(report)
        if content.rows:
            out.print(plain_table(content, title))
    for one in attention(report):
        out.print(f"[{COLOURS[one.severity]}]{one.severity}: {one.about}[/]: {escape(one.text)}")
    out.print(f"\nWritten to {page}")
