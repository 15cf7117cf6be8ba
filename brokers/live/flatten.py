"""Selling everything because a person has asked for it, on the same way as every other order."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from brokers.exchange.errors import RefusedError, TryLaterError
from brokers.journal.incident import Incident
from brokers.journal.records import DecisionRow, HaltedError, Intent, Trading
from brokers.live.context import SessionContext
from brokers.live.settlement import Settlement
from brokers.orders.pricing import floor_to_step
from brokers.orders.remainder import filled_units

KIND = "flatten"  # of the incident that says how it has ended
CALLED_OFF = "flatten called off"  # of the one that says that a person has ended it before that
# Decisions, each about what the one before has left: a thin order book takes a part at a time.
ROUNDS = 20
LEAST_UNITS = 1e-6  # where no step is known
STEP_ROUNDING = 1e-3  # share of a step that is nothing
BAR_STEP = 60  # seconds: at a multiple of them a bar may end


class Holding(NamedTuple):
    """Units of a coin that can be sold, and its price now (quote units; NaN: not known)."""

    coin: str
    units: float
    price: float


class Flatten:
    """Sells all that an account holds, and turns its trading off.

    The one rule: what is to be sold is a decision in the journal, at a second of its own, before
    anything is sent. Until trading is off, every start carries on where the one before was killed.
    """

    def __init__(self, context: SessionContext, settlement: Settlement) -> None:
        self._settings, self._account, self._journal, self._clock, self._observer = context
        self._settlement = settlement
        self._rest: dict[str, float] = {}  # units that are too few to be sold
        self._is_asked_for = False  # and neither done nor called off yet

    def is_asked_for(self, trading: Trading) -> bool:
        """Whether everything is still to be sold; that it was called off is reported at once."""
        if trading.state == "flatten":
            self._is_asked_for = True
        elif self._is_asked_for:
            self._is_asked_for = False
            sold = ", ".join(self._sold_coins())
            text = (
                f"it was called off: trading is {trading.state} ({trading.reason}); "
                f"{f'sold before, in whole or in part: {sold}' if sold else 'nothing was sold'}"
            )
            self._observer.on_incident(Incident(CALLED_OFF, "warning", text))
        return self._is_asked_for

    def run(self, session: int) -> None:
        """Sell until nothing is left that can be sold, in the session of that id.

        Raises
        ------
        TryLaterError, UnknownOutcomeError, JournalUnavailableError
            Not now: the trading state stays `flatten`, and the next call carries on.

        """
        self._settlement.settle(due=0)
        left, rounds = self._holdings(), 0
        while left and rounds < ROUNDS:
            trading = self._journal.trading()
            if self._clock.stopped or not self.is_asked_for(trading):
                return
            decision = self._decision(left, trading, session)
            with suppress(HaltedError):  # called off just now
                self._journal.record_flatten(decision, _intents(left, decision.time))
                self._settlement.settle(due=0)
            if self._clock.stopped or not self.is_asked_for(self._journal.trading()):
                return  # after a stop every start carries on
            before, left, rounds = _units(left), self._holdings(), rounds + 1
            if _units(left) == before:
                break  # nobody buys
        self._finish(left)

    def _holdings(self) -> list[Holding]:
        """What of each coin can be sold now, the account read anew; the rest is remembered."""
        prices = {coin.name: self._price(coin.name) for coin in self._settings.coins}
        known = {coin: price for coin, price in prices.items() if not math.isnan(price)}
        self._account.refresh(known)
        holdings, self._rest = [], {}
        for coin, price in prices.items():
            units, (step, min_notional) = self._account.positions[coin], self._account.limits(coin)
            whole = floor_to_step(units, step)
            if whole > 0.0 and not whole * price < min_notional:  # at an unknown price it is tried
                holdings.append(Holding(coin, units, price))
            elif units > max(step, LEAST_UNITS) * STEP_ROUNDING:
                self._rest[coin] = units
        return holdings

    def _price(self, coin: str) -> float:
        """The price now; NaN where nobody gives one, which must not keep the other coins up."""
        try:
            return self._account.price(coin)
        except (RefusedError, TryLaterError):
            return math.nan

    def _decision(self, left: list[Holding], trading: Trading, session: int) -> DecisionRow:
        """The journal's row; the gate in it is that of the newest bar."""
        last = self._journal.last_decision()
        values = {holding.coin: holding.units * holding.price for holding in left}
        equity = self._account.cash + sum(values.values())
        units = _units(left)
        coins = [coin.name for coin in self._settings.coins]
        return DecisionRow(
            time=self._own_second(),
            decided_at=self._clock.now(),
            state=last.state if last else 0,
            ceiling=last.ceiling if last else 0.0,
            filled=last.filled if last else 0,
            confirmed_at=last.confirmed_at if last else None,
            gate_stale=last.gate_stale if last else 0,
            equity=equity,
            cash=self._account.cash,
            drawdown=math.nan,
            gross=0.0,
            missing=(0.0,) * len(coins),
            current=tuple(values.get(coin, 0.0) / (equity or 1.0) for coin in coins),
            targets=(0.0,) * len(coins),
            sizes=tuple(-units.get(coin, 0.0) for coin in coins),
            sentence=f"Everything is sold: {trading.reason}.",
            note="",
            session=session,
            kind="flatten",
        )

    def _own_second(self) -> int:
        """The first second from now on at which no bar ends and nothing was decided."""
        second = int(self._clock.now())
        while second % BAR_STEP == 0 or self._journal.kind_at(second) is not None:
            second += 1
        return second

    def _finish(self, left: list[Holding]) -> None:
        """Report what was sold and what was not, and turn trading off."""
        trading, self._is_asked_for = self._journal.trading(), False
        if left:
            sold, incident = "not everything could be sold", _partial_ending(left, self._why_left())
        elif self._sold_coins():
            sold, incident = "everything was sold", _ending("everything is sold", self._rest)
        else:
            sold, incident = "nothing was held", _ending("nothing was held", self._rest)
        if not self._journal.end_flatten(f"{trading.reason}; {sold}"):
            now = self._journal.trading().state
            text = f"{sold}; then it was called off, and trading is {now}"
            incident = Incident(CALLED_OFF if left else KIND, "warning", text)
        self._observer.on_incident(incident)

    def _sold_coins(self) -> list[str]:
        """Of which something was sold since the newest bar, by a session that was killed too."""
        last = self._journal.last_decision()
        sales = self._journal.decisions(since=last.time if last else None, kind="flatten")
        return sorted(
            {
                intent.symbol
                for sale in sales
                for intent in self._journal.intents(sale.time)
                if filled_units(self._journal.orders(intent.id))
            }
        )

    def _why_left(self) -> dict[str, str]:
        """Why the newest order in each coin has sold no more."""
        return {intent.symbol: intent.why for intent in self._journal.intents()}


def _units(holdings: list[Holding]) -> dict[str, float]:
    return {holding.coin: holding.units for holding in holdings}


def _intents(holdings: list[Holding], time: int) -> list[Intent]:
    """A sale of all units of each coin."""
    return [
        Intent(
            id=0,
            time=time,
            symbol=holding.coin,
            leg=leg,
            size=-holding.units,
            price=holding.price,
            state="planned",
            why="",
        )
        for leg, holding in enumerate(holdings)
    ]


def _ending(what: str, rest: Mapping[str, float]) -> Incident:
    """All that can be sold is; what is too little to be sold, in units, stays."""
    text = f"{what} and trading is off until `resume`"
    if rest:
        listed = ", ".join(f"{units:.4g} {coin}" for coin, units in rest.items())
        text += f"; left: {listed} (below the smallest order)"
    return Incident(KIND, "warning", text)


def _partial_ending(left: list[Holding], why: Mapping[str, str]) -> Incident:
    listed = "; ".join(
        f"{holding.units:g} {holding.coin} ({why.get(holding.coin, 'not sold')})"
        for holding in left
    )
    text = f"not everything could be sold: {listed}; trading is off until `resume`"
    return Incident(KIND, "critical", text)
