"""The sections of the strategy's configuration: each field with its unit, bounds and meaning.

The default values and their reasons are in ``default.toml``; no field has a default here.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Channel = Literal["credit", "broad", "leadership", "rates", "liquidity"]

Sessions = Annotated[int, Field(ge=1, le=2520, description="US sessions")]
Days = Annotated[int, Field(ge=1, le=3650, description="calendar days")]
Fraction = Annotated[float, Field(ge=0, le=1)]
NEVER = 2**31 - 1  # sessions: as good as no limit, and a whole number as the rules need one
MARKET = r"^[A-Z0-9]+/[A-Z0-9]+$"
Symbol = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\s/\\]+$")]


def _count(number: int, noun: str) -> str:
    """A number with its noun: "1 channel", "2 channels"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


class Section(BaseModel):
    """A frozen table of settings that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Signal(Section):
    """The symbols the gate reads."""

    index: Symbol = Field(description="the index whose record opens the gate (small caps)")
    broad: Symbol = Field(description="index of the broad market")
    volume: Symbol = Field(description="the ETF whose volume is read")
    risky_credit: Symbol = Field(description="ETF of high-yield bonds")
    safe_credit: Symbol = Field(description="ETF of Treasuries with about the same duration")
    history_from: date = Field(description="date on which the history of the index must begin")


class Gate(Section):
    """When a breakout begins, is confirmed, and ends."""

    base_sessions: Sessions = Field(description="minimum age of the old record, US sessions")
    rearm_sessions: Sessions = Field(
        description="the same within rearm_within of the end of the last breakout"
    )
    rearm_within: int = Field(
        ge=0,
        le=2520,
        description="US sessions after the end of a breakout in which rearm_sessions applies",
    )
    confirm_sessions: int = Field(ge=1, le=60, description="closes in a row above the old record")
    confirm_within: Sessions = Field(
        description="US sessions after which an unconfirmed breakout lapses"
    )
    buffer: float = Field(
        ge=0, le=0.5, description="fraction a close must exceed the old record by"
    )
    min_confirmations: int = Field(
        ge=0, le=6, description="number of enabled confirmations required at the entry"
    )
    fail_sessions: int = Field(
        ge=1, le=60, description="closes in a row below the exit level that end a gate period"
    )
    fail_tolerance: float = Field(
        ge=0, lt=1, description="fraction below the old record that is not yet a failure"
    )
    trend_sessions: Sessions = Field(description="US sessions of the moving average of the index")
    max_sessions: int = Field(
        ge=0,
        le=2520,
        description="longest gate period, US sessions after confirmation; 0 = no limit",
    )
    max_gate_age: int = Field(
        ge=0, le=60, description="US sessions without a new gate row until all targets are zero"
    )
    when_stale: Literal["sell", "hold"] = Field(
        description="what follows after max_gate_age: sell all, or hold what there is, buying none"
    )

    @property
    def age_limit(self) -> int:
        """US sessions without a new gate row until all targets are zero; NEVER where none is."""
        return NEVER if self.when_stale == "hold" else self.max_gate_age

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rearm_sessions > self.base_sessions:
            raise ValueError(
                f"rearm_sessions ({self.rearm_sessions}) must not exceed "
                f"base_sessions ({self.base_sessions})"
            )
        if self.confirm_sessions > self.confirm_within:
            raise ValueError(
                f"confirm_sessions ({self.confirm_sessions}) must not exceed "
                f"confirm_within ({self.confirm_within}): no breakout could be confirmed"
            )
        return self


class Volume(Section):
    """Volume during the breakout relative to the usual volume."""

    enabled: bool
    fast_sessions: Sessions
    slow_sessions: Sessions
    min_ratio: float = Field(gt=0, le=10, description="ratio of the fast to the slow mean volume")


class Breadth(Section):
    """Share of the sectors that take part."""

    enabled: bool
    symbols: tuple[Symbol, ...] = Field(
        min_length=1, max_length=20, description="ETFs of the sectors"
    )
    sessions: Sessions
    min_share: Fraction = Field(description="share of the symbols above their own moving average")


class AboveAverage(Section):
    """A ratio of two prices above its own moving average."""

    enabled: bool
    sessions: Sessions = Field(description="US sessions of the moving average of the ratio")


class Liquidity(Section):
    """Net liquidity of the Federal Reserve."""

    enabled: bool
    assets: Symbol = Field(description="FRED series, millions of USD")
    treasury: Symbol = Field(description="FRED series, millions of USD")
    reverse_repos: Symbol = Field(description="FRED series, billions of USD")
    weeks: int = Field(ge=1, le=104, description="weeks over which net liquidity must have risen")


class Exhaustion(Section):
    """Whether Bitcoin had a deep drawdown recently."""

    enabled: bool
    symbol: Symbol = Field(description="symbol of the coin whose drawdown is measured")
    drawdown: float = Field(gt=0, lt=1, description="fraction below the coin's all-time high")
    days: Days


class Confirmations(Section):
    """Conditions that confirm a breakout."""

    volume: Volume
    breadth: Breadth
    leadership: AboveAverage
    credit: AboveAverage
    liquidity: Liquidity
    exhaustion: Exhaustion

    def enabled(self) -> tuple[str, ...]:
        """Names of the enabled confirmations, in the order of the file."""
        return tuple(name for name in type(self).model_fields if getattr(self, name).enabled)


class RiskCurve(Section):
    """How much crypto is allowed by the number of risk checks that pass."""

    channels: tuple[Channel, ...] = Field(
        max_length=5,
        description="risk checks in order; only the first ones in a row that pass count",
    )
    ceilings: tuple[Fraction, ...] = Field(
        description="largest share of equity in crypto by the number of checks passed, gate open"
    )
    dormant_ceilings: tuple[Fraction, ...] = Field(description="the same while the gate is closed")
    broad_sessions: Sessions
    rates_sessions: Sessions

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels: duplicate name in {', '.join(self.channels)}")
        for name in ("ceilings", "dormant_ceilings"):
            if len(getattr(self, name)) != len(self.channels) + 1:
                raise ValueError(
                    f"{name} needs {len(self.channels) + 1} values for "
                    f"{_count(len(self.channels), 'channel')}, got {len(getattr(self, name))}"
                )
        return self


class Haircut(Section):
    """A factor that reduces the ceiling, from a CSV file of the user."""

    enabled: bool
    file: str = Field(description="path of your CSV file")
    factor: Fraction = Field(description="the ceiling is multiplied by this")

    @model_validator(mode="after")
    def _file_given(self) -> Self:
        if self.enabled and not self.file:
            raise ValueError("file is empty; an enabled haircut needs a CSV file")
        return self


class Flows(Haircut):
    """Outflows from small-cap funds while the index is at a record."""

    days: Days = Field(description="calendar days over which flows are summed")
    record_sessions: Sessions = Field(
        description="US sessions; the index is at a record if one closed within them"
    )


class Losses(Haircut):
    """A large share of the companies lose money."""

    max_share: Fraction = Field(
        description="share of loss-making companies from which the haircut applies"
    )
    max_age: Days = Field(description="calendar days after which a figure is treated as missing")


class Haircuts(Section):
    """Factors that reduce the ceiling."""

    flows: Flows
    losses: Losses


class Coin(Section):
    """A coin the strategy may hold."""

    name: str = Field(pattern=r"^[A-Z0-9]{1,12}$", description="ticker of the coin")
    history: Symbol = Field(description="symbol of its daily prices")
    market: str = Field(pattern=MARKET, description="spot market, BASE/QUOTE")
    weight: float = Field(gt=0, le=1, description="share of the crypto part of the portfolio")
    lag_days: int = Field(
        ge=0, le=3650, description="calendar days after confirmation before it may be held"
    )
    step: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="lot size in coins; without it costs.step",
    )


class Allocation(Section):
    """How the ceiling becomes target weights."""

    unready: Literal["cash", "spread"] = Field(
        description="the share of a coin still in its lag: kept in cash, or spread over the others"
    )
    own_trend: Literal["off", "and", "or"] = Field(
        description="a coin above its own moving average: off, and = also required, or = sufficient"
    )
    own_trend_days: Days
    target_volatility: float = Field(
        ge=0, le=5, description="annualised volatility, a fraction; 0 = off"
    )
    volatility_days: int = Field(ge=2, le=3650, description="calendar days")
    drawdown_stop: float = Field(
        ge=0,
        lt=1,
        description="drawdown since the confirmation that closes all positions; 0 = off",
    )
    cash_reserve: float = Field(ge=0, lt=1, description="fraction of equity never invested")
    band: float = Field(
        ge=0,
        lt=1,
        description="relative distance of a position from its target that triggers a trade",
    )


class Costs(Section):
    """Costs and limits of simulated fills."""

    fee: float = Field(ge=0, lt=0.1, description="fraction of traded value")
    slippage: float = Field(ge=0, lt=0.1, description="fraction of price")
    cash_yield: float = Field(ge=0, le=1, description="annual interest on cash, a fraction")
    tax_rate: float = Field(
        ge=0, lt=1, description="tax on realised gains, a fraction; shown beside the result"
    )
    step: float = Field(
        ge=0, le=1000, description="lot size in coins: orders are rounded down to it; 0 = none"
    )
    min_notional: float = Field(ge=0, description="smallest order value, USD")


class Backtest(Section):
    """The traded window and the comparisons."""

    start: date | None = Field(
        default=None, description="first day traded; default: the first bar of the first coin"
    )
    end: date | None = Field(
        default=None, description="last day traded, inclusive; default: the last bar"
    )
    cash: float = Field(gt=0, le=1e12, description="USD at the start")
    bitcoin: Symbol = Field(description="symbol of the coin that the benchmarks hold")
    bitcoin_market: str = Field(pattern=MARKET, description="its spot market, BASE/QUOTE")
    random_gates: int = Field(
        ge=0, le=100_000, description="number of shifted gates in the permutation test"
    )
    seed: int = Field(
        ge=0, le=2**32 - 1, description="seed of the permutation test and the bootstrap"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start ({self.start}) must be before end ({self.end})")
        return self
