"""Everything that follows from prices, as arrays that can be set beside those of another run."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.engine.inputs import prepare
from backtests.engine.simulation import simulate
from brokers.prices.load import Prices
from config.settings import Settings
from strategies.decision import Decision
from strategies.gate import GATE_LINES

Array = NDArray[Any]
MEASURE = "measure_"  # columns of numbers behind the yes and no; the last bits of these may follow a rescaling
SECOND = 10**9  # nanoseconds
TOLERANCE = 1e-9  # relative and absolute, for measures of rescaled prices


class Rows(NamedTuple):
    """One table: what it is called, when each row was known (UTC nanoseconds), its columns by name.

    `missing` names the columns that count a coin's missing bars: 0 in a row where the coin has a bar of its own.
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


class Outcome(NamedTuple):
    """The gate, the coins' lines, and the decisions, in order of time. A decision's equity and cash show every fill up to it."""

    tables: Sequence[Rows]
    decisions: Rows


def outcome(settings: Settings, prices: Prices) -> Outcome:
    """Compute all of it anew: the gate, every coin's lines, and the strategy in backtrader.

    Raises
    ------
    DataError
        As `prepare`.

    """
    inputs = prepare(settings, prices)
    lines = {**inputs.coins, f"{settings.backtest.bitcoin} (benchmark)": inputs.bitcoin}
    tables = [
        _rows("gate row", inputs.table, ()),
        *(_rows(f"line of {name}", frame, ("stale",)) for name, frame in lines.items()),
    ]
    return Outcome(tables, _decision_rows(simulate(inputs).decisions, list(inputs.coins)))


def difference(
    full: Outcome, cut: Outcome, instant: pd.Timestamp, rescaled: bool = False
) -> str | None:
    """What is not the same up to `instant` (UTC, included), in words: the first such line of the tables, and the first such decision.

    With `rescaled` the measures are compared to `TOLERANCE`; everything else always exactly. None where all is the same.
    """
    pairs = zip(full.tables, cut.tables, strict=True)
    line = next(
        (
            text
            for was, now in pairs
            if (text := _first_moved(was.until(instant.value), now.until(instant.value), rescaled))
        ),
        None,
    )
    decision = _first_moved(
        full.decisions.until(instant.value), cut.decisions.until(instant.value), False
    )
    if line and not decision:
        return f"{line}; no decision up to then is moved by it"
    return "; ".join(text for text in (line, decision) if text) or None


def _rows(what: str, frame: pd.DataFrame, missing: Sequence[str]) -> Rows:
    return Rows(
        what,
        _nanoseconds(frame.index),
        {str(name): _array(column) for name, column in frame.items()},
        missing,
    )


def _nanoseconds(index: pd.Index) -> NDArray[np.int64]:
    return pd.DatetimeIndex(index).as_unit("ns").asi8


def _array(column: pd.Series) -> Array:
    """Numbers where they are numbers (missing is NaN), nanoseconds where they are instants, objects otherwise."""
    if column.dtype.kind == "M":
        return _nanoseconds(pd.DatetimeIndex(column.array))
    return (
        column.to_numpy(dtype=float, na_value=np.nan)
        if column.dtype.kind in "biuf"
        else column.to_numpy(dtype=object)
    )


def _decision_rows(decisions: Sequence[Decision], coins: Sequence[str]) -> Rows:
    missing, current, targets, sizes = (
        [f"{field} of {coin}" for coin in coins]
        for field in ("missing bars", "share", "target", "order")
    )
    names = [
        *GATE_LINES,
        "equity",
        "cash",
        "drawdown",
        *missing,
        *current,
        *targets,
        "gross",
        *sizes,
    ]
    numbers = np.fromiter(chain.from_iterable(map(_numbers, decisions)), dtype=float)
    times = np.fromiter((one.time for one in decisions), dtype=np.int64) * SECOND
    return Rows(
        "decision",
        times,
        dict(zip(names, numbers.reshape(len(decisions), len(names)).T, strict=True)),
        missing,
    )


def _numbers(one: Decision) -> Iterable[float]:
    return (
        *one.gate,
        one.equity,
        one.cash,
        one.drawdown,
        *one.missing,
        *one.current,
        *one.targets,
        one.gross,
        *one.sizes,
    )


def _first_moved(was: Rows, now: Rows, rescaled: bool) -> str | None:
    """The earliest row that is another, and the first of its columns that is."""
    rows = min(len(was.known_at), len(now.known_at))
    shifted = np.flatnonzero(was.known_at[:rows] != now.known_at[:rows])
    if len(shifted) or len(now.known_at) > rows or _has_bars(was.part(slice(rows, None))):
        first = min([int(row) for row in shifted[:1]] + [rows])
        place = next(one.known_at[first] for one in (was, now) if len(one.known_at) > first)
        return f"{was.what} {_utc(place)}: {len(was.known_at)} of them up to then, {len(now.known_at)} with what was known"
    unlike = [
        (int(np.argmax(moved)), name)
        for name in was.columns
        if (moved := _unlike(was, now, name, rows, rescaled)).any()
    ]
    if not unlike:
        return None
    row, name = min(unlike, key=lambda found: found[0])
    before, after = _plain(was.columns[name][row], name), _plain(now.columns[name][row], name)
    return f"{was.what} {_utc(was.known_at[row])}: {name.replace('_', ' ')} was {before}, is {after} with what was known"


def _has_bars(rest: Rows) -> bool:
    """Whether anything happened in the rows that only the longer table has.

    With nothing newer known the coins' grid ends at the last bar of any; rows after it in which every bar is missing say nothing.
    """
    counts = [rest.columns[name] == 0 for name in rest.missing]
    return bool(np.any(counts) if counts else len(rest.known_at))


def _unlike(was: Rows, now: Rows, name: str, rows: int, rescaled: bool) -> NDArray[np.bool_]:
    before, after = was.columns[name][:rows], now.columns[name][:rows]
    unlike: NDArray[np.bool_] = np.asarray(before != after)
    if unlike.any() and before.dtype == after.dtype == float:
        unlike &= ~(np.isnan(before) & np.isnan(after))
        if rescaled and name.startswith(MEASURE):
            unlike &= ~np.isclose(before, after, rtol=TOLERANCE, atol=TOLERANCE)
    return unlike


def _plain(value: object, name: str) -> str:
    if isinstance(value, np.int64):  # an instant
        return _utc(int(value))
    if not isinstance(value, float):
        return str(value) or "nothing"
    if np.isnan(value):
        return "unknown"
    return _utc(int(value) * SECOND) if name == "confirmed_at" else f"{value:.12g}"


def _utc(nanoseconds: int) -> str:
    instant = pd.Timestamp(nanoseconds, tz="UTC")
    return "never" if pd.isna(instant) else f"{instant:%Y-%m-%d %H:%M} UTC"
