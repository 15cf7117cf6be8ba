"""A small document of the evidence, as a file has it."""

from typing import Any

EMPTY = (
    *("claims", "events", "follows", "definitions", "gate_test", "leads", "crosses", "turns"),
    *("paths", "cycles", "until"),
)


def claim(number: str = "A15", **changes: object) -> dict[str, Any]:
    """An inconclusive claim with all its keys."""
    figures = {"n": 5, "estimate": 0.4, "low": -0.1, "high": 0.9, "null": 0.0, "p": 0.04}
    tested = {"p_corrected": 0.08, "p_contrary": None, "smallest_detectable": 0.7}
    texts = {"claim": "It pays", "reading": "", "test": "a test", "data": "BTC"}
    kinds = {"kind": "test", "unit": "fraction", "side": "both", "p_without_each": []}
    verdict = {"verdict": "inconclusive", "why": "There is too little data."}
    return {"id": number, **texts, **kinds, **figures, **tested, **verdict, **changes}


def claim_of_2(number: str = "A15", **changes: object) -> dict[str, Any]:
    """The same as version 2 wrote it: with observed power, without kind, side and null."""
    figures = {"n": 5, "estimate": 0.4, "low": -0.1, "high": 0.9, "p": 0.04, "power": 0.3}
    texts = {"claim": "It pays", "reading": "", "test": "a test", "data": "BTC", "unit": "log"}
    verdict = {"verdict": "inconclusive", "why": "There is too little data.", "p_holm": 0.08}
    return {"id": number, **texts, **figures, **verdict, **changes}


def document(**changes: object) -> dict[str, Any]:
    """No claim, no series."""
    return {
        "version": 3,
        "line": "Of 1 test none survive the correction for multiple testing.",
        "answer": None,
        "verdicts": {"supported": 0, "inconclusive": 1},
        "facts": {},
        "tests": {"inconclusive": 1},
        **{key: [] for key in EMPTY},
        "since": None,
        "elsewhere": None,
        "lacking": {},
        "sample": False,
        "fallback": "",
        "seed": 1,
        "draws": 100,
        "data": {},
        **changes,
    }


def since(**changes: object) -> dict[str, Any]:
    """Two days of publication; after a month Bitcoin had lost 13 %, six months are not over."""
    spans = (("1 month", "2026-03-02", True), ("6 months", "2026-08-01", False))
    after = [
        {
            "horizon": horizon,
            "ends": ends,
            "over": over,
            "gains": {"BTC": -0.13 if over else None, "SOL-USD": -0.4 if over else None},
        }
        for horizon, ends, over in spans
    ]
    days = [
        {"day": day, "unseen": unseen, "state": "confirmed", "ceiling": 1.0, "after": after}
        for day, unseen in (("2026-01-22", False), ("2026-01-31", True))
    ]
    return {"summary": "Bitcoin lost 13%.", "dates": days, "forward": None, **changes}


def elsewhere(**changes: object) -> dict[str, Any]:
    """Two funds after nine breakouts: log 1.05 above the usual gain, p 1.2 %."""
    shared = {"index": "^RUT", "horizon": "3 months", "n": 9, "low": 0.01, "high": 0.1}
    figures = {"p": 0.012, "smallest": 0.04, "p_without_each": [0.03, 0.02]}
    pooled = {"assets": ["QQQ", "EEM"], "estimate": 0.04879, "between": 0.0}
    single = {"asset": "QQQ", "since": "1999-03-10", "mean": 0.1, "usual": 0.05}
    return {
        "broad": "^GSPC",
        "line": "They gained +5.0%.",
        "excess": [shared | figures | single | {"difference": 0.05}],
        "pooled": [shared | figures | pooled],
        "bitcoin": None,
        "lacking": {},
        **changes,
    }


def document_of_2(**changes: object) -> dict[str, Any]:
    """As version 2 wrote it: one count of verdicts, no answer."""
    content = document(line="1 reading of the claims: 1 inconclusive.", **changes)
    for name in ("answer", "facts", "tests", "since", "elsewhere"):
        del content[name]
    return content | {"version": 2}


def document_of_0_1(**changes: object) -> dict[str, Any]:
    """As version 0.1 wrote it: no version number, other words."""
    content = document_of_2(**changes) | dict(
        line='Of 1 readings of the claims 1 cannot be told. "It pays": cannot be told.',
        verdicts={"supported": 0, "cannot be told": 1},
        **changes,
    )
    del content["version"]
    return content
