"""evidence.json of older versions, as this version has it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

# How version 0.1 spelled what later versions spell otherwise.
VERDICTS_OF_0_1 = {"cannot be told": "inconclusive"}
READINGS_OF_0_1 = {
    "the gate, the clock known": "the gate, controlling for the halving cycle",
}


def translate_0_1(content: Mapping[str, Any]) -> dict[str, Any]:
    """A document of version 0.1 as one of version 2; what is damaged stays so."""
    translated: dict[str, Any] = {**content, "version": 2}
    line, verdicts, claims = (content.get(key) for key in ("line", "verdicts", "claims"))
    if isinstance(line, str):
        for old, new in VERDICTS_OF_0_1.items():
            line = line.replace(old, new)
        translated["line"] = line
    if isinstance(verdicts, dict):
        translated["verdicts"] = {VERDICTS_OF_0_1.get(key, key): n for key, n in verdicts.items()}
    if isinstance(claims, list):
        translated["claims"] = [_translate_claim_0_1(claim) for claim in claims]
    return translated


def _translate_claim_0_1(claim: object) -> object:
    if not isinstance(claim, dict):
        return claim
    verdict, reading = claim.get("verdict"), claim.get("reading")
    return claim | {
        "verdict": VERDICTS_OF_0_1.get(str(verdict), verdict),
        "reading": READINGS_OF_0_1.get(str(reading), reading),
    }


def translate_2(content: Mapping[str, Any]) -> dict[str, Any]:
    """A document of version 2 as one of version 3; what is damaged stays so.

    Verdicts stay what they were: they followed the p of each claim alone. Observed power, a
    function of p, is left out.
    """
    translated: dict[str, Any] = {**content, "version": 3}
    for name in ("follows", "definitions", "gate_test", "leads", "until"):
        rows = content.get(name)
        if isinstance(rows, list):
            translated[name] = [_without_power(row) for row in rows]
    claims = content.get("claims")
    if isinstance(claims, list):
        translated["claims"] = [_translate_claim_2(claim) for claim in claims]
        for kind in ("fact", "test"):
            verdicts = Counter(
                str(claim.get("verdict"))
                for claim in translated["claims"]
                if isinstance(claim, dict) and claim.get("kind") == kind
            )
            translated[f"{kind}s"] = dict(verdicts)
    return translated


def _without_power(row: object) -> object:
    if not isinstance(row, dict):
        return row
    return {key: value for key, value in row.items() if key != "power"}


def _translate_claim_2(claim: object) -> object:
    """What has a p or an interval, or lacks prices, was a test; all else a fact of record."""
    if not isinstance(claim, dict):
        return claim
    kept = {key: value for key, value in claim.items() if key not in ("power", "p_holm")}
    is_test = any(claim.get(key) is not None for key in ("p", "low")) or claim.get("n") == 0
    return kept | {"kind": "test" if is_test else "fact", "p_corrected": claim.get("p_holm")}
