"""What an account reads once and uses for months: the exchange's rules, and what the key may do."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.exchange.errors import CallAPersonError
from brokers.orders.market_rules import RULES_PERIOD
from tests.brokers.misfortunes import asked_for, attempts, disturbed, incident_texts
from tests.brokers.test_faults_data import decisions
from tests.brokers.worlds import World, epoch
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import LIVE, TESTNET

HOSTS = {"testnet": TESTNET, "dry-run": LIVE}
NOON, BAR = "2015-10-20 12:00:02", epoch("2015-10-20")  # of which nothing is bought at noon
MIDNIGHT, NEXT = epoch("2015-10-21"), "2015-10-21 00:10"


def at_midnight(w: World, change: Callable[[], Answer | None]) -> None:
    """Let `change` happen before each request from the next bar on."""

    def hook(asked: Asked, number: int) -> Answer | None:
        return change() if w.venue.now() >= MIDNIGHT else None

    w.venue.before_request = hook


@pytest.mark.parametrize("mode", ["testnet", "dry-run"])
def test_a_running_session_orders_by_the_rules_of_now(
    whole_folder: Path, cache: Path, tmp_path: Path, mode: str
) -> None:
    """The step of BTC is a thousand times as large from midnight on."""
    changes = {"exchange.mode": mode}
    with disturbed(whole_folder, cache, tmp_path, changes, start=NOON) as w:
        before = w.venue.markets["BTCUSDT"].step

        def coarser() -> None:
            w.venue.markets["BTCUSDT"].step = before * 1000

        at_midnight(w, coarser)
        w.run(once=False, until=NEXT)
        assert [row.time for row in decisions(w)] == [BAR, MIDNIGHT]
        with w.journal() as journal:
            (bitcoin,) = [row.size for row in journal.fills() if row.symbol == "BTC"]
            (known,) = [row for row in journal.known() if row.what == "markets"]
        assert bitcoin > 0.0
        assert Decimal(str(round(bitcoin, 8))) % (before * 1000) == 0
        assert [end for coin, _, end in attempts(w) if coin == "BTC"] == ["filled"], "not refused"
        assert known.asked_at >= MIDNIGHT
        assert known.until - known.asked_at == RULES_PERIOD


@pytest.mark.parametrize("mode", ["testnet", "dry-run"])
def test_rules_that_cannot_be_renewed_stay_in_use(
    whole_folder: Path, cache: Path, tmp_path: Path, mode: str
) -> None:
    changes = {"exchange.mode": mode}
    with disturbed(whole_folder, cache, tmp_path, changes, start=NOON) as w:

        def unlisted(asked: Asked, number: int) -> Answer | None:
            renewed = asked.path.endswith("/exchangeInfo") and asked.host == HOSTS[mode]
            return DROPPED if renewed and w.venue.now() >= MIDNIGHT else None

        w.venue.before_request = unlisted
        w.run(once=False, until=NEXT)
        with w.journal() as journal:
            assert {row.symbol for row in journal.fills()} == {"BTC", "ETH", "SOL"}
            (known,) = [row for row in journal.known() if row.what == "markets"]
        assert known.until < MIDNIGHT, "which says that they are old"


def test_a_key_that_is_given_more_permissions_later_is_noticed(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, start=NOON) as w:

        def grant() -> None:
            next(iter(w.venue.keys.values())).withdraw = True

        at_midnight(w, grant)
        observer = w.run(once=False, until="2015-10-22 00:10")
        assert [row.time for row in decisions(w)][-1] == epoch("2015-10-22")
        assert len(incident_texts(observer.incidents, "withdraw key")) == 1


def test_a_key_that_may_withdraw_is_refused_in_a_running_session_too(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    changes = {"guards.withdraw_key": "refuse"}
    with disturbed(whole_folder, cache, tmp_path, changes, start=NOON) as w:

        def grant() -> None:
            next(iter(w.venue.keys.values())).withdraw = True

        at_midnight(w, grant)
        with pytest.raises(CallAPersonError, match="may withdraw"):
            w.run(once=False, until="2015-10-22 00:10")
        assert [row.time for row in decisions(w)] == [BAR, MIDNIGHT], "asked once a day"


def test_a_market_that_the_exchange_of_prices_lists_later_is_traded_then(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """By the same process: what the testnet asks for SOL is compared with its live price."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        markets = w.venue.markets
        sol = markets["SOLUSDT"]

        def delist(asked: Asked, number: int) -> None:
            is_list = asked.path.endswith("/exchangeInfo") and asked.host == LIVE
            if is_list and w.venue.now() < MIDNIGHT:
                markets.pop("SOLUSDT")

        def list_again(asked: Asked, number: int) -> None:
            markets["SOLUSDT"] = sol

        w.venue.before_request, w.venue.after_request = delist, list_again
        w.run(once=False, until=NEXT)
        assert [row.time for row in decisions(w)] == [BAR, MIDNIGHT]
        with w.journal() as journal:
            bought = [(row.symbol, row.time >= MIDNIGHT) for row in journal.fills()]
        assert bought == [("BTC", False), ("ETH", False), ("SOL", True)]
        assert len(asked_for(w, "exchangeInfo", LIVE)) == 2
