"""A search from its space to its best set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backtests.tuning.search.batches import searched
from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.segment_stats import Figures, Rule, Segments, figures, objective
from backtests.tuning.search.space import AS_IT_STANDS, Codes, Space
from backtests.tuning.search.splits import Partition, breakouts, partition
from brokers.progress import Progress
from config.settings import ConfigError, Settings
from config.tuning import Tune
from strategies.indicators import Floats

DEFAULT = 0  # row of the settings as they stand
BASE = 252  # sessions a record has stood that counts as a breakout, whatever is searched or set: a year, DESIGN's full base


class Study(NamedTuple):
    """All sets that were tried, the settings as they stand first; `best` None: no set keeps the constraints."""

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
        """The best set's, or the settings' own where there is none."""
        return DEFAULT if self.best is None else self.best

    def point(self, row: int) -> dict[str, Any]:
        """The values of a set by key."""
        return self.space.point(self.codes[row])

    def changes(self, row: int) -> dict[str, Any]:
        """The values in which a set differs from the settings as they stand."""
        return {
            key: value
            for (key, value), standing in zip(
                self.point(row).items(), self.space.standing, strict=True
            )
            if value != standing
        }


def rule_of(tune: Tune) -> Rule:
    """What the settings search for."""
    weights: Mapping[str, float] = {str(name): weight for name, weight in tune.weights().items()}
    return Rule(weights, tune.min_orders, tune.max_drawdown)


def study(field: Field, settings: Settings, step: Progress) -> Study:
    """Search as the settings say; sets that an earlier process has run are read.

    Raises
    ------
    ConfigError
        The grid is larger than `tune.sets`, no set differs from the settings, they refuse one, or the traded days are too few to be cut.

    """
    tune, cut = settings.tune, partition_of(field, settings)
    cache = Path(settings.prices.cache)
    rule = rule_of(tune)

    def progress(done: int, of: int) -> None:
        step("searching", done, of)

    if tune.method == "tpe":
        from backtests.tuning.search.tpe import led

        codes, segments = led(field, cut, rule, tune, cache, progress)
    else:
        codes = np.concatenate([field.space.defaults(), _chosen(field.space, tune)])
        segments = searched(field, codes, cut, cache, progress)
    if len(codes) == 1:
        raise ConfigError(
            "tune.space: holds no set but the settings as they stand; name values that differ from theirs"
        )
    return judged(field.space, codes, segments, cut, rule)


def judged(space: Space, codes: Codes, segments: Segments, cut: Partition, rule: Rule) -> Study:
    """The study of sets that have been run. Of several with the highest objective the best is the one that changes least."""
    found = figures(segments, cut.lengths, np.ones(len(cut.lengths), dtype=bool))
    scores = objective(found, rule)
    equal = np.flatnonzero(scores == scores.max())
    row = int(
        equal[np.count_nonzero(codes[equal] != AS_IT_STANDS, axis=1).argmin()]
    )  # nothing is changed that changes nothing
    return Study(
        space, codes, segments, cut, rule, found, scores, row if np.isfinite(scores[row]) else None
    )


def partition_of(field: Field, settings: Settings) -> Partition:
    """How the traded days are cut. The breakouts are the same for all settings: nobody gets more of them by asking less."""
    events = breakouts(field.inputs.rows["close"], BASE)
    try:
        return partition(
            field.days, events, settings.tune.walk_forward.step_months, settings.tune.purge_days
        )
    except ValueError as error:
        raise ConfigError(f"tune: the traded window cannot be cut: {error}") from None


def _chosen(space: Space, tune: Tune) -> Codes:
    if tune.method == "random":
        return space.drawn(tune.sets, tune.seed)
    if (size := space.combinations()) > tune.sets:
        raise ConfigError(
            f'tune.space: a grid of {size:,} sets, tune.sets allows {tune.sets:,}; take values out, raise tune.sets, or set tune.method = "random"'
        )
    return space.grid()


def sample_of(tried: Study, count: int, seed: int, include: Sequence[int] = ()) -> list[int]:
    """Rows drawn at random without repetition, `include` first."""
    rows = np.random.default_rng(seed).permutation(len(tried.codes))
    return [*include, *(int(row) for row in rows if row not in include)][:count]
