"""What the gate looks at: series indexed by the instant each value was known."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from strategies.indicators import Floats

NOTHING: Mapping[str, pd.Series] = {}
NO_NAMES: Mapping[str, str] = {}
NO_SESSIONS = pd.DatetimeIndex([], tz="UTC")


class Market(NamedTuple):
    """The gate's inputs.

    Every series has an increasing UTC DatetimeIndex of instants at which its values were known.

    `sessions` has one entry a US session: index the instant its closes were known, values the
    session's close. `small_caps` (the index) and `broad` are closes; `risky_credit`, `safe_credit`
    and `breadth` total-return closes; `volume` is shares; `liquidity` holds "assets", "treasury"
    (millions of USD) and "reverse_repos" (billions of USD); `coin` is the daily close `exhaustion`
    looks at; `flows` (USD) and `losses` (share of companies) are the user's own. `siblings` has
    closes that move with those of a field ("small_caps", "broad") and are read for nothing else;
    `names` says what a person calls a field's series. `substituted` are the sessions (instants of
    `sessions`) with a close that is not of its series' first source; `accepted` has by field or
    fund the sessions (index) whose held close somebody stood by, and the instant of that (values).
    """

    sessions: pd.Series
    small_caps: pd.Series
    broad: pd.Series
    volume: pd.Series
    risky_credit: pd.Series
    safe_credit: pd.Series
    breadth: Mapping[str, pd.Series]
    liquidity: Mapping[str, pd.Series] = NOTHING
    coin: pd.Series | None = None
    flows: pd.Series | None = None
    losses: pd.Series | None = None
    siblings: Mapping[str, pd.Series] = NOTHING
    names: Mapping[str, str] = NO_NAMES
    substituted: pd.DatetimeIndex = NO_SESSIONS
    accepted: Mapping[str, pd.Series] = NOTHING

    def until(self, instant: pd.Timestamp) -> "Market":
        """The same as it was known at `instant` (UTC, included)."""

        def cut(value: object) -> object:
            if isinstance(value, pd.Series):
                return value[value.index <= instant]
            if isinstance(value, pd.DatetimeIndex):
                return value[value <= instant]
            return (
                {name: cut(series) for name, series in value.items()}
                if isinstance(value, Mapping)
                else value
            )

        known = Market(*(cut(value) for value in self))  # type: ignore[arg-type]  # cut keeps each field's type
        accepted = {name: at[at <= instant] for name, at in known.accepted.items()}
        return known._replace(accepted=accepted)


def in_session(series: pd.Series, known_at: pd.DatetimeIndex) -> Floats:
    """`series` session by session, NaN where a session has no value of its own."""
    return series.reindex(known_at).to_numpy(dtype=float)


def carry_forward(values: Floats, max_age: int) -> Floats:
    """`values` with gaps filled by the last known one, for at most `max_age` sessions."""
    rows = np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows))
    return np.where((last >= 0) & (rows - last <= max_age), values[np.maximum(last, 0)], np.nan)


def latest(series: pd.Series, at: pd.DatetimeIndex, max_age: pd.Timedelta | None = None) -> Floats:
    """The last value of `series` known at each instant of `at`.

    NaN before the first and where it is older than `max_age`.
    """
    if series.empty:
        return np.full(len(at), np.nan)
    rows = series.index.searchsorted(at, side="right") - 1
    values = series.to_numpy(dtype=float)[np.maximum(rows, 0)]
    usable = rows >= 0
    if max_age is not None:
        usable &= np.asarray(at - series.index[np.maximum(rows, 0)] <= max_age)
    return np.where(usable, values, np.nan)
