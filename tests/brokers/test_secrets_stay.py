"""Whatever goes wrong at an exchange, no key, no secret and no signature is left anywhere.

Not in a log, the journal, an error, a process list.
"""

import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backtests.engine.live import live_strategy
from brokers.commands import paper
from brokers.commands.paper import build_session
from brokers.errors import SafetyError
from brokers.exchange.errors import ExchangeError
from brokers.journal.opening import journal_path, open_journal
from brokers.live.observation import observe_session
from strategies.breakout import STATES
from tests.brokers.worlds import DAY, SECRETS, World, world
from tests.exchange.account import KEY, SECRET, Key
from tests.exchange.faults import CHANGES, EXECUTED, FAULTS, SLOW, TURNED_AWAY, UNEXECUTED, Rule
from tests.exchange.markets import listed_markets
from tests.exchange.venue import TESTNET
from tests.price_folder import options
from tests.proofs.bad_luck import FromMemory, prices_of, waiting_for_nothing

ROOT = Path(__file__).parents[2]
SIGNED = re.compile(rb"signature=([0-9A-Za-z]+)")
QUESTIONS = ("account", "time", "exchangeInfo", "openOrders", "depth", "myTrades", "order")
DETAILS: dict[str, dict[str, Any]] = {
    "slow": {"seconds": 0.7},
    "trickled": {"seconds": 0.01},
    "429": {"retry_after": 70},
    "418": {"retry_after": 200},
}


ALONE = {*CHANGES, *TURNED_AWAY, "filled_before_cancel"}  # one a day


def leaks(texts: Iterable[bytes], scene: World) -> list[bytes]:
    """Secrets of the account, and signatures that were really sent, in `texts`."""
    asked = [one for one in scene.network.asked if one.host == TESTNET]
    signatures = {
        found for one in asked for found in SIGNED.findall(one.raw_query.encode() + one.body)
    }
    assert len(signatures) >= 5
    return [
        secret
        for text in texts
        for secret in (KEY.encode(), SECRET.encode(), *signatures, *SIGNED.findall(text))
        if secret in text
    ]


def files(place: Path) -> Iterator[bytes]:
    """The content of every file, the journal's write-ahead log among them."""
    for file in place.rglob("*"):
        if file.is_file():
            yield file.read_bytes()


def disturb(scene: World, names: list[str], day: int) -> list[Rule]:
    """Let one order each meet these faults, and questions too where they can, that for the account
    so often that it is given up.
    """
    if names == ["filled_before_cancel"]:
        scene.venue.faults.add("partial_then_rest", "POST", "order", queries=1000)
        return [scene.venue.faults.add(names[0], "DELETE", "order")]
    asked = [name for name in names if name in EXECUTED | UNEXECUTED | SLOW]
    for place, path in enumerate(QUESTIONS if asked else ()):
        name = asked[(place + day) % len(asked)]
        often = path == "account" and name in EXECUTED | UNEXECUTED
        scene.venue.faults.add(name, "GET", path, times=4 if often else 1, **DETAILS.get(name, {}))
    return [
        scene.venue.faults.add(name, "POST", "order", nth=place + 1, **DETAILS.get(name, {}))
        for place, name in enumerate(names)
    ]


def recovered(scene: World) -> None:
    """The next day, with nothing left of what was wrong."""
    scene.venue.faults.clear()
    scene.venue.keys = {Key().name: Key()}
    scene.venue.markets.update(listed_markets())
    for symbol in scene.venue.markets:
        scene.venue.books.unset(symbol)
    scene.clock.sleep(DAY)


def cycle(scene: World) -> str:
    """A `--once` cycle that logs to files and console.

    Its error as Python would print it, with all that came before it.
    """
    with (
        open_journal(journal_path(scene.settings), scene.clock.now) as journal,
        observe_session(scene.settings, SECRETS, journal, STATES, console=True) as observer,
    ):
        session = build_session(
            scene.settings,
            SECRETS,
            live_strategy(scene.settings),
            journal=journal,
            clock=scene.clock,
            observer=observer,
        )
        outcome = "done"
        try:
            session.run(once=True)
        except (ExchangeError, SafetyError) as error:
            outcome = f"{type(error).__name__}: {error}"
            return "".join(traceback.format_exception(error))
        finally:
            session.end(outcome)
    return ""


@pytest.fixture
def scene(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A world that trades every day and logs everything."""
    prices = prices_of(whole_folder, cache)
    changes = {"exchange.timeout": 0.2, "allocation.band": 0.0, "log.level": "DEBUG"}
    with (
        waiting_for_nothing(),
        world(whole_folder, cache, tmp_path, "2015-10-20 00:00:02", changes) as found,
    ):
        monkeypatch.setattr(
            paper, "LivePrices", lambda settings, _: FromMemory(settings, prices, lambda: False)
        )
        yield found


def test_no_fault_leaves_a_secret_anywhere(
    scene: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    waiting, errors, day = sorted(FAULTS, key=lambda name: name in ALONE), list[str](), 0
    while waiting and day < 2 * len(FAULTS):
        names = (
            waiting[:1]
            if waiting[0] in ALONE
            else [name for name in waiting[:3] if name not in ALONE]
        )
        rules = disturb(scene, names, day)
        errors.append(cycle(scene))
        waiting = waiting[len(names) :] + [rule.name for rule in rules if not rule.met]
        recovered(scene)
        day += 1
    assert waiting == []
    told = [*errors, *capfd.readouterr()]
    assert any("CallAPersonError" in error for error in errors)
    assert len(list(files(tmp_path / "logs"))) > 0
    assert leaks([*files(tmp_path), *(text.encode() for text in told)], scene) == []


def test_a_real_process_shows_none_to_others(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The process is real, and so is its clock, by which there are no prices.

    It asks for its account, and is killed when it has.
    """
    with world(whole_folder, cache, tmp_path, "2015-10-20") as scene:
        scene.venue.now = time.time
        scene.venue.faults.add("503_before", "GET", "account")
        settings = {
            "journal.folder": tmp_path / "state",
            "log.folder": tmp_path / "logs",
            "exchange.mode": "testnet",
            "log.level": "DEBUG",
        }
        words = [
            *options(whole_folder, cache),
            *(word for name, value in settings.items() for word in ("--set", f"{name}={value}")),
        ]
        keys = {"RUSSELL_GATE_API_KEY": KEY, "RUSSELL_GATE_API_SECRET": SECRET}
        command = [sys.executable, str(ROOT / "main.py"), "paper", *words]
        child = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=os.environ | keys,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + 60.0
        while (
            scene.network.counts[TESTNET, "GET", "/api/v3/openOrders"] < 3
            and child.poll() is None
            and time.monotonic() < until
        ):
            time.sleep(0.05)
        shown = Path(f"/proc/{child.pid}/cmdline").read_bytes()
        child.kill()  # its write-ahead log stays as it was
        told = child.communicate(timeout=60)
        assert b"main.py" in shown
        assert leaks([shown, *told, *files(tmp_path)], scene) == []
