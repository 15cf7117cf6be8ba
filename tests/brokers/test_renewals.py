"""The tables of what a process reads once: what they name exists, and no cache is left out."""

import ast
import importlib
import re
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from brokers.clock import duration_text

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FOR_USERS = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
FOLDERS = ("brokers", "config", "strategies")  # what a session runs, but for a few functions
CONTAINERS = {"dict", "list", "set", "local"}
CACHES = {"lru_cache", "cache", "cached_property"}
# Objects made without arguments that never change.
CONSTANTS = {
    ("METADATA", "brokers/journal/tables.py"),
    ("ANY", "brokers/exchange/sandboxes.py"),
}


def rows(name: str, page: str = PAGE) -> list[list[str]]:
    """The rows of one table of a page, without its heading, by cell."""
    table = page.partition(f"<!-- {name} -->")[2].partition("<!-- end -->")[0]
    lines = table.strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


RENEWED, KEPT = rows("renewed"), rows("kept")


def test_both_tables_are_there() -> None:
    assert len(RENEWED) > 10
    assert len(KEPT) > 8
    assert {len(row) for row in RENEWED} == {4}
    assert {len(row) for row in KEPT} == {2}
    assert all(cell for row in [*RENEWED, *KEPT] for cell in row)


@pytest.mark.parametrize("row", RENEWED, ids=[row[0][:40] for row in RENEWED])
def test_the_life_that_the_page_states_is_the_programs(row: list[str]) -> None:
    """As `NAME` (`file`) and its value, or "-" where there is no length of time."""
    if row[2] == "-":
        return
    found = re.fullmatch(r"`(\w+)` \(`([\w/]+)\.py`\) (.+)", row[2])
    assert found, row[2]
    value = getattr(importlib.import_module(found[2].replace("/", ".")), found[1])
    if isinstance(value, pd.Timedelta | timedelta):
        value = value.total_seconds()
    stated = f"{value} rows" if isinstance(value, int) else duration_text(value)
    assert found[3] == stated


@pytest.mark.parametrize("row", RENEWED, ids=[row[0][:40] for row in RENEWED])
def test_each_renewal_has_its_tests(row: list[str]) -> None:
    named = re.findall(r"`([\w/.]+)::(\w+)`", row[3])
    assert named
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def test_the_users_table_has_the_same_lengths_of_time() -> None:
    length = r"\b\d+ (?:s|min|h|days?)\b"
    stated = [re.findall(length, row[1]) for row in rows("read again", FOR_USERS)]
    assert len(stated) > 5
    checked = {found for row in RENEWED for found in re.findall(length, row[2])}
    assert {one for found in stated for one in found} <= checked
    assert {"90 days", "20 h", "15 min"} <= {one for found in stated for one in found}


def test_every_cache_of_a_process_is_in_one_of_the_tables() -> None:
    text = "\n".join(cell for row in [*RENEWED, *KEPT] for cell in row)
    named = set(re.findall(r"`(\w+)`, `([\w/]+\.py)`", text))
    in_code = {entry for path in modules() for entry in caches(path)} - CONSTANTS
    assert in_code - named == set(), "name them in docs/architecture.md: renewed, or kept and why"
    assert named - in_code == set(), "no longer in the program"


def test_a_cache_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "made_up.py"
    file.write_text(
        "from functools import lru_cache\n"
        "_seen: dict[str, int] = {}\n_kept = Kept()\nLIMIT = 3\nNAMES = {'a': 1}\nNONE = {}\n"
        "@lru_cache(maxsize=1)\ndef _read():\n    pass\n"
        "class Reader:\n    @cached_property\n    def value(self):\n        pass\n"
    )
    assert {name for name, _ in caches(file, tmp_path)} == {"_seen", "_kept", "_read", "value"}


def modules() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def caches(path: Path, root: Path = ROOT) -> set[tuple[str, str]]:
    """Names in a module of what is computed or filled once: decorated functions, and containers or
    objects at its top that begin empty.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and CACHES & {part for decorator in node.decorator_list for part in words(decorator)}
    }
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and is_empty(node.value):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            names |= {
                name
                for name in words(target)
                # A container in capitals is a constant: nobody fills it.
                if not (name.isupper() and isinstance(node.value, ast.Dict | ast.List | ast.Set))
            }
    return {(name, str(path.relative_to(root))) for name in names}


def is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    if not isinstance(value, ast.Call) or value.args or value.keywords:
        return False
    made = value.func
    if isinstance(made, ast.Attribute):  # of a module, as threading.local()
        return isinstance(made.value, ast.Name)
    return isinstance(made, ast.Name) and (made.id[:1].isupper() or made.id in CONTAINERS)


def words(node: ast.AST) -> list[str]:
    return [child.id for child in ast.walk(node) if isinstance(child, ast.Name)]
