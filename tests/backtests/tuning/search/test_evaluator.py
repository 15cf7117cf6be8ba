"""The sweep against whole backtests: sets at random over every parameter, each prepared anew and
run in backtrader.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.benchmarks.random_gates import shift_circularly
from backtests.engine.arrays import Gate
from backtests.engine.inputs import prepare_inputs
from backtests.engine.simulation import Run
from backtests.tuning.search import evaluator as module
from backtests.tuning.search import sweep
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Segments, figures, from_returns, select_sets
from backtests.tuning.search.space import Codes, Space, variants
from brokers.prices.load import Prices, load_prices
from config.settings import ConfigError, load, with_changes
from config.tuned import TUNABLE
from tests.backtests.tuning.evaluators import (
    NOW,
    SMALL,
    accepted,
    assert_same,
    curves,
    folder_evaluator,
    folder_prices,
    shifted_run,
    spaced,
    whole_backtest,
)
from tests.price_folder import overrides
from tests.scenes import REAL, configured, random_backtest, real_prices, realdata

SEED = 5
WORLDS = range(
    8
)  # numbers of made-up worlds of every run; the test of what they hold says why these
AT_ONCE = 3  # sets of a world


class Case(NamedTuple):
    """One world, a few sets of it, and where its days are cut."""

    evaluator: Evaluator
    codes: Codes
    edges: np.ndarray


@cache
def world(number: int, sets: int = AT_ONCE) -> Case:
    """A random market, and sets that differ from its settings in all parameters or in some."""
    random = np.random.default_rng((SEED, number))
    inputs = random_backtest(random)
    space = spaced(
        inputs.settings, SMALL | curves(random, len(inputs.settings.risk_curve.channels))
    )
    codes = np.column_stack(
        [random.integers(-1, len(axis.values), sets) for axis in space.axes]
    ).astype(np.int16)
    codes[1::2][random.random(codes[1::2].shape) < 0.6] = -1
    evaluator = Evaluator(inputs, space, threads=1)
    return Case(evaluator, codes, cuts(random, len(evaluator.days)))


def cuts(random: np.random.Generator, days: int) -> np.ndarray:
    return np.array([0, *np.unique(random.integers(1, days, 4)).tolist(), days])


def assert_as_backtrader(evaluator: Evaluator, codes: Codes, edges: np.ndarray) -> int:
    """Each set as its own settings run it; a set they refuse is refused by the sweep too. The
    orders that were filled.
    """
    given_settings, prices, filled = evaluator.inputs.settings, evaluator.inputs.prices, 0
    for row in range(len(codes)):
        one = codes[row : row + 1]
        point = evaluator.space.point(one[0])
        try:
            expected, run = whole_backtest(given_settings, prices, point, edges)
        except ConfigError:
            with pytest.raises(ConfigError, match="refuse"):
                evaluator.sweep(one, edges)
            continue
        assert_same(evaluator.sweep(one, edges), expected)
        assert_same_bars(evaluator, one, run)
        filled += int(expected.orders.sum())
    return filled


def assert_same_bars(evaluator: Evaluator, one: Codes, run: Run) -> None:
    """Equity and cash at every bar, to 1e-9 of equity."""
    found = np.column_stack([line[0] for line in evaluator.curves(one)])
    expected = np.array([[decision.equity, decision.cash] for decision in run.decisions])
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-9 * expected[:, 0].min()


def test_a_sweep_is_whole_backtests() -> None:
    """In three worlds, which found every mistake that was made on purpose."""
    assert sum(assert_as_backtrader(*world(number)) for number in (1, 2, 5)) > 0


@pytest.mark.proof
@pytest.mark.parametrize("number", range(158))
def test_sweeps_are_whole_backtests(number: int) -> None:
    assert_as_backtrader(*world(number))


def test_the_worlds_have_what_a_sweep_may_meet() -> None:
    """Bars of hours and days, coins listed late, sessions without a close, orders, sets that the
    settings refuse; every key of the strategy.
    """
    timeframes, late, missing, orders, refused = set(), 0, 0, 0, 0
    for case in map(world, WORLDS):
        inputs = case.evaluator.inputs
        timeframes.add(inputs.settings.exchange.timeframe)
        late += any(
            np.isnan(lines["close"].reindex(inputs.grid).to_numpy()[0])
            for lines in inputs.coins.values()
        )
        missing += bool((inputs.table["stale"] > 0).any())
        for row in case.codes:
            try:
                orders += int(case.evaluator.sweep(row[None], case.edges).orders.sum() > 0)
            except ConfigError:
                refused += 1
    assert {"1d"} < timeframes
    assert min(late, missing, refused) > 0
    assert orders >= AT_ONCE * len(WORLDS) // 2
    searched = set(world(0).evaluator.space.keys)
    of_prices = ("symbols", "symbol", "assets", "treasury", "reverse_repos", "file")
    keys = {
        key
        for section in TUNABLE
        for key in leaves(getattr(load(), section).model_dump(), section)
        if not key.endswith(of_prices)
    }
    assert keys - searched == {
        "haircuts.flows.enabled",
        "haircuts.losses.enabled",
    }  # the user's own files


def leaves(table: dict[str, Any], above: str) -> Iterator[str]:
    for key, value in table.items():
        yield from (
            leaves(value, f"{above}.{key}") if isinstance(value, dict) else [f"{above}.{key}"]
        )


# Prices with the default settings' windows

USUAL = {
    "gate.base_sessions": (60, 126, 252),
    "gate.confirm_sessions": (1, 5),
    "gate.min_confirmations": (0, 1, 2),
    "gate.trend_sessions": (50, 150),
    "gate.fail_tolerance": (0.0, 0.06),
    "gate.max_sessions": (0, 90),
    ("confirmations.volume.enabled"): (True, False),
    "confirmations.credit.sessions": (21, 63),
    "confirmations.exhaustion.enabled": (True, False),
    "risk_curve.broad_sessions": (50, 200),
    "risk_curve.channels": (("credit", "broad", "leadership"), ("rates", "leadership", "broad")),
    "risk_curve.ceilings": ((0.0, 0.2, 0.6, 1.0),),
    "risk_curve.dormant_ceilings": ((0.0, 0.0, 0.05, 0.1),),
    "allocation.own_trend": ("off", "and", "or"),
    "allocation.own_trend_days": (50, 200),
    "allocation.target_volatility": (0.0, 0.3, 0.6),
    "allocation.volatility_days": (10, 30),
    "allocation.drawdown_stop": (0.0, 0.2),
    "allocation.unready": ("cash", "spread"),
    "allocation.band": (0.0, 0.2, 0.5),
}


def drawn(space: Space, seed: int, sets: int) -> Codes:
    random = np.random.default_rng(seed)
    return np.column_stack(
        [random.integers(-1, len(axis.values), sets) for axis in space.axes]
    ).astype(np.int16)


def test_five_years_of_made_up_prices(whole_folder: Path, cache: Path) -> None:
    evaluator = folder_evaluator(whole_folder, cache, USUAL)
    assert (
        assert_as_backtrader(
            evaluator,
            drawn(evaluator.space, 1, 3),
            np.array([0, 300, 301, 900, len(evaluator.days)]),
        )
        > 0
    )


@pytest.mark.parametrize(("timeframe", "start"), [("4h", "2026-05-01"), ("1h", "2026-08-01")])
def test_intraday_bars_of_the_sample(timeframe: str, start: str, cache: Path) -> None:
    """A day's return is that of its last bar; an order fills at any."""
    changes = {
        "prices.source": "sample",
        "prices.cache": str(cache),
        "exchange.timeframe": timeframe,
        "backtest.start": start,
    }
    given_settings = configured(changes)
    space = spaced(
        given_settings,
        SMALL | curves(np.random.default_rng(1), 3) | {"confirmations.liquidity.enabled": (False,)},
    )
    evaluator = Evaluator(prepare_inputs(given_settings, sample_prices(timeframe, cache)), space, 1)
    assert len(evaluator.inputs.grid) == {"4h": 6, "1h": 24}[timeframe] * (len(evaluator.days) + 1)
    codes = drawn(space, 2, 2)
    for key, code in {
        "risk_curve.channels": -1,
        "gate.min_confirmations": 0,
        "gate.rearm_sessions": 0,
        "allocation.own_trend": 2,
    }.items():
        codes[:, space.keys.index(key)] = (
            code  # sets that the settings accept, with orders in these weeks whatever the gate does
        )
    assert (
        assert_as_backtrader(evaluator, codes, cuts(np.random.default_rng(2), len(evaluator.days)))
        > 0
    )


@cache
def sample_prices(timeframe: str, cache_folder: Path) -> Prices:
    changes = {
        "prices.source": "sample",
        "prices.cache": str(cache_folder),
        "exchange.timeframe": timeframe,
    }
    return load_prices(
        configured(changes | {"confirmations.exhaustion.enabled": True}),
        pd.Timestamp("2026-11-01", tz="UTC"),
    )


@realdata
@pytest.mark.parametrize(
    "seed", [3, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(4, 24))]
)
def test_real_prices(seed: int, cache: Path) -> None:
    prices = real("1d", cache)
    given_settings = configured(
        {
            "signal.history_from": load().signal.history_from,
            "backtest.start": "2016-06-01",
            "backtest.end": "2021-12-31",
        }
    )
    evaluator = Evaluator(prepare_inputs(given_settings, prices), spaced(given_settings, USUAL), 1)
    assert (
        assert_as_backtrader(
            evaluator,
            drawn(evaluator.space, seed, 2),
            cuts(np.random.default_rng(seed), len(evaluator.days)),
        )
        > 0
    )


@realdata
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(2, 8))]
)
def test_real_hours(seed: int, cache: Path) -> None:
    changes = {
        "exchange.timeframe": "1h",
        "backtest.start": "2025-09-01",
        "backtest.end": "2025-10-10",
    }
    given_settings = configured(changes)
    evaluator = Evaluator(
        prepare_inputs(given_settings, real("1h", cache)), spaced(given_settings, USUAL), 1
    )
    codes = drawn(evaluator.space, seed, 2)
    codes[:, evaluator.space.keys.index("allocation.own_trend")] = (
        2  # "or": orders whatever the gate does in these weeks
    )
    assert (
        assert_as_backtrader(
            evaluator, codes, cuts(np.random.default_rng(seed), len(evaluator.days))
        )
        > 0
    )


@cache
def real(timeframe: str, cache_folder: Path) -> Prices:
    return real_prices(timeframe, REAL, cache_folder)


def test_prices_that_only_some_sets_read(whole_folder: Path, cache: Path) -> None:
    """Volume and breadth are off and the first channel is another in the settings as they stand:
    what the sets read is loaded for all.
    """
    values = {
        "confirmations.volume.enabled": (True, False),
        "confirmations.breadth.enabled": (True, False),
    }
    words = [f"{key}=false" for key in values] + [
        "gate.min_confirmations=1",
        'risk_curve.channels=["broad"]',
        "risk_curve.ceilings=[0.5, 1.0]",
    ]
    words += ["risk_curve.dormant_ceilings=[0.0, 0.0]", "confirmations.credit.enabled=false"]
    given_settings = load(None, [*overrides(whole_folder, cache), *words])
    space = spaced(
        given_settings,
        values | {"risk_curve.channels": (("rates",),), "confirmations.credit.enabled": (True,)},
    )
    evaluator = Evaluator(
        prepare_inputs(
            given_settings, load_prices(given_settings, NOW, also=variants(given_settings, space))
        ),
        space,
        1,
    )
    codes = np.concatenate([space.defaults(), space.grid()[[0, 2, -1]]])
    edges = np.array([0, 700, len(evaluator.days)])
    for row in range(len(codes)):
        point = space.point(codes[row])
        expected, _ = whole_backtest(
            given_settings,
            load_prices(with_changes(given_settings, point, "the set"), NOW),
            point,
            edges,
        )
        assert_same(evaluator.sweep(codes[row : row + 1], edges), expected)
        assert expected.orders.sum() > 0


# Many sets at once


def usual_field(folder: Path, cache_folder: Path, threads: int) -> Evaluator:
    return folder_evaluator(folder, cache_folder, USUAL, threads=threads)


@pytest.fixture(scope="module")
def usual(whole_folder: Path, cache: Path) -> tuple[Evaluator, Codes]:
    """An evaluator, and 300 sets of it, many of which have a gate in common."""
    evaluator = usual_field(whole_folder, cache, 1)
    codes = drawn(evaluator.space, 4, 300)
    gates = [
        place for place, key in enumerate(evaluator.space.keys) if not key.startswith("allocation.")
    ]
    codes[:, gates] = codes[np.random.default_rng(5).integers(0, 40, len(codes))][:, gates]
    codes[:, evaluator.space.keys.index("gate.min_confirmations")] = 0
    return evaluator, codes


def test_a_set_is_the_same_alone_and_among_others(usual: tuple[Evaluator, Codes]) -> None:
    """Whoever runs before it, with the same gate or another: to the last bit."""
    evaluator, codes = usual
    edges = np.array([0, 500, len(evaluator.days)])
    together = evaluator.sweep(codes, edges)
    for row in (0, 1, 137, 299):
        for one, other in zip(
            evaluator.sweep(codes[row : row + 1], edges),
            select_sets(together, slice(row, row + 1)),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
    backwards = evaluator.sweep(codes[::-1], edges)
    for one, other in zip(backwards, together, strict=True):
        np.testing.assert_array_equal(one[::-1], other)


@pytest.mark.parametrize("number", [1, 22])
def test_sets_that_differ_in_one_value_share_what_is_equal(number: int) -> None:
    """Each value of each parameter alone: whoever shares a gate, a ceiling or an average with its
    neighbour must share no more than that.
    """
    evaluator, _, edges = world(number)
    space, random = evaluator.space, np.random.default_rng(number)
    one_by_one = [
        (place, code) for place, axis in enumerate(space.axes) for code in range(len(axis.values))
    ]
    codes = np.full((len(one_by_one), len(space.axes)), -1, dtype=np.int16)
    for row, (place, code) in enumerate(one_by_one):
        codes[row, place] = code
    codes = random.permutation(
        np.array([row for row in codes if accepted(evaluator.inputs.settings, space.point(row))])
    )
    together = evaluator.sweep(codes, edges)
    for row in range(len(codes)):
        for one, other in zip(
            evaluator.sweep(codes[row : row + 1], edges),
            select_sets(together, slice(row, row + 1)),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other, err_msg=str(codes[row]))
    changed_by = {
        key
        for key, one in zip(space.keys, codes.T, strict=True)
        if len(np.unique(together.total[one != -1], axis=0)) > 1
    }
    assert len(changed_by) > 20


def test_threads_change_nothing(
    usual: tuple[Evaluator, Codes], whole_folder: Path, cache: Path
) -> None:
    one, codes = usual
    edges = np.array([0, 500, len(one.days)])
    heard: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", 17)
        found = usual_field(whole_folder, cache, 3).sweep(codes, edges, heard.append)
    for line, other in zip(found, one.sweep(codes, edges), strict=True):
        np.testing.assert_array_equal(line, other)
    assert (sum(heard), len(heard)) == (300, 18)  # 17 x 17 + 11


def test_series_are_what_segments_are_sums_of(usual: tuple[Evaluator, Codes]) -> None:
    evaluator, codes = usual
    edges = np.array([0, 1, 700, len(evaluator.days)])
    series, found = evaluator.series(codes[:20]), evaluator.sweep(codes[:20], edges)
    orders = np.zeros(series.returns.shape, dtype=np.int64)
    expected = from_returns(series.returns, series.exposure != 0.0, orders, edges)
    assert_same(found._replace(orders=expected.orders), expected)
    equity, cash = evaluator.curves(codes[:20])
    np.testing.assert_allclose(series.exposure.T, 1.0 - (cash / equity)[:, 1:], atol=1e-15)


def test_figures_of_the_whole_window_are_those_of_a_backtest(
    usual: tuple[Evaluator, Codes],
) -> None:
    """Of the settings as they stand; but for the exposure, which a backtest takes by share and a
    search by day.
    """
    from backtests.runs.backtest import backtest

    evaluator, _ = usual
    lengths = np.array([400, len(evaluator.days) - 400])
    found = figures(
        evaluator.sweep(evaluator.space.defaults(), np.append(0, lengths.cumsum())),
        lengths,
        np.array([True, True]),
    )
    expected = backtest(evaluator.inputs, with_benchmarks=False).metrics
    for name in (
        "total_return",
        "cagr",
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
        "max_drawdown",
        "orders",
    ):
        assert getattr(found, name)[0] == pytest.approx(getattr(expected, name), rel=1e-5), name


def test_more_series_than_there_is_room_for_are_refused(usual: tuple[Evaluator, Codes]) -> None:
    evaluator, codes = usual
    many = np.repeat(codes, 2, axis=0)[:501]
    with pytest.raises(ValueError, match="501 return series asked for, at most 500"):
        evaluator.series(many)


def test_days_are_those_that_bars_end(usual: tuple[Evaluator, Codes]) -> None:
    """The first bar of 2012-06-01 ends at 24:00 and has no return."""
    days = usual[0].days
    assert (str(days[0])[:10], str(days[-1])[:10]) == ("2012-06-02", "2016-12-31")
    assert len(days) == (pd.Timestamp("2016-12-31") - pd.Timestamp("2012-06-02")).days + 1


def test_time_and_sets_are_counted(whole_folder: Path, cache: Path) -> None:
    evaluator = usual_field(whole_folder, cache, 1)
    codes = drawn(evaluator.space, 4, 30)
    codes[:, evaluator.space.keys.index("gate.min_confirmations")] = 0
    evaluator.sweep(codes[:10], np.array([0, len(evaluator.days)]))
    first = evaluator.seconds
    evaluator.sweep(codes[10:], np.array([0, len(evaluator.days)]))
    assert evaluator.run == 30
    assert 0.0 < first < evaluator.seconds


def test_an_interruption_ends_a_sweep(
    usual: tuple[Evaluator, Codes], whole_folder: Path, cache: Path
) -> None:
    _, codes = usual

    def interrupt(sets: int) -> None:
        raise KeyboardInterrupt

    for threads in (1, 2):
        evaluator = usual_field(whole_folder, cache, threads)
        with pytest.raises(KeyboardInterrupt):
            evaluator.sweep(codes, np.array([0, len(evaluator.days)]), interrupt)


# Gates at the wrong time


def random_gate(random: np.random.Generator, sessions: int) -> Gate:
    """States, ceilings and instants of confirmation as a gate has them, or not."""
    states = np.repeat(random.integers(0, 3, sessions), random.integers(1, 4, sessions))[
        :sessions
    ].astype(float)
    return Gate(
        states,
        random.random(sessions),
        random.integers(0, 4, sessions).astype(float),
        random.random(sessions),
        random.integers(0, 2, sessions).astype(float),
    )


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(0, 5), st.integers(0, 5), st.data()
)
def test_shifting_a_gate_is_the_same_operation_as_for_random_gates(
    seed: int, window: int, before: int, after: int, data: st.DataObject
) -> None:
    """Within the window; sessions outside stay as they were."""
    turn = data.draw(st.integers(1, window - 1))
    sessions = before + window + after
    gate, known_at = (
        random_gate(np.random.default_rng(seed), sessions),
        np.arange(sessions) * 86_400.0,
    )
    out = Gate(*np.full((5, sessions), 77.0))
    sweep.shift_circularly(gate, known_at, before, before + window - 1, turn, out)
    inside = slice(before, before + window)
    expected = shift_circularly(Gate(*(line[inside] for line in gate)), known_at[inside], turn)
    for found, line in zip(out, expected, strict=True):
        np.testing.assert_array_equal(found[inside], line)
        assert (np.delete(found, np.arange(before, before + window)) == 77.0).all()


@pytest.mark.parametrize("number", [1, 4])
def test_sets_are_run_on_shifted_gates(number: int) -> None:
    """Of every set its own gate, moved as the table of its own settings would be."""
    evaluator, codes, _ = world(number, 8)
    codes[:, evaluator.space.keys.index("gate.min_confirmations")] = 0
    codes = np.array(
        [row for row in codes if accepted(evaluator.inputs.settings, evaluator.space.point(row))]
    )
    assert len(codes) > 1
    turns = [0, 1, evaluator.window_sessions - 1]
    edges = np.array([0, len(evaluator.days)])
    for turn, found in zip(turns, evaluator.sweep_shifted(codes, turns), strict=True):
        for row, code in enumerate(codes):
            inputs = prepare_inputs(
                with_changes(evaluator.inputs.settings, evaluator.space.point(code), "the set"),
                evaluator.inputs.prices,
            )
            equity = shifted_run(inputs, turn) if turn else evaluator.curves(code[None])[0][0]
            daily = equity[evaluator._rows]
            expected = from_returns(
                (daily[1:] / daily[:-1] - 1.0)[:, None],
                np.ones((len(daily) - 1, 1), bool),
                np.zeros((len(daily) - 1, 1), int),
                edges,
            )
            one = select_sets(found, slice(row, row + 1))
            assert_same(one._replace(exposed=expected.exposed, orders=expected.orders), expected)
    for one, other in zip(
        evaluator.sweep(codes, edges), next(evaluator.sweep_shifted(codes, [0])), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_window_has_its_own_sessions(whole_folder: Path, cache: Path) -> None:
    """Bars of 2014-01-02 to 2014-01-08, days: the sessions known then are those of 2013-12-31 ...
    2014-01-08.

    The first bar ends on the 2nd at 24:00, after that day's close: sessions 2, 3, 6, 7 and 8
    January.
    """
    window = ("backtest.start=2014-01-02", "backtest.end=2014-01-08")
    assert (
        folder_evaluator(whole_folder, cache, {"allocation.band": (0.1,)}, *window).window_sessions
        == 5
    )


def test_nothing_is_kept_of_one_set_in_the_next(usual: tuple[Evaluator, Codes]) -> None:
    """A set without any order after one with many."""
    evaluator, codes = usual
    edges = np.array([0, len(evaluator.days)])
    found: Segments = evaluator.sweep(codes, edges)
    busy, idle = int(found.orders.sum(axis=1).argmax()), int(found.orders.sum(axis=1).argmin())
    again = evaluator.sweep(codes[[busy, idle, busy, idle]], edges)
    assert again.orders[:, 0].tolist() == [found.orders[busy, 0], found.orders[idle, 0]] * 2
    np.testing.assert_array_equal(again.total[:, 0], found.total[[busy, idle, busy, idle], 0])


def test_settings_and_prices_of_the_folder_are_those_of_the_evaluator(
    whole_folder: Path, cache: Path
) -> None:
    """Its table is that of a backtest: what is compared here was not made by the search."""
    given_settings, prices = folder_prices(whole_folder, cache)
    pd.testing.assert_frame_equal(
        prepare_inputs(given_settings, prices).table,
        folder_evaluator(whole_folder, cache, USUAL).inputs.table,
    )
