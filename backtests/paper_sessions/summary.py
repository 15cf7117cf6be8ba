"""A paper session in numbers: what it did, what it cost, and how far it is from the backtest of the same days."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from backtests.paper_sessions import recording as journals
from backtests.paper_sessions.execution import (
    Fees,
    Filled,
    Nothing,
    Slippage,
    came_to_nothing,
    fees,
    filled,
    slippage,
    strays,
)
from backtests.paper_sessions.recording import Kept
from backtests.paper_sessions.tracking import SameDays, prices_of, same_days, session_settings
from backtests.paper_sessions.uptime import Attendance, Ran, attendance, ran
from brokers.journal.records import EquityRow, Severity
from brokers.prices.series import DataError
from brokers.progress import Progress
from config.settings import ConfigError

ORDER = ("critical", "warning", "info")
INSTANTS = {"first", "last", "time", "started", "ended", "resumed", "at"}  # what is epoch seconds
REMEDY = "Run it again once prices can be had, or name others, as in --set prices.source=folder --set prices.folder=FOLDER."
Word = Literal["nothing", "not compared", "alike", "otherwise"]


class Kind(NamedTuple):
    """All incidents of one kind: how often, when first and last (epoch seconds), what the last one said."""

    kind: str
    severity: Severity
    times: int
    first: float
    last: float
    text: str


class Attention(NamedTuple):
    """Something a reader should look at before the figures, or after them."""

    severity: Literal["high", "medium"]
    about: str
    text: str


class SessionReport(NamedTuple):
    """Everything the page, the terminal and `--json` tell. `beside` None: not compared, `why_not` says why."""

    kept: Kept
    attendance: Attendance
    sessions: list[Ran]
    filled: list[Filled]
    fees: list[Fees]
    nothing: list[Nothing]
    incidents: list[Kind]
    beside: SameDays | None
    why_not: str

    @property
    def flows(self) -> list[EquityRow]:
        """Bars since whose predecessor somebody has paid in or taken out."""
        return [row for row in self.kept.equity if row.flow]

    @property
    def against_open(self) -> Slippage | None:
        """Slippage of all fills against the open after the decision."""
        return slippage(self.filled, True)

    @property
    def against_close(self) -> Slippage | None:
        """Slippage of all fills against the close decided on."""
        return slippage(self.filled, False)

    @property
    def otherwise(self) -> tuple[int, int, int]:
        """Bars not decided, bars decided otherwise and orders otherwise, but for what follows from earlier fills, fees and flows."""
        own = [one for one in self.beside.differences if not one.follows] if self.beside else []
        orders = sum(one.what.startswith("order") for one in own)
        absent = sum(one.live == "no decision" for one in own)
        return absent, len(own) - orders - absent, orders

    @property
    def word(self) -> Word:
        """The report in a word."""
        if not self.kept.decisions:
            return "nothing"
        if self.beside is None:
            return "not compared"
        return "otherwise" if any(self.otherwise) else "alike"


def session_report(
    path: Path, overrides: Sequence[str], now: pd.Timestamp, progress: Progress | None = None
) -> SessionReport:
    """Read the journal at `path`, and compare it with the backtest of its days as far as prices known at `now` can be had.

    Raises
    ------
    ConfigError
        An override cannot be used.
    JournalError
        It is damaged, or no journal.

    """
    kept = journals.read(path)
    beside, why_not = _compared(kept, overrides, now, progress)
    return SessionReport(
        kept=kept,
        attendance=attendance(kept, beside.idle if beside else frozenset()),
        sessions=ran(kept),
        filled=filled(kept, beside.opens if beside else {}),
        fees=fees(kept),
        nothing=came_to_nothing(kept),
        incidents=_kinds(kept),
        beside=beside,
        why_not=why_not,
    )


def _compared(
    kept: Kept, overrides: Sequence[str], now: pd.Timestamp, progress: Progress | None
) -> tuple[SameDays | None, str]:
    if not kept.decisions:
        return None, "nothing was decided yet"
    try:
        session_settings(kept, ())
    except ConfigError as error:
        return None, str(error)
    settings = session_settings(kept, overrides)  # what is wrong now is the override
    try:
        prices = prices_of(settings, now, progress)
        if progress:
            progress("backtrader")
        return same_days(kept, settings, prices), ""
    except DataError as error:
        return None, str(error)


def _kinds(kept: Kept) -> list[Kind]:
    """Worst first, then the newest."""
    found: dict[tuple[str, str], Kind] = {}
    for one in kept.incidents:  # newest first
        before = found.get(
            (one.kind, one.severity), Kind(one.kind, one.severity, 0, one.time, one.last, one.text)
        )
        found[one.kind, one.severity] = before._replace(
            times=before.times + one.count, first=min(before.first, one.time)
        )
    return sorted(found.values(), key=lambda kind: (ORDER.index(kind.severity), -kind.last))


def attention(report: SessionReport) -> list[Attention]:
    """What asks for somebody, worst first."""
    return sorted(_attention(report), key=lambda one: one.severity != "high")


def _attention(report: SessionReport) -> Iterator[Attention]:
    kept = report.kept
    if kept.halted is not None:
        yield Attention("high", "halted", f"nothing is ordered until it is resumed: {kept.halted}")
    for session in report.sessions:
        if session.killed:
            yield Attention(
                "high",
                "killed",
                f"the session begun at {utc(session.started)} did not end in writing",
            )
    for kind in report.incidents:
        if kind.severity == "critical":
            yield Attention("high", kind.kind, f"{_when(kind)}: {kind.text}")
    if missing := report.attendance.missing:
        yield Attention(
            "high",
            "bars missed",
            f"{_number(missing, 'bar')} between the first decision and the last {_was(missing)} not decided",
        )
    if report.attendance.late:
        worst = max(one.minutes for one in report.attendance.late)
        yield Attention(
            "medium",
            "late decisions",
            f"{_number(len(report.attendance.late), 'bar')} decided late, the latest by {worst:,.0f} minutes",
        )
    if flows := report.flows:
        together = f"{sum(row.flow for row in flows):+,.2f} {kept.setup.quote} in {_number(len(flows), 'flow')}, the last at {utc(flows[-1].time)}"
        yield Attention(
            "medium", "paid in or out", f"{together}; no figure here counts it as a gain"
        )
    yield from _about_orders(report)
    for note in report.beside.notes if report.beside else ():
        yield Attention("medium", "the comparison", note)


def _about_orders(report: SessionReport) -> Iterator[Attention]:
    counts = {
        state: sum(one.state == state for one in report.nothing)
        for state in ("refused", "abandoned", "cut", "kept back", "open")
    }
    if counts["refused"] or counts["abandoned"]:
        text = f"{counts['refused']} refused by the exchange, {counts['abandoned']} abandoned"
        yield Attention("medium", "orders that came to nothing", text)
    if counts["kept back"]:
        yield Attention(
            "medium",
            "kept back",
            f"on {_number(counts['kept back'], 'bar')} the guards let not everything through",
        )
    if counts["open"] and not report.kept.running:
        yield Attention(
            "high",
            "open orders",
            f"{_number(counts['open'], 'order')} not settled: the next start finds out what became of them",
        )
    if unknown := sum(one.unknown for one in report.fees):
        yield Attention(
            "medium",
            "fees not known",
            f"of {_number(unknown, 'execution')} the fee or its worth is not known; sums leave them out",
        )
    if number := strays(report.kept):
        yield Attention(
            "medium",
            "executions without an order",
            f"{number} belong to no order of this journal; was an older copy put back?",
        )


def sentence(report: SessionReport) -> str:
    """The report in a sentence or three."""
    kept, beside = report.kept, report.beside
    if not kept.decisions:
        return "Sessions and incidents are all there is."
    span = f"{_number(len(kept.decisions), 'bar')} from {utc(kept.decisions[0].time)} to {utc(kept.decisions[-1].time)}"
    if beside is None:
        return f"{span}, as the journal alone tells them. The backtest of these days could not be run: {report.why_not.rstrip('.')}. {REMEDY}"
    points = beside.tracking.total * 1e4
    gap = (
        f"{abs(points):,.0f} basis points {'ahead' if points > 0 else 'behind'}"
        if abs(points) >= 0.5
        else "no basis point apart"
    )
    gained = (
        f"{beside.live.total_return:+.2%}, the backtest {beside.backtest.total_return:+.2%}: {gap}"
    )
    return f"{span}, {_number(beside.orders, 'order')}. The session made {gained}."


def headline(report: SessionReport) -> str:
    """The report in a few words."""
    absent, decided, orders = report.otherwise
    counts = ((absent, "bar"), (decided, "decision"), (orders, "order"))
    parts = [_number(count, noun) for count, noun in counts if count]
    but = " and ".join((", ".join(parts[:-1]), parts[-1]) if len(parts) > 1 else parts)
    words = {
        "nothing": "Nothing was decided yet.",
        "not compared": "Not compared with the backtest.",
        "alike": "As the backtest.",
    }
    return words.get(report.word, f"As the backtest but for {but}.")


def utc(seconds: float) -> str:
    """An instant as people read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _when(kind: Kind) -> str:
    return (
        f"at {utc(kind.last)}"
        if kind.times == 1
        else f"{kind.times:,} times, the last at {utc(kind.last)}"
    )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def as_json(report: SessionReport) -> dict[str, Any]:
    """Plain values by name; instants as ISO 8601, what is not known as null."""
    kept, beside = report.kept, report.beside
    found: dict[str, Any] = {
        "journal": str(kept.path),
        "account": kept.account,
        "word": report.word,
        "text": sentence(report),
        "why_not": report.why_not or None,
        "first": kept.decisions[0].time if kept.decisions else None,
        "last": kept.decisions[-1].time if kept.decisions else None,
        "attention": attention(report),
        "attendance": report.attendance._asdict() | {"missing": report.attendance.missing},
        "flows": [{"time": row.time, "flow": row.flow} for row in report.flows],
        "slippage": {"against_close": report.against_close, "against_open": report.against_open},
        "fills": [one._asdict() | _points(one) for one in report.filled],
        **{name: getattr(report, name) for name in ("fees", "nothing", "incidents", "sessions")},
        **{name: getattr(kept, name) for name in ("halted", "resumed", "running", "replayed")},
        "comparison": None,
    }
    if beside is not None:
        names = (
            "bars",
            "orders",
            "expected",
            "differences",
            "live",
            "backtest",
            "tracking",
            "notes",
        )
        found["comparison"] = {name: getattr(beside, name) for name in names} | {
            "sample": beside.prices.sample
        }
    return {name: _plain(value, name) for name, value in found.items()}


def _points(one: Filled) -> dict[str, float | None]:
    references = {"against_close": one.close, "against_open": one.open}
    return {
        name: one.against(reference) if reference else None
        for name, reference in references.items()
    }


def _plain(value: Any, name: str = "") -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(one, key) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and name in INSTANTS:
        return datetime.fromtimestamp(value, UTC).isoformat()
    return None if isinstance(value, float) and value != value else value
