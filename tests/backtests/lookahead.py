"""Does anything from the future move a decision? `python -m tests.backtests.lookahead --cuts 200 [--data FOLDER]` asks many times.

Three questions, each at many instants. Cut every series there: is every gate row and every decision up to it the same? Rescale
the adjusted prices up to it, as a dividend paid later does: the same? Cut the *files* there, by the days written in them, and load
them as of then: the same? The last one does not trust the loader's stamps, which the first two do.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from backtests.engine import simulate
from backtests.prepare import prepare
from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load
from strategies.decision import Decision
from tests.scenes import REAL

SEED = 20160707
DIVIDEND = 0.97  # what a dividend of 3 % makes of every adjusted price before it
NEAR = 5  # sessions around a change of state
NEW_YORK = ZoneInfo("America/New_York")
DAY = pd.Timedelta(days=1)


class Outcome(NamedTuple):
    """Everything that follows from prices: the gate, the coins' lines, the strategy's decisions in backtrader."""

    table: pd.DataFrame
    coins: Mapping[str, pd.DataFrame]
    decisions: Sequence[Decision]


def outcome(settings: Settings, prices: Prices) -> Outcome:
    """Recompute everything."""
    inputs = prepare(settings, prices)
    return Outcome(inputs.table, inputs.coins, simulate(inputs).decisions)


def first_moved(settings: Settings, prices: Prices, instant: pd.Timestamp, full: Outcome | None = None) -> str | None:
    """The first thing that is different when everything after `instant` is cut off; None if nothing is.

    `full` is the outcome of the uncut prices, where the caller has it.
    """
    return difference(full or outcome(settings, prices), outcome(settings, prices.until(instant)), instant)


def first_moved_by_dividend(settings: Settings, prices: Prices, instant: pd.Timestamp, full: Outcome | None = None) -> str | None:
    """The same when a dividend after `instant` has rescaled the adjusted prices up to it. The measures' last bits may differ."""
    later = prices.until(instant)
    rescaled = {
        request: one._replace(frame=one.frame.assign(adj_close=one.frame["adj_close"] * DIVIDEND)) if request.kind == "session" else one
        for request, one in later.series.items()
    }
    return difference(full or outcome(settings, prices), outcome(settings, later._replace(series=rescaled)), instant, measures_to=1e-9)


def first_moved_in_files(settings: Settings, instant: pd.Timestamp, full: Outcome) -> str | None:
    """The same when the files themselves end at `instant`, by the days they name, and are loaded as of then."""
    with tempfile.TemporaryDirectory() as folder:
        daily = Path(folder) / "daily"
        daily.mkdir()
        for path in (Path(settings.prices.folder) / "daily").glob("*.csv"):
            (daily / path.name).write_text(_until(path, instant))
        then = settings.model_copy(update={"prices": settings.prices.model_copy(update={"folder": folder})})
        listed = tuple(coin for coin in then.coins if len((daily / f"{coin.history}.csv").read_text().splitlines()) > 1)
        if len(listed) < len(then.coins):
            raise ValueError(f"{instant}: files can be cut only where every coin is listed")
        return difference(full, outcome(then, load_prices(then, instant)), instant)


def difference(full: Outcome, cut: Outcome, instant: pd.Timestamp, measures_to: float = 0.0) -> str | None:
    """What differs first up to `instant` between two outcomes: a gate row, a coin's line, a decision."""
    found = _different_rows("gate", full.table, cut.table, instant, measures_to)
    for name, lines in full.coins.items():
        found = found or _different_rows(name, lines, cut.coins[name], instant, 0.0)
    if found:
        return found
    seconds = instant.timestamp()
    pairs = zip_longest(*([repr(one) for one in run.decisions if one.time <= seconds] for run in (full, cut)))
    return next((f"decision {was} is {now} with what was known" for was, now in pairs if was != now), None)


def instants(full: Outcome, count: int, seed: int = SEED) -> Iterator[pd.Timestamp]:
    """Where to cut: half within 5 sessions of a change of state, the rest on weekends, on half days, and anywhere."""
    random = np.random.default_rng(seed)
    first, last = (pd.Timestamp(full.decisions[row].time, unit="s", tz="UTC") for row in (5, -1))
    table = full.table[(full.table.index >= first) & (full.table.index <= last)]
    changes = np.flatnonzero(table["state"].to_numpy()[1:] != table["state"].to_numpy()[:-1]) + 1
    closes = pd.DatetimeIndex(table["session_close"]).tz_convert(NEW_YORK)
    half_days = table.index[np.asarray(closes.hour) < 16]
    for number in range(count):
        if number % 2 == 0:
            row = int(random.choice(changes)) + int(random.integers(-NEAR, NEAR + 1))
            instant = table.index[min(max(row, 0), len(table) - 1)] + _jitter(random)
        elif number % 8 == 1:
            sunday = first.normalize() + int(random.integers(0, (last - first).days)) * DAY
            instant = sunday - (sunday.day_of_week - 5) * DAY + int(random.integers(0, 2880)) * pd.Timedelta(minutes=1)
        elif number % 8 == 3 and len(half_days):
            instant = half_days[int(random.integers(len(half_days)))] + _jitter(random)
        else:
            instant = first + int(random.integers(0, (last - first) // pd.Timedelta(minutes=1))) * pd.Timedelta(minutes=1)
        yield min(max(instant, first), last)


def _jitter(random: np.random.Generator) -> pd.Timedelta:
    """At the instant itself, just before or after it, or some hours off."""
    hours = pd.Timedelta(minutes=int(random.integers(-720, 721)))
    return (pd.Timedelta(0), pd.Timedelta(-1, "ns"), pd.Timedelta(minutes=1), hours)[int(random.integers(4))]


def _different_rows(what: str, full: pd.DataFrame, cut: pd.DataFrame, instant: pd.Timestamp, measures_to: float) -> str | None:
    was, now = full[full.index <= instant], cut[cut.index <= instant]
    if not was.index.equals(now.index):
        return f"{what}: {len(was)} rows up to {instant}, {len(now)} with what was known"
    for column in was.columns:
        if was[column].equals(now[column]):
            continue
        tolerance = measures_to if column.startswith("measure_") else 0.0
        before, after = was[column].astype(object), now[column].astype(object)
        same = (before == after).fillna(False).to_numpy(bool) | (before.isna() & after.isna()).to_numpy()
        if tolerance:
            same |= np.isclose(before.astype(float), after.astype(float), rtol=tolerance, atol=tolerance, equal_nan=True)
        if not same.all():
            row = int(np.argmin(same))
            return f"{what} {was.index[row]} {column}: {before.iloc[row]} is {after.iloc[row]} with what was known at {instant}"
    return None


def _until(path: Path, instant: pd.Timestamp) -> str:
    """The file as it could be had at `instant`: a coin's day ends at 24:00 UTC, a session is known half an hour after its close."""
    if path.stem.endswith(("-USD", "USDT")):
        last = (instant - DAY).normalize()
    else:
        local = instant.tz_convert(NEW_YORK)
        known = (13, 30) if _half_day(local) else (16, 30)
        last = local.normalize() if (local.hour, local.minute) >= known else local.normalize() - DAY
    header, *rows = path.read_text().splitlines(keepends=True)
    return header + "".join(row for row in rows if row[:10] <= f"{last:%Y-%m-%d}")


def _half_day(day: pd.Timestamp) -> bool:
    """The NYSE's rule since 2013, apart from the calendar in use: the day after Thanksgiving, July 3 and December 24."""
    return (day.month == 11 and day.day_of_week == 4 and 23 <= day.day <= 29) or (day.month, day.day) in {(7, 3), (12, 24)}


def main() -> int:
    """Ask, print, answer with the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--data", type=Path, default=REAL)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--set", action="append", default=[], help="a setting, as for main.py")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        settings = load([], ["prices.source=folder", f"prices.folder={words.data}", f"prices.cache={cache}", *words.set])
        prices = load_prices(settings, pd.Timestamp.now(tz="UTC"))
        full = outcome(settings, prices)
        cuts = list(instants(full, words.cuts, words.seed))
        everything_listed = max(lines.index[0] for lines in full.coins.values())
        last_rows = min(one.frame.index[-1] for request, one in prices.series.items() if request.kind == "coin")
        in_files = [instant for instant in cuts if everything_listed < instant <= last_rows][: max(words.cuts // 5, 1)]
        questions: tuple[tuple[str, Sequence[pd.Timestamp], Callable[[pd.Timestamp], str | None]], ...] = (
            ("cuts", cuts, lambda instant: first_moved(settings, prices, instant, full)),
            ("later dividends", cuts, lambda instant: first_moved_by_dividend(settings, prices, instant, full)),
            ("cuts of the files", in_files, lambda instant: first_moved_in_files(settings, instant, full)),
        )
        return int(sum(_ask(*question) for question in questions) > 0)


def _ask(what: str, cuts: Sequence[pd.Timestamp], moved: Callable[[pd.Timestamp], str | None]) -> int:
    found = [text for instant in cuts if (text := moved(instant))]
    for text in found[:10]:
        print(text)
    print(f"{len(found)} of {len(cuts)} {what} moved a decision", flush=True)
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
