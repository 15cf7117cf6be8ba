"""What a run writes down: everything a report is made from, and a person with a spreadsheet."""

import json
import platform
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import tomli_w

from backtests.performance import attribution
from backtests.performance.gate_periods import Spell
from backtests.performance.metrics import daily_rows
from backtests.runs.backtest import Backtest
from backtests.runs.caveats import Caveat
from backtests.runs.latest_evidence import newest
from brokers.json_values import plain
from brokers.orders.simulated import OrderRecord
from brokers.prices.clean import bar_length
from strategies.breakout import STATES
from strategies.sentences import sentences

if TYPE_CHECKING:  # costs numba's start-up
    from backtests.benchmarks.random_gates import RandomGates

LIBRARIES = ("backtrader", "numpy", "pandas", "numba", "yfinance", "ccxt")


def write(result: Backtest, found: list[Caveat], folder: Path) -> None:
    """Put everything but the report and the log into `folder`."""
    inputs, settings = result.inputs, result.inputs.settings
    (folder / "settings.toml").write_text(
        tomli_w.dumps(settings.model_dump(exclude_none=True)), encoding="utf-8"
    )
    (folder / "metrics.json").write_text(
        json.dumps(summary(result, found), indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    _write_csv(result.equity.reset_index(), folder / "equity.csv")
    _write_csv(_curves(result), folder / "curves.csv")
    reasons = list(
        sentences(
            result.run.decisions, list(inputs.coins), settings.risk_curve.channels, inputs.rules
        )
    )
    _write_csv(_orders(result, reasons), folder / "orders.csv")
    _write_csv(_gate(result), folder / "gate.csv")
    _write_csv(_decisions(result, reasons), folder / "decisions.csv")


def summary(result: Backtest, found: list[Caveat]) -> dict[str, Any]:
    """The content of metrics.json."""
    inputs, happened, beside = result.inputs, result.events, result.comparison
    return {
        "strategy": plain(result.metrics._asdict()),
        "benchmarks": {
            name: plain(curve.metrics._asdict()) for name, curve in beside.benchmarks.items()
        }
        if beside
        else {},
        "intervals": beside.intervals if beside else {},
        "random_gates": _random_gates(beside.random_gates)
        if beside and beside.random_gates
        else None,
        "without": [
            {"rule": one.rule, "text": one.text} | plain(one.metrics._asdict())
            for one in beside.without
        ]
        if beside
        else [],
        "profit": _profit(result),
        "events": plain(
            happened._asdict() | {"spells": [_spell(spell) for spell in happened.spells]}
        ),
        "verdict": beside.verdict._asdict() if beside and beside.verdict else None,
        "warnings": [caveat._asdict() for caveat in found],
        "evidence": None if inputs.prices.sample else newest(),
        "sample": inputs.prices.sample,
        "fallback": inputs.prices.fallback,
        "window": _window(result),
        "data": {
            request.name: {
                "source": one.source,
                "origin": one.origin,
                "first": one.frame.index[0].isoformat(),
                "last": one.frame.index[-1].isoformat(),
                "rows": len(one.frame),
                "vintage": one.vintage,
                "sample": inputs.prices.sample,
            }
            for request, one in inputs.prices.series.items()
        },
        "order_list_hash": order_list_hash(result.run.orders),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
    }


def order_list_hash(orders: list[OrderRecord]) -> str:
    """Equal hashes, equal orders: decided, filled, symbol, size and price to 9 digits, status, in their order."""
    lines = (
        f"{one.decided},{one.filled},{one.symbol},{one.size:.9g},{one.price:.9g},{one.status}"
        for one in orders
    )
    return sha256("\n".join(lines).encode()).hexdigest()


def _window(result: Backtest) -> dict[str, str]:
    first, last = (result.equity.index[row].isoformat() for row in (0, -1))
    return {
        "first": first,
        "last": last,
        "timeframe": str(result.inputs.settings.exchange.timeframe),
    }


def _random_gates(shifted: "RandomGates") -> dict[str, Any]:
    content: dict[str, Any] = plain(
        {
            name: getattr(shifted, name)
            for name in ("n", "effective_n", "p_sharpe", "p_return", "own_sharpe")
        }
    )
    return content | {
        "sharpes": [
            round(value, 4)
            for value in np.sort(shifted.sharpes[np.isfinite(shifted.sharpes)]).tolist()
        ]
    }


def _profit(result: Backtest) -> dict[str, Any]:
    """Quote units by spell and coin, and what no coin earned: interest on cash."""
    gained = attribution.profits(result.run, result.inputs)
    values = result.equity["value"]
    interest = (
        float(values.iloc[-1] - values.iloc[0] - gained.to_numpy().sum())
        if result.inputs.settings.costs.cash_yield
        else 0.0
    )
    table = attribution.by_spell(gained, result.events.spells)
    return {
        "coins": list(table.columns),
        "spells": {str(name): row.tolist() for name, row in table.iterrows()},
        "interest": interest,
    }


def _curves(result: Backtest) -> pd.DataFrame:
    """One row a UTC day: value of the strategy and of each benchmark, share of equity in each coin."""
    index = pd.DatetimeIndex(result.equity.index)
    table = pd.DataFrame({"time": index, "strategy": result.equity["value"].to_numpy()})
    for name, curve in result.comparison.benchmarks.items() if result.comparison else ():
        table[name] = curve.equity.to_numpy()
    shares = attribution.exposures(result.run, result.inputs, result.equity["value"])
    for name in shares.columns:
        table[f"exposure_{name}"] = shares[name].to_numpy()
    return table.iloc[daily_rows(index)]


def _spell(spell: Spell) -> dict[str, Any]:
    instants = {
        "opened": spell.opened.isoformat(),
        "closed": spell.closed.isoformat() if spell.closed else None,
    }
    content: dict[str, Any] = plain(spell._asdict() | instants)
    return content


def _orders(result: Backtest, reasons: list[str]) -> pd.DataFrame:
    texts = dict(zip((one.time for one in result.run.decisions), reasons, strict=True))
    length = bar_length(result.inputs.settings.exchange.timeframe)
    rows = [
        {
            "decided": _instant(one.decided),
            "filled": _instant(one.filled) - length
            if one.filled is not None
            else None,  # a fill happens at its bar's open
            "symbol": one.symbol,
            "side": "buy" if one.size > 0 else "sell",
            "size": abs(one.size),
            "price": one.price if one.filled is not None else None,
            "value": abs(one.size) * one.price if one.filled is not None else None,
            "fee": one.fee,
            "status": one.status,
            "reason": texts[one.decided],
        }
        for one in result.run.orders
    ]
    return pd.DataFrame(
        rows,
        columns=[
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
        ],
    )


def _gate(result: Backtest) -> pd.DataFrame:
    """The sessions of the traded window and the one known before it."""
    table, grid = result.inputs.table, result.inputs.grid
    first = max(int(table.index.searchsorted(grid[0], side="right")) - 1, 0)
    window = table.iloc[first : int(table.index.searchsorted(grid[-1], side="right"))]
    order = ["session_close", "close", "record", "base_age", "level", "state", "reason"]
    return window[[*order, *(name for name in window.columns if name not in order)]]


def _decisions(result: Backtest, reasons: list[str]) -> pd.DataFrame:
    decisions = result.run.decisions
    frame = pd.DataFrame(
        {"time": result.equity.index, "state": [STATES[int(one.gate.state)] for one in decisions]}
    )
    frame["ceiling"] = [one.gate.ceiling for one in decisions]
    targets = np.array([one.targets for one in decisions])
    for column, name in enumerate(result.inputs.coins):
        frame[f"target_{name}"] = targets[:, column]
    frame["gross"] = [one.gross for one in decisions]
    frame["reason"] = reasons
    return frame


def _instant(seconds: int) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC")


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Instants as ISO 8601 with Z, numbers with all their digits, nothing where nothing is known."""
    from pyarrow import Table, csv

    table = frame.copy()
    for name in table.columns:
        if isinstance(table[name].dtype, pd.DatetimeTZDtype):
            seconds = table[name].to_numpy(dtype="datetime64[s]")
            text = pd.Series(np.char.add(np.datetime_as_string(seconds), "Z"), table.index)
            table[name] = text.mask(np.isnat(seconds))
    csv.write_csv(
        Table.from_pandas(table, preserve_index=False),
        path,
        csv.WriteOptions(quoting_style="needed"),
    )
