"""A small document of the evidence, as a file has it."""

from typing import Any

EMPTY = (
    *("claims", "events", "follows", "definitions", "gate_test", "leads", "crosses", "turns"),
    *("paths", "cycles", "until"),
)


def claim(number: str = "A15", **changes: object) -> dict[str, Any]:
    """An inconclusive claim with all its keys."""
    figures = {"n": 5, "estimate": 0.4, "low": -0.1, "high": 0.9, "p": 0.04, "power": 0.3}
    texts = {"claim": "It pays", "reading": "", "test": "a test", "data": "BTC", "unit": "log"}
    verdict = {"verdict": "inconclusive", "why": "There is too little data.", "p_holm": 0.08}
    return {"id": number, **texts, **figures, **verdict, **changes}


def document(**changes: object) -> dict[str, Any]:
    """No claim, no series."""
    return {
        "version": 2,
        "line": "1 reading of the claims: 1 inconclusive.",
        "verdicts": {"supported": 0, "inconclusive": 1},
        **{key: [] for key in EMPTY},
        "lacking": {},
        "sample": False,
        "fallback": "",
        "seed": 1,
        "draws": 100,
        "data": {},
        **changes,
    }


def document_of_0_1(**changes: object) -> dict[str, Any]:
    """As version 0.1 wrote it: no version number, other words."""
    content = document(
        line='Of 1 readings of the claims 1 cannot be told. "It pays": cannot be told.',
        verdicts={"supported": 0, "cannot be told": 1},
        **changes,
    )
    del content["version"]
    return content
