"""The sections of the parameter search: what is searched, for what, and when it is recommended."""

import warnings
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from config.sections import Fraction, Section

Figure = Literal["sharpe", "sortino", "calmar", "cagr"]
VerdictWord = Literal["recommended", "not recommended", "inconclusive"]
EARLIER_WORDS = {  # of verdicts in best.toml and tune.json of version 0.1
    "recommend": "recommended",
    "do not recommend": "not recommended",
    "cannot be told": "inconclusive",
}
# Limits of tests that a search without any effect passes as well; they have none any more. By name
# what version 0.1 wrote into the settings.toml of every run, whoever chose it.
EARLIER_LIMITS = {
    "max_probability_of_loss": 0.05,
    "min_deflated_sharpe": 0.95,
    "min_neighbours": 0.7,
}
Value = bool | int | float | str | list[float] | list[str]
OF_AN_AXIS = {"values", "low", "high", "steps", "log", "when"}
MOST_VALUES = 1000  # of one parameter: indices of values are kept in 16 bits


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
    log: bool = Field(default=False, description="evenly spaced on a logarithmic scale")
    when: dict[str, Annotated[list[Value], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="tried only where another parameter has one of these values",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ends = sum(end is not None for end in (self.low, self.high))
        if ends != (0 if self.values is not None else 2):
            raise ValueError("must be a list of values, or a range with low and high")
        if self.low is not None and self.high is not None:
            if self.low > self.high:
                raise ValueError(f"low ({self.low:g}) must not lie above high ({self.high:g})")
            if self.log and self.low <= 0:
                raise ValueError(f"a logarithmic range must begin above 0, low is {self.low:g}")
        return self


class Windows(Section):
    """Walk-forward: the length of training and how often a set is chosen."""

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
                f"train_months ({self.train_months}) must be a multiple of"
                f" step_months ({self.step_months})"
            )
        return self


class Limits(Section):
    """What a parameter set must pass to be recommended."""

    max_luck_p: Fraction = Field(
        description="largest share of histories in which the best of as many paths without skill"
        " at timing does as well against holding the same exposure all the time"
    )
    max_searched_gates_p: Fraction = Field(
        description="largest share of shifted searches that match or beat this one"
    )
    max_pbo: Fraction = Field(description="largest probability of backtest overfitting")
    max_probability_behind: Fraction = Field(
        description="largest share of splits in which the chosen set earned less than holding the"
        " same exposure all the time, where max_pbo is exceeded"
    )
    min_leave_one_out: Fraction = Field(
        description="smallest share of breakouts on which the set chosen without them did better"
        " than holding the same exposure all the time"
    )
    min_events: int = Field(ge=2, le=100, description="independent breakouts")

    @model_validator(mode="before")
    @classmethod
    def _without_earlier_limits(cls, given: Any) -> Any:
        """Settings of an earlier version are still read; a value that was chosen is reported."""
        if not isinstance(given, dict):
            return given
        for key in given.keys() & EARLIER_LIMITS.keys():
            if given[key] != EARLIER_LIMITS[key]:
                warnings.warn(
                    f"tune.verdict.{key} = {given[key]} has no effect any more: no search is judged"
                    " by it; remove it",
                    stacklevel=2,
                )
        return {key: value for key, value in given.items() if key not in EARLIER_LIMITS}


class Tune(Section):
    """The search."""

    method: Literal["grid", "random", "tpe"] = Field(
        description="all combinations, some at random, or Optuna's TPE sampler"
    )
    sets: int = Field(
        ge=2,
        le=1_000_000,
        description="parameter sets tried by random and tpe; a grid may have no more",
    )
    seed: int = Field(ge=0, le=2**32 - 1, description="of everything drawn")
    threads: int = Field(ge=0, le=256, description="threads; 0 = all processors")
    objective: Figure | dict[Figure, float] = Field(
        description="what is maximised: a figure, or several with their weights"
    )
    frontier: bool = Field(
        description="tpe: search the frontier of return and drawdown, then choose by the objective"
    )
    min_orders: int = Field(ge=0, le=1_000_000, description="a set with fewer orders is not chosen")
    max_drawdown: float = Field(gt=0, le=1, description="a set with a larger one is not chosen")
    purge_days: int = Field(
        ge=0, le=365, description="days after a breakout left out that are not trained on"
    )
    searched_gates: int = Field(
        ge=0, le=10_000, description="gates shifted in time on which the search is repeated"
    )
    searched_sets: int = Field(
        ge=2, le=10_000, description="parameter sets of these searches, drawn at random"
    )
    space: dict[str, Axis] = Field(
        max_length=64, description="parameters by key, each with its values"
    )
    walk_forward: Windows
    verdict: Limits

    @field_validator("space", mode="before")
    @classmethod
    def _flat(cls, given: Any) -> Any:
        """Nested tables become dotted keys, a list becomes an axis of values."""
        return dict(_flattened(given, "")) if isinstance(given, dict) else given

    @field_validator("objective")
    @classmethod
    def _some_weight(cls, given: Any) -> Any:
        if isinstance(given, dict) and not any(given.values()):
            raise ValueError("all weights are 0; nothing would be maximised")
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
    """What `tune` wrote into best.toml: written by the program, not by hand."""

    verdict: VerdictWord | Literal["no verdict"] = Field(description="of the search, in a word")
    why: str = Field(description="in sentences")
    run: str = Field(description="folder of the search")
    on: date = Field(description="day of the search")
    judged: str = Field(description="fingerprint of the settings that the verdict is about")

    @field_validator("verdict", mode="before")
    @classmethod
    def _earlier_word(cls, given: Any) -> Any:
        """The words of version 0.1 are still read."""
        return EARLIER_WORDS.get(given, given) if isinstance(given, str) else given
