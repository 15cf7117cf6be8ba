"""The one place where the stored examples meet the program and the helpers of its other tests.

When files move, the imports and the few lines here change with them; the stored files, what is
expected of them and `test_stored.py` stay as they are.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pandas as pd
import pytest
from typer.testing import CliRunner

import main
from backtests.performance.metrics import measure
from backtests.performance.short_windows import ANNUALISED
from brokers.clock import Clock, SimulatedClock
from tests.brokers.children import config
from tests.brokers.worlds import World, epoch, world
from tests.exchange.account import KEY, SECRET, Key
from tests.exchange.proxy import Asked
from tests.exchange.venue import TESTNET
from tests.price_folder import options

KEYS = {"RUSSELL_GATE_API_KEY": KEY, "RUSSELL_GATE_API_SECRET": SECRET}


class Answer(NamedTuple):
    """What a command came back with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document without NaN or infinity."""
        assert self.out.startswith("{"), f"exit code {self.code}, no JSON: {self.err or self.out}"
        return json.loads(self.out, parse_constant=pytest.fail)


def command(*words: object, env: Mapping[str, str] | None = None) -> Answer:
    """Run `main.py WORDS...` in this process."""
    result = CliRunner().invoke(main.app, [str(word) for word in words], env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def yearly_figures(folder: Path) -> dict[str, Any]:
    """Of a run too short for this version to annualise: what 0.1 gave, from the run's files."""
    equity = pd.read_csv(folder / "equity.csv", parse_dates=["time"], index_col="time")
    traded = float(pd.read_csv(folder / "orders.csv")["value"].sum())
    figures = measure(equity["value"], equity["exposure"].to_numpy(), traded, 0, 0.0)._asdict()
    return {name: figures[name] for name in ANNUALISED}


def made_up_prices(folder: Path, cache: Path) -> list[str]:
    """Options that read the made-up price folder."""
    return options(folder, cache)


class PaperWorld:
    """A made-up exchange and a clock; commands of paper trading run in it as a user types them."""

    def __init__(self, scene: World) -> None:
        self._scene = scene
        self.clock: SimulatedClock = scene.clock
        self.network, self.venue = scene.network, scene.venue
        self.journal_folder = Path(scene.settings.journal.folder)

    def command(self, *words: object) -> Answer:
        """Run a command with this world's settings."""
        name, *rest = words
        return command(name, "--config", config(self._scene), *rest, env=KEYS)

    def ordered(self) -> list[dict[str, Any]]:
        """The exchange's own list of what was ordered, oldest first."""
        return [
            {
                "client_id": order.client_id,
                "coin": order.market.base,
                "side": order.side,
                "filled": float(order.executed),
            }
            for order in self.venue.orders
        ]

    def restore(self, recorded: Path) -> None:
        """Do what was recorded again, each at its own time: the account is then what it was."""
        now = self.clock.now()
        for event in json.loads(recorded.read_text()):
            self.clock._now = event["at"]
            if deposit := event.get("deposit"):
                self.venue.person.deposit(deposit["coin"], deposit["units"])
            else:
                self._place(event["at"], event["parameters"], event.get("fault"))
        self.clock._now = now

    def _place(
        self, at: float, parameters: Mapping[str, str], fault: Mapping[str, Any] | None
    ) -> None:
        """One signed order request."""
        if fault:
            self.venue.faults.add(method="POST", path="order", **fault)
        stamp = {"timestamp": str(int(at * 1000)), "recvWindow": "5000"}
        text = urlencode({**parameters, **stamp})
        body = f"{text}&signature={Key().signed(text)}".encode()
        asked = Asked(TESTNET, "POST", "/api/v3/order", {}, {"x-mbx-apikey": KEY}, body)
        answer = self.venue.answer(asked)
        assert answer.status == 200, answer.body


@contextmanager
def paper_world(
    folder: Path, cache: Path, place: Path, start: str, changes: Mapping[str, Any]
) -> Iterator[PaperWorld]:
    """A world whose clock stands at `start` (UTC), also for the commands that run in it."""
    with (
        world(folder, cache, place, start, changes) as scene,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(Clock, "now", lambda self: scene.clock.now())
        patch.setattr(Clock, "sleep", lambda self, seconds: scene.clock.sleep(seconds))
        patch.setattr(Clock, "longest_sleep", float("inf"))
        yield PaperWorld(scene)


def seconds(text: str) -> int:
    """Epoch seconds of an instant (UTC)."""
    return epoch(text)
