"""What the newest evidence said, for those who look at the gate or at a backtest."""

import json
from typing import TypedDict

from backtests.runs import folder as runs


class Quoted(TypedDict):
    """A line, and the run folder it stands in."""

    line: str
    folder: str


def newest() -> Quoted | None:
    """The line of the newest run of `evidence` under `runs.RUNS` that was held against real prices; None where there is none."""
    for path in sorted(runs.RUNS.glob("*-evidence-*/evidence.json"), reverse=True):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if not found["sample"]:
                return {"line": str(found["line"]), "folder": path.parent.name}
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged, or of an older version
    return None
