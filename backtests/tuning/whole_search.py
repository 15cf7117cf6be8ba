"""A whole search: the parameter sets, and every test of the best of them."""

from typing import NamedTuple

from backtests.engine.inputs import prepare_inputs
from backtests.tuning.search.batches import note_kept_sets
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.space import Space
from backtests.tuning.search.study import Study, run_search
from backtests.tuning.validation.findings import Findings, find
from brokers.prices.load import Prices
from brokers.progress import Progress
from config.settings import Settings


class Search(NamedTuple):
    """What ran the sets, the sets, and what was found on the best of them."""

    evaluator: Evaluator
    study: Study
    findings: Findings


def search(settings: Settings, space: Space, prices: Prices, step: Progress) -> Search:
    """Search `space` on these prices as the settings say, and judge the best set.

    Raises
    ------
    ConfigError, DataError
        As `run_search` and `prepare_inputs`.

    """
    evaluator = Evaluator(prepare_inputs(settings, prices), space, settings.tune.threads)
    study = run_search(evaluator, settings, step)
    sets = len(study.codes)
    with note_kept_sets(lambda: sets, sets):
        return Search(evaluator, study, find(evaluator, study, settings, step))
