"""Through the wire.

Bars against the exchange's protocol decide as the backtest does, in sizes that differ by a step at
most.
"""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from backtests.checks.parity import compare
from backtests.engine.inputs import prepare_inputs
from backtests.engine.journal_run import run_of
from backtests.engine.simulation import Run, simulate
from brokers.prices.load import load_prices
from config.settings import load
from tests.brokers.worlds import DAY, World, world
from tests.price_folder import overrides

FIRST = pd.Timestamp("2015-08-20")
FREE = {
    "costs.fee": 0.0,
    "exchange.amount": 5000.0,
    "costs.slippage": 0.0005,
    "guards.tick_gap": 1.0,
    "allocation.band": 0.05,
}


def lived(w: World, bars: int) -> Run:
    """So many bars, the venue charging no fee and quoting fine prices.

    The fee taken in coins is the one thing a backtest has otherwise.
    """
    w.venue.matching.fee = Decimal(0)
    for symbol, market in w.venue.markets.items():
        w.venue.markets[symbol] = replace(market, tick=Decimal("0.00000001"))
    w.run(once=False, until=str(FIRST + pd.Timedelta(days=bars)))
    with w.journal() as journal:
        return run_of(journal, DAY)


def both(folder: Path, cache: Path, place: Path, bars: int) -> tuple[Run, Run, list[str]]:
    """The live run, the backtest, the coins."""
    with world(folder, cache, place, f"{FIRST:%Y-%m-%d} 00:00:01", FREE) as w:
        live = lived(w, bars)
    first, last = (
        FIRST - pd.Timedelta(days=1),
        FIRST + pd.Timedelta(days=bars - 2),
    )  # bars carry the day they end after
    changes = {
        **FREE,
        "backtest.start": f"{first:%Y-%m-%d}",
        "backtest.end": f"{last:%Y-%m-%d}",
        "backtest.cash": 5000.0,
    }
    settings = load(
        None, [*overrides(folder, cache), *(f"{key}={value}" for key, value in changes.items())]
    )
    inputs = prepare_inputs(settings, load_prices(settings, pd.Timestamp("2017-01-01", tz="UTC")))
    return live, simulate(inputs), list(inputs.coins)


@pytest.mark.parametrize("bars", [12, pytest.param(60, marks=pytest.mark.proof)])
def test_the_same_decisions_and_the_same_orders_to_a_step(
    bars: int, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    live, backtest, coins = both(whole_folder, cache, tmp_path, bars)
    assert [one.time for one in live.decisions] == [one.time for one in backtest.decisions]
    assert len(live.decisions) == bars
    found = compare(live, backtest, coins)
    assert {one.what for one in found.differences if one.what.startswith("decision: gate")} == set()
    assert len(live.orders) == len(backtest.orders) >= 2
    for one, two in zip(live.decisions, backtest.decisions, strict=True):
        assert one.targets == pytest.approx(two.targets, abs=1e-6)
        for size, expected, step in zip(one.sizes, two.sizes, (1e-5, 1e-4, 1e-3), strict=True):
            assert abs(size - expected) <= step * 1.001
    assert found.equity < 1e-6
