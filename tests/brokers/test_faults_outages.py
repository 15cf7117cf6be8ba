"""The fault catalogue, rows 8 to 13: an exchange that is away, slow, or answers with rubbish."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backtests.commands.registration import RETRY_LATER, exit_code
from brokers.exchange.errors import ExchangeError, TryLaterError
from brokers.prices.series import DataError
from tests.brokers.misfortunes import (
    OUT,
    START,
    assert_adopted,
    assert_as_undisturbed,
    assert_sound,
    bought,
    change,
    disturbed,
    incident_texts,
    intents,
    outage,
    posts,
    undisturbed,
)
from tests.brokers.worlds import epoch
from tests.exchange.faults import UNUSABLE
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import TESTNET

HOUR, DAY = 3600.0, 86_400.0
UNAVAILABLE = Answer(503, b"<html>maintenance</html>")


@pytest.mark.parametrize(("hours", "answer"), [(2, DROPPED), (2, UNAVAILABLE), (25, UNAVAILABLE)])
def test_fault_08_down_for_hours(
    whole_folder: Path, cache: Path, tmp_path: Path, hours: int, answer: Answer
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        met = outage(w, hours * HOUR, answer, lambda asked: asked.path.endswith("/depth"))
        observer = w.run(once=False, until="2015-10-21 12:00")
        assert_sound(w)
        assert bought(w) == ["BTC", "ETH", "SOL"]
        # After 30, 60, 120, 240 and 480 s every quarter of an hour; four attempts each, five where
        # the clock is read first.
        assert 30 <= len(met) <= (4 * hours + 7) * 5
        assert len(incident_texts(observer.incidents, "exchange")) >= 7
        if hours == 2:
            assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        else:
            assert [one.state for one in intents(w)] == ["abandoned"] * 3 + ["done"] * 3
            assert len(incident_texts(observer.incidents, "abandoned")) == 3


def test_fault_08_down_over_several_bars_is_one_decision_afterwards(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, start="2015-10-19 23:30:00") as w:
        outage(w, 24.75 * HOUR, UNAVAILABLE, lambda asked: True)
        w.run(once=False, until="2015-10-21 12:00")
        with w.journal() as journal:
            assert [row.time for row in journal.decisions()] == [epoch("2015-10-21")]
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert_sound(w)


def test_fault_08_what_was_to_be_sold_before_the_outage_is_decided_anew(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        change(w, whole_folder, cache, OUT)
        w.clock.sleep(DAY)
        outage(w, 25 * HOUR, UNAVAILABLE, lambda asked: asked.path.endswith("/depth"))
        w.run(once=False, until="2015-10-22 12:00")
        assert [order.side for order in w.venue.orders] == ["BUY"] * 3 + ["SELL"] * 3
        # A sell does not grow too old to be sent; with a newer bar it is no decision any more.
        assert [(one.state, one.why) for one in intents(w)[3:6]] == [
            ("abandoned", "a newer bar has closed")
        ] * 3
        assert [one.state for one in intents(w)[6:]] == ["done"] * 3
        assert_sound(w)


def test_fault_09_every_call_takes_five_seconds(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.before_request = lambda asked, number: w.clock.sleep(2.4)
        w.venue.after_request = lambda asked, number: w.clock.sleep(2.4)
        observer = w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert len(posts(w)) == 3
        assert incident_texts(observer.incidents, "exchange") == []
        assert w.clock.now() > epoch(START) + 60


def test_fault_09_slow_but_in_time(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        for method, path in (("GET", "account"), ("POST", "order"), ("GET", "depth")):
            w.venue.faults.add("slow", method, path, seconds=0.25)
        assert incident_texts(w.run().incidents, "exchange") == []
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


SPOILED = ("html200", "empty200", "truncated200", "braces", "brackets", "null")
QUESTIONS = (
    "time",
    "exchangeInfo",
    "account",
    "openOrders",
    "depth",
    "ticker/24hr",
    "myTrades",
    "klines",
    "order",
)


@pytest.mark.parametrize("body", SPOILED)
def test_fault_10_success_with_a_useless_body(
    whole_folder: Path, cache: Path, tmp_path: Path, body: str
) -> None:
    """Once for every endpoint the session asks, and for an order the exchange has taken."""
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        rules = [w.venue.faults.add(f"{body}_before", "GET", path) for path in QUESTIONS]
        rules.append(w.venue.faults.add(f"{body}_after", "POST", "order", nth=2))
        observer = w.run()
        assert [rule for rule in rules if not rule.met] == []
        assert_adopted(w, undisturbed(whole_folder, cache))
        assert len(incident_texts(observer.incidents, "exchange")) == 1
        with w.journal() as journal:
            assert [row.value for row in journal.equity()] == [5000.0]


@pytest.mark.parametrize("body", ["html200", "braces", "null"])
def test_fault_10_an_account_that_cannot_be_read_is_no_empty_one(
    whole_folder: Path, cache: Path, tmp_path: Path, body: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(DAY)
        w.venue.faults.add(f"{body}_before", "GET", "account", nth=2, times=100)
        with pytest.raises(TryLaterError, match="no usable response"):
            w.run()
        w.venue.faults.clear()
        with w.journal() as journal:
            assert [row.time for row in journal.equity()] == [epoch("2015-10-20")]
        w.run()
        with w.journal() as journal:
            assert journal.equity()[1].flow == 0.0
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_11_half_open_connections_and_bodies_that_drip(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.timeout": 0.3}, downloads=True) as w:
        stalled = [
            w.venue.faults.add("timeout_before", "GET", path)
            for path in ("account", "ticker/24hr", "klines")
        ]
        dripping = [
            w.venue.faults.add("trickled", method, path, nth=2)
            for method, path in (("GET", "account"), ("POST", "order"))
        ]
        observer = w.run()
        assert all(rule.met for rule in stalled + dripping)
        assert_adopted(w, undisturbed(whole_folder, cache))
        assert [
            "no complete response within 0.9 s" in text
            for text in incident_texts(observer.incidents, "exchange")
        ] == [True]


def test_fault_12_no_name_no_trust_no_proxy(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        proxy = os.environ["HTTPS_PROXY"]

        def unknown(*, off: bool) -> None:
            w.network.sites.pop(TESTNET) if off else w.network.sites.update({TESTNET: w.venue})

        def impostor(*, off: bool) -> None:
            (w.network.impostors.add if off else w.network.impostors.discard)(TESTNET)

        def no_proxy(*, off: bool) -> None:
            os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = (
                "http://127.0.0.1:9" if off else proxy
            )

        cases: list[tuple[Callable[..., None], str]] = [
            (unknown, "no connection to"),
            (impostor, "certificate"),
            (no_proxy, "refused"),
        ]
        for broken, words in cases:
            broken(off=True)
            with pytest.raises(ExchangeError, match=words) as caught:
                w.run()
            assert exit_code(caught.value) == RETRY_LATER
            assert "binance" in str(caught.value) and "signature" not in str(caught.value)
            broken(off=False)
        assert posts(w) == []
        w.network.refused.clear()
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


@pytest.mark.parametrize("path", ["depth", "ticker/24hr"])
def test_fault_13_one_book_or_price_fails_for_a_while(
    whole_folder: Path, cache: Path, tmp_path: Path, path: str
) -> None:
    """The others are bought at once, and it is when it can be priced."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("503_before", "GET", path, times=10, where=_about("ETHUSDT"))
        observer = w.run(once=False, until="2015-10-20 12:00")
        assert bought(w) == ["BTC", "SOL", "ETH"]
        assert (
            len(incident_texts(observer.incidents, "exchange")) == 2
        )  # ten failures, four attempts a question
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_13_a_coin_without_prices_is_neither_bought_nor_sold(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"allocation.band": 0.0}, downloads=True) as w:
        w.run()
        held = w.owned()["ETH"]
        w.clock.sleep(DAY)
        w.venue.faults.add("503_before", "GET", "klines", times=1000, where=_about("ETHUSDT"))
        observer = w.run()
        with w.journal() as journal:
            decision = journal.last_decision()
        assert decision is not None and decision.missing == (0.0, 1.0, 0.0)
        # Nothing rises while a held coin is not known, and the one not known stays as it is.
        assert [order.side for order in w.venue.orders[3:]] in ([], ["SELL"])
        assert "ETH" not in bought(w)[3:] and w.owned()["ETH"] == held
        assert any("ETH-USD" in text for text in incident_texts(observer.incidents, "data"))
        assert_sound(w)


def test_fault_13_a_coin_whose_history_cannot_be_had_is_not_bought(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        w.venue.faults.add("503_before", "GET", "klines", times=1000, where=_about("ETHUSDT"))
        w.run()
        assert bought(w) == ["BTC", "SOL"]
        with w.journal() as journal:
            (decision,) = journal.decisions()
        assert decision.targets == pytest.approx(
            (0.5, 0.0, 0.2)
        )  # the others at their own weights; the rest waits as cash
        w.venue.faults.clear()
        w.clock.sleep(DAY)
        w.run()
        assert bought(w) == ["BTC", "SOL", "ETH"]
        assert_sound(w)


def test_fault_13_nothing_is_decided_while_a_held_coin_has_no_price_at_all(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """A session started anew, whose cache is gone.

    Without that coin's worth nobody knows what the account is worth.
    """
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        w.run()
        for file in (tmp_path / "cache").glob("binance/ETH*"):
            file.unlink()
        w.clock.sleep(DAY)
        w.venue.faults.add("503_before", "GET", "klines", times=1000, where=_about("ETHUSDT"))
        with pytest.raises(
            DataError, match="the account holds ETH, of which no price is available"
        ):
            w.run()
        w.venue.faults.clear()
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        with w.journal() as journal:
            assert [row.flow for row in journal.equity()] == [0.0, 0.0]


def _about(symbol: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.query.get("symbol") == symbol


def test_the_bodies_are_all_there_are() -> None:
    assert {
        name
        for name in UNUSABLE
        if name not in ("dropped", "timeout") and not name.lstrip("-").isdigit()
    } == set(SPOILED)
