"""A paper session as one self-contained HTML page."""

from collections.abc import Callable, Mapping
from pathlib import Path

from backtests.paper_sessions.attention import attention
from backtests.paper_sessions.sentences import headline, sentence
from backtests.paper_sessions.summary import SessionReport
from backtests.report import shell
from backtests.report.cells import Table
from backtests.report.session import (
    comparison_tables,
    figures,
    rows,
    trading_tables,
    uptime_tables,
)
from backtests.report.session.assumptions import assumptions
from backtests.report.session.tiles import tiles
from brokers.clock import utc_text

TABLES: Mapping[str, Callable[[SessionReport], Table]] = {
    "metrics": comparison_tables.metrics,
    "causes": comparison_tables.causes,
    "differences": comparison_tables.differences,
    "slippage": trading_tables.slippage_by_coin,
    "fills": trading_tables.fills,
    "fees": trading_tables.fees,
    "unfilled": trading_tables.unfilled,
    "missed": uptime_tables.missed,
    "late": uptime_tables.late,
    "incidents": uptime_tables.incidents,
    "sessions": uptime_tables.sessions,
    "decisions": uptime_tables.decisions,
    "data": comparison_tables.data,
}


def page_path(journal: Path) -> Path:
    """Where the page of a journal belongs."""
    return journal.with_name(f"{journal.stem}.report.html")


def write(report: SessionReport) -> Path:
    """Write the page beside the journal.

    Raises
    ------
    RunError
        It cannot be written.

    """
    return shell.save_page(page_path(report.journal.path), html(report))


def html(report: SessionReport) -> str:
    """The page; everything it needs is inside."""
    return shell.html(
        "session.html",
        figures.pictures(report),
        report=report,
        sample=report.comparison is not None and report.comparison.prices.sample,
        numbers_stand="in the tables and in the output of report --json",
        headline=headline(report),
        sentence=sentence(report),
        attention=attention(report),
        tiles=tiles(report),
        tables={name: table(report) for name, table in TABLES.items()},
        assumptions=assumptions(report),
        changed=len(uptime_tables.changed_decisions(report)),
        longest=rows.LONGEST,
        resumed=utc_text(report.journal.resumed or 0.0),
    )
