"""`runs`: finished runs side by side."""

import json
from pathlib import Path

from backtests.report import terminal
from brokers.console import console
from brokers.local_paths import path_from_here


def list_runs(folders: list[Path] | None, *, as_json: bool) -> None:
    """Print the figures of finished runs."""
    from backtests.runs import folder as run_folders

    chosen = folders or run_folders.list_runs()
    has_equal_names = len({folder.name for folder in chosen}) < len(chosen)
    runs = {
        path_from_here(folder) if has_equal_names else folder.name: run_folders.read_run(folder)
        for folder in chosen
    }
    if as_json:
        print(json.dumps({name: run.to_json() for name, run in runs.items()}))
        return
    out = console()
    if not runs:
        out.print(f"no runs under {run_folders.RUNS}/ yet; `python main.py backtest` makes one")
        return
    rows = {name: run.strategy.model_dump() for name, run in runs.items()}
    out.print(terminal.metrics_table(rows, "runs", out.width))
