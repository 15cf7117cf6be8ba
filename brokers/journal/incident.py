"""What a session reports to a person."""

from collections.abc import Sequence
from typing import NamedTuple

from brokers.journal.records import Severity


class Incident(NamedTuple):
    """Something a person should know; `kind` groups repetitions."""

    kind: str
    severity: Severity
    text: str


def first_cause(incidents: Sequence[Incident]) -> str:
    """The first of `incidents` as the end of a sentence; "" for none.

    What failed first is what a person can do something about.
    """
    return f"; the first cause: {incidents[0].text}" if incidents else ""
