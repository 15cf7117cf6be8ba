"""What `tune` does: search, test the result, write it down."""

from datetime import UTC, datetime

import pandas as pd

from backtests.commands.calibration import (
    calibrate_run,
    print_document,
    refuse_sample,
    refuse_simulation,
    show_if_calibrated,
)
from backtests.commands.run_scope import Files, RunOptions, RunScope, Texts, run_scope
from backtests.runs.folder import write_json, write_settings
from backtests.tuning import document, overlay
from backtests.tuning.document import TuneDocument
from backtests.tuning.search.space import space_of, variants
from backtests.tuning.trials import BLOCK_SUMS, write_block_sums, write_trials
from backtests.tuning.whole_search import Search, search
from backtests.tuning.writer import make_document
from brokers.console import console
from brokers.local_paths import path_from_here
from brokers.plurals import count
from brokers.prices.load import Prices, load_prices
from brokers.progress import Progress
from config.settings import Settings, load, with_changes
from config.tuned import NO_VERDICT


def run_tune(files: Files, overrides: Texts, options: RunOptions) -> None:
    """Search, print, write the run folder."""
    settings = load(files, overrides)
    refuse_sample(options.calibration, settings)
    space = space_of(settings)  # mistakes in it are reported before anything is downloaded

    def load_all(now: pd.Timestamp, step: Progress) -> tuple[Prices, Prices]:
        prices = load_prices(
            settings,
            now,
            refresh=options.refresh,
            progress=step,
            may_fall_back=True,
            also=variants(settings, space),
        )
        return prices, prices

    with run_scope("tune", settings, load_all, options) as scope:
        refuse_simulation(options.calibration, is_sample=scope.loaded.sample)
        scope.step("gate and coins")
        whole = search(settings, space, scope.loaded, scope.step)
        result = _write(whole, settings, scope)
        scope.log.info(
            "{}, best {}, verdict: {}",
            count(result.trials.n, "parameter set"),
            dict(result.best.changed),
            result.verdict.word if result.verdict else NO_VERDICT,
        )
        calibration = calibrate_run(options.calibration, "tune", settings, scope, whole.findings)
    if options.as_json:
        print_document(result.to_json(), scope.folder, calibration)
    else:
        from backtests.report.tune import terminal as tune_terminal

        tune_terminal.show(console(), result, scope.folder)
        show_if_calibrated(calibration)


def _write(whole: Search, settings: Settings, scope: RunScope[Prices]) -> TuneDocument:
    """Write everything but page and log into the run folder; the content of tune.json."""
    (evaluator, study, findings), partial = whole, scope.partial
    scope.step("writing")
    result = make_document(evaluator, findings, settings)
    write_json(result.to_json(), partial / document.NAME)
    write_settings(settings, partial)
    write_trials(study, partial / "trials.parquet")
    write_block_sums(findings, partial / BLOCK_SUMS)
    best = with_changes(settings, study.changes(study.row), "the best parameter set")
    changed, today = result.best.changed, datetime.now(UTC).date()
    content = overlay.text(
        best,
        changed,
        findings.verdict,
        path_from_here(scope.folder),
        today,
        no_verdict=findings.no_verdict,
    )
    overlay.write(partial / "best.toml", content)
    return result
