"""How large an account may be before its orders are large beside what a coin trades in a day."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run

LIMIT = 0.01  # share of a coin's median daily volume that an order may be
DAYS_BEFORE = 30  # of the median volume beside which an order is placed
LAST_DAYS = 365  # of the median volume by which today's capacity is told
VOLUME_IN_COINS = {"exchange", "sample"}  # Yahoo's volume of a coin is a value already


class LargestOrder(NamedTuple):
    """Of one coin: the order that was largest beside the coin's volume.

    share : of the coin's median daily volume (value, quote units) of the 30 days before.
    of_equity : the coin's largest order as a share of the account at its decision, a fraction.
    account : quote units at which an order of that share reaches 1 % of the coin's median daily
        volume in the last year of the window.
    source : of the volume.
    """

    coin: str
    decided: pd.Timestamp
    value: float
    share: float
    of_equity: float
    account: float
    source: str


def measure_capacity(inputs: Inputs, run: Run, equity: pd.Series) -> list[LargestOrder]:
    """The largest order of each coin that was traded and whose volume is known, tightest first.

    The sale of a coin that has ended is none: there is no market to place it in.

    Parameters
    ----------
    inputs, run : of the backtest; volumes are those of the coins' daily bars.
    equity : quote units by end of bar.

    """
    orders = [
        order
        for coin in inputs.settings.coins
        for order in _largest_order(
            coin.name,
            _daily_value(inputs, coin.history),
            orders=_market_orders(inputs, run, coin.name),
            equity=equity,
            source=inputs.prices.of(coin.history).source,
        )
    ]
    return sorted(orders, key=lambda order: order.account)


def _daily_value(inputs: Inputs, history: str) -> pd.Series:
    """Value traded each day (quote units), up to the window's end, by the instant it was known."""
    series = inputs.prices.of(history)
    frame = series.frame[series.frame.index <= inputs.grid[-1]]
    volume = frame["volume"].astype(float)
    value = volume * frame["close"] if series.source in VOLUME_IN_COINS else volume
    return value[value > 0]


def _market_orders(inputs: Inputs, run: Run, coin: str) -> pd.Series:
    """Values by decision of the coin's orders filled on a bar; an ended coin is closed on none."""
    stale = inputs.coins[coin]["stale"]
    orders = {
        pd.Timestamp(order.decided, unit="s", tz="UTC"): abs(order.size * order.price)
        for order in run.orders
        if order.symbol == coin
        and order.filled is not None
        and stale[pd.Timestamp(order.filled, unit="s", tz="UTC")] == 0
    }
    return pd.Series(orders, dtype=float)


def _largest_order(
    coin: str,
    daily_value: pd.Series,
    *,
    orders: pd.Series,
    equity: pd.Series,
    source: str,
) -> Iterator[LargestOrder]:
    """None or one, for a coin whose volume is unknown or that was never traded."""
    if orders.empty or daily_value.empty:
        return
    usual = daily_value.rolling(f"{DAYS_BEFORE}D").median().reindex(orders.index, method="ffill")
    shares = orders / usual
    if shares.isna().all():
        return
    largest = int(shares.argmax())
    of_equity = float((orders / equity.reindex(orders.index, method="ffill")).max())
    last = daily_value[daily_value.index > daily_value.index[-1] - pd.Timedelta(days=LAST_DAYS)]
    yield LargestOrder(
        coin=coin,
        decided=orders.index[largest],
        value=float(orders.iloc[largest]),
        share=float(shares.iloc[largest]),
        of_equity=of_equity,
        account=LIMIT * float(last.median()) / of_equity,
        source=source,
    )
