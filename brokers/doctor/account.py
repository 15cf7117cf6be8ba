"""What is in the account, whose it is, and whether it is large enough for the exchange's smallest orders."""

import math
from collections.abc import Callable, Mapping

from brokers.doctor.finding import Finding
from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.orders.ledger import Ledger
from config.settings import Settings

SMALL = 0.02  # share of the account that should still be an order
NAMED = 8  # coins of others that are named
LEAST = 1e-9  # units below which a balance is a rounding


def balances(
    settings: Settings, total: Mapping[str, float], journal: Journal | None, running: bool
) -> Finding:
    """What of the testnet's account is ours, what was there before us, and whether somebody else has moved it."""
    ledger = None if journal is None else Ledger(journal, markets(settings))
    if journal is None or ledger is None or not ledger.begun:
        return _before_us(settings, total)
    cash, positions = ledger.owned(total)
    owned = {ledger.quote: cash} | {
        coin.market.partition("/")[0]: positions[coin.name] for coin in settings.coins
    }
    text = f"ours: {_listed(owned)}; not ours and left alone: {_listed({coin: units - owned.get(coin, 0.0) for coin, units in total.items()})}"
    if not running and not journal.unfinished() and (moved := ledger.moved(total)):
        by = ", ".join(f"{one.units:+g} {one.coin}" for one in moved)
        remedy = "nothing, if it was you: the next decision says so and counts it as no profit; otherwise make a new key"
        return Finding(
            "account",
            "warning",
            f"{text}; somebody else has changed it since the last decision ({by})",
            remedy,
        )
    return Finding("account", "ok", text)


def markets(settings: Settings) -> dict[str, Listing]:
    """The markets of the coins as a ledger needs them, whether they are listed now or not."""
    parts = {coin.name: (coin.market, *coin.market.split("/")) for coin in settings.coins}
    return {
        name: Listing(symbol, base, quote, False, 0.0, 0.0, 0.0, 0.0)
        for name, (symbol, base, quote) in parts.items()
    }


def _before_us(settings: Settings, total: Mapping[str, float]) -> Finding:
    exchange, quote = settings.exchange, _quote(settings)
    there = total.get(quote, 0.0)
    cash = _granted(settings, there)
    others = _listed({coin: units for coin, units in total.items() if coin != quote})
    if cash <= 0.0 and not exchange.adopt:
        remedy = "wait for the testnet's next reset, which grants some, or make a new account there"
        return Finding(
            "account", "wrong", f"there is no {quote} to trade with; there are {others}", remedy
        )
    text = f"begins with {cash:,.2f} of {there:,.2f} {quote} at the first start; {'taken over' if exchange.adopt else 'left alone'}: {others}"
    if cash < exchange.amount:
        return Finding(
            "account",
            "warning",
            f"{text}; exchange.amount is {exchange.amount:,.2f}",
            "set exchange.amount to what is there, or less",
        )
    return Finding("account", "ok", text)


def _granted(settings: Settings, there: float) -> float:
    return min(settings.exchange.amount or math.inf, settings.exchange.share * there)


def size(settings: Settings, total: Mapping[str, float] | None, journal: Journal | None) -> float:
    """What the account is worth, quote units: at the last decision, or what it will begin with. `total` are a testnet's balances."""
    equity = None if journal is None else journal.last_equity()
    if equity is not None:
        return equity.value
    if total is None:
        return settings.exchange.amount or settings.backtest.cash
    return _granted(settings, total.get(_quote(settings), 0.0))


def sizes(
    settings: Settings, rules: Mapping[str, Listing], price: Callable[[str], float], account: float
) -> Finding:
    """The exchange's smallest orders against the account (quote units): too small a one cannot follow its targets."""
    smallest = {}
    for coin in settings.coins:
        if (rule := rules.get(coin.market)) is not None:
            smallest[coin.name] = max(
                rule.min_notional, max(rule.min_size, rule.step) * price(coin.market)
            )
    part = f"{SMALL:.0%} of the account are {SMALL * account:,.2f}"
    text = f"smallest {', '.join(f'{name} {value:,.2f}' for name, value in smallest.items()) or 'unknown'} {_quote(settings)}; {part}"
    if too_large := [name for name, value in smallest.items() if value > SMALL * account]:
        remedy = (
            "a larger exchange.amount, or fewer coins: changes below these sizes are left undone"
        )
        return Finding(
            "order sizes",
            "warning",
            f"{text}: too small an account for {', '.join(too_large)}",
            remedy,
        )
    return Finding("order sizes", "ok", text)


def _quote(settings: Settings) -> str:
    return settings.coins[0].market.partition("/")[2]


def _listed(units: Mapping[str, float]) -> str:
    held = sorted(
        (coin for coin, held in units.items() if held > LEAST),
        key=lambda coin: (len(coin) > 4, coin),
    )
    named = ", ".join(f"{units[coin]:,.8g} {coin}" for coin in held[:NAMED])
    return (
        f"{named} and {len(held) - NAMED} more coins" if len(held) > NAMED else named or "nothing"
    )
