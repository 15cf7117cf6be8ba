"""Sessions in circumstances that no row of the fault catalogue names, each of which once cost or
made money on paper.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backtests.engine.live import live_strategy
from brokers.clock import SimulatedClock
from brokers.commands.paper import build_session
from brokers.errors import SafetyError
from brokers.journal.journal import Journal
from brokers.journal.records import JournalError
from brokers.live.observation import observe_session
from strategies.breakout import STATES
from tests.brokers.misfortunes import (
    OUT,
    START,
    assert_as_undisturbed,
    attempts,
    bought,
    change,
    disturbed,
    incident_texts,
    intents,
    undisturbed,
)
from tests.brokers.test_faults_data import decisions, downloading
from tests.brokers.worlds import DAY, SECRETS, epoch
from tests.exchange.faults import REFUSALS, refusal
from tests.exchange.proxy import DROPPED, Answer, Asked

COIN = '{{name="{0}",history="{0}-USD",market="{0}/USDT",weight={1},lag_days={2},step=0.0001}}'
TWO = {"coins": f"[{COIN.format('BTC', 0.5, 0)},{COIN.format('ETH', 0.3, 30)}]"}
UNKNOWN = refusal(-2013, "Order does not exist.")


@pytest.mark.parametrize("late", [0.0, 40.0])
def test_a_series_that_is_waited_for_is_read_before_the_decision(
    late: float, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """High-yield bonds fall below their average in the session before.

    The first channel no longer holds, whether its row is there at once or in a minute.
    """
    with downloading(whole_folder, cache, tmp_path, {"paper.patience": 120.0}) as w:
        w.run()
        w.clock.sleep(DAY)
        before, came = w.yahoo.frames["HYG"], w.clock.now() + late
        fallen = before.copy()
        prices = ["open", "high", "low", "close", "adj_close"]
        fallen.loc["2015-10-20", prices] *= 0.982
        safe = w.yahoo.frames["IEF"].copy()  # which rise, both by too little to be held
        safe.loc["2015-10-20", prices] *= 1.018
        w.yahoo.frames["IEF"] = safe

        class Frames(dict[str, Any]):
            def __getitem__(self, symbol: str) -> Any:
                if symbol != "HYG":
                    return super().__getitem__(symbol)
                return fallen if w.clock.now() >= came else before.loc[before.index < "2015-10-20"]

        w.yahoo.frames = Frames(w.yahoo.frames)
        observer = w.run()
        assert [row.filled for row in decisions(w)] == [3, 0]
        assert [order.side for order in w.venue.orders[3:]] == ["SELL"] * 3
        assert incident_texts(observer.incidents, "revised") == [], (
            "nobody had acted on the row that was replaced"
        )


def test_an_order_that_was_acknowledged_is_not_sent_again_when_nobody_knows_it_any_more(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.order": "limit"}) as w:

        def forgetful(asked: Asked, number: int) -> Answer | None:
            asks = asked.method == "GET" and asked.path == "/api/v3/order"
            return UNKNOWN if asks and w.clock.now() < epoch("2015-10-20 00:10:00") else None

        w.venue.before_request = forgetful
        w.venue.faults.add("partial_then_rest", "POST", "order", times=1)
        w.run(once=False, until="2015-10-20 00:20:00")
        assert bought(w).count("BTC") == 1
        assert [(coin, attempt) for coin, attempt, _ in attempts(w) if coin == "BTC"] == [
            ("BTC", 1)
        ]


def test_orders_that_are_forgotten_with_time_are_no_reset(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        held = w.owned()
        w.clock.sleep(8 * DAY)
        w.venue.before_request = lambda asked, number: (
            UNKNOWN if asked.method == "GET" and asked.path == "/api/v3/order" else None
        )
        w.venue.person.deposit("USDT", "1")
        incidents = w.run().incidents
        assert (
            incident_texts(incidents, "reset") == []
            and len(incident_texts(incidents, "moved")) == 1
        )
        assert [w.owned()[coin] for coin in ("BTC", "ETH", "SOL")] == [
            held[coin] for coin in ("BTC", "ETH", "SOL")
        ]


def test_nor_are_they_where_nothing_is_held(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        with w.journal(locked=True) as journal:
            journal.set_trading("off", "nothing is bought again")
        for coin in ("BTC", "ETH", "SOL"):
            w.venue.person.withdraw(coin, str(w.venue.units(coin)))
        w.clock.sleep(DAY)
        w.run()
        w.clock.sleep(8 * DAY)
        w.venue.before_request = lambda asked, number: (
            UNKNOWN if asked.method == "GET" and asked.path == "/api/v3/order" else None
        )
        w.venue.person.deposit("USDT", "3000")
        assert incident_texts(w.run().incidents, "reset") == []


def test_a_coin_may_be_added_within_a_bar(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path, TWO) as w:
        w.run()
        change(w, whole_folder, cache, {})
        w.clock.sleep(3600.0)
        with (
            w.journal(locked=True) as journal,
            observe_session(w.settings, SECRETS, journal, STATES, console=False) as observer,
        ):
            build_session(
                w.settings,
                SECRETS,
                live_strategy(w.settings),
                journal=journal,
                clock=w.clock,
                observer=observer,
            ).run(until=w.clock.now() + 60.0)


def test_what_a_coin_was_there_before_it_was_named_is_not_ours(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, TWO | OUT) as w:
        w.run()
        w.venue.person.deposit("SOL", "100")
        w.clock.sleep(DAY)
        w.run()
        change(w, whole_folder, cache, OUT)
        w.clock.sleep(DAY)
        w.run()
        assert bought(w) == []
        with w.journal() as journal:
            assert [(row.unit_value, row.flow) for row in journal.equity()] == [(1.0, 0.0)] * 3


def test_a_coin_whose_order_is_not_settled_must_stay_named(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:

        def lost(asked: Asked, number: int) -> Answer | None:
            if asked.method == "POST" and b"SOLUSDT" in asked.body:
                w.clock.stop()
                return DROPPED
            return None

        w.venue.after_request = lost
        w.run()
        w.venue.after_request = None
        w.clock = SimulatedClock(w.clock.now() + 60.0)
        change(w, whole_folder, cache, TWO)
        with pytest.raises(
            SafetyError, match=r"an order in SOL is not settled, .* Add it again for one session"
        ):
            w.run()
        change(w, whole_folder, cache, {})
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_an_account_on_paper_goes_on_with_what_it_began_with(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": "dry-run"}) as w:
        w.run()
        change(w, whole_folder, cache, {"exchange.mode": "dry-run", "exchange.amount": 10_000.0})
        w.clock.sleep(DAY)
        assert "began with 5,000.00" in incident_texts(w.run().incidents, "account")[0]
        with w.journal() as journal:
            first, second = journal.equity()
        assert (
            second.unit_value == pytest.approx(1.0, abs=0.05)
            and second.value < 6000.0
            and first.value == 5000.0
        )


def test_a_deposit_stays_one_if_its_decision_could_not_be_written_down(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    with disturbed(whole_folder, cache, tmp_path, {"exchange.deposits": "ours"}) as w:
        w.run()
        w.clock.sleep(DAY)
        w.venue.person.deposit("USDT", "5000")
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "record_decision", full)
            with pytest.raises(JournalError):
                w.run()
        w.run()
        w.clock.sleep(DAY)
        w.run()
        with w.journal() as journal:
            rows = journal.equity()
        assert [row.flow for row in rows] == [0.0, 5000.0, 0.0]
        assert [row.unit_value for row in rows] == pytest.approx([1.0] * 3, abs=0.1)


@pytest.mark.parametrize("mode", ["testnet", "dry-run"])
def test_nothing_leaves_after_a_halt(
    mode: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Which comes while the book of the first order is asked for."""
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": mode}) as w:

        def halting(asked: Asked, number: int) -> None:
            if asked.path == "/api/v3/depth":
                with w.journal() as journal:
                    journal.set_trading("off", "now")

        w.venue.before_request = halting
        w.run()
        assert bought(w) == []
        with w.journal() as journal:
            assert journal.fills() == [] and journal.orders() == []
        assert all(
            one.state in ("refused", "abandoned") and "halted: now" in one.why for one in intents(w)
        )


@pytest.mark.parametrize("mode", ["testnet", "dry-run"])
def test_no_order_takes_a_level_beyond_the_price_guard(
    mode: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": mode}) as w:
        price = round(w.price("BTCUSDT", epoch(START)), 2)
        far = [
            (Decimal(str(price)), Decimal(1)),
            (Decimal(str(round(price * 1.5, 2))), Decimal(1000)),
        ]
        w.venue.books.set("BTCUSDT", [(Decimal(str(round(price * 0.999, 2))), Decimal(100))], far)
        w.run()
        with w.journal() as journal:
            (row,) = [row for row in journal.fills() if row.symbol == "BTC"]
        assert (row.size, row.price) == (1.0, price)


def test_a_clock_that_is_set_back_between_two_attempts_leaves_their_order(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        sent: list[float] = []

        class Wall(SimulatedClock):
            def now(self) -> float:
                return super().now() - (3.0 if sent else 0.0)

        w.clock = Wall(epoch(START))
        w.venue.now = lambda: SimulatedClock.now(w.clock)

        def refused_once(asked: Asked, number: int) -> Answer | None:
            if asked.method == "POST":
                sent.append(w.clock.now())
            return REFUSALS["insufficient"] if asked.method == "POST" and len(sent) == 1 else None

        w.venue.before_request = refused_once
        w.venue.after_request = lambda asked, number: (
            DROPPED if asked.method == "POST" and len(sent) == 2 else None
        )
        w.run(once=False, until="2015-10-20 00:20:00")
        assert [(attempt, end) for coin, attempt, end in attempts(w) if coin == "BTC"] == [
            (1, "refused"),
            (2, "filled"),
        ]
        assert bought(w).count("BTC") == 1
