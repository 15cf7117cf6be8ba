"""When it is known that an order does not exist.

Counted from when it left, which can be later than was written down.
"""

from collections.abc import Callable
from pathlib import Path

from tests.brokers.worlds import world
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import BinanceVenue
from tests.proofs.exactly_once import doubled, lost


def unseen(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
    """The order is executed, its answer lost, and it is not to be found for some seconds."""
    execute(lambda order: setattr(order, "hidden_for", 6))
    return DROPPED


def test_an_order_that_left_again_when_the_clock_was_set_is_waited_for(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with world(whole_folder, cache, tmp_path, "2015-10-20 00:00:02") as w:
        w.venue.faults.add(unseen, "POST", "order", nth=2)

        def our_clock_falls_behind(asked: Asked, number: int) -> None:
            if asked.method == "POST":
                w.venue.clock_offset = 20.0  # more than the receive window and ten seconds

        w.venue.before_request = our_clock_falls_behind
        w.run()
        with w.journal() as journal:
            assert doubled(w.venue, journal) + lost(w.venue, journal) == []
            assert [order.attempt for order in journal.orders()] == [1, 1, 1]
        assert len(w.venue.orders) == 3
