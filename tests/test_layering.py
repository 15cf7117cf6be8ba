"""Imports point one way, folder by folder; names say what things are; modules stay small."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("config", "strategies", "brokers", "backtests")
# What each folder may import of ours beside itself. A folder stands below all it imports.
MAY_IMPORT = {
    "config": "",
    "strategies": "",
    "brokers": "",
    "brokers.exchange": "brokers",
    "brokers.journal": "brokers config",
    "brokers.prices": "brokers brokers.exchange brokers.journal config",
    "brokers.orders": "brokers brokers.exchange brokers.journal config",
    "brokers.live": "brokers brokers.exchange brokers.journal brokers.orders brokers.prices config",
    "brokers.doctor": (
        "brokers brokers.exchange brokers.journal brokers.live brokers.orders brokers.prices config"
    ),
    "brokers.commands": (
        "brokers brokers.doctor brokers.exchange brokers.journal brokers.live brokers.orders "
        "brokers.prices config"
    ),
    "backtests": "",
    "backtests.engine": (
        "config strategies brokers brokers.prices brokers.journal brokers.live brokers.orders"
    ),
    "backtests.performance": "strategies backtests.engine",
    "backtests.statistics": "strategies backtests.engine backtests.performance",
    "backtests.benchmarks": (
        "strategies brokers backtests.engine backtests.performance backtests.statistics"
    ),
    "backtests.runs": (
        "config strategies brokers brokers.prices brokers.exchange brokers.journal "
        "brokers.live brokers.orders backtests.benchmarks backtests.engine "
        "backtests.performance"
    ),
    "backtests.checks": "config strategies brokers brokers.prices brokers.orders backtests.engine",
    "backtests.tuning.search": (
        "config strategies brokers brokers.orders backtests.engine backtests.performance "
        "backtests.statistics"
    ),
    "backtests.tuning.validation": (
        "config strategies brokers brokers.prices backtests.benchmarks backtests.engine "
        "backtests.performance backtests.runs backtests.statistics backtests.tuning.search"
    ),
    "backtests.tuning": (
        "config strategies brokers brokers.prices backtests.engine backtests.performance "
        "backtests.runs backtests.tuning.search backtests.tuning.validation"
    ),
    "backtests.evidence": (
        "config strategies brokers brokers.prices brokers.journal backtests.benchmarks "
        "backtests.engine backtests.performance backtests.runs backtests.statistics"
    ),
    "backtests.calibration": (
        "config strategies brokers brokers.prices backtests.benchmarks backtests.engine "
        "backtests.evidence backtests.performance backtests.runs backtests.statistics "
        "backtests.tuning backtests.tuning.search backtests.tuning.validation"
    ),
    "backtests.paper_sessions": (
        "config strategies brokers brokers.prices brokers.journal brokers.live "
        "backtests.checks backtests.engine backtests.performance backtests.runs"
    ),
    "backtests.report": (
        "config strategies brokers brokers.prices backtests.benchmarks backtests.calibration "
        "backtests.engine backtests.performance backtests.runs"
    ),
    "backtests.report.run": (
        "strategies brokers backtests.performance backtests.report backtests.runs"
    ),
    "backtests.report.session": (
        "strategies brokers brokers.journal backtests.paper_sessions backtests.performance "
        "backtests.report"
    ),
    "backtests.report.tune": (
        "brokers backtests.report backtests.runs backtests.statistics backtests.tuning"
    ),
    "backtests.report.evidence": (
        "brokers backtests.evidence backtests.performance backtests.report backtests.runs "
        "backtests.statistics"
    ),
    "backtests.commands": (
        "config brokers brokers.prices brokers.journal brokers.live "
        "backtests.calibration backtests.checks backtests.engine "
        "backtests.evidence backtests.paper_sessions backtests.report backtests.report.evidence "
        "backtests.report.run backtests.report.session backtests.report.tune backtests.runs "
        "backtests.tuning backtests.tuning.search"
    ),
}
MAIN_MAY_IMPORT = {
    "strategies",
    "brokers",
    "brokers.commands",
    "backtests.commands",
    "backtests.engine",
    "backtests.paper_sessions",
}
# Which import by a name that is computed; what that is no test of imports can see.
BY_NAME = {"backtests.engine.compiled", "backtests.commands.settings"}
STRATEGY_LIBRARIES = {"numpy", "pandas", "numba"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "core", "misc", "tools"}
HEAVY = (
    "pandas",
    "numpy",
    "backtrader",
    "numba",
    "ccxt",
    "yfinance",
    "pydantic",
    "exchange_calendars",
    "rich",
    "loguru",
)
OUTSIDE = {
    "os",
    "pathlib",
    "socket",
    "urllib",
    "http",
    "requests",
    "time",
    "random",
    "subprocess",
    "shutil",
    "tempfile",
    "sqlite3",
    "logging",
}
LARGEST = 350  # lines of a module


@cache
def modules() -> Mapping[str, Path]:
    """Every module of ours by its dotted name, a package's `__init__` under the package's."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def folder(module: str) -> str:
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


@cache
def imports(module: str) -> frozenset[str]:
    """Every module a module imports anywhere, foreign ones too."""
    found = set()
    for node in ast.walk(tree(modules()[module])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}, line {node.lineno}: a relative import"
            found |= {
                name if (name := f"{node.module}.{alias.name}") in modules() else str(node.module)
                for alias in node.names
            }
    return frozenset(found)


def ours(module: str) -> set[str]:
    return {
        name for name in imports(module) if name.partition(".")[0] in {*PACKAGES, "main", "tests"}
    }


def of_folders() -> dict[str, set[str]]:
    """The folders each folder imports beside itself."""
    found: dict[str, set[str]] = {folder(module): set() for module in modules()}
    for module in modules():
        found[folder(module)] |= {
            folder(name) if name in modules() else name for name in ours(module)
        } - {folder(module)}
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_folder_has_its_row_and_stands_below_all_it_may_import() -> None:
    assert set(MAY_IMPORT) == set(of_folders())
    above: set[str] = set()
    for name, row in MAY_IMPORT.items():
        assert set(row.split()) <= above, name
        above.add(name)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_folder_imports_what_its_row_allows_and_nothing_is_allowed_in_vain(name: str) -> None:
    assert of_folders()[name] == set(MAY_IMPORT[name].split())


def test_the_main_module_imports_commands_and_what_they_are_handed() -> None:
    names = {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(tree(ROOT / "main.py"))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {folder(name) for name in names & modules().keys()} == MAIN_MAY_IMPORT


def test_nothing_is_imported_by_a_computed_name() -> None:
    calls = {
        module
        for module, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name | ast.Attribute)
        and (node.id if isinstance(node, ast.Name) else node.attr)
        in ("__import__", "import_module", "exec_module")
    }
    assert calls == BY_NAME


def test_foreign_packages_are_installed_for_running() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([\w-]+)==", lock, re.MULTILINE))
    packages = packages_distributions()
    foreign = {name.partition(".")[0] for module in modules() for name in imports(module)}
    foreign -= sys.stdlib_module_names | {*PACKAGES, "apprise"}  # an extra, asked for by name
    assert foreign
    for name in foreign:
        distributions = {one.lower().replace("_", "-") for one in packages[name]}
        assert distributions & locked, name


def test_there_is_no_circle_of_files_or_of_folders() -> None:
    assert circles({module: ours(module) - {module} for module in modules()}) == []
    assert circles(of_folders()) == []


def test_a_circle_would_be_found() -> None:
    assert set(circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


def test_strategies_use_numbers_only_and_backtrader_where_a_strategy_is() -> None:
    for module, path in modules().items():
        if module.partition(".")[0] == "strategies":
            classes = (node for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef))
            is_strategy = any(
                ast.unparse(parent) in ("bt.Strategy", "backtrader.Strategy")
                for one in classes
                for parent in one.bases
            )
            allowed = (
                STRATEGY_LIBRARIES | {"strategies"} | ({"backtrader"} if is_strategy else set())
            )
            assert {
                name.partition(".")[0] for name in imports(module)
            } - sys.stdlib_module_names <= allowed, module


def test_strategies_know_no_network_no_files_and_no_clock() -> None:
    for module, path in modules().items():
        if module.partition(".")[0] == "strategies":
            assert OUTSIDE.isdisjoint(name.partition(".")[0] for name in imports(module)), module
            calls = [
                ast.unparse(node.func)
                for node in ast.walk(tree(path))
                if isinstance(node, ast.Call)
            ]
            assert [
                name
                for name in calls
                if name == "open" or name.endswith((".now", ".today", ".utcnow"))
            ] == [], module


def test_price_sources_know_no_backtrader() -> None:
    assert [
        module
        for module in modules()
        if module.startswith("brokers.prices") and "backtrader" in imports(module)
    ] == []


def test_no_module_or_folder_is_named_after_nothing() -> None:
    assert [module for module in modules() if VAGUE & set(module.split("."))] == []


def test_modules_are_small_and_say_what_they_are_for() -> None:
    for path in (*modules().values(), ROOT / "main.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LARGEST, path
        assert ast.get_docstring(tree(path)), path


def test_no_other_package_stands_beside_the_five() -> None:
    packages = {
        path.parent.name for path in ROOT.glob("*/*.py") if not path.parent.name.startswith(".")
    }
    assert packages - {"tests"} == set(PACKAGES)
    assert [path.name for path in ROOT.glob("*.py")] == ["main.py"]


def test_help_imports_nothing_heavy() -> None:
    """Nothing but the parser: a line more and every command pays for it."""
    code = (
        "import sys, runpy; sys.argv = ['main.py', '--help']\n"
        "try: runpy.run_path('main.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print('\\n', [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Usage:" in result.stdout
    assert result.stderr.strip() == "[]"
