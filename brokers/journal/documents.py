"""The newest decision of a paper session as a document: what `paper --json` prints."""

from types import GenericAlias
from typing import Any, Literal, NamedTuple, get_type_hints

from pydantic import ConfigDict, create_model

from brokers.journal.reader import JournalReader
from brokers.journal.records import DecisionRow, EquityRow, Intent

VERSION = 2
CLOSED = ConfigDict(extra="forbid", frozen=True)


def _object_of(record: type[NamedTuple]) -> Any:
    """The JSON object with the fields of `record`."""
    hints = get_type_hints(record, include_extras=True)
    fields: dict[str, Any] = {name: (hint, ...) for name, hint in hints.items()}
    return create_model(record.__name__, __config__=CLOSED, __doc__=record.__doc__, **fields)


INTENTS: Any = GenericAlias(tuple, (_object_of(Intent), ...))
DecisionDocument = create_model(
    "DecisionDocument",
    __config__=CLOSED,
    __doc__="The newest decision of a paper session, its orders, and the account at that bar.",
    version=(Literal[2], VERSION),
    decision=(_object_of(DecisionRow) | None, None),
    intents=(INTENTS, ()),
    equity=(_object_of(EquityRow) | None, None),
)


def latest_decision(journal: JournalReader) -> str:
    """The newest decision as one line of JSON; `decision` is null before the first."""
    row, equity = journal.last_decision(), journal.last_equity()
    document = DecisionDocument(
        decision=row and row._asdict(),
        intents=tuple(intent._asdict() for intent in journal.intents(row.time)) if row else (),
        equity=equity and equity._asdict(),
    )
    return document.model_dump_json()
