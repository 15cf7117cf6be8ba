"""`--calibrate`: the run of a command again, in worlds."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backtests.calibration.request import Request
from brokers.console import console
from brokers.local_paths import path_from_here
from config.settings import ConfigError, Settings

if TYPE_CHECKING:  # cost the start-up of everything that a run in a world needs
    from backtests.calibration.document import CalibrationDocument
    from backtests.calibration.outcome import Command
    from backtests.calibration.runs import Result
    from backtests.commands.run_scope import RunScope
    from backtests.evidence.history import History
    from brokers.prices.load import Prices

MOST_TIMES = 100.0  # of the measured effect; prices beyond it are no numbers


def make_request(worlds: int | None, effect: float | None, *, regimes: bool) -> Request | None:
    """What the options ask for; None: no calibration.

    Raises
    ------
    ConfigError
        --effect or --regimes without --calibrate, or an effect outside 0 to `MOST_TIMES`.

    """
    if worlds is None:
        for name, is_given in (("--effect", effect is not None), ("--regimes", regimes)):
            if is_given:
                raise ConfigError(f"{name}: says what worlds are like; add --calibrate N")
        return None
    if effect is not None and not 0.0 <= effect <= MOST_TIMES:
        raise ConfigError(
            f"--effect {effect:g}: must be 0 to {MOST_TIMES:g} times the measured effect"
        )
    return Request(worlds, effect or 0.0, regimes)


def refuse_simulation(request: Request | None, *, is_sample: bool) -> None:
    """Raise ConfigError if simulated prices are to be calibrated on."""
    if request is not None and is_sample:
        raise ConfigError(
            "--calibrate: these are the simulated prices of the embedded sample, which get no"
            " verdict: worlds of a simulation prove nothing; use real prices (prices.source)"
        )


def refuse_sample(request: Request | None, settings: Settings) -> None:
    """The same by the settings, before anything is loaded."""
    refuse_simulation(request, is_sample=settings.prices.source == "sample")


def calibrate_run(
    request: Request | None,
    command: "Command",
    settings: Settings,
    scope: "RunScope[Prices] | RunScope[History]",
    result: "Result",
) -> "CalibrationDocument | None":
    """Repeat a run in worlds and write calibration.json into its folder; None: not asked for.

    Raises
    ------
    ConfigError
        The run has no verdict.
    DataError
        No worlds can be drawn from its prices.

    """
    if request is None:
        return None
    from backtests.calibration.calibrate import calibrate, make_job
    from backtests.calibration.document import NAME
    from backtests.calibration.outcome import NO_VERDICT
    from backtests.calibration.requirements import requirements_of
    from backtests.calibration.runs import outcome_of
    from backtests.runs.folder import write_json

    own = outcome_of(result, settings)
    if own.word == NO_VERDICT:
        raise ConfigError(
            "--calibrate: this run gets no verdict, so there is none to count; without --calibrate"
            " it says why"
        )
    job = make_job(command, settings, scope.loaded, request)
    counted = calibrate(job, request, own, scope.step, lambda text: print(text, file=sys.stderr))
    document = counted.model_copy(update={"requirements": requirements_of(result, settings)})
    scope.log.info("{} worlds: {}", document.n, document.worlds.text)
    write_json(document.to_json(), scope.partial / NAME)
    return document


def print_document(
    content: Mapping[str, object], folder: Path, calibration: "CalibrationDocument | None"
) -> None:
    """Print a run's document as one line of JSON, with its folder and its calibration."""
    counted = {} if calibration is None else {"calibration": calibration.to_json()}
    print(json.dumps({**content, "folder": path_from_here(folder), **counted}))


def show_if_calibrated(calibration: "CalibrationDocument | None") -> None:
    """Print what came out in the worlds, if there were any."""
    if calibration is not None:
        from backtests.report.calibration import show_calibration

        show_calibration(console(), calibration)
