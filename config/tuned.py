"""Settings that a search has found: what its verdict is about, and what is said where they are used."""

import json
from hashlib import blake2b
from typing import Any

from config.settings import Settings

TUNABLE = (
    "gate",
    "confirmations",
    "risk_curve",
    "haircuts",
    "allocation",
)  # sections; the others are no parameters of the strategy
SIMULATED = "no verdict"  # what stands in place of a word where prices were simulated
# What the strategy does hangs on these, and so does what a verdict says; where coins are traded, and with how much, is the user's.
JUDGED: Any = {
    "signal": True,
    **dict.fromkeys(TUNABLE, True),
    "coins": True,
    "costs": True,
    "exchange": {"timeframe"},
}
UNJUDGED: Any = {"coins": {"__all__": {"market"}}}


def warning_of(settings: Settings) -> str | None:
    """What to say before these settings are used, None if nothing: they come from no search, or are what one recommends."""
    tuned = settings.tuned
    if tuned is None:
        return None
    source = f"the search of {tuned.on} ({tuned.run})"
    if tuned.judged != fingerprint(settings):
        return (
            f'These settings carry the verdict "{tuned.verdict}" of {source}, but are not the set it judged, so it says nothing about them: '
            "lay best.toml over that run's settings.toml and leave rules, coins and costs as they are, or take [tuned] out of it"
        )
    match tuned.verdict:
        case "recommend":
            return None
        case "do not recommend":
            return (
                f"These settings are the best of {source}, which advises against them: {tuned.why}"
            )
        case "cannot be told":
            return f"These settings are the best of {source}, which cannot tell whether they are any good: {tuned.why}"
        case _:
            return f"These settings are the best of {source}. {tuned.why}"


def fingerprint(settings: Settings) -> str:
    """Equal for settings with which the strategy decides alike at the same costs: all that a verdict hangs on but prices and window."""
    content = settings.model_dump(mode="json", include=JUDGED, exclude=UNJUDGED)
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()
