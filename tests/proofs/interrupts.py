"""Ctrl-C at many moments of a backtest, from the first line of main.py on.

    python -m tests.proofs.interrupts [--shots 200] [--seconds 2.0]

Each shot starts a backtest of the embedded sample in an empty folder and interrupts it so long
after the first line of main.py. It must end with exit code 130 and one message, and leave nothing.
Where a backtest takes less than `--seconds`, the shots go over the first 80 % of it. On a machine
with other work one may still be over before its shot, which is then fired again, earlier. Exit 1 if
one does not end so.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# As `python main.py`, and says on a pipe when the first line is reached.
FIRST_LINE = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # before main.py only Python runs
pipe, file, *words = sys.argv[1:]
code = compile(open(file, encoding="utf-8").read(), file, "exec")
sys.argv, sys.path[0] = [file, *words], os.path.dirname(file)
os.write(int(pipe), b".")
exec(code, {"__name__": "__main__", "__file__": file})
"""
LONG = ("backtest.random_gates=100000",)
BEFORE_THE_END = 0.8  # of a run: later it might be over before its shot
SHOTS_AGAIN = 3  # each at half the time
FILES = {"metrics.json", "equity.csv", "orders.csv", "report.html"}  # of a whole run, and more


class Ending(NamedTuple):
    """How an interrupted process ended."""

    code: int
    out: str
    err: str
    left: tuple[Path, ...]  # files and folders
    whole_run: bool  # whether that is one whole run

    @property
    def clean(self) -> bool:
        """Whether it was interrupted as it should be."""
        return (self.code, self.out, self.left) == (130, "", ()) and self.err == (
            "interrupted; nothing half-written is left\n"
        )

    @property
    def over(self) -> bool:
        """Whether the backtest was over before it could be interrupted."""
        return self.code == 0 and self.whole_run and not self.err


def length(cache: Path, folder: Path) -> float:
    """Seconds that a backtest in the empty `folder` takes; the second one compiles nothing."""
    for name in ("first", "second"):
        (folder / name).mkdir()
        process = _start(cache, folder / name)
        started = time.monotonic()
        process.communicate()
    return time.monotonic() - started


def interrupt(seconds: float, cache: Path, folder: Path) -> Ending:
    """Start a backtest in the empty `folder`, and interrupt it `seconds` after its first line."""
    process = _start(cache, folder)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    left = (*folder.glob("*.*"), *folder.glob("runs/*"), *folder.glob("runs/.*"))
    left += tuple(cache.rglob(".*"))
    whole = len(left) == 1 and {path.name for path in left[0].iterdir()} >= FILES
    return Ending(process.returncode, out, err, tuple(sorted(left)), whole)


def _start(cache: Path, folder: Path) -> subprocess.Popen[str]:
    """A backtest in `folder` that has reached the first line of main.py."""
    settings = ("prices.source=sample", f"prices.cache={cache}", *LONG)
    words = ["backtest", *(word for pair in settings for word in ("--set", pair))]
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", FIRST_LINE, str(write), str(ROOT / "main.py"), *words],
        cwd=folder,
        pass_fds=(write,),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    os.read(read, 1)
    os.close(read)
    return process


def main() -> None:
    """Shoot, count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shots", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as cache:
        with tempfile.TemporaryDirectory() as folder:
            whole = length(Path(cache), Path(folder))
        span = min(given.seconds, BEFORE_THE_END * whole)
        for shot in range(given.shots):
            seconds = span * shot / given.shots
            for _ in range(1 + SHOTS_AGAIN):
                with tempfile.TemporaryDirectory() as folder:
                    ending = interrupt(seconds, Path(cache), Path(folder))
                if not ending.over:
                    break
                counts["over"] += 1
                seconds /= 2
            counts["clean" if ending.clean else "other"] += 1
            if not ending.clean:
                print(f"after {seconds:.3f} s: code {ending.code}, {ending.err!r}, {ending.left}")
    print(
        f"{given.shots} shots over {span:.2f} s of a backtest of {whole:.2f} s: "
        f"{counts['clean']} clean exits; {counts['over']} were over before and were fired again"
    )
    sys.exit(counts["clean"] != given.shots)


if __name__ == "__main__":
    main()
