"""The evidence in sentences, for terminal and page."""

from collections.abc import Mapping
from typing import Any

Found = Mapping[str, Any]
NAMES = ("BTC", "ETH")


def headline(found: Found) -> str:
    """What came of it all, in a sentence."""
    counts = ", ".join(f"{count} {word}" for word, count in found["verdicts"].items() if count)
    return f"{sum(found['verdicts'].values())} readings of the claims: {counts}."


def in_short(found: Found) -> list[str]:
    """What a trader would ask first: does it hold beyond what it was made of, does the gate pay, does it add to the clock, is it early?"""
    asked = {("A2", ""): "Beyond 2016 and 2020", ("A15", ""): "The gate as a whole", ("A11", "the gate, the clock known"): "Beside the halving clock"}
    asked |= {("B11", ""): "Ahead of Bitcoin's own chart"}
    told = {(one["id"], one["reading"]): one["why"] for one in found["claims"]}
    return [
        f"{name}: {told[key][0].lower() if told[key][:3] not in NAMES else told[key][0]}{told[key][1:]}" for key, name in asked.items() if key in told
    ]


def until(found: Found) -> list[str]:
    """How long until the breakouts could show what they seem to."""
    texts = []
    for one in found["until"]:
        what = f"Bitcoin over {one['horizon']}"
        if one["events"] is None:
            texts.append(f"{what}: breakouts that did not form the thesis gained no more than other days; no number would show it.")
            continue
        wait = f", {one['years']:,.0f} years from now at the rate since the index began" if one["years"] else ""
        shown = f"were the difference truly what the {one['had']} breakouts that did not form the thesis show"
        texts.append(f"{what}: {shown}, it would take {one['events']:,.0f} of them to see it in 80%{wait}.")
    return texts
