"""The usual search, made up: its best set is good in-sample only. Other kinds: `tune_sample`."""

from collections.abc import Mapping
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd

SEED = 7
DAYS = 4360
FIRST = pd.Timestamp("2014-09-18", tz="UTC")
EVENTS = ("2016-11-11", "2018-05-16", "2020-11-09", "2021-11-02", "2024-07-16", "2025-09-18")
CURRENT: dict[str, Any] = {
    "gate.base_sessions": 252,
    "gate.trend_sessions": 200,
    "gate.fail_tolerance": 0.03,  # not among the values tried
    "confirmations.credit.enabled": True,
    "risk_curve.ceilings": [0.25, 0.5, 0.75, 1.0],
    "allocation.own_trend": "off",
    "allocation.own_trend_days": 200,
}
VALUES: dict[str, list[Any]] = {
    "gate.base_sessions": [126, 189, 252, 378, 504],
    "gate.trend_sessions": [100, 150, 200, 250, 300],
    "gate.fail_tolerance": [0.0, 0.02, 0.04, 0.06, 0.08],
    "confirmations.credit.enabled": [True, False],
    "risk_curve.ceilings": [[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 1.0]],
    "allocation.own_trend": ["off", "and", "or"],
    "allocation.own_trend_days": [100, 150, 250],
}
CONDITION = {"allocation.own_trend": ["and", "or"]}  # where own_trend_days is tried
FIGURES = (
    "sharpe",
    "sortino",
    "calmar",
    "cagr",
    "total_return",
    "volatility",
    "max_drawdown",
    "days_held",
    "orders",
)
MIN_ORDERS = 10


def trials_of(keys: list[str]) -> pd.DataFrame:
    points = [{key: CURRENT[key] for key in keys}]
    for values in product(*(VALUES[key] for key in keys)):
        point = dict(zip(keys, values, strict=True))
        if (
            "allocation.own_trend_days" in point
            and point["allocation.own_trend"] not in CONDITION["allocation.own_trend"]
        ):
            if point["allocation.own_trend_days"] != VALUES["allocation.own_trend_days"][0]:
                continue
            point["allocation.own_trend_days"] = CURRENT["allocation.own_trend_days"]
        if point != points[0]:
            points.append(point)
    table = pd.DataFrame(points, columns=keys)
    random = np.random.default_rng(SEED)
    noise = random.normal(0, 0.07, len(table))
    sharpe = 0.62 + noise - 0.35 * np.log(table["gate.base_sessions"] / 170).to_numpy() ** 2
    if "gate.trend_sessions" in table:
        sharpe -= 0.2 * np.log(table["gate.trend_sessions"] / 190).to_numpy() ** 2
        sharpe += 0.15 * (table["allocation.own_trend"] == "and").to_numpy() - 2.0 * (
            table["gate.fail_tolerance"].to_numpy() - 0.05
        )
    orders = (40 * np.exp(random.normal(0, 0.5, len(table)))).astype(int)
    cagr, drawdown = 0.35 * sharpe, np.clip(0.75 - 0.25 * sharpe + noise, 0.1, 0.95)
    own = {
        "sharpe": sharpe,
        "sortino": 1.4 * sharpe,
        "calmar": cagr / drawdown,
        "cagr": cagr,
        "total_return": (1 + cagr) ** (DAYS / 365) - 1,
    }
    own |= {
        "volatility": np.full(len(table), 0.38),
        "max_drawdown": drawdown,
        "days_held": np.clip(0.2 + noise, 0.02, 1),
        "orders": orders,
    }
    return table.assign(objective=np.where(orders < MIN_ORDERS, np.nan, sharpe), **own)


def usual(keys: list[str], trials: pd.DataFrame) -> dict[str, Any]:
    """The usual search: a good best set that does not last."""
    row = int(trials["objective"].fillna(-np.inf).argmax())
    best = trials.iloc[row]
    point = {key: best[key] for key in keys}
    random = np.random.default_rng(SEED + 1)
    counts = [10, 40, 160, 420, 890, 1480, 1990, 2100, 1890, 1530, 1180, 790, 380, 10]
    in_sample = random.normal(1.25, 0.22, 500)
    shifted = random.normal(0.88, 0.27, 200)
    found: dict[str, Any] = {
        "version": 3,
        "best": {
            "row": row,
            "keeps_the_rule": True,
            "point": point,
            "changed": {
                key: [CURRENT[key], point[key]] for key in keys if point[key] != CURRENT[key]
            },
            "in_sample": _figures(best),
            "backtrader": _of_backtrader(best)
            | {"max_drawdown_days": 1210, "turnover": 3.1, "fees": 1890.0},
            "agrees": True,
            "equity_difference": 3.1e-13,
            "orders_differ": 0,
            "intervals": {
                "total_return": {"estimate": best["total_return"], "low": 0.4, "high": 310.0},
                "cagr": {"estimate": best["cagr"], "low": 0.03, "high": 0.63},
                "volatility": {"estimate": 0.38, "low": 0.29, "high": 0.46},
                "sharpe": {"estimate": best["sharpe"], "low": 0.31, "high": 1.46},
                "max_drawdown": {"estimate": best["max_drawdown"], "low": 0.31, "high": 0.8},
                "max_drawdown_days": {
                    "estimate": 1746.0,
                    "low": 598.9000000000001,
                    "high": 3539.3749999999995,
                },
            },
        },
        "defaults": {"in_sample": _figures(trials.iloc[0])},
        "verdict": None,
        "search": {
            "method": "grid",
            "sets": len(trials),
            "possible": len(trials),
            "seed": SEED,
            "objective": {"sharpe": 1.0},
            "min_orders": MIN_ORDERS,
            "max_drawdown": 1.0,
            "feasible": int(trials["objective"].notna().sum()),
            "space": [
                {
                    "key": key,
                    "values": VALUES[key],
                    "when": CONDITION if key == "allocation.own_trend_days" else {},
                }
                for key in keys
            ],
        },
        "trials": {"n": len(trials), "paths": len(trials) // 3, "effective": 31.2},
        "luck": {
            "p": 0.31,
            "sharpe_yearly": 0.42,
            "by_chance": [-0.2, 0.1, 0.35, 0.6, 0.9],
            "paths": len(trials) // 3,
            "of": len(trials) // 3,
            "draws": 2000,
            "block_days": 60.0,
        },
        "pbo": {
            "pbo": round(sum(counts[:7]) / sum(counts), 4),
            "at_median": 0.0,
            "probability_of_loss": 0.17,
            "probability_behind": 0.41,
            "tied": 0.62,
            "slope": -0.31,
            "intercept": 0.94,
            "splits": sum(counts),
            "dropped": 0,
            "logits_histogram": {
                "edges": [round(-3.5 + 0.5 * place, 2) for place in range(15)],
                "counts": counts,
            },
            "scatter": {
                "in_sample": in_sample.tolist(),
                "out_of_sample": (0.94 - 0.31 * in_sample + random.normal(0, 0.3, 500)).tolist(),
            },
        },
        "deflated_sharpe": {
            "of_excess": True,
            "value": 0.71,
            "expected_maximum_yearly": 0.79,
            "sharpe_yearly": float(best["sharpe"]),
            "effective_trials": 31.2,
            "minimum_days": 38400.0,
            "days": DAYS - 1,
        },
        "superior_ability": {
            "p_lower": 0.087,
            "p_consistent": 0.124,
            "p_upper": 0.203,
            "sets": 500,
            "benchmark": "the current settings",
        },
        "searched_gates": {
            "n": 200,
            "sets": 200,
            "p": float((1 + (shifted >= 0.97).sum()) / 201),
            "own_best": 0.97,
            "shifted_best": [None, *np.sort(shifted).tolist()],  # in one no set kept the conditions
        },
        "walk_forward": {mode: _walked(mode, keys, random) for mode in ("rolling", "anchored")},
        "leave_one_breakout_out": _left_out(keys, random),
        "robustness": _robustness(keys, trials, best),
        "kernel": {
            "sets": len(trials),
            "seconds": len(trials) * 9.1e-5,
            "threads": 2,
            "microseconds_a_set": 91.0,
        },
        "sample": False,
        "fallback": "",
        "window": {
            "first": FIRST.isoformat(),
            "last": (FIRST + pd.Timedelta(days=DAYS - 1)).isoformat(),
            "days": DAYS,
        },
        "events": list(EVENTS),
        "warnings": ["the window holds 6 breakouts: whatever is found rests on these few"],
        "versions": {"python": "3.11.9", "numpy": "2.4.0", "pandas": "3.0.1"},
    }
    return found | {"verdict": verdict("not recommended", found)}


def _figures(row: Any) -> dict[str, Any]:
    return {name: int(row[name]) if name == "orders" else float(row[name]) for name in FIGURES}


def _of_backtrader(best: Any) -> dict[str, Any]:
    """A backtest knows the share of the account in coins, not that of days."""
    return {
        "exposure" if name == "days_held" else name: value for name, value in _figures(best).items()
    }


def verdict(word: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """By the limits of the settings, in words much like those of `tune`."""
    pbo, luck = found["pbo"]["pbo"], found["luck"]["p"]
    left, wrong = found["leave_one_breakout_out"]["share"], found["searched_gates"]["p"]
    tests = [
        (
            "events",
            6.0,
            5.0,
            True,
            (
                "Breakouts: the set held coins in 6 independent breakouts (at least 5 are needed): "
                "enough."
            ),
        ),
        (
            "luck",
            luck,
            0.05,
            luck <= 0.05,
            f"Chance: without skill as much is reached in {luck:.0%} of histories (at most 5%).",
        ),
        (
            "searched_gates",
            wrong,
            0.05,
            wrong <= 0.05,
            f"Time-shift test: {wrong:.0%} of all searches found as good a set (at most 5%).",
        ),
        (
            "pbo",
            pbo,
            0.2,
            pbo <= 0.2,
            (
                f"Overfitting: in {pbo:.0%} of all halvings the best set of one half ranked low in "
                "the other (at most 20%)."
            ),
        ),
        (
            "leave_one_out",
            left,
            0.6,
            left >= 0.6,
            (
                f"Breakouts left out: it did better than no timing on {left:.0%} of those left out"
                " (at least 60% is needed)."
            ),
        ),
    ]
    names = ("name", "value", "limit", "passed", "text")
    why = [
        f"The search says {word}.",
        *(text for *_, good, text in tests if not good),
    ]
    use = word == "recommended"
    changed = found["best"]["changed"].items()
    values = [f"{key} = {str(new if use else old).lower()}" for key, (old, new) in changed]
    return {
        "word": word,
        "action": f"{'Use best.toml:' if use else 'Keep'} {', '.join(values)}.",
        "why": why,
        "tests": [dict(zip(names, one, strict=True)) | {"condemns": False} for one in tests],
    }


def _walked(mode: str, keys: list[str], random: np.random.Generator) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    first_step = FIRST + pd.Timedelta(days=1461)
    for number in range(16):
        kept = number == 3
        chosen = {
            key: CURRENT[key]
            if kept or random.random() < 0.5
            else VALUES[key][random.integers(len(VALUES[key]))]
            for key in keys
        }
        promised, got = random.normal(1.3, 0.3), random.normal(0.4, 0.9)
        plain = got if kept else got + random.normal(0, 0.4)
        step = {
            "first": f"{first_step + pd.DateOffset(months=6 * number):%Y-%m-%d}",
            "chosen": _changes(chosen),
            "kept_defaults": kept,
        }
        steps.append(
            step
            | {"in_sample": None if kept else promised, "out_of_sample": got, "defaults": plain}
        )
    days = pd.date_range(first_step, periods=DAYS - 1461, tz="UTC")
    held = np.repeat(random.random(-(-len(days) // 120)) < 0.35, 120)[: len(days)]
    moves = np.where(held, random.normal(0.0009, 0.024, len(days)), 0.0)
    paths = {
        "chosen": np.exp(moves.cumsum()),
        "defaults": np.exp(
            (0.8 * moves + np.where(held, random.normal(0, 0.008, len(days)), 0)).cumsum()
        ),
    }
    drift = {
        key: sum(
            one["chosen"].get(key) != other["chosen"].get(key) for one, other in pairwise(steps)
        )
        for key in keys
    }
    equity = {
        "days": [f"{day:%Y-%m-%d}" for day in days],
        **{name: path.tolist() for name, path in paths.items()},
    }
    return {
        "steps": steps,
        "figures": _of(paths["chosen"]),
        "defaults": _of(paths["defaults"]),
        "equity": equity,
        "drift": drift,
    }


def _changes(point: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in point.items() if value != CURRENT[key]}


def _of(path: Any) -> dict[str, Any]:
    moves = np.diff(path) / path[:-1]
    cagr, fall = (
        float(path[-1] ** (365 / len(path)) - 1),
        float((1 - path / np.maximum.accumulate(path)).max()),
    )
    sharpe = float(moves.mean() / moves.std(ddof=1) * np.sqrt(365))
    own = {
        "sharpe": sharpe,
        "sortino": 1.4 * sharpe,
        "calmar": cagr / fall,
        "cagr": cagr,
        "total_return": float(path[-1] - 1),
    }
    return own | {
        "volatility": float(moves.std(ddof=1) * np.sqrt(365)),
        "max_drawdown": fall,
        "days_held": 0.22,
    }


def _left_out(keys: list[str], random: np.random.Generator) -> dict[str, Any]:
    edges = [
        "2014-09-18",
        "2017-08-13",
        "2019-08-12",
        "2021-05-06",
        "2023-03-09",
        "2025-02-15",
        "2026-08-26",
    ]
    folds = []
    for number, event in enumerate(EVENTS):
        chosen = {key: VALUES[key][random.integers(len(VALUES[key]))] for key in keys}
        got = random.normal(0.5, 0.8)
        plain, held = got + random.normal(0.1, 0.5), 0.1 + 0.1 * number
        span = {
            "event": event,
            "first": edges[number],
            "last": edges[number + 1],
            "chosen": _changes(chosen),
        }
        folds.append(
            span
            | {
                "in_sample": random.normal(1.2, 0.1),
                "out_of_sample": got,
                "defaults": plain,
                "holding": held,
                "rank": float(random.random()),
                "won": got > held,
            }
        )
    won, ahead = (
        sum(one["won"] for one in folds),
        sum(one["out_of_sample"] >= one["defaults"] for one in folds),
    )
    return {
        "folds": folds,
        "won": won,
        "ahead": ahead,
        "of": 6,
        "share": won / 6,
        "median_rank": float(np.median([one["rank"] for one in folds])),
    }


def _robustness(keys: list[str], trials: pd.DataFrame, best: Any) -> dict[str, Any]:
    shares = dict(zip(VALUES, (0.41, 0.12, 0.17, 0.02, 0.01, 0.22, 0.05), strict=True))
    stress = (
        ("unchanged", 1.0),
        ("fee doubled", 0.93),
        ("slippage tripled", 0.9),
        ("gate one bar late", 0.84),
        ("without the credit confirmation", 1.02),
    )
    wanted = [
        ("gate.base_sessions", "gate.trend_sessions"),
        ("allocation.own_trend", "gate.base_sessions"),
        ("gate.fail_tolerance", "gate.base_sessions"),
    ]
    near = {
        "n": 12,
        "median": 0.82 * best["sharpe"],
        "worst": 0.4,
        "best": best["sharpe"] - 0.01,
        "share_of_best": 0.82,
    }
    harder = ("sharpe", "cagr", "max_drawdown", "total_return")
    return {
        "neighbours": near,
        "importance": [
            {"key": key, "share": shares[key] if len(keys) > 1 else 1.0}
            for key in sorted(keys, key=lambda key: -shares[key])
        ],
        "heat_maps": [_heat(x, y, trials) for x, y in wanted if {x, y} <= {*keys}],
        "stress": [
            {"name": name, "why": "", **{key: share * best[key] for key in harder}}
            for name, share in stress
        ],
    }


def _heat(x: str, y: str, trials: pd.DataFrame) -> dict[str, Any]:
    def cell(row: Any, column: Any, how: str) -> float | None:
        found = trials.loc[(trials[x] == column) & (trials[y] == row), "objective"].dropna()
        return float(getattr(found, how)()) if len(found) else None

    cells = {
        name: [[cell(row, column, how) for column in VALUES[x]] for row in VALUES[y]]
        for name, how in (("median", "median"), ("best", "max"))
    }
    return {"x": x, "y": y, "x_values": VALUES[x], "y_values": VALUES[y], **cells}
