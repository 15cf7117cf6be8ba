"""The best set under worse conditions."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from backtests.benchmarks.benchmarks import arena, run
from backtests.engine import arrays
from backtests.engine.inputs import Inputs, prepare
from backtests.performance.metrics import Metrics
from backtests.tuning.validation.robustness import delayed, stress
from brokers.prices.load import Prices
from brokers.prices.series import DataError
from config.settings import Settings, changed


class Stressed(NamedTuple):
    """A condition and the figures under it; None: the prices for it could not be had, and why."""

    name: str
    metrics: Metrics | None
    why: str = ""


def stressed(settings: Settings, point: Mapping[str, Any], prices: Prices) -> list[Stressed]:
    """Run a set as it is and under each of `robustness.stress`, in the kernel."""
    chosen = changed(settings, point, "the best set")
    found = [Stressed("as it is", _metrics(prepare(chosen, prices)))]
    for one in stress(chosen):
        try:
            inputs = prepare(changed(chosen, one.changes, one.name), prices)
        except DataError as error:
            found.append(Stressed(one.name, None, str(error)))
        else:
            found.append(Stressed(one.name, _metrics(delayed(inputs) if one.late else inputs)))
    return found


def _metrics(inputs: Inputs) -> Metrics:
    place = arena(inputs)
    return run(
        place, place.basket, tuple(inputs.coins), arrays.gate_arrays(inputs.table), inputs.rules
    ).metrics
