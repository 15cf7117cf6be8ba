"""Which of the strategy's order requests may be sent."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from brokers.clock import duration_text
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import Intent
from brokers.journal.statements import RESUMED
from brokers.live.broker import OrderRequest
from brokers.live.exchange_clock import CLOCK, why_too_far_off
from config.settings import Settings

DAY = 86_400
# Journal key: confirmation of the gate period that was open at the first start.
SKIPPED = "skipped_spell"
LATE = "late"  # the kind of a decision that came too late to buy
ROUNDING = 1e-9  # of an order's size


class Situation(NamedTuple):
    """What the guards look at.

    `due` is the end of the bar decided on and `confirmed_at` the confirmation of an open gate,
    epoch seconds; `equity` is in quote units, `drawdown` a fraction, `closes` by coin;
    `clock_offset` is the exchange's time minus the machine's, seconds.
    """

    due: int
    now: float
    equity: float
    drawdown: float
    closes: Mapping[str, float]
    confirmed_at: float | None
    clock_offset: float = 0.0


class Guards:
    """The rules that stop an order, each with an incident that says which and why."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._journal = journal
        self._settings = settings

    def first_start(self, confirmed_at: float | None) -> None:
        """`join = "next"`: the gate period that is open at the first decision is never entered."""
        if self._settings.paper.join == "next" and self._journal.last_decision() is None:
            self._journal.put(SKIPPED, json.dumps(confirmed_at))

    def peak_since(self) -> float:
        """From when on the account's peak counts: its first bar, or the last `resume`."""
        return float(self._journal.get(RESUMED) or 0.0)

    def check_requests(
        self, requests: Sequence[OrderRequest], situation: Situation
    ) -> tuple[list[Intent], list[Incident]]:
        """The intents, sells first as they came, and what was stopped."""
        incidents: list[Incident] = []
        allowed, trading = list(requests), self._journal.trading()
        if refused := [request for request in requests if trading.refusal(request.size)]:
            text = f"{trading.refusal(refused[0].size)}: {_listed(refused)} not ordered"
            incidents.append(Incident("halted", "warning", text))
            allowed = [request for request in requests if request not in refused]
        for reason in self._no_buys(situation):
            if buys := [request for request in allowed if request.size > 0]:
                what = f"{_listed(buys)} not ordered"
                if reason.kind == LATE:
                    what = ", ".join(request.coin for request in buys)
                text = f"{reason.text}: {what}"
                incidents.append(reason._replace(text=text))
                allowed = [request for request in allowed if request.size < 0]
        allowed = self._within_size(allowed, situation, incidents)
        return [
            Intent(
                id=0,
                time=situation.due,
                symbol=request.coin,
                leg=leg,
                size=request.size,
                price=situation.closes[request.coin],
                state="planned",
                why="",
            )
            for leg, request in enumerate(allowed)
        ], incidents

    def _no_buys(self, situation: Situation) -> Iterator[Incident]:
        """Why nothing may be bought."""
        age, oldest = situation.now - situation.due, self._settings.paper.max_decision_age
        if age > oldest * 60.0:
            limit = duration_text(oldest * 60.0)
            text = f"Too late to buy ({duration_text(age)} after its bar; limit {limit})"
            yield Incident(LATE, "warning", text)
        if text := why_too_far_off(situation.clock_offset, oldest):
            yield Incident(CLOCK, "critical", text)
        skipped = self._journal.get(SKIPPED)
        if situation.confirmed_at is not None and skipped == json.dumps(situation.confirmed_at):
            text = 'paper.join = "next": this gate period was open at the first start'
            yield Incident("join", "info", text)
        stop = self._settings.guards.drawdown_stop
        if 0.0 < stop <= situation.drawdown:
            text = (
                f"the account is {situation.drawdown:.1%} below its peak, guards.drawdown_stop "
                f"is {stop:.0%}; `resume` starts a new peak"
            )
            yield Incident("drawdown", "critical", text)

    def _within_size(
        self,
        requests: Sequence[OrderRequest],
        situation: Situation,
        incidents: list[Incident],
    ) -> list[OrderRequest]:
        """All sells, and the buys that neither order nor day make too large."""
        traded = self._traded_today(situation.now) if requests else 0.0
        allowed = []
        for request in requests:
            value = abs(request.size) * situation.closes[request.coin]
            reason = self._too_large(value, traded, situation) if request.size > 0 else None
            if reason is not None:
                text = f"{_listed([request])} not ordered: {reason.text}"
                incidents.append(reason._replace(text=text))
                continue
            traded += value
            allowed.append(request)
        return allowed

    def _traded_today(self, now: float) -> float:
        """Quote units that the strategy has traded since midnight UTC.

        Or since a person had everything sold: that is not its doing, and what it buys when trading
        is on again is no repetition.
        """
        midnight = now - now % DAY
        sales = self._journal.decisions(since=int(midnight), kind="flatten")
        since = max((float(row.time) for row in sales), default=midnight)
        by_a_person = self._journal.flatten_orders()
        return sum(
            abs(row.size * row.price)
            for row in self._journal.fills(since=since)
            if row.client_id not in by_a_person
        )

    def _too_large(self, value: float, traded: float, situation: Situation) -> Incident | None:
        """Why a buy of `value` quote units, after `traded` of them today, is too large."""
        guards, equity = self._settings.guards, situation.equity
        if value > guards.largest_order * equity * (1.0 + ROUNDING):
            text = (
                f"{value:,.2f} is more than guards.largest_order allows "
                f"({guards.largest_order:g} of {equity:,.2f})"
            )
            return Incident("largest order", "critical", text)
        if traded + value > guards.largest_turnover * equity:
            text = (
                f"with {traded:,.2f} traded today it would exceed guards.largest_turnover "
                f"({guards.largest_turnover:g} of {equity:,.2f})"
            )
            return Incident("turnover", "critical", text)
        return None


def _listed(requests: Sequence[OrderRequest]) -> str:
    return ", ".join(
        f"{'buy' if request.size > 0 else 'sell'} {abs(request.size):g} {request.coin}"
        for request in requests
    )
