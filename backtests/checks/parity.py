"""The live path against the backtest, bar by bar: what differs, and why."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backtests.engine.simulation import Run
from brokers.clock import utc_text
from brokers.orders.simulated import OrderRecord
from brokers.plurals import count
from strategies.decision import Decision

LISTED = 10  # differences in the sentences; the rest most often follows from them
TOLERANCE = 1e-9  # relative; what float arithmetic in another order may change
OTHER_ACCOUNT = "the accounts differ: earlier fills, fees or cash flows"
OTHER_SIZE = "the affordable size differs"
OTHER_PRICE = "the fill price differs"
# Causes that follow from earlier fills, not from a decision.
CONSEQUENCES = (OTHER_ACCOUNT, OTHER_SIZE, OTHER_PRICE)


class Difference(NamedTuple):
    """One difference at the bar that ended at `time` (epoch seconds); `cause` explains it."""

    time: int
    what: str
    live: str
    backtest: str
    cause: str


class ParityReport(NamedTuple):
    """What was compared, and all that differs.

    Bars, orders of the backtest, and the largest relative difference of equity.
    """

    bars: int
    orders: int
    equity: float
    differences: tuple[Difference, ...]

    def count(self, what: str) -> int:
        """How many differences there are of one kind: "decision", "order" or "equity"."""
        return sum(difference.what.startswith(what) for difference in self.differences)


def compare(live: Run, backtest: Run, coins: Sequence[str]) -> ParityReport:
    """Compare a journal's run with a backtest of the same bars."""
    by_live = {decision.time: decision for decision in live.decisions}
    by_backtest = {decision.time: decision for decision in backtest.decisions}
    both = sorted(by_live.keys() & by_backtest.keys())
    # A live session does not decide on a bar that no coin has.
    idle = {
        time
        for time, decision in by_backtest.items()
        if not any(missing == 0 for missing in decision.missing) and not any(decision.sizes)
    }
    unpaired = sorted((by_live.keys() ^ by_backtest.keys()) - idle)
    differences = [_missing_bar(time, live_only=time in by_live) for time in unpaired]
    for time in both:
        differences += _compare_decisions(by_live[time], by_backtest[time], coins)
    shared = set(both)
    differences += _compare_orders(
        [order for order in live.orders if order.decided in shared],
        [order for order in backtest.orders if order.decided in shared],
    )
    gaps = [abs(by_live[time].equity / by_backtest[time].equity - 1.0) for time in both]
    return ParityReport(
        len(both), len(backtest.orders), max(gaps, default=0.0), tuple(sorted(differences))
    )


def _missing_bar(time: int, *, live_only: bool) -> Difference:
    if live_only:
        cause = "the backtest's prices lack this bar"
        return Difference(time, "decision", "decided", "no such bar", cause)
    return Difference(time, "decision", "no decision", "decided", "the bar was missed")


def _compare_decisions(
    live: Decision, backtest: Decision, coins: Sequence[str]
) -> Iterator[Difference]:
    """The first difference of one decision; what follows from it is not listed again."""
    for name in ("state", "ceiling", "filled", "confirmed_at"):
        one, other = getattr(live.gate, name), getattr(backtest.gate, name)
        if not _same(one, other):
            cause = (
                "the gate row was stale at the time"
                if live.gate.stale
                else "the vendor has revised its history since, or the settings differ"
            )
            yield Difference(live.time, f"decision: gate {name}", f"{one:g}", f"{other:g}", cause)
            return
    for coin, one, other in zip(coins, live.missing, backtest.missing, strict=True):
        if not _same(one, other):
            what, cause = f"decision: missing bars of {coin}", "the bar arrived too late"
            yield Difference(live.time, what, f"{one:g}", f"{other:g}", cause)
            return
    same_equity = _same(live.equity, backtest.equity)
    for name in ("targets", "sizes"):
        values = zip(coins, getattr(live, name), getattr(backtest, name), strict=True)
        for coin, one, other in values:
            if not _same(one, other):
                cause = "unexplained" if same_equity else OTHER_ACCOUNT
                what = f"decision: {name} of {coin}"
                yield Difference(live.time, what, f"{one:.9g}", f"{other:.9g}", cause)
                return
    if not same_equity:
        one, other = live.equity, backtest.equity
        cause = "earlier fills, fees or cash flows"
        yield Difference(live.time, "equity", f"{one:.9g}", f"{other:.9g}", cause)


def _compare_orders(
    live: Sequence[OrderRecord], backtest: Sequence[OrderRecord]
) -> Iterator[Difference]:
    by_live, by_backtest = _by_decision(live), _by_decision(backtest)
    for key in by_live.keys() | by_backtest.keys():
        one, other = by_live.get(key), by_backtest.get(key)
        if cause := _cause(one, other):
            what = f"order: {key[1]}"
            yield Difference(key[0], what, _describe(one), _describe(other), cause)


def _by_decision(orders: Sequence[OrderRecord]) -> dict[tuple[int, str, int], OrderRecord]:
    """Orders by decision and coin, and a number should there be several."""
    counts: Counter[tuple[int, str]] = Counter()
    numbered = {}
    for order in orders:
        key = (order.decided, order.symbol)
        numbered[*key, counts[key]] = order
        counts[key] += 1
    return numbered


def _cause(live: OrderRecord | None, backtest: OrderRecord | None) -> str:
    """Why two orders differ; empty where they do not."""
    if live is None:
        return "the order was not sent"
    if backtest is None:
        return "the backtest placed no order"
    if live.filled is None and backtest.filled is None:
        return ""
    if live.filled is None or backtest.filled is None:
        return "only one of the two orders was filled"
    if not _same(live.size, backtest.size):
        return OTHER_SIZE
    same = all(_same(getattr(live, name), getattr(backtest, name)) for name in ("price", "fee"))
    return "" if same and live.filled == backtest.filled else OTHER_PRICE


def _describe(order: OrderRecord | None) -> str:
    if order is None:
        return "none"
    side = "buy" if order.size > 0 else "sell"
    end = f" at {order.price:.9g}" if order.filled is not None else f", {order.status}"
    return f"{side} {abs(order.size):.9g}{end}"


def _same(one: float, other: float) -> bool:
    if math.isnan(one) and math.isnan(other):
        return True
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12)


def sentences(report: ParityReport) -> list[str]:
    """The counts, then the first differences."""
    compared = f"{count(report.bars, 'bar')} and {count(report.orders, 'order')}"
    decisions = count(report.count("decision"), "decision")
    orders = count(report.count("order"), "order")
    equity = f"equity by at most {report.equity:.1e}"
    lines = [f"{compared} compared: {decisions} and {orders} differ, {equity}."]
    lines += [
        f"{utc_text(difference.time)}: {difference.what}: live {difference.live}, "
        f"backtest {difference.backtest}: {difference.cause}."
        for difference in report.differences[:LISTED]
    ]
    if len(report.differences) > LISTED:
        lines += [f"... and {len(report.differences) - LISTED} more."]
    return lines


def as_json(report: ParityReport) -> dict[str, object]:
    """Plain values by name."""
    return report._asdict() | {
        "differences": [difference._asdict() for difference in report.differences],
        "text": sentences(report),
    }
