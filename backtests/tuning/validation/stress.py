"""The best parameter set under harder conditions."""

from collections.abc import Mapping
from typing import NamedTuple

from backtests.benchmarks.benchmarks import prepare_kernel, run_kernel
from backtests.engine import arrays
from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.performance.metrics import Metrics
from backtests.tuning.validation.robustness import delay_gate, stress_tests
from brokers.local_paths import name_paths
from brokers.prices.load import Prices
from brokers.prices.series import DataError
from config.settings import Settings, with_changes


class StressResult(NamedTuple):
    """A condition and the metrics under it; None where its prices are not available, and why."""

    name: str
    metrics: Metrics | None
    why: str = ""


def run_stress_tests(
    settings: Settings, point: Mapping[str, object], prices: Prices
) -> list[StressResult]:
    """Run a parameter set unchanged and under each of `robustness.stress_tests`, in the kernel."""
    chosen = with_changes(settings, point, "the best parameter set")
    results = [StressResult("unchanged", _metrics(prepare_inputs(chosen, prices)))]
    for test in stress_tests(chosen):
        try:
            inputs = prepare_inputs(with_changes(chosen, test.changes, test.name), prices)
        except DataError as error:
            results.append(StressResult(test.name, None, name_paths(str(error))))
        else:
            metrics = _metrics(delay_gate(inputs) if test.late else inputs)
            results.append(StressResult(test.name, metrics))
    return results


def _metrics(inputs: Inputs) -> Metrics:
    place = prepare_kernel(inputs)
    return run_kernel(
        place, place.basket, tuple(inputs.coins), arrays.gate_arrays(inputs.table), inputs.rules
    ).metrics
