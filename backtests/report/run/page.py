"""A run folder as one self-contained HTML page."""

import tomllib
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import ValidationError

from backtests.performance.attribution import monthly_returns
from backtests.report import figures, shell
from backtests.report.calibration import CalibrationSection, calibration_section
from backtests.report.run import tables, words
from backtests.report.run.stored_settings import StoredSettings
from backtests.runs.document import MetricsDocument, first_reason
from backtests.runs.folder import RunError, read_run

NAME = "report.html"
HEADLINES = {
    "better": "Better than constant exposure, holding Bitcoin and Bitcoin's own trend.",
    "worse": "Worse than constant exposure, holding Bitcoin and Bitcoin's own trend.",
    "inconclusive": "Inconclusive.",
}


class StoredRun(NamedTuple):
    """A run as its folder holds it. Frames have the columns of the files, instants as UTC."""

    name: str
    document: MetricsDocument
    settings: StoredSettings
    equity: pd.DataFrame
    curves: pd.DataFrame
    gate: pd.DataFrame
    orders: pd.DataFrame
    decisions: pd.DataFrame
    calibration: CalibrationSection | None = None


def write(folder: Path, name: str | None = None) -> Path:
    """Write the page of the run in `folder` into it; `name` replaces the folder's own name.

    Raises
    ------
    RunError
        `folder` is no run folder, a file of it is missing, or the page cannot be written.

    """
    return shell.save_page(folder / NAME, html(load_run(folder, name)))


def load_run(folder: Path, name: str | None = None) -> StoredRun:
    """Read a run folder.

    Raises
    ------
    RunError
        A file of it is missing, cut short, or lacks what the page shows.

    """
    document = read_run(folder)
    settings = folder / "settings.toml"
    try:
        content = StoredSettings.model_validate(tomllib.loads(settings.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise _damaged(settings, _reason(error)) from None
    equity, curves, gate, orders, decisions = (
        _frame(folder / f"{file}.csv", columns) for file, columns in tables.FILES.items()
    )
    return StoredRun(
        name=name or folder.resolve().name,
        document=document,
        settings=content,
        equity=equity,
        curves=curves,
        gate=gate,
        orders=orders,
        decisions=decisions,
        calibration=calibration_section(folder),
    )


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


def _damaged(path: Path, why: str) -> RunError:
    return RunError(
        f"{path}: a file of the run is missing or damaged ({why}); run the backtest again"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_reason(error)
    return str(error.strerror) if isinstance(error, OSError) else str(error).partition("\n")[0]


def html(run: StoredRun) -> str:
    """The page; everything it needs is inside."""
    document = run.document
    return shell.html(
        "page.html",
        pictures(run),
        run=run,
        calibration=run.calibration,
        document=document,
        sample=document.sample,
        numbers_stand="in the run's CSV files",
        headlines=HEADLINES,
        tiles=tables.tiles(document),
        short_window=words.short_window(document),
        benchmarks=tables.benchmarks(document),
        other_assumptions=tables.other_assumptions(document),
        capacity=words.capacity(document),
        gate_periods=tables.gate_periods(document),
        profit=tables.profit(document.profit),
        ablation=tables.ablation(document),
        months=tables.months(monthly_returns(run.equity.set_index("time")["value"])),
        orders=tables.orders(run.orders),
        decisions=tables.decisions(run.decisions),
        assumptions=tables.assumptions(run.settings),
        data=tables.data(document),
    )


def pictures(run: StoredRun) -> dict[str, figures.Figure]:
    """Every figure by the id of its place on the page."""
    document, periods = run.document, run.document.events.gate_periods
    drawn = {
        "equity": figures.equity(run.curves, periods),
        "drawdown": figures.drawdown(run.curves, periods),
        "index": figures.index(run.gate, run.settings.signal.index, periods),
        "exposure": figures.exposure(run.curves, run.gate),
    }
    if periods and document.profit.coins:
        drawn["profit"] = figures.profit(document.profit)
    gates = document.random_gates
    if gates is not None and gates.own_sharpe is not None:
        drawn["random-gates"] = figures.random_gates(gates)
    return drawn
