"""How often worlds without an effect pass each test of the default settings: what pages print.

    python -m tests.proofs.calibrate_defaults --data FOLDER [--only COMMAND] [--part 1.0]

Runs `tune`, `evidence` and `backtest` with --calibrate: 200 and twice 500 worlds without an effect,
50 and twice 100 of each other kind (bull and bear markets, the measured effect, twice it). An
interrupted one goes on with the same command. What came out without an effect is written into
`backtests/statistics/calibrated_shares.json`. --part is a fraction of the worlds; with one nothing
is written. Exit 1 if more than 5 % of searches without an effect are
recommended, if more than 5 % of pages of evidence support a test, or more than 5 % of backtests are
better: each by the lower end of the share's interval.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from backtests.calibration.document import CalibrationDocument, Share, read_calibration
from backtests.calibration.outcome import PASSED
from backtests.calibration.runs import ANY_SUPPORTED
from backtests.report.calibration import make_section
from backtests.statistics.calibrated_shares import FILE
from brokers.atomic_files import replace_text

ROOT = Path(__file__).parents[2]
NULL = {"tune": 200, "evidence": 500, "backtest": 500}
OTHER = {"tune": 50, "evidence": 100, "backtest": 100}
KINDS = {
    "without an effect": (),
    "with regimes": ("--regimes",),
    "with the measured effect": ("--effect", "1"),
    "with twice the measured effect": ("--effect", "2"),
}
FINDINGS = {"tune": "recommended", "evidence": ANY_SUPPORTED, "backtest": "better"}
FOUND = {"supported", "contradicted", PASSED}
LEVEL = 0.05


def worlds_of(command: str, kind: str, part: float) -> int:
    """How many worlds of a kind a command gets."""
    whole = NULL if not KINDS[kind] else OTHER
    return max(round(whole[command] * part), 1)


def calibrate(command: str, kind: str, worlds: int, options: list[str]) -> CalibrationDocument:
    """Run the command with --calibrate, its progress on standard error."""
    config = ["--config", str(ROOT / "config" / "tune.toml")] if command == "tune" else []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        words = [command, *config, "--calibrate", str(worlds), *KINDS[kind], *options]
        subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *words, "--no-report", "--output", str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        document = read_calibration(folder)
    assert document is not None
    return document


def shares_of(document: CalibrationDocument) -> dict[str, object]:
    """What pages print: by word, and by test (of evidence "supported" by its name alone)."""
    passed = {word.name: word.count for word in document.words}
    for test in document.tests:
        for share in test.outcomes:
            if share.name in FOUND:
                name = f"{test.name}: {share.name}" if share.name == "contradicted" else test.name
                passed[name] = share.count
    return {"seed": document.seed, "worlds": document.n, "passed": passed}


def show(kind: str, document: CalibrationDocument) -> None:
    """Print the words of a calibration, and how often each test was passed or supported."""
    print(f"{document.command} {kind}: {document.n} worlds, {document.seconds:.1f} s a world")
    for word in document.words:
        print(f"  {word.name:20} {share_text(word)}")
    for test in document.tests:
        found = [share for share in test.outcomes if share.name in FOUND and share.count]
        for share in found:
            print(f"  {test.name:44} {share.name:12} {share_text(share)}")
    for name, mean in document.means.items():
        print(f"  {name:44} {mean:.1f} a world")
    if impossible := make_section(document).impossible:
        print(f"  {impossible}")


def share_text(share: Share) -> str:
    """A share with its interval."""
    return f"{share.count / share.of:6.1%} ({share.low:.1%} to {share.high:.1%})"


def is_too_often(document: CalibrationDocument) -> bool:
    """Whether the finding of a command comes out clearly more often than in 5 % of worlds."""
    (finding,) = (word for word in document.words if word.name == FINDINGS[document.command])
    return finding.low > LEVEL


def main() -> None:
    """Run all, write the shares, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", choices=list(NULL), action="append")
    parser.add_argument("--part", type=float, default=1.0)
    given = parser.parse_args()
    options = ["--set", "prices.source=folder", "--set", f"prices.folder={given.data}"]
    counted, bad = json.loads(FILE.read_text(encoding="utf-8")), []
    for command in given.only or list(NULL):
        for kind in KINDS:
            worlds = worlds_of(command, kind, given.part)
            document = calibrate(command, kind, worlds, options)
            show(kind, document)
            sys.stdout.flush()
            if KINDS[kind]:
                continue
            counted[command] = shares_of(document)
            bad += [command] if is_too_often(document) else []
            if given.part == 1.0:
                replace_text(FILE, json.dumps(counted, indent=1, sort_keys=True) + "\n")
    print(f"a finding without an effect in more than 5 %: {', '.join(bad) or 'none'}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
