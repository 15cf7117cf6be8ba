"""calibration.json: how often each word and each test of a run came out in worlds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from backtests.runs.document import DocumentError, Record, first_reason

NAME = "calibration.json"
VERSION: Final = 2


class Share(Record):
    """In how many of the worlds something came out."""

    name: str
    count: int
    of: int
    low: float = Field(description="95 % interval of the share (Clopper and Pearson 1934)")
    high: float


class ResultShares(Record):
    """What came out of one test; `own` is what did in the run itself."""

    name: str
    own: str = Field(description="empty where the run has no such test")
    outcomes: tuple[Share, ...]


class Worlds(Record):
    """What the worlds are."""

    text: str = Field(description="in a sentence")
    effect: float = Field(description="times the measured effect; 0: the gate has none")
    effect_a_day: float | None = Field(
        description="added to the daily log return of coins while the gate is open"
    )
    regimes: bool = Field(description="bull and bear markets by a chain independent of the gate")
    block_days: int = Field(description="mean length of the blocks of days that are drawn")


class Requirement(Record):
    """What a finding asks of the gate's market or of the settings: the same in every world."""

    what: str = Field(description="what is counted, a plural")
    has: float = Field(description="how many of them the run itself has")
    needs: float = Field(description="how many a finding takes at least")


class CalibrationDocument(Record):
    """How often a run's verdict and tests come out where it is known what there is to find."""

    version: Literal[2]
    command: Literal["tune", "evidence", "backtest"]
    worlds: Worlds
    n: int = Field(description="worlds")
    seed: int = Field(description="with its number it draws a world again")
    own: str = Field(description="verdict word of the run itself")
    words: tuple[Share, ...]
    tests: tuple[ResultShares, ...]
    means: Mapping[str, float] = Field(description="numbers a world, on average")
    requirements: tuple[Requirement, ...] = Field(
        default=(), description="none: of version 1, or of evidence"
    )
    seconds: float = Field(description="of one process a world, on average")

    def to_json(self) -> dict[str, object]:
        """The content of the file."""
        return self.model_dump(mode="json")


def parse(content: object) -> CalibrationDocument:
    """The document in a parsed JSON file; one of version 1 says nothing of requirements.

    Raises
    ------
    DocumentError
        It is no calibration, damaged, or written by a newer version of the program.

    """
    if not isinstance(content, dict) or "version" not in content:
        raise DocumentError("is no calibration")
    if content["version"] not in (1, VERSION):
        raise DocumentError(
            f"is of version {content['version']!r}; this program reads versions up to {VERSION}:"
            " update it"
        )
    try:
        return CalibrationDocument.model_validate({**content, "version": VERSION})
    except ValidationError as error:
        raise DocumentError(first_reason(error)) from None


def read_calibration(folder: Path) -> CalibrationDocument | None:
    """The calibration in a run folder; None if it has none.

    Raises
    ------
    DocumentError
        It is damaged, or of a newer version.

    """
    path = folder / NAME
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from None
    except ValueError as error:
        raise DocumentError(f"{path}: is no JSON: {error}") from None
