"""What a person should know."""

from typing import NamedTuple

from brokers.journal.records import Severity


class Problem(NamedTuple):
    """One thing that went otherwise than it should; `kind` groups repetitions."""

    kind: str
    severity: Severity
    text: str
