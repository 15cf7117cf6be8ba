"""Returns of the coins after each opening of the gate."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from backtests.performance.gate_periods import GatePeriod, gate_periods

HORIZONS = {"1 month": 30, "3 months": 91, "6 months": 182, "12 months": 365}


class ForwardReturns(NamedTuple):
    """A gate period and the return of each coin over each of `HORIZONS` after it opened.

    Returns begin with the first bar after the opening; None where the coin had no bar then, or the
    horizon is not over yet.
    """

    period: GatePeriod
    by_coin: Mapping[str, Mapping[str, float | None]]

    def to_json(self) -> dict[str, object]:
        """Python's own types, instants as ISO 8601."""
        period = self.period
        return {
            "opened": period.opened.isoformat(),
            "closed": period.closed.isoformat() if period.closed else None,
            "reason": period.reason,
            "rearmed": period.rearmed,
            "after": self.by_coin,
        }


def forward_returns(table: pd.DataFrame, closes: Mapping[str, pd.Series]) -> list[ForwardReturns]:
    """Forward returns of each gate period of a gate table, oldest first.

    Periods that opened before any coin had a price are left out; `closes` are by instant known.
    """
    first = min((series.index[0] for series in closes.values() if len(series)), default=None)
    return [
        ForwardReturns(
            period, {name: _by_horizon(series, period.opened) for name, series in closes.items()}
        )
        for period in gate_periods(table)
        if first is not None and period.opened >= first
    ]


def gain_since(closes: pd.Series, instant: pd.Timestamp) -> float | None:
    """Return from the first bar known at or after `instant` to the newest one.

    None without two such bars, or if the coin was listed later.
    """
    since = _since(closes, instant)
    return float(since.iloc[-1] / since.iloc[0] - 1) if len(since) > 1 else None


def _by_horizon(closes: pd.Series, opened: pd.Timestamp) -> dict[str, float | None]:
    since = _since(closes, opened)
    gains: dict[str, float | None] = {}
    for name, days in HORIZONS.items():
        end = opened + pd.Timedelta(days=days)
        inside = since[since.index <= end]
        is_over = len(inside) > 0 and since.index[-1] >= end
        gains[name] = float(inside.iloc[-1] / inside.iloc[0] - 1) if is_over else None
    return gains


def _since(closes: pd.Series, instant: pd.Timestamp) -> pd.Series:
    """The bars known at or after `instant`; none if the coin was not listed then."""
    is_listed = len(closes) and closes.index[0] <= instant
    return closes[closes.index >= instant] if is_listed else closes.iloc[:0]
