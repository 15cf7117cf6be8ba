"""Paths as they are shown: where a file lies on this machine, and whose home, is nobody's concern.

A page or a log is sent to others; a path below the working directory serves as well.
"""

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A home folder by its usual place, with whatever lies above it.
ABSOLUTE = re.compile(r"(?<![\w.~:/])/(?:[^\s/:;,'\"<>()]+/)+([^\s/:;,'\"<>()]+)")
HOMES = re.compile(r"(?<![\w.~:/])(?:/[^\s/:;,'\"<>()]+)*/(?:home|Users)/[^\s/:;,'\"<>()]+")


def show_path(path: Path) -> str:
    """`path` below the working directory, or, if it is absolute and elsewhere, its name alone."""
    return str(path) if not path.is_absolute() else _below_here(path) or path.name or str(path)


def show_file(path: Path, folder: Path) -> str:
    """`path` below the working directory; one elsewhere by its path in `folder`."""
    return (
        str(path) if not path.is_absolute() else _below_here(path) or str(path.relative_to(folder))
    )


def path_from_here(path: Path | str) -> str:
    """`path` as who reads it can open it: from the working directory, or as it was given.

    One in a home folder that the working directory is not in is shown by its name alone.
    """
    path = Path(path)
    if (below := _below_here(path)) is not None:
        return below
    if not HOMES.match(str(path)):
        return str(path)
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # no working directory, or another drive
        return path.name
    return path.name if HOMES.match(f"/{relative.lstrip('./')}") else relative


def _below_here(path: Path) -> str | None:
    bases = [base for base in _working_directories() if path.is_relative_to(base)]
    return str(path.relative_to(bases[0])) if bases else None


def hide_paths(text: str) -> str:
    """`text` with the working directory, the program's and home folders taken out of its paths.

    For messages whose paths were not made by `show_path`. Of a path elsewhere nothing is hidden.
    """
    for base in (*_working_directories(), ROOT):
        if base != Path(base.anchor):
            text = re.sub(rf"{re.escape(f'{base}{os.sep}')}(?=[^\s/])", "", text)
            text = re.sub(rf"{re.escape(str(base))}(?![\w./-])", ".", text)
    home = os.environ.get("HOME", "").rstrip("/")
    if home.count("/") > 1 or home == "/root":
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    return HOMES.sub("~", text)


def name_paths(text: str) -> str:
    """`text` with every absolute path as `show_path` shows it: for documents and pages."""
    return ABSOLUTE.sub(r"\1", hide_paths(text))


def _working_directories() -> tuple[Path, ...]:
    """The working directory, by the name the shell gave it and without links."""
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return ()
    named = Path(os.environ.get("PWD", here))
    return (here, named) if named != here and named.is_absolute() else (here,)
