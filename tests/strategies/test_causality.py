"""Nothing from the future: cutting the inputs at any instant, or rescaling an adjusted one, changes
no earlier answer.
"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_markets import (
    ALL_MEASURES,
    CEILINGS,
    DORMANT_CEILINGS,
    UPSTREAM,
    breakout_numbers,
    dated,
    examples,
    held,
    random_inputs,
    session_instants,
    small_market,
    small_rules,
)

from strategies.gate import gate_table
from strategies.market import Market


def full_market(seed: int, sessions: int = 45) -> Market:
    """Everything the gate can look at, with gaps; macro and coin are published between sessions.

    Prices are no round numbers.
    """
    random = np.random.default_rng(seed)
    inputs = random_inputs(random, sessions, 0.05)
    days = session_instants(sessions)

    def jittered(values: list[float | None]) -> list[float | None]:
        return [None if value is None else value * random.uniform(0.9, 1.1) for value in values]

    def between(low: float, high: float) -> pd.Series:
        minutes = pd.to_timedelta(random.integers(-600, 600, sessions), unit="min")
        return dated(list(random.uniform(low, high, sessions)), days + minutes)

    for name in ("broad", "volume", "risky_credit", "safe_credit"):
        inputs[name] = jittered(inputs[name])
    inputs["breadth"] = {name: jittered(fund) for name, fund in inputs["breadth"].items()}
    liquidity = {
        "assets": between(1000, 1200),
        "treasury": between(10, 60),
        "reverse_repos": between(0.01, 0.1),
    }
    return small_market(
        **inputs,
        liquidity=liquidity,
        coin=between(1, 3),
        flows=between(-2, 2),
        losses=between(0.2, 0.5),
    )


EVERYTHING = {
    "confirmations": ALL_MEASURES,
    "channels": UPSTREAM,
    "ceilings": CEILINGS,
    "dormant_ceilings": DORMANT_CEILINGS,
    "breadth_sessions": 2,
}


def test_cutting_the_market_changes_no_earlier_row() -> None:
    opened = []

    @examples(25)
    @given(
        seed=st.integers(0, 2**32 - 1),
        numbers=breakout_numbers(),
        row=st.integers(10, 44),
        minutes=st.integers(-700, 700),
    )
    def compare(seed: int, numbers: dict[str, Any], row: int, minutes: int) -> None:
        market, rules = full_market(seed), small_rules(**numbers, **EVERYTHING)
        whole = gate_table(market, rules)
        instant = max(whole.index[row] + pd.Timedelta(minutes=minutes), whole.index[0])
        pd.testing.assert_frame_equal(
            gate_table(market.until(instant), rules), whole[whole.index <= instant]
        )
        opened.append((whole["state"][whole.index <= instant] == "confirmed").any())

    compare()
    assert np.mean(opened) > 0.2


def yes_or_no(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that must not depend on the scale of an adjusted series."""
    kept = [name for name in table if name.startswith(("confirmation_", "channel_"))]
    return table[["state", "reason", "confirmed_at", "confirmations", "filled", "ceiling", *kept]]


def rescaled(market: Market, factors: list[float]) -> Market:
    """The market with every adjusted series multiplied by a constant."""
    risky, safe, *rest = factors
    funds = {
        name: fund * factor
        for (name, fund), factor in zip(market.breadth.items(), rest, strict=False)
    }
    return market._replace(
        risky_credit=market.risky_credit * risky,
        safe_credit=market.safe_credit * safe,
        breadth=funds,
    )


def test_rescaling_the_past_of_an_adjusted_series_changes_no_answer() -> None:
    @examples(15)
    @given(
        seed=st.integers(0, 2**32 - 1),
        numbers=breakout_numbers(),
        row=st.integers(5, 44),
        factors=st.lists(st.floats(0.05, 1.0), min_size=5, max_size=5),
    )
    def compare(seed: int, numbers: dict[str, Any], row: int, factors: list[float]) -> None:
        market, rules = full_market(seed), small_rules(**numbers, **EVERYTHING)
        past = market.until(session_instants(45)[row])
        pd.testing.assert_frame_equal(
            yes_or_no(gate_table(rescaled(past, factors), rules)),
            yes_or_no(gate_table(past, rules)),
        )

    compare()


@pytest.mark.parametrize("factor", [0.954, 0.969, 0.98, 0.988, 0.996])
def test_rescaling_keeps_a_price_at_its_average_there(factor: float) -> None:
    market = small_market(
        [10.0] * 3, breadth={"a": [100.0, 102.0, 101.0], "b": [20.0, 20.5, 20.25]}
    )
    assert held("breadth", rescaled(market, [1.0, 1.0, factor, factor]), breadth_share=0.5) == held(
        "breadth", market, breadth_share=0.5
    )
