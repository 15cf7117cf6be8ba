"""What version 0.1 left, read again: every fact as 0.1 told it, and no stored byte changed.

The expected facts in `0.1/expected/` were written by 0.1 itself (`make.py`), never by hand.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stored.readings import (
    NOT_OF_SHORT_WINDOWS,
    OTHERWISE_ON_SHORT_WINDOWS,
    READINGS,
    SPELLINGS,
    Place,
)

STORED = Path(__file__).parent / "0.1"
CLOSE = 1e-9  # relative: the same numbers, but for the order in which they were added up
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def place(
    tmp_path: Path, whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A copy of everything stored; the stored files themselves are what they were afterwards."""
    before = checksums()
    monkeypatch.chdir(tmp_path)
    shutil.copytree(STORED, tmp_path / "stored")
    yield Place(tmp_path / "stored", whole_folder, cache, tmp_path)
    assert checksums() == before


def checksums() -> dict[str, str]:
    """SHA-256 of every stored file but the list of them."""
    files = sorted(path for path in STORED.rglob("*") if path.is_file())
    return {
        str(path.relative_to(STORED).as_posix()): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "checksums.json"
    }


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Every place in which `found` lacks what is expected or has another value; more is no harm."""
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{where}/{name}: is gone" for name in expected if name not in found]
        names = [name for name in expected if name in found]
        inner = [differences(expected[name], found[name], f"{where}/{name}") for name in names]
        return missing + [text for texts in inner for text in texts]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        inner = [differences(one, two, f"{where}/{row}") for row, (one, two) in pairs]
        return [text for texts in inner for text in texts]
    return [] if same(expected, found) else [f"{where}: {expected!r} in 0.1, {found!r} now"]


def same(expected: Any, found: Any) -> bool:
    """Numbers to nine digits, true and false never for a number, words in any known spelling."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return math.isclose(expected, found, rel_tol=CLOSE, abs_tol=1e-12)
    if isinstance(found, str):
        return bool(expected == SPELLINGS.get(found, found))
    return bool(expected == found)


@pytest.mark.parametrize("name", sorted(READINGS))
def test_a_reading_is_that_of_version_0_1(place: Place, name: str) -> None:
    facts = json.loads((STORED / "expected" / f"{name}.json").read_text())["facts"]
    expected = {key: fact for key, fact in facts.items() if key not in NOT_OF_SHORT_WINDOWS}
    expected |= OTHERWISE_ON_SHORT_WINDOWS.get(name, {})
    assert differences(expected, READINGS[name](place)) == []


@pytest.mark.parametrize(
    ("name", "yearly"),
    [("backtest", 14), ("replay", 14), ("dry-run-report", 12), ("testnet-report", 12)],
)
def test_runs_of_months_and_sessions_of_weeks_have_no_figures_of_a_year(
    place: Place, name: str, yearly: int
) -> None:
    found = READINGS[name](place)
    names = found.keys() & NOT_OF_SHORT_WINDOWS
    assert len(names) == yearly
    for key in names:
        assert found[key] in (None, {}, [None] * 16), key


@pytest.mark.parametrize("name", OTHERWISE_ON_SHORT_WINDOWS)
def test_what_is_otherwise_was_so_in_version_0_1(name: str) -> None:
    """One caveat less, of those that were high; and 0.1 did show the ratio."""
    facts = json.loads((STORED / "expected" / f"{name}.json").read_text())["facts"]
    for key, fact in OTHERWISE_ON_SHORT_WINDOWS[name].items():
        assert facts[key] == (["high", *fact] if isinstance(fact, list) else not fact)


def test_every_expected_reading_is_made() -> None:
    assert {path.stem for path in (STORED / "expected").iterdir()} == set(READINGS)


def test_the_stored_files_are_those_of_version_0_1() -> None:
    assert checksums() == json.loads((STORED / "checksums.json").read_text())


@pytest.mark.parametrize(
    ("found", "where"),
    [
        ({"a": [1.0, {"b": 2.0}]}, "/c: is gone"),
        ({"a": [1.0, {"b": 2.0 + 1e-8}], "c": "done"}, "/a/1/b: "),
        ({"a": [1.0], "c": "done"}, "/a: "),
        ({"a": [True, {"b": 2.0}], "c": "done"}, "/a/0: "),
        ({"a": [1.0, {"b": None}], "c": "done"}, "/a/1/b: "),
        ({"a": [1.0, {"b": 2.0}], "c": "finished"}, "/c: "),
    ],
)
def test_what_differs_is_named(found: dict[str, Any], where: str) -> None:
    expected = {"a": [1.0, {"b": 2.0}], "c": "done"}
    assert [text.startswith(where) for text in differences(expected, found)] == [True]
    assert differences(expected, expected | {"more": 3}) == []
