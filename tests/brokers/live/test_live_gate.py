"""What a running session's gate allows while other sources stand in, and what it calls revised."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from brokers.journal.decision import GateExplanation
from brokers.live.gate_history import NO_ROWS, GateHistory
from brokers.live.live_gate import EPOCH, LiveGate, limit_ceilings
from brokers.live.series_checks import read_by_gate
from brokers.live.strategy import Functions
from brokers.prices.combine import with_substitutes
from brokers.prices.load import Prices
from brokers.prices.series import Request, Series
from config.settings import Settings, load
from strategies.gate import GATE_LINES
from tests.scenes import changed

KNOWN = pd.date_range("2026-01-05 21:30", periods=6, freq="D", tz="UTC")
INDEX = Request("^RUT", "session")
COIN = Request("BTC-USD", "coin", "BTC/USDT")
READS_COIN = {"confirmations.exhaustion.enabled": True}
HIGH, LOW = [0.0, 0.5, 1.0, 0.5, 1.0, 1.0], [0.0, 0.5, 0.5, 0.25, 0.25, 0.25]


def rows(ceilings: list[float]) -> pd.DataFrame:
    index = KNOWN[: len(ceilings)]
    columns = dict.fromkeys((*GateExplanation._fields, *GATE_LINES), 1.0)
    table = pd.DataFrame(columns, index).assign(ceiling=ceilings, stale=0.0)
    return table.assign(substituted=False, held="", closes_note="", session_close=index)


@pytest.mark.parametrize(
    ("acted_on", "allowed", "later", "whole", "expected"),
    [
        (EPOCH, np.inf, [0] * 6, False, HIGH),
        (EPOCH, np.inf, [0] * 6, True, HIGH),  # the newest alone, which rises no further
        (EPOCH, np.inf, [0, 0, 0, 0, 0, 1], True, HIGH),
        (KNOWN[3], 0.5, [0] * 6, True, [*HIGH[:3], 0.5, 0.5, 0.5]),
        (KNOWN[3], 0.25, [0, 0, 0, 0, 0, 1], True, [*HIGH[:3], 0.25, 0.25, 0.25]),
        (KNOWN[3], 0.25, [0, 0, 0, 0, 1, 1], False, [*HIGH[:3], 0.5, 0.5, 0.5]),
        (KNOWN[3], 0.25, [0] * 6, False, HIGH),
        (KNOWN[5] + pd.Timedelta(hours=4), 0.25, [0] * 6, True, [*HIGH[:5], 0.25]),
    ],
)
def test_from_the_row_that_was_acted_on_no_later_source_raises_a_ceiling(
    acted_on: pd.Timestamp, allowed: float, later: list[int], *, whole: bool, expected: list[float]
) -> None:
    """In the last case it is known later by the settings of now than by those it was made with."""
    limited = limit_ceilings(rows(HIGH), np.array(later, bool), acted_on, allowed, whole=whole)
    assert limited["ceiling"].tolist() == expected


@pytest.mark.parametrize(("ceilings", "newest"), [([0.0, 1.0, 0.5, 1.0], 0.5), ([1.0], 1.0)])
def test_where_nothing_was_acted_on_the_newest_row_is_held_to_the_one_before(
    ceilings: list[float], newest: float
) -> None:
    later = np.zeros(len(ceilings), bool)
    limited = limit_ceilings(rows(ceilings), later, EPOCH, np.inf, whole=True)
    assert limited["ceiling"].tolist() == [*ceilings[:-1], newest]


def series(request: Request, source: str, sessions: int = 6) -> Series:
    """A series of "first", or one of another source in place of all of it."""
    known = KNOWN[:sessions]
    known = known if request.kind == "session" else known.ceil("D")
    frame = pd.DataFrame({"close": 1.0}, known)
    own = Series(request, source, f"{source} {request.symbol}", frame, "", ())
    names = pd.Series(source, known[-1:])
    return own if source == "first" else with_substitutes(own, names)


def no_coin(*_: object) -> pd.DataFrame:
    raise AssertionError("the gate asks for no coin's lines")


class Session:
    """A session's gate, of which the test says what it reads and from where it has its prices."""

    def __init__(self, settings: Settings, foreign: list[float] | None = None) -> None:
        """`foreign` are the ceilings of rows that earlier sessions acted on by other rules."""
        lines = rows(foreign or [1.0])[list(GATE_LINES)]
        history = GateHistory(lines, lines.index) if foreign else GateHistory(lines[:0], NO_ROWS)
        self.gate = LiveGate(settings, history)

    def day(self, ceilings: list[float], index: str = "first", coin: str = "first") -> list[str]:
        """Act on the newest row of these; what was revised."""
        days = len(ceilings)
        both = {INDEX: series(INDEX, index, days), COIN: series(COIN, coin, days)}
        known, table = pd.Series(KNOWN[:days], KNOWN[:days]), rows(ceilings)
        functions = Functions(lambda _: table, lambda _: table[list(GATE_LINES)], no_coin)
        revised = self.gate.compute(functions, Prices(both, known, known.iloc[-1].ceil("D")))
        self.gate.hand_over()
        return [incident.text for incident in revised]

    @property
    def ceiling(self) -> float:
        return self.gate.now(None, ()).lines["ceiling"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [0.5, 1.0, 1.0]),  # a coin that is only traded says nothing of the gate
        (READS_COIN, [0.5, 0.5, 0.5]),
    ],
)
def test_a_coin_that_stands_in_raises_no_ceiling_of_a_gate_that_reads_it(
    changes: dict[str, Any], expected: list[float]
) -> None:
    session = Session(changed(load(), changes))
    ceilings, revised = [], []
    for sessions, coin in ((2, "first"), (3, "url"), (5, "url"), (6, "first")):
        revised += session.day(HIGH[:sessions], coin=coin)
        ceilings.append(session.ceiling)
    assert ceilings == [*expected, 1.0]
    assert revised == [], "what its second source said is no revision"
    symbols = {"^RUT", "BTC-USD"} if changes else {"^RUT"}
    assert session.gate.now(None, ()).sources.keys() == symbols, "of what the gate reads"


def test_only_rows_that_were_acted_on_can_be_revised() -> None:
    """A session that begins on the fourth; the first source comes back on the sixth."""
    session = Session(load())
    assert session.day(HIGH[:4], index="url") == []
    assert session.day([*LOW[:3], 0.5, 1.0], index="url") == []
    assert session.ceiling == 0.5
    assert session.day(LOW, index="first") == []
    assert session.ceiling == 0.25
    (text,) = session.day([1.0] * 6)
    assert text.startswith("1 earlier gate row has changed since it was acted on, the first of")
    assert "2026-01-10" in text


def test_rows_by_other_rules_are_not_revised() -> None:
    session = Session(load(), foreign=[0.25] * 3)
    assert session.day(HIGH[:4]) == []
    (text,) = session.day(LOW[:4])
    assert text.startswith("1 earlier gate row has changed since it was acted on, the first of")
    assert "2026-01-08" in text


def test_of_the_coins_a_gate_reads_one_at_most() -> None:
    requests = (INDEX, COIN, COIN._replace(timeframe="4h"))
    loaded = {request: series(request, "url") for request in requests}
    prices = Prices(loaded, pd.Series(KNOWN, KNOWN), KNOWN[-1])
    assert list(read_by_gate(prices, load()).series) == [INDEX]
    assert list(read_by_gate(prices, changed(load(), READS_COIN)).series) == [INDEX, COIN]
