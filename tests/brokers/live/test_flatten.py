"""A person who wants everything sold: by the session that runs or by the next one, exactly once."""

from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from backtests.paper_sessions.recording import read_journal
from backtests.paper_sessions.uptime import measure_uptime
from backtests.runs.replay import ReplayObserver
from brokers.clock import SimulatedClock
from brokers.exchange.errors import TryLaterError
from brokers.journal.incident import Incident
from brokers.journal.opening import journal_path
from brokers.journal.records import DecisionRow, Trading
from brokers.live.flatten import ROUNDS
from tests.brokers.misfortunes import (
    OUT,
    START,
    assert_sound,
    bought,
    change,
    disturbed,
    incident_texts,
    intents,
)
from tests.brokers.worlds import DAY, World, epoch
from tests.exchange.proxy import DROPPED, Answer, Asked

ALL = ["BTC", "ETH", "SOL"]
HOUR = 3600.0
both_modes = pytest.mark.parametrize("mode", ["testnet", "dry-run"])


def ask(w: World, reason: str = "enough") -> None:
    with w.journal() as journal:
        journal.set_trading("flatten", reason)


def sales(w: World) -> list[DecisionRow]:
    with w.journal() as journal:
        return list(journal.decisions(kind="flatten"))


def trading(w: World) -> Trading:
    with w.journal() as journal:
        return journal.trading()


def held(w: World) -> dict[str, float]:
    """Units that the account's fills have left of each coin."""
    units = dict.fromkeys(ALL, 0.0)
    with w.journal() as journal:
        for row in journal.fills():
            units[row.symbol] += row.size - (row.fee if row.fee_coin == row.symbol else 0.0)
    return units


class Watching(SimulatedClock):
    """Looks every two seconds, as a session does, lets something happen at an instant, and ends.

    Some seconds later.
    """

    longest_sleep = 2.0

    def __init__(
        self, now: float, at: float, act: Callable[[], None], ends_after: float = 60.0
    ) -> None:
        super().__init__(now)
        self._at, self._act, self._ends = at, act, at + ends_after

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.now() >= self._at:
            self._at = float("inf")
            self._act()
        if self.now() >= self._ends:
            self.stop()


@both_modes
def test_everything_is_sold_before_the_next_bar_and_nothing_is_ordered_after_it(
    mode: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": mode}) as w:
        w.run()
        w.clock.sleep(HOUR)
        ask(w)
        observer = w.run()
        (sale,) = sales(w)
        assert sale.sentence == "Everything is sold: enough."
        with w.journal() as journal:
            bar = journal.last_decision()
        assert bar is not None and bar.ceiling == 1.0
        assert (sale.ceiling, sale.filled, sale.state) == (bar.ceiling, bar.filled, bar.state)
        assert [(one.symbol, one.state) for one in intents(w) if one.time == sale.time] == [
            (coin, "done") for coin in ALL
        ]
        assert held(w) == pytest.approx(dict.fromkeys(ALL, 0.0), abs=0.001)  # SOL's step
        assert trading(w)[:2] == ("off", "enough; everything was sold")
        (text,) = incident_texts(observer.incidents, "flatten")
        left = {coin: units for coin, units in held(w).items() if units > 1e-6}
        rest = ", ".join(f"{units:.4g} {coin}" for coin, units in left.items())
        assert list(left) == (["BTC", "ETH", "SOL"] if mode == "testnet" else [])
        assert text == "everything is sold and trading is off until `resume`" + (
            f"; left: {rest} (below the smallest order)" if rest else ""
        )
        w.clock.sleep(DAY)
        w.run()
        assert len(intents(w)) == 6
        assert held(w) == pytest.approx(dict.fromkeys(ALL, 0.0), abs=0.001)


@both_modes
def test_its_decision_has_a_second_of_its_own_and_counts_as_no_bar(
    mode: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": mode}) as w:
        w.run()
        w.clock.sleep(HOUR - 2.0)  # to the second: a bar might end now
        ask(w)
        w.run(once=False, until="2015-10-22 00:00:10")
        (sale,) = sales(w)
        assert sale.time == epoch("2015-10-20 01:00:01")
        path = journal_path(w.settings)
        journal = read_journal(path)
        bars = [epoch(f"2015-10-{day} 00:00") for day in (20, 21, 22)]
        assert [row.time for row in journal.decisions] == bars
        assert [decision.time for decision in journal.run.decisions] == bars
        assert [order.decided for order in journal.run.orders] == bars[:1] * 3
        assert [row.time for row in journal.equity] == bars
        uptime = measure_uptime(journal)
        assert (uptime.decided, uptime.missed) == (3, ())
        # What it has sold is in the report all the same.
        assert [one.time for one in journal.intents] == bars[:1] * 3 + [sale.time] * 3
        assert len({row.client_id for row in journal.orders}) == 6


def test_a_bar_before_its_second_can_still_be_decided(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """It is asked for within the grace after the bar's end."""
    with disturbed(whole_folder, cache, tmp_path, {"paper.grace": 60.0}) as w:
        w.clock.sleep(60.0)
        w.run()
        w.clock.sleep(DAY - 32.0)  # half a minute after the end of the next bar
        ask(w)
        w.run(once=False, until="2015-10-21 00:02")
        (sale,) = sales(w)
        with w.journal() as journal:
            times = [row.time for row in journal.decisions()]
            sentences = [row.sentence for row in journal.decisions()]
        assert times == [epoch("2015-10-20 00:00"), epoch("2015-10-21 00:00")]
        assert times[-1] < sale.time < times[-1] + 60
        assert all("at most" in sentence for sentence in sentences)


@both_modes
def test_a_session_that_waits_sells_within_seconds(
    mode: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": mode}) as w:
        w.run()
        wanted = epoch("2015-10-20 12:00:00")
        w.clock = Watching(epoch("2015-10-20 11:59:00"), wanted, lambda: ask(w))
        w.run(once=False)
        (sale,) = sales(w)
        assert wanted <= sale.time <= wanted + 3.0
        assert trading(w).state == "off"


def test_a_session_that_waits_for_late_prices_sells_within_seconds_too(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The exchange has no new candles for a quarter of an hour."""
    changes = {"paper.patience": 900.0, "exchange.timeout": 5.0}
    with disturbed(whole_folder, cache, tmp_path, changes, downloads=True) as w:
        w.run()
        wanted = epoch("2015-10-21 00:03:00")
        candles = w.venue.candles
        w.venue.candles = lambda symbol, interval: [
            row for row in candles(symbol, interval) if row[0] < epoch("2015-10-20") * 1000
        ]
        w.clock = Watching(epoch("2015-10-21 00:00:02"), wanted, lambda: ask(w))
        w.run(once=False)
        (sale,) = sales(w)
        assert wanted <= sale.time <= wanted + 5.0


def at_first_order(w: World, act: Callable[[], None]) -> None:
    """Let something happen when the first sale of everything has arrived."""
    before = len(w.venue.orders)

    def hook(asked: Asked, number: int) -> Answer | None:
        if asked.method == "POST" and len(w.venue.orders) == before + 1:
            act()
        return None

    w.venue.after_request = hook


@pytest.mark.parametrize(
    ("state", "why"),
    [("off", "halted: stop"), ("on", "everything is no longer to be sold (on): stop")],
)
def test_a_person_may_call_it_off_after_each_order(
    state: str, why: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(HOUR)
        ask(w)

        def change() -> None:
            with w.journal() as journal:
                journal.set_trading(state, "stop")

        at_first_order(w, change)
        observer = w.run()
        assert bought(w) == [*ALL, "BTC"]
        assert incident_texts(observer.incidents, "flatten called off") == [
            f"it was called off: trading is {state} (stop); sold before, in whole or in part: BTC"
        ]
        (sale,) = sales(w)
        assert [(one.state, one.why) for one in intents(w) if one.time == sale.time][1:] == [
            ("abandoned", why)
        ] * 2
        assert trading(w)[:2] == (state, "stop")
        assert_sound(w)


def resume(w: World) -> None:
    with w.journal() as journal:
        journal.set_trading("on", "resumed")


CALLED_OFF = "it was called off: trading is on (resumed); nothing was sold"


@pytest.mark.parametrize("path", ["/account", "/ticker/24hr"])
def test_one_that_is_called_off_before_its_first_sale_says_so_and_sells_nothing(
    path: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """While the session reads the account, before anything is recorded to be sold."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(HOUR)
        ask(w)

        def change(asked: Asked, number: int) -> None:
            if asked.path.endswith(path) and trading(w).state == "flatten":
                resume(w)

        w.venue.before_request = change
        observer = w.run()
        assert sales(w) == []
        assert incident_texts(observer.incidents, "flatten called off") == [CALLED_OFF]
        assert trading(w)[:2] == ("on", "resumed")


class Limited(ReplayObserver):
    """An observer of a session that must not report the same thing over and over."""

    def on_incident(self, incident: Incident) -> None:
        super().on_incident(incident)
        assert len(self.incidents) < 20


@pytest.mark.parametrize("alone", [True, False], ids=["without a session", "in a session"])
def test_one_that_waits_for_the_exchange_is_called_off_within_seconds(
    whole_folder: Path, cache: Path, tmp_path: Path, *, alone: bool
) -> None:
    """The next attempt would be a quarter of a minute later."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock = Watching(
            w.clock.now() + HOUR, w.clock.now() + HOUR + 14.0, lambda: resume(w), ends_after=4.0
        )
        ask(w)
        w.venue.before_request = lambda asked, number: DROPPED
        observer = Limited(0, None)
        w.observed_session(
            lambda journal, now: nullcontext(observer),
            lambda session: session.flatten() if alone else session.run(),
        )
        assert incident_texts(observer.incidents, "flatten called off") == [CALLED_OFF]
        assert sales(w) == []


def test_a_thin_order_book_is_sold_into_as_long_as_it_gives_something(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": "dry-run"}) as w:
        w.run()
        w.clock.sleep(HOUR)
        units, price = held(w)["BTC"], Decimal(str(round(w.price("BTCUSDT", w.clock.now()), 2)))
        part = Decimal(str(round(units / 2.5, 5)))  # so that the third order sells the rest
        w.venue.books.set("BTCUSDT", [(price, part)], [(price * 2, part)])
        ask(w)
        w.run()
        assert held(w)["BTC"] == 0.0
        rounds = [row.time for row in sales(w)]
        assert len(rounds) == 3
        assert all(later > earlier for earlier, later in pairwise(rounds))
        assert trading(w)[:2] == ("off", "enough; everything was sold")


def test_what_nobody_buys_is_reported_and_keeps_no_other_coin_up(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(HOUR)
        w.venue.markets["BTCUSDT"].status = "BREAK"
        ask(w)
        observer = w.run()
        left = held(w)
        assert left["BTC"] > 1.0
        assert (left["ETH"], left["SOL"]) == pytest.approx((0.0, 0.0), abs=0.001)
        assert trading(w)[:2] == ("off", "enough; not everything could be sold")
        (text,) = incident_texts(observer.incidents, "flatten")
        assert text.startswith(f"not everything could be sold: {left['BTC']:g} BTC (")
        assert 0 < len(sales(w)) < ROUNDS


def test_orders_of_a_bar_that_are_not_sent_yet_are_given_up(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        at_first_order(w, lambda: ask(w))
        w.run(once=False, until="2015-10-20 00:10")
        assert bought(w) == ["BTC", "BTC"]
        states = [(one.symbol, one.size > 0, one.state) for one in intents(w)]
        assert states == [
            ("BTC", True, "done"),
            ("ETH", True, "abandoned"),
            ("SOL", True, "abandoned"),
            ("BTC", False, "done"),
        ]
        assert trading(w).state == "off"
        assert_sound(w)


def test_so_are_sales_of_a_bar_that_are_not_sent_yet(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The exchange was away when the bar was to be carried out."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(DAY)
        change(w, whole_folder, cache, OUT)
        w.venue.before_request = lambda asked, number: (
            DROPPED if asked.path == "/api/v3/depth" else None
        )
        with pytest.raises(TryLaterError):
            w.run()
        w.venue.before_request = None
        ask(w)
        w.run()
        states = [(one.symbol, one.state, one.why.split(";")[0]) for one in intents(w)[3:6]]
        assert states == [(coin, "abandoned", "everything is sold instead: enough") for coin in ALL]
        assert [one.state for one in intents(w)[6:]] == ["done"] * 3
        assert bought(w) == ALL * 2


def test_while_the_exchange_is_away_it_stays_asked_for_and_the_next_start_sells(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(HOUR)
        ask(w)
        w.venue.before_request = lambda asked, number: DROPPED
        with pytest.raises(TryLaterError):
            w.run()
        assert trading(w).state == "flatten"
        assert sales(w) == []
        w.venue.before_request = None
        w.run()
        assert len(sales(w)) == 1
        assert trading(w).state == "off"
        assert_sound(w)


def test_a_session_that_is_stopped_amid_the_sale_leaves_the_rest_to_the_next_start(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(HOUR)
        ask(w)

        def stop(asked: Asked, number: int) -> None:
            if asked.path.endswith("depth"):
                w.clock.stop()

        w.venue.before_request = stop
        w.venue.books.set("BTCUSDT", [], [])
        w.run()
        assert trading(w).state == "flatten"
        w.venue.before_request = None
        w.venue.books.unset("BTCUSDT")
        w.clock = SimulatedClock(w.clock.now())
        w.run()
        assert trading(w).state == "off"
        assert_sound(w)


def test_an_account_that_holds_nothing_is_only_turned_off(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        with w.journal(locked=True):
            pass
        ask(w)
        observer = w.run()
        assert sales(w) == []
        assert bought(w) == []
        assert trading(w)[:2] == ("off", "enough; nothing was held")
        assert incident_texts(observer.incidents, "flatten") == [
            "nothing was held and trading is off until `resume`"
        ]


def test_what_a_killed_session_has_sold_counts_as_sold(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": "dry-run"}) as w:
        w.run()
        w.clock.sleep(HOUR)
        ask(w)
        w.run()
        ask(w)  # as if it had been killed before trading was turned off
        observer = w.run()
        assert len(sales(w)) == 1
        (text,) = incident_texts(observer.incidents, "flatten")
        assert text.startswith("everything is sold and ")


def test_a_session_that_only_sells_decides_on_no_bar(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock = SimulatedClock(epoch(START) + DAY)
        ask(w)
        w.flatten()
        assert len(sales(w)) == 1
        with w.journal() as journal:
            assert len(list(journal.decisions())) == 1
            assert [one.outcome for one in journal.sessions()] == ["done", "done"]
