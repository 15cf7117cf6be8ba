"""Two versions of the program have the same results: run folders compared, number by number.

    python -m tests.proofs.same_results BEFORE AFTER

BEFORE and AFTER hold run folders of equal names. Equity, gate, orders and decisions must have the
same columns and values (sentences aside, and columns that only AFTER has); metrics.json, tune.json
and evidence.json the same numbers at the same keys. Timings, versions and prose are left out.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

TIMINGS = {
    "seconds",
    "microseconds_a_set",
    "sets_per_second",
    "threads",
    "versions",
    "run",
    "on",
    "folder",
    "created",
}
PROSE = {"reason", "closes_note"}
HASHES = {"order_list_hash"}
RENAMED = {"cannot be told": "inconclusive"}  # key before -> key after


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every number, truth value, null and hash of a document, by its path."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in TIMINGS:
                yield from numbers(one, f"{path}/{RENAMED.get(key, key)}")
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from numbers(one, f"{path}/{place}")
    elif not isinstance(value, str) or path.rpartition("/")[2] in HASHES:
        yield path, value


def differing_numbers(before: Path, after: Path) -> list[str]:
    """Paths in one document whose number the other has not."""
    old, new = (dict(numbers(json.loads(path.read_text()))) for path in (before, after))
    return [f"{key}: {old[key]} -> {new.get(key)}" for key in old if old[key] != new.get(key, ...)]


def differing_columns(before: Path, after: Path) -> list[str]:
    """Columns of one table that the other has not, or not with these values."""
    old, new = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in (before, after))
    return [
        name
        for name in old
        if name not in PROSE and (name not in new or not old[name].equals(new[name]))
    ]


def compare(before: Path, after: Path) -> dict[str, list[str]]:
    """What differs, by file; every file of BEFORE is looked for in AFTER."""
    found = {}
    for path in sorted(before.rglob("*")):
        other = after / path.relative_to(before)
        if path.suffix not in (".csv", ".json"):
            continue
        if not other.exists():
            found[str(path.relative_to(before))] = ["is missing"]
        elif path.suffix == ".csv":
            found[str(path.relative_to(before))] = differing_columns(path, other)
        else:
            found[str(path.relative_to(before))] = differing_numbers(path, other)
    return found


if __name__ == "__main__":
    result = compare(Path(sys.argv[1]), Path(sys.argv[2]))
    for name, differences in result.items():
        print(f"{name}: {'the same' if not differences else f'{len(differences)} differ'}")
        for line in differences[:5]:
            print(f"    {line}")
    sys.exit(not result or any(result.values()))
