"""What a session is handed of the strategy: it knows no rules itself."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from brokers.prices.load import Prices

GateFunction = Callable[[Prices], pd.DataFrame]
LinesFunction = Callable[[pd.DataFrame, pd.Series, pd.DatetimeIndex], pd.DataFrame]


class Functions(NamedTuple):
    """The strategy's pure functions of market data: a session is handed them and knows nothing about rules.

    `gate` makes the gate's table out of prices, `gate_lines` its numbers; `coin` a coin's lines out of its bars and daily closes
    at the instants of a grid.
    """

    gate: GateFunction
    gate_lines: Callable[[pd.DataFrame], pd.DataFrame]
    coin: LinesFunction


class LiveStrategy(NamedTuple):
    """The strategy's class and rules, the names of the gate's states by code and which of them is confirmed, its functions of market
    data, and its decision in words.
    """

    kind: type
    rules: Any
    states: Sequence[str]
    confirmed: int
    functions: Functions
    describe: Callable[[Any], str]
