"""What `evidence` does: gather, hold every claim against the prices, show, write down."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w

from backtests.commands.pages import write_page
from backtests.commands.run_scope import logged, pin
from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.evidence import breakouts, lag_scan
from backtests.evidence import comovement as together
from backtests.evidence import gate_test as regime
from backtests.evidence import historical_facts as facts
from backtests.evidence import lead_lag as leads
from backtests.evidence import macro_drivers as causes
from backtests.evidence import turning_points as turns
from backtests.evidence.claim import Claim
from backtests.evidence.document import Lags, document
from backtests.evidence.history import History, gathered
from backtests.report.progress import progress
from backtests.runs import folder as runs
from brokers.console import console
from brokers.progress import Progress
from config.settings import Settings, load
from strategies.gate import gate_table


def run_evidence(
    files: list[Path] | None,
    overrides: list[str] | None,
    as_json: bool,
    output: Path | None,
    with_report: bool,
    refresh: bool,
) -> None:
    """Measure, print, write the run folder."""
    settings = load(files, overrides)
    now = pd.Timestamp.now(tz="UTC")
    with progress() as step:
        history = gathered(settings, now, refresh, step)
        folder = output or runs.run_folder("evidence", settings, history.prices, now)
        with runs.new_folder(folder) as partial, logged(partial / "run.log") as log:
            found = _found(settings, history, step)
            log.info("{} claims: {}", len(found["claims"]), found["verdicts"])
            (partial / "evidence.json").write_text(
                json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8"
            )
            (partial / "settings.toml").write_text(
                tomli_w.dumps(settings.model_dump(exclude_none=True)), encoding="utf-8"
            )
            if with_report:
                write_page(partial, folder.resolve().name, step)
            pin(history.prices, settings)
            step("done")
    if as_json:
        print(json.dumps(found | {"folder": str(folder)}))
    else:
        from backtests.report.evidence import terminal as evidence_terminal

        evidence_terminal.show(console(), found, folder)


def _found(settings: Settings, history: History, step: Progress) -> dict[str, Any]:
    """The content of evidence.json. Simulated prices say nothing about what happened: only what needs none is told then."""
    if history.prices.sample:
        return document(list(facts.without_prices()), None, history, settings)
    step("breakouts")
    studied = breakouts.studied(history, settings)
    step("whole series")
    table, evidence = (
        gate_table(market(settings, history.prices), gate_rules(settings)),
        settings.evidence,
    )
    series = [
        *together.claims(history, evidence),
        *regime.claims(history, table, evidence),
        *causes.claims(history, table, evidence),
        *turns.claims(history),
    ]
    step("lags")
    scans, led = lag_scan.scanned(history, table, evidence), leads.led(history, evidence)
    series += [
        *lag_scan.claims(scans),
        *leads.claims(history, led, evidence),
        regime.behind_the_move(table),
    ]
    claims: list[Claim] = [*facts.facts(history), *breakouts.claims(studied, history), *series]
    return document(
        sorted(claims, key=order),
        studied,
        history,
        settings,
        Lags(scans, led, leads.crossed(history, evidence)),
    )


def order(claim: Claim) -> tuple[str, int]:
    """As the claims are numbered: A1, A2, ... A10, B1."""
    return claim.id[0], int(claim.id[1:])
