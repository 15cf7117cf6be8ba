"""The result of a check."""

from typing import Literal, NamedTuple

State = Literal["ok", "warning", "wrong"]


class Finding(NamedTuple):
    """One check's result in a line; `remedy` is the fix of what is not ok."""

    name: str
    state: State
    text: str
    remedy: str = ""


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
