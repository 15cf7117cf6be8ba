"""`evidence`: test every claim on historical prices, print the result, write the run folder."""

import pandas as pd

from backtests.commands.calibration import (
    calibrate_run,
    print_document,
    refuse_sample,
    refuse_simulation,
    show_if_calibrated,
)
from backtests.commands.run_scope import Files, RunOptions, Texts, run_scope
from backtests.evidence.document import NAME
from backtests.evidence.history import History, load_history
from backtests.evidence.measure import measure_evidence
from backtests.runs.folder import write_json, write_settings
from brokers.console import console
from brokers.prices.load import Prices
from brokers.progress import Progress
from config.settings import load


def run_evidence(files: Files, overrides: Texts, options: RunOptions) -> None:
    """Test all claims, print the result, write the run folder."""
    settings = load(files, overrides)
    refuse_sample(options.calibration, settings)

    def load_all(now: pd.Timestamp, step: Progress) -> tuple[History, Prices]:
        history = load_history(settings, now, step, refresh=options.refresh)
        return history, history.prices

    with run_scope("evidence", settings, load_all, options) as scope:
        refuse_simulation(options.calibration, is_sample=scope.loaded.prices.sample)
        document = measure_evidence(settings, scope.loaded, scope.step)
        scope.log.info("{} claims: {}", len(document.claims), document.verdicts)
        content = document.to_json()
        write_json(content, scope.partial / NAME)
        write_settings(settings, scope.partial)
        calibration = calibrate_run(options.calibration, "evidence", settings, scope, document)
    if options.as_json:
        print_document(content, scope.folder, calibration)
    else:
        from backtests.report.evidence.terminal import show_document

        show_document(console(), document, scope.folder)
        show_if_calibrated(calibration)
