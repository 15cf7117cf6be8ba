"""How often worlds without an effect pass each test: the figures that pages print beside a test.

They are counted with the default settings by `python -m tests.proofs.calibrate_defaults`, which
writes the file beside this one: by command, "seed", "worlds" and "passed" by name of a test.
"""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypedDict

FILE = Path(__file__).with_name("calibrated_shares.json")


class Counted(TypedDict):
    """The figures of one command as the file has them."""

    seed: int
    worlds: int
    passed: dict[str, int]


class Share(NamedTuple):
    """In how many worlds without an effect something came out, with its 95 % interval.

    `low` and `high` are those of Clopper and Pearson (1934); `seed` draws the same worlds again.
    """

    passed: int
    worlds: int
    low: float
    high: float
    seed: int


def share_passed(command: str, name: str) -> Share | None:
    """How often a test or a verdict word of a command came out without an effect.

    Parameters
    ----------
    command : "tune", "evidence" or "backtest".
    name : a test as its document names it ("luck", "A15"; with the claim's reading after a space),
        or a word such as "recommended".

    Returns
    -------
    None if it has not been counted.

    """
    counted = _content(FILE).get(command)
    if counted is None or name not in counted["passed"]:
        return None
    from backtests.statistics.clopper_pearson import share_interval  # loads scipy

    passed, worlds = counted["passed"][name], counted["worlds"]
    return Share(passed, worlds, *share_interval(passed, worlds), counted["seed"])


@cache
def _content(file: Path) -> dict[str, Counted]:
    content: dict[str, Counted] = json.loads(file.read_text(encoding="utf-8"))
    return content
