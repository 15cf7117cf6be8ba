"""The search on gates at the wrong time: p by hand, against single backtests, and where the gate is
all that matters.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import prepare_inputs
from backtests.performance.metrics import daily_rows, returns, sharpe
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Rule, Segments
from backtests.tuning.search.sweep import empty_segments
from backtests.tuning.validation.searched_gates import SearchedGates, search_shifted_gates
from brokers.prices.load import Prices
from config.settings import with_changes
from tests.backtests.tuning.evaluators import folder_evaluator, folder_prices, shifted_run, spaced
from tests.scenes import DAY

SHARPE = Rule({"sharpe": 1.0}, 0, 1.0)
NOBODY = np.zeros((2, 1), dtype=np.int16)


def quiet(done: int, of: int) -> None:
    """Progress that nobody watches."""


class FakeEvaluator:
    """An evaluator with given results: by shift, the yearly return and the orders of each set."""

    def __init__(
        self, years: Sequence[Sequence[float]], orders: Sequence[Sequence[int]], sessions: int
    ) -> None:
        self.window_sessions = sessions
        self.days = pd.date_range("2020-01-01", periods=365, tz="UTC")
        self.years, self.orders, self.shifts = years, orders, list[int]()

    def sweep_shifted(self, codes: Any, shifts: Sequence[int]) -> Iterator[Segments]:
        self.shifts = list(shifts)
        for growths, orders, _ in zip(self.years, self.orders, shifts, strict=False):
            found = empty_segments(len(growths), 1)
            found.growth[:, 0], found.orders[:, 0] = np.log1p(growths), orders
            yield found


def search_on(
    years: Sequence[Sequence[float]],
    orders: Sequence[Sequence[int]] | None = None,
    count: int = 4,
    sessions: int = 100,
) -> tuple[SearchedGates, FakeEvaluator]:
    evaluator: Any = FakeEvaluator(years, orders or [[9, 9]] * len(years), sessions)
    return search_shifted_gates(
        evaluator, NOBODY, Rule({"cagr": 1.0}, 5, 1.0), count=count, seed=1, progress=quiet
    ), evaluator


def test_p_by_hand() -> None:
    """The own best is 0.5; of four shifts one does as well, one better: p = (1 + 2) / (1 + 4)."""
    found, _ = search_on([[0.5, 0.1], [0.4, 0.3], [0.5, 0.2], [0.1, 0.7], [-0.2, 0.0]])
    assert found.own_best == pytest.approx(0.5)
    assert found.shifted_best == pytest.approx([0.4, 0.5, 0.7, 0.0])
    assert found.p == 3 / 5
    assert (found.n, found.sets) == (4, 2)


def test_sets_that_break_a_constraint_are_not_the_best() -> None:
    """At least 5 orders: in the first shift the better set has 4, in the second both do, and such a
    shift is not as good.
    """
    found, _ = search_on(
        [[0.5, 0.9], [0.8, 0.1], [0.8, 0.9], [0.6, 0.0], [0.0, 0.0]],
        [[5, 4], [4, 5], [4, 4], [5, 5], [5, 5]],
    )
    assert found.own_best == pytest.approx(0.5)
    assert found.shifted_best == pytest.approx([0.1, -np.inf, 0.6, 0.0])
    assert found.p == 2 / 5


def test_there_is_no_p_where_no_set_meets_the_constraints() -> None:
    found, _ = search_on([[0.5, 0.9], [0.8, 0.1]], [[4, 4], [9, 9]], count=1)
    assert (found.own_best, found.p) == (-np.inf, None)


def test_shifts_are_drawn_without_repetition_within_the_window() -> None:
    found, evaluator = search_on([[0.5, 0.5]] * 100, count=60, sessions=61)
    assert evaluator.shifts[0] == 0
    assert sorted(evaluator.shifts[1:]) == list(range(1, 61))
    assert (found.n, found.p) == (60, 1.0)


def test_there_are_no_more_shifts_than_sessions() -> None:
    found, evaluator = search_on([[0.5, 0.5]] * 100, count=1000, sessions=8)
    assert sorted(evaluator.shifts) == list(range(8))
    assert found.n == 7


def test_the_seed_draws_the_shifts() -> None:
    def shifts_of(seed: int) -> list[int]:
        evaluator: Any = FakeEvaluator([[0.1, 0.1]] * 20, [[9, 9]] * 20, 500)
        search_shifted_gates(evaluator, NOBODY, SHARPE, count=12, seed=seed, progress=quiet)
        return list(evaluator.shifts)

    assert shifts_of(3) == shifts_of(3) != shifts_of(4)


def test_progress_counts_the_shifts() -> None:
    heard: list[tuple[int, int]] = []
    evaluator: Any = FakeEvaluator([[0.1, 0.1]] * 4, [[9, 9]] * 4, 100)
    search_shifted_gates(
        evaluator,
        NOBODY,
        SHARPE,
        count=3,
        seed=1,
        progress=lambda done, of: heard.append((done, of)),
    )
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]


# On prices

VALUES = {
    "gate.base_sessions": (126, 252),
    "allocation.band": (0.05, 0.5),
    "gate.trend_sessions": (150, 200),
}


def test_each_set_has_its_own_gate(whole_folder: Path, cache: Path) -> None:
    """The best Sharpe ratio of four sets with each of three shifts: each set prepared anew, its
    table shifted, run alone.
    """
    evaluator = folder_evaluator(whole_folder, cache, VALUES)
    codes = evaluator.space.grid()[[0, 2, 4, 5]]
    found = search_shifted_gates(evaluator, codes, SHARPE, count=3, seed=8, progress=quiet)
    shifts = np.random.default_rng(8).permutation(np.arange(1, evaluator.window_sessions))[:3]
    days = daily_rows(evaluator.inputs.grid)
    prepared = [
        prepare_inputs(
            with_changes(evaluator.inputs.settings, evaluator.space.point(code), "the set"),
            evaluator.inputs.prices,
        )
        for code in codes
    ]
    own = max(
        float(sharpe(returns(evaluator.curves(code[None])[0][0][days])) or 0.0) for code in codes
    )
    best = [
        max(
            float(sharpe(returns(shifted_run(inputs, int(shift))[days])) or 0.0)
            for inputs in prepared
        )
        for shift in shifts
    ]
    assert found.own_best == pytest.approx(own, rel=1e-9)
    assert found.shifted_best == pytest.approx(best, rel=1e-9)
    assert found.p == (1 + sum(one >= own for one in best)) / 4


def steered(
    prices: Prices, open_days: pd.DatetimeIndex, when_open: float, when_closed: float
) -> Prices:
    """The same prices, but every coin rises or falls by so much a day, with a little noise, as the
    gate was open when the day began or not.
    """
    series = dict(prices.series)
    for request, one in prices.series.items():
        if request.kind == "coin":
            index = one.frame.index
            steps = np.where((index - DAY).isin(open_days), when_open, when_closed)
            close = 100.0 * np.cumprod(
                1.0 + steps + np.random.default_rng(1).normal(0.0, 0.005, len(index))
            )
            before = np.concatenate((close[:1], close[:-1]))
            frame = one.frame.assign(
                open=before,
                close=close,
                adj_close=close,
                high=np.fmax(close, before),
                low=np.fmin(close, before),
            )
            series[request] = one._replace(frame=frame)
    return prices._replace(series=series)


@pytest.mark.parametrize(
    ("when_open", "when_closed", "p"),
    [(0.01, -0.01, 1 / 41), (-0.01, 0.01, 1.0)],
    ids=["with the gate", "against it"],
)
def test_a_gate_that_matters_is_detected(
    when_open: float, when_closed: float, p: float, whole_folder: Path, cache: Path
) -> None:
    """Coins rise while the gate of the settings is open: no shift of 40 does as well. And the other
    way round.
    """
    given_settings, prices = folder_prices(whole_folder, cache)
    table = prepare_inputs(given_settings, prices).table
    days = pd.date_range(table.index[0].floor("D") + DAY, table.index[-1].ceil("D"), freq="D")
    known = table["state"].to_numpy()[table.index.searchsorted(days, side="right") - 1]
    inputs = prepare_inputs(
        given_settings, steered(prices, days[known == "confirmed"], when_open, when_closed)
    )
    evaluator = Evaluator(inputs, spaced(given_settings, VALUES), 1)
    codes = np.concatenate([evaluator.space.defaults(), evaluator.space.grid()])
    found = search_shifted_gates(evaluator, codes, SHARPE, count=40, seed=5, progress=quiet)
    assert found.p == pytest.approx(p)
    assert found.sets == 1 + 2 * 2 * 2
