"""A search led by what it has found so far: Optuna's tree-structured Parzen estimator, kept in SQLite."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.tuning.search.batches import Progress, digest, searched
from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.segment_stats import Figures, Rule, Segments, figures, objective
from backtests.tuning.search.space import AS_IT_STANDS, Codes, Space
from backtests.tuning.search.splits import Partition
from config.settings import ConfigError
from config.tuning import Tune

BATCH = 20  # sets proposed before any of them is known; each batch is one sweep
WORST = (
    -1e3
)  # what the estimator is told of a set that breaks a constraint, or that the settings refuse
STARTING = 50  # sets drawn at random before the estimator begins


def led(
    field: Field, partition: Partition, rule: Rule, tune: Tune, cache: Path, progress: Progress
) -> tuple[Codes, Segments]:
    """Codes and segments of all sets that were tried, the settings as they stand first.

    A search that was interrupted goes on where it was; one that is whole is read. Proposals that came up twice count once, since a
    set that was tried twice is one try.
    """
    import optuna

    whole = np.ones(len(partition.lengths), dtype=bool)
    with _quiet():
        kept = _kept(optuna, field, partition, tune, cache)
        study = optuna.create_study(directions=_directions(tune))
        study.add_trials(kept.get_trials(deepcopy=False))
        while (done := len(study.get_trials(deepcopy=False))) < tune.sets:
            progress(done, tune.sets)
            study.sampler = _sampler(optuna, tune, done)
            trials = [study.ask() for _ in range(min(BATCH, tune.sets - done))]
            codes = np.array([_proposed(trial, field.space) for trial in trials], dtype=np.int16)
            refused = _refused(field, codes)
            found = figures(
                field.sweep(np.where(refused[:, None], AS_IT_STANDS, codes), partition.edges),
                partition.lengths,
                whole,
            )
            for trial, values in zip(trials, _values(found, refused, rule, tune), strict=True):
                study.tell(trial, values)
            kept.add_trials(study.get_trials(deepcopy=False)[done:])
        ended = study.get_trials(deepcopy=False)
    tried = np.array([_read(trial.params, field.space) for trial in ended], dtype=np.int16)
    doubtful = np.array([trial.values[0] == WORST for trial in ended])
    allowed = np.concatenate([tried[~doubtful], tried[doubtful][~_refused(field, tried[doubtful])]])
    codes = np.concatenate([field.space.defaults(), field.space.distinct(allowed)])
    return codes, searched(field, codes, partition, cache, progress)


def _kept(optuna: Any, field: Field, partition: Partition, tune: Tune, cache: Path) -> Any:
    """The study on disk. Trials are asked for in memory: the estimator reads all of them for each new one, which takes SQLite ten times as long."""
    from sqlalchemy.exc import DatabaseError, OperationalError

    asked = repr(
        (tune.objective, tune.frontier, tune.min_orders, tune.max_drawdown, tune.seed)
    ).encode()
    name = digest(field, np.frombuffer(asked, dtype=np.uint8), partition)
    folder = cache / "tune" / name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "optuna.sqlite"

    def opened() -> Any:
        return optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name=name,
            directions=_directions(tune),
            load_if_exists=True,
        )

    try:
        return opened()
    except DatabaseError as error:
        if isinstance(error, OperationalError):  # locked, or a full disk
            raise
        file.unlink(missing_ok=True)  # damaged: as a batch that cannot be read, it is made again
        return opened()


def _sampler(optuna: Any, tune: Tune, done: int) -> Any:
    """One for each batch: a search that goes on draws what it would have drawn without the interruption, and nothing a second time."""
    seed = int(np.random.SeedSequence((tune.seed, done)).generate_state(1)[0])
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=STARTING, multivariate=True, group=True, constant_liar=True
    )


def _directions(tune: Tune) -> Any:
    return ["maximize", "minimize"] if tune.frontier else ["maximize"]


def _proposed(trial: Any, space: Space) -> list[int]:
    """Codes of a new set: numbers as places in their order, anything else as a choice. A parameter is asked for where its conditions hold."""
    codes = space.defaults()
    for axis in space.in_order():
        if space.tried(axis, codes)[0]:
            places = range(len(axis.values))
            ordered = all(
                isinstance(value, int | float) and not isinstance(value, bool)
                for value in axis.values
            )
            place = (
                trial.suggest_int(axis.key, 0, places[-1])
                if ordered
                else trial.suggest_categorical(axis.key, list(places))
            )
            codes[0, space.keys.index(axis.key)] = place
    proposed: list[int] = codes[0].tolist()
    return proposed


def _read(params: Mapping[str, int], space: Space) -> list[int]:
    return [params.get(key, AS_IT_STANDS) for key in space.keys]


def _refused(field: Field, codes: Codes) -> NDArray[np.bool_]:
    """Which sets the settings refuse."""
    half = len(codes) // 2
    if len(codes) <= BATCH:
        try:
            if len(codes):
                field.plan(codes)
            return np.zeros(len(codes), dtype=bool)
        except ConfigError:
            if not half:
                return np.ones(1, dtype=bool)
    return np.concatenate([_refused(field, codes[:half]), _refused(field, codes[half:])])


def _values(
    found: Figures, refused: NDArray[np.bool_], rule: Rule, tune: Tune
) -> list[list[float]]:
    """What the estimator is told of each set."""
    scores = objective(found, rule)
    kept = np.isfinite(scores) & ~refused
    told = (
        (np.where(kept, found.cagr, WORST), np.where(kept, found.max_drawdown, 1.0))
        if tune.frontier
        else (np.where(kept, scores, WORST),)
    )
    values: list[list[float]] = np.column_stack(told).tolist()
    return values


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's log, which would repeat every set, and its notes on what is experimental."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
