"""The forward record against what the same sessions read today."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pandas as pd
from pydantic import Field

from backtests.engine.rules import rules_digest
from backtests.evidence.history import History
from backtests.runs.document import Record
from brokers.journal.forward_record import ForwardError, ForwardRow, forward_path, read_forward
from brokers.local_paths import name_paths
from brokers.prices.series import Series
from config.settings import Settings

SAME_CLOSE: Final = 1e-4  # relative; vendors differ in the last digits from download to download


class ForwardSummary(Record):
    """What the forward record holds, and what of it reads otherwise with the prices of now."""

    rows: int = Field(description="sessions that have a row by the rules of now")
    since: str | None = Field(description="day of the first of them; None: there is none")
    last: str | None = Field(description="day of the newest")
    of_other_rules: int = Field(description="rows by other rules, or of other series")
    torn: int = Field(description="lines that were cut off, which count as no row")
    revised: Sequence[str] = Field(
        description="what differs, one sentence a session: the row stays as it was written"
    )
    problem: str = Field(default="", description="why the record cannot be read")


def summarise_forward(
    history: History, settings: Settings, table: pd.DataFrame
) -> ForwardSummary | None:
    """The forward record, compared with `table`, the gate as it reads now; None without one."""
    try:
        record = read_forward(forward_path(settings))
    except ForwardError as error:
        problem = name_paths(str(error))
        return ForwardSummary(
            rows=0, since=None, last=None, of_other_rules=0, torn=0, revised=(), problem=problem
        )
    if not record.rows and not record.torn:
        return None
    digest = rules_digest(settings)
    rows = sorted(
        (row for row in record.rows if row.rules_digest == digest), key=lambda row: row.known_at
    )
    series = {request.symbol: one for request, one in history.prices.series.items()}
    changes = {row.known_at: list(_changes(row, table, series, settings)) for row in rows}
    return ForwardSummary(
        rows=len(rows),
        since=_day(rows[0]) if rows else None,
        last=_day(rows[-1]) if rows else None,
        of_other_rules=len(record.rows) - len(rows),
        torn=record.torn,
        revised=[
            f"{_day(row)}: {', '.join(changes[row.known_at])}"
            for row in rows
            if changes[row.known_at]
        ],
    )


def _day(row: ForwardRow) -> str:
    return row.known_at.date().isoformat()


def _changes(
    row: ForwardRow, table: pd.DataFrame, series: Mapping[str, Series], settings: Settings
) -> Iterator[str]:
    """What of a row reads otherwise now, of closes only those of the same source."""
    known_at = pd.Timestamp(row.known_at)
    if known_at not in table.index:
        yield "the session is not there now"
        return
    state, ceiling = str(table["state"][known_at]), float(table["ceiling"][known_at])
    if state != row.state:
        yield f"the state was {row.state}, now {state}"
    if abs(ceiling - row.ceiling) > SAME_CLOSE:
        yield f"the ceiling was {row.ceiling:.0%}, now {ceiling:.0%}"
    closes = {settings.signal.index: (known_at, row.index_close)} | {
        name: (known_at.floor("D"), close) for name, close in row.coin_closes.items()
    }
    for name, (instant, close) in closes.items():
        current = series[name].frame["close"].get(instant) if name in series else None
        if current is None or series[name].source_at(instant) != row.sources.get(name):
            continue
        if abs(current / close - 1.0) > SAME_CLOSE:
            yield f"{name} was {close:,.2f}, now {current:,.2f}"
