"""What is written of a search: every number against one worked out elsewhere, nothing that is no
JSON, and a best.toml that loads.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from backtests.engine.inputs import prepare_inputs
from backtests.performance.metrics import Metrics, measure
from backtests.runs.backtest import backtest
from backtests.runs.document import DocumentError
from backtests.tuning.document import TuneDocument
from backtests.tuning.document_parts import ScatterRecord
from backtests.tuning.read_document import parse
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.space import space_of
from backtests.tuning.search.study import Study, run_search
from backtests.tuning.trials import BLOCK_SUMS, write_block_sums, write_trials
from backtests.tuning.validation.engine_check import check_engines
from backtests.tuning.validation.findings import Findings, find
from backtests.tuning.writer import make_document
from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load, with_changes
from tests.backtests.tuning.evaluators import NOW, folder_prices
from tests.scenes import DAY

SPACE = (
    'tune.space={"gate.base_sessions" = [126, 252], "risk_curve.ceilings" = [[0.0, 0.0, 0.5, '
    '1.0]], "allocation.own_trend" = ["off", "or"], '
    '"allocation.own_trend_days" = {values = [50, 100], when = {"allocation.own_trend" = '
    '["or"]}}, "confirmations.volume.enabled" = [true, false]}'
)
QUICK = (
    "tune.searched_gates=6",
    "tune.searched_sets=4",
    "tune.walk_forward.step_months=3",
    "tune.walk_forward.train_months=12",
)
SINGLE = 1e-5  # of numbers that are kept in single precision


class Written(NamedTuple):
    """A search, what was found, and its document."""

    settings: Settings
    evaluator: Evaluator
    study: Study
    findings: Findings
    found: dict[str, Any]


def written(settings: Settings, prices: Prices) -> Written:
    steps: list[str] = []

    def step(text: str, done: int = 0, of: int = 0) -> None:
        steps.append(text)

    evaluator = Evaluator(prepare_inputs(settings, prices), space_of(settings), 1)
    tried = run_search(evaluator, settings, step)
    findings = find(evaluator, tried, settings, step)
    assert {"searching", "overfitting", "luck", "walk-forward", "robustness"} <= set(steps)
    return Written(
        settings, evaluator, tried, findings, make_document(evaluator, findings, settings).to_json()
    )


@pytest.fixture(scope="module")
def place(whole_folder: Path, cache: Path) -> tuple[Path, Path]:
    return whole_folder, cache


@pytest.fixture(scope="module")
def usual(place: tuple[Path, Path]) -> Written:
    """A grid of 12 sets on the made-up prices, which count as real ones."""
    return written(*folder_prices(*place, SPACE, *QUICK))


def leaves(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, f"{above}.{key}")
    else:
        yield above, value


def assert_plain(found: dict[str, Any]) -> None:
    """Types of JSON, no number that JSON has not, the same after writing and reading."""
    for key, value in leaves(found):
        assert value is None or type(value) in (bool, int, float, str), (key, type(value))
        assert not isinstance(value, float) or math.isfinite(value), key
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_it_has_every_part_in_plain_values(usual: Written) -> None:
    assert set(usual.found) == set(TuneDocument.model_fields)
    assert_plain(usual.found)


def test_the_document_survives_writing_and_reading(usual: Written) -> None:
    """Numbers to the last bit, their types too."""
    again = parse(json.loads(json.dumps(usual.found))).to_json()
    assert again == usual.found
    assert [type(one) for _, one in leaves(again)] == [type(one) for _, one in leaves(usual.found)]


@pytest.mark.parametrize(
    ("earlier", "word"),
    [
        ("recommend", "recommended"),
        ("do not recommend", "not recommended"),
        ("cannot be told", "inconclusive"),
    ],
)
def test_a_document_of_version_0_1_is_translated(earlier: str, word: str, usual: Written) -> None:
    content = {key: value for key, value in usual.found.items() if key not in ("version", "luck")}
    content["verdict"] = content["verdict"] | {"word": earlier, "tests": []}
    verdict = parse(content).verdict
    assert verdict is not None and verdict.word == word


@pytest.mark.parametrize(
    ("name", "value", "limit", "behind"),
    [
        ("luck", 0.06, 1.0, None),
        ("events", 4.0, 2.0, None),
        ("leave_one_out", 0.5, 0.0, None),
        ("searched_gates", 0.2, 0.3, None),
        ("pbo", 0.6, 1.0, None),
        ("pbo", 0.6, 0.2, 0.06),
    ],
)
def test_a_recommendation_that_rests_on_a_looser_limit_is_none(
    name: str, value: float, limit: float, behind: float | None, usual: Written
) -> None:
    document = recommended(usual, (name, value, limit), behind)
    assert document.verdict is None
    assert "limits that are looser than is allowed now (m" in document.warnings[0]
    assert recommended(usual, (name, value, limit), behind, "inconclusive").verdict is not None


@pytest.mark.parametrize(
    ("name", "value", "limit", "behind"),
    [
        ("luck", 0.05, 1.0, None),  # it passes the limit of today as well
        ("pbo", 0.6, 1.0, 0.05),
        ("pbo", 0.6, 0.2, None),  # in version 0.1 by the share of losses
        ("neighbours", 0.1, 0.0, None),  # no test any more
    ],
)
def test_a_recommendation_that_does_not_is_kept(
    name: str, value: float, limit: float, behind: float | None, usual: Written
) -> None:
    document = recommended(usual, (name, value, limit), behind)
    assert document.verdict is not None and "looser" not in " ".join(document.warnings)


def recommended(
    usual: Written,
    test: tuple[str, float, float],
    behind: float | None,
    word: str = "recommended",
) -> TuneDocument:
    """A document with one passed test: its name, figure and limit."""
    check = dict(zip(("name", "value", "limit"), test, strict=True))
    check |= {"passed": True, "condemns": False, "text": "?"}
    verdict = {"word": word, "why": ["It passes."], "tests": [check]}
    pbo = usual.found["pbo"] | {"probability_behind": behind}
    return parse(usual.found | {"verdict": verdict, "pbo": pbo})


def test_a_document_of_version_2_keeps_its_figures_and_says_what_of(
    usual: Written,
) -> None:
    """It had no luck above exposure-matched holding, and folds were won above zero."""
    content = json.loads(json.dumps(usual.found)) | {"version": 2}
    del content["luck"]
    for part, keys in (
        ("verdict", ("action",)),
        ("trials", ("paths",)),
        ("pbo", ("probability_behind", "tied")),
        ("deflated_sharpe", ("of_excess",)),
    ):
        content[part] = {key: value for key, value in content[part].items() if key not in keys}
    for fold in content["leave_one_breakout_out"]["folds"]:
        del fold["holding"]
    old = parse(content)
    assert old.verdict is not None and old.deflated_sharpe is not None
    assert (old.version, old.luck, old.verdict.action) == (3, None, "")
    assert old.deflated_sharpe.of_excess is False and old.pbo.probability_behind is None
    assert [fold.holding for fold in old.leave_one_breakout_out.folds] == [None, None]
    kept = old.to_json()
    assert kept["pbo"]["pbo"] == usual.found["pbo"]["pbo"]
    assert parse(kept) == old


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 4}, "is of version 4; this program reads versions up to 3: update it"),
        ({"trials": {"n": "many", "effective": None}}, r"trials\.n: "),
        ({"trials": {"n": 3}}, r"has no trials\.effective"),
        ({"more": 1}, "more: "),
        ({"verdict": {"word": "maybe", "why": [], "tests": []}}, r"verdict\.word: "),
    ],
)
def test_what_is_no_such_document_is_refused_by_name(
    changes: dict[str, Any], message: str, usual: Written
) -> None:
    with pytest.raises(DocumentError, match=message):
        parse(usual.found | changes)


def test_numbers_that_do_not_exist_are_null() -> None:
    scatter = ScatterRecord(in_sample=(1.0, math.nan), out_of_sample=(-math.inf, 0.5))
    assert scatter.model_dump(mode="json") == {
        "in_sample": [1.0, None],
        "out_of_sample": [None, 0.5],
    }


def test_the_best_set_is_what_a_backtest_of_it_finds(usual: Written) -> None:
    """In the search's figures and in backtrader's, which agree."""
    best = usual.found["best"]
    own = with_changes(
        usual.settings, {key: value for key, (_, value) in best["changed"].items()}, "the set"
    )
    expected = backtest(
        prepare_inputs(own, usual.evaluator.inputs.prices), with_benchmarks=False
    ).metrics
    assert best["backtrader"] == pytest.approx(expected._asdict())
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
        assert best["in_sample"][name] == pytest.approx(getattr(expected, name), rel=SINGLE), name
    assert (best["agrees"], best["orders_differ"], best["keeps_the_rule"]) == (True, 0, True)
    assert best["equity_difference"] <= 1e-9
    assert {key: value for key, value in best["point"].items() if key in best["changed"]} == {
        key: new for key, (_, new) in best["changed"].items()
    }
    standing = usual.settings.model_dump()
    for key, (old, _) in best["changed"].items():
        table: Any = standing
        for part in key.split("."):
            table = table[part]
        assert old == (list(table) if isinstance(table, tuple) else table)


def test_the_defaults_are_a_backtest_of_the_settings(usual: Written) -> None:
    expected = backtest(usual.evaluator.inputs, with_benchmarks=False).metrics
    for name in ("sharpe", "cagr", "max_drawdown", "orders"):
        assert usual.found["defaults"]["in_sample"][name] == pytest.approx(
            getattr(expected, name), rel=SINGLE
        ), name


def test_the_search_is_reported_as_it_was(usual: Written) -> None:
    """2 bases x ceilings tried or not, which a grid always tries: 2 x 1 x (1 + 2) x 2 sets, and the
    settings: all there are.
    """
    search = usual.found["search"]
    assert (search["method"], search["sets"], search["possible"], search["seed"]) == (
        "grid",
        13,
        13,
        20160707,
    )
    assert (search["objective"], search["min_orders"], search["max_drawdown"]) == (
        {"sharpe": 1.0},
        10,
        1.0,
    )
    assert search["feasible"] == sum(orders >= 10 for orders in usual.study.figures.orders)
    axes = {one["key"]: one for one in search["space"]}
    assert axes["risk_curve.ceilings"]["values"] == [[0.0, 0.0, 0.5, 1.0]]
    assert axes["allocation.own_trend_days"]["when"] == {"allocation.own_trend": ["or"]}
    assert usual.found["trials"]["n"] == 13


def test_every_set_is_a_row(usual: Written, tmp_path: Path) -> None:
    write_trials(usual.study, tmp_path / "trials.parquet")
    frame = pd.read_parquet(tmp_path / "trials.parquet")
    assert list(frame.columns[:5]) == list(usual.study.space.keys)
    assert len(frame) == 13
    assert frame["path"].nunique() == usual.found["trials"]["paths"]
    assert (frame.groupby("path")["sharpe"].nunique() == 1).all()
    for row in range(13):
        point = usual.study.point(row)
        shown = {
            key: repr(list(value)) if isinstance(value, tuple) else value
            for key, value in point.items()
        }
        assert frame.iloc[row, :5].to_dict() == shown
    assert frame["objective"].to_numpy() == pytest.approx(
        np.where(frame["orders"] >= 10, frame["sharpe"], -np.inf)
    )
    highest = frame.index[frame["objective"] == frame["objective"].max()]
    assert usual.found["best"]["row"] == min(highest, key=lambda row: len(usual.study.changes(row)))
    assert frame["orders"].dtype.kind == "i"
    assert frame["confirmations.volume.enabled"].dtype == bool


def path_figures(values: list[float], first: str) -> Metrics:
    """Of growth that starts at 1 on the day before `first`."""
    index = pd.date_range(pd.Timestamp(first, tz="UTC"), periods=len(values) + 1, freq="D") + DAY
    return measure(pd.Series([1.0, *values], index), np.zeros(len(values) + 1), 0.0, 0, 0.0)


@pytest.mark.parametrize("name", ["rolling", "anchored"])
def test_walk_forward_is_the_figures_of_its_curve(name: str, usual: Written) -> None:
    walked = usual.found["walk_forward"][name]
    days = walked["equity"]["days"]
    assert days == [f"{day:%Y-%m-%d}" for day in usual.evaluator.days[-len(days) :]]
    assert walked["steps"][0]["first"] == days[0] == "2013-06-02"  # after twelve months
    assert [step["first"] for step in walked["steps"]] == [
        f"{month:%Y-%m}-02" for month in pd.date_range("2013-06-01", "2016-12-31", freq="3MS")
    ]
    for curve, figures in (("chosen", "figures"), ("defaults", "defaults")):
        values = walked["equity"][curve]
        assert len(values) == len(days)
        expected = path_figures(values, days[0])
        for figure in ("total_return", "cagr", "sharpe", "sortino", "calmar", "max_drawdown"):
            assert walked[figures][figure] == pytest.approx(
                getattr(expected, figure), rel=SINGLE, abs=1e-6
            ), (curve, figure)
    plain = usual.evaluator.series(usual.study.codes[:1]).returns[-len(days) :, 0]
    assert walked["equity"]["defaults"] == pytest.approx(np.cumprod(1 + plain))
    assert set(walked["drift"]) == set(usual.study.space.keys)


def test_a_step_is_traded_with_the_set_chosen_before_it(usual: Written) -> None:
    """Each step's own return without its first day, which pays for the change."""
    walked = usual.found["walk_forward"]["rolling"]
    assert len(set(usual.findings.rolling.chosen.tolist())) > 1
    days, values = walked["equity"]["days"], np.array([1.0, *walked["equity"]["chosen"]])
    daily = values[1:] / values[:-1] - 1.0
    borders = [*(days.index(step["first"]) for step in walked["steps"]), len(days)]
    for step, first, last in zip(walked["steps"], borders, borders[1:], strict=False):
        changes = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in step["chosen"].items()
        }
        row = next(row for row in range(13) if usual.study.changes(row) == changes)
        own = usual.evaluator.series(usual.study.codes[[row]]).returns[-len(days) :, 0]
        assert daily[first + 1 : last] == pytest.approx(own[first + 1 : last])
        assert daily[first] <= own[first] + 1e-12


def test_overfitting_is_reported_in_counts(usual: Written) -> None:
    pbo, one = usual.found["pbo"], usual.findings.overfitting
    assert pbo["splits"] + pbo["dropped"] == math.comb(16, 8)
    assert sum(pbo["logits_histogram"]["counts"]) == pytest.approx(pbo["splits"])
    assert len(pbo["logits_histogram"]["edges"]) == len(pbo["logits_histogram"]["counts"]) + 1
    assert len(pbo["scatter"]["in_sample"]) == len(pbo["scatter"]["out_of_sample"]) <= 500
    assert set(pbo["scatter"]["in_sample"]) <= set(one.in_sample.tolist())
    assert 0.0 <= pbo["pbo"] <= 1.0


def excess_of_sets(one: Written, rows: list[int]) -> np.ndarray:
    """Daily returns above each set's mean exposure held in the coins listed, made with pandas."""
    series = one.evaluator.series(one.study.codes[rows])
    inputs = one.evaluator.inputs
    closes = pd.DataFrame({name: lines["close"] for name, lines in inputs.coins.items()})
    daily = closes.reindex(inputs.grid).groupby((inputs.grid - pd.Timedelta(1, "ns")).date).last()
    gains = daily.pct_change(fill_method=None).iloc[1:]
    weights = pd.Series({coin.name: coin.weight for coin in one.settings.coins})
    listed = gains.notna() * weights
    basket = (gains.fillna(0.0) * listed).sum(axis=1) / listed.sum(axis=1)
    return series.returns - series.exposure.mean(axis=0) * basket.to_numpy()[:, None]


def test_luck_is_of_returns_above_exposure_matched_holding(usual: Written) -> None:
    """Annualised ratios are daily ones times sqrt(365)."""
    excess = excess_of_sets(usual, [usual.study.row])[:, 0]
    expected = excess.mean() / excess.std(ddof=1) * math.sqrt(365)
    luck, deflated = usual.found["luck"], usual.found["deflated_sharpe"]
    assert luck["sharpe_yearly"] == pytest.approx(expected)
    assert deflated["sharpe_yearly"] == pytest.approx(expected)
    assert deflated["of_excess"] is True
    assert (luck["block_days"], luck["draws"]) == (60, 2000)
    assert luck["by_chance"] == sorted(luck["by_chance"])
    assert luck["p"] * 2001 == pytest.approx(round(luck["p"] * 2001))
    assert (deflated["days"], usual.found["window"]["days"]) == (1674, 1675)
    trials = usual.found["trials"]
    assert 1.0 <= deflated["effective_trials"] == trials["effective"] <= trials["paths"]


def test_sets_and_paths_are_both_counted(usual: Written) -> None:
    """Sets with the same return on every day, counted anew."""
    returns = usual.evaluator.series(usual.study.codes).returns
    different = len({column.tobytes() for column in returns.T})
    assert usual.found["trials"]["paths"] == different
    assert usual.found["luck"]["paths"] == usual.found["luck"]["of"] == different < 13


def pbo_of(file: Path) -> tuple[float, float, float]:
    """PBO, and the shares of losses and of falling behind, by the paper out of block_sums.npz.

    Every set stands in a plain table; the sets that are best together are averaged.
    """
    kept = np.load(file)
    rows = np.repeat(np.arange(len(kept["copies"])), kept["copies"])
    total, squares, exposed, above = (
        kept[name][rows] for name in ("total", "squares", "exposed", "excess")
    )
    days, blocks = kept["days"], len(kept["days"])
    shares = []

    def ratios(half: list[int]) -> np.ndarray:
        n, s, q = days[half].sum(), total[:, half].sum(axis=1), squares[:, half].sum(axis=1)
        deviation = np.sqrt(np.maximum(q - s * s / n, 0.0) / (n - 1))
        held = (exposed[:, half] > 0).any(axis=1) & (deviation > 1e-9)
        return np.round(np.where(held, s / n / np.where(held, deviation, 1.0), 0.0), 11)

    for half in itertools.combinations(range(blocks), blocks // 2):
        one, other = list(half), [block for block in range(blocks) if block not in half]
        if not all((exposed[:, part] > 0).any() for part in (one, other)):
            continue
        first, second = ratios(one), ratios(other)
        best = np.flatnonzero(first == first.max())
        ranks = rankdata(second)[best]
        shares.append(
            (
                np.mean(ranks <= (len(rows) + 1) / 2),
                np.mean(second[best] < 0),
                np.mean(above[best][:, other].sum(axis=1) < 0),
            )
        )
    return tuple(np.mean(shares, axis=0).tolist())


def test_the_pbo_can_be_computed_again_from_the_file(usual: Written, tmp_path: Path) -> None:
    """With code that shares nothing with the program's."""
    write_block_sums(usual.findings, tmp_path / BLOCK_SUMS)
    pbo = usual.found["pbo"]
    assert pbo_of(tmp_path / BLOCK_SUMS) == pytest.approx(
        (pbo["pbo"], pbo["probability_of_loss"], pbo["probability_behind"]), abs=1e-9
    )
    assert pbo["tied"] > 0.0
    kept = np.load(tmp_path / BLOCK_SUMS)
    assert kept["copies"].sum() == 13 and kept["days"].sum() == 1674
    for row, totals in zip(kept["row"], kept["total"], strict=True):
        series = usual.evaluator.series(usual.study.codes[[row]]).returns[:, 0]
        assert totals.sum() == pytest.approx(series.sum())
    write_block_sums(usual.findings, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / BLOCK_SUMS).read_bytes()


def test_shifted_gates_are_reported_in_order(usual: Written) -> None:
    gates = usual.found["searched_gates"]
    assert (gates["n"], gates["sets"]) == (6, 4)
    assert gates["shifted_best"] == sorted(gates["shifted_best"])
    better = sum(one >= gates["own_best"] for one in gates["shifted_best"])
    assert gates["p"] == pytest.approx((1 + better) / 7)


def test_breakouts_are_reported_with_their_days(usual: Written) -> None:
    left_out = usual.found["leave_one_breakout_out"]
    assert [fold["event"] for fold in left_out["folds"]] == usual.found["events"]
    assert left_out["of"] == len(left_out["folds"]) == 2
    assert left_out["won"] == sum(fold["won"] for fold in left_out["folds"])
    assert (left_out["folds"][0]["first"], left_out["folds"][-1]["last"]) == (
        "2012-06-02",
        "2016-12-31",
    )
    assert pd.Timestamp(left_out["folds"][0]["last"]) + pd.Timedelta(days=1) == pd.Timestamp(
        left_out["folds"][1]["first"]
    )


def test_conditions_and_costs_are_stressed(usual: Written) -> None:
    """The set unchanged, as a backtest finds it; the fee again, 0.1 %, costs less than four times
    the slippage more, 0.2 %.
    """
    stress = {one["name"]: one for one in usual.found["robustness"]["stress"]}
    best = usual.found["best"]["backtrader"]
    assert stress["unchanged"]["sharpe"] == pytest.approx(best["sharpe"])
    assert (
        stress["slippage times five"]["total_return"]
        < stress["fee doubled"]["total_return"]
        < best["total_return"]
    )
    assert all(one["sharpe"] is not None or one["why"] for one in stress.values())
    own = with_changes(
        usual.settings,
        usual.study.changes(usual.study.row) | {"costs.fee": 2 * usual.settings.costs.fee},
        "twice the fee",
    )
    expected = backtest(
        prepare_inputs(own, usual.evaluator.inputs.prices), with_benchmarks=False
    ).metrics
    for name in ("sharpe", "cagr", "max_drawdown", "total_return"):
        assert stress["fee doubled"][name] == pytest.approx(getattr(expected, name), rel=1e-9), name


def test_engines_that_disagree_are_reported(
    usual: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's equity a thousandth too high at one bar."""
    equity, cash = usual.evaluator.curves(usual.study.codes[[usual.study.row]])
    wrong = equity.copy()
    wrong[0, 1000] *= 1.001
    monkeypatch.setattr(usual.evaluator, "curves", lambda codes: (wrong, cash))
    found = check_engines(usual.evaluator, usual.study, usual.settings)
    assert (found.agrees, found.equity_difference, found.orders_differ) == (
        False,
        pytest.approx(1.0 - 1.0 / 1.001),
        0,
    )
    monkeypatch.undo()
    changed = usual.findings._replace(agreement=found)
    document = make_document(usual.evaluator, changed, usual.settings)
    assert document.best.agrees is False
    assert any("kernel and backtrader disagree" in warning for warning in document.warnings)
    assert usual.found["warnings"] == []


def test_numbers_on_real_prices_carry_a_verdict(usual: Written) -> None:
    verdict = usual.found["verdict"]
    assert verdict["word"] in ("recommended", "not recommended", "inconclusive")
    assert verdict["why"] and verdict["tests"]
    values = [one["value"] for one in verdict["tests"]]
    assert usual.found["pbo"]["pbo"] in values and usual.found["luck"]["p"] in values
    assert usual.found["deflated_sharpe"]["value"] not in values
    assert verdict["action"].startswith(("Keep ", "Use best.toml: ", "Change nothing: "))


# Where little was found


def cases() -> dict[str, tuple[str, ...]]:
    one = 'tune.space={"allocation.band" = [0.5]}'
    return {
        "nothing good enough": (SPACE, *QUICK, "tune.min_orders=100000"),
        "one other set": (one, *QUICK),
        "a gate that never opens": (one, *QUICK, "backtest.end=2013-05-01", "tune.min_orders=0"),
        "nothing but interest": (
            one,
            *QUICK,
            "backtest.end=2013-05-01",
            "tune.min_orders=0",
            "costs.cash_yield=0.05",
        ),
        "no shifted gates": (one, "tune.searched_gates=0"),
        "a window too short to walk": (
            one,
            *QUICK,
            "backtest.start=2013-08-01",
            "backtest.end=2013-09-30",
        ),
    }


def nothing_is_good_enough(one: Written) -> None:
    assert one.found["search"]["feasible"] == 0
    assert one.found["best"]["keeps_the_rule"] is False
    assert (one.found["best"]["row"], one.found["best"]["changed"]) == (0, {})
    assert "no parameter set has 100000 orders or more" in one.found["warnings"][0]
    assert one.found["searched_gates"]["p"] is None
    assert one.found["verdict"]["word"] != "recommended"


def nothing_was_held(one: Written) -> None:
    assert one.found["best"]["changed"] == {}
    assert one.found["deflated_sharpe"] is None and one.found["trials"]["effective"] is None
    assert one.found["pbo"]["pbo"] is None and one.found["pbo"]["splits"] == 0
    assert one.found["verdict"] is None  # the window is short


CHECKS: dict[str, Callable[[Written], None]] = {
    "nothing good enough": nothing_is_good_enough,
    "a gate that never opens": nothing_was_held,
    "nothing but interest": nothing_was_held,
}


@pytest.mark.parametrize("case", cases())
def test_little_is_reported_without_a_number_that_is_none(
    case: str, place: tuple[Path, Path]
) -> None:
    one = written(*folder_prices(*place, *cases()[case]))
    assert_plain(one.found)
    CHECKS.get(case, lambda _: None)(one)
    if case == "no shifted gates":
        assert one.found["searched_gates"] is None
    if case == "a window too short to walk":
        assert (
            one.found["walk_forward"]["rolling"]["steps"] == []
            and one.found["walk_forward"]["rolling"]["figures"] is None
        )


def test_simulated_prices_get_no_verdict_and_no_p(cache: Path) -> None:
    """Ten months of the sample."""
    words = [
        "prices.source=sample",
        f"prices.cache={cache}",
        "backtest.start=2025-06-01",
        'tune.space={"allocation.band" = [0.5]}',
        *QUICK,
    ]
    settings = load(None, words)
    one = written(settings, load_prices(settings, NOW + 4000 * DAY))
    assert one.found["sample"] is True
    parts = ("verdict", "luck", "superior_ability", "searched_gates")
    assert [one.found[part] for part in parts] == [None] * 4
    assert_plain(one.found)
