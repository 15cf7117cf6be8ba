"""Made-up searches of every kind the page must cope with: the content of tune.json, and the table
of all sets.

Nothing here was searched: figures follow simple formulas and a seed, and only look like those of a
search.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.tuning.document import TuneDocument
from backtests.tuning.read_document import parse
from tests.backtests.report.tune_usual import CURRENT, FIGURES, VALUES, trials_of, usual, verdict

EMPTY_WALK: dict[str, Any] = {
    "steps": [],
    "figures": None,
    "defaults": None,
    "drift": {},
    "equity": {"days": [], "chosen": [], "defaults": []},
}
NO_SPLITS: dict[str, Any] = {
    **dict.fromkeys(("pbo", "at_median", "probability_of_loss", "probability_behind")),
    **dict.fromkeys(("tied", "slope", "intercept")),
    "splits": 0,
    "dropped": 12870,
    "logits_histogram": {"edges": [], "counts": []},
    "scatter": {"in_sample": [], "out_of_sample": []},
}


def write(kind: str, folder: Path) -> Path:
    """A folder of a search as `tune` leaves it."""
    found, trials = made(kind)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tune.json").write_text(
        json.dumps(found, indent=1, allow_nan=False), encoding="utf-8"
    )
    trials.to_parquet(folder / "trials.parquet", index=False)
    return folder


@cache
def made(kind: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """What tune.json and trials.parquet hold; to be read only."""
    keys = ["gate.base_sessions"] if kind == "one axis" else list(VALUES)
    trials = trials_of(keys)
    found = KINDS[kind](usual(keys, trials))
    if found["search"]["feasible"] == 0:
        trials = trials.assign(objective=-np.inf, orders=3)
    trials = trials.assign(
        **{
            key: trials[key].map(lambda value: str(value) if isinstance(value, list) else value)
            for key in keys
        }
    )
    return json.loads(
        json.dumps(found, allow_nan=False, default=lambda value: value.tolist())
    ), trials


def _recommended(found: dict[str, Any]) -> dict[str, Any]:
    edges = [edge + 1.5 for edge in found["pbo"]["logits_histogram"]["edges"]]
    counts = found["pbo"]["logits_histogram"]["counts"]
    pbo = {
        "pbo": sum(counts[:4]) / sum(counts),
        "slope": 0.42,
        "logits_histogram": {"edges": edges, "counts": counts},
    }
    gates = {
        "p": 3 / 201,
        "own_best": 1.5,
        "shifted_best": [
            min(value or 0.0, 1.4) for value in found["searched_gates"]["shifted_best"]
        ],
    }
    better = {
        "pbo": found["pbo"] | pbo,
        "luck": found["luck"] | {"p": 0.012, "sharpe_yearly": 1.1},
        "deflated_sharpe": found["deflated_sharpe"] | {"value": 0.97, "minimum_days": 3310.0},
        "superior_ability": found["superior_ability"]
        | {"p_lower": 0.008, "p_consistent": 0.011, "p_upper": 0.02},
        "searched_gates": found["searched_gates"] | gates,
        "leave_one_breakout_out": found["leave_one_breakout_out"] | {"won": 5, "share": 5 / 6},
        "warnings": [],
    }
    return found | better | {"verdict": verdict("recommended", found | better)}


def _sample(found: dict[str, Any]) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(
        ("verdict", "luck", "superior_ability", "searched_gates")
    )
    return (
        found
        | nothing
        | {
            "sample": True,
            "fallback": "Yahoo cannot be reached: these are simulated prices, not the market's",
        }
    )


def _unchanged(found: dict[str, Any]) -> dict[str, Any]:
    best = found["best"] | {
        "row": 0,
        "point": {key: CURRENT[key] for key in found["best"]["point"]},
        "changed": {},
        "in_sample": found["defaults"]["in_sample"],
    }
    action = "Change nothing: no parameter set is better than the current settings."
    return found | {"best": best, "verdict": found["verdict"] | {"action": action}}


def _disagreeing(found: dict[str, Any]) -> dict[str, Any]:
    return found | {
        "best": found["best"] | {"agrees": False, "equity_difference": 0.12, "orders_differ": 31}
    }


def _mostly_null(found: dict[str, Any]) -> dict[str, Any]:
    """A best parameter set, and hardly a figure about it."""
    missing: dict[str, Any] = dict.fromkeys(
        ("verdict", "luck", "deflated_sharpe", "superior_ability", "searched_gates")
    )
    none = dict.fromkeys(FIGURES)
    path = {name: None for name in FIGURES if name != "orders"}
    best = found["best"] | {"in_sample": none, "equity_difference": None, "intervals": {}}
    step = {
        "first": "2018-09-18",
        "chosen": {},
        "kept_defaults": True,
        "in_sample": None,
        "out_of_sample": None,
        "defaults": None,
    }
    walk = EMPTY_WALK | {"steps": [step], "figures": path, "defaults": path}
    fold = {
        "event": "2016-11-11",
        "first": "2014-09-18",
        "last": "2026-08-26",
        "chosen": {},
        "in_sample": None,
        "out_of_sample": None,
        "defaults": None,
        "holding": None,
        "rank": None,
        "won": False,
    }
    folds = {
        "folds": [fold],
        "won": 0,
        "ahead": 0,
        "of": 1,
        "share": 0.0,
        "median_rank": None,
    }
    near = {"n": 3, "median": None, "worst": None, "best": None, "share_of_best": None}
    results = dict.fromkeys(("sharpe", "cagr", "max_drawdown", "total_return"))
    stress = [
        {"name": "unchanged", "why": ""} | results,
        {"name": "gate on IWM", "why": "no prices of IWM"} | results,
    ]
    return (
        found
        | missing
        | {
            "best": best,
            "defaults": {"in_sample": none},
            "pbo": NO_SPLITS,
            "walk_forward": {"rolling": walk, "anchored": EMPTY_WALK},
            "leave_one_breakout_out": folds,
            "robustness": {"neighbours": near, "importance": [], "heat_maps": [], "stress": stress},
            "kernel": {"sets": 3501, "seconds": None, "threads": 2, "microseconds_a_set": None},
            "trials": {"n": 3501, "paths": 1, "effective": None},
            "events": [],
        }
    )


def _nothing(found: dict[str, Any]) -> dict[str, Any]:
    """No parameter set meets the constraints: the current settings are reported."""
    missing: dict[str, Any] = dict.fromkeys(
        ("luck", "deflated_sharpe", "superior_ability", "searched_gates")
    )
    missing["pbo"] = NO_SPLITS
    best = _unchanged(found)["best"] | {"keeps_the_rule": False}
    text = "Chance: the set does not differ from holding its average exposure all the time."
    tests = [
        {
            "name": "luck",
            "value": None,
            "limit": 0.05,
            "passed": None,
            "condemns": False,
            "text": text,
        }
    ]
    verdict = {
        "word": "inconclusive",
        "action": "Change nothing: no parameter set is better than the current settings.",
        "why": ["No parameter set meets tune.min_orders and tune.max_drawdown."],
        "tests": tests,
    }
    near = {"n": 9, "median": None, "worst": None, "best": None, "share_of_best": None}
    robustness = found["robustness"] | {"neighbours": near, "importance": [], "heat_maps": []}
    missing |= {
        "leave_one_breakout_out": {
            "folds": [],
            "won": 0,
            "ahead": 0,
            "of": 0,
            "share": None,
            "median_rank": None,
        },
        "robustness": robustness,
    }
    search = {
        "search": found["search"] | {"feasible": 0, "max_drawdown": 0.3},
        "walk_forward": {"rolling": EMPTY_WALK, "anchored": EMPTY_WALK},
    }
    return found | missing | search | {"verdict": verdict, "best": best}


def document_of(kind: str) -> TuneDocument:
    """The document that tune.json of that kind holds."""
    return parse(made(kind)[0])


def with_parts(document: TuneDocument, **parts: Any) -> TuneDocument:
    """The same document with other top-level parts, given as in JSON."""
    return parse(document.to_json() | parts)


KINDS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "usual": lambda found: found,
    "recommended": _recommended,
    "sample": _sample,
    "one axis": lambda found: found,
    "current settings": _unchanged,
    "disagreeing": _disagreeing,
    "mostly null": _mostly_null,
    "nothing feasible": _nothing,
}
