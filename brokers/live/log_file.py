"""A log file of JSON lines: put aside by size, and never in the way when its disk is full."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loguru import Message

APPENDED = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class LogFile:
    """A sink of loguru that appends whole lines to `path`.

    The one rule: it raises nothing once it is open. What cannot be written is reported once, in a
    line, and counted; when it can be written again, the file says how many lines it lacks.
    """

    def __init__(self, path: Path, size: int, keep: int, report: Callable[[str], None]) -> None:
        """Open `path`.

        From `size` bytes on the file is put aside under its time, and `keep` of those are kept.
        `report` shows a line elsewhere.

        Raises
        ------
        OSError
            The file cannot be opened.

        """
        self._path = path
        self._limit = size
        self._keep = keep
        self._report = report
        self._missing = 0
        self._file: int | None = self._open()

    def write(self, message: "Message") -> None:
        """Append one line, which ends with a line feed."""
        try:
            line = str(message).encode()
            if 0 < os.fstat(self._opened()).st_size > self._limit - len(line):
                self._put_aside(f"{message.record['time']:%Y-%m-%d_%H-%M-%S_%f}")
            if self._missing:
                self._append(self._gap(message).encode())
                self._report(f"the log is written again; {self._missing} of its lines are missing")
                self._missing = 0
            self._append(line)
        except OSError as error:
            if not self._missing:
                self._report(
                    f"the log {self._path.name} cannot be written ({error.strerror}): its lines "
                    "are lost until it can be; the session goes on"
                )
            self._missing += 1

    def stop(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None

    def _open(self) -> int:
        return os.open(self._path, APPENDED, 0o666)

    def _opened(self) -> int:
        if self._file is None:
            self._file = self._open()
        return self._file

    def _append(self, line: bytes) -> None:
        """The whole line or nothing of it: a part would spoil the next one."""
        file = self._opened()
        before = os.fstat(file).st_size
        try:
            written = os.write(file, line)
            while written < len(line):
                written += os.write(file, line[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, before)
            raise

    def _gap(self, message: "Message") -> str:
        """A line like `message` that says how many are missing before it."""
        document = json.loads(str(message))
        text = f"{self._missing} lines are missing here: the log could not be written"
        level = {"name": "WARNING", "no": 30, "icon": ""}
        record = document["record"] | {"message": text, "level": level, "extra": {}}
        return json.dumps({"text": text, "record": record}) + "\n"

    def _put_aside(self, time: str) -> None:
        """Give the file the name of its time and begin another; as it is, where that fails."""
        path = self._path
        with suppress(OSError):
            path.rename(path.with_name(f"{path.stem}.{time}{path.suffix}"))
            self.stop()
            for old in sorted(self._put_aside_before())[: -self._keep]:
                old.unlink(missing_ok=True)

    def _put_aside_before(self) -> Iterator[Path]:
        path = self._path
        for file in path.parent.iterdir():
            is_ours = file.name.startswith(f"{path.stem}.") and file.suffix == path.suffix
            if is_ours and file != path:
                yield file
