"""A backtest in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from backtests.report.terminal import COLOURS, metrics_table, show_evidence, show_sample


def show_backtest(out: Console, summary: Mapping[str, Any], folder: object) -> None:
    """The verdict first, then the table, events and caveats."""
    verdict, events, window = summary["verdict"], summary["events"], summary["window"]
    if summary["sample"]:
        show_sample(out, summary["fallback"])
    if verdict:
        out.print(f"[bold]Verdict: {verdict['word']}.[/] {verdict['why']}\n")
    rows = {"strategy": summary["strategy"]} | summary["benchmarks"]
    out.print(
        metrics_table(
            rows,
            f"{window['first'][:10]} to {window['last'][:10]}, bars of {window['timeframe']}",
            out.width,
        )
    )
    if gates := summary["random_gates"]:
        shown = {
            name: "-" if gates[name] is None else f"{gates[name]:.3f}"
            for name in ("p_sharpe", "p_return")
        }
        out.print(
            f"Random gates: {gates['n']} shifts of the own gate ({gates['effective_n']:.0f} independent); "
            f"p = {shown['p_sharpe']} by Sharpe ratio, {shown['p_return']} by return"
        )
    out.print(
        f"Events: {events['independent_events']} independent, {events['breakouts']} breakouts confirmed, {events['rearmed']} re-armed, "
        f"{events['closed_events']} over"
    )
    out.print(spells_table(events["spells"]))
    if quoted := summary.get("evidence"):
        show_evidence(out, quoted)
    for caveat in summary["warnings"]:
        colour = COLOURS[caveat["severity"]]
        out.print(
            f"[{colour}]{caveat['severity']}: {caveat['about']}[/]: {caveat['text']}; {caveat['remedy']}"
        )
    out.print(f"\nWritten to {folder}")


def spells_table(spells: Sequence[Mapping[str, Any]]) -> Table:
    """The gate's openings in the window."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("opened", "closed", "why", "level", "base", "event", "strategy", "Bitcoin"):
        words = heading in ("opened", "closed", "why")
        table.add_column(heading, justify="left" if words else "right", no_wrap=words)
    for spell in spells:
        closed = spell["closed"][:10] if spell["closed"] else "open"
        table.add_row(
            spell["opened"][:10],
            closed,
            spell["reason"],
            f"{spell['level']:,.2f}",
            f"{spell['base_age']:,}",
            f"{spell['family']}{'r' if spell['rearmed'] else ''}",
            *(
                "-" if spell[key] is None else f"{spell[key]:+.0%}"
                for key in ("strategy_return", "bitcoin_return")
            ),
        )
    return table
