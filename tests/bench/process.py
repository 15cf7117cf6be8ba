"""Whole processes, paired in one run: our backtest against a plain backtrader script, and the times
of `evidence` and --help.

    python -m tests.bench.process --data FOLDER --yardstick SCRIPT [--runs 3]

SCRIPT is run as `python SCRIPT FOLDER`: a plain strategy on the same prices. Prints medians, ratios
within each pair, and the largest memory of a process.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of one process that must succeed."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(
            f"{' '.join(command)} failed: {child.stderr.read().decode() if child.stderr else ''}"
        )
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--yardstick", required=True)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    python, prices = (
        sys.executable,
        ["--set", "prices.source=folder", "--set", f"prices.folder={given.data}"],
    )
    with tempfile.TemporaryDirectory() as folder:
        fresh = iter(range(1_000_000))

        def command(*words: str) -> list[str]:
            return [python, "main.py", *words, *prices, "--output", f"{folder}/{next(fresh)}"]

        def ours(*options: str) -> list[str]:
            return command("backtest", "--no-report", *options)

        timed(ours())  # compiles the kernel and fills file caches
        evidence = [timed(command("evidence")) for _ in range(given.runs)]
        runs_by_name: dict[str, list[tuple[float, float]]] = {
            "yardstick": [],
            "strategy alone": [],
            "all benchmarks": [],
        }
        for _ in range(given.runs):
            runs_by_name["yardstick"].append(timed([python, given.yardstick, given.data]))
            runs_by_name["strategy alone"].append(timed(ours("--no-benchmarks")))
            runs_by_name["all benchmarks"].append(timed(ours()))
    for name, runs in runs_by_name.items():
        ratios = [
            run[0] / yard[0] for run, yard in zip(runs, runs_by_name["yardstick"], strict=True)
        ]
        seconds, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
        span = f"{min(ratios):.3f} to {max(ratios):.3f}"
        ratio = statistics.median(ratios)
        print(
            f"{name:15} {seconds:6.2f} s, {ratio:.3f} times the yardstick ({span}), {memory:.0f} MB"
        )
    seconds, memory = statistics.median(run[0] for run in evidence), max(run[1] for run in evidence)
    print(f"evidence        {seconds:6.2f} s with its page, {memory:.0f} MB")
    helps = [timed([python, "main.py", "--help"])[0] for _ in range(10)]
    empty = [timed([python, "-c", "pass"])[0] for _ in range(10)]
    print(
        f"--help          {statistics.median(helps):6.3f} s, "
        f"an empty python {statistics.median(empty):.3f} s"
    )


if __name__ == "__main__":
    main()
