"""Journals of paper sessions to report on: a replay of made-up prices, and copies of it to which
something has happened.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.engine.inputs import prepare_inputs
from backtests.paper_sessions.summary import SessionReport, session_report
from backtests.runs.replay import replay
from brokers.journal.permit import grant_permit
from brokers.prices.load import load_prices
from config.settings import load
from tests.price_folder import overrides

DAY = 86_400
# 2015-08-16 00:00 UTC: BTC is bought at once, ETH five days later, SOL on 2015-09-20.
FIRST = 1_439_683_200
BARS = 45
NOW = pd.Timestamp("2017-01-01", tz="UTC")
# Without it a session that was no replay has its coins from an exchange.
FROM_FOLDER = ["prices.source=folder"]


def replayed(folder: Path, cache: Path, place: Path) -> Path:
    """A journal of `BARS` days through the live path, the first ending at `FIRST`."""
    window = ["backtest.start=2015-08-15", "backtest.end=2015-09-28", "allocation.band=0.05"]
    settings = load(None, [*overrides(folder, cache), *window])
    replay(prepare_inputs(settings, load_prices(settings, NOW)), place / "replay.sqlite")
    return place / "replay.sqlite"


def changed(journal: Path, place: Path, *statements: str, name: str = "session") -> Path:
    """A copy of a journal after some SQL."""
    copy = Path(shutil.copyfile(journal, place / f"{name}.sqlite"))
    with closing(sqlite3.connect(copy)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    grant_permit(copy)
    return copy


def without(*bars: int) -> list[str]:
    """SQL: the bars of these numbers were never decided; nothing may have been ordered on them."""
    times = ", ".join(str(bar(number)) for number in bars)
    return [f"DELETE FROM {table} WHERE time IN ({times})" for table in ("equity", "decisions")]


def bar(number: int) -> int:
    """End of the bar of that number, from 0."""
    return FIRST + number * DAY


def sold(second: int, after: int) -> list[str]:
    """SQL: everything was sold at `second`, after the bar of that time."""
    at = second + 0.5
    order = f"'sale', 99, 1, 'BTC', -1.0, NULL, {at}, NULL, 'filled', -1.0, 99.0, {at}, ''"
    return [
        f"CREATE TEMP TABLE sale AS SELECT * FROM decisions WHERE time = {after}",
        f"UPDATE sale SET time = {second}, kind = 'flatten', sentence = 'Everything is sold.'",
        "INSERT INTO decisions SELECT * FROM sale",
        f"INSERT INTO intents VALUES (99, {second}, 'BTC', 0, -1.0, 100.0, 'done', 'filled')",
        f"INSERT INTO orders VALUES ({order})",
        f"INSERT INTO fills VALUES ('BTC', 'sale', 'sale', {at}, -1.0, 99.0, 0.1, '', 0.1)",
    ]


def report_of(journal: Path, *settings: str, source: list[str] = FROM_FOLDER) -> SessionReport:
    return session_report(journal, [*source, *settings], NOW)


# What makes a session of the replay: it ended otherwise, one bar earlier, before the order that the
# replay's end left open.
SESSION = (
    "UPDATE sessions SET outcome = 'done'",
    *without(BARS - 1),
    "DELETE FROM intents WHERE id = 8",
)


def rows(journal: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(journal)) as connection:
        return connection.execute(query).fetchall()
