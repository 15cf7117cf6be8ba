"""What a session reports to a person."""

from typing import NamedTuple

from brokers.journal.records import Severity


class Incident(NamedTuple):
    """Something a person should know; `kind` groups repetitions."""

    kind: str
    severity: Severity
    text: str
