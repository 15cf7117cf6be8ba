"""Yahoo is away for ten sessions: with a second source nothing is stale, without one it is said.

The world of the fault catalogue: the first cycle buys BTC, ETH and SOL, and then everything lies
within its band.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from brokers.journal.incident import Incident
from tests.brokers.misfortunes import bought, incident_texts
from tests.brokers.test_faults_data import (
    ALL,
    AT_ONCE,
    DOWN,
    bent,
    change_rows,
    decisions,
    downloading,
    gate_rows,
    next_day,
)
from tests.brokers.test_second_source_live import vendor_in

US = ("^RUT", "^GSPC", "IWM", "HYG", "IEF")
LISTED: dict[str, Any] = {f'prices.sources."{symbol}"': '["yahoo", "url"]' for symbol in US}
# The sessions from 2015-10-20 on.
TWO_LATER, TEN_LATER = "2015-10-22 00:00:10", "2015-11-03 00:00:10"


@pytest.mark.parametrize(
    ("away", "until"), [(2, TWO_LATER), pytest.param(10, TEN_LATER, marks=pytest.mark.proof)]
)
def test_with_a_second_source_the_gate_is_never_stale(
    whole_folder: Path,
    *,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    away: int,
    until: str,
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE | LISTED) as w:
        vendor_in(w, monkeypatch)
        w.run()
        assert json.loads(gate_rows(w)[-1].sources) == dict.fromkeys(US, "yahoo")
        w.yahoo.always = DOWN["500"]
        observer = w.run(once=False, until=until)
        rows = gate_rows(w)
        assert len(rows) == 1 + away
        assert {row.stale for row in rows} == {0}
        assert {row.gate_stale for row in decisions(w)} == {0}
        assert [json.loads(row.sources) for row in rows[1:]] == [dict.fromkeys(US, "url")] * away
        assert incident_texts(observer.incidents, "gate stale") == []
        text = incident_texts(observer.incidents, "data")[0]
        assert text.startswith("^RUT: the close of 2015-10-20 is from url")
        assert bought(w) == ALL
        w.yahoo.always = None
        incidents = next_day(w).incidents
        assert incident_texts(incidents, "revised") == [], "the vendor's own closes are no revision"
        assert json.loads(gate_rows(w)[-1].sources) == dict.fromkeys(US, "yahoo")
        assert bought(w) == ALL


@pytest.mark.proof
@pytest.mark.parametrize("when_stale", ["sell", "hold"])
def test_without_one_it_is_said_at_each_session_what_happens_and_when(
    whole_folder: Path, cache: Path, tmp_path: Path, when_stale: str
) -> None:
    changes = AT_ONCE | {"gate.when_stale": when_stale}
    with downloading(whole_folder, cache, tmp_path, changes) as w:
        w.run()
        w.yahoo.always = DOWN["500"]
        observer = w.run(once=False, until=TEN_LATER)
        told = dict.fromkeys(incident_texts(observer.incidents, "gate stale"))
        ends = [text.partition("increased, and ")[2] for text in told]
        starts = [text.partition(":")[0] for text in told]
        sessions = ["1 session", *(f"{count} sessions" for count in range(2, 11))]
        assert starts == [f"no close of ^RUT for {count}" for count in sessions]
        if when_stale == "hold":
            how = 'nothing is sold, however long it lasts (gate.when_stale is "hold")'
            assert ends == [how] * 10
            assert bought(w) == ALL
            return
        left = [*(f"everything is sold in {count}" for count in sessions[4::-1])]
        limit = "(gate.max_gate_age is 5)"
        assert ends == [
            *(f"{text} {limit}" for text in left),
            *[f"everything is sold {limit}"] * 5,
        ]
        assert sorted(order.market.base for order in w.venue.orders[3:]) == ALL
        assert {order.side for order in w.venue.orders[3:]} == {"SELL"}


@pytest.mark.parametrize("confirms", [True, pytest.param(False, marks=pytest.mark.proof)])
def test_a_held_close_counts_at_once_if_the_second_source_has_it_too(
    whole_folder: Path,
    *,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    confirms: bool,
) -> None:
    """A fall of high yield by a fifth; otherwise it stays held until the next session."""
    with downloading(whole_folder, cache, tmp_path, AT_ONCE | LISTED) as w:
        vendor = vendor_in(w, monkeypatch)
        vendor.frames = dict(w.yahoo.frames)
        w.run()
        change_rows(w, "HYG", bent(0.8, "2015-10-20"))
        if confirms:
            vendor.frames["HYG"] = w.yahoo.frames["HYG"]
        incidents = next_day(w).incidents
        row, usual = decisions(w)[-1], decisions(w)[0]
        with w.journal() as journal:
            accepted = journal.accepted()
        assert _texts(incidents)[0].startswith(
            "the close of HYG of 2015-10-20 is -20.0% from the one before, url has "
            + ("-20.0%: it counts from now on" if confirms else "+0.")
        )
        if not confirms:
            assert (row.gate_stale, accepted, bought(w)) == (1, [], ALL)
            return
        assert [(one.symbol, one.by_whom, one.at) for one in accepted] == [("HYG", "url", row.time)]
        assert row.gate_stale == 0
        assert row.ceiling < usual.ceiling, "credit fails, and it is acted on"
        assert {order.side for order in w.venue.orders[3:]} == {"SELL"}


def _texts(incidents: list[Incident]) -> list[str]:
    return [text for text in incident_texts(incidents, "held close") if " is -20.0% from " in text]
