"""tune.json as a typed document: `tune` writes it; the page, the tables and the terminal read it.

One of an earlier version is read by `tuning.read_document`.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from backtests.performance.short_windows import is_short
from backtests.runs.document import Record
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

NAME = "tune.json"
VERSION: Literal[3] = 3


class TuneDocument(Record):
    """The result of a parameter search."""

    version: Literal[3]
    best: BestRecord
    defaults: DefaultsRecord
    verdict: VerdictRecord | None = Field(
        description="null: sample prices, or doubtful ones, or a window that is too short (then the"
        " first warning says why)"
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
