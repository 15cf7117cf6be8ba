"""evidence.json: what is read of it, by whichever version it was written."""

import json
from pathlib import Path

import pytest

from backtests.evidence.document import VERDICTS, VERSION, EvidenceDocument, parse, read
from backtests.runs.document import DocumentError
from tests.backtests.evidence.documents import (
    claim,
    claim_of_2,
    document,
    document_of_0_1,
    document_of_2,
)


def test_a_document_reads_as_it_was_written() -> None:
    content = document(claims=[claim()])
    assert parse(content).to_json() == content


def test_the_words_of_version_0_1_are_read_as_those_of_this_one() -> None:
    old = claim_of_2("A11", reading="the gate, the clock known", verdict="cannot be told")
    found = parse(document_of_0_1(claims=[old, claim_of_2("A1", verdict="supported")]))
    assert found.version == VERSION
    assert [row.verdict for row in found.claims] == ["inconclusive", "supported"]
    assert found.claims[0].reading == "the gate, controlling for the halving cycle"
    assert found.verdicts == {"supported": 0, "inconclusive": 1}
    assert "cannot be told" not in found.line and found.line.count("inconclusive") == 2


def test_facts_and_tests_of_version_2_are_told_apart_and_observed_power_is_left_out() -> None:
    """What has a p or an interval, or lacks prices, is a test."""
    bare = {"estimate": None, "low": None, "high": None, "p": None, "power": None, "p_holm": None}
    claims = [
        claim_of_2("A15"),
        claim_of_2("A6", p=None, verdict="supported"),
        claim_of_2("A9", **bare, n=0),
        claim_of_2("A8", **bare, n=1, verdict="supported"),
        claim_of_2("A13", **bare, n=None, verdict="not testable with prices"),
    ]
    required = {"horizon": "3 months", "had": 3, "events": 9.0, "years": 20.0, "power": [0.1]}
    found = parse(document_of_2(claims=claims, until=[required]))
    assert [row.kind for row in found.claims] == ["test", "test", "test", "fact", "fact"]
    assert found.claims[0].p_corrected == 0.08 and found.claims[0].side == "both"
    assert found.tests == {"inconclusive": 2, "supported": 1}
    assert found.facts == {"supported": 1, "not testable with prices": 1}
    assert found.answer is None and found.until[0].events == 9.0 and found.until[0].why == ""
    assert "power" not in json.dumps(found.to_json()["until"])


@pytest.mark.parametrize("name", ["follows", "gate_test", "until", "claims"])
def test_what_is_damaged_in_version_2_stays_so(name: str) -> None:
    with pytest.raises(DocumentError, match=f"{name}.0: Input should be"):
        parse(document_of_2(**{name: ["no row"]}))


def test_a_definition_of_0_1_without_prices_has_no_figures() -> None:
    bare = {"base_sessions": 252, "confirm_sessions": 3, "breakouts": 0}
    (found,) = parse(document_of_0_1(definitions=[bare])).definitions
    assert (found.breakouts, found.n, found.p, found.p_against) == (0, None, None, {})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (document(version=4), "is of version 4; this program reads versions up to 3: update it"),
        (document(version="3"), "is of version '3'"),
        (document(surprise=1), "surprise: Extra inputs are not permitted"),
        (document(claims=[claim(verdict="perhaps")]), "claims.0.verdict: Input should be"),
        (document_of_0_1(claims=["no claim"]), "claims.0: Input should be"),
        ({"sample": False}, "has no line, verdicts, facts, tests, claims"),
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
