"""Executions that are ours though the journal lacks them: nobody else's, and not bought again."""

import shutil
from pathlib import Path

import pytest

from brokers.exchange.errors import TryLaterError
from brokers.journal.opening import journal_path
from tests.brokers.accounts import flows, ours, unit_values
from tests.brokers.misfortunes import OUT, change, disturbed, incident_texts, posts
from tests.brokers.test_faults_rules import _at_the_live_host, _still_live
from tests.brokers.worlds import DAY
from tests.exchange.proxy import Asked


def test_an_older_copy_of_the_journal_buys_nothing_twice(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Its own orders are at the exchange: what they have bought is counted as ours."""
    with disturbed(whole_folder, cache, tmp_path, OUT) as w:
        w.run()
        path = journal_path(w.settings)
        shutil.copy(path, tmp_path / "older.sqlite")
        change(w, whole_folder, cache, {})
        w.clock.sleep(DAY)
        w.run()
        held, sent = ours(w), len(posts(w))
        assert sent == 3
        shutil.copy(tmp_path / "older.sqlite", path)
        w.venue.person.withdraw("USDT", "1000")  # of what is others'
        w.clock.sleep(DAY)
        observer = w.run()
        assert len(posts(w)) == sent
        assert ours(w).units == pytest.approx(held.units)
        assert ours(w).cash == pytest.approx(held.cash)
        (text,) = incident_texts(observer.incidents, "stray")
        assert "older copy" in text
        (text,) = incident_texts(observer.incidents, "moved")
        assert "-1000 USDT), nothing of our part" in text
        assert flows(w)[-1] == 0.0 and abs(unit_values(w)[-1] - 1.0) < 0.05


def test_what_an_order_has_filled_whose_market_went_is_ours(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Its answer was lost, then its market: only the balances show it, 1,470 USDT for ETH."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("answer_lost", "POST", "order", nth=2)
        w.venue.faults.add("dropped_before", "GET", "order", times=1000)
        with pytest.raises(TryLaterError):
            w.run()
        w.venue.faults.clear()
        market = w.venue.markets.pop("ETHUSDT")
        w.venue.faults.add(
            _still_live, "GET", times=100_000, where=_at_the_live_host, market=market
        )
        w.venue.person.withdraw("USDT", "1000")  # of what is others'
        w.clock.sleep(DAY)
        w.run()
        assert ours(w).units["ETH"] == pytest.approx(w.owned()["ETH"])
        spent = 10_000.0 - 1000.0 - float(w.venue.units("USDT"))
        assert ours(w).cash == pytest.approx(5000.0 - spent, abs=30.0)
        assert flows(w)[-1] == pytest.approx(0.0, abs=30.0)  # the fee and the spread of one order
        assert abs(unit_values(w)[-1] - 1.0) < 0.05


def test_what_an_order_has_filled_that_the_exchange_no_longer_knows_is_ours(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """It was seen filled in part, then never again, and filled whole meanwhile."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=9)

        def vanishes(asked: Asked, number: int) -> None:
            if len(w.venue.orders) == 2 and w.venue.orders[1].open:
                w.venue.orders[1].hidden_for = 1_000_000
                w.venue.matching.complete(w.venue.orders[1])

        w.venue.after_request = vanishes
        w.run()
        with w.journal() as journal:
            assert [row.status for row in journal.orders()] == ["filled", "gone", "filled"]
        for _ in range(5):  # longer than executions are waited for
            w.clock.sleep(DAY)
            observer = w.run()
            assert incident_texts(observer.incidents, "moved") == []
        assert ours(w).units["ETH"] == pytest.approx(w.owned()["ETH"], rel=2e-3)
        assert len(posts(w)) == 3 and set(flows(w)) == {0.0}
