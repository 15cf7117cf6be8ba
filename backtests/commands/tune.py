"""What `tune` does: search, ask what the result is worth, write it down."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w

from backtests.commands.pages import write_page
from backtests.commands.run_scope import logged, pin
from backtests.engine.inputs import prepare
from backtests.report.progress import progress
from backtests.runs import folder as runs
from backtests.tuning import overlay as best_file
from backtests.tuning.document import document, write_trials
from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.space import Space, space_of, variants
from backtests.tuning.search.study import study
from backtests.tuning.validation.findings import find
from brokers.console import console
from brokers.prices.load import Prices, load_prices
from brokers.progress import Progress
from config.settings import Settings, changed, load


def run_tune(
    files: list[Path] | None,
    overrides: list[str] | None,
    as_json: bool,
    output: Path | None,
    with_report: bool,
    refresh: bool,
) -> None:
    """Search, print, write the run folder."""
    settings = load(files, overrides)
    space = space_of(settings)  # a slip in it is told before anything is downloaded
    now = pd.Timestamp.now(tz="UTC")
    with progress() as step:
        prices = load_prices(
            settings, now, refresh, step, may_fall_back=True, also=variants(settings, space)
        )
        folder = output or runs.run_folder("tune", settings, prices, now)
        with runs.new_folder(folder) as partial, logged(partial / "run.log") as log:
            found = _tuned(settings, space, prices, partial, folder, step)
            word = found["verdict"]["word"] if found["verdict"] else "none, prices were simulated"
            log.info(
                "{} sets, best {}, verdict: {}",
                found["trials"]["n"],
                found["best"]["changed"],
                word,
            )
            if with_report:
                write_page(partial, folder.resolve().name, step)
            pin(prices, settings)
            step("done")
    if as_json:
        print(json.dumps(found | {"folder": str(folder)}))
    else:
        from backtests.report.tune import terminal as tune_terminal

        tune_terminal.show(console(), found, folder)


def _tuned(
    settings: Settings, space: Space, prices: Prices, partial: Path, folder: Path, step: Progress
) -> dict[str, Any]:
    """Everything but page and log, written into `partial`; the content of tune.json."""
    step("gate and coins")
    field = Field(prepare(settings, prices), space, settings.tune.threads)
    tried = study(field, settings, step)
    findings = find(field, tried, settings, step)
    step("writing")
    found = document(field, findings, settings)
    (partial / "tune.json").write_text(
        json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    (partial / "settings.toml").write_text(
        tomli_w.dumps(settings.model_dump(exclude_none=True)), encoding="utf-8"
    )
    write_trials(tried, partial / "trials.parquet")
    best = changed(settings, tried.changes(tried.row), "the best set")
    best_file.write(
        partial / "best.toml",
        best,
        found["best"]["changed"],
        findings.verdict,
        str(folder),
        datetime.now(UTC).date(),
    )
    return found
