"""Which rows of a long table the page shows, and instants in its cells."""

from collections.abc import Sequence
from typing import TypeVar

from brokers.clock import utc_text

LONGEST = 400  # rows of a table on the page; --json has all
T = TypeVar("T")


def first(items: Sequence[T]) -> Sequence[T]:
    """The first of `items`."""
    return items[:LONGEST]


def newest(items: Sequence[T]) -> Sequence[T]:
    """The last of `items`, in their order."""
    return items[-LONGEST:]


def newest_first(items: Sequence[T]) -> Sequence[T]:
    """The last of `items`, in reverse."""
    return items[: -LONGEST - 1 : -1]


def moment(seconds: float) -> str:
    """Epoch seconds to the minute, in a column whose heading says UTC."""
    return utc_text(seconds).removesuffix(" UTC")
