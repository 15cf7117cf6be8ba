"""What was decided and why, in words a person can read."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from strategies.breakout import CONFIRMED, STATES
from strategies.decision import Decision, DecisionRules

UNCHANGED = (
    "As before: "  # begins the sentence of a decision that found everything as the one before did
)


def sentences(
    decisions: Iterable[Decision],
    coins: Sequence[str],
    channels: Sequence[str],
    rules: DecisionRules,
) -> Iterator[str]:
    """One sentence a decision: state, ceiling, which channels hold, what changed, what each coin waits for."""
    said: tuple[object, ...] = ()
    unchanged = ""
    for one in decisions:
        waits = tuple(_waits(one, k, rules) for k in range(len(coins)))
        situation = (
            one.gate.state,
            one.gate.ceiling,
            one.gate.filled,
            one.gate.confirmed_at,
            one.gate.stale,
            _stopped(one, rules),
            waits,
        )
        if situation != said:
            text = f"{_gate(one, channels, rules)}{_coins(waits, coins)}"
            said, unchanged = situation, UNCHANGED + text
        else:
            text = unchanged
        yield text + _trades(one, coins)


def _gate(one: Decision, channels: Sequence[str], rules: DecisionRules) -> str:
    gate = one.gate
    filled = int(gate.filled)
    held = f"{filled} of {len(channels)} channels filled" + (
        f" ({', '.join(channels[:filled])})" if filled else ""
    )
    since = f" since {_day(gate.confirmed_at)}" if gate.state == CONFIRMED else ""
    text = f"Gate {STATES[int(gate.state)]}{since}, {held}: at most {gate.ceiling:.0%} in coins."
    if gate.stale:
        consequence = "all is sold" if gate.stale > rules.max_gate_age else "nothing may rise"
        text += f" The gate's row is {int(gate.stale)} session{'s' if gate.stale > 1 else ''} old: {consequence}."
    if _stopped(one, rules):
        text += f" The drawdown since the confirmation has reached {rules.drawdown_stop:.0%}: out until the next one."
    return text


def _coins(waits: Sequence[str], coins: Sequence[str]) -> str:
    return "".join(f" {coin} {wait}." for coin, wait in zip(coins, waits, strict=True) if wait)


def _waits(one: Decision, k: int, rules: DecisionRules) -> str:
    """Why coin k cannot be held or traded now; empty if it can."""
    missing = one.missing[k]
    if missing != missing:
        return "is not listed yet"
    if missing >= rules.max_missing:
        return "has ended"
    if missing > 0:
        return "has no new bar and is left as it is"
    gate = one.gate
    if gate.state == CONFIRMED and one.time - gate.confirmed_at < rules.lags[k]:
        return f"waits until {_day(gate.confirmed_at + rules.lags[k])}"
    return ""


def _trades(one: Decision, coins: Sequence[str]) -> str:
    if not any(one.sizes):
        return ""
    parts = (
        f"{'buy' if size > 0 else 'sell'} {coin}, {current:.1%} to {target:.1%}"
        for coin, size, current, target in zip(
            coins, one.sizes, one.current, one.targets, strict=True
        )
        if size
    )
    return f" Now {'; '.join(parts)}."


def _stopped(one: Decision, rules: DecisionRules) -> bool:
    return 0.0 < rules.drawdown_stop <= one.drawdown


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
