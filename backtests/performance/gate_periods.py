"""The gate's openings inside a traded window: what is one event, and what each was worth."""

from typing import NamedTuple

import numpy as np
import pandas as pd


class Spell(NamedTuple):
    """From a confirmation until the gate left that state. Instants are when each was known (UTC); `closed` None: still open.

    `family` numbers the full-base breakout a spell descends from, re-armed ones have their parent's number: counted from
    the table's start by `spells`, from the window's by `events`.
    `bitcoin_return` is the fraction gained from the first bar at or after opening to the first at or after closing,
    `strategy_return` the same to one bar later, when the exit has filled.
    """

    opened: pd.Timestamp
    closed: pd.Timestamp | None
    level: float
    base_age: int
    rearmed: bool
    family: int
    reason: str
    strategy_return: float = float("nan")
    bitcoin_return: float = float("nan")


class Events(NamedTuple):
    """Confirmations out of a full base, re-armed ones, and families of both: a breakout and its re-arms are one event."""

    breakouts: int
    rearmed: int
    independent_events: int
    closed_events: int
    spells: list[Spell]


def spells(table: pd.DataFrame) -> list[Spell]:
    """All spells of a gate table, oldest first."""
    state = table["state"].to_numpy()
    confirmed = state == "confirmed"
    edges = np.flatnonzero(np.diff(np.concatenate(([False], confirmed, [False])).astype(np.int8)))
    broke = (state != "dormant") & np.concatenate(([True], state[:-1] == "dormant"))
    family = np.cumsum(broke & table["after_base"].to_numpy())
    found = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        breakout = np.flatnonzero(broke[: first + 1])[-1]
        over = end < len(table)
        found.append(
            Spell(
                opened=table.index[first],
                closed=table.index[end] if over else None,
                level=float(table["level"].iloc[first]),
                base_age=int(table["base_age"].iloc[breakout]),
                rearmed=not bool(table["after_base"].iloc[first]),
                family=int(family[first]),
                reason=str(table["reason"].iloc[end]) if over else "",
            )
        )
    return found


def events(table: pd.DataFrame, equity: pd.Series, bitcoin: pd.Series) -> Events:
    """Events whose gate was open at some time in the window of `equity`, with what they returned there.

    `equity` and `bitcoin` (closes) are indexed by instants at which bars ended.
    """
    first, last = equity.index[0], equity.index[-1]
    inside = [
        spell
        for spell in spells(table)
        if spell.opened <= last and (spell.closed is None or spell.closed > first)
    ]
    inside = [
        spell._replace(closed=None, reason="")
        if spell.closed is not None and spell.closed > last
        else spell
        for spell in inside
    ]
    inside = [
        spell._replace(
            strategy_return=_over(equity, spell, 1), bitcoin_return=_over(bitcoin, spell, 0)
        )
        for spell in inside
    ]
    numbers = {
        family: number
        for number, family in enumerate(dict.fromkeys(spell.family for spell in inside), start=1)
    }
    inside = [spell._replace(family=numbers[spell.family]) for spell in inside]
    families = set(numbers.values())
    running = {spell.family for spell in inside if spell.closed is None}
    return Events(
        breakouts=sum(not spell.rearmed for spell in inside),
        rearmed=sum(spell.rearmed for spell in inside),
        independent_events=len(families),
        closed_events=len(families - running),
        spells=inside,
    )


def _over(series: pd.Series, spell: Spell, after: int) -> float:
    values = series.to_numpy(dtype=float)
    first = int(series.index.searchsorted(spell.opened))
    last = int(series.index.searchsorted(spell.closed)) if spell.closed else len(values)
    return float(values[min(last + after, len(values) - 1)] / values[first] - 1)
