"""A search that learns from its results: Optuna's tree-structured Parzen estimator."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.tuning.search.batches import (
    Progress,
    digest,
    note_kept_sets,
    search_batches,
)
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Figures, Rule, Segments, figures, objective
from backtests.tuning.search.space import CURRENT, Codes, Space
from backtests.tuning.search.splits import Partition
from config.settings import ConfigError
from config.tuning import Tune

BATCH = 20  # parameter sets proposed before any of them is known; each batch is one sweep
WORST = -1e3  # objective reported for a set that breaks a constraint or that the settings refuse
STARTING = 50  # parameter sets drawn at random before the estimator begins


def search_tpe(
    evaluator: Evaluator,
    partition: Partition,
    *,
    rule: Rule,
    tune: Tune,
    cache: Path,
    progress: Progress,
) -> tuple[Codes, Segments]:
    """Codes and segments of all parameter sets that were tried, the current settings first.

    A search that was interrupted goes on where it was; a finished one is read. A set that was
    proposed twice counts as one trial.
    """
    import optuna

    with _quiet():
        stored = _open_study(optuna, evaluator, partition, tune, cache)
        study = optuna.create_study(directions=_directions(tune))
        study.add_trials(stored.get_trials(deepcopy=False))
        with note_kept_sets(lambda: done, tune.sets):
            while (done := len(study.get_trials(deepcopy=False))) < tune.sets:
                progress(done, tune.sets)
                study.sampler = _sampler(optuna, tune, done)
                trials = [study.ask() for _ in range(min(BATCH, tune.sets - done))]
                codes = np.array(
                    [_propose(trial, evaluator.space) for trial in trials], dtype=np.int16
                )
                scores = _scores(evaluator, codes, partition, rule, tune)
                for trial, values in zip(trials, scores, strict=True):
                    study.tell(trial, values)
                stored.add_trials(study.get_trials(deepcopy=False)[done:])
        ended = study.get_trials(deepcopy=False)
    codes = _tried_codes(evaluator, ended)
    return codes, search_batches(evaluator, codes, partition, cache, progress)


def _tried_codes(evaluator: Evaluator, trials: Sequence[Any]) -> Codes:
    """The parameter sets of finished trials that the settings accept, each once."""
    space = evaluator.space
    tried = np.array([_codes_of(trial.params, space) for trial in trials], dtype=np.int16)
    doubtful = np.array([trial.values[0] == WORST for trial in trials])
    accepted = tried[doubtful][~_refused_sets(evaluator, tried[doubtful])]
    return np.concatenate(
        [space.defaults(), space.distinct(np.concatenate([tried[~doubtful], accepted]))]
    )


def _open_study(
    optuna: Any, evaluator: Evaluator, partition: Partition, tune: Tune, cache: Path
) -> Any:
    """The study on disk.

    Trials are asked for in memory: for each new one the estimator reads all of them, which takes
    SQLite ten times as long.
    """
    from sqlalchemy.exc import DatabaseError, OperationalError

    wanted = (tune.objective, tune.frontier, tune.min_orders, tune.max_drawdown, tune.seed)
    name = digest(evaluator, np.frombuffer(repr(wanted).encode(), dtype=np.uint8), partition)
    folder = cache / "tune" / name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "optuna.sqlite"

    def create_or_load() -> Any:
        return optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name=name,
            directions=_directions(tune),
            load_if_exists=True,
        )

    try:
        return create_or_load()
    except DatabaseError as error:
        if isinstance(error, OperationalError):  # locked, or a full disk
            raise
        file.unlink(missing_ok=True)  # damaged: as a batch that cannot be read, it is made again
        return create_or_load()


def _sampler(optuna: Any, tune: Tune, done: int) -> Any:
    """The sampler of one batch, seeded by how many trials are done.

    A search that goes on after an interruption draws what it would have drawn without it.
    """
    seed = int(np.random.SeedSequence((tune.seed, done)).generate_state(1)[0])
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=STARTING, multivariate=True, group=True, constant_liar=True
    )


def _directions(tune: Tune) -> Any:
    return ["maximize", "minimize"] if tune.frontier else ["maximize"]


def _propose(trial: Any, space: Space) -> list[int]:
    """Codes of a new parameter set; a parameter is asked for only where its conditions hold.

    Numbers are suggested by their position in the list, other values as categories.
    """
    codes = space.defaults()
    for axis in space.in_order():
        if space.applies(axis, codes)[0]:
            positions = range(len(axis.values))
            ordered = all(
                isinstance(value, int | float) and not isinstance(value, bool)
                for value in axis.values
            )
            codes[0, space.keys.index(axis.key)] = (
                trial.suggest_int(axis.key, 0, positions[-1])
                if ordered
                else trial.suggest_categorical(axis.key, list(positions))
            )
    proposed: list[int] = codes[0].tolist()
    return proposed


def _codes_of(params: Mapping[str, int], space: Space) -> list[int]:
    return [params.get(key, CURRENT) for key in space.keys]


def _refused_sets(evaluator: Evaluator, codes: Codes) -> NDArray[np.bool_]:
    """Which parameter sets the settings refuse."""
    half = len(codes) // 2
    if len(codes) <= BATCH:
        try:
            if len(codes):
                evaluator.plan(codes)
            return np.zeros(len(codes), dtype=bool)
        except ConfigError:
            if not half:
                return np.ones(1, dtype=bool)
    halves = codes[:half], codes[half:]
    return np.concatenate([_refused_sets(evaluator, part) for part in halves])


def _scores(
    evaluator: Evaluator, codes: Codes, partition: Partition, rule: Rule, tune: Tune
) -> list[list[float]]:
    """What is reported to the estimator, one list for each parameter set."""
    refused = _refused_sets(evaluator, codes)
    accepted = np.where(refused[:, None], CURRENT, codes)
    whole = np.ones(len(partition.lengths), dtype=bool)
    measured = figures(evaluator.sweep(accepted, partition.edges), partition.lengths, whole)
    return _reported_values(measured, refused, rule, tune)


def _reported_values(
    measured: Figures, refused: NDArray[np.bool_], rule: Rule, tune: Tune
) -> list[list[float]]:
    """Return and drawdown, or the objective; the worst value where a set cannot be chosen."""
    scores = objective(measured, rule)
    usable = np.isfinite(scores) & ~refused
    columns = (
        (np.where(usable, measured.cagr, WORST), np.where(usable, measured.max_drawdown, 1.0))
        if tune.frontier
        else (np.where(usable, scores, WORST),)
    )
    values: list[list[float]] = np.column_stack(columns).tolist()
    return values


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's log of every trial and its notes on what is experimental."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
