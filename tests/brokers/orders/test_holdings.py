"""What an account holds now, read from its journal: after the newest fill, in both modes."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import Bar, EquityRow, FillRow
from brokers.orders.balances import BASELINE, CASH
from brokers.orders.holdings import current_holdings
from brokers.orders.ledger import Ledger
from tests.brokers.journal.samples import one_coin_decision
from tests.brokers.worlds import DAY, world

COINS = {"BTC": "BTC", "SOL": "SOL"}
BUY = FillRow("BTC", "1", "a", 150.0, 0.5, 1000.0, 0.0005, "BTC", 0.5)
ON_PAPER = BUY._replace(fee=0.5, fee_coin="")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 0.0) as opened:
        opened.begin_session("dry-run", "{}", "")
        yield opened


def record_bar(journal: Journal, time: int, close: float) -> None:
    bar = Bar(time, "BTC", close, close, close, close, 1.0, 0)
    equity = EquityRow(time, 1.0, 1.0, 1.0, 1.0, 0.0)
    journal.record_decision(one_coin_decision(time), None, [bar], equity, [])


def test_before_an_account_has_begun_nothing_is_known(journal: Journal) -> None:
    assert current_holdings(journal, COINS, "USDT") is None


def test_on_paper_a_fill_counts_at_once_at_its_price_until_the_next_close(
    journal: Journal,
) -> None:
    journal.put(CASH, "2000.0")
    record_bar(journal, 100, 990.0)
    now = current_holdings(journal, COINS, "USDT")
    assert now is not None and now.value == 2000.0
    journal.add_fills([ON_PAPER])
    now = current_holdings(journal, COINS, "USDT")
    assert now is not None
    assert (now.cash, now.units, now.prices) == (1499.5, {"BTC": 0.5, "SOL": 0.0}, {"BTC": 1000.0})
    assert now.value == 1999.5
    record_bar(journal, 200, 1100.0)
    now = current_holdings(journal, COINS, "USDT")
    assert now is not None and now.value == 1499.5 + 0.5 * 1100.0


def test_at_an_exchange_others_part_does_not_count(journal: Journal) -> None:
    ledger = Ledger(journal, {name: Listing.unlisted(f"{name}/USDT") for name in COINS})
    ledger.begin({"USDT": 5000.0, "BTC": 2.0}, 2000.0, adopt=False)
    journal.add_fills([BUY])
    now = current_holdings(journal, COINS, "USDT")
    assert now is not None
    assert now.cash == 1500.0
    assert now.units == {"BTC": pytest.approx(0.4995), "SOL": 0.0}
    assert now.value == pytest.approx(1500.0 + 0.4995 * 1000.0)


def test_what_was_taken_out_is_not_held_and_what_is_named_no_more_is(journal: Journal) -> None:
    journal.put_all({CASH: "2000.0", BASELINE: '{"BTC": 0.2}'})
    journal.add_fills([ON_PAPER])
    now = current_holdings(journal, {}, "")
    assert now is not None and now.units == {"BTC": pytest.approx(0.3)}
    assert now.worth("BTC") == pytest.approx(300.0) and now.worth("SOL") == 0.0


def test_a_coin_without_any_price_makes_the_value_unknown(journal: Journal) -> None:
    ledger = Ledger(journal, {"BTC": Listing.unlisted("BTC/USDT")})
    ledger.begin({"USDT": 5000.0, "BTC": 2.0}, 2000.0, adopt=True)
    now = current_holdings(journal, {"BTC": "BTC"}, "USDT")
    assert now is not None and math.isnan(now.value) and now.worth("BTC") == 0.0


@pytest.mark.parametrize("mode", ["dry-run", "testnet"])
def test_after_a_session_has_bought_its_journal_has_the_account_as_it_is(
    whole_folder: Path, cache: Path, tmp_path: Path, mode: str
) -> None:
    """Not as it was at the bar, when all was cash; and as the account itself reads it a day on."""
    changes = {"exchange.mode": mode}
    with world(whole_folder, cache, tmp_path, "2015-10-20 00:00:02", changes) as w:
        w.run()
        coins = {coin.name: coin.name for coin in w.settings.coins}
        with w.journal() as journal:
            (row,) = journal.equity()
            now = current_holdings(journal, coins, "USDT")
        assert now is not None and row.cash == 5000.0
        assert 50.0 < now.cash < 150.0 and min(now.units.values()) > 0.0
        assert now.value == pytest.approx(5000.0, rel=0.003)  # fees and the spread
        w.clock.sleep(DAY)
        w.run()
        with w.journal() as journal:
            closes = {bar.symbol: bar.close for bar in journal.bars(since=row.time + 1)}
            later = journal.equity()[-1]
        assert later.cash == pytest.approx(now.cash)
        held = sum(units * closes[coin] for coin, units in now.units.items())
        assert later.value == pytest.approx(now.cash + held)
