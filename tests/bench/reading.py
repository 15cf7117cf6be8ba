"""How fast files are read: dates by form, and loading a folder, paired with another version.

    python -m tests.bench.reading [--rows 5000000] [--data FOLDER [--before CHECKOUT] [--runs 9]]

Prints millions of dates a second (of one core) for columns of text; with FOLDER the milliseconds
in which the default settings' series are loaded, with CHECKOUT (a copy of the program, such as
`git worktree add CHECKOUT TAG`) also the ratio within each pair of processes, which take turns.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from brokers.prices.dates import read_dates

ROOT = Path(__file__).parents[2]
FORMS = {
    "ISO days": "%Y-%m-%d",
    "ISO": "%Y-%m-%d %H:%M:%S",
    "ISO in UTC": "%Y-%m-%dT%H:%M:%SZ",
    "day first": "%d/%m/%Y %H:%M",
    "month names": "%b %d, %Y",
}
# Both versions have these names; the calendar is read before.
LOAD = """
import statistics, sys, time
import pandas as pd
from brokers.prices.load import load_prices
from config.settings import load
settings = load([], ["prices.source=folder", f"prices.folder={sys.argv[1]}"])
now = pd.Timestamp.now(tz="UTC")
load_prices(settings, now)
seconds = []
for _ in range(7):
    start = time.process_time()
    load_prices(settings, now)
    seconds.append(time.process_time() - start)
print(statistics.median(seconds))
"""


def dates_a_second(form: str, rows: int) -> float:
    """Dates a second of one core's time, of a column of text with `rows` minutes."""
    minutes = pa.array(np.datetime64("2015-01-01T00:00:00") + np.arange(rows).astype("m8[m]"))
    column = pa.chunked_array([pc.strftime(minutes, format=form).cast(pa.string())])
    start = time.process_time()
    instants = read_dates(column, origin="bench", first_row=2).instants
    seconds = time.process_time() - start
    assert instants[0] == pd.Timestamp("2015-01-01", tz=instants.tz) and len(instants) == rows
    return rows / seconds


def load_seconds(checkout: Path, data: Path) -> float:
    """Seconds in which `checkout` loads the default settings' series, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(data)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    for name, form in FORMS.items():
        fastest = max(dates_a_second(form, given.rows) for _ in range(3))
        print(f"{name:<12}{fastest / 1e6:6.1f} million a second")
    if not given.data:
        return
    pairs = []
    for _ in range(given.runs):
        before = load_seconds(given.before, given.data) if given.before else float("nan")
        pairs.append((load_seconds(ROOT, given.data), before))
    print(f"load {1e3 * statistics.median(now for now, _ in pairs):.0f} ms")
    if given.before:
        print(f"before {1e3 * statistics.median(before for _, before in pairs):.0f} ms")
        print(f"ratio in a pair {statistics.median(now / before for now, before in pairs):.2f}")


if __name__ == "__main__":
    main()
