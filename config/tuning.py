"""The sections of the parameter search: what is searched, for what, and when it is recommended."""

import sys
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from config.sections import Section

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
# The fixed limits of the tests, which are the defaults too. Settings may only make them stricter:
# the sentences of a verdict are true of these, and "recommended" is to mean no less in any run.
FIXED_LIMITS: Mapping[str, float] = {
    "max_luck_p": 0.05,
    "max_searched_gates_p": 0.05,
    "max_pbo": 0.2,
    "max_probability_behind": 0.05,
    "min_leave_one_out": 0.6,
    "min_events": 5,
}
AtMost = Annotated[float, Field(ge=0)]  # the other end is in FIXED_LIMITS
AtLeast = Annotated[float, Field(le=1)]
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


def is_beyond(name: str, value: float) -> bool:
    """Whether a figure fails the fixed limit of this name, or another limit is looser than it."""
    fixed = FIXED_LIMITS[name]
    return value < fixed if name.startswith("min_") else value > fixed


def _fixed(name: str) -> dict[str, Any]:
    """The bound that `Limits` checks, for the JSON schema."""
    return {"minimum" if name.startswith("min_") else "maximum": FIXED_LIMITS[name]}


class Limits(Section):
    """What a parameter set must pass to be recommended: `FIXED_LIMITS`, or stricter ones."""

    max_luck_p: AtMost = Field(
        json_schema_extra=_fixed("max_luck_p"),
        description="largest share of histories in which the best of as many paths without skill"
        " at timing does as well against holding the same exposure all the time",
    )
    max_searched_gates_p: AtMost = Field(
        json_schema_extra=_fixed("max_searched_gates_p"),
        description="largest share of shifted searches that match or beat this one",
    )
    max_pbo: AtMost = Field(
        json_schema_extra=_fixed("max_pbo"),
        description="largest probability of backtest overfitting",
    )
    max_probability_behind: AtMost = Field(
        json_schema_extra=_fixed("max_probability_behind"),
        description="largest share of splits in which the chosen set earned less than holding the"
        " same exposure all the time, where max_pbo is exceeded",
    )
    min_leave_one_out: AtLeast = Field(
        json_schema_extra=_fixed("min_leave_one_out"),
        description="smallest share of breakouts on which the set chosen without them did better"
        " than holding the same exposure all the time",
    )
    min_events: int = Field(
        le=100, json_schema_extra=_fixed("min_events"), description="independent breakouts"
    )

    @model_validator(mode="before")
    @classmethod
    def _without_earlier_limits(cls, given: Any) -> Any:
        """Also those of the environment, which the settings read once more by themselves."""
        if not isinstance(given, dict):
            return given
        return {key: given[key] for key in given if not _is_earlier(key, given[key])}

    @field_validator("*")
    @classmethod
    def _no_looser(cls, value: float, info: ValidationInfo) -> float:
        name = str(info.field_name)
        if is_beyond(name, value):
            least = name.startswith("min_")
            raise ValueError(
                f"must be {FIXED_LIMITS[name]:g} or {'more' if least else 'less'}: a limit may"
                " only be made stricter than the default, or a search that chance explains could"
                " be called recommended"
            )
        return value


def without_void_limits(
    name: str, layer: dict[str, Any], *, is_stored: bool = False
) -> dict[str, Any]:
    """One layer of settings without the limits in it that have no effect.

    These are `EARLIER_LIMITS`, and in settings that a run stored limits looser than the fixed ones,
    which earlier versions allowed. One that somebody chose is reported on standard error; `name` is
    what to call the layer.
    """
    tune = layer.get("tune")
    limits = tune.get("verdict") if isinstance(tune, dict) else None
    if not isinstance(tune, dict) or not isinstance(limits, dict):
        return layer
    reasons = {key: _why_void(key, limits[key], is_stored=is_stored) for key in limits}
    for key, reason in reasons.items():
        if reason and _number(limits[key]) != EARLIER_LIMITS.get(key):
            text = f"tune.verdict.{key} = {limits[key]} has no effect any more (in {name})"
            print(f"Warning: {text}: {reason}", file=sys.stderr)
    kept = {key: limits[key] for key, reason in reasons.items() if not reason}
    return {**layer, "tune": {**tune, "verdict": kept}}


def _why_void(key: str, given: object, *, is_stored: bool) -> str:
    """Why a limit has no effect; empty if it has one."""
    if _is_earlier(key, given):
        return "no search is judged by it; remove it"
    value = _number(given)
    if is_stored and key in FIXED_LIMITS and value is not None and is_beyond(key, value):
        return f"a limit may only be made stricter than {FIXED_LIMITS[key]:g}, which is used"
    return ""


def _is_earlier(key: str, given: object) -> bool:
    """Whether this is a limit of `EARLIER_LIMITS`; what is no number never was one."""
    return key in EARLIER_LIMITS and _number(given) is not None


def _number(given: object) -> float | None:
    """A number, also as the text that the environment holds; None of anything else."""
    try:
        return float(given) if isinstance(given, int | float | str) else None
    except ValueError:
        return None


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
