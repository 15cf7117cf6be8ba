"""What became of an intent, as the journal and a person get to know it."""

from collections.abc import Callable

from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import Intent, IntentState
from brokers.orders.remainder import progress_text

CUT_SHORT = "cut short"  # the kind of an intent that was filled in part


def put_off(journal: Journal, intent: Intent, filled: float, *, is_sent: bool, why: str) -> str:
    """Record why an intent is not at its end; with how much is `filled`, as a person reads it."""
    journal.set_intent(intent.id, "sent" if is_sent else "planned", why)
    return f"{progress_text(intent, filled)}; {why}" if filled else why


def end_intent(
    journal: Journal,
    report: Callable[[Incident], None],
    intent: Intent,
    filled: float,
    *,
    state: IntentState,
    why: str,
) -> str:
    """Record the end of an intent; report it where there is a reason why it is not filled.

    What was filled in part, or whole, is "done" whatever `state` says. Returns "".
    """
    kind, text = str(state), why
    if filled:
        kind, state, progress = CUT_SHORT, "done", progress_text(intent, filled)
        text = f"{progress}; {why}" if why else progress
    journal.set_intent(intent.id, state, text)
    if why:
        report(Incident(kind, "warning", f"{intent.order_text}: {text}"))
    return ""


def how_it_ended(size: float, state: IntentState, why: str) -> str:
    """What became of an order of that signed size, for a person.

    Examples
    --------
    >>> how_it_ended(-2.5, "done", "2.5 of 2.5 filled"), how_it_ended(1.0, "refused", "no cash")
    ('filled', 'refused, no cash')

    """
    if state == "done":
        amount = f"{abs(size):g}"
        return "filled" if why in ("", f"{amount} of {amount} filled") else why
    return f"{state}, {why}" if why and why != state else state
