"""History through the live path.

The same decisions, orders and equity as the backtest, bar by bar.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.checks.parity import compare
from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.simulation import simulate
from backtests.runs.replay import replay_run
from brokers.journal.opening import open_journal
from brokers.prices.load import load_prices
from tests.price_folder import overrides
from tests.scenes import (
    REAL,
    bars,
    changed,
    configured,
    ends,
    random_backtest,
    real_prices,
    realdata,
)

NOW = pd.Timestamp("2017-01-01", tz="UTC")


def held_against(inputs: Inputs, place: Path) -> Any:
    return compare(
        replay_run(inputs, place / "journal.sqlite"), simulate(inputs), list(inputs.coins)
    )


def made_up(folder: Path, cache: Path, **changes: Any) -> Inputs:
    from config.settings import load

    settings = changed(
        load(None, overrides(folder, cache)),
        {key.replace("__", "."): value for key, value in changes.items()},
    )
    return prepare_inputs(settings, load_prices(settings, NOW))


@pytest.mark.parametrize("own_trend", ["off", "and", "or"])
def test_a_replay_decides_orders_and_is_worth_the_same(
    own_trend: str, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    changes = {
        "backtest__start": "2015-07-15",
        "backtest__end": "2015-08-31",
        "allocation__own_trend": own_trend,
        "allocation__own_trend_days": 20,
    }
    found = held_against(made_up(whole_folder, cache, **changes), tmp_path)
    assert found.differences == ()
    assert (found.equity, found.bars) == (0.0, 48)
    assert found.orders > 0


@pytest.mark.parametrize("seed", range(8))
def test_it_does_so_on_any_market_with_any_parameters(seed: int, tmp_path: Path) -> None:
    inputs = random_backtest(np.random.default_rng(seed))
    inputs = inputs._replace(
        settings=changed(inputs.settings, {"costs.cash_yield": 0.0}), grid=inputs.grid[:40]
    )
    inputs = prepare_again(inputs)
    found = held_against(inputs, tmp_path)
    assert [one for one in found.differences if one.what != "equity"] == []
    assert found.equity < 1e-9


def prepare_again(inputs: Inputs) -> Inputs:
    """The same inputs over their first bars only."""
    coins = {name: lines[lines.index <= inputs.grid[-1]] for name, lines in inputs.coins.items()}
    return inputs._replace(coins=coins)


@realdata
def test_it_does_so_over_the_breakout_of_2020_on_real_prices(tmp_path: Path, cache: Path) -> None:
    prices = real_prices("1d", REAL, cache)
    window = {
        "backtest.start": "2020-12-10",
        "backtest.end": "2021-01-25",
        "prices.source": "folder",
        "prices.folder": str(REAL),
    }
    found = held_against(prepare_inputs(configured(window), prices), tmp_path)
    assert found.differences == ()
    assert found.orders > 2


def test_a_difference_is_found_and_explained(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    inputs = made_up(whole_folder, cache, backtest__start="2015-07-20", backtest__end="2015-08-10")
    dearer = inputs._replace(costs=inputs.costs._replace(slippage=0.01))
    found = compare(
        replay_run(inputs, tmp_path / "journal.sqlite"), simulate(dearer), list(inputs.coins)
    )
    assert "the fill price differs" in {difference.cause for difference in found.differences}
    assert found.count("order") > 0
    assert found.equity > 1e-4


def test_the_journal_of_a_replay_tells_every_bar(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    inputs = made_up(whole_folder, cache, backtest__start="2015-07-20", backtest__end="2015-08-10")
    run = replay_run(inputs, tmp_path / "journal.sqlite")
    with open_journal(tmp_path / "journal.sqlite", lambda: 0.0, locked=False) as journal:
        rows = list(journal.decisions())
        assert [row.time for row in rows] == [int(instant.timestamp()) for instant in inputs.grid]
        assert [row.time for row in journal.equity()] == [one.time for one in run.decisions]
        assert {one.outcome for one in journal.sessions()} == {"replayed"}
        assert len(list(journal.bars())) == len(inputs.grid) * len(inputs.coins)
        assert "Now buy BTC" in "".join(row.sentence for row in rows)


def test_a_bar_that_no_coin_has_is_not_decided_and_not_missed(tmp_path: Path) -> None:
    from tests.scenes import gate_rows, written

    frame = bars([100.0, 101.0, np.nan, 103.0, 104.0], ends(5))
    inputs = written({"BTC": frame}, gate_rows([0.0] * 5, ends(5)))
    live = simulate(inputs)
    live.decisions.pop(2)
    assert compare(live, simulate(inputs), ["BTC"]).differences == ()
