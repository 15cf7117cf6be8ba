"""A coin that was bought and is named no more would be nobody's.

Trading stops before it looks like a loss.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.errors import SafetyError
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import FillRow
from brokers.orders.ledger import BEGUN
from brokers.orders.orphaned_coins import refuse_orphaned_coins
from tests.brokers.worlds import DAY, world


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 0.0) as opened:
        yield opened


def bought_and_sold(journal: Journal, bought: float, sold: float) -> None:
    rows = [FillRow("SOL", "1", "a", 10.0, bought, 20.0, bought / 1000, "SOL", bought / 50)]
    rows += (
        [FillRow("SOL", "2", "b", 20.0, -sold, 20.0, sold / 50, "USDT", sold / 50)] if sold else []
    )
    journal.add_fills(rows)


def test_what_is_held_must_be_named(journal: Journal) -> None:
    bought_and_sold(journal, 4.0, 1.0)
    refuse_orphaned_coins(journal, ["BTC", "SOL"])
    with pytest.raises(SafetyError, match=r"2\.996 SOL, which no \[\[coins\]\] table names"):
        refuse_orphaned_coins(journal, ["BTC"])


@pytest.mark.parametrize("rest", [0.0, 0.2])
def test_what_is_sold_but_for_dust_is_not_held(rest: float, journal: Journal) -> None:
    bought_and_sold(journal, 4.0, 3.996 - rest)
    refuse_orphaned_coins(journal, ["BTC"])


def test_what_a_reset_took_away_is_not_held(journal: Journal) -> None:
    bought_and_sold(journal, 4.0, 0.0)
    journal.put(BEGUN, "15.0")
    refuse_orphaned_coins(journal, ["BTC"])


def test_a_coin_that_a_person_sold_may_be_named_no_more(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Once a session has seen it.

    Before, the journal knows no better than that it is held, and what it was worth would be a loss.
    """
    with world(whole_folder, cache, tmp_path, "2015-10-20 00:00:02") as w:
        w.run()
        all_three, two = (
            w.settings.model_copy(update={"coins": w.settings.coins[:count]}) for count in (3, 2)
        )
        w.venue.person.sell("SOLUSDT", f"{w.owned()['SOL']:.2f}")
        w.settings = two
        with pytest.raises(
            SafetyError, match="If you have sold it yourself, add it for one bar after `halt`"
        ):
            w.run()
        w.settings = all_three
        with w.journal() as journal:
            journal.halt("sold by hand")
        w.clock.sleep(DAY)
        w.run()
        with w.journal() as journal:
            journal.resume()
        w.settings = two
        for _ in range(3):  # what is known of it must outlast a session that does not name it
            w.clock.sleep(DAY)
            w.run()
        with w.journal() as journal:
            assert all(abs(row.unit_value - 1.0) < 0.1 for row in journal.equity())


def test_a_session_without_a_coin_it_holds_does_not_begin(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with world(whole_folder, cache, tmp_path, "2015-10-20 00:00:02") as w:
        w.run()
        w.settings = w.settings.model_copy(update={"coins": w.settings.coins[:2]})
        orders = len(w.venue.orders)
        with pytest.raises(SafetyError, match="SOL"):
            w.run()
        assert len(w.venue.orders) == orders
