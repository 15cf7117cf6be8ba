"""What the README shows, made by commands: `python -m tests.readme [--data FOLDER]`.

Takes the screenshot of the report on the embedded sample, and with a folder of real prices writes the result, what a search finds, and
what became of the claims.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.commands.evidence import run_evidence
from backtests.commands.tune import run_tune
from backtests.engine.inputs import prepare
from backtests.report.evidence import words as evidence_words
from backtests.report.run import page
from backtests.report.terminal import COLUMNS, NARROW
from backtests.runs import folder as runs
from backtests.runs import writer as record
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
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Without these it asks for sites of its own at every start.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
QUIET += ["--disable-component-update", "--disable-sync"]


def made(folder: Path, *overrides: str) -> dict[str, Any]:
    """The summary of a run on these settings, written into `folder` with its page."""
    settings = load([], list(overrides))
    result = backtest(prepare(settings, load_prices(settings, pd.Timestamp.now(tz="UTC"))))
    folder.mkdir()
    record.write(result, caveats(result), folder)
    page.write(folder)
    return runs.read(folder)


def result(folder: str, scratch: Path) -> str:
    """The result on real prices as the README has it: the verdict, then the table."""
    found = made(
        scratch / "real",
        "prices.source=folder",
        f"prices.folder={folder}",
        f"prices.cache={scratch}/cache",
    )
    columns = [column for column in COLUMNS if column[1] in NARROW]
    lines = [
        f"| {found['window']['first'][:10]} to {found['window']['last'][:10]} | {' | '.join(heading for heading, _, _ in columns)} |"
    ]
    lines.append("|---|" + "---:|" * len(columns))
    for name, metrics in {"strategy": found["strategy"], **found["benchmarks"]}.items():
        cells = [form.format(metrics[key]) for _, key, form in columns]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    verdict = found["verdict"]
    return f"> **{verdict['word'].capitalize()}.** {verdict['why']}\n\n" + "\n".join(lines) + "\n"


def tuning(folder: str, scratch: Path) -> str:
    """The search of config/tune.toml on real prices as the README has it."""
    words = ["prices.source=folder", f"prices.folder={folder}", f"prices.cache={scratch}/cache"]
    run_tune([DEFAULT.with_name("tune.toml")], words, False, scratch / "tuned", False, False)
    found = json.loads((scratch / "tuned/tune.json").read_text(encoding="utf-8"))
    verdict, walked, left = found["verdict"], found["walk_forward"], found["leave_one_breakout_out"]
    lines = [
        f"> **{verdict['word'].capitalize()}.** {verdict['why'][0]}",
        "",
        "| test | value | limit | passed |",
        "|---|---:|---:|---|",
    ]
    shown = [
        (
            one["name"].replace("_", " "),
            one["value"],
            one["limit"],
            "yes" if one["passed"] else "no",
        )
        for one in verdict["tests"]
    ]
    lines += [
        f"| {name} | {value:.2f} | {limit:g} | {passed} |" for name, value, limit, passed in shown
    ]
    ratios = ", ".join(
        f"{walked[name]['figures']['sharpe']:.2f} {name}" for name in ("rolling", "anchored")
    )
    standing = f"{walked['rolling']['defaults']['sharpe']:.2f}"
    lines += [
        "",
        f"Chosen anew every half year on what lay before: Sharpe ratio {ratios}, against {standing} for the settings as they stand",
    ]
    lines.append(
        f"on the same days. Of {left['of']} breakouts left out, the set chosen without one made money on {left['won']},"
    )
    lines.append(f"and did as well as those on {left['ahead']}.")
    return "\n".join(lines) + "\n"


def evidence(folder: str, scratch: Path) -> str:
    """What became of the claims on real prices as the README has it."""
    words = ["prices.source=folder", f"prices.folder={folder}", f"prices.cache={scratch}/cache"]
    run_evidence([], words, False, scratch / "evidence", False, False)
    found = json.loads((scratch / "evidence/evidence.json").read_text(encoding="utf-8"))
    texts = [
        *evidence_words.in_short(found),
        *evidence_words.leads(found),
        *evidence_words.until(found)[1:2],
    ]
    return f"> **{evidence_words.headline(found)}**\n\n" + "".join(f"- {text}\n" for text in texts)


def screenshot(scratch: Path) -> None:
    """The head of the sample's report as a picture."""
    from playwright.sync_api import sync_playwright

    made(scratch / "sample", "prices.source=sample", f"prices.cache={scratch}/cache")
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
