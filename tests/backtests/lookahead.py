"""Does anything from the future move a decision? `python -m tests.backtests.lookahead --cuts 200
[--data FOLDER]` asks many times.

Three questions, each at many instants and to the end. Two are those of `check lookahead`: cut every
series there, rescale the adjusted prices up to it. The third is dearer: cut the *files* there, by
the days written in them, and load them as of then.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from backtests.checks.cut_points import cut_points
from backtests.checks.lookahead import SEED, findings_of_cut, findings_of_rescaling
from backtests.checks.snapshots import Snapshot, difference, take_snapshot
from backtests.checks.timestamps import NEW_YORK, Finding, check_timestamps, half_day
from brokers.prices.load import load_prices
from config.settings import Settings, load
from tests.scenes import REAL

DAY = pd.Timedelta(days=1)


def findings_of_files(
    settings: Settings, full: Snapshot, instant: pd.Timestamp
) -> tuple[Finding, ...]:
    """What is no longer as in `full` when the files themselves end at `instant`, by the days they
    name, and are loaded as of then.
    """
    with tempfile.TemporaryDirectory() as folder:
        daily = Path(folder) / "daily"
        daily.mkdir()
        for path in (Path(settings.prices.folder) / "daily").glob("*.csv"):
            (daily / path.name).write_text(_until(path, instant))
        then = settings.model_copy(
            update={"prices": settings.prices.model_copy(update={"folder": folder})}
        )
        listed = tuple(
            coin
            for coin in then.coins
            if len((daily / f"{coin.history}.csv").read_text().splitlines()) > 1
        )
        if len(listed) < len(then.coins):
            raise ValueError(f"{instant}: files can be cut only where every coin is listed")
        text = difference(full, take_snapshot(then, load_prices(then, instant)), instant)
    return (Finding("the files", instant, f"cut at {instant}, {text}"),) if text else ()


def _until(path: Path, instant: pd.Timestamp) -> str:
    """The file as it could be had at `instant`: a coin's day ends at 24:00 UTC, a session is known
    half an hour after its close.
    """
    if path.stem.endswith(("-USD", "USDT")):
        last = (instant - DAY).normalize()
    else:
        local = instant.tz_convert(NEW_YORK)
        known = (13, 30) if half_day(local) else (16, 30)
        last = local.normalize() if (local.hour, local.minute) >= known else local.normalize() - DAY
    header, *rows = path.read_text().splitlines(keepends=True)
    return header + "".join(row for row in rows if row[:10] <= f"{last:%Y-%m-%d}")


def main() -> int:
    """Ask, print, answer with the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--data", type=Path, default=REAL)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--set", action="append", default=[], help="a setting, as for main.py")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        settings = load(
            [],
            [
                "prices.source=folder",
                f"prices.folder={options.data}",
                f"prices.cache={cache}",
                *options.set,
            ],
        )
        prices = load_prices(settings, pd.Timestamp.now(tz="UTC"))
        check = check_timestamps(settings, prices)
        what = f"series with a timestamp earlier than possible, of {check.checked} timestamps"
        wrong = _print_findings(what, check.findings)
        full = take_snapshot(settings, prices)
        cuts = list(cut_points(prices, full, options.cuts, options.seed))
        everything_listed = max(int(lines.known_at[0]) for lines in full.tables[1:])
        last_rows = min(
            series.frame.index[-1]
            for request, series in prices.series.items()
            if request.kind == "coin"
        )
        in_files = [
            instant
            for instant in cuts
            if everything_listed < instant.value and instant <= last_rows
        ][: max(options.cuts // 5, 1)]
        wrong += _ask(
            "cuts", cuts, lambda instant: findings_of_cut(settings, prices, full, instant)
        )
        wrong += _ask(
            "later dividends and splits",
            cuts,
            lambda instant: findings_of_rescaling(settings, prices, full, instant),
        )
        wrong += _ask(
            "cuts of the files",
            in_files,
            lambda instant: findings_of_files(settings, full, instant),
        )
    return int(wrong > 0)


def _ask(
    what: str, cuts: Sequence[pd.Timestamp], find: Callable[[pd.Timestamp], tuple[Finding, ...]]
) -> int:
    first = [findings[0] for instant in cuts if (findings := find(instant))]
    return _print_findings(f"of {len(cuts)} {what} changed something", first)


def _print_findings(what: str, findings: Sequence[Finding]) -> int:
    for finding in findings[:10]:
        print(f"{finding.series}: {finding.text}")
    print(f"{len(findings)} {what}", flush=True)
    return len(findings)


if __name__ == "__main__":
    sys.exit(main())
