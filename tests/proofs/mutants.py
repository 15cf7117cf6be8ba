"""Change one comparison of `strategies/` at a time and see whether a test notices.

    python -m tests.proofs.mutants [--only NAME]

Each mutant runs the tests of that package in a copy of the tree. Prints every survivor; exit 1 if
one is not in `HARMLESS`.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[2]
SWAPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
SIGNS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
}
# Survivors that change nothing a user could see: the mutated comparison and why.
HARMLESS = {
    "breakout.py: left_row >= 0  [>= to >]": "no breakout can be left on the first session",
    "decision.py: total > largest  [> to >=]": "at equality the factor is one",
    "decision.py: units <= 0.0  [<= to <]": "an order of nothing is nothing",
    "decision.py: wanted > 0.0  [> to >=]": "an order of nothing has no side",
    "decision.py: fabs(steps * step - units) > 1e-06 * step  [> to >=]": (
        "a rest of exactly a millionth of a step"
    ),
    "decision.py: ceiling <= 0.0  [<= to <]": (
        "skips a shortcut: a ceiling of zero leaves every target at zero"
    ),
    "russell_gate.py: size < 0  [< to <=]": "an order of nothing is not sent",
    "sentences.py: size > 0  [> to >=]": "an order of nothing is not listed",
    "gate.py: table['stale'] > 0  [> to <=]": "skips a shortcut, the table is the same",
    "gate.py: states.confirmed_row >= 0  [>= to >]": "nothing is confirmed on the first session",
    "gate.py: table['stale'] > 0  [> to >=]": "skips a shortcut, the table is the same",
    "indicators.py: np.abs(distance) < ROUNDING  [< to <=]": (
        "a distance of exactly the rounding bound"
    ),
}
# Tried first, since most mutants fall there; then all of them.
CLOSEST = {"russell_gate.py": "tests/backtests/engine/test_simulation.py"}
ALL = ["tests/strategies", "tests/backtests/engine/test_simulation.py"]


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """(what was changed, whole mutated source) for every comparison operator."""
    count = sum(
        len(node.ops) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Compare)
    )
    for number in range(count):
        tree = ast.parse(source)
        places = [
            (node, k)
            for node in ast.walk(tree)
            if isinstance(node, ast.Compare)
            for k in range(len(node.ops))
        ]
        node, k = places[number]
        original, before = type(node.ops[k]), ast.unparse(node)
        for swap in SWAPS.get(original, ()):
            node.ops[k] = swap()
            yield f"{before}  [{SIGNS[original]} to {SIGNS[swap]}]", ast.unparse(tree)


def survives(tree: Path, module: str, source: str) -> bool:
    """Whether all tests still pass in `tree` with `module` replaced; the module is put back."""
    path = tree / "strategies" / module
    original = path.read_text()
    path.write_text(source)
    closest = CLOSEST.get(module, f"tests/strategies/test_{module}")
    try:
        first = [closest] if (tree / closest).exists() else ["tests/strategies/test_gate.py"]
        return passes(tree, first) and passes(tree, ALL)
    finally:
        path.write_text(original)


def passes(tree: Path, tests: list[str]) -> bool:
    """Whether these tests pass in `tree`; an endless loop does not."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-m",
        "not realdata",
        *tests,
    ]
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            capture_output=True,
            timeout=180,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> None:
    """Try all mutants on two copies of the tree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="modules whose name contains this")
    chosen = parser.parse_args().only
    modules = sorted(path for path in (ROOT / "strategies").glob("*.py") if chosen in path.name)
    jobs = [
        (path.name, change, source)
        for path in modules
        for change, source in mutants(path.read_text())
    ]
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        trees: Queue[Path] = Queue()
        for number in range(2):
            copy = Path(folder) / str(number)
            ignored = shutil.ignore_patterns(
                ".git", ".venv", "runs", ".cache", "__pycache__", ".*_cache", ".hypothesis"
            )
            shutil.copytree(ROOT, copy, ignore=ignored)
            trees.put(copy)

        def attempt(job: tuple[str, str, str]) -> None:
            tree = trees.get()
            try:
                if survives(tree, job[0], job[2]):
                    found.append(f"{job[0]}: {job[1]}")
            finally:
                trees.put(tree)

        list(pool.map(attempt, jobs))
    for name in sorted(found):
        print(f"survived: {name}: {HARMLESS.get(name, 'NO REASON KNOWN')}")
    unknown = sum(name not in HARMLESS for name in found)
    print(f"{len(jobs)} mutants, {len(found)} survived, {unknown} of them without a known reason")
    sys.exit(any(name not in HARMLESS for name in found))


if __name__ == "__main__":
    main()
