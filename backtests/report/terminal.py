"""Tables and sentences for the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.performance.forward_returns import HORIZONS, Opening
from brokers.prices.quality import Quality

if TYPE_CHECKING:  # cost the journal's start-up, and backtrader's
    from backtests.report.cells import Table as Content

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
ALL_COLUMNS_NEED = 130  # characters; narrower terminals get the first of these
NARROW = ("total_return", "cagr", "sharpe", "max_drawdown", "exposure")
STALE_BARS = 5
TOLD = 8  # rows of a session's table; the page has them all
COLOURS = {"high": "red", "medium": "yellow", "low": "dim"}


def show_evidence(out: Console, quoted: Mapping[str, Any]) -> None:
    """The newest word on the thesis itself."""
    out.print(escape(f"The thesis on trial ({quoted['folder']}): {quoted['line']}"))


def show_sample(out: Console, why: str) -> None:
    """What must be known before any figure that follows."""
    out.print(
        "[bold black on yellow] SAMPLE PRICES [/] A simulation pinned to a few dozen published closes, not a market: no verdict, no p."
    )
    if why:
        out.print(f"[yellow]{why[0].upper()}{why[1:].rstrip('.')}.[/]")
    out.print()


def metrics_table(
    rows: Mapping[str, Mapping[str, Any]],
    title: str,
    width: int,
    known: Sequence[tuple[str, str, str]] = COLUMNS,
) -> Table:
    """One line a run or benchmark, a dash where a figure does not exist; fewer of the `known` figures where `width` characters are few."""
    columns = [column for column in known if width >= ALL_COLUMNS_NEED or column[1] in NARROW]
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("", no_wrap=True)
    for heading, _, _ in columns:
        table.add_column(heading, justify="right")
    for name, metrics in rows.items():
        cells = [
            "-" if metrics[key] is None else form.format(metrics[key]) for _, key, form in columns
        ]
        table.add_row(name.replace("_", " "), *cells, style="bold" if name == "strategy" else "")
    return table


def openings_table(found: Sequence[Opening], coins: Sequence[str]) -> Table:
    """What each earlier opening was followed by, one line an opening and coin that had prices then."""
    table = Table(
        title="What earlier openings were followed by", box=box.SIMPLE_HEAD, title_justify="left"
    )
    for heading in ("opened", "closed", "why", "coin"):
        table.add_column(heading, no_wrap=True)
    for heading in HORIZONS:
        table.add_column(heading, justify="right")
    for one in found:
        spell = one.spell
        names = [
            name for name in coins if any(value is not None for value in one.after[name].values())
        ]
        for number, name in enumerate(names or coins[:1]):
            when = (
                f"{spell.opened:%Y-%m-%d}",
                f"{spell.closed:%Y-%m-%d}" if spell.closed else "open",
                spell.reason or "-",
            )
            gains = (
                "-" if value is None else f"{value:+.0%}" for value in one.after[name].values()
            )
            table.add_row(*(when if number == 0 else ("", "", "")), name, *gains)
    return table


def plain_table(content: "Content", title: str, told: int = TOLD) -> Table:
    """A page's table for the terminal, `told` rows of it; second lines of its cells stand below the first."""
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for heading, is_number in content.headings:
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number)
    for row in content.rows[:told]:
        table.add_row(
            *(escape(cell.text) for cell in row), style="bold" if row[0].kind == "own" else ""
        )
    if len(content.rows) > told:
        table.add_row(f"... and {len(content.rows) - told} more")
    return table


def show_quality(out: Console, found: Sequence[Quality]) -> None:
    """A line a series, then what was mended on the way in."""
    table = Table(box=box.SIMPLE_HEAD)
    headings = (
        "series",
        "source",
        "first",
        "last",
        "rows",
        "gaps",
        "no volume",
        "odd bars",
        "spikes",
        "behind",
        "vintage",
    )
    for heading in headings:
        table.add_column(
            heading,
            justify="left"
            if heading in ("series", "source", "first", "last", "vintage")
            else "right",
        )
    for one in found:
        counts = (
            f"{one.gaps} (last {one.last_gap})" if one.gaps else "0",
            one.no_volume,
            one.odd_bars,
        )
        spikes = f"{one.spikes} (last {one.last_spike})" if one.spikes else "0"
        dates = (f"{one.first:%Y-%m-%d}", f"{one.last:%Y-%m-%d}", f"{one.rows:,}")
        behind = f"[red]{one.behind}[/]" if one.behind > STALE_BARS else str(one.behind)
        table.add_row(
            one.name, one.source, *dates, *map(str, counts), spikes, behind, one.vintage[:8]
        )
    out.print(table)
    out.print(
        "gaps: missing bars inside; odd bars: open or close outside high and low; behind: bars missing at the end until now"
    )
    for one in found:
        for note in one.notes:
            out.print(f"{one.origin}: {note}")
