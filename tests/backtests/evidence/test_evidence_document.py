"""evidence.json: what is read of it, by whichever version it was written."""

import json
from pathlib import Path

import pytest

from backtests.evidence.document import VERDICTS, VERSION, EvidenceDocument, parse, read
from backtests.runs.document import DocumentError
from tests.backtests.evidence.documents import claim, document, document_of_0_1


def test_a_document_reads_as_it_was_written() -> None:
    content = document(claims=[claim()])
    assert parse(content).to_json() == content


def test_the_words_of_version_0_1_are_read_as_those_of_this_one() -> None:
    old = claim("A11", reading="the gate, the clock known", verdict="cannot be told")
    found = parse(document_of_0_1(claims=[old, claim("A1", verdict="supported")]))
    assert found.version == VERSION
    assert [row.verdict for row in found.claims] == ["inconclusive", "supported"]
    assert found.claims[0].reading == "the gate, controlling for the halving cycle"
    assert found.verdicts == {"supported": 0, "inconclusive": 1}
    assert "cannot be told" not in found.line and found.line.count("inconclusive") == 2


def test_a_definition_of_0_1_without_prices_has_no_figures() -> None:
    bare = {"base_sessions": 252, "confirm_sessions": 3, "breakouts": 0}
    (found,) = parse(document_of_0_1(definitions=[bare])).definitions
    assert (found.breakouts, found.n, found.p, found.p_against) == (0, None, None, {})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (document(version=3), "is of version 3; this program reads versions up to 2: update it"),
        (document(version="2"), "is of version '2'"),
        (document(surprise=1), "surprise: Extra inputs are not permitted"),
        (document(claims=[claim(verdict="perhaps")]), "claims.0.verdict: Input should be"),
        (document_of_0_1(claims=["no claim"]), "claims.0: Input should be"),
        ({"sample": False}, "has no line, verdicts, claims"),
        ([], "is no evidence"),
        (None, "is no evidence"),
    ],
)
def test_what_is_no_document_is_refused_with_the_reason(content: object, problem: str) -> None:
    with pytest.raises(DocumentError) as raised:
        parse(content)
    assert str(raised.value).startswith(problem)


@pytest.mark.parametrize("text", [None, "", "{"])
def test_a_folder_without_a_document_has_none(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "evidence.json").write_text(text)
    with pytest.raises(DocumentError, match="is no evidence"):
        read(tmp_path)


def test_the_schema_names_every_verdict_and_is_closed() -> None:
    schema = EvidenceDocument.model_json_schema()
    claims = schema["$defs"]["Claim"]
    assert claims["properties"]["verdict"]["enum"] == list(VERDICTS)
    assert schema["additionalProperties"] is False and claims["additionalProperties"] is False
    assert json.dumps(schema)
