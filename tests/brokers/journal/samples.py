"""Rows to put into a journal; all numbers are made up."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brokers.journal.journal import Journal
from brokers.journal.records import Bar, DecisionRow, EquityRow, FillRow, GateRow, Intent, OrderRow

START = 1_700_006_400  # 2023-11-15 00:00 UTC
MINUTE = 60
UNKNOWN = float("nan")
SENTENCE = (
    "Gate confirmed since 2023-11-01, 2 of 3 channels filled (credit, broad): at most 75% in coins."
)
ROOT = Path(__file__).parents[3]


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, time: float = START + 2.5) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


def decision(time: int, session: int = 1, sentence: str = SENTENCE) -> DecisionRow:
    return DecisionRow(
        time=time,
        decided_at=time + 2.5,
        state=2,
        ceiling=0.75,
        filled=2,
        confirmed_at=START - 86400.0,
        gate_stale=0,
        equity=10_000.5,
        cash=4_000.25,
        drawdown=0.0625,
        gross=0.6,
        missing=(0.0, 1.0, UNKNOWN),
        current=(0.375, 0.225, 0.0),
        targets=(0.375, 0.225, 1 / 3),
        sizes=(0.0, 0.0, 0.1 + 0.2),
        sentence=sentence,
        note="",
        session=session,
    )


def one_coin_decision(time: int, **changes: Any) -> DecisionRow:
    """A decision on one coin that asks for nothing."""
    row = DecisionRow(
        time=time,
        decided_at=float(time),
        state=2,
        ceiling=1.0,
        filled=3,
        confirmed_at=None,
        gate_stale=0,
        equity=1000.0,
        cash=1000.0,
        drawdown=0.0,
        gross=1.0,
        missing=(0.0,),
        current=(0.0,),
        targets=(0.0,),
        sizes=(0.0,),
        sentence="",
        note="",
        session=1,
    )
    return row._replace(**changes)


def is_decided(journal: Journal, time: int) -> bool:
    """Whether the bar that ended at `time` has its decision."""
    return any(row.time == time for row in journal.decisions(time, time))


def gate(known_at: int, stale: int = 0, close: float = 2345.67) -> GateRow:
    return GateRow(known_at, close, 2340.0, 480.0, UNKNOWN, 0, 0.0, 2, None, stale, "start")


def bars(time: int) -> list[Bar]:
    return [
        Bar(time, f"{coin}/USDT", 100.0, 101.5, 99.0, 100.5 + place, 12.5, 0)
        for place, coin in enumerate(("BTC", "ETH", "SOL"))
    ]


def equity(time: int, unit_value: float = 1.0) -> EquityRow:
    return EquityRow(time, 10_000.0 * unit_value, 4_000.25, 10_000.0, unit_value, 0.0)


def intent(time: int, leg: int = 0, symbol: str = "BTC/USDT") -> Intent:
    return Intent(0, time, symbol, leg, -0.25, 100.5, "planned", "")


def order(client_id: str, of: int, attempt: int = 1) -> OrderRow:
    return OrderRow(
        client_id,
        of,
        attempt,
        "BTC/USDT",
        -0.25,
        None,
        START + 3.25,
        None,
        "open",
        0.0,
        None,
        START + 3.25,
    )


def fill(
    trade_id: str = "77",
    fee: float = 0.0125,
    fee_coin: str = "BNB",
    fee_quote: float = 2.5,
    time: float = START + 4.0,
) -> FillRow:
    return FillRow("BTC/USDT", trade_id, "an-order", time, -0.25, 100.25, fee, fee_coin, fee_quote)


def decide(
    journal: Journal,
    time: int,
    intents: Sequence[Intent] = (),
    sentence: str = SENTENCE,
    unit_value: float = 1.0,
) -> list[Intent]:
    """Record one whole decision of session 1, which is begun if it is not there."""
    if not journal.sessions():
        journal.begin_session("dry-run", "{}", "1.0")
    return journal.record_decision(
        decision(time, 1, sentence), None, bars(time), equity(time, unit_value), intents
    )


def python(code: str, path: Path) -> "subprocess.Popen[str]":
    """Another process that runs `code` with `path` the journal's."""
    before = (
        "import time; from pathlib import Path; from brokers.journal.opening import open_journal; "
        f"path = Path({str(path)!r})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", before + code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
