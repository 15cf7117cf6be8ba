"""Run folders of every kind a report must cope with, made once a process, and a browser."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.performance import short_windows
from backtests.runs import writer
from backtests.runs.backtest import backtest
from backtests.runs.caveats import caveats
from tests.backtests.report import tune_sample
from tests.scenes import changed, coin_settings, random_backtest

SEED = (31, 2)  # three channels, four coins, nine gate periods, 236 orders, some of them not filled
FALLBACK = "Yahoo cannot be reached: these are simulated prices, not the market's"
KINDS: dict[str, dict[str, Any]] = {
    "usual": {},
    "no gate periods": {"gate.base_sessions": 2520, "allocation.own_trend": "off"},
    "no orders": {"costs.min_notional": 1e9},
    "without benchmarks": {},
    "one coin": {"coins": coin_settings({"BTC": 1.0}), "backtest.random_gates": 0},
    "no channels": {
        "risk_curve.channels": (),
        "risk_curve.ceilings": (1.0,),
        "risk_curve.dormant_ceilings": (0.0,),
        "gate.min_confirmations": 0,
        **{
            f"confirmations.{name}.enabled": False
            for name in ("volume", "breadth", "leadership", "credit", "liquidity", "exhaustion")
        },
    },
    "two bars": {},
    "short": {},
    "hourly": {},
    "sample": {"costs.cash_yield": 0.04},
}


TOO_SHORT = ("two bars", "short")


@pytest.fixture(scope="module")  # no longer: its event loop is in the way of others'
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    from tests.backtests.report.windows import CHROMIUM, OPTIONS

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a run of one kind, to be read only."""

    @cache
    def write(kind: str) -> Path:
        folder = tmp_path_factory.mktemp("run-") / kind.replace(" ", "-")
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            if kind not in TOO_SHORT:
                patch.setattr(short_windows, "FEWEST_DAYS", 2)  # quick runs that are judged
            result = backtest(inputs_of(kind), with_benchmarks=kind != "without benchmarks")
        writer.write_run(result, caveats(result), folder)
        return folder

    return write


@pytest.fixture(scope="session")
def search_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a made-up search of one kind, to be read only."""
    return cache(
        lambda kind: tune_sample.write(
            kind, tmp_path_factory.mktemp("search-") / kind.replace(" ", "-")
        )
    )


def inputs_of(kind: str) -> Inputs:
    drawn = random_backtest(np.random.default_rng((88, 27) if kind == "hourly" else SEED))
    changes = {"backtest.random_gates": 40} | KINDS[kind]
    if kind == "two bars":
        changes["backtest.start"], changes["backtest.end"] = (
            drawn.grid[20 + days].date() for days in (0, 1)
        )
    prices = (
        drawn.prices._replace(sample=True, fallback=FALLBACK) if kind == "sample" else drawn.prices
    )
    return prepare_inputs(changed(drawn.settings, changes), prices)
