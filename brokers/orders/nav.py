"""The account's net asset value in units, free of deposits: profit is what a unit gains."""

from brokers.journal.journal import Journal
from brokers.journal.records import EquityRow


class NetAssetValue:
    """Units are issued for deposits and redeemed for withdrawals, at the unit value before.

    So only prices and trades move the value of a unit.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last = journal.last_equity()
        self._since = self._peak = self._largest = 0.0

    def equity_row(self, time: int, *, value: float, cash: float, flow: float) -> EquityRow:
        """The account's row at bar `time`, `flow` having been paid in since the row before.

        All in quote units.
        """
        last = self._last
        if last is None or last.units <= 0.0 or value <= 0.0:
            units = value if last is None else last.units
        else:
            unit_value = (value - flow) / last.units
            units = last.units + flow / unit_value if unit_value > 0.0 else last.units
        return EquityRow(
            time=time,
            value=value,
            cash=cash,
            units=units,
            unit_value=value / units if units else 0.0,
            flow=flow,
        )

    def reset_flow(self, value: float) -> float:
        """The flow that keeps the unit value when a reset has left the account at `value`."""
        return value - self._last.value if self._last else 0.0

    def remember(self, row: EquityRow) -> None:
        """`row` is in the journal now."""
        self._last = row

    def unit_value(self, value: float, flow: float) -> float:
        """What a unit is worth now, the account being worth `value` and `flow` not yet in a row."""
        if self._last is None or self._last.units <= 0.0:
            return 1.0
        return (value - flow) / self._last.units

    def largest_drawdown(self, since: float, unit_value: float) -> float:
        """Largest fall of the unit value from a peak since `since` (epoch seconds), a fraction."""
        if since != self._since:
            self._since = since
            self._peak, self._largest = self._journal.drawdown_since(since)
        self._peak = max(unit_value, self._peak)  # in this order: NaN, no earlier row, gives way
        drawdown = 1.0 - unit_value / self._peak if self._peak > 0.0 else 0.0
        self._largest = max(self._largest, drawdown)
        return self._largest
