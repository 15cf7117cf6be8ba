"""The sections of a configuration: every field with its unit, its bounds and its meaning.

Values and their reasons stand in ``default.toml``; nothing here has a default.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Source = Literal["auto", "yahoo", "exchange", "folder", "sample"]
Channel = Literal["credit", "broad", "leadership", "rates", "liquidity"]

Sessions = Annotated[int, Field(ge=1, le=2520, description="US sessions")]
Days = Annotated[int, Field(ge=1, le=3650, description="calendar days")]
Fraction = Annotated[float, Field(ge=0, le=1)]
MARKET = r"^[A-Z0-9]+/[A-Z0-9]+$"
Symbol = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\s/\\]+$")]


class Section(BaseModel):
    """A closed, frozen table of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Prices(Section):
    """Where prices come from and when they count as known."""

    source: Source = Field(
        description="where prices come from unless [prices.sources] says otherwise"
    )
    folder: str = Field(description="folder with daily/, macro/ and hourly/ for source = folder")
    cache: str = Field(min_length=1, description="folder of the Parquet cache")
    publication_delay: int = Field(
        ge=0, le=720, description="minutes from a US close until its price is known"
    )
    max_age_sessions: Sessions = Field(
        description="US sessions after which a daily input is unknown"
    )
    max_age_macro: Days = Field(description="calendar days after which a macro value is unknown")
    sources: dict[str, Source] = Field(description="a source for one symbol")

    @model_validator(mode="after")
    def _folder_given(self) -> Self:
        if not self.folder and "folder" in (self.source, *self.sources.values()):
            raise ValueError(
                'source = "folder" needs prices.folder, the folder that holds daily/ and macro/'
            )
        return self

    @model_validator(mode="after")
    def _sample_alone(self) -> Self:
        others = [
            symbol
            for symbol, source in self.sources.items()
            if (source == "sample") != (self.source == "sample")
        ]
        if others:
            raise ValueError(
                f'simulated and real prices are never mixed in one run: source is "{self.source}", but sources.{others[0]} is '
                f'"{self.sources[others[0]]}"; set both to "sample", or neither'
            )
        return self


class Signal(Section):
    """The symbols the gate looks at."""

    index: Symbol = Field(description="the index whose record opens the gate")
    broad: Symbol = Field(description="the broad market")
    volume: Symbol = Field(description="the fund whose volume is read")
    risky_credit: Symbol = Field(description="high-yield bonds")
    safe_credit: Symbol = Field(description="Treasuries of the same duration class")
    history_from: date = Field(description="date the index history must reach back to")


class Gate(Section):
    """When a breakout begins, is confirmed, and is over."""

    base_sessions: Sessions = Field(description="US sessions a record must have stood")
    rearm_sessions: Sessions = Field(description="the same, soon after an attempt")
    rearm_within: int = Field(
        ge=0, le=2520, description="US sessions after an attempt in which rearm_sessions holds"
    )
    confirm_sessions: int = Field(ge=1, le=60, description="closes in a row above the level")
    confirm_within: Sessions = Field(
        description="US sessions after which an unconfirmed breakout lapses"
    )
    buffer: float = Field(ge=0, le=0.5, description="fraction above the level a close must exceed")
    min_confirmations: int = Field(
        ge=0, le=6, description="enabled confirmations that must hold at the entry"
    )
    fail_sessions: int = Field(ge=1, le=60, description="bad closes in a row that end a spell")
    fail_tolerance: float = Field(
        ge=0, lt=1, description="fraction below the level that is still no failure"
    )
    trend_sessions: Sessions = Field(description="US sessions of the index's own average")
    max_sessions: int = Field(
        ge=0, le=2520, description="US sessions after confirmation that end a spell; 0 = never"
    )
    max_gate_age: int = Field(ge=0, le=60, description="US sessions a kept gate row may be stale")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rearm_sessions > self.base_sessions:
            raise ValueError(
                f"rearm_sessions ({self.rearm_sessions}) must not exceed base_sessions ({self.base_sessions})"
            )
        if self.confirm_sessions > self.confirm_within:
            raise ValueError(
                f"confirm_sessions ({self.confirm_sessions}) must not exceed confirm_within ({self.confirm_within}): no breakout could confirm"
            )
        return self


class Volume(Section):
    """Turnover of the breakout against its past."""

    enabled: bool
    fast_sessions: Sessions
    slow_sessions: Sessions
    min_ratio: float = Field(gt=0, le=10, description="fast mean over slow mean")


class Breadth(Section):
    """How many of the sectors take part."""

    enabled: bool
    symbols: tuple[Symbol, ...] = Field(
        min_length=1, max_length=20, description="funds of the sectors asked"
    )
    sessions: Sessions
    min_share: Fraction = Field(description="share of the symbols above their own average")


class AboveAverage(Section):
    """A ratio above its own average."""

    enabled: bool
    sessions: Sessions = Field(description="US sessions of the ratio's average")


class Liquidity(Section):
    """Net liquidity of the Federal Reserve."""

    enabled: bool
    assets: Symbol = Field(description="FRED series, millions of USD")
    treasury: Symbol = Field(description="FRED series, millions of USD")
    reverse_repos: Symbol = Field(description="FRED series, billions of USD")
    weeks: int = Field(ge=1, le=104, description="weeks looked back")


class Exhaustion(Section):
    """How far Bitcoin was sold out."""

    enabled: bool
    symbol: Symbol = Field(description="daily history of the coin asked")
    drawdown: float = Field(gt=0, lt=1, description="fraction below the coin's own record")
    days: Days


class Confirmations(Section):
    """What a breakout must be accompanied by."""

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
    """How much crypto each stage of capital flow allows."""

    channels: tuple[Channel, ...] = Field(max_length=5, description="upstream of crypto, in order")
    ceilings: tuple[Fraction, ...] = Field(
        description="largest share of equity in crypto by filled channels, confirmed"
    )
    dormant_ceilings: tuple[Fraction, ...] = Field(
        description="the same while the gate is not confirmed"
    )
    broad_sessions: Sessions
    rates_sessions: Sessions

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels names one twice: {', '.join(self.channels)}")
        for name in ("ceilings", "dormant_ceilings"):
            if len(getattr(self, name)) != len(self.channels) + 1:
                raise ValueError(
                    f"{name} has {len(getattr(self, name))} values, {len(self.channels)} channels need {len(self.channels) + 1}"
                )
        return self


class Haircut(Section):
    """A factor on the ceiling, out of a user's own file."""

    enabled: bool
    file: str = Field(description="CSV the user gives")
    factor: Fraction = Field(description="what the ceiling is multiplied by")

    @model_validator(mode="after")
    def _file_given(self) -> Self:
        if self.enabled and not self.file:
            raise ValueError("an enabled haircut needs its file")
        return self


class Flows(Haircut):
    """Money leaving small-cap funds at a record."""

    days: Days = Field(description="calendar days summed")
    record_sessions: Sessions = Field(
        description="US sessions within which a record close counts as 'at a record'"
    )


class Losses(Haircut):
    """Share of companies that lose money."""

    max_share: Fraction = Field(
        description="share of loss-making companies from which the haircut applies"
    )
    max_age: Days = Field(description="calendar days a figure stays known")


class Haircuts(Section):
    """Factors on the ceiling."""

    flows: Flows
    losses: Losses


class Coin(Section):
    """A coin to hold."""

    name: str = Field(pattern=r"^[A-Z0-9]{1,12}$", description="the coin's ticker")
    history: Symbol = Field(description="symbol of its daily history")
    market: str = Field(pattern=MARKET, description="spot market, BASE/QUOTE")
    weight: float = Field(gt=0, le=1, description="share of the crypto part")
    lag_days: int = Field(
        ge=0, le=3650, description="calendar days after confirmation before it may be held"
    )
    step: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="coin units orders are rounded down to; without it costs.step",
    )


class Allocation(Section):
    """From a ceiling to target shares."""

    unready: Literal["cash", "spread"] = Field(
        description="what an unready coin's share does: wait as cash, or go to the ready ones"
    )
    own_trend: Literal["off", "and", "or"] = Field(
        description="a coin's own average: not asked, a veto, or a second way in"
    )
    own_trend_days: Days
    target_volatility: float = Field(ge=0, le=5, description="annualised fraction; 0 = off")
    volatility_days: int = Field(ge=2, le=3650, description="calendar days")
    drawdown_stop: float = Field(
        ge=0, lt=1, description="fraction lost since the confirmation; 0 = off"
    )
    cash_reserve: float = Field(ge=0, lt=1, description="fraction of equity never invested")
    band: float = Field(
        ge=0, lt=1, description="relative distance of holding and target before a trade"
    )


class Costs(Section):
    """What a simulated fill costs."""

    fee: float = Field(ge=0, lt=0.1, description="fraction of traded value")
    slippage: float = Field(ge=0, lt=0.1, description="fraction of price")
    cash_yield: float = Field(ge=0, le=1, description="yearly fraction paid on cash")
    step: float = Field(
        ge=0, le=1000, description="coin units orders are rounded down to; 0 = none"
    )
    min_notional: float = Field(ge=0, description="smallest order, USD")


class Backtest(Section):
    """The traded window and what it is compared with."""

    start: date | None = Field(
        default=None, description="first day traded; without it the first coin's first bar"
    )
    end: date | None = Field(default=None, description="last day traded, included")
    cash: float = Field(gt=0, le=1e12, description="USD at the start")
    bitcoin: Symbol = Field(description="daily history of the coin the benchmarks hold")
    bitcoin_market: str = Field(pattern=MARKET, description="its spot market, BASE/QUOTE")
    random_gates: int = Field(ge=0, le=100_000, description="circular shifts of the gate")
    seed: int = Field(ge=0, le=2**32 - 1, description="of the random gates and the bootstrap")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start ({self.start}) must lie before end ({self.end})")
        return self
