"""A search from its space to its best set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backtests.performance.gate_periods import VERDICT_BASE
from backtests.tuning.search.batches import search_batches
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Figures, Rule, Segments, figures, objective
from backtests.tuning.search.space import CURRENT, Codes, Space, Value
from backtests.tuning.search.splits import Partition, breakouts, partition
from brokers.progress import Progress
from config.settings import ConfigError, Settings
from config.tuning import Tune
from strategies.indicators import Floats

DEFAULT = 0  # row of the current settings
BASE = VERDICT_BASE  # of the breakouts that count as events, as in the verdict on a backtest


class Study(NamedTuple):
    """All parameter sets that were tried, the current settings first.

    `best` is None if no set meets the constraints.
    """

    space: Space
    codes: Codes
    segments: Segments
    partition: Partition
    rule: Rule
    figures: Figures  # of the whole window
    objective: Floats
    best: int | None

    @property
    def row(self) -> int:
        """Of the best parameter set, or of the current settings where there is none."""
        return DEFAULT if self.best is None else self.best

    def point(self, row: int) -> dict[str, Value]:
        """The values of a parameter set by key."""
        return self.space.point(self.codes[row])

    def changes(self, row: int) -> dict[str, Value]:
        """The values in which a parameter set differs from the current settings."""
        pairs = zip(self.point(row).items(), self.space.current, strict=True)
        return {key: value for (key, value), current in pairs if value != current}


def rule_of(tune: Tune) -> Rule:
    """The objective and constraints of the settings."""
    weights: Mapping[str, float] = {str(name): weight for name, weight in tune.weights().items()}
    return Rule(weights, tune.min_orders, tune.max_drawdown)


def run_search(evaluator: Evaluator, settings: Settings, step: Progress) -> Study:
    """Search as the settings say; parameter sets that an earlier process has run are read.

    Raises
    ------
    ConfigError
        The grid is larger than `tune.sets`, no set differs from the current settings, the settings
        refuse a set, or the traded days are too few to be split.

    """
    tune, split = settings.tune, partition_of(evaluator, settings)
    cache = Path(settings.prices.cache)
    rule = rule_of(tune)

    def progress(done: int, of: int) -> None:
        step("searching", done, of)

    if tune.method == "tpe":
        from backtests.tuning.search.tpe import search_tpe

        codes, segments = search_tpe(
            evaluator, split, rule=rule, tune=tune, cache=cache, progress=progress
        )
    else:
        codes = np.concatenate([evaluator.space.defaults(), _planned_codes(evaluator.space, tune)])
        segments = search_batches(evaluator, codes, split, cache, progress)
    if len(codes) == 1:
        raise ConfigError(
            "tune.space: holds no parameter set but the current settings;"
            " name values that differ from theirs"
        )
    return evaluate_study(evaluator.space, codes, segments, split, rule)


def evaluate_study(
    space: Space, codes: Codes, segments: Segments, partition: Partition, rule: Rule
) -> Study:
    """The study of parameter sets that have been run.

    Of several with the highest objective the best is the one that changes the fewest values.
    """
    lengths = partition.lengths
    measured = figures(segments, lengths, np.ones(len(lengths), dtype=bool))
    scores = objective(measured, rule)
    equal = np.flatnonzero(scores == scores.max())
    row = int(equal[np.count_nonzero(codes[equal] != CURRENT, axis=1).argmin()])
    return Study(
        space=space,
        codes=codes,
        segments=segments,
        partition=partition,
        rule=rule,
        figures=measured,
        objective=scores,
        best=row if np.isfinite(scores[row]) else None,
    )


def partition_of(evaluator: Evaluator, settings: Settings) -> Partition:
    """How the traded days are split. The breakouts are the same for all settings.

    No search gets more of them by asking for shorter bases.
    """
    tune = settings.tune
    events = breakouts(evaluator.inputs.rows["close"], BASE)
    try:
        return partition(evaluator.days, events, tune.walk_forward.step_months, tune.purge_days)
    except ValueError as error:
        raise ConfigError(f"tune: the traded window cannot be split: {error}") from None


def sample_of(study: Study, count: int, seed: int, include: Sequence[int] = ()) -> list[int]:
    """Rows drawn at random without repetition, `include` first."""
    rows = np.random.default_rng(seed).permutation(len(study.codes))
    return [*include, *(int(row) for row in rows if row not in include)][:count]


def _planned_codes(space: Space, tune: Tune) -> Codes:
    """The parameter sets of a grid or of a random search."""
    if tune.method == "random":
        return space.draw(tune.sets, tune.seed)
    if (size := space.combinations()) > tune.sets:
        raise ConfigError(
            f"tune.space: a grid of {size:,} sets, tune.sets allows {tune.sets:,};"
            ' take values out, raise tune.sets, or set tune.method = "random"'
        )
    return space.grid()
