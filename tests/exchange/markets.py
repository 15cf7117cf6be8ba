"""Binance's spot markets as its testnet lists them, and what it refuses in its own words."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

KINDS = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)


class RefusalError(Exception):
    """An error of Binance: code, message, HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status = code, message, status


def filter_failure(name: str) -> RefusalError:
    return RefusalError(-1013, f"Filter failure: {name}")


@dataclass
class Market:
    """One market: `step` and sizes in units of `base`, `tick` and notional in units of `quote`.

    Status TRADING, HALT or BREAK.
    """

    base: str
    step: Decimal
    tick: Decimal
    quote: str = "USDT"
    min_notional: Decimal = Decimal(5)
    max_size: Decimal = Decimal(9_000_000)
    max_market_size: Decimal = Decimal(900_000)
    lowest: Decimal = Decimal("0.2")  # limits of an order's price, as multiples of the last
    highest: Decimal = Decimal(5)
    status: str = "TRADING"

    @property
    def symbol(self) -> str:
        return self.base + self.quote

    def check_tradable(self) -> None:
        if self.status != "TRADING":
            raise RefusalError(-1013, "Market is closed.")

    def check_size(self, size: Decimal, *, market_order: bool) -> None:
        if not self.step <= size <= self.max_size or size % self.step:
            raise filter_failure("LOT_SIZE")
        if market_order and size > self.max_market_size:
            raise filter_failure("MARKET_LOT_SIZE")

    def check_price(self, price: Decimal, last: Decimal) -> None:
        if price < self.tick or price % self.tick:
            raise filter_failure("PRICE_FILTER")
        if not self.lowest <= price / last <= self.highest:
            raise filter_failure("PERCENT_PRICE_BY_SIDE")

    def check_notional(self, notional: Decimal) -> None:
        if notional < self.min_notional:
            raise filter_failure("NOTIONAL")

    def listed(self) -> dict[str, Any]:
        """This market's part of the exchangeInfo answer."""
        return {
            "symbol": self.symbol,
            "status": self.status,
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": list(KINDS),
            "icebergAllowed": True,
            "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "cancelReplaceAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self._filters(),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        }

    def _filters(self) -> list[dict[str, Any]]:
        step, tick = f"{self.step:.8f}", f"{self.tick:.8f}"
        multipliers = {
            f"{side}Multiplier{end}": str(value)
            for side in ("bid", "ask")
            for end, value in (("Up", self.highest), ("Down", self.lowest))
        }
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "1000000.00000000",
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": step,
                "maxQty": f"{self.max_size:.8f}",
                "stepSize": step,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": f"{self.max_market_size:.8f}",
                "stepSize": "0.00000000",
            },
            {"filterType": "PERCENT_PRICE_BY_SIDE", **multipliers, "avgPriceMins": 5},
            {
                "filterType": "NOTIONAL",
                "minNotional": f"{self.min_notional:.8f}",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ]


def listed_markets() -> dict[str, Market]:
    """Coins against USDT by symbol, with Binance's steps and ticks."""
    rules = {
        "BTC": ("0.00001", "0.01"),
        "ETH": ("0.0001", "0.01"),
        "SOL": ("0.001", "0.01"),
        "BNB": ("0.001", "0.01"),
        "LTC": ("0.001", "0.01"),
        "XRP": ("0.1", "0.0001"),
        "TRX": ("0.1", "0.0001"),
        "DOGE": ("1", "0.00001"),
    }
    markets = [Market(base, Decimal(step), Decimal(tick)) for base, (step, tick) in rules.items()]
    return {market.symbol: market for market in markets}
