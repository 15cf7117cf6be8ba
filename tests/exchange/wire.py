"""Binance's JSON for orders, trades, tickers and candles."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tests.exchange.matching import Order, Trade

MILLISECONDS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
Candle = Sequence[float]  # opening time in milliseconds, open, high, low, close, volume


def length(interval: str) -> int:
    """Milliseconds of one candle."""
    return int(interval[:-1]) * MILLISECONDS[interval[-1]]


def units(value: Decimal | float) -> str:
    return f"{value:.8f}"


def order_placed(order: Order, *, fills: bool) -> dict[str, Any]:
    """The answer to a new order, with its `fills` (newOrderRespType FULL) or without (RESULT)."""
    answer = _order(order) | {"transactTime": order.updated, "workingTime": order.time}
    if fills:
        answer["fills"] = [
            {
                "price": units(trade.price),
                "qty": units(trade.size),
                "commission": units(trade.commission),
                "commissionAsset": trade.commission_coin,
                "tradeId": trade.id,
            }
            for trade in order.trades
        ]
    return answer


def order_queried(order: Order) -> dict[str, Any]:
    return _order(order) | {
        "stopPrice": units(0),
        "icebergQty": units(0),
        "time": order.time,
        "updateTime": order.updated,
        "isWorking": True,
        "workingTime": order.time,
    }


def order_cancelled(order: Order, cancel_id: str) -> dict[str, Any]:
    """The answer to a cancellation, which has a client id of its own."""
    return _order(order) | {
        "origClientOrderId": order.client_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated,
    }


def trade(of: Trade) -> dict[str, Any]:
    return {
        "symbol": of.market.symbol,
        "id": of.id,
        "orderId": of.order_id,
        "orderListId": -1,
        "price": units(of.price),
        "qty": units(of.size),
        "quoteQty": units(of.price * of.size),
        "commission": units(of.commission),
        "commissionAsset": of.commission_coin,
        "time": of.time,
        "isBuyer": of.side == "BUY",
        "isMaker": of.maker,
        "isBestMatch": True,
    }


def candle(row: Candle, interval: str) -> list[Any]:
    volume = units(row[5])
    traded = units(row[5] * row[4])
    ends = int(row[0]) + length(interval) - 1
    return [
        int(row[0]),
        *(units(price) for price in row[1:5]),
        volume,
        ends,
        traded,
        1,
        volume,
        traded,
        "0",
    ]


def day_ticker(
    symbol: str, last: Decimal, before: Decimal, best: dict[str, Any], now: int
) -> dict[str, Any]:
    """The ticker of the last 24 hours, as far as two prices and the best offers tell it."""
    low, high = sorted((last, before))
    return {
        "symbol": symbol,
        "priceChange": units(last - before),
        "priceChangePercent": f"{(last / before - 1) * 100:.3f}",
        "weightedAvgPrice": units((last + before) / 2),
        "prevClosePrice": units(before),
        "lastPrice": units(last),
        "lastQty": units(1),
        **best,
        "openPrice": units(before),
        "highPrice": units(high),
        "lowPrice": units(low),
        "volume": units(1000),
        "quoteVolume": units(1000 * last),
        "openTime": now - 86_400_000,
        "closeTime": now,
        "firstId": 0,
        "lastId": 999,
        "count": 1000,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "symbol": order.market.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": units(order.price),
        "origQty": units(order.size),
        "executedQty": units(order.executed),
        "cummulativeQuoteQty": units(order.spent),
        "origQuoteOrderQty": units(order.quote_size),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
