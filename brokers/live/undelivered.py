"""Notifications that did not arrive: kept in the journal, reported at the next start."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.plurals import count

KEY = "undelivered notifications"  # in the journal
KIND = "undelivered"
TITLE = f"Russell Gate: {KIND}"
MOST_STORED = 10  # notifications that are kept
LONGEST_TEXT = 200  # characters of a text that are kept


class Undelivered(NamedTuple):
    """A notification that `service` did not get. Its texts are masked."""

    service: str
    title: str
    text: str


STORED = TypeAdapter(list[Undelivered])


class UndeliveredStore:
    """What the last session of an account could not deliver, and this one's for the next.

    The one rule: it stays in the journal until a report of it has been delivered.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._earlier = _load(journal)
        self._reported = False

    def report(self) -> Incident | None:
        """What to report of the last session's; None for nothing."""
        self._reported = True
        if not self._earlier:
            return None
        return Incident(
            KIND,
            "warning",
            f"{count(len(self._earlier), 'notification')} of an earlier session may not have "
            f"arrived:\n{list_undelivered(self._earlier)}",
        )

    def keep(self, lost: Sequence[Undelivered]) -> None:
        """Store what this session could not deliver: `MOST_STORED` of it, the first ones first.

        Raises
        ------
        JournalError, RetryLaterError
            The journal cannot be written.

        """
        arrived = self._reported and all(entry.title != TITLE for entry in lost)
        kept = [
            *(entry._replace(text=_shorten(entry.text)) for entry in lost if entry.title != TITLE),
            *(() if arrived else self._earlier),
        ][:MOST_STORED]
        if kept != self._earlier:
            self._journal.put(KEY, STORED.dump_json(kept).decode())


def list_undelivered(lost: Iterable[Undelivered]) -> str:
    """A line for each."""
    return "\n".join(f"{entry.service}: {entry.title}: {_shorten(entry.text)}" for entry in lost)


def _load(journal: Journal) -> list[Undelivered]:
    """What is stored; nothing where that cannot be understood."""
    try:
        return STORED.validate_json(journal.get(KEY) or "[]")
    except ValidationError:
        return []


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
