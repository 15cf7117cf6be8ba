"""How fast an exchange is asked: a cycle's requests at once, and never more in a minute than it
allows.
"""

from itertools import pairwise

import pytest

from brokers.clock import SimulatedClock
from brokers.exchange.client import Client
from tests.exchange.venue import BinanceVenue

BTC = "BTC/USDT"
ACCOUNT = 20  # weight of one question for the account
A_MINUTE = 6000  # weight Binance allows in a minute


def asked_at(client: Client, clock: SimulatedClock, times: int) -> list[float]:
    """When each of `times` questions for the account was answered, in seconds from now."""
    client.listings()
    clock.sleep(60.0)
    began = clock.now()
    answered = []
    for _ in range(times):
        client.balances()
        answered.append(clock.now() - began)
    return answered


def test_a_cycle_waits_for_nothing(
    client: Client, venue: BinanceVenue, clock: SimulatedClock
) -> None:
    client.listings()
    began = clock.now()
    client.balances()
    for number in range(3):
        client.book(BTC)
        client.price(BTC)
        client.balances()
        placed = client.place(BTC, "buy", 0.5, f"order{number}")
        client.trades(placed)
    assert clock.now() == began


def test_lasting_traffic_stays_below_what_a_minute_allows(
    client: Client, clock: SimulatedClock
) -> None:
    answered = asked_at(client, clock, 60)
    at_once = answered.count(0.0)
    assert at_once == 25  # five seconds at 0.2 s each, ccxt's pace for this question
    gap = answered[-1] - answered[-2]
    assert [later - earlier for earlier, later in pairwise(answered[at_once:])] == pytest.approx(
        [gap] * (59 - at_once), abs=1e-6
    )
    assert at_once + 60.0 / gap <= A_MINUTE / ACCOUNT + 1e-3


def test_a_quiet_while_allows_the_next_cycle_at_once(client: Client, clock: SimulatedClock) -> None:
    assert asked_at(client, clock, 30)[-1] > 0.0
    assert asked_at(client, clock, 25)[-1] == 0.0


def test_a_clock_set_back_is_not_waited_for(client: Client, clock: SimulatedClock) -> None:
    asked_at(client, clock, 25)
    clock._now -= 86_400.0
    began = clock.now()
    client.server_time()
    client.server_time()
    assert clock.now() - began < 1.0
