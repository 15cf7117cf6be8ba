"""How long a restart takes to its first decision, with 39 years of sessions behind it.

    python -m tests.proofs.start_up [--data FOLDER] [--runs 5]

A real `main.py paper --once` on the test exchange's testnet, with Yahoo's site serving the whole
history and the cache filled: first on a new day, whose rows are downloaded, then with nothing to
download. FOLDER has daily/ as the price folders do (RUSSELL_GATE_TEST_DATA, else made-up prices);
rows from its end to today are made up. Exit 1 above the bound.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from brokers.clock import Clock, SimulatedClock
from brokers.journal.opening import journal_path, open_journal
from brokers.prices.calendar import LEAD, session_closes
from config.settings import Settings
from tests.brokers.worlds import DAY, SYMBOLS, World, world
from tests.exchange.account import KEY, SECRET
from tests.price_folder import HEADER

ROOT = Path(__file__).parents[2]
BOUND = 5.0  # seconds
FIRST = pd.Timestamp("1987-09-10")
FIRST_COIN = pd.Timestamp("2014-09-17")
COINS = ("BTC-USD", "ETH-USD", "SOL-USD")


def write_prices(folder: Path, calendar: Path, data: Path | None, today: pd.Timestamp) -> Path:
    """Daily files of everything the default settings read, up to and with `today`.

    Those of `data`, and made-up rows after their end.
    """
    (folder / "daily").mkdir(parents=True)
    sessions = pd.DatetimeIndex(
        session_closes(FIRST.date() - LEAD, calendar).loc[FIRST:today].index
    )
    for number, symbol in enumerate((*SYMBOLS, *COINS), 100):  # no two files with the same closes
        name = symbol.removeprefix("^")
        days = sessions if symbol in SYMBOLS else pd.date_range(FIRST_COIN, today)
        known = (
            pd.read_csv(data / "daily" / f"{name}.csv", index_col="Date", parse_dates=True)
            if data
            else made_up(days[:1], number)
        )
        rows = pd.concat(
            [known, made_up(days[days > known.index[-1]], float(known["Close"].iloc[-1]))]
        )
        rows.to_csv(folder / "daily" / f"{name}.csv", index_label="Date")
    return folder


def made_up(days: pd.DatetimeIndex, level: float) -> pd.DataFrame:
    """Rows that rise and fall."""
    age = np.arange(len(days))
    close = level * 1.0003**age * (1 + 0.1 * np.sin(age / 300) + 0.01 * np.sin(1.7 * age))
    opened = np.r_[close[:1], close[:-1]]
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
    columns = HEADER.split(",")[1:]
    return pd.DataFrame(
        dict(zip(columns, (opened, high, low, close, close, 1e6 + 1e4 * (age % 17)), strict=True)),
        days,
    )


@contextmanager
def yesterdays(folder: Path, calendar: Path, base: Path) -> Iterator[World]:
    """A world of real time in which a session has run yesterday.

    Its journal and its cache are those of then.
    """
    changes = {"signal.history_from": FIRST.date(), "exchange.timeout": 10.0, "paper.patience": 0.0}
    with world(folder, calendar, base, "2015-10-20", changes) as scene:
        now = time.time()
        scene.clock = SimulatedClock(now - now % DAY - DAY + 60.0)
        scene.run()
        scene.clock = Clock()  # type: ignore[assignment]
        yield scene


def options(settings: Settings) -> list[str]:
    """The words of a command that has these settings."""
    import tomli_w

    file = Path(settings.journal.folder).parent / "start_up.toml"
    content = settings.model_dump(mode="json", exclude_none=True)
    file.write_text(tomli_w.dumps(content))
    return ["--config", str(file)]


class Start(NamedTuple):
    """Seconds from the start of a process to its first decision, and seconds of the processor for
    all of it.
    """

    decided: float
    processor: float


def started(scene: World, place: Path) -> Start:
    """One restart; state and cache are copied to `place` and used there."""
    before = Path(scene.settings.journal.folder).parent
    for name in ("state", "cache"):
        if not (place / name).exists():
            shutil.copytree(before / name, place / name)
    update = {
        "journal": {"folder": str(place / "state")},
        "prices": {"cache": str(place / "cache")},
        "log": {"folder": str(place / "logs")},
    }
    changes = {
        name: getattr(scene.settings, name).model_copy(update=values)
        for name, values in update.items()
    }
    settings = scene.settings.model_copy(update=changes)
    keys = {"RUSSELL_GATE_API_KEY": KEY, "RUSSELL_GATE_API_SECRET": SECRET}
    command = [
        sys.executable,
        str(ROOT / "main.py"),
        "paper",
        "--once",
        "--json",
        *options(settings),
    ]
    began, before_it = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=place, env={**os.environ, **keys}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr}")
    with open_journal(journal_path(settings), time.time, locked=False) as journal:
        decision = journal.last_decision()
    assert decision is not None
    assert decision.decided_at > began
    after_it = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after_it.ru_utime + after_it.ru_stime - before_it.ru_utime - before_it.ru_stime
    return Start(decision.decided_at - began, worked)


def measured(scene: World, base: Path, runs: int) -> tuple[Sequence[Start], Sequence[Start]]:
    """Restarts on a new day, and with every price at hand."""
    new_day = [started(scene, base / f"day{number}") for number in range(runs)]
    at_hand = []
    for number in range(runs):
        place = base / f"hand{number}"
        shutil.copytree(base / "day0" / "cache", place / "cache")
        at_hand.append(started(scene, place))
    return new_day, at_hand


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("RUSSELL_GATE_TEST_DATA"))
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        base, calendar = Path(place), Path(place) / "calendar"
        today = pd.Timestamp(time.time(), unit="s").normalize()
        folder = write_prices(
            base / "prices", calendar, Path(given.data) if given.data else None, today
        )
        with yesterdays(folder, calendar, base) as scene:
            new_day, at_hand = measured(scene, base, given.runs)
    medians = []
    for what, starts in (("on a new day", new_day), ("with every price at hand", at_hand)):
        medians.append(statistics.median(start.decided for start in starts))
        most, worked = (
            max(start.decided for start in starts),
            statistics.median(start.processor for start in starts),
        )
        print(
            f"restart to first decision {what}: median {medians[-1]:.2f} s of {len(starts)}, "
            f"at most {most:.2f} s; processor {worked:.2f} s"
        )
    sys.exit(max(medians) > BOUND)


if __name__ == "__main__":
    main()
