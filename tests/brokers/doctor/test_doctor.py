"""The doctor's checks against the test exchange: a sound set-up, each failure, and a drill."""

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tomli_w
from pydantic import SecretStr
from typer.testing import CliRunner, Result

import main
from brokers.clock import Clock
from brokers.commands import doctor
from brokers.doctor import exchange, installation, prices, records
from brokers.doctor.checks import run_checks
from brokers.doctor.drill import run_drill
from brokers.doctor.finding import Finding, span
from brokers.exchange.client import Keys
from brokers.journal.incident import Incident
from brokers.journal.opening import journal_path, open_journal, read_journal_file
from brokers.live.status_report import status_report
from brokers.orders.testnet import TestnetAccount
from config.secrets import Secrets
from config.settings import Settings
from tests.brokers.journal.samples import decide, intent
from tests.brokers.prices.servers import closed_port
from tests.brokers.worlds import DAY, GRANTS, SECRETS, World, epoch, settings_for, world
from tests.exchange.account import KEY, SECRET
from tests.exchange.proxy import Answer, Asked
from tests.exchange.venue import LIVE, TESTNET
from tests.exchange.yahoo import HOSTS as YAHOO

NOON = "2015-10-20 12:00:00"  # a Tuesday; the newest session is Monday's, the newest day too
BAR = "2015-10-20"
ELSEWHERE = Answer(
    451,
    b'{"code":0,"msg":"Service unavailable from a restricted location according to '
    b"'b. Eligibility'.\"}",
)
pytestmark = pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"
)  # apprise imports it
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and users are those of POSIX")


@pytest.fixture
def w(whole_folder: Path, cache: Path, tmp_path: Path) -> Iterator[World]:
    """A world before the first session; no signed request may reach the live host, no unit may be
    lost.
    """
    with world(whole_folder, cache, tmp_path, NOON) as w:
        yield w
        assert w.venue.signed_live == []
        assert w.venue.conserved()


@pytest.fixture
def changed(w: World, whole_folder: Path, cache: Path, tmp_path: Path) -> Callable[..., None]:
    """Gives the world other settings."""

    def change(changes: Mapping[str, Any]) -> None:
        w.settings = settings_for(whole_folder, cache, tmp_path, changes)

    return change


def findings(w: World, secrets: Any = SECRETS) -> dict[str, Finding]:
    found = [
        finding for _, finding in run_checks(w.settings, secrets, journal_path(w.settings), w.clock)
    ]
    assert len({one.name for one in found}) == len(found)
    assert [one for one in found if one.state != "ok" and not one.remedy] == []
    return {one.name: one for one in found}


def failed(found: Mapping[str, Finding]) -> list[str]:
    return [name for name, one in found.items() if one.state == "wrong"]


def not_ok(found: Mapping[str, Finding]) -> list[str]:
    return [name for name, one in found.items() if one.state != "ok"]


def traded(w: World, time: str = BAR, outcome: str | None = "done") -> Path:
    """A journal with one session that decided the bar of `time` and ended so (None: was killed);
    its path.
    """
    path = journal_path(w.settings)
    with open_journal(path, lambda: float(epoch(time) + 2), locked=True) as journal:
        journal.begin_session("testnet", w.settings.model_dump_json(), "1")
        decide(journal, epoch(time))
        if outcome is not None:
            journal.end_session(outcome)
    return path


# What is right


def test_before_the_first_session_all_is_well_and_nothing_is_made_or_sent(
    w: World, tmp_path: Path
) -> None:
    found = findings(w)
    assert not_ok(found) == []
    assert found["account"].text.startswith(
        "begins with 5,000.00 of 10,000.00 USDT at the first start; "
        "not touched: 1 BNB, 1 BTC, 1 ETH, 5 SOL, 1,000 TRX"
    )
    assert (
        found["order sizes"].text
        == "smallest BTC 5.00, ETH 5.00, SOL 5.00 USDT; 2% of the account is 100.00"
    )
    assert "none yet" in found["journal"].text
    assert {one.name for one in tmp_path.iterdir()} == {"cache"}
    assert {method for _, method, _ in w.network.counts} == {"GET", "HEAD"}
    assert w.network.hosts() == {TESTNET, LIVE, *YAHOO}


def test_a_dry_run_needs_no_key_and_signs_nothing(w: World, changed: Callable[..., None]) -> None:
    changed({"exchange.mode": "dry-run"})
    found = findings(w, Secrets())
    assert not_ok(found) == []
    assert found["keys"].text == "none, and none needed in a dry run"
    assert w.network.hosts() == {LIVE, *YAHOO}


def test_after_a_session_it_shows_what_is_ours_and_how_old_the_prices_are(w: World) -> None:
    w.clock = type(w.clock)(epoch(f"{BAR} 00:00:02"))
    w.run()
    w.clock.sleep(12 * 3600)
    owned, found = w.owned(), findings(w)
    assert not_ok(found) == []
    coins = ", ".join(f"{owned[coin]:,.8g} {coin}" for coin in ("BTC", "ETH", "SOL"))
    ours = f"{coins}, {owned['USDT'] + 5000:,.8g} USDT"
    assert (
        found["account"].text
        == f"ours: {ours}; not ours, not touched: 1 BNB, 1 BTC, 1 ETH, 5 SOL, 1,000 TRX, 5,000 USDT"
    )
    assert (
        found["sessions"].text
        == "^RUT up to 2015-10-19, 0 sessions behind; 9 series, none is older"
    )
    assert (
        found["coin days"].text
        == "BTC-USD up to 2015-10-19, 0 days behind; 3 series, none is older"
    )
    assert found["decision"].text.startswith(
        "12 h ago, on the bar of 2015-10-20 00:00 UTC: Gate confirmed since 2015-07-22"
    )
    assert found["session"].text == "none is running; the last one ended 12 h ago: done"

    w.clock.sleep(
        3 * DAY
    )  # Friday noon: Tuesday's, Wednesday's and Thursday's sessions are lacking
    found = findings(w)
    assert (found["sessions"].state, found["coin days"].state) == ("warning", "warning")
    assert "3 sessions behind" in found["sessions"].text
    assert "3 days behind" in found["coin days"].text
    w.clock.sleep(17 * DAY)  # Monday, 2015-11-09: 4 + 5 + 5 sessions, 20 days
    found = findings(w)
    assert failed(found) == ["sessions", "coin days", "decision"]
    assert "14 sessions behind; 9 series, none is older; more than 5" in found["sessions"].text
    assert "20 days behind" in found["coin days"].text
    assert "check data" in found["sessions"].remedy


def test_it_works_during_a_session_and_does_not_disturb_it(w: World) -> None:
    path = traded(w)
    with open_journal(path, w.clock.now) as session:
        session.begin_session("testnet", "{}", "1")
        found = findings(w)
        assert not_ok(found) == []
        assert found["session"].text == f"runs (process {os.getpid()}, since 2015-10-20 12:00 UTC)"
        session.put("still", "mine")
    assert findings(w)["session"].text.startswith("the last one, process")


# Exchange, network and keys


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        (0.3, "ok"),
        (-0.3, "ok"),
        (3.0, "warning"),
        (-3.0, "warning"),
        (10.0, "wrong"),
        (-10.0, "wrong"),
    ],
)
def test_a_clock_may_be_off_by_half_a_second(w: World, ahead: float, state: str) -> None:
    w.venue.clock_offset = ahead
    found = exchange.open_market("binance", Keys(KEY, SECRET), w.settings, w.clock)[0]
    assert found is not None
    told = exchange.check_clock(found, 5000, w.clock)
    assert told.state == state
    assert told.text.startswith(
        f"{abs(ahead):.2f} s {'behind' if ahead > 0 else 'ahead of'} binance's testnet"
    )
    found.client.close()


def test_a_clock_off_by_ten_seconds_fails_and_the_other_checks_run(
    w: World,
) -> None:
    w.venue.clock_offset = 10.0
    found = findings(w)
    assert not_ok(found) == ["clock"]
    assert "exchange.recv_window allows 5 s" in found["clock"].text
    assert "set-ntp" in found["clock"].remedy


def test_a_slow_answer_is_no_wrong_clock(w: World, changed: Callable[..., None]) -> None:
    changed({"exchange.timeout": 5.0})
    w.clock = Clock()
    w.venue.faults.add("slow", "GET", "time", seconds=1.2)
    market, _ = exchange.open_market("binance", None, w.settings, w.clock)
    assert market is not None
    told = exchange.check_clock(market, 5000, w.clock)
    market.client.close()
    assert told.state == "ok"
    doubt = float(told.text.partition("± ")[2].partition(" s")[0])
    assert doubt >= 0.6


def test_a_revoked_key(w: World) -> None:
    w.venue.keys[KEY].revoked = True
    found = findings(w)
    assert not_ok(found) == ["key"]
    assert "Invalid API-key" in found["key"].text
    assert "https://testnet.binance.vision" in found["key"].remedy
    assert "account" not in found
    assert SECRET not in str(found)


def test_a_key_that_may_not_trade(w: World) -> None:
    w.venue.keys[KEY].trade = False
    assert findings(w)["key"][1:3] == ("wrong", "accepted, but may not trade")


def test_a_key_that_may_withdraw_is_a_warning_unless_the_settings_refuse_it(
    w: World, changed: Callable[..., None]
) -> None:
    w.venue.keys[KEY].withdraw = True
    found = findings(w)
    assert not_ok(found) == ["key"]
    assert found["key"][1:3] == ("warning", "accepted, may trade, may withdraw")
    changed({"guards.withdraw_key": "refuse"})
    assert findings(w)["key"].state == "wrong"


def test_without_keys_the_testnet_is_not_asked(w: World) -> None:
    found = findings(w, Secrets())
    assert not_ok(found) == ["keys"]
    assert "https://testnet.binance.vision" in found["keys"].remedy
    assert [
        asked for asked in w.network.asked if asked.host == TESTNET and asked.method != "HEAD"
    ] == []


def test_no_network_is_reported_at_once_and_the_local_checks_run(w: World) -> None:
    w.network.offline |= {LIVE, TESTNET, "query2.finance.yahoo.com"}
    found = findings(w)
    assert failed(found) == ["network"]
    for host in (LIVE, TESTNET, "query2.finance.yahoo.com"):
        assert f"no response from {host}" in found["network"].text
    assert {"calendar", "sessions", "journal folder", "journal"} < found.keys()
    assert "clock" not in found


def test_a_host_that_cannot_be_connected_to_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert (
        exchange.http_problem(f"http://127.0.0.1:{closed_port()}", 0.5)
        == "no connection to 127.0.0.1 (Connection refused)"
    )


def test_an_untrusted_certificate_is_named(w: World) -> None:
    w.network.impostors.add(LIVE)
    found = findings(w)
    assert failed(found) == ["network"]
    assert f"no response from {LIVE} (SSLError" in found["network"].text
    assert "one that opens TLS needs its certificate" in found["network"].remedy
    assert found["key"].state == "ok"


@pytest.mark.parametrize(
    ("host", "name", "remedy"),
    [
        (LIVE, "binance", "exchange.prices_id"),
        (TESTNET, "binance's testnet", "set exchange.id to another"),
    ],
)
def test_an_exchange_that_does_not_serve_this_place(
    w: World, host: str, name: str, remedy: str
) -> None:
    def elsewhere(asked: Asked, number: int) -> Answer | None:
        return ELSEWHERE if asked.host == host and asked.method == "GET" else None

    w.venue.before_request = elsewhere
    found = findings(w)
    assert failed(found) == [name]
    assert "HTTP 451" in found[name].text
    assert remedy in found[name].remedy


def test_an_exchange_that_is_down(w: World) -> None:
    w.venue.faults.add("503_before", "GET", host=TESTNET, times=99)
    found = findings(w)
    assert failed(found) == ["binance's testnet"]
    assert "HTTP 503" in found["binance's testnet"].text


def test_an_unknown_exchange(w: World, changed: Callable[..., None]) -> None:
    changed({"exchange.prices_id": "binnance"})
    found = findings(w)
    assert failed(found) == ["network"]
    assert "nearest: binance" in found["network"].text


def test_a_coin_that_is_not_listed(w: World) -> None:
    del w.venue.markets["SOLUSDT"]
    found = findings(w)
    assert failed(found) == ["coins at binance", "coins at binance's testnet"]
    assert found["coins at binance"].text == "SOL/USDT: not listed"
    assert "exchange.id" in found["coins at binance's testnet"].remedy
    assert found["account"].state == "ok"


def test_a_coin_that_is_not_traded_now(w: World) -> None:
    w.venue.markets["SOLUSDT"].status = "BREAK"
    found = findings(w)
    assert not_ok(found) == ["coins at binance", "coins at binance's testnet"]
    assert found["coins at binance"][1:3] == ("warning", "SOL/USDT: not traded now")


def test_an_account_too_small_for_the_smallest_orders(
    w: World, changed: Callable[..., None]
) -> None:
    changed({"exchange.amount": 249.0})  # of which 2 % are 4.98, and the smallest order is 5
    found = findings(w)
    assert not_ok(found) == ["order sizes"]
    assert "the account is too small for BTC, ETH, SOL" in found["order sizes"].text
    changed({"exchange.amount": 250.0})
    assert not_ok(findings(w)) == []


def test_a_coarse_step_makes_the_smallest_order(w: World) -> None:
    w.venue.faults.add("filters_changed", "GET", "exchangeInfo", symbol="BTCUSDT", step="10")
    found = findings(w)
    price = w.price("BTCUSDT", w.clock.now())
    assert f"smallest BTC {10 * price:,.2f}, ETH 5.00" in found["order sizes"].text


def test_an_account_without_the_quote_coin(w: World) -> None:
    w.venue.person.withdraw("USDT", GRANTS["USDT"])
    found = findings(w)
    assert "account" in failed(found)
    assert (
        found["account"].text
        == "there is no USDT to trade with; there are 1 BNB, 1 BTC, 1 ETH, 5 SOL, 1,000 TRX"
    )


def test_an_account_with_less_than_the_settings_ask_for(w: World) -> None:
    w.venue.person.withdraw("USDT", "6000")
    assert findings(w)["account"].state == "warning"


def test_a_change_of_the_account_by_somebody_else_is_reported(w: World) -> None:
    look(w)
    w.venue.person.deposit("BTC", "2")
    w.venue.person.withdraw("TRX", "1000")  # foreign: nobody's business
    found = findings(w)
    assert not_ok(found) == ["account"]
    assert "somebody else has changed it since the last decision (+2 BTC)" in found["account"].text


# Data


def test_a_damaged_file_of_the_cache_stays_and_is_named(w: World) -> None:
    path = Path(w.settings.prices.cache) / "binance" / "BTC-USD_BTC%2FUSDT_1d.parquet"
    path.parent.mkdir()
    path.write_bytes(b"no table")
    found = findings(w)
    assert failed(found) == ["coin days"]
    assert found["coin days"].text.startswith("BTC-USD: cannot be read")
    assert path.read_bytes() == b"no table"


def test_a_folder_of_prices_is_read_as_it_is(
    w: World, changed: Callable[..., None], whole_folder: Path
) -> None:
    changed({"prices.source": "folder"})
    w.clock = type(w.clock)(epoch("2017-01-02 12:00"))  # the files end with Friday's session
    found = findings(w)
    assert not_ok(found) == []
    assert (
        found["sessions"].text
        == "^RUT up to 2016-12-30, 0 sessions behind; 9 series, none is older"
    )
    assert LIVE in w.network.hosts()
    assert "query2.finance.yahoo.com" not in w.network.hosts()


def test_a_calendar_that_ends_soon_and_is_not_renewed_is_a_warning(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = pd.Timestamp(w.clock.now(), unit="s", tz="UTC")
    closes, delay = prices.closes_and_delay(w.settings, now)
    monkeypatch.setattr(prices, "closes_and_delay", lambda settings, now: (closes, delay))
    assert prices.check_calendar(w.settings, closes.iloc[-1] - pd.Timedelta(days=60)).state == "ok"
    soon = prices.check_calendar(w.settings, closes.iloc[-1] - pd.Timedelta(days=59))
    assert soon.state == "warning"
    assert "59 days ahead" in soon.text


def test_simulated_prices_are_never_behind_and_nothing_to_trade_on(
    w: World, changed: Callable[..., None]
) -> None:
    changed({"prices.source": "sample"})
    found = findings(w)
    assert not_ok(found) == ["configuration"]
    assert found["sessions"].text == "simulated, never behind"


# Journal, session and disk


def test_a_halted_session(w: World) -> None:
    traded(w)
    with w.journal() as journal:
        journal.set_trading("off", "the exchange looks odd")
    found = findings(w)
    assert not_ok(found) == ["trading"]
    assert found["trading"].text == "off, no orders are sent: the exchange looks odd"
    assert "resume" in found["trading"].remedy


def test_an_unfinished_sale_of_everything_is_not_to_be_resumed(w: World) -> None:
    path = traded(w)
    with open_journal(path, w.clock.now, locked=False) as journal:
        assert records.check_trading(journal) == ("trading", "ok", "on", "")
        journal.set_trading("flatten", "enough")
        found = records.check_trading(journal)
    assert found.text == "flatten, everything is still to be sold: enough"
    assert "start `paper` or `flatten` again" in found.remedy
    assert "resume" not in found.remedy


def test_a_damaged_journal_is_reported_and_the_other_checks_run(w: World) -> None:
    path = traded(w)
    path.write_bytes(b"spoiled " * 1000)
    found = findings(w)
    assert failed(found) == ["journal"]
    assert "it is damaged" in found["journal"].text
    assert path.read_bytes() == b"spoiled " * 1000
    assert found["account"].state == "ok"


@pytest.mark.parametrize(
    ("outcome", "days", "states"),
    [  # of the session, of its decision, and of that while one runs
        ("done", 1.0, ("ok", "ok", "ok")),
        ("done", 1.1, ("ok", "ok", "warning")),  # a timer starts it within its three hours
        ("done", 1.2, ("ok", "warning", "warning")),
        ("done", 2.0, ("ok", "wrong", "wrong")),  # a whole bar was missed
        ("interrupted", 1.1, ("ok", "warning", "warning")),
        ("stopped", 3.0, ("ok", "warning", "wrong")),
        ("CallAPersonError: no key", 1.0, ("wrong", "ok", "ok")),
        ("CallAPersonError: no key", 3.0, ("wrong", "wrong", "wrong")),
        (None, 1.0, ("warning", "ok", "ok")),
        (None, 1.1, ("warning", "warning", "warning")),
        (None, 3.0, ("warning", "wrong", "wrong")),
    ],
)
def test_a_decision_that_should_have_come_is_late_when_status_says_so(
    w: World, outcome: str | None, days: float, states: tuple[str, str, str]
) -> None:
    session, decision, running = states
    path = traded(w, outcome=outcome)
    now = epoch(BAR) + days * DAY + 30.0
    with open_journal(path, lambda: now, locked=False) as journal:
        found = {one.name: one for one in records.check_journal(journal, path, "", w.settings, now)}
        held = {
            one.name: one
            for one in records.check_journal(journal, path, "process 7", w.settings, now)
        }
    assert (found["session"].state, found["decision"].state) == (session, decision)
    assert (held["session"].state, held["decision"].state) == ("ok", running)
    assert ("the session hangs" in held["decision"].text) == (days >= 2.0)
    with read_journal_file(path) as reader:
        report = status_report(reader, ("dormant", "testing", "confirmed"), now)
    assert any("is not decided" in reason for reason in report.reasons) == (decision != "ok")
    assert found["decision"].text.startswith(
        f"{span(days * DAY + 30)} ago, on the bar of 2015-10-20 00:00 UTC: Gate confirmed"
    )


def test_a_session_that_has_just_begun_has_missed_nothing(w: World) -> None:
    path = traded(w)
    w.clock.sleep(9 * DAY)
    assert failed(findings(w)) == ["decision"]
    with open_journal(path, w.clock.now) as session:
        session.begin_session("testnet", "{}", "1")
        found = findings(w)
    assert not_ok(found) == []
    assert found["decision"].text.startswith("10 days ago")


@pytest.mark.parametrize(
    ("severity", "hours", "state"),
    [
        ("critical", 23, "warning"),
        ("warning", 23, "warning"),
        ("warning", 25, "ok"),
        ("info", 5, "ok"),
    ],
)
def test_incidents_of_the_last_day_are_a_warning(
    w: World, severity: Any, hours: int, state: str
) -> None:
    path = traded(w)
    with open_journal(path, w.clock.now, locked=False) as journal:
        (none,) = records.check_incidents(journal, w.clock.now())
        assert none == ("incidents", "ok", "none", "")
        journal.record_incident("moved", severity, "somebody bought")
        (found,) = records.check_incidents(journal, w.clock.now() + hours * 3600.0)
    assert found.state == state
    assert found.text == f"{hours} h ago moved ({severity}, seen once that day): somebody bought"


def test_each_of_the_newest_incidents_has_a_line_and_one_cause_only_one(w: World) -> None:
    """A cause that lasts is stored once a day."""
    path = traded(w)
    with open_journal(path, w.clock.now, locked=False) as journal:
        for kind in ("first", "second", "third", "fourth"):
            journal.record_incident(kind, "warning", f"{kind}: {'word ' * 200}")
        for _ in range(4):
            w.clock.sleep(DAY)
            journal.record_incident("stale", "info", "nothing new")
        found = list(records.check_incidents(journal, w.clock.now() + 1.0))
    assert [one.text.split()[3] for one in found] == [
        "stale",
        "fourth",
        "third",
    ]
    assert len({one.name for one in found}) == 3
    assert max(len(one.text) for one in found) < 220


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A folder of a user for whom modes mean something: for root they do not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        locked = folder / "locked"
        locked.mkdir(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield locked
        finally:
            os.seteuid(user)


@posix
def test_a_folder_that_cannot_be_written() -> None:
    with as_nobody() as folder:
        found = records.check_folder("journal folder", folder, "journal.folder")
        below = records.check_folder(
            "journal folder", folder / "state" / "testnet", "journal.folder"
        )
    assert found[1:3] == ("wrong", f"{folder}: cannot be written (Permission denied)")
    assert below[1:3] == ("wrong", f"{folder}/state/testnet: cannot be written (Permission denied)")
    assert "journal.folder" in found.remedy


def test_a_folder_in_the_place_of_a_file_fails(
    w: World, changed: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    changed({"log.folder": tmp_path / "file" / "logs"})
    found = findings(w)
    assert failed(found) == ["log folder"]
    assert "log.folder" in found["log folder"].remedy


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert records.check_folder("cache folder", tmp_path / "new", "prices.cache").text.startswith(
        f"{tmp_path / 'new'}: can be made, "
    )
    monkeypatch.setattr(records, "COMFORTABLE_SPACE", 10**18)
    assert records.check_folder("cache folder", tmp_path, "prices.cache").state == "warning"
    monkeypatch.setattr(records, "LEAST_SPACE", 10**18)
    assert records.check_folder("cache folder", tmp_path, "prices.cache").state == "wrong"
    assert list(tmp_path.iterdir()) == []


# Installation


def test_versions_are_those_of_the_project_or_newer(tmp_path: Path) -> None:
    found = installation.check_versions()
    assert found.state == "ok"
    assert found.text.startswith("python 3.")
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[project]\nrequires-python = ">=3.11,<3.99"\n'
        'dependencies = ["ccxt>=99.1", "pandas>=1", "apprise[all]>=1.0", "no-such-thing>=1"]\n'
    )
    found = installation.check_versions(project)
    assert found.state == "wrong"
    assert found.text.startswith("ccxt 4.")
    assert found.text.endswith(
        "at least 99.1 is required; no-such-thing is missing, at least 1 is required"
    )
    assert installation.check_versions(tmp_path / "none").state == "warning"


def test_a_heartbeat_needs_a_web_address_of_which_the_host_alone_is_shown() -> None:
    none = installation.check_heartbeat(Secrets())
    assert (none.state, "nobody is pinged" in none.text) == ("ok", True)
    good = Secrets(heartbeat_url=SecretStr("https://joe:pw@hc.example/some-uuid"))
    assert installation.check_heartbeat(good)[:3] == ("heartbeat", "ok", "pinged: hc.example")
    bad = installation.check_heartbeat(Secrets(heartbeat_url=SecretStr("some-uuid")))
    assert bad.state == "wrong"
    assert "some-uuid" not in str(bad)


def test_notifications_need_addresses_that_are_understood(
    w: World, changed: Callable[..., None]
) -> None:
    good = Secrets(
        notify_urls=SecretStr("json://127.0.0.1:9/abcdef1234 json://127.0.0.1:9/fedcba4321")
    )
    found = installation.check_notifications(w.settings, good)
    assert found[1:3] == ("ok", "to 2 addresses: gate, orders, incident, daily, weekly, missed")
    changed({"notify.events": []})
    assert installation.check_notifications(w.settings, good).state == "warning"
    bad = installation.check_notifications(
        w.settings, Secrets(notify_urls=SecretStr("nonsense://token1234"))
    )
    assert bad.state == "wrong"
    assert "token1234" not in str(bad)


# The drill


def drill(w: World) -> dict[str, Finding]:
    return {
        one.name: one
        for one in run_drill(w.settings, Keys(KEY, SECRET), journal_path(w.settings), w.clock)
    }


def look(w: World) -> tuple[list[str], float]:
    """What a session says of the account as it finds it, and what flowed in."""
    problems: list[Incident] = []
    client = exchange.create_client("binance", Keys(KEY, SECRET), w.settings, w.clock)
    with w.journal(locked=True) as journal:
        account = TestnetAccount(
            w.settings,
            client,
            live_price=client.price,
            journal=journal,
            clock=w.clock,
            report=problems.append,
        )
        account.start()
        flow = account.refresh({"BTC": 50.0, "ETH": 30.0, "SOL": 20.0})
    client.close()
    return [problem.kind for problem in problems], flow


@pytest.fixture
def begun(w: World) -> World:
    """A world whose account has begun."""
    assert look(w) == (["account"], 0.0)
    return w


def test_a_drill_buys_and_sells_the_smallest_lot_and_reports_the_cost(begun: World) -> None:
    found = drill(begun)
    assert list(found) == ["drill: account", "drill: buy", "drill: sell", "drill: outcome"]
    assert not_ok(found) == []
    buy, sell = begun.venue.orders
    size, bid, ask = float(buy.executed), float(sell.trades[0].price), float(buy.trades[0].price)
    assert (buy.side, sell.side, buy.executed) == ("BUY", "SELL", sell.executed)
    assert (
        5 * 1.05 / bid + 1e-5 <= size < 5 * 1.05 / bid + 2e-5
    )  # 1.05 times the smallest order in whole steps, and one more
    spread, fees = size * (ask - bid), size * (ask + bid) * 0.001
    assert (
        found["drill: outcome"].text
        == f"paid {spread:,.4f} USDT for the spread and {fees:,.4f} USDT in fees; "
        "nothing is left open"
    )
    assert re.search(rf"fee {0.001 * size:.8g} BTC, in \d+\.\d\d s$", found["drill: buy"].text)
    assert begun.owned()["BTC"] == pytest.approx(-0.001 * size, abs=1e-8)
    assert begun.owned()["USDT"] == pytest.approx(-spread - size * bid * 0.001, abs=1e-7)


def test_a_drill_is_no_change_by_somebody_else_and_not_in_the_history(w: World) -> None:
    w.clock = type(w.clock)(epoch(f"{BAR} 00:00:02"))
    w.run()
    w.clock.sleep(12 * 3600)
    with w.journal() as journal:
        before = journal.fills(), journal.orders(), journal.intents(), journal.last_decision()
    assert not_ok(drill(w)) == []
    assert not_ok(findings(w)) == []
    with w.journal() as journal:
        assert (
            journal.fills(),
            journal.orders(),
            journal.intents(),
            journal.last_decision(),
        ) == before
        assert [(one.kind, one.severity) for one in journal.incidents(5)] == [("drill", "info")]
    w.clock.sleep(12 * 3600)
    assert w.run().incidents == []
    with w.journal() as journal:
        assert journal.equity()[-1].flow == 0.0


def test_a_drill_before_the_first_session_changes_nothing_for_it(w: World) -> None:
    assert not_ok(drill(w)) == []
    assert look(w) == (["account"], 0.0)
    assert "ours: 5,000 USDT; not ours" in findings(w)["account"].text


@pytest.mark.parametrize(
    "fault",
    ["answer_lost", "502_before", "invisible", "partial_then_rest", "trades_lag", "balances_lag"],
)
def test_a_drill_is_exactly_once_too(begun: World, fault: str) -> None:
    begun.venue.faults.add(fault, "POST", "order")
    assert not_ok(drill(begun)) == []
    buy, sell = begun.venue.orders
    assert (buy.side, sell.side, buy.executed) == ("BUY", "SELL", sell.executed)
    assert look(begun) == ([], 0.0)


def test_executions_that_are_reported_late_are_waited_for(begun: World) -> None:
    begun.venue.faults.add(
        "trades_lag", "POST", "order", queries=6
    )  # sending looks for them five times
    assert not_ok(drill(begun)) == []
    buy, sell = begun.venue.orders
    assert buy.executed == sell.executed
    assert look(begun) == ([], 0.0)


def test_an_order_of_a_drill_whose_end_was_never_learnt_is_sold_by_the_next_one(
    begun: World,
) -> None:
    begun.venue.faults.add("answer_lost", "POST", "order")
    begun.venue.faults.add("503_before", "GET", "order", times=99)
    found = drill(begun)
    assert failed(found) == ["drill"]
    assert "HTTP 503" in found["drill"].text
    begun.venue.faults.clear()
    begun.clock.sleep(60)
    assert not_ok(drill(begun)) == []
    lost, again, sold = begun.venue.orders
    assert (lost.side, again.side, sold.side) == ("BUY", "BUY", "SELL")
    assert sold.executed == lost.executed + again.executed
    assert look(begun) == ([], 0.0)


def test_a_change_by_somebody_else_during_a_drill_is_reported(begun: World) -> None:
    def deposit(asked: Asked, number: int) -> None:
        if asked.method == "POST" and len(begun.venue.orders) == 1:
            begun.venue.person.deposit("ETH", "2")

    begun.venue.after_request = deposit
    found = drill(begun)
    assert not_ok(found) == ["drill: outcome"]
    assert "somebody else changed the account (+2 ETH)" in found["drill: outcome"].text
    kinds, flow = look(begun)
    assert kinds == ["moved"]
    assert flow == 0.0  # what others pay in is theirs


def test_what_is_too_little_to_be_sold_is_reported_and_sold_by_the_next_drill(begun: World) -> None:
    begun.venue.faults.add("partial_then_expired", "POST", "order", fraction="0.4")
    found = drill(begun)
    (bought,) = begun.venue.orders
    assert failed(found) == ["drill: sell", "drill: outcome"]
    assert f"not sold: {bought.executed.normalize()} BTC" in found["drill: outcome"].text
    assert look(begun) == ([], 0.0)
    begun.clock.sleep(60)
    assert not_ok(drill(begun)) == []
    assert begun.venue.orders[2].executed == bought.executed + begun.venue.orders[1].executed
    assert look(begun) == ([], 0.0)


def test_what_a_killed_drill_has_left_is_sold_by_the_next_one(begun: World) -> None:
    steps = run_drill(begun.settings, Keys(KEY, SECRET), journal_path(begun.settings), begun.clock)
    while next(steps).name != "drill: buy":
        pass
    steps.close()
    assert look(begun) == ([], 0.0)
    begun.clock.sleep(60)
    assert not_ok(drill(begun)) == []
    bought, again, sold = begun.venue.orders
    assert (bought.side, again.side, sold.side) == ("BUY", "BUY", "SELL")
    assert sold.executed == bought.executed + again.executed
    assert look(begun) == ([], 0.0)


def test_where_the_fee_leaves_less_than_the_lot_the_rest_is_less_than_a_step(begun: World) -> None:
    for coin in ("BTC", "ETH", "SOL"):
        begun.venue.person.withdraw(coin, GRANTS[coin])
    look(begun)
    assert not_ok(drill(begun)) == []
    buy, sell = begun.venue.orders
    left = buy.executed - buy.trades[0].commission - sell.executed
    assert begun.venue.units("BTC") == left
    assert 0 < left < buy.market.step
    assert look(begun) == ([], 0.0)


def test_a_drill_at_prices_that_went_astray_buys_nothing(begun: World) -> None:
    price = begun.price("BTCUSDT", begun.clock.now())
    begun.venue.books.set("BTCUSDT", [(price * 1.3, 100.0)], [(price * 1.31, 100.0)])
    found = drill(begun)
    assert failed(found) == ["drill: buy"]
    assert "guards.price_gap allows 10%" in found["drill: buy"].text
    assert begun.venue.orders == []


def test_a_drill_that_cannot_be_paid_for_buys_nothing(begun: World) -> None:
    begun.venue.person.withdraw("USDT", "9995")
    assert "5.00 are free" in drill(begun)["drill"].text
    assert begun.venue.orders == []


def test_a_drill_is_refused_while_halted_while_in_use_and_while_something_is_unsettled(
    begun: World,
) -> None:
    with begun.journal() as journal:
        journal.set_trading("off", "by hand")
    assert "trading is off (by hand), and a drill is an order" in drill(begun)["drill"].text
    with begun.journal() as journal:
        journal.set_trading("on", "")
    with begun.journal(locked=True) as journal:
        assert f"in use by another session (process {os.getpid()})" in drill(begun)["drill"].text
        decide(journal, epoch(BAR), [intent(epoch(BAR), symbol="BTC")])
    assert "orders that are not settled" in drill(begun)["drill"].text
    assert begun.venue.orders == []


# The command


@pytest.fixture
def command(w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `doctor` in this process, at the world's time."""
    monkeypatch.setattr("brokers.clock.Clock", lambda: w.clock)
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("RUSSELL_GATE_API_KEY", KEY)
    monkeypatch.setenv("RUSSELL_GATE_API_SECRET", SECRET)

    def run(*words: str, settings: Settings | None = None) -> Result:
        (place / "doctor.toml").write_text(
            tomli_w.dumps((settings or w.settings).model_dump(exclude_none=True))
        )
        return CliRunner().invoke(main.app, ["doctor", "--config", "doctor.toml", *words])

    return run


def test_the_command_shows_every_check_in_a_line_and_drills(
    w: World, command: Callable[..., Result]
) -> None:
    result = command("--drill")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert all(line.startswith(("ok      ", "warning ")) for line in lines)
    assert lines[-1].startswith("ok      drill: outcome")
    assert len(lines) > 20
    start = len("ok      ") + doctor.NAME
    assert {line[start] for line in lines} == {" "}  # no name shifts its text
    assert [order.side for order in w.venue.orders] == ["BUY", "SELL"]
    assert SECRET not in result.output


def test_the_command_gives_one_document_and_the_code_of_what_is_worst(
    w: World, command: Callable[..., Result]
) -> None:
    result = command("--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["exit_code"]) == (0, 0)
    assert {one["area"] for one in document["findings"]} == {
        "configuration",
        "exchange",
        "data",
        "journal",
    }
    with w.journal() as journal:
        journal.set_trading("off", "by hand")
    assert command("--json").exit_code == 5
    damaged = Path(w.settings.prices.cache) / "yahoo" / "IWM_1d.parquet"
    damaged.parent.mkdir()
    damaged.write_bytes(b"")
    assert command("--json").exit_code == 3
    w.venue.keys[KEY].revoked = True
    result = command("--json", "--drill")
    assert (result.exit_code, json.loads(result.stdout)["findings"][-1]["text"]) == (
        4,
        "not run: a check of the exchange failed",
    )


@posix
def test_secrets_that_others_can_read_fail(command: Callable[..., Result]) -> None:
    Path(".env").write_text(f"RUSSELL_GATE_API_KEY={KEY}\n")
    Path(".env").chmod(0o644)
    result = command()
    assert result.exit_code == 4
    assert "chmod 600 .env" in result.stdout
    assert KEY not in result.output


def test_a_configuration_that_cannot_be_loaded_is_a_finding(command: Callable[..., Result]) -> None:
    result = command("--json", "--set", "gate.base_session=3")
    assert result.exit_code == 2
    found = json.loads(result.stdout)["findings"]
    assert [one["name"] for one in found] == ["versions", "configuration"]
    assert "did you mean 'base_sessions'?" in found[-1]["text"]


def test_a_drill_needs_a_testnet(command: Callable[..., Result], w: World) -> None:
    result = command("--drill", "--set", "exchange.mode=dry-run")
    assert result.exit_code == 2
    assert 'exchange.mode is "dry-run", which sends no order' in result.stderr
    assert w.network.counts.total() == 0


def test_a_drill_is_refused_during_a_session(command: Callable[..., Result], w: World) -> None:
    with w.journal(locked=True):
        result = command("--drill")
    assert result.exit_code == 5
    assert f"held by a session (process {os.getpid()})" in result.stdout
    assert w.venue.orders == []
