"""A backtest in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.report.run import tables, words
from backtests.report.terminal import (
    COLOURS,
    metrics_table,
    show_evidence,
    show_sample,
    terminal_table,
)
from backtests.runs.document import GatePeriodRecord, MetricsDocument, RandomGatesRecord
from brokers.local_paths import path_from_here
from brokers.plurals import count


def show_backtest(out: Console, document: MetricsDocument, folder: Path) -> None:
    """The verdict first, then figures, gate periods and caveats."""
    if document.sample:
        show_sample(out, document.fallback)
    _show_verdict(out, document)
    _show_figures(out, document)
    events = document.events
    independent, closed = words.verdict_events(events)
    others = events.independent_events - independent
    out.print(
        f"Events: {independent} independent"
        f" ({count(events.breakouts, 'confirmed breakout')}, {events.rearmed} re-armed),"
        f" {closed} closed"
        + (f"; {others} more by gate.base_sessions, which no verdict counts" if others else "")
    )
    out.print(gate_periods_table(events.gate_periods))
    if document.evidence:
        show_evidence(out, document.evidence.line, document.evidence.folder)
    for caveat in document.caveats:
        colour = COLOURS[caveat.severity]
        text = escape(f"{caveat.text}; {caveat.remedy}")
        out.print(f"[{colour}]{caveat.severity}: {caveat.about}[/]: {text}")
    out.print(f"\nWritten to {path_from_here(folder)}")


def _show_verdict(out: Console, document: MetricsDocument) -> None:
    """The word with its figures, or why there is none, and what would decide."""
    if document.verdict:
        out.print(f"[bold]Verdict: {document.verdict.word}.[/] {document.verdict.why}\n")
    if document.no_verdict:
        out.print(f"[bold]No verdict.[/] {escape(document.no_verdict)}\n")
    if document.required_events:
        out.print(f"{document.required_events.why}\n")
    if short := words.short_window(document):
        out.print(f"{short}\n")


def _show_figures(out: Console, document: MetricsDocument) -> None:
    """Of the strategy and its benchmarks, then the strategy's under other assumptions."""
    window = document.window
    figures = {"strategy": document.strategy, **document.benchmarks}
    rows = {name: record.model_dump() for name, record in figures.items()}
    span = f"{window.first:%Y-%m-%d} to {window.last:%Y-%m-%d}, {window.timeframe} bars"
    out.print(metrics_table(rows, span, out.width))
    if document.other_assumptions:
        out.print(terminal_table(tables.other_assumptions(document), "Under other assumptions"))
    if capacity := words.capacity(document):
        out.print(f"Capacity: {capacity}\n")
    if document.random_gates:
        out.print(_permutation_test(document.random_gates))


def _permutation_test(gates: RandomGatesRecord) -> str:
    p_sharpe, p_return = (
        "-" if p is None else f"{p:.3f}" for p in (gates.p_sharpe, gates.p_return)
    )
    shifts = count(gates.n, "circular shift")
    return (
        f"Permutation test: {shifts} of the gate ({gates.effective_n:.0f} independent);"
        f" p = {p_sharpe} by Sharpe ratio, {p_return} by return"
    )


def gate_periods_table(periods: Sequence[GatePeriodRecord]) -> Table:
    """The gate periods of the window."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("opened", "closed", "reason", "level", "base", "event", "strategy", "BTC"):
        is_text = heading in ("opened", "closed", "reason")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=is_text)
    for period in periods:
        gains = (period.strategy_return, period.bitcoin_return)
        table.add_row(
            f"{period.opened:%Y-%m-%d}",
            f"{period.closed:%Y-%m-%d}" if period.closed else "open",
            period.reason,
            f"{period.level:,.2f}",
            f"{period.base_age:,}",
            f"{period.event_id}{'r' if period.rearmed else ''}",
            *("-" if gain is None else f"{gain:+.0%}" for gain in gains),
        )
    return table
