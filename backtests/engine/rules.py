"""The settings' numbers under the strategy's names: one place for defaults, one for meaning."""

from hashlib import sha256

from brokers.orders.fills import Costs
from config.settings import Settings
from strategies.breakout import BreakoutRules
from strategies.confirmations import MeasureRules
from strategies.decision import OWN_TREND, DecisionRules
from strategies.gate import GateRules
from strategies.risk_curve import CurveRules, HaircutRules

DAY_SECONDS = 86_400
DIGEST = 12  # characters: two sets of rules that share them do not occur
MAX_MISSING = 3  # bars after which a coin counts as ended


def gate_rules(settings: Settings) -> GateRules:
    """Everything that turns market data into gate rows, from the settings."""
    gate, curve = settings.gate, settings.risk_curve
    cuts, tests = settings.haircuts, settings.confirmations
    measures = MeasureRules(
        volume_fast=tests.volume.fast_sessions,
        volume_slow=tests.volume.slow_sessions,
        volume_ratio=tests.volume.min_ratio,
        breadth_sessions=tests.breadth.sessions,
        breadth_share=tests.breadth.min_share,
        leadership_sessions=tests.leadership.sessions,
        credit_sessions=tests.credit.sessions,
        broad_sessions=curve.broad_sessions,
        rates_sessions=curve.rates_sessions,
        liquidity_weeks=tests.liquidity.weeks,
        exhaustion_drawdown=tests.exhaustion.drawdown,
        exhaustion_days=tests.exhaustion.days,
        max_age_sessions=settings.prices.max_age_sessions,
        max_age_macro_days=settings.prices.max_age_macro,
    )
    haircuts = HaircutRules(
        flows_factor=cuts.flows.factor,
        flows_days=cuts.flows.days,
        flows_record_sessions=cuts.flows.record_sessions,
        losses_factor=cuts.losses.factor,
        losses_share=cuts.losses.max_share,
        losses_max_age=cuts.losses.max_age,
    )
    return GateRules(
        breakout=breakout_rules(settings),
        trend_sessions=gate.trend_sessions,
        confirmations=tests.enabled(),
        measures=measures,
        curve=CurveRules(curve.channels, curve.ceilings, curve.dormant_ceilings),
        haircuts=haircuts,
    )


def breakout_rules(settings: Settings) -> BreakoutRules:
    """When a breakout counts, is confirmed and has failed, from the settings."""
    return BreakoutRules(**{name: getattr(settings.gate, name) for name in BreakoutRules._fields})


def decision_rules(settings: Settings) -> DecisionRules:
    """How targets and orders are decided, from the settings; one entry a coin."""
    rules = settings.allocation
    return DecisionRules(
        weights=tuple(coin.weight for coin in settings.coins),
        lags=tuple(float(coin.lag_days * DAY_SECONDS) for coin in settings.coins),
        spread=rules.unready == "spread",
        own_trend=OWN_TREND.index(rules.own_trend),
        target_volatility=rules.target_volatility,
        drawdown_stop=rules.drawdown_stop,
        cash_reserve=rules.cash_reserve,
        band=rules.band,
        max_gate_age=settings.gate.age_limit,
        max_missing=MAX_MISSING,
    )


def costs(settings: Settings) -> Costs:
    """What a simulated fill costs, from the settings."""
    rates = settings.costs
    return Costs(fee=rates.fee, slippage=rates.slippage, min_notional=rates.min_notional)


def rules_digest(settings: Settings) -> str:
    """A short text that differs where the rules, or the series they are applied to, do.

    Everything that can change a gate row or a decision, and nothing else: not the account, the
    guards, the costs, the log. Two rows with the same digest were computed alike, so where they
    differ the prices do.
    """
    signal, tests, prices = settings.signal, settings.confirmations, settings.prices
    average, volatility = settings.allocation.own_trend_days, settings.allocation.volatility_days
    parts = (
        gate_rules(settings),
        decision_rules(settings),
        (average, volatility),
        [(coin.name, coin.history, coin.market) for coin in settings.coins],
        signal,
        (tests.breadth.symbols, tests.exhaustion.symbol),
        (tests.liquidity.assets, tests.liquidity.treasury, tests.liquidity.reverse_repos),
        [(name, cut.enabled and cut.file) for name, cut in settings.haircuts],
        (prices.publication_delay, prices.source, prices.folder, sorted(prices.sources.items())),
        (settings.exchange.prices_id, settings.exchange.timeframe),
    )
    return sha256(repr(parts).encode()).hexdigest()[:DIGEST]
