"""What the journal of a world's account says of it."""

from brokers.orders.holdings import Holdings, current_holdings
from tests.brokers.worlds import World


def ours(w: World) -> Holdings:
    """What is ours after the newest fill."""
    coins = {coin: coin for coin in ("BTC", "ETH", "SOL")}
    with w.journal() as journal:
        now = current_holdings(journal, coins, "USDT")
    assert now is not None
    return now


def flows(w: World) -> list[float]:
    """What was paid in before each decision, quote units."""
    with w.journal() as journal:
        return [row.flow for row in journal.equity()]


def unit_values(w: World) -> list[float]:
    """What a unit of the account was worth at each decision."""
    with w.journal() as journal:
        return [row.unit_value for row in journal.equity()]
