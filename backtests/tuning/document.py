"""tune.json as a typed document: `tune` writes it; the page, the tables and the terminal read it.

A document of version 0.1 has no version number and other verdict words, one of version 2 no test of
luck above exposure-matched holding; `parse` translates both. A newer document is refused.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationError

from backtests.performance.short_windows import is_short
from backtests.runs.document import DocumentError, Record, first_reason
from backtests.tuning.document_parts import (
    BestRecord,
    DefaultsRecord,
    DeflatedRecord,
    KernelRecord,
    LeaveOneOutRecord,
    LuckRecord,
    OverfittingRecord,
    RobustnessRecord,
    SearchedGatesRecord,
    SearchRecord,
    SuperiorAbilityRecord,
    TrialsRecord,
    VerdictRecord,
    WalkForwardRecord,
    WindowRecord,
)
from backtests.tuning.search.study import BASE
from config.tuning import EARLIER_WORDS

NAME = "tune.json"
VERSION: Literal[3] = 3


class TuneDocument(Record):
    """The result of a parameter search."""

    version: Literal[3]
    best: BestRecord
    defaults: DefaultsRecord
    verdict: VerdictRecord | None = Field(
        description="null: sample prices, or doubtful ones (then the first warning says why)"
    )
    search: SearchRecord
    trials: TrialsRecord
    luck: LuckRecord | None
    pbo: OverfittingRecord
    deflated_sharpe: DeflatedRecord | None
    superior_ability: SuperiorAbilityRecord | None
    searched_gates: SearchedGatesRecord | None
    walk_forward: WalkForwardRecord
    leave_one_breakout_out: LeaveOneOutRecord
    robustness: RobustnessRecord
    kernel: KernelRecord
    sample: bool = Field(description="simulated prices: the result says nothing about markets")
    fallback: str = Field(description="why sample prices were used although others were asked for")
    window: WindowRecord
    events: tuple[str, ...] = Field(description="days of the breakouts")
    warnings: tuple[str, ...]
    versions: Mapping[str, str] = Field(description="of Python and the libraries")

    @property
    def base_sessions(self) -> int:
        """How long the record of a breakout among `events` had stood, whatever was searched."""
        return BASE

    @property
    def is_short(self) -> bool:
        """Whether the window is too short for yearly figures (`performance.short_windows`)."""
        return is_short(self.window.days - 1)

    def to_json(self) -> dict[str, object]:
        """The content of the file."""
        return self.model_dump(mode="json")


def parse(content: object) -> TuneDocument:
    """The document in a parsed JSON file, one of an earlier version translated.

    Raises
    ------
    DocumentError
        It is no search, damaged, or written by a newer version of the program.

    """
    if not isinstance(content, dict):
        raise DocumentError("is no search")
    version = content.get("version")
    if version is None:
        content = _translate_2(_translate_0_1(content))
    elif version == 2:
        content = _translate_2(content)
    elif version != VERSION:
        raise DocumentError(
            f"is of version {version!r}; this program reads versions up to {VERSION}: update it"
        )
    try:
        return TuneDocument.model_validate(content)
    except ValidationError as error:
        raise DocumentError(first_reason(error)) from None


def _translate_0_1(content: Mapping[str, object]) -> dict[str, object]:
    """A document of version 0.1 as one of version 2."""
    translated = {**content}
    verdict, ability = content.get("verdict"), content.get("superior_ability")
    if isinstance(verdict, dict):
        word = verdict.get("word")
        translated["verdict"] = verdict | {"word": EARLIER_WORDS.get(str(word), word)}
    if isinstance(ability, dict):
        translated["superior_ability"] = ability | {"benchmark": "the current settings"}
    return translated


def _translate_2(content: Mapping[str, object]) -> dict[str, object]:
    """A document of version 2 as one of this version; its figures keep what they were of."""
    return {"luck": None, **content, "version": VERSION}
