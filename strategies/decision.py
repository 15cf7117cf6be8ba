"""From gate, coins and portfolio to target shares and order sizes.

The functions here are called plain by the strategy and compiled by the backtest's kernel: scalars,
indexing and loops only, and no call to another function of ours.
"""

from collections.abc import MutableSequence
from math import fabs, floor
from typing import NamedTuple

from strategies.breakout import CONFIRMED
from strategies.indicators import Floats, Numbers

TREND_OFF, TREND_AND, TREND_OR = 0, 1, 2
OWN_TREND = ("off", "and", "or")


class GateLine(NamedTuple):
    """The newest gate row as numbers.

    `filled` counts the risk checks that pass from the first on, `confirmed_at` is in epoch seconds
    (NaN: never), `stale` in sessions.
    """

    state: float
    ceiling: float
    filled: float
    confirmed_at: float
    stale: float


NO_GATE = GateLine(0.0, 0.0, 0.0, float("nan"), 0.0)  # before the first row


class DecisionRules(NamedTuple):
    """One entry a coin in `weights` and `lags` (seconds after confirmation); shares of equity."""

    weights: Numbers
    lags: Numbers
    spread: bool
    own_trend: int
    target_volatility: float
    drawdown_stop: float
    cash_reserve: float
    band: float
    max_gate_age: int
    max_missing: int


class Decision(NamedTuple):
    """What was decided at one coin bar, from what.

    Tuples have one entry a coin; times are epoch seconds.
    """

    time: int
    gate: GateLine
    equity: float
    cash: float
    drawdown: float
    missing: tuple[float, ...]
    current: tuple[float, ...]
    targets: tuple[float, ...]
    gross: float
    sizes: tuple[float, ...]


def decide(  # noqa: C901, PLR0917  # one piece, called by position: numba compiles it
    now: float,
    gate: GateLine,
    close: Numbers,
    own_average: Numbers,
    volatility: Numbers,
    missing: Numbers,
    current: Numbers,
    drawdown: float,
    rules: DecisionRules,
    targets: MutableSequence[float] | Floats,
) -> float:
    """Write each coin's target share of equity into `targets`.

    Returns gross, the share that all ready coins get together.

    Parameters
    ----------
    now : epoch seconds of the coin bar's close. All arguments were known then.
    close, own_average, volatility : one entry a coin; NaN where unknown.
    missing : bars missing since the coin's last real one; 0 is a fresh bar, NaN a coin not listed
        yet.
    current : share of equity held now.
    drawdown : largest drawdown of the unit value since the latest confirmation, as a positive
        fraction.

    A coin is ready when it is listed, has missed fewer than `max_missing` bars and its lag has
    passed; the lag counts only while the gate is confirmed. A coin whose volatility is unknown is
    not ready while a volatility is targeted. A held coin without a fresh bar keeps its share and
    nothing else may rise; so it is when the gate row is stale.

    """
    weights, lags, max_missing, own_trend = (
        rules.weights,
        rules.lags,
        rules.max_missing,
        rules.own_trend,
    )
    coins = len(weights)
    since = now - gate.confirmed_at if gate.state == CONFIRMED else float("inf")
    targeted = rules.target_volatility > 0.0
    stale = frozen = gate.stale > 0
    ready_weight = all_weight = risk = 0.0
    for k in range(coins):
        weight = weights[k]
        all_weight += weight
        targets[k] = 0.0
        if missing[k] < max_missing:
            if not since < lags[k] and (not targeted or volatility[k] > 0.0):
                targets[k] = weight
                ready_weight += weight
                if targeted:
                    risk += weight * volatility[k]
            if missing[k] > 0:
                stale = True
                frozen = frozen or current[k] > 0.0
    gross = 0.0
    if ready_weight > 0.0:
        gross = min(
            gate.ceiling, 1.0 - rules.cash_reserve, all_weight if rules.spread else ready_weight
        )
        if targeted:
            gross *= min(1.0, rules.target_volatility * ready_weight / risk)
    total = 0.0
    for k in range(coins):
        target = gross * targets[k] / ready_weight if targets[k] > 0.0 else 0.0
        if own_trend == TREND_AND and not close[k] >= own_average[k]:
            target = 0.0
        if own_trend == TREND_OR and missing[k] < max_missing and close[k] > own_average[k]:
            target = max(target, weights[k])
        targets[k] = target
        total += target
    largest = 1.0 - rules.cash_reserve
    stopped = gate.stale > rules.max_gate_age or (
        rules.drawdown_stop > 0.0 and drawdown >= rules.drawdown_stop
    )
    if stale or stopped or total > largest:
        for k in range(coins):
            if total > largest:
                targets[k] *= largest / total
            if stopped:
                targets[k] = 0.0
            elif 0 < missing[k] < max_missing:
                targets[k] = current[k]
            elif frozen:
                targets[k] = min(targets[k], current[k])
    return gross


def nothing_to_decide(held: bool, ceiling: float, own_trend: int) -> bool:  # noqa: FBT001  # compiled
    """Whether `decide` would leave every target at zero, as on most bars.

    Nothing is held, and neither the gate nor any coin's own trend allows a position.
    """
    return not held and ceiling <= 0.0 and own_trend != TREND_OR


def order_size(  # noqa: PLR0917  # called by position: numba compiles it
    target: float,
    current: float,
    equity: float,
    price: float,
    position: float,
    band: float,
    step: float,
    min_notional: float,
) -> float:
    """Signed coin units to trade from the `current` share of equity towards `target`, 0 for none.

    Nothing is traded within `band` of the larger of the two shares, below one `step` or below
    `min_notional` (quote units at `price`). A sell never exceeds the position; a target of zero
    sells all of it except a rest below one step. Buys may ask for more than the cash left when
    other coins stay within their bands: the broker reduces them.
    """
    if fabs(target - current) <= band * max(target, current):
        return 0.0
    wanted = target * equity / price - position
    units = fabs(wanted)
    if step > 0.0:
        steps = floor(units / step + 1e-6)
        if fabs(steps * step - units) > 1e-6 * step:
            units = steps * step
    if units <= 0.0 or units * price < min_notional:
        return 0.0
    return units if wanted > 0.0 else -min(units, position)
