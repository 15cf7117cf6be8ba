"""What `tune` does: search, test the result, write it down."""

import json
from datetime import UTC, datetime

import pandas as pd

from backtests.commands.run_scope import Files, RunOptions, RunScope, Texts, run_scope
from backtests.engine.inputs import prepare_inputs
from backtests.runs.folder import write_json, write_settings
from backtests.tuning import document, overlay
from backtests.tuning.document import TuneDocument
from backtests.tuning.search.batches import note_kept_sets
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.space import Space, space_of, variants
from backtests.tuning.search.study import run_search
from backtests.tuning.trials import write_trials
from backtests.tuning.validation.findings import find
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
        result = _search(settings, space, scope)
        scope.log.info(
            "{}, best {}, verdict: {}",
            count(result.trials.n, "parameter set"),
            dict(result.best.changed),
            result.verdict.word if result.verdict else NO_VERDICT,
        )
    if options.as_json:
        print(json.dumps(result.to_json() | {"folder": path_from_here(scope.folder)}))
    else:
        from backtests.report.tune import terminal as tune_terminal

        tune_terminal.show(console(), result, scope.folder)


def _search(settings: Settings, space: Space, scope: RunScope[Prices]) -> TuneDocument:
    """Everything but page and log, written into the run folder; the content of tune.json."""
    step, partial = scope.step, scope.partial
    step("gate and coins")
    evaluator = Evaluator(prepare_inputs(settings, scope.loaded), space, settings.tune.threads)
    study = run_search(evaluator, settings, step)
    sets = len(study.codes)
    with note_kept_sets(lambda: sets, sets):
        findings = find(evaluator, study, settings, step)
    step("writing")
    result = make_document(evaluator, findings, settings)
    write_json(result.to_json(), partial / document.NAME)
    write_settings(settings, partial)
    write_trials(study, partial / "trials.parquet")
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
