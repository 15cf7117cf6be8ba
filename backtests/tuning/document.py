"""Findings as plain values: tune.json and trials.parquet, of which page, terminal and best.toml are made."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.performance.metrics import DAYS
from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.segment_stats import Figures, from_returns
from backtests.tuning.search.segment_stats import figures as figures_of
from backtests.tuning.search.study import DEFAULT, Study
from backtests.tuning.validation.findings import (
    NAMES,
    Findings,
    axis_drift,
    day_texts,
    possible,
    stitched_returns,
    versions,
)
from backtests.tuning.validation.leave_one_out import LeaveOneOut
from backtests.tuning.validation.walk_forward import WalkForward
from brokers.json_values import plain
from config.settings import Settings
from strategies.indicators import Floats

SHOWN = 500  # splits in the scatter of overfitting
BINS = 24


def document(field: Field, found: Findings, settings: Settings) -> dict[str, Any]:
    """The content of tune.json."""
    study, inputs = found.study, field.inputs
    content: dict[str, Any] = plain({
        "best": _best(found),
        "defaults": {"in_sample": _row(study.figures, DEFAULT)},
        "verdict": _verdict(found),
        "search": _search(study, settings),
        "trials": {"n": len(study.codes), "effective": found.deflation.effective_trials if found.deflation else None},
        "pbo": _overfitting(found),
        "deflated_sharpe": _deflated(found),
        "superior_ability": _ability(found),
        "searched_gates": _gates(found),
        "walk_forward": {
            "rolling": _walked(field, found.rolling, study, settings),
            "anchored": _walked(field, found.anchored, study, settings),
        },
        "leave_one_breakout_out": _left_out(found.left_out, study, field),
        "robustness": _robustness(found),
        "kernel": {
            "sets": field.run, "seconds": field.seconds, "threads": field.threads,
            "microseconds_a_set": field.seconds / field.run * 1e6 if field.run else None,
        },
        "sample": inputs.prices.sample,
        "fallback": inputs.prices.fallback,
        "window": {"first": inputs.grid[0].isoformat(), "last": inputs.grid[-1].isoformat(), "days": len(field.days) + 1},
        "events": day_texts(study.partition.events),
        "warnings": _warnings(found),
        "versions": dict(versions()),
    })  # fmt: skip
    return content


def write_trials(study: Study, path: Path) -> None:
    """One row a set: its values, then its figures."""
    frame = pd.DataFrame(index=range(len(study.codes)))
    for place, (axis, standing) in enumerate(
        zip(study.space.axes, study.space.standing, strict=True)
    ):
        values = pd.Series(
            [_cell(value) for value in (*axis.values, standing)]
        )  # the last is reached by the code of what is not tried, -1
        frame[axis.key] = values.to_numpy()[study.codes[:, place]]
    frame["objective"] = study.objective
    for name in NAMES:
        frame[name] = getattr(study.figures, name)
    frame.to_parquet(path, index=False)


def _cell(value: Any) -> Any:
    """Lists, as of ceilings, as text: a column has one type."""
    return repr(list(value)) if isinstance(value, tuple) else value


def _row(figures: Figures, row: int) -> dict[str, Any]:
    return {name: getattr(figures, name)[row] for name in NAMES}


def _best(found: Findings) -> dict[str, Any]:
    study, row = found.study, found.study.row
    standing = dict(zip(study.space.keys, study.space.standing, strict=True))
    again = found.agreement
    return {
        "row": row,
        "keeps_the_rule": study.best is not None,
        "point": study.point(row),
        "changed": {key: [standing[key], value] for key, value in study.changes(row).items()},
        "in_sample": _row(study.figures, row),
        "backtrader": again.metrics._asdict(),
        "agrees": again.agrees,
        "equity_difference": again.equity_difference,
        "orders_differ": again.orders_differ,
        "intervals": {name: one._asdict() for name, one in found.intervals.items()},
    }


def _verdict(found: Findings) -> dict[str, Any] | None:
    if found.verdict is None:
        return None
    return {
        "word": found.verdict.word,
        "why": list(found.verdict.why),
        "tests": [one._asdict() for one in found.verdict.tests],
    }


def _search(study: Study, settings: Settings) -> dict[str, Any]:
    tune, space = settings.tune, study.space
    return {
        "method": tune.method, "sets": len(study.codes), "possible": possible(study, tune), "seed": tune.seed,
        "objective": tune.weights(), "min_orders": tune.min_orders, "max_drawdown": tune.max_drawdown,
        "feasible": int(np.isfinite(study.objective).sum()),
        "space": [{"key": axis.key, "values": axis.values, "when": axis.when} for axis in space.axes],
    }  # fmt: skip


def _overfitting(found: Findings) -> dict[str, Any]:
    one = found.overfitting
    counts, edges = np.histogram(one.logits, BINS) if one.used else (np.zeros(0), np.zeros(0))
    shown = (
        np.unique(np.linspace(0, one.used - 1, min(one.used, SHOWN)).astype(int))
        if one.used
        else np.zeros(0, int)
    )
    return {
        "pbo": one.pbo, "at_median": one.at_median, "probability_of_loss": one.probability_of_loss, "slope": one.slope,
        "intercept": one.intercept, "splits": one.used, "dropped": one.dropped,
        "logits_histogram": {"edges": edges, "counts": counts},
        "scatter": {"in_sample": one.in_sample[shown], "out_of_sample": one.out_of_sample[shown]},
    }  # fmt: skip


def _deflated(found: Findings) -> dict[str, Any] | None:
    one = found.deflation
    if one is None:
        return None
    return {
        "value": one.deflated_sharpe, "expected_maximum_yearly": one.expected_maximum * math.sqrt(DAYS),
        "sharpe_yearly": one.record.sharpe * math.sqrt(DAYS), "effective_trials": one.effective_trials,
        "minimum_days": one.minimum_days, "days": one.record.days,
    }  # fmt: skip


def _ability(found: Findings) -> dict[str, Any] | None:
    one = found.ability
    if one is None:
        return None
    p = {"p_lower": one.p_lower, "p_consistent": one.p_consistent, "p_upper": one.p_upper}
    return p | {"sets": len(found.sample), "benchmark": "the settings as they stand"}


def _gates(found: Findings) -> dict[str, Any] | None:
    one = found.gates
    if one is None:
        return None
    return {
        "n": one.n,
        "sets": one.sets,
        "p": one.p,
        "own_best": one.own_best,
        "shifted_best": np.sort(one.shifted_best),
    }


def _walked(field: Field, found: WalkForward, study: Study, settings: Settings) -> dict[str, Any]:
    first, last = (int(found.edges[0]), int(found.edges[-1])) if len(found.step) else (0, 0)
    chosen = stitched_returns(field, found, study, settings) if len(found.step) else np.zeros(0)
    plain = field.series(study.codes[[DEFAULT]]).returns[first:last, 0]
    steps = [
        {
            "first": f"{found.first[row]:%Y-%m-%d}", "chosen": study.changes(int(found.chosen[row])), "kept_defaults": bool(found.kept_default[row]),
            "in_sample": found.in_sample[row], "out_of_sample": found.out_of_sample[row], "defaults": found.defaults[row],
        }
        for row in range(len(found.step))
    ]  # fmt: skip
    return {
        "steps": steps, "figures": _path_figures(chosen), "defaults": _path_figures(plain), "drift": axis_drift(found, study),
        "equity": {"days": day_texts(field.days[first:last]), "chosen": np.cumprod(1.0 + chosen), "defaults": np.cumprod(1.0 + plain)},
    }  # fmt: skip


def _path_figures(returns: Floats) -> dict[str, Any] | None:
    if not len(returns):
        return None
    column = returns[:, None]
    segments = from_returns(
        column, column != 0.0, np.zeros_like(column, dtype=np.int64), np.array([0, len(returns)])
    )
    return {
        name: value
        for name, value in _row(
            figures_of(segments, np.array([len(returns)]), np.array([True])), 0
        ).items()
        if name != "orders"
    }


def _left_out(found: LeaveOneOut, study: Study, field: Field) -> dict[str, Any]:
    last = np.append(found.edges[1:], found.edges[-1:]) - 1
    folds = [
        {
            "event": f"{found.events[row]:%Y-%m-%d}", "first": f"{found.first[row]:%Y-%m-%d}", "last": f"{field.days[int(last[row])]:%Y-%m-%d}",
            "chosen": study.changes(int(found.chosen[row])), "in_sample": found.in_sample[row], "out_of_sample": found.out_of_sample[row],
            "defaults": found.defaults[row], "rank": found.rank[row], "won": bool(found.won[row]),
        }
        for row in range(len(found.events))
    ]  # fmt: skip
    counts = {
        "won": int(found.won.sum()),
        "ahead": found.ahead,
        "of": len(found.won),
        "share": found.share,
    }
    return {"folds": folds, **counts, "median_rank": found.median_rank}


def _robustness(found: Findings) -> dict[str, Any]:
    near = found.neighbours
    return {
        "neighbours": {
            "n": len(near.codes), "median": near.median, "worst": near.worst, "best": near.best, "share_of_best": near.share_of_best,
        },
        "importance": [one._asdict() for one in found.importance],
        "heat_maps": [one._asdict() for one in found.maps],
        "stress": [
            {"name": one.name, "why": one.why}
            | {name: getattr(one.metrics, name) if one.metrics else None for name in ("sharpe", "cagr", "max_drawdown", "total_return")}
            for one in found.stressed
        ],
    }  # fmt: skip


def _warnings(found: Findings) -> list[str]:
    said = []
    if found.study.best is None:
        rule = found.study.rule
        asked = (
            f"{rule.min_orders} orders or more and a drawdown of at most {rule.max_drawdown:.0%}"
        )
        said.append(
            f"no set has {asked} (tune.min_orders, tune.max_drawdown): shown are the settings as they stand"
        )
    if not found.agreement.agrees:
        said.append(
            f"kernel and backtrader disagree about the best set (equity by {found.agreement.equity_difference:.1e}): report this"
        )
    return said
