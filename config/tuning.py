"""The sections of the parameter search: what is searched, what counts as good, and when a result may be recommended."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from config.sections import Fraction, Section

Figure = Literal["sharpe", "sortino", "calmar", "cagr"]
Value = bool | int | float | str | list[float] | list[str]
OF_AN_AXIS = {"values", "low", "high", "steps", "log", "when"}
MOST_VALUES = 1000  # of one parameter: places of values are kept in 16 bits


class Axis(Section):
    """The values of one parameter: a list, or a range cut into steps."""

    values: tuple[Value, ...] | None = Field(
        default=None, min_length=1, max_length=MOST_VALUES, description="the values, in order"
    )
    low: float | None = Field(default=None, description="smallest value of a range")
    high: float | None = Field(default=None, description="largest value of a range, included")
    steps: int = Field(
        default=5, ge=1, le=MOST_VALUES, description="values of a range, evenly spaced"
    )
    log: bool = Field(default=False, description="spaced evenly in the logarithm")
    when: dict[str, Annotated[list[Value], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="tried only where another parameter has one of these values",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ends = sum(end is not None for end in (self.low, self.high))
        if ends != (0 if self.values is not None else 2):
            raise ValueError("is either a list of values, or a range with low and high")
        if self.low is not None and self.high is not None:
            if self.low > self.high:
                raise ValueError(f"low ({self.low:g}) must not lie above high ({self.high:g})")
            if self.log and self.low <= 0:
                raise ValueError(
                    f"a range in the logarithm must begin above 0, low is {self.low:g}"
                )
        return self


class Windows(Section):
    """Walk-forward: how long is trained on, how often it is chosen anew."""

    step_months: int = Field(ge=1, le=60, description="months from one choice to the next")
    train_months: int = Field(
        ge=1,
        le=240,
        description="months trained on by the rolling variant; a multiple of step_months",
    )

    @model_validator(mode="after")
    def _multiple(self) -> Self:
        if self.train_months % self.step_months:
            raise ValueError(
                f"train_months ({self.train_months}) must be a multiple of step_months ({self.step_months})"
            )
        return self


class Limits(Section):
    """What a set must pass to be recommended."""

    max_pbo: Fraction = Field(description="largest probability of backtest overfitting")
    max_probability_of_loss: Fraction = Field(
        description="largest share of splits lost by the chosen set, where max_pbo is exceeded"
    )
    min_deflated_sharpe: Fraction = Field(
        description="smallest probability that its Sharpe ratio is more than luck"
    )
    min_leave_one_out: Fraction = Field(
        description="smallest share of breakouts on which the set chosen without them did well"
    )
    min_neighbours: float = Field(
        ge=0, le=1, description="median of the neighbouring sets over the best"
    )
    min_events: int = Field(ge=2, le=100, description="independent breakouts")
    max_searched_gates_p: Fraction = Field(
        description="share of shifted gates, searched as hard, that do as well"
    )


class Tune(Section):
    """The search."""

    method: Literal["grid", "random", "tpe"] = Field(
        description="all combinations, some at random, or led by what was found (Optuna)"
    )
    sets: int = Field(
        ge=2, le=1_000_000, description="sets tried by random and tpe; a grid may have no more"
    )
    seed: int = Field(ge=0, le=2**32 - 1, description="of everything drawn")
    threads: int = Field(ge=0, le=256, description="threads; 0 = all processors")
    objective: Figure | dict[Figure, float] = Field(
        description="what is searched for: a figure, or several with their weights"
    )
    frontier: bool = Field(
        description="tpe: search return against drawdown, then choose by the objective"
    )
    min_orders: int = Field(ge=0, le=1_000_000, description="a set with fewer orders is not chosen")
    max_drawdown: float = Field(gt=0, le=1, description="a set with a larger one is not chosen")
    purge_days: int = Field(
        ge=0, le=365, description="days after a breakout left out that are not trained on"
    )
    searched_gates: int = Field(
        ge=0, le=10_000, description="shifted gates that get the same search"
    )
    searched_sets: int = Field(ge=2, le=10_000, description="sets of it, drawn at random")
    space: dict[str, Axis] = Field(
        max_length=64, description="parameters by key, each with its values"
    )
    walk_forward: Windows
    verdict: Limits

    @field_validator("space", mode="before")
    @classmethod
    def _flat(cls, given: Any) -> Any:
        """Tables within tables are dotted keys, a list is an axis of values."""
        return dict(_flattened(given, "")) if isinstance(given, dict) else given

    @field_validator("objective")
    @classmethod
    def _some_weight(cls, given: Any) -> Any:
        if isinstance(given, dict) and not any(given.values()):
            raise ValueError("all weights are 0; nothing would be searched for")
        return given

    def weights(self) -> dict[Figure, float]:
        """The weight of each figure that is searched for."""
        return dict(self.objective) if isinstance(self.objective, dict) else {self.objective: 1.0}


def _flattened(table: dict[str, Any], above: str) -> Any:
    for key, value in table.items():
        if isinstance(value, dict) and value and not value.keys() & OF_AN_AXIS:
            yield from _flattened(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", {"values": value} if isinstance(value, list | tuple) else value


class Tuned(Section):
    """What `tune` wrote on top of the set it found: written by the program, not by hand."""

    verdict: Literal["recommend", "do not recommend", "cannot be told", "no verdict"] = Field(
        description="in a word"
    )
    why: str = Field(description="in sentences")
    run: str = Field(description="folder of the search")
    on: date = Field(description="day of the search")
    judged: str = Field(description="fingerprint of the settings that were judged")
