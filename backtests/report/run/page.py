"""A run folder as one self-contained HTML page."""

import tomllib
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from backtests.performance.attribution import monthly_returns
from backtests.report import figures, shell
from backtests.report.run import tables
from backtests.runs import folder as runs

NAME = "report.html"
HEADLINES = {
    "better": "Better than holding Bitcoin.",
    "worse": "Worse than holding Bitcoin.",
    "cannot be told": "Whether it pays cannot be told.",
}
NEEDED = {
    *("benchmarks", "intervals", "random_gates", "without", "profit", "events"),
    *("verdict", "warnings", "sample", "fallback", "order_list_hash", "versions"),
}  # of metrics.json, besides what every run has
SETTINGS = {
    "signal",
    "costs",
    "prices",
    "coins",
    "backtest",
}  # tables of settings.toml the page tells of


class Recorded(NamedTuple):
    """A run as its folder holds it. Frames have the columns of the files, instants as UTC timestamps."""

    name: str
    summary: Mapping[str, Any]
    settings: Mapping[str, Any]
    equity: pd.DataFrame
    curves: pd.DataFrame
    gate: pd.DataFrame
    orders: pd.DataFrame
    decisions: pd.DataFrame


def write(folder: Path, name: str | None = None) -> Path:
    """Write the page of the run in `folder` into it; `name` is what to call the run, the folder's own name if None.

    Raises
    ------
    RunError
        `folder` is no run folder, a file of it is missing, or the page cannot be written.

    """
    return shell.written(folder / NAME, html(recorded(folder, name)))


def recorded(folder: Path, name: str | None = None) -> Recorded:
    """Read a run folder.

    Raises
    ------
    RunError
        A file of it is missing, cut short, or lacks what the page tells.

    """
    summary = runs.read(folder)
    if missing := NEEDED - summary.keys():
        raise _damaged(folder / "metrics.json", f"has no {', '.join(sorted(missing))}")
    settings = folder / "settings.toml"
    try:
        content = tomllib.loads(settings.read_text(encoding="utf-8"))
        if missing := SETTINGS - content.keys():
            raise ValueError(f"has no {', '.join(sorted(missing))}")
    except (OSError, ValueError) as error:
        raise _damaged(settings, _reason(error)) from None
    frames = [_frame(folder / f"{file}.csv", columns) for file, columns in tables.FILES.items()]
    return Recorded(name or folder.resolve().name, summary, content, *frames)


def _frame(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV of the run; instants have the columns named in `tables.INSTANTS`."""
    try:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise ValueError("is cut short")
        frame = pd.read_csv(StringIO(text))
        missing = [name for name in columns if name not in frame]
        if missing:
            raise ValueError(f"has no column {', '.join(missing)}")
        instants = {
            name: pd.to_datetime(frame[name], utc=True, format="ISO8601")
            for name in columns
            if name in tables.INSTANTS
        }
        numbers = {name: pd.to_numeric(frame[name]) for name in columns if name in tables.NUMBERS}
    except (OSError, ValueError) as error:
        raise _damaged(path, _reason(error)) from None
    return frame.assign(**instants, **numbers)


def _damaged(path: Path, why: str) -> runs.RunError:
    return runs.RunError(
        f"{path}: a file of the run is missing or damaged ({why}); run the backtest again"
    )


def _reason(error: Exception) -> str:
    return str(error.strerror) if isinstance(error, OSError) else str(error).partition("\n")[0]


def html(run: Recorded) -> str:
    """The page; everything it needs is inside."""
    summary = run.summary
    return shell.html(
        "page.html",
        pictures(run),
        run=run,
        summary=summary,
        sample=summary["sample"],
        numbers_stand="in the run's CSV files",
        headlines=HEADLINES,
        tiles=tables.tiles(summary),
        benchmarks=tables.benchmarks(summary),
        spells=tables.spells(summary),
        profit=tables.profit(summary),
        without=tables.without(summary),
        months=tables.months(monthly_returns(run.equity.set_index("time")["value"])),
        orders=tables.orders(run.orders),
        decisions=tables.decisions(run.decisions),
        assumptions=tables.assumptions(run.settings),
        data=tables.data(summary),
    )


def pictures(run: Recorded) -> dict[str, figures.Figure]:
    """Every figure by the id of its place on the page."""
    summary, spells = run.summary, run.summary["events"]["spells"]
    found = {
        "equity": figures.equity(run.curves, spells),
        "drawdown": figures.drawdown(run.curves, spells),
        "index": figures.index(run.gate, run.settings["signal"]["index"], spells),
        "exposure": figures.exposure(run.curves, run.gate),
    }
    if len(spells) and summary["profit"]["coins"]:
        found["profit"] = figures.profit(summary["profit"])
    if summary["random_gates"] and summary["random_gates"]["own_sharpe"] is not None:
        found["random-gates"] = figures.random_gates(summary["random_gates"])
    return found
