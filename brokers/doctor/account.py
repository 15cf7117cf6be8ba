"""What is in the account, what of it is ours, and whether it covers the smallest orders."""

from collections.abc import Callable, Mapping
from pathlib import Path

from brokers.doctor.finding import Finding
from brokers.exchange.client import Client
from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.neighbours import account_ids
from brokers.orders.balances import BASELINE
from brokers.orders.beginning import granted_cash
from brokers.orders.ledger import Ledger
from brokers.orders.lost_journal import find_lost_holdings
from config.settings import Settings

ORDER_SHARE = 0.02  # share of the account that should still be a possible order
MOST_NAMED = 8  # coins that are named; of more only the number is shown
LEAST_UNITS = 1e-9  # units below which a balance is a rounding error


def check_balances(
    settings: Settings, total: Mapping[str, float], journal: Journal | None, *, running: bool
) -> Finding:
    """What of the testnet's account is ours, and whether somebody else has changed that.

    `total` are its balances; `running` says that a session is using the account.
    """
    if journal is None or not has_begun(journal):
        return _before_us(settings, total)
    ledger = Ledger(journal, ledger_listings(settings))
    # What our own orders are changing just now is nobody else's doing.
    settled = not running and not journal.unfinished_intents()
    cash, positions = (ledger.own_amid_movements if settled else ledger.own_balances)(total)
    owned = {ledger.quote: cash} | {base: positions[name] for name, base in settings.bases.items()}
    others = {coin: units - owned.get(coin, 0.0) for coin, units in total.items()}
    text = f"ours: {_listed(owned)}; not ours, not touched: {_listed(others)}"
    if settled and (moved := ledger.movements(total)):
        changes = ", ".join(f"{change.units:+g} {change.coin}" for change in moved)
        text = f"{text}; somebody else has changed it since the last decision ({changes})"
        remedy = (
            "none, if it was you: the next decision reports it and does not count it as profit; "
            "otherwise make a new key"
        )
        return Finding("account", "warning", text, remedy)
    return Finding("account", "ok", text)


def has_begun(journal: Journal | None) -> bool:
    """Whether a testnet's account has had its first start."""
    return journal is not None and journal.get(BASELINE) is not None


def check_earlier_orders(
    settings: Settings, client: Client, total: Mapping[str, float], journal: Journal | None
) -> Finding:
    """Whether orders of a journal that is lost have left coins in an account that is to begin."""
    known = account_ids(Path(settings.journal.folder))
    known -= {journal.account_id} if journal is not None else set()
    lost = find_lost_holdings(client, ledger_listings(settings), total, known)
    if not lost.accounts:
        return Finding("earlier orders", "ok", "no orders from a lost journal")
    text = f"a journal is lost: its orders have left {lost.text}"
    choice = settings.exchange.found
    if choice == "ask":
        remedy = (
            'put it back, or set exchange.found to "adopt" (the account takes them over) or '
            '"leave" (they are somebody else\'s); nothing is bought before'
        )
        return Finding("earlier orders", "wrong", text, remedy)
    what = "taken over" if choice == "adopt" else "left alone"
    return Finding("earlier orders", "ok", f"{text}; {what} at the first start (exchange.found)")


def ledger_listings(settings: Settings) -> dict[str, Listing]:
    """The markets of the coins as a ledger needs them, whether they are listed now or not."""
    return {coin.name: Listing.unlisted(coin.market) for coin in settings.coins}


def _before_us(settings: Settings, total: Mapping[str, float]) -> Finding:
    exchange, quote = settings.exchange, settings.quote
    balance = total.get(quote, 0.0)
    cash = granted_cash(exchange, balance)
    others = _listed({coin: units for coin, units in total.items() if coin != quote})
    if cash <= 0.0 and not exchange.adopt:
        remedy = "wait for the testnet's next reset, which grants some, or make a new account there"
        return Finding(
            "account", "wrong", f"there is no {quote} to trade with; there are {others}", remedy
        )
    text = (
        f"begins with {cash:,.2f} of {balance:,.2f} {quote} at the first start; "
        f"{'taken over' if exchange.adopt else 'not touched'}: {others}"
    )
    if cash < exchange.amount:
        return Finding(
            "account",
            "warning",
            f"{text}; exchange.amount is {exchange.amount:,.2f}",
            "set exchange.amount to what is there, or less",
        )
    return Finding("account", "ok", text)


def account_value(
    settings: Settings, total: Mapping[str, float] | None, journal: Journal | None
) -> float:
    """The account's value (quote units): at the last decision, or what it will begin with.

    `total` are a testnet's balances.
    """
    equity = None if journal is None else journal.last_equity()
    if equity is not None:
        return equity.value
    if total is None:
        return settings.exchange.amount or settings.backtest.cash
    return granted_cash(settings.exchange, total.get(settings.quote, 0.0))


def check_order_sizes(
    settings: Settings, rules: Mapping[str, Listing], price: Callable[[str], float], account: float
) -> Finding:
    """Whether the account (quote units) is large enough for the exchange's smallest orders.

    A smaller one cannot follow its targets. `price` gives a market's last price.
    """
    smallest = {}
    for coin in settings.coins:
        if (rule := rules.get(coin.market)) is not None:
            smallest[coin.name] = max(
                rule.min_notional, max(rule.min_size, rule.step) * price(coin.market)
            )
    orders = ", ".join(f"{name} {value:,.2f}" for name, value in smallest.items()) or "unknown"
    least = ORDER_SHARE * account
    text = f"smallest {orders} {settings.quote}; {ORDER_SHARE:.0%} of the account is {least:,.2f}"
    if too_large := [name for name, value in smallest.items() if value > least]:
        remedy = "use a larger exchange.amount, or fewer coins: smaller changes are not traded"
        return Finding(
            "order sizes",
            "warning",
            f"{text}: the account is too small for {', '.join(too_large)}",
            remedy,
        )
    return Finding("order sizes", "ok", text)


def _listed(units: Mapping[str, float]) -> str:
    held = sorted(
        (coin for coin, amount in units.items() if amount > LEAST_UNITS),
        key=lambda coin: (len(coin) > 4, coin),
    )
    named = ", ".join(f"{units[coin]:,.8g} {coin}" for coin in held[:MOST_NAMED])
    return (
        f"{named} and {len(held) - MOST_NAMED} more coins"
        if len(held) > MOST_NAMED
        else named or "nothing"
    )
