"""Bitcoin's turning points, and the order in which other layers turn around them.

A turning point is a close from which the price halved, or doubled, before it passed that close
again: known only afterwards. It describes what happened; nothing can be traded on it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import (
    FEWEST,
    Statement,
    missing_prices,
    tested_claim,
    verdict_by_interval,
)
from backtests.evidence.document import Claim
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.macro_drivers import RISK_CURVE
from strategies.indicators import Floats, Ints

FALL, RISE = 0.5, 2.0  # share lost, and times gained, that make a turning point
# Days before and after a turning point: it counts if it is the lowest or highest of them, and the
# other layers' turning points are looked for within them.
AROUND = 182
SPILL = Statement(
    "B5",
    "Money moves in layers: bonds and financial conditions, then broad equities, then small caps;"
    " only then does it spill into crypto",
)
LAYERS = {
    SPILL: ("high-yield bonds", "broad index", INDEX, BITCOIN),
    RISK_CURVE: ("government bonds", "broad index", INDEX, BITCOIN),
}
Kind = Literal["low", "high"]


class Turn(NamedTuple):
    """A close from which the price turned up or down; `day` is when it was known (UTC)."""

    day: pd.Timestamp
    kind: Kind
    price: float


class Order(NamedTuple):
    """On which day from one of Bitcoin's turning points each layer was lowest or highest.

    Within `AROUND` days, in deviations from a straight line through the layer's logs: otherwise a
    layer with a trend would be lowest at the beginning and highest at the end.
    """

    turn: Turn
    days: Mapping[str, int]


def find_turns(closes: pd.Series) -> list[Turn]:
    """All turning points, lows and highs in turn; `closes` are daily."""
    turns: list[Turn] = []
    prices, rows = closes.to_numpy(dtype=float), {"low": 0, "high": 0}
    rising: bool | None = None  # not known yet

    def add(kind: Kind, row: int) -> None:
        turns.append(Turn(pd.Timestamp(closes.index[rows[kind]]), kind, float(prices[rows[kind]])))
        rows["low" if kind == "high" else "high"] = row

    for row, price in enumerate(prices):
        if rising is not False and price > prices[rows["high"]]:
            rows["high"] = row
        if rising is not True and price < prices[rows["low"]]:
            rows["low"] = row
        if rising is not False and price <= (1.0 - FALL) * prices[rows["high"]]:
            add("high", row)
            rising = False
        elif rising is not True and price >= RISE * prices[rows["low"]]:
            add("low", row)
            rising = True
    return turns


def order_of_turns(history: History, layers: Sequence[str], kind: Kind) -> list[Order]:
    """The layers' turning points around each of Bitcoin's, where all have prices around it."""
    sign = 1.0 if kind == "high" else -1.0
    closes = {
        name: daily_closes(series) for name, series in _layers(history).items() if name in layers
    }
    orders = []
    for turn in find_turns(closes[BITCOIN]):
        first, last = turn.day - pd.Timedelta(days=AROUND), turn.day + pd.Timedelta(days=AROUND)
        is_covered = all(
            series.index[0] <= first and last <= series.index[-1] for series in closes.values()
        )
        if turn.kind != kind or not is_covered:
            continue
        logs = {
            name: sign * np.log(series[first:last].to_numpy(dtype=float))
            for name, series in closes.items()
        }
        if logs[BITCOIN].argmax() == AROUND:
            days = {name: 0 if name == BITCOIN else day_of_peak(logs[name]) for name in layers}
            orders.append(Order(turn, days))
    return orders


def day_of_peak(logs: Floats) -> int:
    """Where logs are highest above the straight line through them, in days from their middle."""
    days = np.arange(len(logs)) - AROUND
    return int((logs - np.polyval(np.polyfit(days, logs, 1), days)).argmax()) - AROUND


def claims(history: History) -> Iterator[Claim]:
    """Those about the order of layers."""
    kinds: tuple[Kind, ...] = ("low", "high")
    for statement, layers in LAYERS.items():
        for kind in kinds:
            reading = f"the order at Bitcoin's {kind}s"
            yield _order_claim(statement.read_as(reading), history, layers, kind)


def share_in_order(days: Ints) -> Floats:
    """Share of pairs of layers that turned in the order of their columns; turns x layers.

    The same day counts half.
    """
    first, second = np.triu_indices(days.shape[1], 1)
    return np.asarray((np.sign(days[:, second] - days[:, first]) + 1.0).mean(axis=1) / 2.0)


def _layers(history: History) -> dict[str, pd.Series]:
    bonds = {
        name: history.bonds[kind]
        for name, kind in (("high-yield bonds", "risky"), ("government bonds", "safe"))
        if kind in history.bonds
    }
    return {
        **bonds,
        "broad index": history.broad,
        INDEX: history.assets[INDEX],
        BITCOIN: history.assets[BITCOIN],
    }


def _order_claim(
    statement: Statement, history: History, layers: tuple[str, ...], kind: Kind
) -> Claim:
    has_layers = set(layers) <= _layers(history).keys()
    orders = order_of_turns(history, layers, kind) if has_layers else []
    if len(orders) < 2:
        return missing_prices(statement, "bonds, indices and BTC around two of its turning points")
    days = np.array([[order.days[name] for name in layers] for order in orders])
    estimate = _order_estimate(days)
    return tested_claim(
        statement,
        estimate,
        test=f"share of pairs of layers that turn in this order within {AROUND} days; Student's"
        " interval over turning points",
        data=", ".join(layers),
        unit="share",
        verdict=verdict_by_interval(estimate.low, estimate.high, 0.5),
        why=_order_in_words(estimate, days, layers, kind),
    )


def _order_estimate(days: Ints) -> Estimate:
    """Mean share of pairs in order; p is the share of all orders that fit as well."""
    shares = share_in_order(days)
    low, high = interval_of_mean(shares) if len(days) >= FEWEST else (0.0, 1.0)
    orders = map(list, permutations(range(days.shape[1])))
    fits = [share_in_order(days[:, order]).mean() >= shares.mean() - 1e-12 for order in orders]
    return Estimate(
        n=len(days),
        estimate=float(shares.mean()),
        low=low,
        high=high,
        p=float(np.mean(fits)),
        power=float("nan"),
        smallest=float("nan"),
    )


def _order_in_words(estimate: Estimate, days: Ints, layers: tuple[str, ...], kind: Kind) -> str:
    medians = ", ".join(
        f"{name} {int(np.median(column)):+d}" for name, column in zip(layers, days.T, strict=True)
    )
    return (
        f"At Bitcoin's {estimate.n} {kind}s {estimate.estimate:.0%} of pairs turned in this order"
        f" (95 % CI {estimate.low:.0%} to {estimate.high:.0%}; 50% is chance); {estimate.p:.0%} of"
        f" all possible orders fit as well. Median days from Bitcoin's turn: {medians}."
    )


def interval_of_mean(values: Floats) -> tuple[float, float]:
    """Student's 95 % interval of a mean of independent shares; two at least."""
    from scipy import stats

    reach = (
        float(stats.t.ppf(0.975, len(values) - 1))
        * float(values.std(ddof=1))
        / np.sqrt(len(values))
    )
    return max(float(values.mean() - reach), 0.0), min(float(values.mean() + reach), 1.0)
