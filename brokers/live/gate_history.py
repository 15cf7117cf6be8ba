"""The gate rows that earlier sessions acted on, out of the journal."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from brokers.journal.reader import JournalReader

NO_ROWS = pd.DatetimeIndex([], tz="UTC")
NO_SOURCES: Mapping[pd.Timestamp, Mapping[str, str]] = MappingProxyType({})


class GateHistory(NamedTuple):
    """Gate rows that were acted on, as `strategies.gate.gate_lines` makes them.

    `foreign` are the instants of those that were computed with other rules than those of now, or
    with rules that are not known. `sources` has by row where each symbol's newest price came from.
    """

    lines: pd.DataFrame
    foreign: pd.DatetimeIndex
    sources: Mapping[pd.Timestamp, Mapping[str, str]] = NO_SOURCES


def load_gate_rows(journal: JournalReader, digest: str) -> GateHistory:
    """The gate rows that earlier sessions acted on; `digest` is that of the rules of now."""
    rows = list(journal.gate_rows())
    index = pd.DatetimeIndex([row.known_at * 10**9 for row in rows], tz="UTC")
    columns = ("state", "ceiling", "filled", "confirmed_at", "stale")
    lines = pd.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in columns}, index=index, dtype=float
    )
    known = [json.loads(row.sources or "{}") for row in rows]
    foreign = index[[row.rules_digest != digest for row in rows]]
    return GateHistory(lines, foreign, dict(zip(index, known, strict=True)))
