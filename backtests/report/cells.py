"""Tables: what each cell shows, by what it sorts, how it is coloured."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backtests.benchmarks.labels import label

NONE = "-"
LOWEST = "-Infinity"  # by what a missing number sorts, as JavaScript reads it
LAST = "zz"  # sorts behind every name and date


class Cell(NamedTuple):
    """`sort` orders the column (None: the text does), `shade` colours it, -1 (loss) to 1 (gain)."""

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
    if value is None or value != value:
        return Cell(NONE, LOWEST, "number")
    text = form.format(value)
    is_zero = not any(digit in text for digit in "123456789")
    return Cell(text.lstrip("-") if is_zero else text, value, "number")


def gain(value: float | None, form: str) -> Cell:
    """As `number`, coloured by its sign."""
    cell = number(value, form)
    if value is None or not any(digit in cell.text for digit in "123456789"):
        return cell._replace(text=cell.text.lstrip("+-") or NONE)
    return cell._replace(kind="number good" if value > 0 else "number bad")


Column = tuple[str, str, str]  # heading, name of the figure, form
BENCHMARK_COLUMNS: tuple[Column, ...] = (
    ("total return", "total_return", "{:+,.0%}"),
    ("CAGR", "cagr", "{:+.1%}"),
    ("Sharpe ratio", "sharpe", "{:.2f}"),
    ("max drawdown", "max_drawdown", "{:.0%}"),
    ("longest drawdown (days)", "max_drawdown_days", "{:,}"),
    ("volatility", "volatility", "{:.0%}"),
    ("Sortino", "sortino", "{:.2f}"),
    ("Calmar", "calmar", "{:.2f}"),
    ("average exposure", "exposure", "{:.0%}"),
    ("turnover a year", "turnover", "{:.1f}"),
    ("orders", "orders", "{:,}"),
)


def side_by_side(
    rows: Mapping[str, Mapping[str, float | None]],
    intervals: Mapping[str, Mapping[str, Sequence[float]]],
    columns: Sequence[Column],
    own: str,
) -> Table:
    """Figures by name, one row each, that of `own` marked; intervals in a second line of a cell."""
    table_rows = []
    for name, figures in rows.items():
        bounds = intervals.get(name, {})
        cells = [Cell(label(name), None, "own" if name == own else "")]
        for _, key, form in columns:
            cell = number(figures[key], form)
            span = interval(bounds.get(key), form) if figures[key] is not None else ""
            cells.append(cell._replace(text=f"{cell.text}\n{span}") if span else cell)
        table_rows.append(cells)
    return Table([("", False), *((heading, True) for heading, _, _ in columns)], table_rows)


def interval(bounds: Sequence[float] | None, form: str) -> str:
    """(low, high) as text, "" for none."""
    return f"{form.format(bounds[0])} to {form.format(bounds[1])}" if bounds else ""
