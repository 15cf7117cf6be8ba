"""A coin that was bought and is named no more would be nobody's.

Trading stops before it looks like a loss.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from brokers.errors import SafetyError
from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import FillRow
from brokers.orders.balances import BASELINE, CASH
from brokers.orders.ledger import Ledger
from brokers.orders.orphaned_coins import refuse_orphaned_coins
from config.settings import Settings, load
from tests.brokers.worlds import DAY, world


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 0.0) as opened:
        yield opened


def naming(*names: str, gone: Sequence[str] = ()) -> Settings:
    """Settings with those of the default coins."""
    settings = load(None, [f"paper.gone.{name}=loss" for name in gone])
    coins = tuple(coin for coin in settings.coins if coin.name in names)
    return settings.model_copy(update={"coins": coins})


def bought_and_sold(journal: Journal, bought: float, sold: float) -> None:
    """By an account that began without SOL; the fee of the purchase is taken off it."""
    if journal.get(BASELINE) is None:
        ledger = Ledger(journal, {"SOL": Listing.unlisted("SOL/USDT")})
        ledger.begin({"USDT": 1000.0}, 1000.0, adopt=False)
    rows = [FillRow("SOL", "1", "a", 10.0, bought, 20.0, bought / 1000, "SOL", bought / 50)]
    rows += (
        [FillRow("SOL", "2", "b", 20.0, -sold, 20.0, sold / 50, "USDT", sold / 50)] if sold else []
    )
    journal.add_fills(rows)


def test_what_is_held_must_be_named(journal: Journal) -> None:
    bought_and_sold(journal, 4.0, 1.0)
    refuse_orphaned_coins(journal, naming("BTC", "SOL"))
    with pytest.raises(SafetyError, match=r"2\.996 SOL, which no \[\[coins\]\] table names"):
        refuse_orphaned_coins(journal, naming("BTC"))


def test_what_is_held_on_paper_must_be_named_too(journal: Journal) -> None:
    journal.put(CASH, "1000.0")
    journal.add_fills([FillRow("SOL", "1", "a", 10.0, 3.0, 20.0, 0.06, "", 0.06)])
    refuse_orphaned_coins(journal, naming("BTC", "SOL"))
    with pytest.raises(SafetyError, match=r"3 SOL.*set paper\.gone"):
        refuse_orphaned_coins(journal, naming("BTC"))


def test_two_coins_are_spoken_of_as_two(journal: Journal) -> None:
    journal.put(CASH, "1000.0")
    rows = [FillRow(coin, "1", "a", 10.0, 3.0, 20.0, 0.06, "", 0.06) for coin in ("SOL", "ETH")]
    journal.add_fills(rows)
    with pytest.raises(SafetyError, match=r"Add them again, .* until they are sold"):
        refuse_orphaned_coins(journal, naming("BTC"))


def test_what_a_person_says_is_gone_need_not_be_named(journal: Journal) -> None:
    bought_and_sold(journal, 4.0, 1.0)
    refuse_orphaned_coins(journal, naming("BTC", gone=["SOL"]))


@pytest.mark.parametrize("rest", [0.0, 0.2])
def test_what_is_sold_but_for_dust_is_not_held(rest: float, journal: Journal) -> None:
    bought_and_sold(journal, 4.0, 3.996 - rest)
    refuse_orphaned_coins(journal, naming("BTC"))


def test_what_a_reset_took_away_is_not_held_and_what_was_bought_after_it_is(
    journal: Journal,
) -> None:
    bought_and_sold(journal, 4.0, 0.0)
    ledger = Ledger(journal, {"SOL": Listing.unlisted("SOL/USDT")})
    ledger.begin({"USDT": 1000.0}, 1000.0, adopt=False, now=15.0)
    refuse_orphaned_coins(journal, naming("BTC"))
    journal.add_fills([FillRow("SOL", "1", "c", 30.0, 2.0, 20.0, 0.002, "SOL", 0.04)])
    with pytest.raises(SafetyError, match=r"1\.998 SOL"):
        refuse_orphaned_coins(journal, naming("BTC"))


@pytest.mark.parametrize("seen_first", [True, False])
def test_a_coin_that_a_person_sold_may_be_named_no_more(
    whole_folder: Path, cache: Path, tmp_path: Path, *, seen_first: bool
) -> None:
    """Once a session has seen it, or a person has said so.

    Before, the journal knows no better than that it is held, and what it was worth would be a loss.
    """
    with world(whole_folder, cache, tmp_path, "2015-10-20 00:00:02") as w:
        w.run()
        all_three, two = (
            w.settings.model_copy(update={"coins": w.settings.coins[:count]}) for count in (3, 2)
        )
        # With the 5 that are not ours: those would go first.
        w.venue.person.sell("SOLUSDT", f"{w.owned()['SOL'] + 4.99:.2f}")
        w.settings = two
        with pytest.raises(SafetyError, match=r"you have sold it yourself, set paper\.gone"):
            w.run()
        if seen_first:
            w.settings = all_three
            with w.journal() as journal:
                journal.set_trading("off", "sold by hand")
            w.clock.sleep(DAY)
            w.run()
            with w.journal() as journal:
                journal.set_trading("on", "")
        else:
            gone = two.paper.model_copy(update={"gone": {"SOL": "last-price"}})
            w.settings = two.model_copy(update={"paper": gone})
            w.clock.sleep(DAY)
            w.run()
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
