"""The form of the code in figures: widths, modules, functions, untyped mappings, circles.

python -m tests.form
"""

import ast
from pathlib import Path

from tests.test_layering import MAY_IMPORT, ROOT, circles, modules, of_folders, ours, tree

WIDEST, LONGEST = 100, 30  # columns of a line, lines of a function
UNTYPED = ("dict[str, Any]", "Mapping[str, Any]")


def functions(path: Path) -> list[tuple[int, str]]:
    """Lines and name of every function of a file, its docstring left out."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            found.append(((node.end_lineno or 0) - body[0].lineno + 1, f"{path.name}:{node.name}"))
    return found


def main() -> None:
    paths = [*modules().values(), ROOT / "main.py"]
    everything = [*paths, *(ROOT / "tests").rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in everything}
    wide = sum(len(line) > WIDEST for text in texts.values() for line in text.splitlines())
    largest = max(paths, key=lambda path: len(texts[path].splitlines()))
    every = sorted((one for path in paths for one in functions(path)), reverse=True)
    long = [one for one in every if one[0] > LONGEST]
    untyped = {path: sum(texts[path].count(word) for word in UNTYPED) for path in paths}
    graph = of_folders()
    against = [name for name, row in MAY_IMPORT.items() if graph[name] - set(row.split())]
    print(f"lines over {WIDEST} columns: {wide}")
    print(f"largest module: {largest.relative_to(ROOT)}, {len(texts[largest].splitlines())} lines")
    print(f"functions: {len(every)}, {len(long)} of more than {LONGEST} lines without docstring")
    for lines, name in long[:10]:
        print(f"    {name} {lines}")
    print(f"mappings of Any: {sum(untyped.values())} in {sum(map(bool, untyped.values()))} modules")
    print(f"folders that import against the table: {len(against)}")
    loop = circles({module: ours(module) - {module} for module in modules()}) + circles(graph)
    print(f"circles: {loop or 0}")


if __name__ == "__main__":
    main()
