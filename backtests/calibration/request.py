"""What a calibration is asked for. Imports nothing heavy."""

from typing import NamedTuple


class Request(NamedTuple):
    """How many worlds, how many times the measured effect the gate has, whether in regimes."""

    worlds: int
    effect: float = 0.0
    regimes: bool = False


def times_of(effect: float) -> str:
    """How many times something, before its name: "", "twice ", "3 times "."""
    return {1.0: "", 2.0: "twice "}.get(effect, f"{effect:g} times ")
