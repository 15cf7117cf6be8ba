"""A session adds its gate to the forward record after its orders, and never fails by it."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from backtests.engine.rules import rules_digest
from brokers.clock import SimulatedClock
from brokers.journal.decision import GateExplanation
from brokers.journal.forward_record import (
    ForwardError,
    ForwardRow,
    append_forward,
    forward_path,
    read_forward,
)
from brokers.journal.incident import Incident
from brokers.live import forward_recorder
from brokers.live.data_provider import DataProvider
from brokers.live.forward_recorder import ForwardRecorder, Reading, is_in_own_time, record_reading
from brokers.live.live_gate import GateNow
from brokers.prices.load import Prices
from config.settings import Settings
from strategies.breakout import STATES
from tests.brokers.children import ROOT, config
from tests.brokers.misfortunes import disturbed, incident_texts
from tests.brokers.test_faults_data import decisions, gate_rows
from tests.brokers.worlds import DAY, World, _frame, settings_for
from tests.exchange.account import KEY, SECRET

# The session of Monday 2015-10-19, known half an hour after its close.
MONDAY = datetime(2015, 10, 19, 20, 30, tzinfo=UTC)
READING = Reading(pd.Timestamp(MONDAY), "confirmed", 0.75, 186.5, 0.0, "digest")
# Forks at once, with everything imported, a process for each line of its input.
FORKS = """
import json, os, sys
from tests.brokers.children import _child, _import_everything
_import_everything()
children = []
for line in sys.stdin:
    if not (pid := os.fork()):
        status = 70
        try:
            status = _child(json.loads(line))
        finally:
            sys.stdout.flush()
            os._exit(status)
    children.append(pid)
ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(json.dumps(ends))
"""


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def empty(settings: Settings, now: str) -> Prices:
    return Prices({}, pd.Series(dtype=float), utc(now))


@pytest.fixture
def settings(whole_folder: Path, cache: Path, tmp_path: Path) -> Settings:
    return settings_for(whole_folder, cache, tmp_path, {"prices.cache": cache})


@pytest.mark.parametrize(
    ("known_at", "first", "last"),
    [
        ("2015-10-19 20:30", "2015-10-19 20:30", "2015-10-20 19:59"),
        ("2015-11-27 18:30", "2015-11-27 18:30", "2015-11-30 20:59"),  # half a day, a weekend
    ],
)
def test_the_time_of_a_session_ends_with_the_next_close(
    settings: Settings, known_at: str, first: str, last: str
) -> None:
    minute = pd.Timedelta(minutes=1)
    instants = (utc(first) - minute, utc(first), utc(last), utc(last) + minute)
    expected = [False, True, True, False]
    assert [is_in_own_time(utc(known_at), now, settings) for now in instants] == expected
    assert not is_in_own_time(utc(known_at) + minute, utc(last), settings), "no session's close"


def test_stale_late_and_simulated_readings_are_not_recorded(settings: Settings) -> None:
    now = "2015-10-20 00:00"
    prices = empty(settings, now)
    assert not record_reading(READING._replace(stale=1.0), prices, settings, utc(now))
    assert not record_reading(READING, prices._replace(sample=True), settings, utc(now))
    assert not record_reading(READING, prices, settings, utc("2015-10-20 20:00"))
    assert not forward_path(settings).exists()
    assert record_reading(READING, prices, settings, utc(now))
    assert record_reading(READING, prices, settings, utc(now)), "the record has it"
    (row,) = read_forward(forward_path(settings)).rows
    assert (row.known_at, row.ceiling, row.index_close) == (MONDAY, 0.75, 186.5)
    assert row.coin_closes == {}


def test_a_session_records_each_session_of_the_market_once_as_it_acted_on_it(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.run()
        w.clock.sleep(DAY)
        w.run()
        record = read_forward(forward_path(w.settings))
        written = [
            (int(row.known_at.timestamp()), row.ceiling, row.index_close, STATES.index(row.state))
            for row in record.rows
        ]
        assert written == [
            (row.known_at, row.ceiling, row.close, row.state) for row in gate_rows(w)
        ]
        assert len(written) == 2
        first = record.rows[0]
        assert first.known_at == MONDAY
        assert first.rules_digest == rules_digest(w.settings)
        assert first.coin_closes["BTC-USD"] == float(w.rows("BTC")["Close"]["2015-10-18"])


def test_a_record_that_cannot_be_written_changes_nothing_else_and_is_reported_once(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    outcomes = []
    for place in (tmp_path / "well", tmp_path / "not"):
        place.mkdir()
        with disturbed(whole_folder, cache, place) as w:
            if place.name == "not":
                forward_path(w.settings).mkdir(parents=True)
            observer = w.run(once=False, until="2015-10-22 00:01")
            orders = [
                (order.side, order.market.symbol, order.size, order.quote_size)
                for order in w.venue.orders
            ]
            outcomes.append((orders, [row.sentence for row in decisions(w)]))
            texts = incident_texts(observer.incidents, "forward record")
            assert len(texts) == (0 if place.name == "well" else 1)
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][1]) == 3
    assert "forward.csv: no row was added (Is a directory)" in texts[0]


def test_the_row_is_written_when_the_orders_of_the_decision_are_settled(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    with disturbed(whole_folder, cache, tmp_path) as w:

        def look(path: Path, row: Any) -> bool:
            with w.journal(locked=False) as journal:
                seen.append((len(list(journal.decisions())), len(journal.unfinished_intents())))
            raise ForwardError("looked at")

        monkeypatch.setattr(forward_recorder, "append_forward", look)
        w.run()
        assert len(w.venue.orders) == 3
    assert seen == [(1, 0)]


def test_a_row_that_is_there_costs_nothing_at_the_bars_that_follow(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session of minutes asks 525,600 times a year, for some 250 rows."""
    clock, appended = SimulatedClock(MONDAY.timestamp()), list[datetime]()

    def append(path: Path, row: ForwardRow) -> bool:
        appended.append(row.written_at)
        if len(appended) == 1:
            raise ForwardError("no room")
        return append_forward(path, row)

    monkeypatch.setattr(forward_recorder, "append_forward", append)
    why = GateExplanation(186.5, 180.0, 300.0, 180.0, "confirmed", "", "")
    lines = {"state": float(STATES.index("confirmed")), "ceiling": 0.75, "stale": 0.0}
    gate = GateNow(MONDAY.timestamp(), lines, why, {}, None)
    provider = SimpleNamespace(prices=empty(settings, "2015-10-20"), newest_gate=lambda: gate)
    incidents = list[Incident]()
    recorder = ForwardRecorder(
        settings,
        cast("DataProvider", provider),
        clock,
        incidents.append,
        states=STATES,
        rules_digest="digest",
    )
    for _ in range(60):
        recorder.record()
        clock.sleep(60.0)
    minute = timedelta(minutes=1)
    assert appended == [MONDAY, MONDAY + minute], "written at the second bar, and never looked up"
    assert [incident.text for incident in incidents] == ["no room"]
    (row,) = read_forward(forward_path(settings)).rows
    assert (row.state, row.ceiling, row.written_at) == ("confirmed", 0.75, MONDAY + minute)


def job(w: World, place: Path, *words: str) -> str:
    """A command of the program at the time of `w`, whose output goes to files in `place`."""
    place.mkdir()
    keys = {"RUSSELL_GATE_API_KEY": KEY, "RUSSELL_GATE_API_SECRET": SECRET}
    return json.dumps(
        {
            "words": [*words, "--config", str(config(w))],
            "place": str(place),
            "ahead": w.clock.now() - time.time(),
            "environment": w.network.environment() | keys,
        }
    )


def test_two_gate_commands_and_a_session_at_once_write_one_row(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    commands = {"a": ("gate",), "b": ("gate",), "paper": ("paper", "--once")}
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        for coin in ("BTC-USD", "ETH-USD", "SOL-USD"):
            w.yahoo.frames[coin] = _frame(whole_folder, coin)
        jobs = [job(w, tmp_path / name, *words) for name, words in commands.items()]
        ended = subprocess.run(
            [sys.executable, "-c", FORKS],
            cwd=ROOT,
            input="\n".join(jobs),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=300,
        )
        errors = {name: (tmp_path / name / "err").read_text() for name in commands}
        assert json.loads(ended.stdout) == [0, 0, 0], errors
        assert not [text for text in errors.values() if "forward" in text]
        record = read_forward(forward_path(w.settings))
        assert record.torn == 0
        assert [row.known_at for row in record.rows] == [MONDAY]
        assert forward_path(w.settings).read_text().count("\n") == 2
