"""Tables and sentences for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = (
    ("total return", "total_return", "{:+,.0%}"),
    ("per year", "cagr", "{:+.1%}"),
    ("volatility", "volatility", "{:.0%}"),
    ("Sharpe", "sharpe", "{:.2f}"),
    ("Sortino", "sortino", "{:.2f}"),
    ("Calmar", "calmar", "{:.2f}"),
    ("max drawdown", "max_drawdown", "{:.0%}"),
    ("days under", "max_drawdown_days", "{:,}"),
    ("exposure", "exposure", "{:.0%}"),
    ("turnover/yr", "turnover", "{:.1f}"),
    ("orders", "orders", "{:,}"),
)
COLOURS = {"high": "red", "medium": "yellow", "low": "dim"}


def console(error: bool = False) -> Console:
    """Where people read; wide enough for the table when there is no terminal to ask."""
    found = Console(stderr=error, highlight=False)
    return found if found.is_terminal else Console(stderr=error, highlight=False, width=160)


def show_backtest(out: Console, summary: Mapping[str, Any], folder: object) -> None:
    """The verdict first, then the table, events and caveats."""
    verdict, events, window = summary["verdict"], summary["events"], summary["window"]
    if verdict:
        out.print(f"[bold]Verdict: {verdict['word']}.[/] {verdict['why']}\n")
    rows = {"strategy": summary["strategy"]} | summary["benchmarks"]
    out.print(metrics_table(rows, f"{window['first'][:10]} to {window['last'][:10]}, bars of {window['timeframe']}"))
    if gates := summary["random_gates"]:
        shown = {name: "-" if gates[name] is None else f"{gates[name]:.3f}" for name in ("p_sharpe", "p_return")}
        out.print(
            f"Random gates: {gates['n']} shifts of the own gate ({gates['effective_n']:.0f} independent); "
            f"p = {shown['p_sharpe']} by Sharpe ratio, {shown['p_return']} by return"
        )
    out.print(
        f"Events: {events['independent_events']} independent, {events['breakouts']} breakouts confirmed, {events['rearmed']} re-armed, "
        f"{events['closed_events']} over"
    )
    out.print(spells_table(events["spells"]))
    for caveat in summary["warnings"]:
        colour = COLOURS[caveat["severity"]]
        out.print(f"[{colour}]{caveat['severity']}: {caveat['about']}[/]: {caveat['text']}; {caveat['remedy']}")
    out.print(f"\nWritten to {folder}")


def metrics_table(rows: Mapping[str, Mapping[str, Any]], title: str) -> Table:
    """One line a run or benchmark; a dash where a figure does not exist."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("")
    for heading, _, _ in COLUMNS:
        table.add_column(heading, justify="right")
    for name, metrics in rows.items():
        cells = ["-" if metrics[key] is None else form.format(metrics[key]) for _, key, form in COLUMNS]
        table.add_row(name.replace("_", " "), *cells, style="bold" if name == "strategy" else "")
    return table


def spells_table(spells: Sequence[Mapping[str, Any]]) -> Table:
    """The gate's openings in the window."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("opened", "closed", "why", "level", "base", "event", "strategy", "Bitcoin"):
        table.add_column(heading, justify="left" if heading in ("opened", "closed", "why") else "right")
    for spell in spells:
        closed = spell["closed"][:10] if spell["closed"] else "open"
        table.add_row(
            spell["opened"][:10],
            closed,
            spell["reason"],
            f"{spell['level']:,.2f}",
            f"{spell['base_age']:,}",
            f"{spell['family']}{'r' if spell['rearmed'] else ''}",
            *("-" if spell[key] is None else f"{spell[key]:+.0%}" for key in ("strategy_return", "bitcoin_return")),
        )
    return table
