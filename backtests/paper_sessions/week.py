"""One line on the last week of a paper session: its return, the backtest's, and why they differ.

    python -m backtests.paper_sessions.week JOURNAL NOW

`NOW` in epoch seconds. A process of its own, as `week_process` starts it: its prices and its
backtest take memory and time that a session must not give.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from backtests.paper_sessions.summary import SessionReport, session_report
from backtests.paper_sessions.tracking import TrackedDifference, TrackingReport
from brokers.clock import utc_text
from brokers.plurals import count

DAYS = 7
MOST = 8  # reasons that are listed
NICENESS = 10


def week_line(journal: Path, now: float) -> str:
    """The week up to the newest decision of the journal, with the prices known at `now`.

    Raises
    ------
    JournalError
        It is damaged, or no journal.

    """
    report = session_report(journal, (), pd.Timestamp(now, unit="s", tz="UTC"))
    if not report.journal.decisions:
        return "No decisions yet."
    end = report.journal.decisions[-1].time
    start = end - DAYS * 86_400
    live = _live_return(report, start)
    if report.comparison is None:
        return (
            f"The week to {utc_text(end)}: live {live:+.2%}, not compared with the backtest: "
            f"{report.why_not}"
        )
    return f"The week to {utc_text(end)}: {_comparison_text(report.comparison, start)}"


def _live_return(report: SessionReport, start: int) -> float:
    """Gain of a unit of the account since `start`, or since its first bar."""
    rows = report.journal.equity
    base = next((row for row in reversed(rows) if row.time <= start), rows[0])
    return rows[-1].unit_value / base.unit_value - 1.0


def _comparison_text(comparison: TrackingReport, start: int) -> str:
    curves = comparison.curves
    first = pd.Timestamp(start, unit="s", tz="UTC")
    begin = max(int(curves.index.searchsorted(first, side="right")) - 1, 0)
    gains = {
        name: float(curves[name].iloc[-1] / curves[name].iloc[begin] - 1.0)
        for name in ("live", "backtest")
    }
    points = round((gains["live"] - gains["backtest"]) * 1e4)
    returns = f"live {gains['live']:+.2%}, backtest {gains['backtest']:+.2%}"
    gap = f"{count(abs(points), 'basis point')} {'ahead' if points > 0 else 'behind'}"
    reasons = [*_reasons(comparison, start)]
    if not reasons:
        reasons = [
            "the same decisions and orders"
            + ("; what differs are prices of fills, fees and rounding" if points else "")
        ]
    more = [f"and {len(reasons) - MOST} more"] if len(reasons) > MOST else []
    listed = "; ".join([*reasons[:MOST], *more])
    return f"{returns}{f' ({gap})' if points else ''}: {listed}."


def _reasons(comparison: TrackingReport, start: int) -> Iterator[str]:
    """Each difference of the week with its reason; those that only follow are counted."""
    differences = [found for found in comparison.differences if found.time > start]
    yield from map(_difference_text, (found for found in differences if not found.follows))
    if following := sum(found.follows for found in differences):
        noun = count(following, "difference")
        yield f"{noun} because earlier fills, fees or cash flows differ"
    if differences:
        yield from (note.rstrip(".") for note in comparison.notes)


def _difference_text(found: TrackedDifference) -> str:
    return (
        f"{utc_text(found.time)} {found.what}: live {found.live}, backtest {found.backtest} "
        f"({found.cause.rstrip('.')})"
    )


if __name__ == "__main__":
    os.nice(NICENESS)
    print(week_line(Path(sys.argv[1]), float(sys.argv[2])))
