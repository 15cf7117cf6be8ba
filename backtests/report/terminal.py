"""Tables and sentences for the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.benchmarks.labels import label
from backtests.performance.forward_returns import HORIZONS, ForwardReturns
from backtests.report.cells import BENCHMARK_COLUMNS, Column, number
from backtests.report.cells import Table as Content
from backtests.report.sentence_case import capitalize_first
from brokers.prices.quality import Quality
from brokers.prices.series import DataIssue

ALL_COLUMNS_NEED = 132  # characters; narrower terminals get the first of these
NARROW = ("total_return", "cagr", "sharpe", "max_drawdown", "exposure")
STALE_BARS = 5
SHOWN_ROWS = 8  # of a session's table; the page has them all
QUALITY_HEADINGS = (
    *("series", "source", "first", "last", "rows", "gaps", "no volume", "odd bars", "spikes"),
    *("behind", "vintage"),
)
COLOURS = {"high": "red", "medium": "yellow", "low": "dim"}
ISSUE_COLOURS = {"refused": "bold red", "high": "red", "note": "yellow"}
SHOWN_ISSUES = 3  # of one series and kind


def show_evidence(out: Console, line: str, folder: str) -> None:
    """The result of the newest `evidence` run, which is in `folder`."""
    out.print(escape(f"Evidence for the thesis ({folder}): {line}"))


def show_sample(out: Console, why: str) -> None:
    """A warning above all figures that prices are simulated, and why."""
    out.print(
        "[bold black on yellow] SAMPLE PRICES [/] A simulation pinned to a few dozen published"
        " closes, not a market: no verdict, no p-values."
    )
    if why:
        out.print(f"[yellow]{capitalize_first(why).rstrip('.')}.[/]")
    out.print()


def metrics_table(
    rows: Mapping[str, Mapping[str, float | None]],
    title: str,
    width: int,
    known: Sequence[Column] = BENCHMARK_COLUMNS,
) -> Table:
    """A row for each run or benchmark; a dash where a figure does not exist.

    Of the `known` columns a terminal narrower than `ALL_COLUMNS_NEED` gets the most important.
    """
    columns = [column for column in known if width >= ALL_COLUMNS_NEED or column[1] in NARROW]
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=0)
    table.add_column("", no_wrap=True, overflow="fold")
    texts = {
        name: [number(figures[key], form).text for _, key, form in columns]
        for name, figures in rows.items()
    }
    for column, (heading, _, _) in enumerate(columns):
        words = [*heading.split(), *(cells[column] for cells in texts.values())]
        table.add_column(heading, justify="right", width=max(map(len, words)))
    for name, cells in texts.items():
        table.add_row(label(name), *cells, style="bold" if name == "strategy" else "")
    return table


def forward_returns_table(forward_returns: Sequence[ForwardReturns], coins: Sequence[str]) -> Table:
    """Forward returns of each gate period, a row for each coin that had prices then."""
    title = "Returns after each opening of the gate"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("opened", "closed", "reason", "coin"):
        table.add_column(heading, no_wrap=True)
    for heading in HORIZONS:
        table.add_column(heading, justify="right")
    for returns in forward_returns:
        period = returns.period
        priced = [name for name in coins if any(map(_is_known, returns.by_coin[name].values()))]
        for row, name in enumerate(priced or coins[:1]):
            texts = (
                f"{period.opened:%Y-%m-%d}",
                f"{period.closed:%Y-%m-%d}" if period.closed else "open",
                period.reason or "-",
            )
            gains = (
                f"{gain:+.0%}" if gain is not None else "-"
                for gain in returns.by_coin[name].values()
            )
            table.add_row(*(texts if row == 0 else ("", "", "")), name, *gains)
    return table


def _is_known(gain: float | None) -> bool:
    return gain is not None


def terminal_table(content: Content, title: str, shown: int = SHOWN_ROWS) -> Table:
    """A page's table for the terminal, `shown` rows of it."""
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for heading, is_number in content.headings:
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number)
    for row in content.rows[:shown]:
        style = "bold" if row[0].kind == "own" else ""
        table.add_row(*(escape(cell.text) for cell in row), style=style)
    if len(content.rows) > shown:
        table.add_row(f"... and {len(content.rows) - shown:,} more")
    return table


def show_quality(out: Console, series: Sequence[Quality], issues: Sequence[DataIssue] = ()) -> None:
    """A row for each series, then what was repaired while loading and what is implausible."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in QUALITY_HEADINGS:
        is_text = heading in ("series", "source", "first", "last", "vintage")
        table.add_column(heading, justify="left" if is_text else "right")
    for quality in series:
        table.add_row(*_quality_row(quality))
    out.print(table)
    out.print(
        "gaps: missing bars inside; odd bars: open or close outside high and low;"
        " behind: bars missing at the end until now"
    )
    for quality in series:
        for note in quality.notes:
            out.print(escape(f"{quality.origin}: {note}"))
    show_issues(out, issues)


def show_issues(out: Console, issues: Sequence[DataIssue]) -> None:
    """What is implausible about prices, of a series and kind no more than a few lines."""
    numbers = Counter[tuple[str, str]]()
    for issue in issues:
        key = (issue.symbol, issue.kind)
        numbers[key] += 1
        if numbers[key] <= SHOWN_ISSUES:
            out.print(f"[{ISSUE_COLOURS[issue.severity]}]{issue.severity}[/]: {escape(issue.text)}")
    for (symbol, kind), total in numbers.items():
        if total > SHOWN_ISSUES:
            out.print(escape(f"{symbol}: {kind}: {total - SHOWN_ISSUES:,} more like it"))


def _quality_row(quality: Quality) -> tuple[str, ...]:
    behind = str(quality.behind)
    return (
        quality.name,
        quality.source,
        f"{quality.first:%Y-%m-%d}",
        f"{quality.last:%Y-%m-%d}",
        f"{quality.rows:,}",
        f"{quality.gaps} (last {quality.last_gap})" if quality.gaps else "0",
        str(quality.no_volume),
        str(quality.odd_bars),
        f"{quality.spikes} (last {quality.last_spike})" if quality.spikes else "0",
        f"[red]{behind}[/]" if quality.behind > STALE_BARS else behind,
        quality.vintage[:8],
    )
