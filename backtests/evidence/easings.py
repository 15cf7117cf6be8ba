"""Which layer turns up first after easings, by two more measures of them than first cuts.

Markets ease before the Fed cuts, and the Fed eases by its balance sheet too. Both definitions were
fixed before any price after them was looked at:

- the two-year Treasury yield stands `YIELD_FALL` percentage points or more below its highest of
  the year before, for the first time in `QUIET`;
- the Fed's total assets stand `ASSETS_RISE` or more above those of a year before, for the first
  time in `QUIET` (a year, for banknotes swell them each December).

Nothing is known of the time before the first year of a series: it counts as quiet from then on.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from backtests.evidence.claim import Statement, binomial_claim, missing_prices
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.macro_drivers import RISK_CURVE
from backtests.evidence.turning_points import EVERY, days_of_lows
from brokers.plurals import count

QUIET = pd.Timedelta(days=365)  # without a day of the kind
YIELD_FALL = 1.0  # percentage points: four usual cuts expected
ASSETS_RISE, ASSETS_WEEKS = 0.1, 52  # a fraction: twice what banknotes need in a year
BROAD, BONDS = "broad index", "government bonds"
NEEDED = {"two-year yield": "the two-year Treasury yield", "assets": "the Fed's total assets"}


def yield_easings(values: pd.Series) -> list[pd.Timestamp]:
    """Instants (UTC) at which a yield, percent by instant published, had fallen so far."""
    highest = values.rolling("365D").max()
    return _first_days(values, highest - values >= YIELD_FALL)


def asset_easings(values: pd.Series) -> list[pd.Timestamp]:
    """Instants (UTC) at which weekly assets, by instant published, had grown so much."""
    return _first_days(values, values / values.shift(ASSETS_WEEKS) - 1.0 >= ASSETS_RISE)


def _first_days(values: pd.Series, fulfilled: pd.Series) -> list[pd.Timestamp]:
    """The days that fulfil it after at least `QUIET` without such a day."""
    if values.empty:
        return []
    days, last = [], pd.Timestamp(values.index[0])
    for day in pd.DatetimeIndex(fulfilled.index[fulfilled.to_numpy()]):
        if day - last >= QUIET:
            days.append(day)
        last = day
    return days


def claims(history: History) -> Iterator[Claim]:
    """The order of the upper layers, which have prices since 1987, after each kind of easing."""
    for name, find in (("two-year yield", yield_easings), ("assets", asset_easings)):
        statement = RISK_CURVE.read_as(f"blue chips before small caps, easings by {NEEDED[name]}")
        starts = find(history.macro[name]) if name in history.macro else []
        yield _order_claim(statement, history, starts, NEEDED[name])


def _order_claim(
    statement: Statement, history: History, starts: Sequence[pd.Timestamp], measure: str
) -> Claim:
    layers = layer_closes(history)
    upper = {name: layers[name] for name in (BROAD, INDEX)}
    orders = _orders_after(upper, starts)
    if not orders:
        return missing_prices(statement, f"{measure} and both indices for a year after an easing")
    usual = _orders_after(upper, pd.DatetimeIndex(upper[INDEX].index[:: EVERY.days]))
    return binomial_claim(
        statement,
        hits=sum(order[BROAD] < order[INDEX] for order in orders),
        n=len(orders),
        base_rate=float(np.mean([order[BROAD] < order[INDEX] for order in usual])),
        test="the broad index's low of the year after an easing, beside its trend, before the"
        f" Russell's; against the year after every {EVERY.days} days",
        data=f"{measure}, {BROAD}, {INDEX}",
        why=f"{count(len(orders), 'easing')} ({', '.join(f'{day:%Y-%m}' for day in starts)})."
        f" Median days from there to each layer's low: {_medians(layers, starts)}.",
    )


def layer_closes(history: History) -> dict[str, pd.Series]:
    """Daily closes of the layers in the order in which capital is said to reach them."""
    bonds = {BONDS: history.bonds["safe"]} if "safe" in history.bonds else {}
    known = bonds | {
        BROAD: history.broad,
        INDEX: history.assets[INDEX],
        BITCOIN: history.assets[BITCOIN],
    }
    return {name: daily_closes(closes) for name, closes in known.items()}


def _orders_after(
    closes: Mapping[str, pd.Series], starts: Sequence[pd.Timestamp] | pd.DatetimeIndex
) -> list[dict[str, int]]:
    """Days to the layers' lows after each start for which all have prices of a whole year."""
    return [order for start in starts if (order := days_of_lows(closes, start.ceil("D")))]


def _medians(layers: Mapping[str, pd.Series], starts: Sequence[pd.Timestamp]) -> str:
    """Of each layer by itself, since the lower ones have prices at fewer easings."""
    words = []
    for name, closes in layers.items():
        days = [order[name] for order in _orders_after({name: closes}, starts)]
        if days:
            words.append(f"{name} {np.median(days):.0f} (of {len(days)})")
    return ", ".join(words)
