"""Run folders: written whole or not at all, read again, listed."""

import itertools
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

from backtests.backtest import Result
from backtests.caveats import Caveat
from backtests.spells import Spell
from brokers.orders.simulated import OrderRecord
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices
from config.settings import Settings
from strategies.breakout import STATES
from strategies.sentences import sentences

RUNS = Path("runs")
LIBRARIES = ("backtrader", "numpy", "pandas", "numba", "yfinance", "ccxt")


class RunError(Exception):
    """A run folder cannot be written or read; the message says which and what to do."""


def run_folder(command: str, settings: Settings, prices: Prices, now: pd.Timestamp) -> Path:
    """runs/<UTC time>-<command>-<hash of settings and data>, with a number behind it where that is taken."""
    content = json.dumps([settings.model_dump(mode="json"), sorted(one.vintage for one in prices.series.values())], sort_keys=True)
    name = f"{now:%Y%m%dT%H%M%S}-{command}-{sha256(content.encode()).hexdigest()[:8]}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(path for path in (RUNS / name for name in names) if not path.exists())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that appears as `path` when all is written; whatever interrupts leaves nothing.

    Raises
    ------
    RunError
        `path` exists already and is not empty, or cannot be made.

    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: exists already; name another folder with --output, or remove it")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write(result: Result, found: list[Caveat], folder: Path) -> None:
    """Put everything but the report and the log into `folder`."""
    settings = result.inputs.settings
    (folder / "settings.toml").write_text(tomli_w.dumps(settings.model_dump(exclude_none=True)), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(summary(result, found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    _write_csv(result.equity.reset_index(), folder / "equity.csv")
    inputs = result.inputs
    reasons = list(sentences(result.run.decisions, list(inputs.coins), settings.risk_curve.channels, inputs.rules))
    _write_csv(_orders(result, reasons), folder / "orders.csv")
    _write_csv(_gate(result), folder / "gate.csv")
    _write_csv(_decisions(result, reasons), folder / "decisions.csv")


def summary(result: Result, found: list[Caveat]) -> dict[str, Any]:
    """The content of metrics.json."""
    happened, shifted = result.events, result.random_gates
    return {
        "strategy": _plain(result.metrics._asdict()),
        "benchmarks": {name: _plain(curve.metrics._asdict()) for name, curve in result.benchmarks.items()},
        "random_gates": _plain({name: getattr(shifted, name) for name in ("n", "effective_n", "p_sharpe", "p_return")}) if shifted else None,
        "events": _plain(happened._asdict() | {"spells": [_spell(spell) for spell in happened.spells]}),
        "verdict": result.verdict._asdict() if result.verdict else None,
        "warnings": [caveat._asdict() for caveat in found],
        "window": {"first": result.equity.index[0].isoformat(), "last": result.equity.index[-1].isoformat(), "timeframe": _timeframe(result)},
        "data": {
            request.name: {
                "source": one.source,
                "origin": one.origin,
                "first": one.frame.index[0].isoformat(),
                "last": one.frame.index[-1].isoformat(),
                "rows": len(one.frame),
                "vintage": one.vintage,
                "sample": False,
            }
            for request, one in result.inputs.prices.series.items()
        },
        "order_list_hash": order_list_hash(result.run.orders),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }


def order_list_hash(orders: list[OrderRecord]) -> str:
    """Equal hashes, equal orders: decided, filled, symbol, size and price to 9 digits, status, in their order."""
    lines = (f"{one.decided},{one.filled},{one.symbol},{one.size:.9g},{one.price:.9g},{one.status}" for one in orders)
    return sha256("\n".join(lines).encode()).hexdigest()


def read(folder: Path) -> dict[str, Any]:
    """A run's metrics.json.

    Raises
    ------
    RunError
        `folder` is no run folder.

    """
    try:
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not {"strategy", "window", "data"} <= found.keys():
        raise RunError(f"{folder}: is no run folder (no metrics.json of a run); `runs` lists those under {RUNS}/")
    return found


def listed(root: Path = RUNS) -> list[Path]:
    """Run folders under `root`, oldest first."""
    return sorted(path.parent for path in root.glob("*/metrics.json") if not path.parent.name.startswith("."))


def _timeframe(result: Result) -> str:
    return str(result.inputs.settings.exchange.timeframe)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """NaN has no place in JSON: a figure that does not exist is null."""
    return {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in values.items()}


def _spell(spell: Spell) -> dict[str, Any]:
    return _plain(spell._asdict() | {"opened": spell.opened.isoformat(), "closed": spell.closed.isoformat() if spell.closed else None})


def _orders(result: Result, reasons: list[str]) -> pd.DataFrame:
    texts = dict(zip((one.time for one in result.run.decisions), reasons, strict=True))
    length = bar_length(result.inputs.settings.exchange.timeframe)
    rows = [
        {
            "decided": _instant(one.decided),
            "filled": _instant(one.filled) - length if one.filled is not None else None,  # a fill happens at its bar's open
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
    return pd.DataFrame(rows, columns=["decided", "filled", "symbol", "side", "size", "price", "value", "fee", "status", "reason"])


def _gate(result: Result) -> pd.DataFrame:
    """The sessions of the traded window and the one known before it."""
    table, grid = result.inputs.table, result.inputs.grid
    first = max(int(table.index.searchsorted(grid[0], side="right")) - 1, 0)
    window = table.iloc[first : int(table.index.searchsorted(grid[-1], side="right"))]
    order = ["session_close", "close", "record", "base_age", "level", "state", "reason"]
    return window[[*order, *(name for name in window.columns if name not in order)]]


def _decisions(result: Result, reasons: list[str]) -> pd.DataFrame:
    decisions = result.run.decisions
    frame = pd.DataFrame({"time": result.equity.index, "state": [STATES[int(one.gate.state)] for one in decisions]})
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
    csv.write_csv(Table.from_pandas(table, preserve_index=False), path, csv.WriteOptions(quoting_style="needed"))
