"""Makes what the README shows: `python -m tests.readme [--data FOLDER]`.

Takes the screenshot of the report on the embedded sample. With a folder of real prices it also
writes the result, the search and the evidence into the README.
"""

import argparse
import json
import os
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.benchmarks.labels import label
from backtests.commands.evidence import run_evidence
from backtests.commands.run_scope import RunOptions
from backtests.commands.tune import run_tune
from backtests.engine.inputs import prepare_inputs
from backtests.evidence.document import read
from backtests.report.cells import BENCHMARK_COLUMNS
from backtests.report.evidence import words as evidence_words
from backtests.report.run import page
from backtests.report.terminal import NARROW
from backtests.runs import writer
from backtests.runs.backtest import backtest
from backtests.runs.caveats import caveats
from brokers.prices.load import load_prices
from config.settings import DEFAULT, load

ROOT = Path(__file__).parents[1]
README, PICTURE = ROOT / "README.md", ROOT / "backtests/report/sample.png"
BEGIN, TUNING, EVIDENCE, END = (
    "<!-- result -->\n",
    "<!-- tuning -->\n",
    "<!-- evidence -->\n",
    "<!-- end -->",
)
WIDTH = 100
TESTS = {
    "events": "independent breakouts",
    "luck": "chance (p)",
    "searched_gates": "time-shift test (p)",
    "pbo": "PBO",
    "leave_one_out": "leave one breakout out",
}  # of the verdict of a search
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Without these it requests sites of its own at every start.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def prices_from(folder: str, scratch: Path) -> list[str]:
    """The overrides that read a folder of prices."""
    return ["prices.source=folder", f"prices.folder={folder}", f"prices.cache={scratch}/cache"]


def run(folder: Path, *overrides: str) -> Mapping[str, Any]:
    """The metrics of a backtest with these settings, written into `folder` with its page."""
    settings = load([], list(overrides))
    result = backtest(prepare_inputs(settings, load_prices(settings, pd.Timestamp.now(tz="UTC"))))
    folder.mkdir()
    writer.write_run(result, caveats(result), folder)
    page.write(folder)
    metrics: Mapping[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def wrap(text: str, first: str = "", rest: str = "") -> str:
    """`text` in lines of at most 100 columns, after `first` and `rest`."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def quote(word: str, why: str) -> str:
    """A verdict as a quotation."""
    return wrap(f"**{word[0].upper()}{word[1:]}.** {why}", "> ", "> ")


def result(folder: str, scratch: Path) -> str:
    """The result on real prices as the README has it: the verdict, then the table."""
    metrics = run(scratch / "real", *prices_from(folder, scratch))
    columns = [column for column in BENCHMARK_COLUMNS if column[1] in NARROW]
    window = f"{metrics['window']['first'][:10]} to {metrics['window']['last'][:10]}"
    lines = [
        f"| {' | '.join((window, *(heading for heading, _, _ in columns)))} |",
        "|---|" + "---:|" * len(columns),
    ]
    for name, row in {"strategy": metrics["strategy"], **metrics["benchmarks"]}.items():
        cells = [form.format(row[key]) for _, key, form in columns]
        lines.append(f"| {' | '.join((label(name), *cells))} |")
    verdict, required = metrics["verdict"], metrics["required_events"]
    why = f"{verdict['why']} {required['why']}"
    return "\n".join([quote(verdict["word"], why), "", *lines]) + "\n"


def tuning(folder: str, scratch: Path) -> str:
    """The search of config/tune.toml on real prices as the README has it."""
    options = RunOptions(output=scratch / "tuned", with_report=False)
    run_tune([DEFAULT.with_name("tune.toml")], prices_from(folder, scratch), options)
    found = json.loads((scratch / "tuned/tune.json").read_text(encoding="utf-8"))
    verdict, walked, left = found["verdict"], found["walk_forward"], found["leave_one_breakout_out"]
    lines = [
        quote(verdict["word"], verdict["why"][0]),
        "",
        "| test | value | limit | passed |",
        "|---|---:|---:|---|",
    ]
    for test in verdict["tests"]:
        passed = "yes" if test["passed"] else "no"
        lines.append(
            f"| {TESTS[test['name']]} | {test['value']:.2f} | {test['limit']:g} | {passed} |"
        )
    ratios = ", ".join(
        f"{walked[mode]['figures']['sharpe']:.2f} {mode}" for mode in ("rolling", "anchored")
    )
    current = walked["rolling"]["defaults"]["sharpe"]
    text = (
        f"Walk-forward, with a new choice every half year: out-of-sample Sharpe ratio {ratios}, "
        f"against {current:.2f} for the current settings on the same days. Of {left['of']} "
        f"breakouts left out, the set chosen without one did better than holding the same exposure "
        f"all the time on {left['won']}, and at least as well as the current settings on "
        f"{left['ahead']}."
    )
    return "\n".join([*lines, "", wrap(text)]) + "\n"


def evidence(folder: str, scratch: Path) -> str:
    """The verdicts on the claims on real prices as the README has them."""
    options = RunOptions(output=scratch / "evidence", with_report=False)
    run_evidence([], prices_from(folder, scratch), options)
    document = read(scratch / "evidence")
    texts = [
        *evidence_words.summary(document),
        *evidence_words.surviving_claims(document),
        *evidence_words.best_lags(document),
        evidence_words.required_events(document),
    ]
    headline = wrap(f"**{evidence_words.headline(document)}**", "> ", "> ")
    return "\n".join([headline, "", *(wrap(text, "- ", "  ") for text in texts)]) + "\n"


def screenshot(scratch: Path) -> None:
    """The head of the sample's report as a picture."""
    from playwright.sync_api import sync_playwright

    run(scratch / "sample", "prices.source=sample", f"prices.cache={scratch}/cache")
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        tab = browser.new_page(viewport={"width": 1200, "height": 2000}, color_scheme="light")
        tab.goto((scratch / "sample" / page.NAME).as_uri())
        tab.wait_for_selector("#equity .main-svg")
        tab.wait_for_timeout(500)
        tab.screenshot(path=PICTURE)
        browser.close()


def main() -> None:
    """Make all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of real prices")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        screenshot(Path(folder))
        if given.data:
            for begin, text in ((BEGIN, result), (TUNING, tuning), (EVIDENCE, evidence)):
                before, _, rest = README.read_text(encoding="utf-8").partition(begin)
                README.write_text(
                    before + begin + text(given.data, Path(folder)) + END + rest.partition(END)[2],
                    encoding="utf-8",
                )


if __name__ == "__main__":
    main()
