"""A paper session's report as `report JOURNAL --json` prints it."""

from datetime import UTC, datetime
from typing import Any

from backtests.paper_sessions.attention import attention
from backtests.paper_sessions.execution import FilledOrder
from backtests.paper_sessions.sentences import sentence
from backtests.paper_sessions.summary import SessionReport
from backtests.paper_sessions.tracking import TrackingReport
from brokers.json_values import to_json
from brokers.local_paths import path_from_here

INSTANTS = {"first", "last", "time", "started", "ended", "resumed", "at"}  # epoch seconds


def as_json(report: SessionReport) -> dict[str, object]:
    """Plain values by name; instants as ISO 8601, what is not known as null."""
    journal, comparison = report.journal, report.comparison
    content: dict[str, object] = {
        "journal": path_from_here(journal.path),
        "account": journal.account,
        "word": str(report.agreement),
        "text": sentence(report),
        "why_not": report.why_not or None,
        "first": journal.decisions[0].time if journal.decisions else None,
        "last": journal.decisions[-1].time if journal.decisions else None,
        "attention": attention(report),
        "attendance": report.uptime._asdict() | {"missing": report.uptime.missing},
        "flows": [{"time": row.time, "flow": row.flow} for row in report.flows],
        "slippage": {"against_close": report.against_close, "against_open": report.against_open},
        "fills": [fill._asdict() | _slippage(fill) for fill in report.filled],
        "fees": report.fees,
        "nothing": report.unfilled,
        "incidents": report.incidents,
        "sessions": report.sessions,
        "halted": journal.halted,
        "resumed": journal.resumed,
        "running": journal.running,
        "replayed": journal.replayed,
        "comparison": _comparison(comparison) if comparison is not None else None,
    }
    return {name: to_json(_by_name(value, name)) for name, value in content.items()}


def _comparison(comparison: TrackingReport) -> dict[str, object]:
    return {
        "bars": comparison.bars,
        "orders": comparison.orders,
        "expected": comparison.expected,
        "differences": comparison.differences,
        "live": comparison.live,
        "backtest": comparison.backtest,
        "tracking": comparison.tracking,
        "notes": comparison.notes,
        "sample": comparison.prices.sample,
    }


def _slippage(fill: FilledOrder) -> dict[str, float | None]:
    references = {"against_close": fill.close, "against_open": fill.open}
    return {
        name: fill.slippage(reference) if reference else None
        for name, reference in references.items()
    }


def _by_name(value: Any, name: str = "") -> Any:
    """Named tuples as mappings, the values of `INSTANTS` as ISO 8601."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _by_name(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_by_name(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and name in INSTANTS:
        return datetime.fromtimestamp(value, UTC).isoformat()
    return value
