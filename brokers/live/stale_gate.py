"""What a person is told at each decision while the gate is not that of the newest session."""

from typing import NamedTuple

import pandas as pd

from brokers.journal.incident import Incident
from brokers.plurals import count
from config.sections import NEVER
from config.settings import Settings


class StaleGate(NamedTuple):
    """A gate whose newest complete row, of the session `used` (None: there is none), is in use.

    It is so many `sessions` old. `held` says which closes are held, "" for none; `without` names
    the index where it has no close; `foreign`: the row was computed with other settings.
    """

    sessions: int
    used: pd.Timestamp | None
    held: str
    without: str
    foreign: bool


def report_stale_gate(gate: StaleGate, settings: Settings) -> Incident:
    """Why nothing may be bought, which row is used, and when everything is sold."""
    used = "its last row" if gate.used is None else f"its row of {gate.used:%Y-%m-%d}"
    if gate.foreign:
        used = f"{used}, which was computed with other settings"
    ends = f"uses {used}: no position is increased, and {_consequence(gate.sessions, settings)}"
    if gate.held:
        return Incident("held close", "critical", f"{gate.held}; the gate {ends}")
    sessions = count(gate.sessions, "session")
    if gate.without:
        text = f"no close of {gate.without} for {sessions}: the gate {ends}"
    else:
        text = f"the gate could not be computed for {sessions} and {ends}"
    return Incident("gate stale", "critical", text)


def _consequence(stale: int, settings: Settings) -> str:
    """What happens if it goes on: after how many more sessions without a row all is sold."""
    limit = settings.gate.age_limit
    if limit == NEVER:
        return 'nothing is sold, however long it lasts (gate.when_stale is "hold")'
    left = limit + 1 - stale
    if left <= 0:
        return f"everything is sold (gate.max_gate_age is {limit})"
    return f"everything is sold in {count(left, 'session')} (gate.max_gate_age is {limit})"
