"""Everything that follows from prices, as arrays that can be compared with those of another run."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.engine.inputs import prepare_inputs
from backtests.engine.simulation import simulate
from brokers.clock import utc_text
from brokers.prices.load import Prices
from config.settings import Settings
from strategies.decision import Decision
from strategies.gate import GATE_LINES

Array = NDArray[Any]
# Columns of the numbers behind yes and no; the last bits of these may follow a rescaling.
MEASURE = "measure_"
SECOND = 10**9  # nanoseconds
TOLERANCE = 1e-9  # relative and absolute, for measures of rescaled prices


class Rows(NamedTuple):
    """One table: its name, when each row was known (UTC nanoseconds), its columns by name.

    `missing` names the columns that count a coin's missing bars: 0 in a row where the coin has a
    bar of its own.
    """

    what: str
    known_at: NDArray[np.int64]
    columns: Mapping[str, Array]
    missing: Sequence[str] = ()

    def until(self, instant: int) -> "Rows":
        """The rows known by `instant` (UTC nanoseconds)."""
        return self.part(slice(int(np.searchsorted(self.known_at, instant, side="right"))))

    def part(self, rows: slice) -> "Rows":
        """Some of the rows."""
        return self._replace(
            known_at=self.known_at[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
        )


class Snapshot(NamedTuple):
    """The gate, the coins' lines, and the decisions, in order of time.

    A decision's equity and cash show every fill up to it.
    """

    tables: Sequence[Rows]
    decisions: Rows


def take_snapshot(settings: Settings, prices: Prices) -> Snapshot:
    """Compute the gate, every coin's lines, and the strategy in backtrader, all anew.

    Raises
    ------
    DataError
        As `prepare_inputs`.

    """
    inputs = prepare_inputs(settings, prices)
    lines = {**inputs.coins, f"{settings.backtest.bitcoin} (benchmark)": inputs.bitcoin}
    tables = [
        _rows("gate row", inputs.table, ()),
        *(_rows(f"line of {name}", frame, ("stale",)) for name, frame in lines.items()),
    ]
    return Snapshot(tables, _decision_rows(simulate(inputs).decisions, list(inputs.coins)))


def nanoseconds(index: pd.Index) -> NDArray[np.int64]:
    """An index of instants as UTC nanoseconds."""
    return pd.DatetimeIndex(index).as_unit("ns").asi8


def difference(
    full: Snapshot, cut: Snapshot, instant: pd.Timestamp, *, rescaled: bool = False
) -> str | None:
    """What differs up to `instant` (UTC, included), as text; None where all is the same.

    The first such line of the tables, and the first such decision. With `rescaled` the measures are
    compared to `TOLERANCE`; everything else always exactly.
    """
    pairs = (
        (before.until(instant.value), after.until(instant.value))
        for before, after in zip(full.tables, cut.tables, strict=True)
    )
    texts = (_first_difference(*pair, rescaled=rescaled) for pair in pairs)
    line = next((text for text in texts if text), None)
    decision = _first_difference(
        full.decisions.until(instant.value), cut.decisions.until(instant.value), rescaled=False
    )
    if line and not decision:
        return f"{line}; no decision up to then changes"
    return "; ".join(text for text in (line, decision) if text) or None


def _rows(what: str, frame: pd.DataFrame, missing: Sequence[str]) -> Rows:
    columns = {str(name): _array(column) for name, column in frame.items()}
    return Rows(what, nanoseconds(frame.index), columns, missing)


def _array(column: pd.Series) -> Array:
    """Numbers (missing is NaN), instants as nanoseconds, objects otherwise."""
    if column.dtype.kind == "M":
        return nanoseconds(pd.DatetimeIndex(column.array))
    if column.dtype.kind in "biuf":
        return column.to_numpy(dtype=float, na_value=np.nan)
    return column.to_numpy(dtype=object)


def _decision_rows(decisions: Sequence[Decision], coins: Sequence[str]) -> Rows:
    missing, current, targets, sizes = (
        [f"{field} of {coin}" for coin in coins]
        for field in ("missing bars", "share", "target", "order")
    )
    names = [
        *(*GATE_LINES, "equity", "cash", "drawdown"),
        *(*missing, *current, *targets, "gross", *sizes),
    ]
    numbers = np.fromiter(chain.from_iterable(map(_numbers, decisions)), dtype=float)
    times = np.fromiter((decision.time for decision in decisions), dtype=np.int64) * SECOND
    by_column = numbers.reshape(len(decisions), len(names)).T
    return Rows("decision", times, dict(zip(names, by_column, strict=True)), missing)


def _numbers(decision: Decision) -> Iterable[float]:
    return (
        *decision.gate,
        decision.equity,
        decision.cash,
        decision.drawdown,
        *decision.missing,
        *decision.current,
        *decision.targets,
        decision.gross,
        *decision.sizes,
    )


def _first_difference(before: Rows, after: Rows, *, rescaled: bool) -> str | None:
    """The earliest row that differs, and the first of its columns that does."""
    rows = min(len(before.known_at), len(after.known_at))
    shifted = np.flatnonzero(before.known_at[:rows] != after.known_at[:rows])
    extra = len(after.known_at) > rows or _has_bars(before.part(slice(rows, None)))
    if len(shifted) or extra:
        first = min([int(row) for row in shifted[:1]] + [rows])
        longer = before if len(before.known_at) > first else after
        return (
            f"{before.what} {_utc(longer.known_at[first])}: {len(before.known_at)} rows up to "
            f"then, {len(after.known_at)} with the data known then"
        )
    differing = [
        (int(np.argmax(differs)), name)
        for name in before.columns
        if (differs := _differs(before, after, name, rows, rescaled=rescaled)).any()
    ]
    if not differing:
        return None
    row, name = min(differing, key=lambda pair: pair[0])
    values = [_format(table.columns[name][row], name) for table in (before, after)]
    return (
        f"{before.what} {_utc(before.known_at[row])}: {name.replace('_', ' ')} was {values[0]}, "
        f"is {values[1]} with the data known then"
    )


def _has_bars(rest: Rows) -> bool:
    """Whether anything happened in the rows that only the longer table has.

    With nothing newer known the coins' grid ends at the last bar of any; rows after it in which
    every bar is missing do not count.
    """
    counts = [rest.columns[name] == 0 for name in rest.missing]
    return bool(np.any(counts) if counts else len(rest.known_at))


def _differs(
    before: Rows, after: Rows, name: str, rows: int, *, rescaled: bool
) -> NDArray[np.bool_]:
    one, other = before.columns[name][:rows], after.columns[name][:rows]
    differs: NDArray[np.bool_] = np.asarray(one != other)
    if differs.any() and one.dtype == other.dtype == float:
        differs &= ~(np.isnan(one) & np.isnan(other))
        if rescaled and name.startswith(MEASURE):
            differs &= ~np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)
    return differs


def _format(value: object, name: str) -> str:
    if isinstance(value, np.int64):  # an instant
        return _utc(int(value))
    if not isinstance(value, float):
        return str(value) or "nothing"
    if np.isnan(value):
        return "unknown"
    return utc_text(value) if name == "confirmed_at" else f"{value:.12g}"


def _utc(instant: int) -> str:
    return "never" if pd.isna(pd.Timestamp(instant)) else utc_text(int(instant) // SECOND)
