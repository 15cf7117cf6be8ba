"""Files that are either complete or absent."""

import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex


def replace_file(path: Path, write: Callable[[str], object], *, private: bool = True) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path` in one step.

    A reader sees the old file or the new one, never a part; a process that dies leaves the old one.
    Only this user may read a `private` file; any other has the permissions of a new file.

    Raises
    ------
    OSError
        The file, or the folder it is in, cannot be written.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(8)}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    os.close(os.open(temporary, flags, 0o600 if private else 0o666))
    try:
        write(str(temporary))
        with temporary.open("rb") as complete:
            os.fsync(complete.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def replace_text(path: Path, text: str) -> None:
    """Replace `path` by a file that holds `text` in UTF-8 and that others may read.

    Raises
    ------
    OSError
        As `replace_file`.

    """
    replace_file(
        path,
        lambda temporary: Path(temporary).write_text(text, encoding="utf-8"),
        private=False,
    )
