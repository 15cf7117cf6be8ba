"""A paper session in numbers: what it did, what it cost, how far it is from the backtest."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from backtests.paper_sessions import execution
from backtests.paper_sessions.backtest_inputs import load_session_prices, session_settings
from backtests.paper_sessions.execution import Fees, FilledOrder, Slippage, UnfilledOrder
from backtests.paper_sessions.recording import JournalSnapshot, read_journal
from backtests.paper_sessions.tracking import TrackingReport, compare_with_backtest
from backtests.paper_sessions.uptime import (
    SessionSummary,
    Uptime,
    measure_uptime,
    summarize_sessions,
)
from brokers.journal.records import EquityRow, Severity
from brokers.local_paths import name_paths
from brokers.prices.series import DataError
from brokers.progress import Progress
from config.settings import ConfigError

WORST_FIRST = ("critical", "warning", "info")


class Agreement(StrEnum):
    """Whether the paper session did what the backtest does; the values are those of `--json`."""

    NO_DECISIONS = "nothing"
    NOT_COMPARED = "not compared"
    MATCHES = "alike"
    DIFFERS = "otherwise"


class DifferenceCounts(NamedTuple):
    """Missed bars, and decisions and orders that differ from the backtest's.

    Without those that follow from earlier fills, fees and cash flows.
    """

    bars: int
    decisions: int
    orders: int


class IncidentSummary(NamedTuple):
    """All incidents of one kind: how many, first and last (epoch seconds), text of the last."""

    kind: str
    severity: Severity
    times: int
    first: float
    last: float
    text: str


class SessionReport(NamedTuple):
    """Everything that the page, the terminal and `--json` show.

    `comparison` is None where the backtest could not be run; `why_not` says why.
    """

    journal: JournalSnapshot
    uptime: Uptime
    sessions: list[SessionSummary]
    filled: list[FilledOrder]
    fees: list[Fees]
    unfilled: list[UnfilledOrder]
    incidents: list[IncidentSummary]
    comparison: TrackingReport | None
    why_not: str

    @property
    def flows(self) -> list[EquityRow]:
        """Bars at which there was a deposit or a withdrawal since the one before."""
        return [row for row in self.journal.equity if row.flow]

    @property
    def against_open(self) -> Slippage | None:
        """Slippage of all fills against the open after the decision."""
        return execution.slippage(self.filled, against_open=True)

    @property
    def against_close(self) -> Slippage | None:
        """Slippage of all fills against the close decided on."""
        return execution.slippage(self.filled, against_open=False)

    @property
    def total_return(self) -> float | None:
        """Gain of a unit of the account since the first bar, a fraction."""
        equity = self.journal.equity
        return equity[-1].unit_value / equity[0].unit_value - 1.0 if equity else None

    @property
    def difference_counts(self) -> DifferenceCounts:
        """How many bars, decisions and orders differ from the backtest's."""
        differences = self.comparison.differences if self.comparison else ()
        independent = [difference for difference in differences if not difference.follows]
        bars = sum(difference.live == "no decision" for difference in independent)
        orders = sum(difference.what.startswith("order") for difference in independent)
        return DifferenceCounts(bars, len(independent) - orders - bars, orders)

    @property
    def waiting_orders(self) -> int:
        """Filled orders that are not compared yet.

        The bar at whose open the backtest would fill them has not closed, or prices end before it.
        """
        return len(self.filled) - self.comparison.live.orders if self.comparison else 0

    @property
    def agreement(self) -> Agreement:
        """Whether it matches the backtest."""
        if not self.journal.decisions:
            return Agreement.NO_DECISIONS
        if self.comparison is None:
            return Agreement.NOT_COMPARED
        return Agreement.DIFFERS if any(self.difference_counts) else Agreement.MATCHES


def session_report(
    path: Path, overrides: Sequence[str], now: pd.Timestamp, progress: Progress | None = None
) -> SessionReport:
    """Read the journal at `path` and compare it with the backtest of its days.

    Where the prices known at `now` cannot be used, the report is of the journal alone.

    Raises
    ------
    ConfigError
        An override cannot be used.
    JournalError
        It is damaged, or no journal.

    """
    journal = read_journal(path)
    comparison, why_not = _compare(journal, overrides, now, progress)
    return SessionReport(
        journal=journal,
        uptime=measure_uptime(journal, comparison.idle if comparison else frozenset()),
        sessions=summarize_sessions(journal),
        filled=execution.filled_orders(journal, comparison.opens if comparison else {}),
        fees=execution.fees(journal),
        unfilled=execution.unfilled_orders(journal),
        incidents=_summarize_incidents(journal),
        comparison=comparison,
        why_not=why_not,
    )


def _compare(
    journal: JournalSnapshot,
    overrides: Sequence[str],
    now: pd.Timestamp,
    progress: Progress | None,
) -> tuple[TrackingReport | None, str]:
    """The comparison, or why there is none."""
    if not journal.decisions:
        return None, "there are no decisions yet"
    try:
        session_settings(journal, ())
    except ConfigError as error:
        return None, name_paths(str(error))
    settings = session_settings(journal, overrides)  # any error now is in the override
    try:
        prices = load_session_prices(settings, now, progress)
        if progress:
            progress("backtrader")
        return compare_with_backtest(journal, settings, prices), ""
    except DataError as error:
        return None, name_paths(str(error))


def _summarize_incidents(journal: JournalSnapshot) -> list[IncidentSummary]:
    """Worst first, then the newest."""
    by_kind: dict[tuple[str, str], IncidentSummary] = {}
    for row in journal.incidents:  # newest first
        summary = by_kind.get((row.kind, row.severity)) or IncidentSummary(
            kind=row.kind,
            severity=row.severity,
            times=0,
            first=row.time,
            last=row.last,
            text=row.text,
        )
        by_kind[row.kind, row.severity] = summary._replace(
            times=summary.times + row.count, first=min(summary.first, row.time)
        )
    return sorted(by_kind.values(), key=lambda kind: (WORST_FIRST.index(kind.severity), -kind.last))
