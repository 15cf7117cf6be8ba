"""What the finding of a run asks of its window and its settings: no world can change these."""

from backtests.benchmarks.verdict import MIN_GATES, MIN_SHIFTS
from backtests.calibration.document import Requirement
from backtests.calibration.runs import Result
from backtests.evidence.document import EvidenceDocument
from backtests.runs.backtest import Backtest
from backtests.statistics.required_events import MIN_EVENTS
from backtests.tuning.validation.findings import Findings
from config.settings import Settings


def requirements_of(result: Result, settings: Settings) -> tuple[Requirement, ...]:
    """What a *better* backtest or a *recommended* search needs that is the same in every world.

    Only coins are drawn: breakouts, gate, and so independent shifts stay as they are. Not so where
    the gate itself reads a coin; then nothing is said of it. None of evidence.
    """
    if isinstance(result, EvidenceDocument):
        return ()
    if isinstance(result, Backtest):
        return _of_backtest(result, settings)
    return _of_search(result, settings)


def _of_backtest(result: Backtest, settings: Settings) -> tuple[Requirement, ...]:
    gates = result.comparison.random_gates if result.comparison else None
    tried = gates.n if gates else 0
    rows = [Requirement(what="shifted gates", has=tried, needs=MIN_GATES)]
    if settings.confirmations.exhaustion.enabled:  # the gate reads a coin
        return tuple(rows)
    if gates:
        shifts = gates.effective_n
        rows.append(Requirement(what="independent shifts", has=shifts, needs=MIN_SHIFTS))
    events = result.events.of_verdict().closed_events
    rows.append(Requirement(what="independent closed events", has=events, needs=MIN_EVENTS))
    return tuple(rows)


def _of_search(result: Findings, settings: Settings) -> tuple[Requirement, ...]:
    """No parameter set can hold coins in more breakouts than the window has."""
    breakouts = len(result.study.partition.events)
    needed = settings.tune.verdict.min_events
    return (Requirement(what="independent breakouts", has=breakouts, needs=needed),)
