"""What a run in one world came to, as one line of a file."""

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

Command = Literal["tune", "evidence", "backtest"]
PASSED, FAILED, NOT_POSSIBLE = "passed", "failed", "not possible"
NO_VERDICT = "no verdict"
EVENTS = "independent events"  # of the window, among the counts


class Outcome(NamedTuple):
    """The verdict word of a run, and what came out of each of its tests.

    `tests` by name: `PASSED`, `FAILED` or `NOT_POSSIBLE`, of evidence the verdict on the claim.
    `counts` are numbers of which a mean says something, by name.
    """

    word: str
    tests: Mapping[str, str]
    counts: Mapping[str, int]


class WorldOutcome(NamedTuple):
    """The outcome of a world by its number, and the seconds it took."""

    number: int
    outcome: Outcome
    seconds: float

    def to_line(self) -> str:
        """One line of JSON, with its end."""
        return json.dumps(self._asdict() | {"outcome": self.outcome._asdict()}) + "\n"


def parse_line(line: str) -> WorldOutcome:
    """The outcome in a line.

    Raises
    ------
    ValueError
        It is no such line, or only the beginning of one.

    """
    try:
        content = json.loads(line)
        outcome = Outcome(**content["outcome"])
        return WorldOutcome(int(content["number"]), outcome, float(content["seconds"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"is no outcome of a world: {error}") from None


RESULTS = {True: PASSED, False: FAILED, None: NOT_POSSIBLE}  # None: it could not be made
