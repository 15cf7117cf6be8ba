"""evidence.json: every claim with its numbers, the breakouts, and what hangs on how they are defined."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backtests.evidence import event_paths as paths
from backtests.evidence.breakouts import Breakouts, Follow
from backtests.evidence.claim import Claim
from backtests.evidence.events import without_each
from backtests.evidence.history import History
from backtests.evidence.lag_scan import Scan
from backtests.evidence.lead_lag import Cross, Lead
from backtests.evidence.turning_points import LAYERS, ordered
from backtests.performance.forward_returns import HORIZONS
from brokers.json_values import plain
from config.settings import Settings

WORDS = ("supported", "contradicted", "cannot be told", "not testable with prices")


class Lags(NamedTuple):
    """What was found about who comes first."""

    scans: list[Scan]
    leads: list[Lead]
    crosses: list[Cross]


def document(
    claims: Sequence[Claim],
    found: Breakouts | None,
    history: History,
    settings: Settings,
    lags: Lags | None = None,
) -> dict[str, Any]:
    """The content of evidence.json; the same prices and seed make the same bytes."""
    verdicts = {word: sum(one.verdict == word for one in claims) for word in WORDS}
    content: dict[str, Any] = plain({
        "line": line(claims, verdicts),
        "verdicts": verdicts,
        "claims": [one._asdict() | {"p_holm": corrected} for one, corrected in zip(claims, holm([one.p for one in claims]), strict=True)],
        "events": _events(found, settings) if found else [],
        "follows": _follows(found) if found else [],
        "definitions": [
            {"base_sessions": one.base_sessions, "confirm_sessions": one.confirm_sessions, "breakouts": one.breakouts}
            | ({} if one.found is None else _excess(one.found))
            for one in (found.definitions if found else ())
        ],
        "gate_test": [
            one._asdict() | {"apart": np.round(one.apart, 6), "best_lag": one.best, "p": one.p} for one in (lags.scans if lags else ())
        ],
        "leads": [
            {"leader": one.leader, "follower": one.follower, "weeks": one.weeks} | one.found._asdict() for one in (lags.leads if lags else ())
        ],
        "crosses": [one._asdict() | {"correlation": np.round(one.correlation, 4)} for one in (lags.crosses if lags else ())],
        "turns": turned(history) if found else [],
        "paths": paths.around(history, found.events) if found else [],
        "cycles": paths.cycles(history) if found else [],
        "until": [one._asdict() for one in (found.until if found else ())],
        "lacking": history.lacking,
        "sample": history.prices.sample,
        "fallback": history.prices.fallback,
        "seed": settings.evidence.seed,
        "draws": settings.evidence.draws,
        "data": {
            one.request.name: {
                "source": one.source, "origin": one.origin, "first": one.frame.index[0].isoformat(), "last": one.frame.index[-1].isoformat(),
                "rows": len(one.frame), "vintage": one.vintage,
            }
            for one in history.series
        },
    })  # fmt: skip
    return content


def line(claims: Sequence[Claim], verdicts: Mapping[str, int]) -> str:
    """All of it in one line, to be quoted elsewhere: the counts, and the word on the sentence that matters most to a trader."""
    signal = [f' "{one.claim}": {one.verdict}.' for one in claims if one.id == "A15"]
    return f"Of {len(claims)} readings of the claims {', '.join(f'{count} {word}' for word, count in verdicts.items() if count)}.{''.join(signal)}"


def turned(history: History) -> list[dict[str, Any]]:
    """Bitcoin's turns with the days of the layers about them."""
    layers = LAYERS["B5"] if "risky" in history.bonds else LAYERS["B5"][1:]
    return [
        {"day": one.turn.day.isoformat(), "kind": one.turn.kind, "price": one.turn.price, "layers": one.days}
        for kind in ("low", "high")
        for one in ordered(history, layers, kind)
    ]  # fmt: skip


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Each p corrected for all that were looked at (Holm 1979): the chance that any of them is so small by chance alone is kept."""
    known = sorted((p, row) for row, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    highest = 0.0
    for place, (p, row) in enumerate(known):
        highest = max(highest, min((len(known) - place) * p, 1.0))
        corrected[row] = highest
    return corrected


def _events(found: Breakouts, settings: Settings) -> list[dict[str, Any]]:
    rows = []
    for event in found.events:
        gains: dict[str, dict[str, float | None]] = {}
        for (asset, horizon), one in found.follows.items():
            place = np.flatnonzero(one.after.events == event)
            gains.setdefault(asset, dict.fromkeys(HORIZONS))[horizon] = (
                float(np.expm1(one.after.gains[place[0]])) if len(place) else None
            )
        rows.append(
            {
                "opened": event.isoformat(),
                "level": found.levels[event],
                "base_sessions": settings.gate.base_sessions,
                "after": gains,
            }
        )
    return rows


def _follows(found: Breakouts) -> list[dict[str, Any]]:
    return [
        {"asset": one.asset, "horizon": one.horizon, "without_each": without_each(one.after)}
        | _excess(one)
        for one in found.follows.values()
    ]


def _excess(one: Follow) -> dict[str, Any]:
    """Against the dates least favourable, and p against each kind."""
    own = one.strictest
    return own._asdict() | {
        "difference": own.difference,
        "p_against": {name: each.p for name, each in one.against.items()},
    }
