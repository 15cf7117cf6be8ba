"""Markets of a few dozen sessions and rules with windows of a few sessions, so that gates really
open.

Random prices are whole numbers and divisors powers of two: every ratio, sum and difference is exact
in floating point, so a tie is a tie for the code and for the literal loop alike.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from literal_gate import Numbers

from strategies.breakout import BreakoutRules
from strategies.confirmations import MeasureRules, measure
from strategies.gate import GateRules
from strategies.market import Market
from strategies.risk_curve import CurveRules, HaircutRules

SMALL: dict[str, Any] = {
    "base_sessions": 3,
    "rearm_sessions": 2,
    "rearm_within": 4,
    "confirm_sessions": 2,
    "confirm_within": 5,
    "buffer": 0.0,
    "min_confirmations": 0,
    "fail_sessions": 2,
    "fail_tolerance": 0.1,
    "max_sessions": 0,
    "trend_sessions": 50,
    "confirmations": (),
    "volume_fast": 2,
    "volume_slow": 4,
    "volume_ratio": 1.0,
    "breadth_sessions": 3,
    "breadth_share": 0.6,
    "leadership_sessions": 3,
    "credit_sessions": 3,
    "broad_sessions": 4,
    "rates_sessions": 4,
    "liquidity_weeks": 1,
    "exhaustion_drawdown": 0.4,
    "exhaustion_days": 3,
    "max_age_sessions": 2,
    "max_age_macro_days": 4,
    "channels": (),
    "ceilings": (1.0,),
    "dormant_ceilings": (0.0,),
    "flows_factor": 0.5,
    "flows_days": 3,
    "flows_record_sessions": 2,
    "losses_factor": 0.25,
    "losses_share": 0.4,
    "losses_max_age": 10,
}

ALL_MEASURES = (
    "volume",
    "breadth",
    "leadership",
    "credit",
    "broad",
    "rates",
    "liquidity",
    "exhaustion",
)
UPSTREAM = ("credit", "broad", "leadership")
CEILINGS, DORMANT_CEILINGS = (0.25, 0.5, 0.75, 1.0), (0.0, 0.125, 0.25, 0.375)


def small_rules(**changes: Any) -> GateRules:
    """Rules with small windows, `changes` by field name."""
    assert changes.keys() <= SMALL.keys(), changes.keys() - SMALL.keys()
    numbers = SMALL | changes

    def some(kind: Any) -> Any:
        return kind(**{name: numbers[name] for name in kind._fields})

    return GateRules(
        some(BreakoutRules),
        numbers["trend_sessions"],
        numbers["confirmations"],
        some(MeasureRules),
        some(CurveRules),
        some(HaircutRules),
    )


def literal_numbers(rules: GateRules) -> Numbers:
    """The same numbers for the literal loop."""
    return Numbers(
        **rules.breakout._asdict(),
        trend_sessions=rules.trend_sessions,
        ceilings=rules.curve.ceilings,
        dormant_ceilings=rules.curve.dormant_ceilings,
    )


def session_instants(count: int) -> pd.DatetimeIndex:
    """When sessions are known: half an hour after 21:00 UTC, one a day."""
    return pd.date_range("2020-01-01 21:30", periods=count, freq="D", tz="UTC")


def dated(values: Sequence[float | None], known_at: pd.DatetimeIndex | None = None) -> pd.Series:
    """A series of the values that are not None, one a session unless instants are given."""
    instants = session_instants(len(values)) if known_at is None else known_at
    series = pd.Series(
        [np.nan if value is None else value for value in values], instants, dtype=float
    )
    return series.dropna()


def small_market(index: Sequence[float | None], **others: Any) -> Market:
    """A market around the closes of an index; series not given are flat and always known.

    None is a missing value.
    """
    known_at = session_instants(len(index))
    flat = [1.0] * len(index)
    given = {
        name: dated(value) if isinstance(value, list) else value for name, value in others.items()
    }
    given["breadth"] = {
        name: dated(fund) if isinstance(fund, list) else fund
        for name, fund in others.get("breadth", {"fund": flat}).items()
    }
    rest = {
        name: dated(flat)
        for name in ("broad", "volume", "risky_credit", "safe_credit")
        if name not in given
    }
    return Market(
        sessions=pd.Series(known_at - pd.Timedelta(minutes=30), known_at),
        small_caps=dated(index),
        **rest,
        **given,
    )


def random_closes(random: np.random.Generator, sessions: int) -> list[float]:
    """A walk in whole numbers that climbs slowly, so that records break and breakouts fail."""
    return [
        float(close) for close in np.maximum(40 + np.cumsum(random.integers(-4, 6, sessions)), 5)
    ]


def with_gaps(
    random: np.random.Generator, values: Sequence[float], share: float
) -> list[float | None]:
    """The values with a share of them missing, now and then several in a row; the first stays."""
    out: list[float | None] = [float(value) for value in values]
    for start in np.flatnonzero(random.random(len(out)) < share / 2):
        for row in range(start, min(start + int(random.integers(1, 5)), len(out))):
            out[row] = None
    return [float(values[0]), *out[1:]]


def random_inputs(random: np.random.Generator, sessions: int, gaps: float) -> dict[str, Any]:
    """Lists for `small_market`, by field; `index` among them."""

    def whole(low: int, high: int) -> list[float | None]:
        return with_gaps(random, random.integers(low, high, sessions), gaps)

    def power_of_two() -> list[float | None]:
        return with_gaps(random, 2.0 ** random.integers(0, 2, sessions), gaps)

    return {
        "index": with_gaps(random, random_closes(random, sessions), gaps),
        "broad": power_of_two(),
        "volume": whole(1, 9),
        "risky_credit": whole(4, 12),
        "safe_credit": power_of_two(),
        "breadth": {name: whole(4, 12) for name in ("banks", "industrials", "biotech")},
    }


def held(name: str, market: Market, **changes: Any) -> list[bool | None]:
    """Whether a measure holds, session by session; None where it is unknown."""
    return [
        None if np.isnan(one) else bool(one)
        for one in measure(name, market, small_rules(**changes).measures).holds
    ]


def examples(count: int) -> settings:
    """So many examples, the same ones every time (their share of open gates is asserted), in their
    own time, leaving nothing on the disk.
    """
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


@st.composite
def breakout_numbers(draw: st.DrawFn) -> dict[str, Any]:
    """Small numbers for every rule of the breakout."""
    base = draw(st.integers(3, 8))
    confirm = draw(st.integers(1, 4))
    return {
        "base_sessions": base,
        "rearm_sessions": draw(st.integers(1, base)),
        "rearm_within": draw(st.integers(0, 12)),
        "confirm_sessions": confirm,
        "confirm_within": draw(st.integers(confirm, 9)),
        "buffer": draw(st.sampled_from([0.0, 0.0, 0.02, 0.0625])),
        "min_confirmations": draw(st.integers(0, 2)),
        "fail_sessions": draw(st.integers(1, 4)),
        "fail_tolerance": draw(st.sampled_from([0.0, 0.03, 0.0625])),
        "trend_sessions": draw(st.sampled_from([3, 4, 5, 99])),  # 99: never known
        "max_sessions": draw(st.sampled_from([0, 0, 3, 9])),
    }
