"""`runs`: finished runs side by side."""

import json
from pathlib import Path

from backtests.report import terminal
from brokers.console import console


def list_runs(folders: list[Path] | None, as_json: bool) -> None:
    """Runs side by side."""
    from backtests.runs import folder as runs

    chosen = folders or runs.listed()
    alike = len({folder.name for folder in chosen}) < len(chosen)
    found = {str(folder) if alike else folder.name: runs.read(folder) for folder in chosen}
    if as_json:
        print(json.dumps(found))
        return
    out = console()
    if not found:
        out.print(f"no runs under {runs.RUNS}/ yet; `python main.py backtest` makes one")
        return
    out.print(
        terminal.metrics_table(
            {name: run["strategy"] for name, run in found.items()}, "runs", out.width
        )
    )
