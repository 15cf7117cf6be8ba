"""The tables of a run as text: what stands in each cell, by what it sorts, how it is coloured."""

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
from strategies.sentences import UNCHANGED

FILES = {
    "equity": ("time", "value"),
    "curves": ("time", "strategy"),
    "gate": ("session_close", "close", "level", "state", "reason", "ceiling"),
    "orders": (
        "decided",
        "filled",
        "symbol",
        "side",
        "size",
        "price",
        "value",
        "fee",
        "status",
        "reason",
    ),
    "decisions": ("time", "state", "ceiling", "reason"),
}  # a run's tables with the columns read here
INSTANTS = {"time", "session_close", "decided", "filled"}
NUMBERS = {"value", "strategy", "close", "level", "ceiling", "size", "price", "fee"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DEEP_SHADE = 0.25  # a month's return that gets the full colour


def tiles(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The headline: what, the figure, what stands beside it."""
    own, events, beside = (
        summary["strategy"],
        summary["events"],
        summary["intervals"].get("strategy", {}),
    )
    bitcoin = summary["benchmarks"].get("hold_bitcoin")

    def rival(key: str, form: str) -> str:
        return f"hold Bitcoin {number(bitcoin[key], form).text}" if bitcoin else ""

    return [
        ("per year", number(own["cagr"], "{:+.1%}").text, rival("cagr", "{:+.1%}")),
        (
            "Sharpe ratio",
            number(own["sharpe"], "{:.2f}").text,
            interval(beside.get("sharpe"), "{:.2f}") or rival("sharpe", "{:.2f}"),
        ),
        (
            "largest drawdown",
            number(own["max_drawdown"], "{:.0%}").text,
            rival("max_drawdown", "{:.0%}"),
        ),
        (
            "in coins, on average",
            number(own["exposure"], "{:.0%}").text,
            f"{own['orders']:,} orders",
        ),
        (
            "independent events",
            str(events["independent_events"]),
            f"{events['closed_events']} of them over",
        ),
    ]


def benchmarks(summary: Mapping[str, Any]) -> Table:
    """The strategy and what could embarrass it; bootstrap intervals in a second line of the cell."""
    return side_by_side(
        {"strategy": summary["strategy"], **summary["benchmarks"]},
        summary["intervals"],
        BENCHMARK_COLUMNS,
        "strategy",
    )


def spells(summary: Mapping[str, Any]) -> Table:
    """Each opening of the gate."""
    headings = (
        ("opened", False),
        ("closed", False),
        ("why", False),
        ("level", True),
        ("base, sessions", True),
        ("event", False),
    )
    rows = [
        [
            Cell(one["opened"][:10]),
            Cell(one["closed"][:10] if one["closed"] else "open", one["closed"] or "9999"),
            Cell(one["reason"] or NONE),
            number(one["level"], "{:,.2f}"),
            number(one["base_age"], "{:,}"),
            Cell(f"{one['family']}{', re-armed' if one['rearmed'] else ''}"),
            gain(one["strategy_return"], "{:+.0%}"),
            gain(one["bitcoin_return"], "{:+.0%}"),
        ]
        for one in summary["events"]["spells"]
    ]
    return Table([*headings, ("strategy", True), ("Bitcoin", True)], rows)


def profit(summary: Mapping[str, Any]) -> Table:
    """Quote units by spell and coin, with sums; interest on cash has a row where there was any."""
    found = summary["profit"]
    coins, lines = list(found["coins"]), {**found["spells"]}
    if not any(lines.get(OUTSIDE, ())):
        lines.pop(OUTSIDE, None)
    total = [sum(line[column] for line in found["spells"].values()) for column in range(len(coins))]
    rows = [
        [Cell(name), *(gain(value, "{:+,.0f}") for value in (*line, sum(line)))]
        for name, line in lines.items()
    ]
    if found["interest"]:
        rows.append(
            [
                Cell("interest on cash"),
                *(Cell("", 0.0, "number") for _ in coins),
                gain(found["interest"], "{:+,.0f}"),
            ]
        )
    rows.append(
        [
            Cell("all", LAST, "own"),
            *(gain(value, "{:+,.0f}") for value in (*total, sum(total) + found["interest"])),
        ]
    )
    return Table(
        [("spell opened", False), *((coin, True) for coin in coins), ("together", True)], rows
    )


def without(summary: Mapping[str, Any]) -> Table:
    """The strategy without one rule at a time; what the rule earned is the strategy's Sharpe ratio less that one."""
    headings = (
        ("without", False),
        ("then", False),
        ("Sharpe", True),
        ("the rule earned", True),
        ("per year", True),
        ("max drawdown", True),
    )
    whole = summary["without"][0]["sharpe"] if summary["without"] else None
    rows = []
    for one in summary["without"]:
        earned = (
            whole - one["sharpe"]
            if one["rule"] and whole is not None and one["sharpe"] is not None
            else None
        )
        cells = [
            Cell(one["rule"] or "nothing", None, "" if one["rule"] else "own"),
            Cell(one["text"]),
            number(one["sharpe"], "{:.2f}"),
        ]
        cells += [
            gain(earned, "{:+.2f}"),
            number(one["cagr"], "{:+.1%}"),
            number(one["max_drawdown"], "{:.0%}"),
        ]
        rows.append([*cells, number(one["exposure"], "{:.0%}"), number(one["orders"], "{:,}")])
    return Table([*headings, ("exposure", True), ("orders", True)], rows)


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
    """Every order as it ended."""
    headings = (
        ("decided", False),
        ("coin", False),
        ("side", False),
        ("size", True),
        ("price", True),
        ("value", True),
        ("fee", True),
    )
    rows = [
        [
            Cell(f"{one['decided']:%Y-%m-%d %H:%M}"),
            Cell(str(one["symbol"])),
            Cell(str(one["side"]), None, "good" if one["side"] == "buy" else "bad"),
            number(one["size"], "{:,.6g}"),
            number(one["price"], "{:,.6g}"),
            number(one["value"], "{:,.0f}"),
            number(one["fee"], "{:,.2f}"),
            Cell(str(one["status"])),
            Cell(str(one["reason"]).removeprefix(UNCHANGED), None, "sentence"),
        ]
        for one in frame.to_dict("records")
    ]
    return Table([*headings, ("status", False), ("why", False)], rows)


def decisions(frame: pd.DataFrame) -> Table:
    """The decisions that changed anything; all of them are in decisions.csv."""
    targets = [name for name in frame.columns if name.startswith("target_")]
    reason = frame["reason"].astype(str)
    changed = frame[~reason.str.startswith(UNCHANGED) | reason.str.contains(" Now ")]
    headings = [
        ("time", False),
        ("state", False),
        ("ceiling", True),
        *((name.removeprefix("target_"), True) for name in targets),
        ("why", False),
    ]
    rows = [
        [
            Cell(f"{one['time']:%Y-%m-%d %H:%M}"),
            Cell(str(one["state"])),
            number(one["ceiling"], "{:.0%}"),
            *(number(one[name], "{:.1%}") for name in targets),
            Cell(str(one["reason"]).removeprefix(UNCHANGED), None, "sentence"),
        ]
        for one in changed.to_dict("records")
    ]
    return Table(headings, rows)


def assumptions(settings: Mapping[str, Any]) -> list[str]:
    """What the figures take for granted, one sentence each."""
    costs, prices, coins = settings["costs"], settings["prices"], settings["coins"]
    listed = ", ".join(
        f"{coin['name']} {coin['weight']:.0%} after {coin['lag_days']} days" for coin in coins
    )
    return [
        f"Start with {settings['backtest']['cash']:,.0f}; {listed}.",
        f"Orders fill at the next bar's open, moved {costs['slippage']:.2%} against them, at a fee of {costs['fee']:.2%} of the value traded.",
        f"Sizes are rounded down to the exchange's steps; orders below {costs['min_notional']:g} are not sent.",
        f"Cash earns {costs['cash_yield']:.1%} a year.",
        f"A US close counts as known {prices['publication_delay']} minutes after the session, a coin's day at 24:00 UTC.",
        "No taxes, no borrowing, no short positions; size never moves the market. Ratios take 365 days a year and no risk-free rate.",
    ]


def data(summary: Mapping[str, Any]) -> Table:
    """Each series with its source, span and vintage."""
    headings = (
        ("series", False),
        ("source", False),
        ("first", False),
        ("last", False),
        ("rows", True),
        ("vintage", False),
        ("from", False),
    )
    rows = [
        [
            Cell(name),
            Cell(one["source"]),
            Cell(one["first"][:10]),
            Cell(one["last"][:10]),
            number(one["rows"], "{:,}"),
            Cell(one["vintage"][:12]),
            Cell(one["origin"]),
        ]
        for name, one in summary["data"].items()
    ]
    return Table(headings, rows)


def _month(value: float | None) -> Cell:
    if value is None:
        return Cell("", LOWEST, "number")
    shade = float(np.clip(value / DEEP_SHADE, -1.0, 1.0))
    return Cell(f"{value:+.0%}" if abs(value) >= 0.005 else "0%", value, "number", shade)
