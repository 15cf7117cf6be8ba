"""When a paper session ran, what went wrong, and what it decided."""

from collections.abc import Mapping

from backtests.paper_sessions.summary import SessionReport
from backtests.report.cells import NONE, Cell, Table, number
from backtests.report.session import rows
from brokers.journal.records import DecisionRow, Severity
from strategies.breakout import STATES
from strategies.sentences import UNCHANGED

SEVERITY_COLOURS: Mapping[Severity, str] = {"critical": "bad", "warning": "", "info": ""}


def missed(report: SessionReport) -> Table:
    """Bars without a decision."""
    cells = [
        [
            Cell(rows.moment(gap.first)),
            Cell(rows.moment(gap.last) if gap.bars > 1 else NONE),
            number(gap.bars, "{:,}"),
            Cell(gap.why, None, "sentence"),
        ]
        for gap in rows.newest(report.uptime.missed)
    ]
    headings = (("from (UTC)", False), ("to (UTC)", False), ("bars", True), ("reason", False))
    return Table(headings, cells)


def late(report: SessionReport) -> Table:
    """Bars that were decided late."""
    cells = [
        [
            Cell(rows.moment(decision.time)),
            number(decision.minutes, "{:,.0f}"),
            Cell(decision.why, None, "sentence"),
        ]
        for decision in rows.newest(report.uptime.late)
    ]
    return Table((("bar (UTC)", False), ("minutes late", True), ("reason", False)), cells)


def incidents(report: SessionReport) -> Table:
    """Incidents by kind."""
    cells = [
        [
            Cell(kind.kind),
            Cell(kind.severity, None, SEVERITY_COLOURS[kind.severity]),
            number(kind.times, "{:,}"),
            Cell(rows.moment(kind.first)),
            Cell(rows.moment(kind.last)),
            Cell(kind.text, None, "sentence"),
        ]
        for kind in rows.first(report.incidents)
    ]
    headings = (
        ("kind", False),
        ("severity", False),
        ("number", True),
        ("first (UTC)", False),
        ("last (UTC)", False),
        ("text of the last", False),
    )
    return Table(headings, cells)


def sessions(report: SessionReport) -> Table:
    """Every start of the program, the newest first."""
    cells = [
        [
            Cell(rows.moment(session.started)),
            Cell(rows.moment(session.ended) if session.ended is not None else NONE),
            Cell(session.mode),
            number(session.decisions, "{:,}"),
            Cell(session.outcome, None, "bad sentence" if session.killed else "sentence"),
        ]
        for session in rows.newest_first(report.sessions)
    ]
    headings = (
        ("started (UTC)", False),
        ("ended (UTC)", False),
        ("mode", False),
        ("bars", True),
        ("ended as", False),
    )
    return Table(headings, cells)


def changed_decisions(report: SessionReport) -> list[DecisionRow]:
    """The decisions on another situation than the one before, and those that traded.

    A sentence that a new session only repeats does not count.
    """
    changed, before = [], ""
    for row in report.journal.decisions:
        situation, trades, _ = row.sentence.removeprefix(UNCHANGED).partition(" Now ")
        if trades or situation != before:
            changed.append(row)
        before = situation
    return changed


def decisions(report: SessionReport) -> Table:
    """The decisions that changed something, the newest first."""
    coins = report.journal.setup.coins
    headings = [
        ("bar (UTC)", False),
        ("state", False),
        ("ceiling", True),
        ("equity", True),
        *((coin, True) for coin in coins),
        ("reason", False),
    ]
    cells = []
    for row in rows.newest_first(changed_decisions(report)):
        # Without coins where the settings cannot be read.
        targets = dict(zip(report.journal.setup_at(row).coins, row.targets, strict=False))
        cells.append(
            [
                Cell(rows.moment(row.time)),
                Cell(STATES[row.state]),
                number(row.ceiling, "{:.0%}"),
                number(row.equity, "{:,.2f}"),
                *(number(targets.get(coin), "{:.1%}") for coin in coins),
                Cell(row.sentence.removeprefix(UNCHANGED), None, "sentence"),
            ]
        )
    return Table(headings, cells)
