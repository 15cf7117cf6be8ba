"""A coin that an exchange trades no more leaves the account by a person's decision, and once."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from brokers.errors import SafetyError
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.reader import FLOW
from brokers.journal.records import FillRow
from brokers.orders.balances import CASH
from brokers.orders.gone_coins import GoneCoins, Leaving
from brokers.orders.holdings import current_holdings
from tests.brokers.accounts import flows, ours, unit_values
from tests.brokers.misfortunes import change, disturbed, incident_texts, intents
from tests.brokers.worlds import DAY

SOL = FillRow("SOL", "1", "a", 10.0, 4.0, 25.0, 0.1, "", 0.1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An account on paper that has bought 4 SOL at 25."""
    with open_journal(tmp_path / "j.sqlite", lambda: 0.0) as opened:
        opened.put(CASH, "1000.0")
        opened.add_fills([SOL])
        yield opened


def take_out(
    journal: Journal, gone: Mapping[str, Leaving], *, traded: bool = False
) -> tuple[list[str], list[Incident]]:
    reported: list[Incident] = []
    coins = GoneCoins(journal, gone, bases={"BTC": "BTC", "SOL": "SOL"}, report=reported.append)
    return coins.take_out(lambda coin: traded), reported


def held(journal: Journal) -> float:
    now = current_holdings(journal, {}, "")
    assert now is not None
    return now.units["SOL"]


@pytest.mark.parametrize(
    ("leaving", "flow", "text"),
    [
        ("loss", 0.0, r"4 SOL leaves .* as worth nothing: .* 25 that is a loss of 100\.00"),
        ("last-price", -100.0, r"4 SOL leaves .* last price 25: 100\.00 paid out, neither"),
    ],
)
def test_it_leaves_as_a_loss_or_as_paid_out(
    journal: Journal, leaving: Leaving, flow: float, text: str
) -> None:
    taken, (incident,) = take_out(journal, {"SOL": leaving})
    assert taken == ["SOL"] and held(journal) == 0.0
    assert float(journal.get(FLOW) or 0.0) == flow
    assert (incident.kind, incident.severity) == ("gone", "warning")
    assert re.search(text, incident.text)


def test_it_leaves_once_and_what_is_bought_later_stays(journal: Journal) -> None:
    take_out(journal, {"SOL": "last-price"})
    journal.add_fills([SOL._replace(trade_id="2", client_id="b", size=1.5)])
    assert take_out(journal, {"SOL": "last-price"}) == ([], [])
    assert held(journal) == 1.5 and json.loads(journal.get(FLOW) or "0") == -100.0


def test_named_anew_it_may_leave_again(journal: Journal) -> None:
    take_out(journal, {"SOL": "loss"})
    journal.add_fills([SOL._replace(trade_id="2", client_id="b", size=1.5)])
    assert take_out(journal, {}) == ([], [])
    assert take_out(journal, {"SOL": "loss"})[0] == ["SOL"] and held(journal) == 0.0


def test_one_that_is_still_traded_stays(journal: Journal) -> None:
    taken, (incident,) = take_out(journal, {"SOL": "loss"}, traded=True)
    assert (
        taken == [] and held(journal) == 4.0 and "is traded: it is not taken out" in incident.text
    )
    assert take_out(journal, {"SOL": "loss"})[0] == ["SOL"]  # when it no longer is


def test_one_that_was_never_held_is_reported(journal: Journal) -> None:
    taken, (incident,) = take_out(journal, {"LUNA": "loss"})
    assert taken == [] and "LUNA, which this account has never held" in incident.text


def test_a_killed_start_is_carried_on(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the transaction that takes it out and the note that it was."""
    with monkeypatch.context() as patch:
        patch.setattr(journal, "put", lambda key, value: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take_out(journal, {"SOL": "last-price"})
    assert take_out(journal, {"SOL": "last-price"}) == ([], [])
    assert held(journal) == 0.0 and float(journal.get(FLOW) or 0.0) == -100.0


@pytest.mark.parametrize("mode", ["dry-run", "testnet"])
@pytest.mark.parametrize("leaving", ["loss", "last-price"])
def test_a_held_coin_that_is_delisted_has_one_way_out_in_both_modes(
    whole_folder: Path, cache: Path, tmp_path: Path, mode: str, leaving: str
) -> None:
    """The others go on trading; then the coin may be taken out of the settings."""
    usual = {"exchange.mode": mode}
    with disturbed(whole_folder, cache, tmp_path, usual, downloads=True) as w:
        w.run()
        del w.venue.markets["SOLUSDT"]
        w.clock.sleep(DAY)
        w.run()  # it is held on to, and the others are decided on
        two = w.settings.model_copy(update={"coins": w.settings.coins[:2]})
        all_three, w.settings = w.settings, two
        with pytest.raises(SafetyError, match=r'set paper\.gone: "loss" .* or "last-price"'):
            w.run()
        w.settings = all_three
        worth = ours(w).worth("SOL")
        before = unit_values(w)[-1], flows(w)[-1]
        change(w, whole_folder, cache, usual | {"paper.gone.SOL": leaving})
        w.clock.sleep(DAY)
        (text,) = incident_texts(w.run().incidents, "gone")
        assert f"{worth:,.2f}" in text and ours(w).units["SOL"] == 0.0
        with w.journal() as journal:
            last = journal.equity()[-1]
            closes = {bar.symbol: bar.close for bar in journal.bars(since=last.time)}
        rest = ours(w).cash + sum(ours(w).units[coin] * closes[coin] for coin in ("BTC", "ETH"))
        assert last.value == pytest.approx(rest, rel=1e-3)
        assert last.flow == pytest.approx(-worth if leaving == "last-price" else 0.0, abs=1e-6)
        lost = before[0] - last.unit_value
        assert lost > 0.15 if leaving == "loss" else abs(lost) < 0.02
        w.settings = two.model_copy(update={"paper": w.settings.paper})
        w.clock.sleep(DAY)
        assert incident_texts(w.run().incidents, "gone") == []
        w.settings = two  # and the note that it is gone need not stay
        w.clock.sleep(DAY)
        w.run()
        assert abs(unit_values(w)[-1] - last.unit_value) < 0.03 and flows(w)[-1] == 0.0


@pytest.mark.parametrize("mode", ["dry-run", "testnet"])
def test_it_may_be_taken_out_of_account_and_settings_at_once(
    whole_folder: Path, cache: Path, tmp_path: Path, mode: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": mode}) as w:
        w.run()
        worth = ours(w).worth("SOL")
        del w.venue.markets["SOLUSDT"]
        change(w, whole_folder, cache, {"exchange.mode": mode, "paper.gone.SOL": "last-price"})
        w.settings = w.settings.model_copy(update={"coins": w.settings.coins[:2]})
        w.clock.sleep(DAY)
        w.run()
        assert ours(w).units["SOL"] == 0.0 and flows(w)[-1] == pytest.approx(-worth)
        assert abs(unit_values(w)[-1] - 1.0) < 0.03
        assert {one.symbol for one in intents(w)[3:]} <= {"BTC", "ETH"}
