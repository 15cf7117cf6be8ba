"""What a table is made of: what each cell shows, by what it sorts, how it is coloured."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backtests.report.figures import words

NONE = "-"
LOWEST = "-Infinity"  # by what a missing number sorts, as JavaScript reads it
LAST = "zz"  # sorts behind every name and date


class Cell(NamedTuple):
    """`sort` orders the column (text sorts by itself if None); `shade` from -1 (loss) to 1 (gain) colours it."""

    text: str
    sort: float | str | None = None
    kind: str = ""
    shade: float = 0.0


class Table(NamedTuple):
    """`headings` with whether the column holds numbers."""

    headings: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[Cell]]


def number(value: float | None, form: str) -> Cell:
    """A figure in `form`; a dash where it does not exist."""
    return (
        Cell(NONE, LOWEST, "number")
        if value is None or value != value
        else Cell(form.format(value), value, "number")
    )


def gain(value: float | None, form: str) -> Cell:
    """As `number`, coloured by its sign."""
    cell = number(value, form)
    if value is None or not any(digit in cell.text for digit in "123456789"):
        return cell._replace(text=cell.text.lstrip("+-") or NONE)
    return cell._replace(kind="number good" if value > 0 else "number bad")


Column = tuple[str, str, str]  # heading, name of the figure, form
BENCHMARK_COLUMNS: tuple[Column, ...] = (
    ("total return", "total_return", "{:+,.0%}"),
    ("per year", "cagr", "{:+.1%}"),
    ("Sharpe", "sharpe", "{:.2f}"),
    ("max drawdown", "max_drawdown", "{:.0%}"),
    ("days under", "max_drawdown_days", "{:,}"),
    ("volatility", "volatility", "{:.0%}"),
    ("Sortino", "sortino", "{:.2f}"),
    ("Calmar", "calmar", "{:.2f}"),
    ("exposure", "exposure", "{:.0%}"),
    ("turnover/yr", "turnover", "{:.1f}"),
    ("orders", "orders", "{:,}"),
)


def side_by_side(
    everyone: Mapping[str, Mapping[str, Any]],
    intervals: Mapping[str, Mapping[str, Sequence[float]]],
    columns: Sequence[Column],
    own: str,
) -> Table:
    """Figures by name, one row each, that of `own` marked; (low, high) of an interval in a second line of the cell."""
    rows = []
    for name, metrics in everyone.items():
        spans = intervals.get(name, {})
        cells = [Cell(words(name), None, "own" if name == own else "")]
        for _, key, form in columns:
            cell, span = (
                number(metrics[key], form),
                interval(spans.get(key), form) if metrics[key] is not None else "",
            )
            cells.append(cell._replace(text=f"{cell.text}\n{span}") if span else cell)
        rows.append(cells)
    return Table([("", False), *((heading, True) for heading, _, _ in columns)], rows)


def interval(bounds: Sequence[float] | None, form: str) -> str:
    """(low, high) in words, "" for none."""
    return f"{form.format(bounds[0])} to {form.format(bounds[1])}" if bounds else ""
