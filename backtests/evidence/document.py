"""evidence.json as a typed document: every claim with its numbers, and what the page draws.

The command writes it, page, terminal and the quotation on other pages read it, all through
`EvidenceDocument`. `parse` translates documents of version 0.1 and 2 (`older_documents`); one of a
newer version is refused.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import Field, ValidationError

from backtests.evidence.elsewhere import Elsewhere
from backtests.evidence.events import Side
from backtests.evidence.older_documents import translate_0_1, translate_2
from backtests.evidence.since_publication import SincePublication
from backtests.runs.document import DocumentError, Record, first_reason

NAME = "evidence.json"
VERSION: Final = 3
Verdict = Literal["supported", "contradicted", "inconclusive", "not testable with prices"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Kind = Literal["fact", "test"]


class Claim(Record):
    """One reading of one claim, and its result; None stands for a figure that does not exist.

    A fact of record is so or is not. The verdict of a test follows p corrected for all tests.
    """

    id: str = Field(description="number of the claim in the articles, such as A15")
    claim: str = Field(description="the claim as a sentence")
    reading: str = Field(description="how it is read, where there are several readings")
    kind: Kind = Field(default="test", description="whether it is a fact of record or a test")
    test: str = Field(description="what was done")
    data: str = Field(description="the series it was done on")
    n: int | None = Field(description="number of independent observations")
    estimate: float | None = Field(description="the measured figure, in `unit`")
    low: float | None = Field(description="lower end of its 95 % interval")
    high: float | None = Field(description="upper end of its 95 % interval")
    unit: str = Field(description="returns are fractions, over the horizon or a year")
    null: float = Field(default=0.0, description="the figure if there is no effect")
    side: Side = Field(
        default="both", description="on which side of `null` the sentence says the figure lies"
    )
    p: float | None = Field(
        description="p of this claim alone: one-sided where `side` is a direction, else two-sided"
    )
    p_corrected: float | None = Field(
        default=None, description="p corrected for all tests of the document (Holm 1979)"
    )
    p_contrary: float | None = Field(
        default=None, description="the same of the direction opposite to `side`"
    )
    p_without_each: Sequence[float] = Field(
        default=(),
        description="p with each event left out in turn, in the direction of the estimate",
    )
    smallest_detectable: float | None = Field(
        default=None,
        description="smallest difference from `null` detected with 80 % power, in `unit`",
    )
    verdict: Verdict
    why: str = Field(description="the result in a few sentences")


class EventRecord(Record):
    """One breakout and what followed it."""

    opened: str = Field(description="instant at which it was confirmed, UTC")
    level: float | None = Field(description="the record that it passed, index points")
    base_sessions: int = Field(description="sessions that a record must have stood")
    after: Mapping[str, Mapping[str, float | None]] = Field(
        description="gain as a fraction, by asset and horizon"
    )


class ExcessRecord(Record):
    """Gains after breakouts against gains at random dates, as logs; the least favourable dates."""

    n: int | None = Field(default=None, description="breakouts with prices for the whole horizon")
    mean: float | None = Field(default=None, description="mean log gain after breakouts")
    usual: float | None = Field(default=None, description="mean log gain at random dates")
    low: float | None = Field(
        default=None, description="95 % Student interval of their difference, from the breakouts"
    )
    high: float | None = Field(default=None, description="its upper end")
    p: float | None = Field(default=None, description="two-sided, by draws of random dates")
    spread: float | None = Field(
        default=None,
        description="standard deviation of a gain: the larger of that among breakouts and dates",
    )
    smallest: float | None = Field(default=None, description="detectable with 80 % power")
    spread_p: float | None = Field(
        default=None, description="p that gains after random dates differ as much from one another"
    )
    difference: float | None = Field(default=None, description="mean less usual")
    p_against: Mapping[str, float] = Field(
        default_factory=dict, description="p by the way in which random dates are drawn"
    )


class ResponseRecord(ExcessRecord):
    """What one asset did over one horizon after breakouts."""

    asset: str
    horizon: str
    without_each: Sequence[float] = Field(description="mean log gain with each breakout left out")


class DefinitionRecord(ExcessRecord):
    """Bitcoin over 3 months after breakouts by another definition; figures None without prices."""

    base_sessions: int
    confirm_sessions: int
    breakouts: int


class LagRecord(Record):
    """Return of one asset by days since the gate was open."""

    asset: str
    days: int = Field(description="days with a gate and a price")
    apart: Sequence[float] = Field(
        description="by lag from 0 days on: annualised log return less that of all other days"
    )
    p_moved: float = Field(description="share of circularly shifted gates that match or beat it")
    p_drawn: float = Field(description="share of bootstrap draws that match or beat it")
    band: float = Field(description="95 % point of the best lag by chance")
    low: int = Field(description="95 % interval of the best lag, days")
    high: int = Field(description="95 % interval of the best lag, days")
    best_lag: int = Field(description="days")
    p: float = Field(description="the larger of both")


class LeadRecord(Record):
    """How the leader's past change predicts the follower's next week."""

    leader: str
    follower: str
    weeks: int = Field(description="span of the leader's change")
    n: int
    estimate: float = Field(
        description="annualised log return of the next week by standard deviation of the change"
    )
    low: float
    high: float
    p: float


class CrossRecord(Record):
    """Correlation of weekly returns by lag."""

    first: str
    second: str
    n: int
    lags: Sequence[int] = Field(description="weeks by which the second comes after the first")
    correlation: Sequence[float | None]
    band: float = Field(description="reached by 95 % of unrelated series")


class TurnRecord(Record):
    """One of Bitcoin's turning points, and when the other layers turned."""

    day: str
    kind: Literal["low", "high"]
    price: float
    layers: Mapping[str, int] = Field(description="days from Bitcoin's turn")


class PathRecord(Record):
    """Bitcoin around a breakout, 1 at the breakout."""

    opened: str
    days: Sequence[int]
    values: Sequence[float | None]


class CycleRecord(Record):
    """Bitcoin from a halving on, 1 at the halving."""

    halving: str
    days: Sequence[int]
    values: Sequence[float | None]


class RequiredEventsRecord(Record):
    """How many breakouts it takes to detect the measured difference with 80 % power."""

    horizon: str
    had: int = Field(description="out-of-sample breakouts so far: they did not form the thesis")
    mean: float | None = Field(default=None, description="their mean excess over random dates, log")
    spread: float | None = Field(
        default=None,
        description="standard deviation of a gain: the larger of that among breakouts and dates",
    )
    events: float | None = Field(description="breakouts needed in all; None: cannot be estimated")
    low: float | None = Field(default=None, description="at the upper end of the effect's interval")
    high: float | None = Field(default=None, description="at its lower end; None: no number is")
    years: float | None = Field(description="until then, at the rate of breakouts so far")
    years_low: float | None = None
    years_high: float | None = None
    why: str = Field(default="", description="all of it as a sentence")


class SeriesRecord(Record):
    """One series that was read."""

    source: str
    origin: str
    first: str
    last: str
    rows: int
    vintage: str


class EvidenceDocument(Record):
    """The content of evidence.json."""

    version: Literal[3]
    line: str = Field(description="the result in one line, quoted by other commands")
    answer: Claim | None = Field(
        default=None, description="does the Russell's breakout lead Bitcoin? None without prices"
    )
    verdicts: Mapping[Verdict, int] = Field(description="number of claims by verdict")
    facts: Mapping[Verdict, int] = Field(description="of them the facts of record")
    tests: Mapping[Verdict, int] = Field(description="of them the tests")
    claims: Sequence[Claim]
    events: Sequence[EventRecord]
    follows: Sequence[ResponseRecord]
    definitions: Sequence[DefinitionRecord]
    gate_test: Sequence[LagRecord]
    leads: Sequence[LeadRecord]
    crosses: Sequence[CrossRecord]
    turns: Sequence[TurnRecord]
    paths: Sequence[PathRecord]
    cycles: Sequence[CycleRecord]
    until: Sequence[RequiredEventsRecord]
    since: SincePublication | None = Field(
        default=None, description="what happened after the articles; None: prices end before"
    )
    elsewhere: Elsewhere | None = Field(
        default=None, description="the same mechanism in other assets; None without their prices"
    )
    lacking: Mapping[str, str] = Field(description="why a series is missing or doubtful, by symbol")
    sample: bool = Field(description="whether prices are the embedded simulation")
    fallback: str = Field(description="why the simulation was used, where nobody asked")
    seed: int
    draws: int
    data: Mapping[str, SeriesRecord] = Field(description="the series, by symbol")

    def to_json(self) -> dict[str, object]:
        """The content of the file."""
        return self.model_dump(mode="json")


def read(folder: Path) -> EvidenceDocument:
    """The evidence of a run folder.

    Raises
    ------
    DocumentError
        There is none, it is damaged, or it is of a newer version.

    """
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    return parse(content)


def parse(content: object) -> EvidenceDocument:
    """The document in a parsed JSON file, one of version 0.1 translated.

    Raises
    ------
    DocumentError
        It is no evidence, damaged, or written by a newer version of the program.

    """
    if not isinstance(content, dict):
        raise DocumentError("is no evidence")
    version = content.get("version")
    if version is None:
        content = translate_2(translate_0_1(content))
    elif version == 2:
        content = translate_2(content)
    elif version != VERSION:
        raise DocumentError(
            f"is of version {version!r}; this program reads versions up to {VERSION}: update it"
        )
    try:
        return EvidenceDocument.model_validate(content)
    except ValidationError as error:
        raise DocumentError(first_reason(error)) from None
