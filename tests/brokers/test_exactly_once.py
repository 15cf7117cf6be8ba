"""What `tests.proofs.exactly_once` says of an order that was sent again."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from brokers.journal.journal import Journal
from tests.brokers.misfortunes import disturbed
from tests.brokers.worlds import World
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import BinanceVenue
from tests.proofs.exactly_once import doubled

UNSEEN = 1_000  # requests: more than a session makes


@contextmanager
def sent_again(
    folder: Path, cache: Path, place: Path, resets: Collection[str]
) -> Iterator[tuple[World, Journal]]:
    """A decision whose second order is executed, not known to the exchange, and sent again.

    `resets` come "before" the first of the two, "between" them and "after" both.
    """

    def execute_unseen(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
        if "before" in resets:
            venue.reset()
        execute(lambda order: setattr(order, "hidden_for", UNSEEN))
        if "between" in resets:
            venue.reset()
        return DROPPED

    with disturbed(folder, cache, place) as w:
        w.venue.faults.add(execute_unseen, "POST", "order", nth=2)
        w.run()
        if "after" in resets:
            w.venue.reset()
        with w.journal(locked=True) as journal:
            yield w, journal


def expected(w: World, journal: Journal) -> list[str]:
    """What is to be said of the two, of which each was filled whole."""
    first, second = [order for order in journal.orders() if order.symbol == "ETH"]
    executed = {order.client_id: float(order.executed) for order in w.venue.orders}
    size = executed[first.client_id]
    assert executed[second.client_id] == size == abs(first.size) > 0.0
    again = (
        f"order {second.client_id} asked for {size:g} of intent {first.intent}, "
        f"of whose {size:g} {size:g} were filled before"
    )
    in_all = f"intent {first.intent} of {size:g} ETH was filled 2 times, {2 * size:g} in all"
    return [again, in_all]


@pytest.mark.parametrize("resets", [(), ("before",), ("before", "after")])
def test_an_order_sent_again_beside_the_first_is_doubled_whenever_there_was_a_reset(
    whole_folder: Path, cache: Path, tmp_path: Path, resets: tuple[str, ...]
) -> None:
    with sent_again(whole_folder, cache, tmp_path, resets) as (w, journal):
        assert doubled(w.venue, journal) == expected(w, journal)


@pytest.mark.parametrize("resets", [("between",), ("before", "between", "after")])
def test_an_order_that_a_reset_took_away_may_be_sent_again_if_the_exchange_did_not_know_it(
    whole_folder: Path, cache: Path, tmp_path: Path, resets: tuple[str, ...]
) -> None:
    with sent_again(whole_folder, cache, tmp_path, resets) as (w, journal):
        assert doubled(w.venue, journal) == []
        first = next(order for order in journal.orders() if order.status == "absent")
        for known in ("sent", "filled", "gone"):  # never asked for, or known to be there
            journal.update_order(first.client_id, status=known)
            assert doubled(w.venue, journal) == expected(w, journal), known
