"""An account at the exchange: its keys, and balances to the last decimal."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tests.exchange.markets import RefusalError

# A fresh testnet account holds far more coins than anyone asked for.
GRANTS = {
    "USDT": "10000",
    "BTC": "1",
    "ETH": "1",
    "BNB": "1",
    "LTC": "10",
    "XRP": "500",
    "TRX": "3000",
    "DOGE": "2000",
    "FDUSD": "10000",
}
KEY, SECRET = "testkey" + "A1" * 28 + "b", "testsecret" + "B2" * 27
LONGEST_WINDOW = 60_000


@dataclass
class Key:
    """An API key and what it may do."""

    name: str = KEY
    secret: str = SECRET
    trade: bool = True
    withdraw: bool = False
    revoked: bool = False

    def signed(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def check_signed(
    keys: Mapping[str, Key], name: str, text: str, params: Mapping[str, str], server_time: int
) -> Key:
    """The key that signed `text` (query and body as sent), if Binance would take it at
    `server_time` (milliseconds).
    """
    if len(name) != 64 or not name.isalnum():
        raise RefusalError(-2014, "API-key format invalid.", 401)
    key = keys.get(name)
    if key is None or key.revoked:
        raise invalid_key()
    payload, _, signature = text.rpartition("&signature=")
    if not payload:
        raise RefusalError(
            -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
        )
    if not hmac.compare_digest(signature, key.signed(payload)):
        raise RefusalError(-1022, "Signature for this request is not valid.")
    _check_time(params, server_time)
    return key


def invalid_key() -> RefusalError:
    return RefusalError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def _check_time(params: Mapping[str, str], server_time: int) -> None:
    if not params.get("timestamp", "").isdigit():
        raise RefusalError(
            -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
        )
    sent, window = int(params["timestamp"]), float(params.get("recvWindow", 5000))
    if window > LONGEST_WINDOW:
        raise RefusalError(-1131, f"recvWindow must be less than {LONGEST_WINDOW}.")
    if sent >= server_time + 1000:
        raise RefusalError(
            -1021, "Timestamp for this request was 1000ms ahead of the server's time."
        )
    if server_time - sent > window:
        raise RefusalError(-1021, "Timestamp for this request is outside of the recvWindow.")


class Balances:
    """Units of every coin, free and locked by open orders; `moved` is what came in (grants,
    deposits) less what went out by hand.
    """

    def __init__(self, grants: Mapping[str, str]) -> None:
        self.free = {coin: Decimal(units) for coin, units in grants.items()}
        self.locked = dict.fromkeys(self.free, Decimal(0))
        self.moved = dict(self.free)

    def add(self, coin: str, units: Decimal) -> None:
        self.free[coin] = self.free.get(coin, Decimal(0)) + units
        self.locked.setdefault(coin, Decimal(0))

    def take(self, coin: str, units: Decimal) -> None:
        if units > self.free.get(coin, Decimal(0)):
            raise RefusalError(-2010, "Account has insufficient balance for requested action.")
        self.add(coin, -units)

    def lock(self, coin: str, units: Decimal) -> None:
        self.take(coin, units)
        self.locked[coin] += units

    def unlock(self, coin: str, units: Decimal) -> None:
        self.locked[coin] -= units
        self.add(coin, units)

    def move(self, coin: str, units: Decimal) -> None:
        """A deposit, or with negative `units` a withdrawal."""
        self.take(coin, -units) if units < 0 else self.add(coin, units)
        self.moved[coin] = self.moved.get(coin, Decimal(0)) + units

    def listed(self) -> list[dict[str, str]]:
        return [
            {"asset": coin, "free": f"{free:.8f}", "locked": f"{self.locked[coin]:.8f}"}
            for coin, free in sorted(self.free.items())
        ]
