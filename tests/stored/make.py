"""Make the stored examples: python -m tests.stored.make FOLDER STAGE...

This was run once, on version 0.1. Later versions read what it left, they do not make it again:
it uses the names and the words of 0.1. Everything is made in FOLDER, which must not exist yet,
from made-up or simulated prices only, under relative paths; the stage `expect` writes what this
version says of the files in tests/stored/0.1 and their checksums. Stages: dry-run, testnet, halted,
runs (copied from FOLDER/0.1 to tests/stored/0.1 by hand), then expect.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from brokers.clock import Clock
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.stored.program import PaperWorld, command, made_up_prices, paper_world, seconds

PRICES, CACHE = Path("prices"), Path("cache")
SAMPLE = ("--set", "prices.source=sample", "--set", "prices.cache=cache")
TRADED = {"allocation.band": 0.05, "exchange.fill_within": 20.0}
WINDOW = ("--set", "backtest.start=2014-03-01", "--set", "backtest.end=2015-11-30")
SEARCH = """\
[tune]
searched_gates = 5
searched_sets = 4

[tune.walk_forward]
step_months = 6
train_months = 6

[tune.space]
"gate.base_sessions" = [126, 252]
"gate.confirm_sessions" = [1, 3]
"""
Events = Mapping[int, Callable[[], object]]


def run_until(place: PaperWorld, until: str, events: Events | None = None) -> None:
    """Run `paper` until that instant; `events` happen when the clock passes theirs."""
    left = dict(sorted((events or {}).items()))
    end = seconds(until)

    def sleep(clock: Clock, length: float) -> None:
        wanted = min(place.clock.now() + length, end)
        for at in [at for at in left if at <= wanted]:
            left.pop(at)()
        place.clock._now = max(wanted, place.clock.now())
        if wanted >= end:
            clock.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brokers.clock.Clock.sleep", sleep)
        answer = place.command("paper", "--json")
    print("paper until", until, "->", answer.code, answer.err.strip())


def stopped_at(place: PaperWorld, name: str, *words: str) -> None:
    """Run `halt` or `resume` at the world's time; by themselves they ask the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brokers.commands.paper.time.time", place.clock.now)
        print(name, place.command(name, *words))


def dry_run() -> None:
    """A month on paper: buys, sells, an outage, a missed bar, a halt that stops three buys."""
    changes = {**TRADED, "exchange.mode": "dry-run"}
    with paper_world(PRICES, CACHE, Path(), "2014-04-22 00:00:05", changes) as place:
        sites = [host for host in place.network.sites if "yahoo" in host]
        outage = {
            seconds("2014-04-29 12:00"): lambda: place.network.offline.update(sites),
            seconds("2014-05-01 12:00"): place.network.offline.clear,
        }
        run_until(place, "2014-05-08 00:10", outage)
        place.clock._now = seconds("2014-05-10 00:00:05")
        run_until(place, "2014-05-13 12:00")
        stopped_at(place, "halt", "--reason", "a look at the books")
        run_until(place, "2014-05-14 12:00")
        stopped_at(place, "resume")
        run_until(place, "2014-05-22 00:10")
    keep_journal("dry-run-binance.sqlite", "dry-run")


def halted() -> None:
    """The journal of the dry run after `halt`: nothing may be ordered until `resume`."""
    from tests.stored.test_stored import STORED

    name = "dry-run-binance.sqlite"
    Path("state").mkdir()
    shutil.copyfile(STORED / "dry-run" / name, Path("state") / name)
    changes = {**TRADED, "exchange.mode": "dry-run"}
    with paper_world(PRICES, CACHE, Path(), "2014-05-22 06:00", changes) as place:
        stopped_at(place, "halt", "--reason", "over the weekend")
    keep_journal(name, "halted")


def testnet() -> None:
    """Two weeks on the exchange: a refusal, half a fill, a deposit, an answer that never came."""
    requests: list[dict[str, object]] = []
    changes = {**TRADED, "exchange.mode": "testnet"}
    with paper_world(PRICES, CACHE, Path(), "2014-05-08 00:00:05", changes) as place:
        half = {"fault": "partial_then_expired", "fraction": "0.4"}
        faults = place.venue.faults

        def deposit() -> None:
            place.venue.person.deposit("USDT", "250")
            at = seconds("2014-05-19 12:00")
            requests.append({"at": at, "deposit": {"coin": "USDT", "units": "250"}})

        run_until(
            place,
            "2014-05-16 00:10",
            {
                seconds("2014-05-13 12:00"): lambda: faults.add("market_closed", "POST", "order"),
                seconds("2014-05-14 12:00"): lambda: faults.add(
                    "partial_then_expired", "POST", "order", nth=2, fraction="0.4"
                ),
            },
        )
        place.clock._now = seconds("2014-05-16 12:00")
        run_until(place, "2014-05-22 12:00", {seconds("2014-05-19 12:00"): deposit})
        place.clock._now = seconds("2014-05-23 00:00:05")
        cut_off_at_second_order(place)
        print("cut off", place.command("paper", "--once", "--json").code)
        requests += requests_of(place, half)
    Path("orders.json").write_text(
        json.dumps(sorted(requests, key=lambda one: one["at"]), indent=1)
    )
    keep_journal("testnet-binance.sqlite", "testnet")
    shutil.move("orders.json", "0.1/testnet/orders.json")


def cut_off_at_second_order(place: PaperWorld) -> None:
    """The second order from now on is executed; neither its answer nor any other arrives."""
    seen: list[Asked] = []

    def hook(asked: Asked, number: int) -> Answer | None:
        if (asked.method, asked.path) == ("POST", "/api/v3/order"):
            seen.append(asked)
        if len(seen) < 2:
            return None
        place.network.offline.add("testnet.binance.vision")
        return DROPPED

    place.venue.after_request = hook


def requests_of(place: PaperWorld, half: dict[str, str]) -> list[dict[str, object]]:
    """The requests that became orders, without key and signature."""
    posted = {}
    for asked in place.network.asked:
        if (asked.method, asked.path) == ("POST", "/api/v3/order"):
            found = dict(parse_qsl(asked.body.decode())) | asked.query
            posted[found["newClientOrderId"]] = found
    requests = []
    for order in place.venue.orders:
        sent = posted[order.client_id]
        at = int(sent["timestamp"]) / 1000
        spare = ("timestamp", "recvWindow", "signature")
        parameters = {name: value for name, value in sent.items() if name not in spare}
        fault = half if order.status == "EXPIRED" else None
        requests.append({"at": at, "parameters": parameters, "fault": fault})
    return requests


def keep_journal(name: str, folder: str) -> None:
    """Keep one journal without the files beside it."""
    target = Path("0.1") / folder
    target.mkdir(parents=True)
    with closing(sqlite3.connect(Path("state") / name)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("VACUUM")
    shutil.copyfile(Path("state") / name, target / name)


def runs() -> None:
    """A backtest and a replay of simulated prices; a search and the evidence on made-up ones."""
    Path("search.toml").write_text(SEARCH)
    folder = made_up_prices(PRICES, CACHE)
    few = ("--set", "backtest.random_gates=20")
    days = ("--set", "backtest.start=2020-10-01", "--set", "backtest.end=2021-06-30")
    made("backtest", *SAMPLE, *few, *days, "--output", "backtest")
    made("paper", "--replay", "2020-11-10:2021-01-31", *SAMPLE, *few, "--output", "replay")
    made("tune", "--config", "search.toml", *folder, *WINDOW, "--output", "tune")
    made("evidence", *folder, "--set", "evidence.draws=200", "--output", "evidence")
    for name in ("backtest", "replay", "tune", "evidence"):
        unwanted = shutil.ignore_patterns("*.html", "*.log")
        shutil.copytree(name, Path("0.1") / name, ignore=unwanted)
    shutil.copyfile("tune/best.toml", "0.1/best.toml")


def made(*words: str) -> None:
    """Run a command that must succeed."""
    answer = command(*words)
    print(words[0], answer.code, answer.err[-300:])
    assert answer.code == 0


def prices() -> None:
    """The made-up price folder and the calendar it needs."""
    from brokers.prices.calendar import LEAD, session_closes
    from tests.price_folder import HISTORY_FROM, write_folder

    session_closes(HISTORY_FROM - LEAD, CACHE)
    write_folder(PRICES, CACHE)


def expect() -> None:
    """Write down what this version says of the stored files, and their checksums."""
    from tests.stored.readings import READINGS, Place
    from tests.stored.test_stored import STORED, checksums

    commit = (STORED / "commit.txt").read_text().strip()
    (STORED / "expected").mkdir(exist_ok=True)
    for name, reading in READINGS.items():
        work = Path("readings").absolute() / name
        shutil.copytree(STORED, work / "stored")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(work)
            facts = reading(
                Place(work / "stored", work.parents[1] / PRICES, work.parents[1] / CACHE, work)
            )
        made_by = f"version 0.1 at {commit}: READINGS[{name!r}] of tests/stored/readings.py"
        text = json.dumps({"made_by": made_by, "facts": facts}, indent=1, allow_nan=False)
        (STORED / "expected" / f"{name}.json").write_text(text + "\n")
    (STORED / "checksums.json").write_text(json.dumps(checksums(), indent=1) + "\n")


def main() -> None:
    """Make everything."""
    stages = {
        "dry-run": dry_run,
        "halted": halted,
        "testnet": testnet,
        "runs": runs,
        "expect": expect,
    }
    here = Path(__file__).parents[2]
    commit = subprocess.check_output(["git", "-C", here, "rev-parse", "--short=12", "HEAD"])
    place = Path(sys.argv[1])
    place.mkdir(parents=True)
    os.chdir(place)
    for name in sys.argv[2:]:
        shutil.rmtree(CACHE, ignore_errors=True)  # what one stage knows lies in another's future
        shutil.rmtree(PRICES, ignore_errors=True)
        prices()
        stages[name]()
    if Path("0.1").exists():
        Path("0.1/commit.txt").write_bytes(commit)


if __name__ == "__main__":
    main()
