"""What each opening of the gate was followed by."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from backtests.performance.gate_periods import Spell, spells

HORIZONS = {"1 month": 30, "3 months": 91, "6 months": 182, "12 months": 365}


class Opening(NamedTuple):
    """A spell and the return of each coin over each of `HORIZONS` from the first bar after it opened.

    None where the coin had no bar then, or the horizon is not over yet.
    """

    spell: Spell
    after: Mapping[str, Mapping[str, float | None]]


def openings(table: pd.DataFrame, closes: Mapping[str, pd.Series]) -> list[Opening]:
    """Openings of a gate table at which any of the coins had a price, oldest first; `closes` by instant known."""
    found = [
        Opening(spell, {name: _after(series, spell.opened) for name, series in closes.items()})
        for spell in spells(table)
    ]
    first = min((series.index[0] for series in closes.values() if len(series)), default=None)
    return [one for one in found if first is not None and one.spell.opened >= first]


def gain_since(closes: pd.Series, instant: pd.Timestamp) -> float | None:
    """Return from the first bar known at or after `instant` to the newest one; None without two such bars, or if listed later."""
    since = _since(closes, instant)
    return float(since.iloc[-1] / since.iloc[0] - 1) if len(since) > 1 else None


def as_json(opening: Opening) -> dict[str, Any]:
    """Plain values."""
    spell = opening.spell
    closed = spell.closed.isoformat() if spell.closed else None
    return {
        "opened": spell.opened.isoformat(),
        "closed": closed,
        "reason": spell.reason,
        "rearmed": spell.rearmed,
    } | {"after": opening.after}


def _after(closes: pd.Series, opened: pd.Timestamp) -> dict[str, float | None]:
    since = _since(closes, opened)
    found: dict[str, float | None] = {}
    for name, days in HORIZONS.items():
        end = opened + pd.Timedelta(days=days)
        inside = since[since.index <= end]
        over = len(inside) > 0 and since.index[-1] >= end
        found[name] = float(inside.iloc[-1] / inside.iloc[0] - 1) if over else None
    return found


def _since(closes: pd.Series, instant: pd.Timestamp) -> pd.Series:
    """The bars known at or after `instant`; none if the coin was not listed then."""
    return (
        closes[closes.index >= instant]
        if len(closes) and closes.index[0] <= instant
        else closes.iloc[:0]
    )
