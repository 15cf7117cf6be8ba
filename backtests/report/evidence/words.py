"""The evidence in sentences, for terminal and page."""

from collections.abc import Mapping
from typing import Any

from backtests.evidence.events import LEVEL

Found = Mapping[str, Any]
NAMES = ("BTC", "ETH")


def headline(found: Found) -> str:
    """What came of it all, in a sentence."""
    return str(found["line"]).partition(". ")[0].rstrip(".") + "."


def corrected(found: Found) -> str:
    """What is left once it is remembered how many were looked at; empty without any p."""
    tested = [one for one in found["claims"] if one["p"] is not None]
    small, kept = (
        sorted({one["id"] for one in tested if one[name] <= LEVEL}) for name in ("p", "p_holm")
    )
    if not tested:
        return ""
    left = f"still so: {', '.join(kept)}" if kept else "none"
    low = f"p is {LEVEL:.0%} or less in {', '.join(small) or 'none'}"
    return f"Of {len(tested)} tests with a p, {low}; corrected for all in the table (Holm), {left}."


def leads(found: Found) -> list[str]:
    """At which lag the gate is followed by most, coin by coin."""
    return [
        f"{one['asset']}: most {one['best_lag']} days after the gate was open, {max(one['apart']):+.2f} a year in logs beside other days; "
        f"by chance the best of all lags reaches {one['band']:.2f} in 5% of draws (p {one['p']:.2f})."
        for one in found["gate_test"]
    ]  # fmt: skip


def in_short(found: Found) -> list[str]:
    """What a trader would ask first: does it hold beyond what it was made of, does the gate pay, does it add to the clock, is it early?"""
    asked = {
        ("A2", ""): "Beyond 2016 and 2020",
        ("A15", ""): "The gate as a whole",
        ("A11", "the gate, the clock known"): "Beside the halving clock",
    }
    asked |= {("B11", ""): "Ahead of Bitcoin's own chart"}
    told = {(one["id"], one["reading"]): one["why"] for one in found["claims"]}
    texts = [
        f"{name}: {told[key][0].lower() if told[key][:3] not in NAMES else told[key][0]}{told[key][1:]}"
        for key, name in asked.items()
        if key in told
    ]
    return [*texts, *(text for text in (corrected(found),) if text)]


def until(found: Found) -> list[str]:
    """How long until the breakouts could show what they seem to."""
    texts = []
    for one in found["until"]:
        what = f"Bitcoin over {one['horizon']}"
        if one["events"] is None:
            texts.append(
                f"{what}: breakouts that did not form the thesis gained no more than other days; no number would show it."
            )
            continue
        wait = (
            f", {one['years']:,.0f} years from now at the rate since the index began"
            if one["years"]
            else ""
        )
        shown = f"were the difference truly what the {one['had']} breakouts that did not form the thesis show"
        texts.append(
            f"{what}: {shown}, it would take {one['events']:,.0f} of them to see it in 80%{wait}."
        )
    return texts
