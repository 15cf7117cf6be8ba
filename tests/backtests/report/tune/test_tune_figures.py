"""The pictures of a search: plotly accepts each, and they show the numbers of the search."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from backtests.report.tune import figures as tune_figures
from backtests.report.tune import page as tune_page
from backtests.report.tune import parallel_sets
from backtests.report.tune.page import RecordedSearch
from backtests.report.tune.tables import walk_of
from backtests.tuning.document_parts import HeatMapRecord, HistogramRecord
from tests.backtests.report.test_figures import coloured
from tests.backtests.report.tune_sample import KINDS, with_parts
from tests.backtests.report.tune_usual import CURRENT, VALUES


@pytest.fixture(scope="module")
def usual(search_of: Callable[[str], Path]) -> RecordedSearch:
    return tune_page.read_search(search_of("usual"))


def with_search(run: RecordedSearch, **changes: Any) -> RecordedSearch:
    search = run.result.search.model_dump(mode="json") | changes
    return run._replace(result=with_parts(run.result, search=search))


@pytest.mark.parametrize("kind", KINDS)
def test_plotly_accepts_every_figure_and_the_page_knows_its_colours(
    kind: str, search_of: Callable[[str], Path]
) -> None:
    run = tune_page.read_search(search_of(kind))
    for name, figure in tune_figures.pictures(run.result, run.trials).items():
        assert len(go.Figure(coloured(figure)).data) == len(figure["data"]) > 0, name


def test_a_usual_search_has_every_picture(usual: RecordedSearch) -> None:
    expected = {
        "rolling-equity",
        "anchored-equity",
        "steps",
        "logits",
        "halves",
        "time-shifts",
        "importance",
        "sets",
    }
    assert tune_figures.pictures(usual.result, usual.trials).keys() == expected | {
        f"heat-{number}" for number in range(3)
    }


def test_lines_are_the_best_sets_and_some_others(usual: RecordedSearch) -> None:
    figure = parallel_sets.lines(usual.result, usual.trials)
    bundles = {
        trace["name"]: trace
        for trace in figure["data"]
        if trace.get("showlegend") is False and trace["mode"] == "lines"
    }
    rows = len(VALUES) + 1
    counts = {name: len(trace["x"]) // (rows + 1) for name, trace in bundles.items()}
    assert counts == {
        "250 others, at random": 250,
        "next 225": 225,
        "best 25": 25,
        "current settings": 1,
        "best set": 1,
    }
    worth = usual.trials["objective"].to_numpy()
    low, high = (float(value) for value in figure_range(figure))
    ends = [
        x
        for x, y in zip(bundles["best 25"]["x"], bundles["best 25"]["y"], strict=True)
        if y == rows - 1
    ]
    assert [low + end * (high - low) for end in ends] == pytest.approx(
        np.sort(worth[np.isfinite(worth)])[::-1][:25], abs=0.01
    )


def figure_range(figure: Any) -> tuple[str, str]:
    """The lowest and the highest result, as they are written at the bottom."""
    bottom = max(note["y"] for note in figure["layout"]["annotations"])
    texts = [note["text"] for note in figure["layout"]["annotations"] if note["y"] == bottom]
    return texts[0], texts[-1]


def test_a_line_runs_through_the_values_of_its_set(usual: RecordedSearch) -> None:
    """The settings' own tolerance, 0.03, is not among those tried: it stands between 0.02 and 0.04,
    the third of six values.
    """
    figure = parallel_sets.lines(usual.result, usual.trials)
    names = [text.replace("<br>", "") for text in figure["layout"]["yaxis"]["ticktext"]]
    shares = {effect.key: effect.share for effect in usual.result.robustness.importance}
    assert names == [*sorted(VALUES, key=lambda key: -shares[key]), "Sharpe ratio"]
    (standing,) = [
        trace
        for trace in figure["data"]
        if trace["name"] == "current settings" and trace["x"] != [None]
    ]
    places = dict(zip(names, standing["x"], strict=False))
    assert places["gate.fail_tolerance"] == pytest.approx(2 / 5)
    assert places["gate.base_sessions"] == 2 / 4
    assert places["allocation.own_trend_days"] == pytest.approx(
        2 / 3, abs=1e-4
    )  # 100, 150, 200, 250
    assert (places["confirmations.credit.enabled"], places["risk_curve.ceilings"]) == (0.0, 0.0)


def test_only_the_settings_that_matter_most_get_a_row(usual: RecordedSearch) -> None:
    many = [f"gate.number_{place}" for place in range(40)]
    space = [{"key": key, "values": list(range(1000)), "when": {}} for key in many]
    importance = [{"key": key, "share": place / 1000} for place, key in enumerate(many)]
    run = with_search(usual, space=space)
    robustness = run.result.robustness.model_dump(mode="json") | {"importance": importance}
    run = run._replace(result=with_parts(run.result, robustness=robustness))
    random = np.random.default_rng(3)
    trials = usual.trials.iloc[:600].assign(**{key: random.integers(0, 1000, 600) for key in many})
    figure = parallel_sets.lines(run.result, trials)
    assert [text.replace("<br>", "") for text in figure["layout"]["yaxis"]["ticktext"]] == [
        *many[:27:-1],
        "Sharpe ratio",
    ]
    assert len(figure["layout"]["annotations"]) == 12 * 5 + 3
    assert len(tune_figures.importance(run.result.robustness.importance)["data"][0]["x"]) == 15
    assert len(tune_page.html(run._replace(trials=trials)).encode()) < 4_000_000


def test_one_setting_alone_is_drawn_by_its_values(search_of: Callable[[str], Path]) -> None:
    run = tune_page.read_search(search_of("one axis"))
    figure = tune_figures.pictures(run.result, run.trials)["sets"]
    assert figure["data"][0]["x"] == ["126", "189", "252", "378", "504"]
    by_value = run.trials.sort_values("gate.base_sessions")["objective"]
    assert figure["data"][0]["y"] == pytest.approx(by_value.tolist(), rel=1e-4)
    standing, best = figure["layout"]["shapes"]
    assert (standing["x0"], best["x0"]) == (2, int(by_value.to_numpy().argmax()))


def test_heat_maps_frame_the_best_set_and_the_current_settings(usual: RecordedSearch) -> None:
    (heat,) = [
        heat
        for heat in usual.result.robustness.heat_maps
        if {heat.x, heat.y} == {"gate.base_sessions", "gate.trend_sessions"}
    ]
    figure = tune_figures.heat_map(heat, usual.result)
    assert np.array(figure["data"][0]["z"]) == pytest.approx(np.array(heat.median), rel=1e-4)
    standing, best = figure["layout"]["shapes"]
    point = usual.result.best.point
    for frame, where in ((standing, CURRENT), (best, point)):
        column, row = (VALUES[key].index(where[key]) for key in (heat.x, heat.y))
        assert (frame["x0"], frame["x1"], frame["y0"], frame["y1"]) == (
            column - 0.5,
            column + 0.5,
            row - 0.5,
            row + 0.5,
        )
    (other,) = [
        one for one in usual.result.robustness.heat_maps if "gate.fail_tolerance" in (one.x, one.y)
    ]
    assert (
        len(tune_figures.heat_map(other, usual.result)["layout"]["shapes"]) == 1
    )  # 0.03 has no cell


def test_cells_without_a_set_are_blank(usual: RecordedSearch) -> None:
    one = {
        "x": "a",
        "y": "b",
        "x_values": [1, 2],
        "y_values": ["off"],
        "median": [[0.25, None]],
        "best": [[0.5, None]],
    }
    (trace,) = tune_figures.heat_map(HeatMapRecord(**one), usual.result)["data"]
    assert (trace["z"], trace["text"]) == ([[0.25, None]], [["0.25<br>(0.50)", ""]])


def test_steps_without_a_choice_are_not_drawn(usual: RecordedSearch) -> None:
    for trace, mode in zip(
        tune_figures.in_and_out_of_sample(usual.result)["data"],
        ("rolling", "anchored"),
        strict=True,
    ):
        walk = walk_of(usual.result, mode)
        steps = [step for step in walk.steps if step.in_sample is not None]
        assert len(steps) == 15
        assert trace["x"] == pytest.approx([step.in_sample for step in steps], abs=1e-4)
        assert trace["y"] == pytest.approx([step.out_of_sample for step in steps], abs=1e-4)


def test_ranks_in_the_worse_half_have_their_colour() -> None:
    (trace,) = tune_figures.logits(HistogramRecord(edges=(-2.0, -1.0, 0.0, 1.0), counts=(3, 5, 7)))[
        "data"
    ]
    assert (trace["x"], trace["width"], trace["y"]) == (
        [-1.5, -0.5, 0.5],
        [1.0, 1.0, 1.0],
        [3, 5, 7],
    )
    assert trace["marker"]["color"] == ["--bad", "--bad", "--yes"]


def test_long_lines_are_thinned_between_their_ends(usual: RecordedSearch) -> None:
    curves = usual.result.walk_forward.rolling.equity
    assert len(curves.days) > tune_figures.MOST
    for trace, name in zip(
        tune_figures.equity(curves)["data"], ("chosen", "defaults"), strict=True
    ):
        assert len(trace["x"]) == tune_figures.MOST
        assert (trace["x"][0], trace["x"][-1]) == (curves.days[0], curves.days[-1])
        assert (trace["y"][0], trace["y"][-1]) == pytest.approx(
            (getattr(curves, name)[0], getattr(curves, name)[-1]), rel=1e-4
        )


def test_searched_gates_without_a_result_are_not_drawn(usual: RecordedSearch) -> None:
    gates = usual.result.searched_gates
    assert gates is not None and gates.shifted_best[0] is None
    figure = tune_figures.pictures(usual.result, usual.trials)["time-shifts"]
    assert figure["data"][0]["x"] == list(gates.shifted_best[1:])
    assert {figure["layout"]["shapes"][0][end] for end in ("x0", "x1")} == {gates.own_best}
