"""The parts of docs/ that are made from the code: `python -m tests.developer_pages`.

The picture and the table of folders in docs/architecture.md come from imports and docstrings, the
sentences in docs/glossary.md from the glossary of the pages.
"""

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from backtests.report.glossary import TERMS
from tests.test_layering import modules, of_folders, tree

ROOT = Path(__file__).parents[1]
ARCHITECTURE, GLOSSARY = ROOT / "docs/architecture.md", ROOT / "docs/glossary.md"
WIDTH = 100
PICTURE, FOLDERS, END = "<!-- picture -->\n", "<!-- folders -->\n", "<!-- end -->"
MAIN = "main"


def direct_imports() -> dict[str, set[str]]:
    """The folders that `main.py` and each folder import; a folder without code is left out."""
    graph = of_folders()
    imported = {name for row in graph.values() for name in row}
    graph = {name: row for name, row in graph.items() if row or name in imported}
    graph[MAIN] = set()
    for node in ast.walk(ast.parse((ROOT / "main.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module) in modules():
            graph[MAIN].add(str(node.module).rpartition(".")[0])
    return graph


def without_detours(graph: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """The arrows that are not implied by a longer way (the transitive reduction of a graph)."""

    def reached(start: str) -> set[str]:
        below = set(graph.get(start, ()))
        return below.union(*(reached(name) for name in below))

    return {
        name: set(row) - set().union(*(reached(other) for other in row))
        for name, row in graph.items()
    }


def picture() -> str:
    """The folders and their imports as a Mermaid diagram."""
    arrows = without_detours(direct_imports())
    lines = ["```mermaid", "flowchart TB", '  main["main.py"]']
    for package in ("backtests", "brokers"):
        inside = [name for name in arrows if name.partition(".")[0] == package]
        lines.append(f'  subgraph {package}_folder ["{package}/"]')
        lines += [f'    {_node(name)}["{_label(name)}"]' for name in sorted(inside)]
        lines.append("  end")
    lines += [f'  {name}["{name}/"]' for name in ("strategies", "config")]
    lines += [
        f"  {_node(name)} --> {_node(below)}"
        for name, row in sorted(arrows.items())
        for below in sorted(row)
    ]
    return "\n".join([*lines, "```"]) + "\n"


def _node(name: str) -> str:
    return name.replace(".", "_")


def _label(name: str) -> str:
    """The path below the package; the package's own files for the package itself."""
    _, dot, rest = name.partition(".")
    return f"{rest.replace('.', '/')}/" if dot else "its own files"


def folders() -> str:
    """Every folder with what its docstring says."""
    lines = ["| folder | what it is |", "|---|---|"]
    for name, path in sorted(modules().items()):
        if path.name == "__init__.py":
            said = " ".join(str(ast.get_docstring(tree(path))).split())
            lines.append(f"| `{name.replace('.', '/')}/` | {said} |")
    return "\n".join(lines) + "\n"


def architecture() -> str:
    """The page with picture and table made anew."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    for begin, content in ((PICTURE, picture()), (FOLDERS, folders())):
        before, _, rest = text.partition(begin)
        text = before + begin + content + END + rest.partition(END)[2]
    return text


def glossary() -> str:
    """The page with the sentence of every term made anew; a new term stands at the end."""
    text = GLOSSARY.read_text(encoding="utf-8")
    for name, sentence in TERMS.items():
        heading = f"### {name}\n\n"
        lines = textwrap.fill(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)
        if heading in text:
            before, _, rest = text.partition(heading)
            text = f"{before}{heading}{lines}\n{rest[len(_first_paragraph(rest)) :]}"
        else:
            text += f"\n{heading}{lines}\n"
    return text


def _first_paragraph(text: str) -> str:
    return "".join(re.findall(r"\A(?:.+\n)+", text))


if __name__ == "__main__":
    ARCHITECTURE.write_text(architecture(), encoding="utf-8")
    GLOSSARY.write_text(glossary(), encoding="utf-8")
