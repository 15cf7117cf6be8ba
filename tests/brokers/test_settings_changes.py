"""Settings that change between two sessions of one account: each is applied, kept or refused.

In this world the first cycle buys BTC, ETH and SOL; a day later everything lies within its band.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtests.engine.rules import rules_digest
from brokers.doctor.records import check_journal
from brokers.journal.opening import journal_path, open_journal
from brokers.prices.series import DataError
from config.settings import ConfigError, load
from tests.brokers.misfortunes import bought, change, disturbed, incident_texts
from tests.brokers.test_faults_data import decisions, gate_rows
from tests.brokers.worlds import DAY, World, epoch
from tests.proofs.bad_luck import FromMemory

COIN = '{{name="{0}",history="{1}-USD",market="{2}",weight={3},lag_days=0,step=0.0001}}'
DRY_RUN = {"exchange.mode": "dry-run"}


def coins(*rows: tuple[str, str, str, float]) -> dict[str, str]:
    return {"coins": f"[{','.join(COIN.format(*row) for row in rows)}]"}


class Account:
    """An account and the settings of its next session."""

    def __init__(self, w: World, folder: Path, cache: Path) -> None:
        self.w, self.folder, self.cache = w, folder, cache

    def session(self, changes: dict[str, Any] | None = None, *, days: int = 1) -> list[str]:
        """One session after so many days; its incidents on settings. Vendor and clock are well."""
        if days:
            self.w.clock.sleep(days * DAY)
        change(self.w, self.folder, self.cache, changes or {})
        incidents = self.w.run().incidents
        assert incident_texts(incidents, "revised") == incident_texts(incidents, "clock") == []
        return incident_texts(incidents, "settings")


@pytest.fixture
def account(whole_folder: Path, cache: Path, tmp_path: Path) -> Iterator[Account]:
    """After its first session."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        account = Account(w, whole_folder, cache)
        assert account.session(days=0) == []
        yield account


def test_changed_rules_are_named_and_no_vendor_is_blamed(account: Account) -> None:
    """The record of 2013 is none any more: past gate rows read otherwise now."""
    before = gate_rows(account.w)
    (text,) = account.session({"gate.base_sessions": 1000, "allocation.band": 0.3})
    assert text == (
        "settings changed since the session of 2015-10-20 00:00 UTC; apply from now on, earlier "
        "decisions stay: allocation.band 0.2 -> 0.3, gate.base_sessions 252 -> 1000"
    )
    assert gate_rows(account.w)[: len(before)] == before
    assert [row.state for row in decisions(account.w)] == [2, 0]
    assert account.session({"gate.base_sessions": 1000, "allocation.band": 0.3}) == []


def test_the_digest_of_the_rules_stands_beside_gate_rows_and_decisions(account: Account) -> None:
    first = rules_digest(account.w.settings)
    account.session({"gate.base_sessions": 1000})
    second = rules_digest(account.w.settings)
    assert first != second
    assert [row.rules_digest for row in decisions(account.w)] == [first, second]
    assert {row.rules_digest for row in gate_rows(account.w)} == {first, second}


def test_one_incident_informs_and_the_journal_has_it(account: Account) -> None:
    account.w.clock.sleep(DAY)
    change(account.w, account.folder, account.cache, {"gate.buffer": 0.01})
    found = [one for one in account.w.run().incidents if one.kind == "settings"]
    assert [one.severity for one in found] == ["info"]


def test_rules_of_another_version_are_reported_though_no_setting_changed(
    account: Account,
) -> None:
    with sqlite3.connect(journal_path(account.w.settings)) as file:
        file.execute("UPDATE decisions SET rules_digest = 'older'")
        file.execute("UPDATE gate_rows SET rules_digest = 'older', ceiling = 0.5")
    (text,) = account.session()
    assert text.startswith("the rules differ from those of the last decision (older -> ")


def test_a_revision_under_the_same_rules_is_still_reported(account: Account) -> None:
    with sqlite3.connect(journal_path(account.w.settings)) as file:
        file.execute("UPDATE gate_rows SET ceiling = 0.5")
    account.w.clock.sleep(DAY)
    (text,) = incident_texts(account.w.run().incidents, "revised")
    assert text.startswith("1 earlier gate row has changed")


def test_where_the_new_rules_cannot_be_computed_the_old_reading_buys_nothing(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Saturday to Sunday: there is no newer session, so the old row would not be stale."""
    half = {"risk_curve.ceilings": [0.5, 0.5, 0.5, 0.5]}
    with disturbed(whole_folder, cache, tmp_path, half, start="2015-10-24 00:00:02") as w:
        w.run()
        sent = len(w.venue.orders)
        history = FromMemory.history

        def without_index(self: Any, now: pd.Timestamp, again: Any = ()) -> Any:
            prices, failed = history(self, now, again)
            return prices, {**failed, "^RUT": DataError("^RUT: HTTP 500")}

        monkeypatch.setattr(FromMemory, "history", without_index)
        w.clock.sleep(DAY)
        change(w, whole_folder, cache, {"allocation.cash_reserve": 0.0})
        observer = w.run()
        (text,) = incident_texts(observer.incidents, "gate stale")
        assert "which was computed with other settings: no position is increased" in text
        assert [row.gate_stale for row in decisions(w)] == [0, 1]
        assert len(w.venue.orders) == sent


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"exchange.amount": 8000.0}, "exchange.amount 5000.0 -> 8000.0"),
        ({"exchange.share": 0.5}, "exchange.share 1.0 -> 0.5"),
        ({"exchange.adopt": "true"}, "exchange.adopt false -> true"),
        ({"paper.join": "next"}, 'paper.join "now" -> "next"'),
    ],
)
def test_what_an_account_began_with_is_kept_and_reported_as_not_applied(
    account: Account, changes: dict[str, Any], named: str
) -> None:
    owned, orders = account.w.owned(), len(account.w.venue.orders)
    (text,) = account.session(changes)
    assert f"; not applied to this account: {named} (" in text
    assert "apply from now on" not in text
    assert account.w.owned() == owned and len(account.w.venue.orders) == orders
    with account.w.journal() as journal:
        assert [row.flow for row in journal.equity()] == [0.0, 0.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"guards.largest_order": 0.9},
        {"exchange.order": "limit"},
        {"exchange.timeout": 0.6},
        {"paper.max_decision_age": 60.0},
        {"notify.daily_at": 3},
        {"log.level": "DEBUG"},
        {"prices.max_age_sessions": 4},
        {"allocation.own_trend_days": 100},
    ],
)
def test_what_applies_is_reported_as_that(account: Account, changes: dict[str, Any]) -> None:
    (text,) = account.session(changes)
    (key,) = changes
    assert "; apply from now on, earlier decisions stay: " in text
    assert text.rpartition(" -> ")[0].split(": ")[1].startswith(f"{key} ")
    assert "not applied" not in text


@pytest.mark.parametrize(
    "changes",
    [{"costs.slippage": 0.01}, {"backtest.cash": 5.0}, {"tune.sets": 5}, {"evidence.draws": 2000}],
)
def test_what_a_session_does_not_use_is_not_mentioned(
    account: Account, changes: dict[str, Any]
) -> None:
    assert account.session(changes) == []


def test_in_a_dry_run_a_fee_applies_to_later_fills_and_the_cash_it_began_with_stays(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, DRY_RUN) as w:
        account = Account(w, whole_folder, cache)
        assert account.session(DRY_RUN, days=0) == []
        out = {**DRY_RUN, "risk_curve.ceilings": [0.0] * 4, "costs.fee": 0.01}
        (text,) = account.session({**out, "exchange.amount": 7000.0, "backtest.cash": 9.0})
        assert "costs.fee 0.001 -> 0.01" in text.partition("not applied")[0]
        assert "exchange.amount 5000.0 -> 7000.0 (" in text.partition("not applied")[2]
        assert "backtest.cash 100000.0 -> 9.0 (" in text.partition("not applied")[2]
        with w.journal() as journal:
            rates = [
                round(fill.fee_quote / abs(fill.size * fill.price), 6) for fill in journal.fills()
            ]
            assert journal.equity()[0].value == 5000.0
        assert rates == [0.001] * 3 + [0.01] * 3


def test_another_quote_coin_is_refused_before_anything_is_asked(account: Account) -> None:
    asked = account.w.network.counts.copy()
    quoted = coins(*((name, name, f"{name}/USDC", 0.3) for name in ("BTC", "ETH", "SOL")))
    with pytest.raises(ConfigError, match="quoted in USDC, but the account in testnet-binance"):
        account.session(quoted)
    posts = {key: count for key, count in account.w.network.counts.items() if "POST" in key}
    assert posts == {key: count for key, count in asked.items() if "POST" in key}
    assert account.session({}) == []


@pytest.mark.parametrize("between", [False, True], ids=["at once", "a session later"])
def test_a_traded_name_for_another_coin_is_refused(account: Account, *, between: bool) -> None:
    sold = {"risk_curve.ceilings": [0.0] * 4}
    account.session(sold)  # nothing is held any more
    if between:
        account.session(coins(("BTC", "BTC", "BTC/USDT", 0.5)))
    other = coins(("BTC", "BTC", "BTC/USDT", 0.5), ("ETH", "ETH", "LTC/USDT", 0.5))
    with pytest.raises(ConfigError, match=r"coins.ETH.market: got 'LTC/USDT', but the journal's"):
        account.session(sold | other)


def test_a_coin_that_is_added_is_named_and_bought(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    two = coins(("BTC", "BTC", "BTC/USDT", 0.5), ("ETH", "ETH", "ETH/USDT", 0.3))
    three = coins(
        ("BTC", "BTC", "BTC/USDT", 0.5),
        ("ETH", "ETH", "ETH/USDT", 0.3),
        ("SOL", "SOL", "SOL/USDT", 0.2),
    )
    with disturbed(whole_folder, cache, tmp_path, two) as w:
        account = Account(w, whole_folder, cache)
        account.session(two, days=0)
        (text,) = account.session(three)
        assert 'coins ["BTC", "ETH"] -> ["BTC", "ETH", "SOL"]' in text
        assert bought(w) == ["BTC", "ETH", "SOL"]


def hourly(self: FromMemory, history: str, now: pd.Timestamp) -> pd.DataFrame:
    """Every hour as the last day was."""
    daily = self._prices.of(history).frame
    grid = pd.date_range(now.floor("h") - pd.Timedelta(hours=5), now.floor("h"), freq="h")
    return daily.reindex(grid, method="ffill")


def test_a_shorter_and_a_longer_timeframe_go_on_in_the_same_journal(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = FromMemory.bars
    monkeypatch.setattr(FromMemory, "bars", hourly)
    w = account.w
    orders = len(w.venue.orders)
    w.clock.sleep(9 * 3600.0)
    (text,) = account.session({"exchange.timeframe": "1h"}, days=0)
    assert 'exchange.timeframe "1d" -> "1h"' in text
    w.clock.sleep(3600.0)
    assert account.session({"exchange.timeframe": "1h"}, days=0) == []
    monkeypatch.setattr(FromMemory, "bars", daily)
    (text,) = account.session({}, days=0)  # at 10:00: the day's bar is older than the last decision
    assert 'exchange.timeframe "1h" -> "1d"' in text
    account.session({})
    times = [epoch(f"2015-10-{day}") for day in ("20", "20 09:00", "20 10:00", "21")]
    assert [row.time for row in decisions(w)] == times
    assert len(w.venue.orders) == orders


def test_another_exchange_or_mode_is_another_account_and_says_so(account: Account) -> None:
    (text,) = account.session(DRY_RUN)
    assert text == (
        "dry-run-binance.sqlite begins a new account: exchange.mode, exchange.id (on a testnet) "
        "and exchange.prices_id (in a dry run) choose it; testnet-binance.sqlite in the same folder"
        " is left as it is, with what it holds"
    )
    assert account.session(DRY_RUN) == []


def test_doctor_says_before_the_start_what_a_change_would_do(account: Account) -> None:
    w = account.w

    def finding(changes: dict[str, Any]) -> Any:
        change(w, account.folder, account.cache, changes)
        path = journal_path(w.settings)
        with open_journal(path, w.clock.now, locked=False) as journal:
            found = check_journal(journal, path, "", w.settings, w.clock.now())
            return next(one for one in found if one.name == "settings")

    assert finding({})[1:3] == ("ok", "those of the last session")
    assert finding({"gate.buffer": 0.01}).state == "ok"
    assert finding({"exchange.amount": 8000.0}).state == "warning"
    assert finding(coins(("BTC", "BTC", "BTC/USDC", 1.0))).state == "wrong"


def test_the_digest_follows_the_rules_and_nothing_else() -> None:
    usual = rules_digest(load())
    rules = (
        *("gate.base_sessions=126", "allocation.band=0.3", "signal.volume=VTWO"),
        *("prices.publication_delay=45", "confirmations.breadth.symbols=['KRE']"),
        *("exchange.timeframe=1h", "allocation.own_trend_days=100", "prices.source=yahoo"),
        *("risk_curve.ceilings=[0,0,0,1]", "haircuts.losses.factor=0.4", "exchange.prices_id=okx"),
    )
    assert len({usual, *(rules_digest(load([], [text])) for text in rules)}) == len(rules) + 1
    others = (
        *("exchange.amount=5", "guards.largest_order=0.5", "log.level=DEBUG", "costs.fee=0.01"),
        *("paper.grace=9", "backtest.cash=5", "tune.sets=5", "journal.folder=elsewhere"),
    )
    assert {rules_digest(load([], [text])) for text in others} == {usual}
