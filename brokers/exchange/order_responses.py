"""Responses to a new order, and what stands for an order that the exchange has put away."""

import math
from typing import Any, NamedTuple

from brokers.exchange import responses
from brokers.exchange.sandboxes import Facts
from brokers.exchange.types import ExchangeOrder, Side


class SentOrder(NamedTuple):
    """An order as it was sent; `size` in positive coin units."""

    client_id: str
    symbol: str
    side: Side
    size: float


def new_order(raw: Any, sent: SentOrder, facts: Facts) -> ExchangeOrder:
    """The order in the response to a new one, if it is that order."""
    order = responses.parse_order(raw, sent.symbol, facts)
    same = (order.client_id, order.side) == (sent.client_id, sent.side)
    if not same or not math.isclose(order.size, sent.size, rel_tol=1e-9):
        raise responses.UnusableError(
            f"another order, {order.side} {order.size:g}, client id {order.client_id}"
        )
    return order


def same_order(order: ExchangeOrder, client_id: str) -> ExchangeOrder:
    """`order`, if it is the one that was asked for."""
    if order.client_id != client_id:
        raise responses.UnusableError(f"order {order.client_id!r} in place of {client_id!r}")
    return order


def acknowledged_order(raw: Any, sent: SentOrder, facts: Facts, now: float) -> ExchangeOrder:
    """A new order of which the response holds the id only; `now` is the exchange's time."""
    return ExchangeOrder(
        id=responses.parse_order_id(raw, sent.client_id, facts),
        client_id=sent.client_id,
        symbol=sent.symbol,
        side=sent.side,
        size=sent.size,
        filled=0.0,
        average=math.nan,
        status="open",
        time=now,
    )


def archived_order(client_id: str, symbol: str, words: str) -> ExchangeOrder:
    """An order of which the exchange says only that it ended with nothing filled."""
    return ExchangeOrder(
        id="",
        client_id=client_id,
        symbol=symbol,
        side="buy",
        size=math.nan,
        filled=0.0,
        average=math.nan,
        status="expired",
        time=math.nan,
        words=words,
    )
