"""The sections of paper trading: exchange, schedule, guards, journal, notifications, log."""

from typing import Annotated, Literal

from pydantic import Field

from config.sections import Fraction, Section

Timeframe = Literal["1d", "4h", "1h", "15m", "5m", "1m"]
Event = Literal["gate", "orders", "incident", "daily", "weekly", "missed"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
ExchangeId = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=32)]


class Exchange(Section):
    """Which exchange gives prices, which takes orders, and how much of the account is traded."""

    id: ExchangeId = Field(description="ccxt id of the exchange whose testnet receives the orders")
    mode: Literal["dry-run", "testnet"] = Field(
        description="dry-run: live prices, local fills, no keys; testnet: orders to a sandbox"
    )
    prices_id: ExchangeId = Field(
        description="ccxt id of the exchange that gives public candles and order books"
    )
    timeframe: Timeframe = Field(description="length of a bar of the coins")
    amount: float = Field(
        ge=0,
        le=1e12,
        description="account size in the quote coin; 0 = by share (dry-run: backtest.cash)",
    )
    share: float = Field(
        gt=0,
        le=1,
        description="account size as a fraction of the quote coin found at the first start",
    )
    adopt: bool = Field(description="whether coins found at the first start belong to the account")
    deposits: Literal["theirs", "ours"] = Field(
        description="whose is what others pay in after the first start: theirs, or the account's"
    )
    found: Literal["ask", "adopt", "leave"] = Field(
        description="what a lost journal's orders have bought: stop and ask, take over, leave alone"
    )
    order: Literal["market", "limit"] = Field(
        description="market, or limit: a marketable limit order bounded by price_guard"
    )
    price_guard: float = Field(
        gt=0, le=0.2, description="fraction by which a limit order may be worse than the best price"
    )
    fill_within: float = Field(
        ge=1, le=3600, description="seconds after which the rest of an order is cancelled"
    )
    timeout: float = Field(ge=0.2, le=60, description="timeout of a request, seconds")
    recv_window: int = Field(
        ge=1000,
        le=60_000,
        description="milliseconds after its timestamp in which a request is accepted",
    )


class Paper(Section):
    """When a live session decides."""

    join: Literal["now", "next"] = Field(
        description="a gate period open at the first start: enter it now, or wait for the next"
    )
    grace: float = Field(
        ge=0, le=600, description="seconds from the end of a bar to the request for it"
    )
    patience: float = Field(ge=0, le=3600, description="seconds to wait for a bar that is late")
    max_decision_age: float = Field(
        gt=0,
        le=100_000,
        description="minutes after the end of a bar from which a decision may only sell",
    )
    gone: dict[str, Literal["loss", "last-price"]] = Field(
        description="coins traded no more that leave the account: as a loss, or at their last price"
    )


class Guards(Section):
    """Limits that stop an order or all trading."""

    drawdown_stop: float = Field(
        ge=0,
        lt=1,
        description="drawdown of the account from which on it only sells, a fraction; 0 = off",
    )
    largest_order: Fraction = Field(description="largest order, fraction of equity")
    largest_turnover: float = Field(
        gt=0, le=100, description="largest value traded per UTC day, multiple of equity"
    )
    price_gap: float = Field(
        gt=0, le=1, description="largest difference of testnet and live price, a fraction"
    )
    tick_gap: float = Field(
        gt=0,
        le=1,
        description="largest difference of the current price and the last close, a fraction",
    )
    withdraw_key: Literal["warn", "refuse"] = Field(
        description="what to do when the API key may withdraw"
    )


class JournalPlace(Section):
    """Where the journal is stored."""

    folder: str = Field(min_length=1, description="folder of the SQLite files, one per account")


class Notify(Section):
    """Which notifications are sent. The addresses are secret: RUSSELL_GATE_NOTIFY_URLS."""

    events: tuple[Event, ...] = Field(max_length=6, description="kinds of events to notify")
    daily_at: int = Field(
        ge=0,
        le=23,
        description="UTC hour; the first decision after it sends the daily summary",
    )
    weekly_on: Weekday = Field(
        description="day whose first decision after daily_at sends the comparison with the backtest"
    )


class Log(Section):
    """The log of a live session."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        description="lowest severity that is logged"
    )
    folder: str = Field(min_length=1, description="folder of the JSON files")
    rotation: float = Field(
        gt=0, le=1000, description="megabytes after which a new file is started"
    )
    keep: int = Field(ge=1, le=1000, description="number of old files to keep")
