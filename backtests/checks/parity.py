"""The live path against the backtest, bar by bar: what differs, and why."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backtests.engine.simulation import Run
from brokers.orders.simulated import OrderRecord
from strategies.decision import Decision

TOLD = 10  # differences; the rest follows from them more often than not
CLOSE = 1e-9  # relative; what float arithmetic in another order may change
OTHER_ACCOUNT, OTHER_SIZE, OTHER_PRICE = (
    "the accounts differ: earlier fills, fees or flows",
    "another size was affordable",
    "another price was paid",
)
FOLLOWS = (
    OTHER_ACCOUNT,
    OTHER_SIZE,
    OTHER_PRICE,
)  # causes that no decision is to blame for: a market fills as it fills


class Difference(NamedTuple):
    """One thing the two do not agree on at the bar that ended at `time` (epoch seconds); `cause` is what explains it."""

    time: int
    what: str
    live: str
    backtest: str
    cause: str


class Parity(NamedTuple):
    """What was compared: bars, orders of the backtest, the largest relative difference of equity, and all that differs."""

    bars: int
    orders: int
    equity: float
    differences: tuple[Difference, ...]

    def count(self, what: str) -> int:
        """How many differences there are of one sort: "decision", "order" or "equity"."""
        return sum(one.what.startswith(what) for one in self.differences)


def compare(live: Run, backtest: Run, coins: Sequence[str]) -> Parity:
    """Hold a journal's run against a backtest of the same bars."""
    own, other = (
        {one.time: one for one in live.decisions},
        {one.time: one for one in backtest.decisions},
    )
    both = sorted(own.keys() & other.keys())
    differences: list[Difference] = []
    idle = {
        time
        for time, one in other.items()
        if not any(missing == 0 for missing in one.missing) and not any(one.sizes)
    }
    for time in sorted(
        (own.keys() ^ other.keys()) - idle
    ):  # a live session does not decide on a bar that no coin has
        there = ("decided", "no such bar") if time in own else ("no decision", "decided")
        differences.append(
            Difference(
                time,
                "decision",
                *there,
                "the session was not there" if time in other else "the bar came later",
            )
        )
    for time in both:
        differences += _decisions(own[time], other[time], coins)
    shared = set(both)
    differences += _orders(
        [one for one in live.orders if one.decided in shared],
        [one for one in backtest.orders if one.decided in shared],
    )
    gaps = [abs(own[time].equity / other[time].equity - 1.0) for time in both]
    return Parity(
        len(both), len(backtest.orders), max(gaps, default=0.0), tuple(sorted(differences))
    )


def _decisions(live: Decision, backtest: Decision, coins: Sequence[str]) -> Iterator[Difference]:
    """What differs in one decision, the first cause first: what follows from it is not told again."""
    for name in ("state", "ceiling", "filled", "confirmed_at"):
        one, other = getattr(live.gate, name), getattr(backtest.gate, name)
        if not _same(one, other):
            cause = (
                "the row was stale then"
                if live.gate.stale
                else "the vendor has revised its history since, or the settings differ"
            )
            yield Difference(live.time, f"decision: gate {name}", f"{one:g}", f"{other:g}", cause)
            return
    for k, coin in enumerate(coins):
        if not _same(live.missing[k], backtest.missing[k]):
            yield Difference(
                live.time,
                f"decision: missing bars of {coin}",
                f"{live.missing[k]:g}",
                f"{backtest.missing[k]:g}",
                "the bar came too late",
            )
            return
    for name in ("targets", "sizes"):
        for coin, one, other in zip(
            coins, getattr(live, name), getattr(backtest, name), strict=True
        ):
            if not _same(one, other):
                cause = OTHER_ACCOUNT if not _same(live.equity, backtest.equity) else "unexplained"
                yield Difference(
                    live.time, f"decision: {name} of {coin}", f"{one:.9g}", f"{other:.9g}", cause
                )
                return
    if not _same(live.equity, backtest.equity):
        yield Difference(
            live.time,
            "equity",
            f"{live.equity:.9g}",
            f"{backtest.equity:.9g}",
            "earlier fills, fees or flows",
        )


def _orders(live: Sequence[OrderRecord], backtest: Sequence[OrderRecord]) -> Iterator[Difference]:
    own, other = _numbered(live), _numbered(backtest)
    for key in own.keys() | other.keys():
        one, two = own.get(key), other.get(key)
        if one is None or two is None or not _same_order(one, two):
            cause = (
                "it was not sent"
                if one is None
                else "the backtest did not order"
                if two is None
                else _why(one, two)
            )
            yield Difference(key[0], f"order: {key[1]}", _told(one), _told(two), cause)


def _numbered(orders: Sequence[OrderRecord]) -> dict[tuple[int, str, int], OrderRecord]:
    """Orders by decision and coin, and a number should there be several."""
    seen: Counter[tuple[int, str]] = Counter()
    found = {}
    for order in orders:
        key = (order.decided, order.symbol)
        found[*key, seen[key]] = order
        seen[key] += 1
    return found


def _same_order(one: OrderRecord, two: OrderRecord) -> bool:
    unfilled = one.filled is None and two.filled is None
    return unfilled or (
        one.filled == two.filled
        and all(_same(getattr(one, name), getattr(two, name)) for name in ("size", "price", "fee"))
    )


def _why(one: OrderRecord, two: OrderRecord) -> str:
    if one.filled is None or two.filled is None:
        return "one of the two found nothing to fill it"
    return OTHER_SIZE if not _same(one.size, two.size) else OTHER_PRICE


def _told(order: OrderRecord | None) -> str:
    if order is None:
        return "none"
    side = "buy" if order.size > 0 else "sell"
    return f"{side} {abs(order.size):.9g}" + (
        f" at {order.price:.9g}" if order.filled is not None else f", {order.status}"
    )


def _same(one: float, two: float) -> bool:
    return (math.isnan(one) and math.isnan(two)) or math.isclose(
        one, two, rel_tol=CLOSE, abs_tol=1e-12
    )


def sentences(found: Parity) -> list[str]:
    """What a person wants to know first, then the first differences."""
    decisions, orders = found.count("decision"), found.count("order")
    counts = (
        f"{decisions} decisions and {orders} orders differ, equity by at most {found.equity:.1e}."
    )
    said = [f"{found.bars:,} bars and {found.orders:,} orders compared: {counts}"]
    for one in found.differences[:TOLD]:
        when = datetime.fromtimestamp(one.time, UTC)
        said += [
            f"{when:%Y-%m-%d %H:%M}: {one.what}: live {one.live}, backtest {one.backtest}: {one.cause}."
        ]
    if len(found.differences) > TOLD:
        said += [f"... and {len(found.differences) - TOLD} more."]
    return said


def as_json(found: Parity) -> dict[str, Any]:
    """Plain values by name."""
    return found._asdict() | {
        "differences": [one._asdict() for one in found.differences],
        "text": sentences(found),
    }
