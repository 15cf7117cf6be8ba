"""The fault catalogue, rows 1 to 7.

Orders and answers that are lost on the way, and an exchange that wants to be left alone.
"""

from pathlib import Path

import pytest

from brokers.clock import SimulatedClock
from brokers.exchange.rate_limits import RateLimits
from brokers.prices import public_exchange
from tests.brokers.misfortunes import (
    START,
    assert_adopted,
    assert_as_undisturbed,
    assert_sound,
    attempts,
    bought,
    disturbed,
    incident_texts,
    intents,
    posts,
    undisturbed,
)
from tests.brokers.worlds import World, epoch
from tests.exchange.venue import LIVE
from tests.proofs.bad_luck import Crash

WINDOW = 5.0 + 10.0  # seconds: the receive window and what an exchange may take over a request
HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize("nth", [1, 3])
def test_fault_01_dropped_before_the_order(
    whole_folder: Path, cache: Path, tmp_path: Path, nth: int
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        rule = w.venue.faults.add("dropped_before", "POST", "order", nth=nth)
        observer = w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"]
        lost, again = posts(w)[nth - 1 : nth + 1]
        assert lost["symbol"] == again["symbol"] and lost["quantity"] == again["quantity"]
        coin = lost["symbol"].removesuffix("USDT")
        assert [one for one in attempts(w) if one[0] == coin] == [
            (coin, 1, "absent"),
            (coin, 2, "filled"),
        ]
        # Not before the exchange had said twice, when it was conclusive, that there is no such
        # order.
        assert int(again["timestamp"]) > int(lost["timestamp"]) + WINDOW * 1000
        asked = list(w.network.asked)
        between = asked[
            asked.index(rule.met[0]) : [one.body for one in asked].index(_body(w, again))
        ]
        looks = [
            one for one in between if one.query.get("origClientOrderId") == lost["newClientOrderId"]
        ]
        assert len(looks) >= 2
        assert any(
            "may have been executed or not" in text
            for text in incident_texts(observer.incidents, "exchange")
        )


def test_fault_01_dropped_twice_is_given_up_and_left_to_the_next_bar(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "dropped_before", "POST", "order", times=2, where=lambda asked: b"ETHUSDT" in asked.body
        )
        observer = w.run()
        assert bought(w) == ["BTC", "SOL"]
        assert [(one.symbol, one.state) for one in intents(w)] == [
            ("BTC", "done"),
            ("ETH", "abandoned"),
            ("SOL", "done"),
        ]
        assert any(
            "ETH" in text and "2 attempts" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )
        w.clock.sleep(DAY)
        w.run()
        assert bought(w) == ["BTC", "SOL", "ETH"]
        assert_sound(w)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_fault_02_accepted_and_the_answer_lost(
    whole_folder: Path, cache: Path, tmp_path: Path, nth: int
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("answer_lost", "POST", "order", nth=nth)
        observer = w.run()
        assert_adopted(w, undisturbed(whole_folder, cache))
        assert len(incident_texts(observer.incidents, "exchange")) == 1


def test_fault_02_every_answer_lost(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("answer_lost", "POST", "order", times=9)
        w.run(once=False, until="2015-10-20 12:00")
        assert_adopted(w, undisturbed(whole_folder, cache))


@pytest.mark.parametrize("fault", ["timeout_after", "cut_off_after"])
def test_fault_03_timeout_after_acceptance(
    whole_folder: Path, cache: Path, tmp_path: Path, fault: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(fault, "POST", "order", nth=2)
        observer = w.run()
        assert_adopted(w, undisturbed(whole_folder, cache))
        assert len(incident_texts(observer.incidents, "exchange")) == 1


@pytest.mark.parametrize("status", ["500", "502", "503", "504"])
def test_fault_04_server_error_after_acceptance(
    whole_folder: Path, cache: Path, tmp_path: Path, status: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(f"{status}_after", "POST", "order", nth=2)
        observer = w.run()
        assert_adopted(w, undisturbed(whole_folder, cache))
        assert [
            f"HTTP {status}" in text for text in incident_texts(observer.incidents, "exchange")
        ] == [True]


def test_fault_04_server_error_before_acceptance(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The answer is the same as after it: only the exchange's own word tells the two apart."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("504_before", "POST", "order", nth=2)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert attempts(w) == [
            ("BTC", 1, "filled"),
            ("ETH", 1, "absent"),
            ("ETH", 2, "filled"),
            ("SOL", 1, "filled"),
        ]


@pytest.mark.parametrize("code", ["-1006", "-1007"])
def test_fault_05_execution_status_unknown(
    whole_folder: Path, cache: Path, tmp_path: Path, code: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(f"{code}_after", "POST", "order", nth=1)
        observer = w.run()
        assert_adopted(w, undisturbed(whole_folder, cache))
        assert [code in text for text in incident_texts(observer.incidents, "exchange")] == [True]


@pytest.mark.parametrize(
    ("method", "path", "retry_after"),
    [
        ("GET", "account", 7),
        ("GET", "account", 200),
        ("GET", "depth", 200),
        ("GET", "myTrades", 7),
        ("POST", "order", 7),
        ("POST", "order", 200),
    ],
)
def test_fault_06_too_many_requests(
    whole_folder: Path, *, cache: Path, tmp_path: Path, method: str, path: str, retry_after: int
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("429", method, path, nth=2, retry_after=retry_after)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert w.clock.now() >= epoch(START) + retry_after


def test_fault_06_an_order_turned_away_again_and_again_is_not_lost(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("429", "POST", "order", nth=2, times=4, retry_after=50)
        observer = w.run(once=False, until="2015-10-20 12:00")
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert len(incident_texts(observer.incidents, "exchange")) == 4


@pytest.mark.parametrize("path", ["klines", "ticker/24hr"])
def test_fault_06_too_many_requests_for_public_prices(
    whole_folder: Path, cache: Path, tmp_path: Path, path: str
) -> None:
    """Limits count per address.

    Whoever asks for prices leaves the host alone when another part of the program was told to.
    """
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        w.venue.faults.add("429", "GET", path, nth=2, host=LIVE, retry_after=100)
        w.run(once=False, until="2015-10-20 12:00")
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


@pytest.mark.parametrize("ban", [2 * HOUR, 2.5 * DAY])
def test_fault_07_banned(whole_folder: Path, cache: Path, tmp_path: Path, ban: float) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("418", "GET", "account", nth=2, retry_after=int(ban))
        observer = w.run(once=False, until="2015-10-23 12:00")
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert all(int(one["timestamp"]) / 1000 >= epoch(START) + ban for one in posts(w))
        assert_sound(w)
        assert "418" in incident_texts(observer.incidents, "exchange")[0]
        if ban < 3 * HOUR:
            assert_as_undisturbed(w, undisturbed(whole_folder, cache))


@pytest.mark.parametrize("path", ["account", "ticker/24hr"])  # of the testnet, of the public prices
def test_fault_07_a_restart_does_not_ask_within_a_ban(
    whole_folder: Path, cache: Path, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(seconds: float) -> None:
        if seconds >= HOUR:
            raise Crash

    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("418", "GET", path, retry_after=int(3 * HOUR))
        monkeypatch.setattr(w.clock, "sleep", killed)
        with pytest.raises(Crash):
            w.run()
        w.clock = SimulatedClock(epoch(START) + HOUR)
        public_exchange.RATE_LIMITS = RateLimits(lambda: w.clock.now())  # of another process
        w.run(once=False, until="2015-10-21 12:00")
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert_sound(w)  # nobody was asked who was to be left alone


def _body(w: World, params: dict[str, str]) -> bytes:
    return next(
        one.body for one in w.network.asked if params["newClientOrderId"].encode() in one.body
    )
