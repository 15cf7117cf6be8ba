"""The tables of a run: the text of each cell, by what it sorts, how it is coloured."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from backtests.performance.attribution import OUTSIDE
from backtests.report.cells import (
    BENCHMARK_COLUMNS,
    LAST,
    LOWEST,
    NONE,
    Cell,
    Table,
    gain,
    interval,
    number,
    side_by_side,
)
from backtests.report.run.stored_settings import StoredSettings
from backtests.report.run.words import verdict_events
from backtests.runs.document import (
    AblationRecord,
    Figures,
    GatePeriodRecord,
    MetricsDocument,
    ProfitRecord,
)
from brokers.plurals import count
from strategies.sentences import UNCHANGED

ORDERS = "decided filled symbol side size price value fee status reason"
FILES: dict[str, tuple[str, ...]] = {
    "equity": ("time", "value"),
    "curves": ("time", "strategy"),
    "gate": ("session_close", "close", "level", "state", "reason", "ceiling"),
    "orders": tuple(ORDERS.split()),
    "decisions": ("time", "state", "ceiling", "reason"),
}  # a run's tables with the columns read here
INSTANTS = {"time", "session_close", "decided", "filled"}
NUMBERS = {"value", "strategy", "close", "level", "ceiling", "size", "price", "fee"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DEEP_SHADE = 0.25  # a month's return that gets the full colour


def tiles(document: MetricsDocument) -> list[tuple[str, str, str]]:
    """The headline figures: what, the figure, a line below it; yearly ones where there are any."""
    strategy = document.strategy
    events, closed_events = verdict_events(document.events)
    bounds = document.intervals.get("strategy", {})
    bitcoin = document.benchmarks.get("hold_bitcoin")

    def rival(figure: float | None, form: str) -> str:
        return f"hold BTC {number(figure, form).text}" if bitcoin else ""

    sharpe, growth, drawdown = "{:.2f}", "{:+.1%}", "{:.0%}"
    yearly = [
        (
            "CAGR",
            number(strategy.cagr, growth).text,
            rival(bitcoin.cagr if bitcoin else None, growth),
        ),
        (
            "Sharpe ratio",
            number(strategy.sharpe, sharpe).text,
            interval(bounds.get("sharpe"), sharpe)
            or rival(bitcoin.sharpe if bitcoin else None, sharpe),
        ),
    ]
    total = (
        "total return",
        number(strategy.total_return, growth).text,
        rival(bitcoin.total_return if bitcoin else None, growth),
    )
    return [
        *([total] if strategy.cagr is None else yearly),
        (
            "maximum drawdown",
            number(strategy.max_drawdown, drawdown).text,
            rival(bitcoin.max_drawdown if bitcoin else None, drawdown),
        ),
        (
            "average exposure",
            number(strategy.exposure, "{:.0%}").text,
            count(strategy.orders, "order"),
        ),
        (
            "independent events",
            str(events),
            f"{closed_events:,} of them closed",
        ),
    ]


def benchmarks(document: MetricsDocument) -> Table:
    """The strategy and its benchmarks; bootstrap intervals in a second line of the cell."""
    figures = {"strategy": document.strategy, **document.benchmarks}
    rows = {name: record.model_dump() for name, record in figures.items()}
    return side_by_side(rows, document.intervals, BENCHMARK_COLUMNS, "strategy")


def gate_periods(document: MetricsDocument) -> Table:
    """Each gate period of the window."""
    headings = [
        *(("opened", False), ("closed", False), ("reason", False), ("level", True)),
        *(("base (sessions)", True), ("event", False), ("strategy", True), ("BTC", True)),
    ]
    return Table(headings, [_gate_period(period) for period in document.events.gate_periods])


def _gate_period(period: GatePeriodRecord) -> list[Cell]:
    closed = f"{period.closed:%Y-%m-%d}" if period.closed else "open"
    return [
        Cell(f"{period.opened:%Y-%m-%d}"),
        Cell(closed, closed if period.closed else "9999"),
        Cell(period.reason or NONE),
        number(period.level, "{:,.2f}"),
        number(period.base_age, "{:,}"),
        Cell(f"{period.event_id}{', re-armed' if period.rearmed else ''}"),
        gain(period.strategy_return, "{:+.0%}"),
        gain(period.bitcoin_return, "{:+.0%}"),
    ]


def profit(profits: ProfitRecord) -> Table:
    """Quote units by gate period and coin, with sums; interest on cash, if any, has a row."""
    form = "{:+,.0f}"
    rows = [
        [Cell(name), *(gain(amount, form) for amount in (*amounts, sum(amounts)))]
        for name, amounts in profits.by_gate_period.items()
        if name != OUTSIDE or any(amounts)
    ]
    if profits.interest:
        empty = (Cell("", 0.0, "number") for _ in profits.coins)
        rows.append([Cell("interest on cash"), *empty, gain(profits.interest, form)])
    by_coin = [
        sum(amounts[column] for amounts in profits.by_gate_period.values())
        for column in range(len(profits.coins))
    ]
    total = sum(by_coin) + profits.interest
    rows.append([Cell("total", LAST, "own"), *(gain(value, form) for value in (*by_coin, total))])
    headings = [("period opened", False), *((coin, True) for coin in profits.coins)]
    return Table([*headings, ("total", True)], rows)


def ablation(document: MetricsDocument) -> Table:
    """The strategy with each rule switched off, and the Sharpe ratio that the rule adds."""
    headings = [
        *(("rule switched off", False), ("effect", False), ("Sharpe ratio", True)),
        *(("Sharpe contribution", True), ("CAGR", True), ("max drawdown", True)),
        *(("average exposure", True), ("orders", True)),
    ]
    whole = document.ablation[0].sharpe if document.ablation else None
    return Table(headings, [_ablation(record, whole) for record in document.ablation])


def _ablation(record: AblationRecord, whole: float | None) -> list[Cell]:
    contribution = None
    if record.rule and whole is not None and record.sharpe is not None:
        contribution = whole - record.sharpe
    return [
        Cell(record.rule or "none", None, "" if record.rule else "own"),
        Cell(record.text),
        number(record.sharpe, "{:.2f}"),
        gain(contribution, "{:+.2f}"),
        number(record.cagr, "{:+.1%}"),
        number(record.max_drawdown, "{:.0%}"),
        number(record.exposure, "{:.0%}"),
        number(record.orders, "{:,}"),
    ]


def other_assumptions(document: MetricsDocument) -> Table:
    """The strategy as it is, then under each other assumption."""
    headings = [
        *(("assumption", False), ("meaning", False), ("total return", True), ("CAGR", True)),
        *(("Sharpe ratio", True), ("max drawdown", True)),
    ]
    if not document.other_assumptions:
        return Table(headings, [])
    own = [Cell("as it is", None, "own"), Cell(""), *_variant(document.strategy)]
    rows = [
        [Cell(variant.name), Cell(variant.text), *_variant(variant.figures)]
        for variant in document.other_assumptions
    ]
    return Table(headings, [own, *rows])


def _variant(figures: Figures | None) -> list[Cell]:
    return [
        number(figures.total_return if figures else None, "{:+,.0%}"),
        number(figures.cagr if figures else None, "{:+.1%}"),
        number(figures.sharpe if figures else None, "{:.2f}"),
        number(figures.max_drawdown if figures else None, "{:.0%}"),
    ]


def months(returns: pd.Series) -> Table:
    """Return by year and month, with the year's."""
    index = pd.PeriodIndex(returns.index)
    rows = []
    for year in sorted(set(index.year)):
        inside = dict(
            zip(index[index.year == year].month, returns[index.year == year], strict=True)
        )
        cells = [_month(inside.get(month)) for month in range(1, 13)]
        rows.append(
            [
                Cell(str(year)),
                *cells,
                gain(float(np.prod([1 + value for value in inside.values()]) - 1), "{:+.0%}"),
            ]
        )
    return Table([("", False), *((month, True) for month in MONTHS), ("year", True)], rows)


def orders(frame: pd.DataFrame) -> Table:
    """Every order in its final state."""
    headings = [
        *(("decided", False), ("coin", False), ("side", False), ("size", True), ("price", True)),
        *(("value", True), ("fee", True), ("status", False), ("reason", False)),
    ]
    return Table(headings, [_order(row) for row in frame.to_dict("records")])


def _order(row: Mapping[Any, Any]) -> list[Cell]:
    return [
        Cell(f"{row['decided']:%Y-%m-%d %H:%M}"),
        Cell(str(row["symbol"])),
        Cell(str(row["side"]), None, "good" if row["side"] == "buy" else "bad"),
        number(row["size"], "{:,.6g}"),
        number(row["price"], "{:,.6g}"),
        number(row["value"], "{:,.0f}"),
        number(row["fee"], "{:,.2f}"),
        Cell(str(row["status"])),
        Cell(str(row["reason"]).removeprefix(UNCHANGED), None, "sentence"),
    ]


def decisions(frame: pd.DataFrame) -> Table:
    """The decisions that changed anything; all of them are in decisions.csv."""
    targets = [name for name in frame.columns if name.startswith("target_")]
    reason = frame["reason"].astype(str)
    changed = frame[~reason.str.startswith(UNCHANGED) | reason.str.contains(" Now ")]
    headings = [
        *(("time", False), ("state", False), ("ceiling", True)),
        *((name.removeprefix("target_"), True) for name in targets),
        ("reason", False),
    ]
    rows = [
        [
            Cell(f"{row['time']:%Y-%m-%d %H:%M}"),
            Cell(str(row["state"])),
            number(row["ceiling"], "{:.0%}"),
            *(number(row[name], "{:.1%}") for name in targets),
            Cell(str(row["reason"]).removeprefix(UNCHANGED), None, "sentence"),
        ]
        for row in changed.to_dict("records")
    ]
    return Table(headings, rows)


def assumptions(settings: StoredSettings) -> list[str]:
    """What the simulation assumes, one sentence each."""
    costs = settings.costs
    weights = ", ".join(
        f"{coin.name} {coin.weight:.0%} from {count(coin.lag_days, 'day')} after the confirmation"
        for coin in settings.coins
    )
    slippage, fee = f"{costs.slippage:.2%}", f"{costs.fee:.2%}"
    delay = count(settings.prices.publication_delay, "minute")
    beyond_cash = (
        "; those of the verdict and the permutation test are in excess of cash"
        if costs.cash_yield
        else ""
    )
    taxed = "No taxes but in the line after tax" if costs.tax_rate else "No taxes"
    return [
        f"Starting cash {settings.backtest.cash:,.0f}; weights: {weights}.",
        f"Orders fill at the next bar's open, with {slippage} slippage and a fee of {fee}.",
        "Order sizes are rounded down to the exchange's step.",
        f"Orders below {costs.min_notional:g} are not sent.",
        f"Cash earns {costs.cash_yield:.1%} a year.",
        f"A US close is known {delay} after the session, a coin's daily close at 24:00 UTC.",
        f"{taxed}, no borrowing, no short positions, no market impact.",
        f"Ratios use 365 days a year and no risk-free rate{beyond_cash}.",
    ]


def data(document: MetricsDocument) -> Table:
    """Each series with its source, span and vintage."""
    headings = [
        *(("series", False), ("source", False), ("first", False), ("last", False)),
        *(("rows", True), ("vintage", False), ("origin", False)),
    ]
    rows = [
        [
            Cell(name),
            Cell(series.source),
            Cell(f"{series.first:%Y-%m-%d}"),
            Cell(f"{series.last:%Y-%m-%d}"),
            number(series.rows, "{:,}"),
            Cell(series.vintage[:12]),
            Cell(series.origin),
        ]
        for name, series in document.data.items()
    ]
    return Table(headings, rows)


def _month(value: float | None) -> Cell:
    if value is None:
        return Cell("", LOWEST, "number")
    shade = float(np.clip(value / DEEP_SHADE, -1.0, 1.0))
    return Cell(f"{value:+.0%}" if abs(value) >= 0.005 else "0%", value, "number", shade)
