"""How long the markets' rules of an exchange (steps, minimums, what is listed) are used."""

from brokers.journal.incident import Incident
from brokers.journal.records import Known

RENEWED = 3600.0  # seconds until they are loaded again, before the next decision


def known_markets(source: str, now: float) -> Known:
    """What is recorded of rules that `source` gave at `now` (epoch seconds)."""
    return Known("markets", now + RENEWED, source, now)


def unlisted(market: str, where: str) -> Incident:
    """What is reported of a market that an exchange does not list, or no more."""
    text = (
        f"{where} does not list {market}: nothing is traded in it, and what is held of it is kept; "
        "doctor says what can be done with it"
    )
    return Incident("unlisted", "warning", text)
