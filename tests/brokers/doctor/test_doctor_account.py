"""The doctor on an account that others use, that lost its journal, or that holds a gone coin."""

from pathlib import Path

import pytest

from brokers.doctor.checks import run_checks
from brokers.doctor.finding import Finding
from brokers.journal.opening import journal_path
from tests.brokers.misfortunes import change, disturbed
from tests.brokers.worlds import SECRETS, World

pytestmark = pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"
)  # apprise imports it


def findings(w: World) -> dict[str, Finding]:
    path = journal_path(w.settings)
    return {one.name: one for _, one in run_checks(w.settings, SECRETS, path, w.clock)}


def test_a_lost_journal_is_named_with_both_choices(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        assert findings(w)["earlier orders"][1:3] == ("ok", "no orders from a lost journal")
        w.run()
        assert "earlier orders" not in findings(w)
        for file in Path(w.settings.journal.folder).iterdir():
            file.unlink()
        found = findings(w)["earlier orders"]
        assert found.state == "wrong" and f"{w.owned()['BTC']:g} BTC" in found.text
        assert 'exchange.found to "adopt"' in found.remedy and '"leave"' in found.remedy
        change(w, whole_folder, cache, {"exchange.found": "adopt"})
        found = findings(w)["earlier orders"]
        assert found.state == "ok" and "taken over at the first start" in found.text


def test_what_others_have_done_since_changes_their_part_first(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        w.run()
        cash = w.owned()["USDT"] + 5000.0
        w.venue.person.deposit("USDT", "2000")
        found = findings(w)["account"]
        assert found.state == "warning" and "+2000 USDT" in found.text
        assert f"{cash:,.8g} USDT; not ours" in found.text and "7,000 USDT" in found.text


@pytest.mark.parametrize("mode", ["dry-run", "testnet"])
def test_a_held_coin_that_is_gone_has_its_way_out_named(
    whole_folder: Path, cache: Path, tmp_path: Path, mode: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.mode": mode}, downloads=True) as w:
        w.run()
        market = w.venue.markets.pop("SOLUSDT")
        found = findings(w)
        names = [name for name in found if name.startswith("coins at")]
        assert len(names) == (1 if mode == "dry-run" else 2)
        for name in names:
            assert found[name].state == "wrong"
            assert 'paper.gone.SOL to "loss"' in found[name].remedy
            assert '"last-price"' in found[name].remedy
        market.status = "BREAK"
        w.venue.markets["SOLUSDT"] = market
        assert all("paper.gone" in findings(w)[name].remedy for name in names)
