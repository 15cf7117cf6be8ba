"""Held closes in both engines, the live path and the checks: one row, whoever works it out."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.checks.lookahead import find_lookahead, findings_of_cut
from backtests.checks.parity import compare
from backtests.checks.snapshots import take_snapshot
from backtests.engine import arrays, kernel
from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.rules import gate_rules
from backtests.engine.simulation import simulate
from backtests.report.gate_reading import gate_reading, sentences
from backtests.runs.caveats import _about_data
from backtests.runs.replay import replay_run
from backtests.runs.writer import order_list_hash
from backtests.tuning.search.evaluator import Evaluator
from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load, with_changes
from tests.backtests.tuning.evaluators import spaced
from tests.price_folder import overrides
from tests.scenes import REAL, realdata

NOW = pd.Timestamp("2017-01-02", tz="UTC")
# Symbol -> sessions and factors; the gate is open from 2013-06 to 2014 and from 2015-07 on.
BENT = {
    "^RUT": {"2013-12-10": 0.5, "2016-03-15": 10.0},
    "HYG": {"2014-02-04": 0.5, "2016-03-15": 0.5},
    "IEF": {"2015-11-03": 2.0},
    "^GSPC": {"2016-05-10": 0.93},  # which only its sibling tells
    "RSP": {"2016-08-09": 3.0},
}
CRASH = {"^RUT": "2016-09-20", "IWM": "2016-09-20"}  # from this session on a quarter lower


PRICES = ["Open", "High", "Low", "Close", "Adj Close"]


@pytest.fixture(scope="module")
def true(whole_folder: Path, cache: Path) -> Inputs:
    """Of the prices nobody bent."""
    return inputs_of(load(None, overrides(whole_folder, cache)))


@pytest.fixture(scope="module")
def settings(whole_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same prices with the closes of `BENT` bent and the crash of `CRASH`."""
    folder = tmp_path_factory.mktemp("bent") / "prices"
    shutil.copytree(whole_folder, folder)
    for symbol in {*BENT, *CRASH}:
        path = folder / "daily" / f"{symbol.removeprefix('^')}.csv"
        rows = pd.read_csv(path, index_col="Date")
        for day, factor in BENT.get(symbol, {}).items():
            rows.loc[day, PRICES] *= factor
        if symbol in CRASH:
            rows.loc[CRASH[symbol] :, PRICES] *= 0.75
        rows.to_csv(path)
    return load(None, overrides(folder, cache))


@pytest.fixture(scope="module")
def inputs(settings: Settings) -> Inputs:
    return inputs_of(settings)


def inputs_of(settings: Settings) -> Inputs:
    return prepare_inputs(settings, load_prices(settings, NOW))


def sessions(table: pd.DataFrame) -> dict[str, str]:
    """What is held, by day."""
    rows = table["held"][table["held"] != ""]
    return {f"{instant:%Y-%m-%d}": names for instant, names in rows.items()}


def test_each_bent_close_is_held_in_its_session_and_no_other(inputs: Inputs) -> None:
    expected: dict[str, list[str]] = {}
    for symbol, days in (BENT | {"^RUT": {**BENT["^RUT"], CRASH["^RUT"]: 0.75}}).items():
        for day in days:
            expected.setdefault(day, []).append(symbol)
    assert sessions(inputs.table) == {
        day: ", ".join(names) for day, names in sorted(expected.items())
    }


def test_a_held_session_shows_the_row_before_it_stale(inputs: Inputs) -> None:
    table = inputs.table
    held = np.flatnonzero(table["held"] != "")
    own = ["session_close", "stale", "held", "closes_note"]
    pd.testing.assert_frame_equal(
        table.iloc[held].drop(columns=own).reset_index(drop=True),
        table.iloc[held - 1].drop(columns=own).reset_index(drop=True),
    )
    assert set(table["stale"].iloc[held]) == {1}
    assert (table["stale"] > 0).sum() == len(held)


def test_what_comes_back_leaves_the_other_rows_as_they_would_have_been(
    true: Inputs, inputs: Inputs
) -> None:
    """Up to the crash: states, levels and what may be held are those of the prices nobody bent, but
    for the held sessions themselves.
    """
    fresh = (inputs.table["stale"] == 0) & (inputs.table.index < CRASH["^RUT"])
    columns = ["close", "state", "reason", "level", "confirmed_at", "record"]
    pd.testing.assert_frame_equal(inputs.table.loc[fresh, columns], true.table.loc[fresh, columns])


def test_a_crash_that_is_confirmed_counts_with_both_of_its_closes(inputs: Inputs) -> None:
    """Two closes below the level and a third: the exit after `fail_sessions` is at the third
    session, the held one being the first.
    """
    row = int(
        np.flatnonzero(pd.DatetimeIndex(inputs.table.index).strftime("%Y-%m-%d") == CRASH["^RUT"])[
            0
        ]
    )
    assert inputs.settings.gate.fail_sessions == 3
    assert inputs.table["state"].iloc[row : row + 3].tolist() == [
        "confirmed",
        "confirmed",
        "dormant",
    ]
    assert inputs.rows["close"].iloc[row] == pytest.approx(
        0.75 * inputs.rows["close"].iloc[row - 1], rel=0.02
    )


@pytest.mark.parametrize("first", [0, 400, 995])
def test_the_kernels_gate_is_the_gate_table(inputs: Inputs, first: int) -> None:
    rules = gate_rules(inputs.settings)
    gate = arrays.sessions_of(inputs.rows)
    kernel.gate_of(
        gate,
        rules.breakout,
        np.array(rules.curve.ceilings),
        np.array(rules.curve.dormant_ceilings),
        first,
    )
    for name, got, line in zip(
        arrays.Gate._fields, gate.lines, arrays.gate_arrays(inputs.table), strict=True
    ):
        np.testing.assert_array_equal(got[first:], line[first:], err_msg=name)


def test_the_live_path_decides_as_the_backtest(settings: Settings, tmp_path: Path) -> None:
    late = inputs_of(
        with_changes(
            settings, {"backtest.start": "2016-08-01", "backtest.end": "2016-10-07"}, "test"
        )
    )
    run = simulate(late)
    parity = compare(replay_run(late, tmp_path / "replay.sqlite"), run, list(late.coins))
    assert parity.differences == ()
    assert parity.orders > 3


def test_a_search_trades_them_as_the_backtest(inputs: Inputs) -> None:
    """Current settings and a longer average: `session_rows` differ, held closes do not."""
    evaluator = Evaluator(
        inputs, spaced(inputs.settings, {"gate.trend_sessions": (150, 200)}), threads=1
    )
    for code, sessions in ((0, 150), (1, 200)):
        equity, _ = evaluator.curves(np.array([[code]], dtype=np.int16))
        rerun = simulate(
            inputs_of(with_changes(inputs.settings, {"gate.trend_sessions": sessions}, "test"))
        )
        np.testing.assert_allclose(
            equity[0], [decision.equity for decision in rerun.decisions], rtol=1e-9
        )


def test_a_reading_says_what_is_held_and_whether_it_was_confirmed(settings: Settings) -> None:
    prices = load_prices(settings, NOW)

    def lines(day: str) -> list[str]:
        return list(sentences(gate_reading(settings, prices.until(pd.Timestamp(day, tz="UTC")))))

    held, after = lines("2015-11-04"), lines("2015-11-05")
    assert held[1].startswith("The close of IEF of 2015-11-03 (+")
    assert held[1].endswith(
        "from the one before) is held until the next one confirms it: the row is that of the "
        "session before, exposure may not rise, and after 5 sessions all coins are sold."
    )
    assert (
        after[1]
        == "The close of IEF of 2015-11-03 was held and is not confirmed: it counts as missing."
    )


def test_a_backtest_names_the_closes_it_held(inputs: Inputs) -> None:
    found = [caveat.text for caveat in _about_data(inputs) if caveat.about == "held close"]
    assert len(found) == len(sessions(inputs.table))
    assert found[-1].startswith("the close of ^RUT of 2016-09-20 (-")


@realdata
def test_one_day_of_39_years_is_held_and_the_default_backtest_is_that_of_version_0_1(
    cache: Path,
) -> None:
    """The S&P's crash of 1987, confirmed the day after.

    The hash is a golden one: version 0.1 made it before closes were held.
    """
    inputs = prepare_inputs(*_real(cache))
    assert sessions(inputs.table) == {"1987-10-19": "^GSPC"}
    assert inputs.table["closes_note"]["1987-10-20"].tolist() == [
        "the close of ^GSPC of 1987-10-19 was held and is confirmed: it counts from now on"
    ]
    assert (
        order_list_hash(simulate(inputs).orders)
        == "87a9b5305ac2083dcf49444dc0106bcf181cb262cc588094b86df92a22fba3e0"
    )


def _real(cache: Path) -> tuple[Settings, Prices]:
    settings = load(
        None, ["prices.source=folder", f"prices.folder={REAL}", f"prices.cache={cache}"]
    )
    return settings, load_prices(settings, pd.Timestamp("2026-08-22", tz="UTC"))


def test_nothing_from_the_future_moves_a_row(settings: Settings) -> None:
    assert find_lookahead(settings, load_prices(settings, NOW), cuts=4).findings == ()
    full = take_snapshot(settings, load_prices(settings, NOW))
    for day in ("2016-05-10 21:00", "2016-09-21 02:00"):
        assert (
            findings_of_cut(settings, load_prices(settings, NOW), full, pd.Timestamp(day, tz="UTC"))
            == ()
        )
