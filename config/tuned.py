"""Settings that a search has found: what its verdict covers, and the warning about them."""

import json
from hashlib import blake2b
from typing import Any

from config.settings import Settings

# Sections that a search may change; the others are no parameters of the strategy.
TUNABLE = ("gate", "confirmations", "risk_curve", "haircuts", "allocation")
NO_VERDICT = "no verdict"  # in place of one where prices were simulated, or doubtful
# What the strategy does depends on these, and so does a verdict. Where coins are traded, and with
# how much, is the user's choice.
JUDGED: Any = {
    "signal": True,
    **dict.fromkeys(TUNABLE, True),
    "coins": True,
    "costs": True,
    "exchange": {"timeframe"},
}
UNJUDGED: Any = {"coins": {"__all__": {"market"}}}
# Settings that came after version 0.1, by section, with what the program did before: with that
# value they are left out, and verdicts of before stay about their settings.
ADDED: dict[str, dict[str, Any]] = {"gate": {"when_stale": "sell"}, "costs": {"tax_rate": 0.0}}


def warning_of(settings: Settings) -> str | None:
    """The warning to show before these settings are used.

    None if they come from no search, or are what one recommends.
    """
    tuned = settings.tuned
    if tuned is None:
        return None
    source = f"the search of {tuned.on} ({tuned.run})"
    if tuned.judged != fingerprint(settings):
        return (
            f'These settings carry the verdict "{tuned.verdict}" of {source}, but are not the'
            " parameter set it is about, so it says nothing about them: lay best.toml over the"
            " settings.toml of that run and leave rules, coins and costs as they are, or remove"
            " [tuned]"
        )
    best = f"These settings are the best of {source}"
    match tuned.verdict:
        case "recommended":
            return None
        case "not recommended":
            return f"{best}, which does not recommend them: {tuned.why}"
        case "inconclusive":
            return f"{best}, which is inconclusive about them: {tuned.why}"
        case _:
            return f"{best}. {tuned.why}"


def fingerprint(settings: Settings) -> str:
    """Equal for settings with which the strategy decides the same at the same costs.

    That is all that a verdict depends on, except prices and window.
    """
    content = settings.model_dump(mode="json", include=JUDGED, exclude=UNJUDGED)
    for section, keys in ADDED.items():
        for key, before in keys.items():
            if content[section][key] == before:
                del content[section][key]
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()
