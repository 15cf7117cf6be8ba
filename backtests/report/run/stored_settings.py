"""What the page of a run needs of its settings.toml."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file, with the keys the page shows; it has more, and other versions others."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Signal(Table):
    """`[signal]`."""

    index: str


class Costs(Table):
    """`[costs]`: fractions, and the smallest order in quote units."""

    slippage: float
    fee: float
    min_notional: float
    cash_yield: float
    tax_rate: float = 0.0  # version 0.1 had none


class Prices(Table):
    """`[prices]`: minutes from a session's close until it is known."""

    publication_delay: int


class Coin(Table):
    """An entry of `[[coins]]`: share of equity in coins, and days after the confirmation."""

    name: str
    weight: float
    lag_days: int


class Backtest(Table):
    """`[backtest]`: quote units."""

    cash: float


class StoredSettings(Table):
    """The settings a run was made with, as far as the page shows them."""

    signal: Signal
    costs: Costs
    prices: Prices
    coins: tuple[Coin, ...]
    backtest: Backtest
