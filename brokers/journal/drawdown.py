"""The account's peak and largest drawdown, without walking through all of its rows each time."""

import json
import math
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from brokers.journal import statements
from brokers.journal.tables import equity

KEY = "drawdowns"  # of the meta table: the newest few that are kept, as JSON
STORE_AFTER = 1000  # rows walked through, from which on the result is kept
NO_TIME = 2**62  # epoch seconds
MOST_STORED = 4  # of different beginnings: a session asks for two


class Drawdown(NamedTuple):
    """The unit value from `since` up to the row at `until`, both epoch seconds.

    Its highest (-inf: no row) and its largest fall from a peak, a fraction.
    """

    since: float
    until: int
    highest: float
    largest: float

    @property
    def known(self) -> tuple[float, float]:
        """Both, NaN for a highest there is not."""
        return self.highest if math.isfinite(self.highest) else math.nan, self.largest


def drawdown_since(connection: Connection, since: float) -> tuple[Drawdown, int]:
    """The drawdown up to the newest row, and how many rows had to be read for it."""
    begin = next(
        (kept for kept in _stored_drawdowns(connection) if kept.since == since),
        Drawdown(since, math.ceil(since) - 1 if math.isfinite(since) else NO_TIME, -math.inf, 0.0),
    )
    values = {"after": begin.until, "highest": begin.highest}
    rows, until, highest, largest = connection.execute(_WALK, values).one()
    newest = Drawdown(
        since,
        begin.until if until is None else until,
        begin.highest if highest is None else highest,
        max(begin.largest, largest or 0.0),
    )
    return newest, rows


def kept_with(connection: Connection, newest: Drawdown) -> str:
    """The value of `KEY` once `newest` is kept too."""
    others = [kept for kept in _stored_drawdowns(connection) if kept.since != newest.since]
    return json.dumps([newest, *others][:MOST_STORED])


def _stored_drawdowns(connection: Connection) -> list[Drawdown]:
    stored = connection.scalar(statements.VALUE, {"key": KEY})
    return [Drawdown(*values) for values in json.loads(stored or "[]")]


def _walk() -> Any:
    """What the rows after `after` make of a peak that was `highest` before them."""
    before: Any = bindparam("highest")
    running = func.max(equity.c.unit_value).over(order_by=equity.c.time)
    peak = func.max(func.coalesce(running, before), before)
    rows = (
        select(equity.c.time, equity.c.unit_value, peak.label("peak"))
        .where(equity.c.time > bindparam("after"))
        .subquery()
    )
    return select(
        func.count(),
        func.max(rows.c.time),
        func.max(rows.c.peak),
        func.max(1.0 - rows.c.unit_value / rows.c.peak),
    ).select_from(rows)


_WALK = _walk()
