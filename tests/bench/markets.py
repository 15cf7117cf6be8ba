"""Real markets made longer and wider, to see how time grows: no backtest of them means anything."""

import numpy as np
import pandas as pd

from brokers.prices.load import Prices
from brokers.prices.series import Request
from config.sections import Coin
from config.settings import Settings

PRICES = ["open", "high", "low", "close", "adj_close"]
APART = 97  # days by which one coin's returns lie behind another's


def longer(prices: Prices, times: int) -> Prices:
    """Everything since the first coin was listed `times` times, one after the other, each starting
    where the one before has ended.

    Records, breakouts and falls of the index come again as they were, so that a longer market is as
    busy as a short one.
    """
    coins = [one.frame for request, one in prices.series.items() if request.kind == "coin"]
    first, last = min(one.index[0] for one in coins), max(one.index[-1] for one in coins)
    span = (last - first).ceil("D") + pd.Timedelta(days=1)
    series = {
        request: one._replace(frame=_repeated(one.frame, first, span, times))
        for request, one in prices.series.items()
    }
    known = prices.sessions.index
    again = known[known >= first]
    more = [
        pd.Series(prices.sessions[again].array + span * k, again + span * k)
        for k in range(1, times)
    ]
    return prices._replace(
        series=series, sessions=pd.concat([prices.sessions, *more]), now=prices.now + span * times
    )


def with_coins(settings: Settings, prices: Prices, count: int) -> tuple[Settings, Prices]:
    """So many coins: the first one's returns, of each further coin some days later in a circle."""
    model, request = (
        settings.coins[0],
        next(one for one in prices.series if one.symbol == settings.coins[0].history),
    )
    series = {
        one: found
        for one, found in prices.series.items()
        if one.kind != "coin" or one.symbol == settings.backtest.bitcoin
    }
    coins: list[Coin] = []
    for number in range(count):
        name = f"C{number}"
        coins.append(
            model.model_copy(
                update={
                    "name": name,
                    "history": name,
                    "market": f"{name}/USDT",
                    "weight": 1.0 / count,
                }
            )
        )
        frame = _rolled(prices.series[request].frame, APART * number)
        series[Request(name, "coin", f"{name}/USDT", request.timeframe)] = prices.series[
            request
        ]._replace(frame=frame)
    return settings.model_copy(update={"coins": tuple(coins)}), prices._replace(series=series)


def _repeated(
    frame: pd.DataFrame, first: pd.Timestamp, span: pd.Timedelta, times: int
) -> pd.DataFrame:
    again = frame[frame.index >= first]
    priced = [name for name in PRICES if name in frame]
    growth = again[priced].iloc[-1] / again[priced].iloc[0]
    parts = [frame]
    for k in range(1, times):
        part = again.set_axis(pd.DatetimeIndex(again.index) + span * k)
        parts.append(part.assign(**{name: part[name] * growth[name] ** k for name in priced}))
    return pd.concat(parts)


def _rolled(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    close = frame["close"].to_numpy()
    steps = np.roll(close[1:] / close[:-1], days)
    scale = np.concatenate(([1.0], np.cumprod(steps))) / close
    return frame.assign(**{name: frame[name] * scale for name in PRICES})
