"""The sections of paper trading: whose exchange, when to decide, what to guard, where it is written down and said."""

from typing import Annotated, Literal

from pydantic import Field

from config.sections import Fraction, Section

Timeframe = Literal["1d", "4h", "1h", "15m", "5m", "1m"]
Event = Literal["gate", "orders", "incident", "daily", "missed"]
ExchangeId = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=32)]


class Exchange(Section):
    """Whose candles are read, where orders go, and what part of the account there is ours."""

    id: ExchangeId = Field(description="ccxt id of the exchange whose testnet takes the orders")
    mode: Literal["dry-run", "testnet"] = Field(
        description="dry-run: local fills at live prices, no keys; testnet: orders on the exchange's sandbox"
    )
    prices_id: ExchangeId = Field(description="ccxt id whose public candles and books are read")
    timeframe: Timeframe = Field(description="length of a coin bar")
    amount: float = Field(
        ge=0,
        le=1e12,
        description="quote units that are the account; 0 = by share (dry run: backtest.cash)",
    )
    share: float = Field(
        gt=0,
        le=1,
        description="share of the quote coin found at the first start that is the account",
    )
    adopt: bool = Field(description="coins found at the first start belong to the account too")
    order: Literal["market", "limit"] = Field(
        description="limit: marketable, never worse than price_guard"
    )
    price_guard: float = Field(
        gt=0, le=0.2, description="fraction a limit order may be worse than the best price"
    )
    fill_within: float = Field(
        ge=1, le=3600, description="seconds until what is left of an order is cancelled"
    )
    timeout: float = Field(ge=0.2, le=60, description="seconds a request may take")
    recv_window: int = Field(
        ge=1000,
        le=60_000,
        description="milliseconds after its timestamp an exchange may still take a request",
    )


class Paper(Section):
    """When a live session decides."""

    join: Literal["now", "next"] = Field(
        description="a spell that is open at the first start: enter it, or wait for the next"
    )
    grace: float = Field(
        ge=0, le=600, description="seconds after a bar's end before it is asked for"
    )
    patience: float = Field(
        ge=0, le=3600, description="seconds a bar that should exist is waited for"
    )
    max_decision_age: float = Field(
        gt=0,
        le=100_000,
        description="minutes after a bar's end from which a decision may only reduce",
    )


class Guards(Section):
    """What stops trading."""

    drawdown_stop: float = Field(
        ge=0,
        lt=1,
        description="fall of the account from its peak after which it only sells, as a fraction; 0 = off",
    )
    largest_order: Fraction = Field(description="largest order, share of equity")
    largest_turnover: float = Field(
        gt=0, le=100, description="largest traded value a UTC day, in units of equity"
    )
    price_gap: float = Field(
        gt=0, le=1, description="fraction testnet and live price may differ by"
    )
    tick_gap: float = Field(
        gt=0, le=1, description="fraction the price now may differ from the last close by"
    )
    withdraw_key: Literal["warn", "refuse"] = Field(description="a key that may withdraw")


class JournalPlace(Section):
    """Where what happened is kept."""

    folder: str = Field(min_length=1, description="folder of the SQLite files, one an account")


class Notify(Section):
    """What is told. To whom is a secret: RUSSELL_GATE_NOTIFY_URLS."""

    events: tuple[Event, ...] = Field(max_length=5, description="what is told")
    daily_at: int = Field(
        ge=0, le=23, description="UTC hour after which the first decision is told as the daily line"
    )


class Log(Section):
    """The log of a live session."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        description="from which severity on"
    )
    folder: str = Field(min_length=1, description="folder of the JSON files")
    rotation: float = Field(gt=0, le=1000, description="megabytes after which a new file is begun")
    keep: int = Field(ge=1, le=1000, description="files kept")
