"""What a paper session's orders cost, and which were not filled."""

from collections.abc import Mapping, Sequence

from backtests.paper_sessions.execution import FilledOrder, UnfilledState, slippage
from backtests.paper_sessions.summary import SessionReport
from backtests.report.cells import LAST, NONE, Cell, Table, number
from backtests.report.session import rows

STATE_LABELS: Mapping[UnfilledState, str] = {
    "kept back": "blocked by a guard",
    "refused": "refused",
    "abandoned": "abandoned",
    "open": "open",
    "cut": "not filled in full",
}


def slippage_by_coin(report: SessionReport) -> Table:
    """Slippage and fees by coin, and of all coins."""
    headings = (
        ("", False),
        ("orders", True),
        ("traded value", True),
        ("slippage, next open (bp)", True),
        ("slippage, close (bp)", True),
        ("slippage cost", True),
        ("fees", True),
        ("fees (bp)", True),
    )
    coins = dict.fromkeys(fill.coin for fill in report.filled)
    cells = [
        [Cell(coin), *_cost_cells([fill for fill in report.filled if fill.coin == coin])]
        for coin in coins
    ]
    if len(coins) > 1:
        cells.append([Cell("all", LAST, "own"), *_cost_cells(report.filled)])
    return Table(headings, cells)


def _cost_cells(fills: Sequence[FilledOrder]) -> list[Cell]:
    traded, paid = sum(fill.value for fill in fills), sum(fill.fee for fill in fills)
    opens = slippage(fills, against_open=True)
    return [
        number(len(fills), "{:,}"),
        number(traded, "{:,.0f}"),
        _slippage_cell(fills, against_open=True),
        _slippage_cell(fills, against_open=False),
        number(opens.cost if opens else None, "{:+,.2f}"),
        number(paid, "{:,.2f}"),
        number(paid / traded * 1e4, "{:.1f}"),
    ]


def _slippage_cell(fills: Sequence[FilledOrder], *, against_open: bool) -> Cell:
    points = slippage(fills, against_open=against_open)
    cell = number(points.median if points else None, "{:+.1f}")
    if not points:
        return cell
    detail = f"mean {points.mean:+.1f}, worst {points.worst:+.1f}"
    return cell._replace(text=f"{cell.text}\n{detail}")


def fills(report: SessionReport) -> Table:
    """Every filled order, the newest first."""
    headings = (
        ("bar (UTC)", False),
        ("seconds after bar", True),
        ("coin", False),
        ("side", False),
        ("size", True),
        ("price", True),
        ("value", True),
        ("slippage, next open (bp)", True),
        ("slippage, close (bp)", True),
        ("fee", True),
        ("executions", True),
    )
    bars = _decided_bars(report)
    return Table(
        headings,
        [_fill_cells(fill, on_bar=fill.time in bars) for fill in rows.newest_first(report.filled)],
    )


def _decided_bars(report: SessionReport) -> set[int]:
    """Ends of the decided bars; an order of another time is of a sale of everything."""
    return {row.time for row in report.journal.decisions}


def _decided_cell(time: int, *, on_bar: bool) -> Cell:
    return Cell(rows.moment(time) if on_bar else f"{rows.moment(time)} flatten")


def _fill_cells(fill: FilledOrder, *, on_bar: bool) -> list[Cell]:
    is_buy = fill.size > 0
    return [
        _decided_cell(fill.time, on_bar=on_bar),
        number(fill.at - fill.time if on_bar else None, "{:,.0f}"),
        Cell(fill.coin),
        Cell("buy" if is_buy else "sell", None, "good" if is_buy else "bad"),
        number(abs(fill.size), "{:,.6g}"),
        number(fill.price, "{:,.6g}"),
        number(fill.value, "{:,.2f}"),
        number(fill.slippage(fill.open) if fill.open else None, "{:+.1f}"),
        number(fill.slippage(fill.close) if fill.close else None, "{:+.1f}"),
        number(fill.fee, "{:,.4f}"),
        number(fill.executions, "{:,}"),
    ]


def fees(report: SessionReport) -> Table:
    """What was paid in which coin."""
    headings = (
        ("paid in", False),
        ("units", True),
        (f"value, {report.journal.setup.quote}", True),
        ("executions", True),
        ("not known", True),
    )
    cells = [
        [
            Cell(fees.coin),
            number(fees.units, "{:,.8g}"),
            number(fees.worth, "{:,.2f}"),
            number(fees.executions, "{:,}"),
            number(fees.unknown, "{:,}"),
        ]
        for fees in report.fees
    ]
    return Table(headings, cells)


def unfilled(report: SessionReport) -> Table:
    """Orders that were not filled, or not in full, the newest first."""
    bars = _decided_bars(report)
    cells = [
        [
            _decided_cell(order.time, on_bar=order.time in bars),
            Cell(order.order or NONE),
            Cell(STATE_LABELS[order.state]),
            Cell(order.why, None, "sentence"),
        ]
        for order in rows.newest_first(report.unfilled)
    ]
    headings = (("bar (UTC)", False), ("order", False), ("state", False), ("reason", False))
    return Table(headings, cells)
