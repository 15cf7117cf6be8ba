"""A paper session as one self-contained HTML page."""

from pathlib import Path

from backtests.paper_sessions.summary import SessionReport, attention, headline, sentence, utc
from backtests.report import shell
from backtests.report.session import figures as session_figures
from backtests.report.session import tables as session_tables

TABLES = (
    *("against_backtest", "causes", "differences", "costs", "fills", "fees", "nothing"),
    *("missed", "late", "incidents", "sessions", "decisions", "data"),
)  # functions of `session_tables`


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
    return shell.written(page_path(report.kept.path), html(report))


def html(report: SessionReport) -> str:
    """The page; everything it needs is inside."""
    return shell.html(
        "session.html",
        session_figures.pictures(report),
        report=report,
        sample=report.beside is not None and report.beside.prices.sample,
        numbers_stand="in the tables, and in what `report --json` prints",
        headline=headline(report),
        sentence=sentence(report),
        attention=attention(report),
        tiles=session_tables.tiles(report),
        tables={name: getattr(session_tables, name)(report) for name in TABLES},
        assumptions=session_tables.assumptions(report),
        changed=len(session_tables.changed(report)),
        longest=session_tables.LONGEST,
        resumed=utc(report.kept.resumed or 0.0),
    )
