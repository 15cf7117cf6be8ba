"""Finished worlds in a file, one a line, so that a calibration that was interrupted goes on.

The first line says what the worlds depend on; the file's name is made of it.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from backtests.calibration.outcome import WorldOutcome, parse_line
from brokers.atomic_files import replace_text

Basis = Mapping[str, str]  # what worlds depend on: digests by name
FILES = 20  # calibrations that are kept, the newest


class KeptWorlds(NamedTuple):
    """The file, the worlds in it by number, and one sentence if it begins anew ("" if not)."""

    file: Path
    worlds: dict[int, WorldOutcome]
    anew: str = ""

    def add(self, world: WorldOutcome) -> None:
        """Write down a finished world."""
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(world.to_line())
        self.worlds[world.number] = world


def keep_worlds(folder: Path, basis: Basis, kind: str) -> KeptWorlds:
    """The file of a calibration in `folder`, made where there is none.

    `kind` are the command and the kind of worlds in words; a calibration of the same kind that
    depends on something else is not used, which the sentence says.

    Raises
    ------
    OSError
        It cannot be written.

    """
    folder.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"kind": kind, **basis}, sort_keys=True)
    file = folder / f"{blake2b(header.encode(), digest_size=12).hexdigest()}.jsonl"
    if file.exists():
        return KeptWorlds(file, _read(file))
    anew = _why_anew(folder, basis, kind)
    replace_text(file, header + "\n")
    _forget_old(folder)
    return KeptWorlds(file, {}, anew)


def _read(file: Path) -> dict[int, WorldOutcome]:
    """The worlds of a file; a line that was not finished is removed."""
    header, *lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    worlds, whole = {}, [header]
    for line in lines:
        with suppress(ValueError):
            world = parse_line(line)
            if line.endswith("\n"):
                worlds[world.number] = world
                whole.append(line)
    if len(whole) <= len(lines):
        replace_text(file, "".join(whole))
    return worlds


def _why_anew(folder: Path, basis: Basis, kind: str) -> str:
    """What has changed since the newest calibration of the same kind; "" if there is none."""
    for file in _newest_first(folder):
        header, *lines = file.read_text(encoding="utf-8").splitlines() or ["{}"]
        before = json.loads(header)
        if before["kind"] == kind and lines:
            changed = [
                name.removeprefix("the ") for name in basis if before.get(name) != basis[name]
            ]
            worlds = f"{len(lines)} {'world was' if len(lines) == 1 else 'worlds were'} run"
            return f"other {' and '.join(changed)} than when {worlds}: the calibration starts anew"
    return ""


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime, reverse=True)


def _forget_old(folder: Path) -> None:
    for file in _newest_first(folder)[FILES:]:
        file.unlink(missing_ok=True)
