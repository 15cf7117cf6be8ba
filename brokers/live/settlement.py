"""Carrying out what the journal has planned: each order once, each as far as it still may be."""

import math
from collections.abc import Mapping, Sequence

from brokers.exchange.errors import TryLaterError, UnknownOutcomeError
from brokers.journal.incident import Incident
from brokers.journal.records import Intent
from brokers.live.context import SessionContext
from brokers.live.exchange_clock import why_too_far_off
from brokers.orders.remainder import filled_units

PUT_OFF = "put off"  # the kind of what has to wait


class Settlement:
    """Sends what is planned and settles what was sent, sells first.

    The one rule: whether an order may still be sent is looked up when it is its turn, and again in
    the transaction that records it as sent.
    """

    def __init__(self, context: SessionContext) -> None:
        self._settings, self._account, self._journal, self._clock, self._observer = context
        self._reported: dict[int, str] = {}  # why an intent has to wait, as last reported
        self._away = False  # whether the exchange was, when it was asked in the last round

    def settle(self, due: int, *, to_end: bool = True) -> bool:
        """Bring every unfinished intent as far as it gets; `due` is the end of the bar to decide.

        What a thin order book or too little cash leaves unfilled is given up, or with `to_end`
        False left for the next call: whether there is any. An order that cannot be sent or settled
        now keeps up no other; one that has just been sent without an answer is looked up first.

        Raises
        ------
        TryLaterError, UnknownOutcomeError
            One could not be: the first that could not.

        """
        intents = self._journal.unfinished_intents()
        failures: list[TryLaterError | UnknownOutcomeError] = []
        waiting: dict[int, str] = {}
        for intent in intents:
            if self._clock.stopped:
                break
            try:
                self._clock.synchronise()  # the machine may have slept since the last one
                if why := self._carry_out(intent, due):
                    waiting[intent.id] = why
            except (TryLaterError, UnknownOutcomeError) as error:
                failures.append(error)
                if self._ends_round(intent, error):
                    break
        if to_end and not failures:
            self._give_up(waiting)
        else:
            self._report_waiting(intents, waiting)
        self._report_orders(intents)
        for failure in failures[1:]:
            self._observer.on_incident(Incident("exchange", "warning", str(failure)))
        if failures:
            raise failures[0]
        return bool(waiting) and not to_end

    def _ends_round(self, intent: Intent, error: TryLaterError | UnknownOutcomeError) -> bool:
        """Whether no other intent is tried now.

        The exchange wants quiet or is away, or an order has just been sent and may have spent money
        that is not missing yet.
        """
        if isinstance(error, TryLaterError):
            return error.wait > 0.0 or self._is_away()
        return intent.state == "planned"  # when the round began

    def _is_away(self) -> bool:
        """Whether the exchange itself is away; one that was is not asked in the next round."""
        was_away, self._away = self._away, False
        if not was_away:
            self._away = not self._clock.source_answers()
        return was_away or self._away

    def _carry_out(self, intent: Intent, due: int) -> str:
        """Carry out one intent; why it is not at its end, "" if it is."""
        why = self._why_not_sent(intent, due)
        if why and intent.state == "planned":
            why = f"{why}; {intent.why}" if intent.why else why
            self._journal.set_intent(intent.id, "abandoned", why)
            text = f"{intent.order_text}: {why}"
            self._observer.on_incident(Incident("abandoned", "warning", text))
            return ""
        budget = self._budget() if intent.size > 0 else math.inf
        if intent.state == "planned" and not budget:
            return "what it is paid with is not sold yet"
        return self._account.carry_out(intent, may_send=not why, budget=budget)

    def _budget(self) -> float:
        """Quote units that a buy may spend now.

        While something is still to be sold, no more than the decision buys beyond that: no failed
        sale lets the account hold more in coins than was decided, or spend what is not there.
        """
        left = [
            (intent.size - filled_units(self._journal.orders(intent.id))) * intent.price
            for intent in self._journal.unfinished_intents()
        ]
        if all(value >= 0.0 for value in left):
            return math.inf
        return max(sum(left), 0.0)

    def _give_up(self, waiting: Mapping[int, str]) -> None:
        for intent in self._journal.unfinished_intents():
            if why := waiting.get(intent.id):
                kept = intent if intent.why else intent._replace(why=why)
                self._account.carry_out(kept, may_send=False)

    def _report_waiting(self, intents: Sequence[Intent], waiting: dict[int, str]) -> None:
        """Report what has to wait, once for each reason."""
        for intent in intents:
            why = waiting.get(intent.id, "")
            if why and why != self._reported.get(intent.id):
                text = f"{intent.order_text}: {why}; tried again within this bar"
                self._observer.on_incident(Incident(PUT_OFF, "warning", text))
        self._reported = waiting

    def _report_orders(self, intents: Sequence[Intent]) -> None:
        """Report each decision of which an order has gone on."""
        states = {intent.id: intent.state for intent in intents}
        for time in sorted({intent.time for intent in intents}):
            latest = self._journal.intents(time)
            if any(states.get(intent.id, intent.state) != intent.state for intent in latest):
                self._observer.on_orders(latest)

    def _why_not_sent(self, intent: Intent, due: int) -> str:
        """Why nothing more may be sent for `intent`; "" if it may."""
        kind, trading = self._journal.kind_at(intent.time) or "bar", self._journal.trading()
        if why := trading.refusal(intent.size, kind):
            return why
        if kind == "flatten":
            return ""
        if trading.state == "flatten":
            return f"everything is sold instead: {trading.reason}"
        if intent.time < due:
            return "a newer bar has closed"
        oldest = self._settings.paper.max_decision_age
        if intent.size > 0 and (why := why_too_far_off(self._clock.offset, oldest)):
            return why
        if intent.size > 0 and self._clock.now() - intent.time > oldest * 60.0:
            return (
                f"the decision is older than paper.max_decision_age ({oldest:g} minutes), "
                "after which nothing is bought"
            )
        return ""
