"""metrics.json as a typed document: the writer fills it, and every reader gets it.

Attributes have the names used in the code, JSON keys those that files have had from the beginning:
an alias stands where the two differ. A document of version 0.1 has no version number, one of
version 2 nothing of other assumptions, capacity and required events; both have yearly figures and a
verdict of short windows. `parse` translates both. A document of a newer version is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from backtests.performance.short_windows import ANNUALISED, is_short, why_short, window_days

NAME = "metrics.json"
VERSION: Final = 3
VERDICT_WORDS_OF_0_1 = {"cannot be told": "inconclusive"}
ESSENTIAL = {"strategy", "window", "data"}  # what has none of these is another kind of file
# Caveats that quote Sharpe ratios, in the words of 0.1 and of version 2 of the document.
ABOUT_RATIOS = {"a benchmark beats it", "beaten by a benchmark"}

Instant = Annotated[datetime, PlainSerializer(lambda time: time.isoformat(), return_type=str)]
Interval = tuple[float, float]
Severity = Literal["high", "medium", "low"]


class DocumentError(ValueError):
    """A metrics.json is damaged or of another version; the message says what is wrong with it."""


class ForeignDocumentError(DocumentError):
    """The content is no metrics.json at all."""


class Record(BaseModel):
    """A part of the document: closed to unknown keys, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Figures(Record):
    """Performance of one equity curve. Fractions, not percent; None: the figure does not exist.

    In a window of fewer than 600 days no yearly figure does.
    """

    total_return: float
    cagr: float | None = Field(description="compound annual growth rate")
    volatility: float | None = Field(description="annualised, 365 days a year")
    sharpe: float | None = Field(description="annualised, no risk-free rate")
    sortino: float | None
    calmar: float | None
    max_drawdown: float = Field(description="positive fraction")
    max_drawdown_days: int = Field(description="longest time below an earlier peak")
    exposure: float = Field(description="mean share of equity in coins")
    turnover: float | None = Field(description="value traded a year over mean equity")
    orders: int = Field(description="orders filled")
    fees: float = Field(description="quote units")


class AblationRecord(Figures):
    """The strategy with one rule switched off; the first of a list has all rules."""

    rule: str = Field(description="the rule; empty for the strategy as it is")
    text: str = Field(description="what switching it off means")


class VariantRecord(Record):
    """The strategy under one other assumption; the rules and the orders decided are the same."""

    name: str
    text: str = Field(description="what is assumed; without figures, why there are none")
    figures: Figures | None


class LargestOrderRecord(Record):
    """How large an account one coin bears."""

    coin: str
    decided: Instant
    value: float = Field(description="of the largest order beside the coin's volume; quote units")
    share: float = Field(
        description="of it in the coin's median daily volume of the 30 days before; a fraction"
    )
    of_equity: float = Field(description="largest order as a share of the account")
    account: float = Field(
        description="quote units at which an order of `of_equity` is 1 % of the coin's median"
        " daily volume in the window's last year"
    )
    source: str = Field("", description="of the volume; an exchange's is its own alone")


class RequiredEventsRecord(Record):
    """How many independent events would show the measured effect with 80 % power; null: unknown."""

    had: int = Field(description="events measured; running ones are valued at the window's end")
    events: float | None = Field(description="in all")
    low: float | None = Field(description="at the upper end of the effect's 95 % interval")
    high: float | None = Field(description="at its lower end; null: no number is enough")
    years: float | None = Field(description="further years, at the rate of events so far")
    years_low: float | None
    years_high: float | None
    why: str = Field(description="all of it as a sentence")


class RandomGatesRecord(Record):
    """The permutation test: the strategy on its own gate shifted circularly in time."""

    n: int = Field(description="shifted gates")
    effective_n: float = Field(description="independent shifts that the window holds")
    p_sharpe: float | None = Field(
        description="share that match or beat the Sharpe ratio, which here is in excess of cash"
    )
    p_return: float | None = Field(description="share that match or beat the total return")
    own_sharpe: float | None = Field(description="Sharpe ratio of the gate that is not shifted")
    sharpes: tuple[float, ...] = Field(description="of the shifted gates, ascending, rounded")


class ProfitRecord(Record):
    """Profit in quote units by gate period and coin, and the interest that no coin earned."""

    coins: tuple[str, ...]
    by_gate_period: Mapping[str, tuple[float, ...]] = Field(
        validation_alias="spells",
        serialization_alias="spells",
        description="by the day a gate period opened, and `outside`; a number for each coin",
    )
    interest: float


class GatePeriodRecord(Record):
    """One period in which the gate was open."""

    opened: Instant
    closed: Instant | None = Field(description="null: open at the end of the window")
    level: float = Field(description="record high that the breakout passed, index points")
    base_age: int = Field(description="sessions that this record had stood")
    rearmed: bool = Field(description="a breakout soon after an earlier one")
    event_id: int = Field(
        validation_alias="family",
        serialization_alias="family",
        description="number of the independent event that the period belongs to",
    )
    reason: str = Field(description="why the gate closed; empty while it is open")
    event_base: int | None = Field(
        None,
        description="sessions that the record of the event's first breakout had stood: a verdict"
        " counts those of at least 252; null: of an earlier version",
    )
    strategy_return: float | None
    bitcoin_return: float | None


class EventsRecord(Record):
    """How often the gate opened in the window."""

    breakouts: int = Field(description="confirmed breakouts from a full base")
    rearmed: int = Field(description="confirmed breakouts soon after an earlier one")
    independent_events: int = Field(description="a breakout and its re-armed ones count once")
    closed_events: int = Field(
        description="independent events with a gate period that has ended, a re-armed one may run"
    )
    gate_periods: tuple[GatePeriodRecord, ...] = Field(
        validation_alias="spells", serialization_alias="spells"
    )


class VerdictRecord(Record):
    """The verdict on the strategy and the figures it rests on."""

    word: Literal["better", "worse", "inconclusive"]
    why: str


class Caveat(Record):
    """What to know before trusting a result: how serious, what, and what to do about it."""

    severity: Severity
    about: str
    text: str
    remedy: str


class EvidenceQuote(Record):
    """The result of the newest `evidence` run, in one line."""

    line: str
    folder: str


class WindowRecord(Record):
    """The traded window."""

    first: Instant
    last: Instant
    timeframe: str


class SeriesRecord(Record):
    """Where a price series came from."""

    source: str
    origin: str
    first: Instant
    last: Instant
    rows: int
    vintage: str = Field(description="hash of the rows")
    sample: bool


class MetricsDocument(Record):
    """The result of a backtest or a replay."""

    version: Literal[3]
    strategy: Figures
    benchmarks: Mapping[str, Figures]
    intervals: Mapping[str, Mapping[str, Interval]] = Field(
        description="95 % intervals (stationary bootstrap) by strategy or benchmark and figure"
    )
    random_gates: RandomGatesRecord | None
    ablation: tuple[AblationRecord, ...] = Field(
        validation_alias="without", serialization_alias="without"
    )
    other_assumptions: tuple[VariantRecord, ...] = ()
    capacity: tuple[LargestOrderRecord, ...] = Field(
        (), description="of each coin traded whose volume is known, the tightest first"
    )
    profit: ProfitRecord
    events: EventsRecord
    verdict: VerdictRecord | None = Field(
        description="null: no benchmarks, sample prices, doubtful ones, or too short a window"
    )
    no_verdict: str = Field(
        "", description="why these prices or this window give none; absent where there is one"
    )
    required_events: RequiredEventsRecord | None = Field(
        None, description="null: where there is no verdict"
    )
    caveats: tuple[Caveat, ...] = Field(validation_alias="warnings", serialization_alias="warnings")
    evidence: EvidenceQuote | None = None
    sample: bool = Field(description="simulated prices: the result says nothing about markets")
    fallback: str = Field(description="why sample prices were used although others were asked for")
    window: WindowRecord
    data: Mapping[str, SeriesRecord]
    order_list_hash: str = Field(description="equal hashes, equal orders")
    versions: Mapping[str, str] = Field(description="of Python and the libraries")

    def to_json(self) -> dict[str, object]:
        """The content of the file: JSON keys, instants as ISO 8601."""
        without = set() if self.no_verdict else {"no_verdict"}
        return self.model_dump(mode="json", by_alias=True, exclude=without)


def parse(content: object) -> MetricsDocument:
    """The document in a parsed JSON file, one of version 0.1 translated.

    Raises
    ------
    ForeignDocumentError
        The content is no metrics.json.
    DocumentError
        It is damaged, or written by a newer version of the program.

    """
    if not isinstance(content, dict) or not content.keys() >= ESSENTIAL:
        raise ForeignDocumentError("is no metrics.json of a run")
    version = content.get("version")
    is_older = version in (None, 2)
    if version is None:
        content = _translate_0_1(content)
    elif version == 2:
        content = {**content, "version": VERSION}
    elif version != VERSION:
        raise DocumentError(
            f"is of version {version!r}; this program reads versions up to {VERSION}: update it"
        )
    try:
        document = MetricsDocument.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        more = f" ({error.error_count()} errors in all)" if error.error_count() > 1 else ""
        raise DocumentError(f"{where}: {first['msg']}{more}") from None
    return _shortened(document) if is_older else document


def _shortened(document: MetricsDocument) -> MetricsDocument:
    """A document of an earlier version without what this one does not say of a short window."""
    days = window_days(document.window.first, document.window.last)
    if not is_short(days):
        return document
    none = dict.fromkeys(ANNUALISED)
    benchmarks = document.benchmarks.items()
    return document.model_copy(
        update={
            "strategy": document.strategy.model_copy(update=none),
            "benchmarks": {name: row.model_copy(update=none) for name, row in benchmarks},
            "ablation": tuple(row.model_copy(update=none) for row in document.ablation),
            "intervals": {},
            "random_gates": None,
            "verdict": None,
            "no_verdict": "" if document.sample else why_short(days),
            "caveats": tuple(row for row in document.caveats if row.about not in ABOUT_RATIOS),
        }
    )


def first_reason(error: ValidationError) -> str:
    """Why a document was refused: all missing keys, or the first value that is not allowed."""
    errors = error.errors(include_url=False, include_input=False)
    missing = [_path(entry["loc"]) for entry in errors if entry["type"] == "missing"]
    if missing:
        return f"has no {', '.join(missing)}"
    return f"{_path(errors[0]['loc'])}: {errors[0]['msg']}"


def _path(parts: tuple[int | str, ...]) -> str:
    return ".".join(map(str, parts))


def _translate_0_1(content: Mapping[str, object]) -> dict[str, object]:
    """A document of version 0.1 as one of this version."""
    verdict = content.get("verdict")
    if isinstance(verdict, dict) and "word" in verdict:
        word = verdict["word"]
        verdict = verdict | {"word": VERDICT_WORDS_OF_0_1.get(word, word)}
    return {**content, "version": VERSION, "verdict": verdict}
