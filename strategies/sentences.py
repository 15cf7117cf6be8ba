"""What was decided and why, in words a person can read."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from strategies.breakout import CONFIRMED, STATES
from strategies.decision import Decision, DecisionRules

# Begins the sentence of a decision that found everything as the one before did.
UNCHANGED = "As before: "


def sentences(
    decisions: Iterable[Decision],
    coins: Sequence[str],
    channels: Sequence[str],
    rules: DecisionRules,
) -> Iterator[str]:
    """One sentence a decision: state, risk checks, ceiling, what changed, why each coin waits."""
    previous: tuple[object, ...] = ()
    unchanged = ""
    for decision in decisions:
        waits = tuple(_waits(decision, k, rules) for k in range(len(coins)))
        situation = (
            decision.gate.state,
            decision.gate.ceiling,
            decision.gate.filled,
            decision.gate.confirmed_at,
            decision.gate.stale,
            _stopped(decision, rules),
            waits,
        )
        if situation != previous:
            text = f"{_gate(decision, channels, rules)}{_coins(waits, coins)}"
            previous, unchanged = situation, UNCHANGED + text
        else:
            text = unchanged
        yield text + _trades(decision, coins)


def _gate(decision: Decision, channels: Sequence[str], rules: DecisionRules) -> str:
    gate = decision.gate
    since = f" since {_day(gate.confirmed_at)}" if gate.state == CONFIRMED else ""
    checks = _risk_checks(int(gate.filled), channels)
    text = f"Gate {STATES[int(gate.state)]}{since}, {checks}: at most {gate.ceiling:.0%} in coins."
    if gate.stale:
        age = f"{int(gate.stale)} session{'s' if gate.stale > 1 else ''}"
        consequence = "all is sold" if gate.stale > rules.max_gate_age else "nothing may rise"
        text += f" The gate's row is {age} old: {consequence}."
    if _stopped(decision, rules):
        text += (
            f" The drawdown since the confirmation has reached {rules.drawdown_stop:.0%}: "
            "out until the next one."
        )
    return text


def _risk_checks(passing: int, channels: Sequence[str]) -> str:
    """How many of the risk checks pass from the first on, and which."""
    names = f" ({', '.join(channels[:passing])})" if passing else ""
    verb = "passes" if passing == 1 else "pass"
    return f"first {passing} of {len(channels)} risk checks {verb}{names}"


def _coins(waits: Sequence[str], coins: Sequence[str]) -> str:
    return "".join(f" {coin} {wait}." for coin, wait in zip(coins, waits, strict=True) if wait)


def _waits(decision: Decision, k: int, rules: DecisionRules) -> str:
    """Why coin k cannot be held or traded now; empty if it can."""
    missing = decision.missing[k]
    if missing != missing:
        return "is not listed yet"
    if missing >= rules.max_missing:
        return "has ended"
    if missing > 0:
        return "has no new bar and keeps its position"
    gate = decision.gate
    if gate.state == CONFIRMED and decision.time - gate.confirmed_at < rules.lags[k]:
        return f"waits until {_day(gate.confirmed_at + rules.lags[k])}"
    return ""


def _trades(decision: Decision, coins: Sequence[str]) -> str:
    if not any(decision.sizes):
        return ""
    parts = (
        f"{'buy' if size > 0 else 'sell'} {coin}, {current:.1%} to {target:.1%}"
        for coin, size, current, target in zip(
            coins, decision.sizes, decision.current, decision.targets, strict=True
        )
        if size
    )
    return f" Now {'; '.join(parts)}."


def _stopped(decision: Decision, rules: DecisionRules) -> bool:
    return 0.0 < rules.drawdown_stop <= decision.drawdown


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
