"""Bitcoin's turning points; and the order in which layers turn up after the Fed's first cuts.

A turning point is a close from which the price halved, or doubled, before it passed that close
again: known only afterwards. It describes what happened; nothing can be traded on it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import permutations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import (
    FEWEST,
    Statement,
    binomial_claim,
    estimated_claim,
    missing_prices,
    verdict_by_interval,
)
from backtests.evidence.dated_closes import end_of_day
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
# The first cut of the federal funds rate's target in each easing since 1988 (federalreserve.gov,
# open market operations; before 1994 the intended rate as the New York Fed lists it).
FIRST_CUTS = (
    *(date(1989, 6, 6), date(1995, 7, 6), date(1998, 9, 29), date(2001, 1, 3)),
    *(date(2007, 9, 18), date(2019, 7, 31), date(2024, 9, 18)),
)
EVERY = pd.Timedelta(days=28)  # between the years with which those after first cuts are compared
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
    days = np.arange(len(logs)) - (len(logs) - 1) / 2.0
    slope = float(days @ logs) / float(days @ days)  # least squares, of days whose mean is 0
    return int((logs - slope * days).argmax()) - AROUND


def days_of_lows(closes: Mapping[str, pd.Series], first: pd.Timestamp) -> dict[str, int] | None:
    """By layer the days from an instant to its low of the year after, beside its own trend.

    `closes` are daily; None where one has no prices for the whole year.
    """
    last = first + pd.Timedelta(days=2 * AROUND)
    if any(first < series.index[0] or last > series.index[-1] for series in closes.values()):
        return None
    return {
        name: day_of_peak(-np.log(series[first:last].to_numpy(dtype=float))) + AROUND
        for name, series in closes.items()
    }


def orders_after_cuts(history: History, layers: Sequence[str]) -> list[dict[str, int]]:
    """The layers' lows after each of `FIRST_CUTS`, where all have prices for the year after it."""
    known = _layers(history)
    closes = {name: daily_closes(known[name]) for name in layers}
    orders = [days_of_lows(closes, end_of_day(day)) for day in FIRST_CUTS]
    return [order for order in orders if order]


def claims(history: History) -> Iterator[Claim]:
    """Those about the order of layers, from easings on.

    Not from Bitcoin's own turns: to begin there selects the outcome.
    """
    for statement, layers in LAYERS.items():
        yield _order_claim(statement.read_as("the order after first cuts"), history, layers)
    yield _pair_claim(RISK_CURVE.read_as("blue chips before small caps after first cuts"), history)


def _pair_claim(statement: Statement, history: History) -> Claim:
    """The upper layers have prices since 1987: so many more easings than Bitcoin has seen."""
    layers = ("broad index", INDEX)
    closes = {name: daily_closes(_layers(history)[name]) for name in layers}
    orders = orders_after_cuts(history, layers)
    if not orders:
        return missing_prices(statement, "both indices for a year after a first cut")
    starts = closes[INDEX].index[:: EVERY.days]
    usual = [order for start in starts if (order := days_of_lows(closes, start))]
    hits = sum(order["broad index"] < order[INDEX] for order in orders)
    lags = ", ".join(f"{order[INDEX] - order['broad index']:+d}" for order in orders)
    return binomial_claim(
        statement,
        hits=hits,
        n=len(orders),
        base_rate=float(np.mean([order["broad index"] < order[INDEX] for order in usual])),
        test="the broad index's low of the year after a first cut, beside its trend, before the"
        f" Russell's; against the year after every {EVERY.days} days",
        data=", ".join(layers),
        why=f"After {len(orders)} first cuts the Russell's low came so many days after the broad"
        f" index's: {lags}.",
    )


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


def _order_claim(statement: Statement, history: History, layers: tuple[str, ...]) -> Claim:
    has_layers = set(layers) <= _layers(history).keys()
    orders = orders_after_cuts(history, layers) if has_layers else []
    if len(orders) < 2:
        return missing_prices(statement, "bonds, indices and BTC for a year after two first cuts")
    days = np.array([[order[name] for name in layers] for order in orders])
    estimate = _order_estimate(days)
    return estimated_claim(
        statement,
        estimate,
        test=f"share of pairs of layers whose lows of the {2 * AROUND} days after a first cut,"
        " beside their trends, come in this order; Student's interval over cuts",
        data=", ".join(layers),
        unit="share",
        verdict=verdict_by_interval(estimate.low, estimate.high, 0.5),
        why=_order_in_words(estimate, days, layers),
        side="above",
        null=0.5,
    )


def _order_estimate(days: Ints) -> Estimate:
    """Mean share of pairs in order; p by all possible orders, two-sided."""
    shares = share_in_order(days)
    low, high = interval_of_mean(shares) if len(days) >= FEWEST else (0.0, 1.0)
    as_well, as_ill = shares_of_orders(days)
    return Estimate(
        n=len(days),
        estimate=float(shares.mean()),
        low=low,
        high=high,
        p=min(2.0 * min(as_well, as_ill), 1.0),
        smallest=float("nan"),
    )


def shares_of_orders(days: Ints) -> tuple[float, float]:
    """Shares of all possible orders that fit as well as the given one, and as ill."""
    own = float(share_in_order(days).mean())
    orders = map(list, permutations(range(days.shape[1])))
    fits = np.array([share_in_order(days[:, order]).mean() for order in orders])
    return float(np.mean(fits >= own - 1e-12)), float(np.mean(fits <= own + 1e-12))


def _order_in_words(estimate: Estimate, days: Ints, layers: tuple[str, ...]) -> str:
    medians = ", ".join(
        f"{name} {int(np.median(column))}" for name, column in zip(layers, days.T, strict=True)
    )
    return (
        f"After {estimate.n} first cuts {estimate.estimate:.0%} of pairs turned in this order"
        f" (95 % CI {estimate.low:.0%} to {estimate.high:.0%}; 50% is chance);"
        f" {shares_of_orders(days)[0]:.0%} of all possible orders fit as well. Median days from the"
        f" cut to the low: {medians}."
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
