"""The orders that an exchange lists, ended ones too, of which only the wanted are looked at."""

from brokers.exchange.client import Client
from tests.exchange.venue import BinanceVenue

BTC = "BTC/USDT"


def test_ended_and_open_orders_are_found_by_their_ids(client: Client, venue: BinanceVenue) -> None:
    client.place(BTC, "buy", 0.1, "mine-1")
    venue.person.buy("BTCUSDT", "0.2", newClientOrderId="theirs")
    venue.person.buy(
        "BTCUSDT", "0.3", newClientOrderId="mine-2", type="LIMIT", price="90", timeInForce="GTC"
    )
    orders = client.recent_orders(BTC, lambda id_: id_.startswith("mine"))
    assert [(order.client_id, order.filled, order.status) for order in orders] == [
        ("mine-1", 0.1, "filled"),
        ("mine-2", 0.0, "open"),
    ]


def test_an_order_of_others_that_makes_no_sense_is_passed_over(
    client: Client, venue: BinanceVenue
) -> None:
    client.place(BTC, "buy", 0.1, "mine-1")
    theirs = venue.person.buy("BTCUSDT", "0.2", newClientOrderId="theirs")
    theirs.status = "OF ANOTHER WORLD"
    (order,) = client.recent_orders(BTC, lambda id_: id_ == "mine-1")
    assert order.client_id == "mine-1"
