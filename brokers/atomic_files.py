"""Files that are either whole or not there."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile


def replace_file(path: Path, write: Callable[[str], object]) -> None:
    """Let `write` make a temporary file beside `path`, then put it in its place at once.

    A reader sees the old file or the new one, never a part; a process that dies leaves the old one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as made:
        temporary = Path(made.name)
    try:
        write(str(temporary))
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
