"""What a session is handed of the strategy: it knows no rules itself."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import pandas as pd

from brokers.journal.decision import Decision
from brokers.prices.load import Prices

GateFunction = Callable[[Prices], pd.DataFrame]
LinesFunction = Callable[[pd.DataFrame, pd.Series, pd.DatetimeIndex], pd.DataFrame]
D = TypeVar("D", bound=Decision)


class Functions(NamedTuple):
    """The strategy's pure functions of market data.

    `gate` makes the gate's table out of prices, `gate_lines` its numbers; `coin` a coin's lines out
    of its bars and daily closes at the instants of a grid.
    """

    gate: GateFunction
    gate_lines: Callable[[pd.DataFrame], pd.DataFrame]
    coin: LinesFunction


class LiveStrategy(NamedTuple, Generic[D]):
    """A strategy whose decisions are of type `D`.

    `kind` is the backtrader class and `rules` its rules; `rules_digest` changes with whatever may
    change a gate row or a decision; `states` are the names of the gate's states by code and
    `confirmed` is the code of the confirmed one; `describe` puts a decision into words, and is
    called once for each, in order.
    """

    kind: type
    rules: object
    rules_digest: str
    states: Sequence[str]
    confirmed: int
    functions: Functions
    describe: Callable[[D], str]
