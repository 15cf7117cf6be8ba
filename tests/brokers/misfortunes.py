"""What the tests of the fault catalogue share.

A world where nobody waits in real time, and what must hold after any misfortune.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl

import pytest

from brokers.commands import paper
from brokers.journal.incident import Incident
from brokers.journal.records import Intent
from brokers.prices.load import Prices
from tests.brokers.worlds import World, settings_for, world
from tests.exchange.proxy import Answer, Asked
from tests.exchange.venue import TESTNET
from tests.proofs.bad_luck import FromMemory, prices_of, waiting_for_nothing

START = "2015-10-20 00:00:02"
NEXT_DAY = "2015-10-21 00:00:02"
OUT = {"risk_curve.ceilings": [0.0, 0.0, 0.0, 0.0]}  # settings under which everything is sold
STEPS = {"BTC": 1e-5, "ETH": 1e-4, "SOL": 1e-3}  # in the order in which coins are bought


@contextmanager
def disturbed(
    folder: Path,
    cache: Path,
    place: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    start: str = START,
    downloads: bool = False,
) -> Iterator[World]:
    """A world in which the price sources too wait for nothing.

    Their pauses, unlike the session's, are real.

    Prices come from memory, the ones at which orders are checked from the exchange; with
    `downloads` all come from the sites.
    """
    with (
        waiting_for_nothing(),
        world(folder, cache, place, start, changes) as w,
        pytest.MonkeyPatch.context() as patch,
    ):
        if not downloads:
            patch.setattr(
                paper,
                "LivePrices",
                lambda settings, _: FromMemory(settings, _prices(folder, cache), lambda: False),
            )
        yield w


@lru_cache(maxsize=2)
def undisturbed(folder: Path, cache: Path) -> Mapping[str, float]:
    """What the account holds, beyond its grants, after the same cycle without a misfortune, all of
    it downloaded.
    """
    with TemporaryDirectory() as place, disturbed(folder, cache, Path(place), downloads=True) as w:
        w.run()
        return w.owned()


@lru_cache(maxsize=2)
def _prices(folder: Path, cache: Path) -> Prices:
    return prices_of(folder, cache)


def change(w: World, folder: Path, cache: Path, changes: Mapping[str, Any]) -> None:
    """From the next session on, other settings."""
    place = Path(w.settings.journal.folder).parent
    w.settings = settings_for(folder, cache, place, changes)


def assert_as_undisturbed(w: World, expected: Mapping[str, float]) -> None:
    """Holdings within one step of those of the undisturbed run, nothing lost, every intent done,
    the journal's sizes the exchange's.
    """
    owned, now = w.owned(), w.clock.now()
    for coin, step in STEPS.items():
        assert owned[coin] == pytest.approx(expected[coin], abs=step), coin
    assert owned["USDT"] == pytest.approx(
        expected["USDT"],
        abs=sum(step * w.price(f"{coin}USDT", now) for coin, step in STEPS.items()),
    )
    assert_sound(w)
    with w.journal() as journal:
        assert [intent.state for intent in journal.intents()] == ["done"] * 3


def assert_adopted(w: World, expected: Mapping[str, float]) -> None:
    """As undisturbed: three orders were sent and three were taken.

    One without an answer was asked for by its id.
    """
    assert_as_undisturbed(w, expected)
    assert bought(w) == ["BTC", "ETH", "SOL"] and len(posts(w)) == 3
    assert attempts(w) == [(coin, 1, "filled") for coin in STEPS]
    assert asked_for(w, "order", TESTNET)


def assert_sound(w: World) -> None:
    """Balances conserved, no id sent twice, nobody bothered who had asked for quiet, and journal
    and exchange agreeing on every fill.
    """
    assert w.venue.conserved()
    sent = [one["newClientOrderId"] for one in posts(w)]
    assert len(set(sent)) == len(sent)
    assert w.venue.impatient == [] and w.venue.signed_live == [] and w.network.refused == []
    with w.journal() as journal:
        known = {
            row.client_id: abs(row.filled) for row in journal.orders() if row.venue_id is not None
        }
        fills = {row.client_id: 0.0 for row in journal.fills()}
        for row in journal.fills():
            fills[row.client_id] += abs(row.size)
        held = {
            order.client_id: float(order.executed)
            for order in w.venue.orders
            if order.client_id.startswith(journal.account_id)
        }
    assert known == pytest.approx(held)
    assert fills == pytest.approx({id_: filled for id_, filled in held.items() if filled})


def posts(w: World) -> list[dict[str, str]]:
    """The parameters of every order that left us, whether it arrived or not."""
    return [sent(asked) for asked in w.network.asked if asked.method == "POST"]


def sent(asked: Asked) -> dict[str, str]:
    return dict(parse_qsl(asked.body.decode())) | asked.query


def bought(w: World) -> list[str]:
    """The base coins of the orders that reached the exchange, in their order."""
    return [order.market.base for order in w.venue.orders]


def intents(w: World) -> list[Intent]:
    with w.journal() as journal:
        return journal.intents()


def attempts(w: World) -> list[tuple[str, int, str]]:
    """Coin, attempt and end of every order in the journal."""
    with w.journal() as journal:
        return [(row.symbol, row.attempt, row.status) for row in journal.orders()]


def incident_texts(incidents: list[Incident], kind: str) -> list[str]:
    """What a person was told under one heading."""
    return [incident.text for incident in incidents if incident.kind == kind]


def asked_for(w: World, path: str, host: str | None = None) -> list[Asked]:
    """Requests of one endpoint of the exchange."""
    return [
        asked
        for asked in w.network.asked
        if asked.path == f"/api/v3/{path}" and host in (None, asked.host)
    ]


def outage(
    w: World, seconds: float, answer: Answer, begins: Any, hosts: tuple[str, ...] = (TESTNET,)
) -> list[Asked]:
    """From the first request that `begins` on, for `seconds`, all `hosts` give `answer`.

    The requests that met it.
    """
    met: list[Asked] = []
    until: list[float] = []

    def down(asked: Asked, number: int) -> Answer | None:
        if not until and begins(asked):
            until.append(w.clock.now() + seconds)
        if until and w.clock.now() < until[0] and asked.host in hosts:
            met.append(asked)
            return answer
        return None

    w.venue.before_request = down
    return met
