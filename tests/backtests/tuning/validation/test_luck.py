"""Chance is asked about returns above exposure-matched holding: what takes no skill fails the whole
verdict, on made-up prices and on real ones.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.benchmarks import benchmarks, prepare_kernel
from backtests.engine.inputs import prepare_inputs
from backtests.performance.metrics import daily_rows
from backtests.statistics.deflated_sharpe import deflated_sharpe, track_record
from backtests.statistics.matched_holding import excess_returns, matched_holding
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import figures, from_returns, merit
from backtests.tuning.search.space import space_of
from backtests.tuning.search.study import run_search
from backtests.tuning.validation import luck as module
from backtests.tuning.validation.checks import Facts
from backtests.tuning.validation.findings import Findings, facts, find
from backtests.tuning.validation.luck import check_luck, daily_sharpes, survey_paths
from backtests.tuning.validation.verdict import judge
from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load
from strategies.indicators import Floats
from tests.backtests.tuning.evaluators import folder_prices
from tests.scenes import REAL, realdata

SPACE = (
    'tune.space={"gate.base_sessions" = [60, 126, 252], "gate.confirm_sessions" = [1, 3],'
    ' "allocation.target_volatility" = [0.0, 0.3, 0.6], "allocation.band" = [0.2, 0.4],'
    ' "haircuts.flows.factor" = [0.5, 0.7]}'
)
QUICK = ("tune.searched_gates=20", "tune.searched_sets=10", "tune.min_orders=1")
PASSIVE = {  # how each is held: nothing of it depends on the gate
    "hold_bitcoin": "hold_bitcoin",
    "hold_basket": "hold_basket",
    "constant_exposure": "20 % all the time",
    "halving": "18 months after each halving",
}


class Search(NamedTuple):
    """A search with all its findings."""

    settings: Settings
    evaluator: Evaluator
    findings: Findings


class Passive(NamedTuple):
    """A passive benchmark's daily returns and exposure at the end of each day."""

    returns: Floats
    exposure: Floats


def quiet(text: str, done: int = 0, of: int = 0) -> None:
    """No progress."""


def search(settings: Settings, prices: Prices) -> Search:
    evaluator = Evaluator(prepare_inputs(settings, prices), space_of(settings), 2)
    study = run_search(evaluator, settings, quiet)
    return Search(settings, evaluator, find(evaluator, study, settings, quiet))


def passive_paths(one: Search) -> Mapping[str, Passive]:
    """The benchmarks over the same days, at the same costs."""
    inputs = one.evaluator.inputs
    rows = daily_rows(inputs.grid)
    curves = benchmarks(prepare_kernel(inputs), 0.2)
    values = {name: curves[name].equity.to_numpy()[rows] for name in PASSIVE}
    return {
        name: Passive(value[1:] / value[:-1] - 1.0, np.asarray(curves[name].exposure)[rows][1:])
        for name, value in values.items()
    }


def excess_of(one: Search, path: Passive) -> Floats:
    basket = one.evaluator.basket_returns
    return excess_returns(path.returns[:, None], path.exposure[:, None], basket)[:, 0]


def score(one: Search, returns: Floats) -> float:
    """The objective on a part of the days."""
    column = returns[:, None]
    none = np.zeros_like(column, dtype=int)
    segments = from_returns(column, column != 0, none, np.array([0, len(column)]))
    rule = one.findings.study.rule
    return float(merit(figures(segments, np.array([len(column)]), np.array([True])), rule)[0])


def folds_won(one: Search, path: Passive) -> int:
    """Breakouts on which it beats its own mean exposure held."""
    left_out, won = one.findings.left_out, 0
    for begin, end in zip(left_out.edges[:-1], left_out.edges[1:], strict=True):
        held = matched_holding(
            path.exposure[begin:end, None], one.evaluator.basket_returns[begin:end]
        )[:, 0]
        own = score(one, path.returns[begin:end])
        won += own > score(one, held)
    return won


def facts_of(one: Search, path: Passive) -> Facts:
    """What the verdict sees if a passive path is the best of the search.

    No shift of the gate changes it: every shifted search finds as good a path.
    """
    luck = check_luck(one.findings.survey, excess_of(one, path))
    return facts(one.findings)._replace(
        is_default=False,
        objective=score(one, path.returns),
        luck_p=None if luck is None else luck.p,
        won=folds_won(one, path),
        searched_gates_p=1.0,
    )


def fail_all(one: Search, *alone: str) -> None:
    """Each passive path through the whole verdict, and with every figure perfect but `alone`."""
    limits = one.settings.tune.verdict
    gates = max(one.findings.gates.n if one.findings.gates else 0, 100)
    perfect = facts(one.findings)._replace(
        is_default=False,
        objective=2.0,
        events=9,
        pbo=0.0,
        probability_behind=0.0,
        won=9,
        folds=9,
        searched_gates_p=1 / 101,
        searched_gates=gates,
        luck_p=0.001,
        agrees=True,
    )
    assert judge(perfect, limits).word == "recommended"
    paths = passive_paths(one)
    assert paths.keys() == PASSIVE.keys()
    for name, path in paths.items():
        seen = facts_of(one, path)
        assert judge(seen, limits).word != "recommended", name
        for figure in alone:
            changed = perfect._replace(**{figure: getattr(seen, figure)})
            assert judge(changed, limits).word != "recommended", (name, figure)


@pytest.fixture(scope="module")
def made_up(whole_folder: Path, cache: Path) -> Search:
    return search(*folder_prices(whole_folder, cache, SPACE, *QUICK))


def test_passive_benchmarks_fail_on_made_up_prices(made_up: Search) -> None:
    fail_all(made_up, "luck_p", "searched_gates_p")


@realdata
def test_passive_benchmarks_fail_on_real_prices(tmp_path: Path) -> None:
    """By chance alone among dozens of paths. Among three, where chance has least to show, Bitcoin
    after each halving, a rule made with the prices known, fails for its indifference to the gate.
    """
    folder = ["prices.source=folder", f"prices.folder={REAL}", f"prices.cache={tmp_path}"]
    now = pd.Timestamp("2026-08-22", tz="UTC")
    few = 'tune.space={"gate.confirm_sessions" = [1, 2]}'
    for space, alone in ((SPACE, ("luck_p", "searched_gates_p")), (few, ("searched_gates_p",))):
        settings = load(None, [*folder, space, *QUICK])
        fail_all(search(settings, load_prices(settings, now)), *alone)


def test_against_zero_they_would_have_passed(made_up: Search) -> None:
    """What the test was before: hold a coin that rises, and the formula is nearly sure of skill."""
    days = 4000
    rising = np.random.default_rng(1).normal(0.0025, 0.04, days)  # a yearly ratio of about 1.2
    record = track_record(rising)
    assert record is not None
    assert deflated_sharpe(record, 5.0, 1 / (days - 1)) > 0.95
    flat = excess_returns(rising[:, None], np.ones((days, 1)), rising)
    assert track_record(flat[:, 0]) is None
    assert check_luck(made_up.findings.survey, flat[:, 0]) is None


def test_every_path_is_surveyed_once(made_up: Search) -> None:
    """3 x 2 x 3 x 2 sets that may differ; the factor of a haircut that is off changes nothing."""
    study, survey = made_up.findings.study, made_up.findings.survey
    assert len(study.codes) in (72, 73)  # the current settings may be among them
    assert len(survey.rows) == len(survey.paths.first) <= 37
    assert survey.sums.copies.sum() == len(study.codes)
    best, current = survey.rows[:2].tolist()
    assert survey.paths.of[study.row] == survey.paths.of[best]
    assert survey.paths.of[0] in (survey.paths.of[current], survey.paths.of[best])


def test_sums_and_ratios_are_those_of_the_series(made_up: Search) -> None:
    evaluator, survey = made_up.evaluator, made_up.findings.survey
    series = evaluator.series(made_up.findings.study.codes[survey.rows])
    held = series.exposure.mean(axis=0)
    excess = series.returns - held * evaluator.basket_returns[:, None]
    np.testing.assert_allclose(survey.excess, excess, atol=1e-15)
    np.testing.assert_allclose(survey.sums.excess.sum(axis=1), excess.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(survey.sums.total.sum(axis=1), series.returns.sum(axis=0))
    ratios = pd.DataFrame(excess).mean() / pd.DataFrame(excess).std()
    np.testing.assert_allclose(survey.sharpes, ratios.fillna(0.0), rtol=1e-9)
    luck = made_up.findings.luck
    assert luck is not None
    assert luck.sharpe == pytest.approx(float(daily_sharpes(excess[:, :1])[0]))
    assert (luck.paths, luck.of, luck.block_days) == (len(survey.rows), len(survey.rows), 60)


def test_of_more_paths_than_are_looked_at_the_two_that_matter_are_among_them(
    made_up: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PATHS", 6)
    study = made_up.findings.study
    survey = survey_paths(made_up.evaluator, study, 1, 0.0, quiet)
    assert len(survey.rows) == 6 and len(set(survey.rows.tolist())) == 6
    assert {survey.paths.of[0], survey.paths.of[study.row]} <= set(survey.paths.of[survey.rows])
    luck = check_luck(survey, survey.excess[:, 0])
    assert luck is not None
    assert (luck.paths, luck.of) == (6, len(survey.paths.first))


def test_the_basket_is_the_coins_listed_at_their_weights(made_up: Search) -> None:
    """Day by day out of the inputs' own frames."""
    inputs, basket = made_up.evaluator.inputs, made_up.evaluator.basket_returns
    closes = pd.DataFrame({name: lines["close"] for name, lines in inputs.coins.items()})
    closes = closes.reindex(inputs.grid).iloc[daily_rows(inputs.grid)]
    weights = {coin.name: coin.weight for coin in made_up.settings.coins}
    gains = closes.to_numpy()[1:] / closes.to_numpy()[:-1] - 1.0
    for row in range(0, len(basket), 97):
        listed = {
            name: gain
            for name, gain in zip(closes.columns, gains[row], strict=True)
            if np.isfinite(gain)
        }
        whole = sum(weights[name] for name in listed)
        expected = sum(weights[name] * gain for name, gain in listed.items()) / whole
        assert basket[row] == pytest.approx(expected, abs=1e-14)
