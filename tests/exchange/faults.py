"""What goes wrong between a client and an exchange, by name: which request it happens to, and what
happens then.

`UNEXECUTED` faults keep the request from having an effect, `EXECUTED` ones come after it had one
and spoil the answer, `REFUSALS` are errors of Binance itself, `ODD_ORDERS` give an order a life of
its own, `CHANGES` alter the exchange before it handles the request.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.exchange.matching import Portion
from tests.exchange.proxy import DROPPED, STALLED, Answer, Asked

if TYPE_CHECKING:
    from tests.exchange.venue import BinanceVenue

Execute = Callable[..., Answer]
Fault = Callable[..., Answer]  # (venue, asked, execute, **detail)


def refusal(code: int, message: str, status: int = 400) -> Answer:
    """Binance's way to say no."""
    body = json.dumps({"code": code, "msg": message}, separators=(",", ":")).encode()
    return Answer(status, body, (("Content-Type", "application/json;charset=UTF-8"),))


PORTAL = b"<html><body>Please log in to the hotel's network</body></html>"
UNUSABLE = {
    "dropped": DROPPED,
    "timeout": STALLED,
    "500": Answer(500, b"<html>Internal Server Error</html>"),
    "502": Answer(502, b"<html>Bad Gateway</html>"),
    "503": Answer(503, b"<html>Service Unavailable</html>"),
    "504": Answer(504, b"<html>Gateway Time-out</html>"),
    "-1006": refusal(
        -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
        500,
    ),
    "-1007": refusal(
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
        504,
    ),
    "html200": Answer(200, PORTAL),
    "empty200": Answer(200, b""),
    "truncated200": Answer(200, b'{"symbol":"BTCUSDT","orderId":'),
    "braces": Answer(200, b"{}"),
    "brackets": Answer(200, b"[]"),
    "null": Answer(200, b"null"),
}
REFUSALS = {
    "clock": refusal(-1021, "Timestamp for this request is outside of the recvWindow."),
    "duplicate": refusal(-2010, "Duplicate order sent."),
    "insufficient": refusal(-2010, "Account has insufficient balance for requested action."),
    "lot_size": refusal(-1013, "Filter failure: LOT_SIZE"),
    "price_filter": refusal(-1013, "Filter failure: PRICE_FILTER"),
    "notional": refusal(-1013, "Filter failure: NOTIONAL"),
    "precision": refusal(-1111, "Precision is over the maximum defined for this asset."),
    "market_closed": refusal(-1013, "Market is closed."),
    "too_many_orders": refusal(
        -1015, "Too many new orders; current limit is 50 orders per 10 SECOND."
    ),
    "key_rejected": refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401),
    "not_found": refusal(-2013, "Order does not exist."),
}


def _instead(answer: Answer) -> Fault:
    return lambda venue, asked, execute: answer


def _after(answer: Answer) -> Fault:
    def fault(venue: "BinanceVenue", asked: Asked, execute: Execute) -> Answer:
        execute()
        return answer

    return fault


def _truncated(venue: "BinanceVenue", asked: Asked, execute: Execute) -> Answer:
    answer = execute()
    return answer._replace(body=answer.body[: len(answer.body) // 2])


def _cut_off(venue: "BinanceVenue", asked: Asked, execute: Execute) -> Answer:
    answer = execute()
    return answer._replace(
        body=answer.body[: len(answer.body) // 2], missing=len(answer.body) - len(answer.body) // 2
    )


def _slow(venue: "BinanceVenue", asked: Asked, execute: Execute, seconds: float = 1.0) -> Answer:
    return execute()._replace(delay=seconds)


def _trickled(
    venue: "BinanceVenue", asked: Asked, execute: Execute, seconds: float = 0.2
) -> Answer:
    return execute()._replace(pace=seconds)


def _busy(status: int) -> Fault:
    def fault(
        venue: "BinanceVenue", asked: Asked, execute: Execute, retry_after: int = 1
    ) -> Answer:
        return venue.turn_away(asked.host, status, retry_after)

    return fault


def _invisible(venue: "BinanceVenue", asked: Asked, execute: Execute, queries: int = 2) -> Answer:
    return execute(lambda order: setattr(order, "hidden_for", queries))


def _trades_lag(venue: "BinanceVenue", asked: Asked, execute: Execute, queries: int = 2) -> Answer:
    return execute(lambda order: setattr(order, "trades_hidden_for", queries))


def _balances_lag(
    venue: "BinanceVenue", asked: Asked, execute: Execute, queries: int = 2
) -> Answer:
    venue.show_old_balances(queries)
    return execute()


def _partial_then_rest(
    venue: "BinanceVenue", asked: Asked, execute: Execute, fraction: str = "0.4", queries: int = 2
) -> Answer:
    return execute(portion=Portion(Decimal(fraction), queries))


def _partial_then_expired(
    venue: "BinanceVenue", asked: Asked, execute: Execute, fraction: str = "0.4"
) -> Answer:
    return execute(portion=Portion(Decimal(fraction), None))


def _filled_before_cancel(venue: "BinanceVenue", asked: Asked, execute: Execute) -> Answer:
    venue.fill_before_cancel(asked)
    return execute()


def _change(change: Callable[..., None]) -> Fault:
    def fault(venue: "BinanceVenue", asked: Asked, execute: Execute, **detail: Any) -> Answer:
        change(venue, asked, **detail)
        return execute()

    return fault


def _key(**permissions: bool) -> Fault:
    def change(venue: "BinanceVenue", asked: Asked) -> None:
        for key in venue.keys.values():
            for name, value in permissions.items():
                setattr(key, name, value)

    return _change(change)


def _filters_changed(
    venue: "BinanceVenue", asked: Asked, symbol: str | None = None, **rules: str
) -> None:
    """New values for fields of the market, a thousandfold step by default."""
    market = venue.market_of(asked, symbol)
    for name, value in (rules or {"step": str(market.step * 1000)}).items():
        setattr(market, name, Decimal(value))


def _halted(
    venue: "BinanceVenue", asked: Asked, symbol: str | None = None, status: str = "HALT"
) -> None:
    venue.market_of(asked, symbol).status = status


def _thin_book(
    venue: "BinanceVenue", asked: Asked, symbol: str | None = None, size: float = 0.0
) -> None:
    """One level each side of the price, `size` coins in it (0: nothing at all)."""
    market = venue.market_of(asked, symbol)
    last = float(venue.books.last(market.symbol))
    level = [(last, size)] if size else []
    venue.books.set(market.symbol, level, level)


EXECUTED: dict[str, Fault] = {f"{name}_after": _after(answer) for name, answer in UNUSABLE.items()}
EXECUTED["answer_lost"] = EXECUTED.pop("dropped_after")
EXECUTED |= {"truncated200_after": _truncated, "cut_off_after": _cut_off}
UNEXECUTED: dict[str, Fault] = {
    f"{name}_before": _instead(answer) for name, answer in UNUSABLE.items()
}
ODD_ORDERS: dict[str, Fault] = {
    "invisible": _invisible,
    "trades_lag": _trades_lag,
    "balances_lag": _balances_lag,
    "partial_then_rest": _partial_then_rest,
    "partial_then_expired": _partial_then_expired,
    "filled_before_cancel": _filled_before_cancel,
}
CHANGES: dict[str, Fault] = {
    "key_revoked": _key(revoked=True),
    "key_read_only": _key(trade=False),
    "key_may_withdraw": _key(withdraw=True),
    "filters_changed": _change(_filters_changed),
    "halted": _change(_halted),
    "thin_book": _change(_thin_book),
    "reset": _change(lambda venue, asked: venue.reset()),
}
SLOW: dict[str, Fault] = {"slow": _slow, "trickled": _trickled}
TURNED_AWAY: dict[str, Fault] = {"429": _busy(429), "418": _busy(418)}
FAULTS = (
    EXECUTED
    | UNEXECUTED
    | ODD_ORDERS
    | CHANGES
    | SLOW
    | TURNED_AWAY
    | {name: _instead(answer) for name, answer in REFUSALS.items()}
)


@dataclass
class Rule:
    """One fault waiting for its requests: from the `nth` of those that match on, `times` times."""

    fault: Fault
    name: str
    method: str | None
    path: str | None
    nth: int
    times: int
    host: str | None
    where: Callable[[Asked], bool] | None
    detail: dict[str, Any]
    seen: int = 0
    met: list[Asked] = field(default_factory=list)

    def matches(self, asked: Asked) -> bool:
        wanted = (
            (self.method, asked.method),
            (self.path, asked.path.removeprefix("/api/v3/")),
            (self.host, asked.host),
        )
        return all(want is None or want == has for want, has in wanted) and (
            self.where is None or self.where(asked)
        )


class Faults:
    """The rules in force.

    Of several for one request the first holds; every one that matches counts it.
    """

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(
        self,
        fault: str | Fault,
        method: str | None = None,
        path: str | None = None,
        *,
        nth: int = 1,
        times: int = 1,
        host: str | None = None,
        where: Callable[[Asked], bool] | None = None,
        **detail: Any,
    ) -> Rule:
        """Let the `nth` request of `method` and `path` ("order", "ticker/price"; None: any) meet
        `fault`, and the next `times` - 1 too.
        """
        chosen = FAULTS[fault] if isinstance(fault, str) else fault
        rule = Rule(
            chosen,
            fault if isinstance(fault, str) else fault.__name__,
            method,
            path,
            nth,
            times,
            host,
            where,
            detail,
        )
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        self.rules.clear()

    def waiting(self) -> list[Rule]:
        """Rules that have not met all their requests yet."""
        return [rule for rule in self.rules if len(rule.met) < rule.times]

    def for_request(self, asked: Asked) -> Rule | None:
        """The rule that `asked` meets, counted."""
        chosen = None
        for rule in self.rules:
            if rule.matches(asked):
                rule.seen += 1
                if chosen is None and rule.seen >= rule.nth and len(rule.met) < rule.times:
                    rule.met.append(asked)
                    chosen = rule
        return chosen
