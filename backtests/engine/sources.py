"""Which of our files a module is built on: those it imports, and those that these import."""

import ast
import re
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Imports stand above the first definition, those of types only are indented; what a function
# imports for itself it cannot be compiled with.
DEFINITION = re.compile(rb"^(?:def |class |async |@)", re.MULTILINE)
IMPORT = re.compile(
    rb"^[ \t]*(?:from +([\w.]+) +import +(\([^)]*\)|[^\n#]*)|import +([\w., ]+))", re.MULTILINE
)
WORD = re.compile(rb"[\w.]+")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def import_closure(
    files: Iterable[Path], *, root: Path = ROOT, without: Collection[Path] = ()
) -> list[Path]:
    """`files` of the tree at `root` and every file of it they are built on, sorted.

    Nothing of `without` is in it, nor what is imported by way of it only.
    """
    closure: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file not in closure and file not in without:
            closure.add(file)
            waiting += imported_files(file, root)
    return sorted(closure)


content_of = cache(Path.read_bytes)


@cache
def imported_files(file: Path, root: Path) -> frozenset[Path]:
    """The files of the tree at `root` that `file` imports itself."""
    text = content_of(file)
    first = DEFINITION.search(text)
    imports: set[Path] = set()
    for package, names, modules in IMPORT.findall(text, 0, first.start() if first else len(text)):
        for module in (package,) if package else WORD.findall(modules):
            above, _, _ = module.partition(b".")
            if _is_folder(root, above.decode()):
                imports |= _files_of(root, module.decode(), names)
    return frozenset(imports)


@cache
def _is_folder(root: Path, name: str) -> bool:
    return (root / name).is_dir()


@cache
def _files_of(root: Path, module: str, names: bytes) -> frozenset[Path]:
    """The file of a dotted name, and of those of `names` that are modules in it."""
    file = root / f"{module.replace('.', '/')}.py"
    if file.is_file():
        return frozenset([file])
    inside = (file.with_suffix("") / f"{name.decode()}.py" for name in WORD.findall(names))
    package = file.with_suffix("") / "__init__.py"
    return frozenset(path for path in (package, *inside) if path.is_file())


def code_of(file: Path) -> str:
    """What Python runs of a file: neither comments nor docstrings nor how its lines are broken."""
    tree = ast.parse(content_of(file))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.dump(tree, annotate_fields=False)
