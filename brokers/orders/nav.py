"""The account's value as units, free of deposits: profit is what a unit gains."""

from brokers.journal.journal import Journal
from brokers.journal.records import EquityRow


class Units:
    """Units are issued for what is put in and withdrawn for what is taken out, at the value before; only prices move the value."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last = journal.last_equity()
        self._since = self._peak = self._largest = 0.0

    def row(self, time: int, value: float, cash: float, flow: float) -> EquityRow:
        """The account's row at bar `time`, `flow` quote units having come in since the row before."""
        before = self._last
        if before is None or before.units <= 0.0 or value <= 0.0:
            units = value if before is None else before.units
        else:
            worth = (value - flow) / before.units
            units = before.units + flow / worth if worth > 0.0 else before.units
        return EquityRow(time, value, cash, units, value / units if units else 0.0, flow)

    def rebased(self, value: float) -> float:
        """The flow that leaves the unit value as it was when the account is worth `value` after its exchange forgot everything."""
        return value - self._last.value if self._last else 0.0

    def recorded(self, row: EquityRow) -> None:
        """`row` is in the journal now."""
        self._last = row

    def value(self, worth: float, flow: float) -> float:
        """What a unit is worth now, the account being worth `worth`."""
        if self._last is None or self._last.units <= 0.0:
            return 1.0
        return (worth - flow) / self._last.units

    def largest_drawdown(self, since: float, unit: float) -> float:
        """Largest fall from a peak since `since` (epoch seconds), a unit being worth `unit` now; as a fraction."""
        if since != self._since:
            self._since = since
            self._peak, self._largest = self._journal.drawdown_since(since)
        self._peak = max(unit, self._peak)  # in this order: NaN, no earlier row, gives way
        self._largest = max(self._largest, 1.0 - unit / self._peak if self._peak > 0.0 else 0.0)
        return self._largest
