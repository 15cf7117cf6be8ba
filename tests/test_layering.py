"""Imports point one way, names say what things are, modules stay small, help comes at once."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("config", "strategies", "brokers", "backtests")
MAY_IMPORT = {
    "config": {"config"},
    "strategies": {"strategies"},
    "brokers": {"brokers", "config"},
    "backtests": {"backtests", "brokers", "config", "strategies"},
}
STRATEGY_LIBRARIES = {"numpy", "pandas", "numba"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "core", "misc", "tools"}
HEAVY = ("pandas", "numpy", "backtrader", "numba", "ccxt", "yfinance", "pydantic", "exchange_calendars", "rich", "loguru")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module a file imports anywhere, with the line; a relative import as the package it is in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(ROOT).parts[: -node.level]) if node.level else ""
            yield node.lineno, ".".join(part for part in (package, node.module) if part)


def defines_a_strategy(path: Path) -> bool:
    classes = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef))
    return any(ast.unparse(parent) in ("bt.Strategy", "backtrader.Strategy") for one in classes for parent in one.bases)


def test_there_is_something_to_look_at():
    assert len(MODULES) > 25
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_point_one_way(path: Path):
    allowed = MAY_IMPORT[path.relative_to(ROOT).parts[0]]
    ours = {*PACKAGES, "main", "tests"}
    wrong = [f"line {line}: {name}" for line, name in imported(path) if name.partition(".")[0] in ours - allowed]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.is_relative_to(ROOT / "strategies")], ids=named)
def test_strategies_use_numbers_only_and_backtrader_where_a_strategy_is(path: Path):
    allowed = STRATEGY_LIBRARIES | {"strategies"} | ({"backtrader"} if defines_a_strategy(path) else set())
    wrong = [f"line {line}: {name}" for line, name in imported(path) if name.partition(".")[0] not in allowed | sys.stdlib_module_names]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.is_relative_to(ROOT / "strategies")], ids=named)
def test_strategies_know_no_network_no_files_and_no_clock(path: Path):
    outside = {"os", "pathlib", "socket", "urllib", "http", "requests", "time", "random", "subprocess", "shutil", "tempfile", "sqlite3", "logging"}
    assert [name for _, name in imported(path) if name.partition(".")[0] in outside] == []
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert [name for name in calls if name == "open" or name.endswith((".now", ".today", ".utcnow"))] == []


def test_backtrader_stays_where_strategies_feeds_and_brokers_are():
    users = {named(path) for path in MODULES if any(name.partition(".")[0] == "backtrader" for _, name in imported(path))}
    assert {Path(name).parts[0] for name in users} <= {"strategies", "brokers", "backtests"}
    assert {name for name in users if name.startswith("brokers/prices")} == set()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_module_is_named_after_nothing(path: Path):
    assert VAGUE.isdisjoint({path.stem, *(parent.name for parent in path.relative_to(ROOT).parents)})


@pytest.mark.parametrize("path", [*MODULES, ROOT / "main.py"], ids=named)
def test_modules_are_small(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", [*MODULES, ROOT / "main.py"], ids=named)
def test_modules_say_what_they_are_for(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_no_other_package_stands_beside_the_five():
    packages = {path.parent.name for path in ROOT.glob("*/*.py") if not path.parent.name.startswith(".")}
    assert packages - {"tests"} == set(PACKAGES)
    assert [path.name for path in ROOT.glob("*.py")] == ["main.py"]


def test_help_imports_nothing_heavy():
    """Nothing but the parser: a line more and every command pays for it."""
    code = (
        "import sys, runpy; sys.argv = ['main.py', '--help']\n"
        "try: runpy.run_path('main.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print('\\n', [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert "Usage:" in result.stdout
    assert result.stderr.strip() == "[]"
