"""The parts of tune.json, as frozen models; see `document.TuneDocument`."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from backtests.runs.document import Figures, Record
from backtests.tuning.search.space import Value
from config.tuning import VerdictWord


def _finite(value: object) -> object:
    """JSON has no word for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
Point = Mapping[str, Value]  # dotted key -> value


class PathFigures(Record):
    """Performance of a path of daily returns; fractions, annualised where the name says so."""

    total_return: Number
    cagr: Number = Field(description="compound annual growth rate")
    volatility: Number
    sharpe: Number
    sortino: Number
    calmar: Number
    max_drawdown: Number = Field(description="positive fraction")
    days_held: Number = Field(description="share of days on which coins were held")


class SetFigures(PathFigures):
    """Performance of a parameter set on the whole window."""

    orders: int | None = Field(description="orders filled")


class IntervalRecord(Record):
    """A figure and its 95 % interval by the stationary bootstrap."""

    estimate: Number
    low: Number
    high: Number


class BestRecord(Record):
    """The best parameter set; the current settings where no set meets the constraints."""

    row: int = Field(description="of trials.parquet")
    keeps_the_rule: bool = Field(description="meets min_orders and max_drawdown")
    point: Point = Field(description="value of every searched setting")
    changed: Mapping[str, tuple[Value, Value]] = Field(
        description="settings that differ from the current ones: current value, value of the set"
    )
    in_sample: SetFigures
    backtrader: Figures = Field(description="of the same set run in backtrader")
    agrees: bool = Field(description="backtrader and the search had the same result")
    equity_difference: Number = Field(description="largest relative difference at any bar")
    orders_differ: int = Field(description="difference of the numbers of filled orders")
    intervals: Mapping[str, IntervalRecord]


class DefaultsRecord(Record):
    """The current settings."""

    in_sample: SetFigures


class CheckRecord(Record):
    """One test of the verdict."""

    name: str
    value: Number
    limit: float
    passed: bool | None = Field(description="null: the test could not be made")
    condemns: bool = Field(description="failed so clearly that no other test matters")
    text: str
    other_limit: Number = Field(
        default=None, description="of pbo: that of the share that fell behind holding"
    )


class VerdictRecord(Record):
    """Whether the best parameter set may be used."""

    word: VerdictWord
    action: str = Field(default="", description="what to do, in one sentence")
    why: tuple[str, ...] = Field(description="the sentences that decided")
    tests: tuple[CheckRecord, ...]


class AxisRecord(Record):
    """One searched setting."""

    key: str
    values: tuple[Value, ...]
    when: Mapping[str, tuple[Value, ...]] = Field(
        description="values of other settings with which alone it is tried"
    )


class SearchRecord(Record):
    """What was searched, and how."""

    method: str
    sets: int = Field(description="parameter sets that were run")
    possible: int = Field(description="parameter sets that the space has")
    seed: int
    objective: Mapping[str, float] = Field(description="weight of each figure")
    min_orders: int
    max_drawdown: float
    feasible: int = Field(description="sets that meet min_orders and max_drawdown")
    space: tuple[AxisRecord, ...]


class TrialsRecord(Record):
    """How many parameter sets were tried, and how many independent ones they are worth."""

    n: int
    paths: int | None = Field(
        default=None, description="different ones: sets that did the same on every day count once"
    )
    effective: Number


class HistogramRecord(Record):
    """Counts between edges; there is one more edge than counts.

    Parameter sets that were best together share the count of their split.
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]


class ScatterRecord(Record):
    """Annualised Sharpe ratios of the chosen sets, one entry for each of some splits."""

    in_sample: tuple[Number, ...]
    out_of_sample: tuple[Number, ...]


class OverfittingRecord(Record):
    """Combinatorially symmetric cross-validation (`statistics.cscv`)."""

    pbo: Number = Field(description="probability of backtest overfitting")
    at_median: Number = Field(description="share of splits exactly at the median")
    probability_of_loss: Number = Field(description="share of splits with a Sharpe ratio below 0")
    probability_behind: Number = Field(
        default=None, description="share of splits that earned less than exposure-matched holding"
    )
    tied: Number = Field(
        default=None, description="share of splits with several best sets, whose average counts"
    )
    slope: Number = Field(description="of out-of-sample on in-sample Sharpe ratios")
    intercept: Number
    splits: int
    dropped: int = Field(description="splits with a half in which nothing was held")
    logits_histogram: HistogramRecord
    scatter: ScatterRecord


class LuckRecord(Record):
    """The best of as many paths without skill at timing (`statistics.reality_check`).

    All of returns above those of holding each path's mean exposure all the time.
    """

    p: Number
    sharpe_yearly: Number = Field(description="of the best set")
    by_chance: tuple[Number, ...] = Field(
        description="quantiles 0.05, 0.25, 0.5, 0.75 and 0.95 of the best ratio, annualised"
    )
    paths: int = Field(description="that were looked at")
    of: int = Field(description="different paths of the search")
    draws: int
    block_days: float = Field(description="mean length of the blocks of days drawn")


class DeflatedRecord(Record):
    """The deflated Sharpe ratio (`statistics.deflated_sharpe`)."""

    of_excess: bool = Field(
        default=False, description="of returns above exposure-matched holding; false: above zero"
    )
    value: Number
    expected_maximum_yearly: Number = Field(description="of as many trials without skill")
    sharpe_yearly: Number
    effective_trials: Number
    minimum_days: Number = Field(description="to be 95 % sure; null: no length would do")
    days: int


class SuperiorAbilityRecord(Record):
    """Hansen's test for superior predictive ability (`statistics.spa`)."""

    p_lower: Number
    p_consistent: Number
    p_upper: Number
    sets: int
    benchmark: str


class SearchedGatesRecord(Record):
    """The time-shift test: the same search on gates shifted in time."""

    n: int = Field(description="shifted gates")
    sets: int = Field(description="parameter sets searched on each")
    p: Number
    own_best: Number = Field(description="best objective with the gate that is not shifted")
    shifted_best: tuple[Number, ...] = Field(description="ascending; null: no feasible set")


class StepRecord(Record):
    """One step of a walk-forward."""

    first: str
    chosen: Point = Field(description="settings that differ from the current ones")
    kept_defaults: bool = Field(description="no set could be chosen")
    in_sample: Number
    out_of_sample: Number
    defaults: Number = Field(description="of the current settings, out-of-sample")


class CurvesRecord(Record):
    """Account value by day, 1 at the start."""

    days: tuple[str, ...]
    chosen: tuple[Number, ...]
    defaults: tuple[Number, ...]


class WalkRecord(Record):
    """One walk-forward, its steps joined."""

    steps: tuple[StepRecord, ...]
    figures: PathFigures | None
    defaults: PathFigures | None
    drift: Mapping[str, int] = Field(description="how often each setting changed between steps")
    equity: CurvesRecord


class WalkForwardRecord(Record):
    """Walk-forward on the last years before each step, and on all days before it."""

    rolling: WalkRecord
    anchored: WalkRecord


class FoldRecord(Record):
    """One breakout left out."""

    event: str
    first: str
    last: str
    chosen: Point
    in_sample: Number
    out_of_sample: Number
    defaults: Number
    holding: Number = Field(
        default=None, description="of holding the chosen set's mean exposure all the time"
    )
    rank: Number = Field(description="of the chosen set among all, from 0 to 1, out-of-sample")
    won: bool | None = Field(
        description="the chosen set scored above `holding`; where that is null (versions 0.1 and"
        " 2), above 0; null: the window is too short to score"
    )


class LeaveOneOutRecord(Record):
    """Every breakout left out in turn."""

    folds: tuple[FoldRecord, ...]
    won: int | None = Field(description="null: the window is too short to score")
    ahead: int | None = Field(description="folds with at least the score of the current settings")
    of: int
    share: Number
    median_rank: Number


class NeighboursRecord(Record):
    """Objectives of the parameter sets one step away from the best."""

    n: int
    median: Number
    worst: Number
    best: Number
    share_of_best: Number = Field(description="median over the objective of the best set")


class ImportanceRecord(Record):
    """Share of the objective's variance that one setting explains alone."""

    key: str
    share: Number


class HeatMapRecord(Record):
    """Objectives by the values of two settings: rows y, columns x."""

    x: str
    y: str
    x_values: tuple[Value, ...]
    y_values: tuple[Value, ...]
    median: tuple[tuple[Number, ...], ...]
    best: tuple[tuple[Number, ...], ...]


class StressRecord(Record):
    """The best set under one harder condition; null: no prices for it, `why` says more."""

    name: str
    why: str
    sharpe: Number
    cagr: Number
    max_drawdown: Number
    total_return: Number


class RobustnessRecord(Record):
    """How far the result depends on exact values, costs and inputs."""

    neighbours: NeighboursRecord
    importance: tuple[ImportanceRecord, ...]
    heat_maps: tuple[HeatMapRecord, ...]
    stress: tuple[StressRecord, ...] = Field(description="the first is the set unchanged")


class KernelRecord(Record):
    """The time that the backtests took."""

    sets: int
    seconds: Number
    threads: int
    microseconds_a_set: Number


class WindowRecord(Record):
    """The traded window."""

    first: str
    last: str
    days: int
