"""Prices of now: daily history by way of the cache, the newest bars straight from the exchange."""

from collections.abc import Collection, Mapping

import pandas as pd

from brokers.prices.candles import Candles
from brokers.prices.clean import finished
from brokers.prices.load import Prices, closes_and_delay, kept, known_until, load_each, sessions
from brokers.prices.series import DataError, Request, Series
from config.settings import ConfigError, Settings

NEWEST = 10  # bars asked for at a time: more than a coin may miss before it counts as ended


class LivePrices:
    """The live session's source: coins from the exchange's public API unless `prices.sources` says otherwise."""

    final = False

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError where the prices would be simulated."""
        if settings.prices.source == "sample":
            raise ConfigError(
                'prices.source is "sample": a live session on simulated prices would be a lie; use another source, or paper --replay'
            )
        self._timeframe = settings.exchange.timeframe
        self._daily = daily(settings)
        self._markets = {coin.history: coin.market for coin in settings.coins_and_bitcoin()}
        self._candles = Candles(settings.exchange.prices_id, NEWEST)

    def history(
        self, now: pd.Timestamp, again: Collection[str] = ()
    ) -> tuple[Prices, Mapping[str, DataError]]:
        """All daily series up to `now`, and which of them could not be had, and why: of those there is what was kept when they last could.

        The symbols in `again` are downloaded even if the cache has their newest row.
        """
        series: dict[Request, Series] = {}
        failed: dict[str, DataError] = {}
        for request, found in load_each(self._daily, now, again=again):
            if isinstance(found, DataError):
                failed[request.symbol] = found
            usable = kept(self._daily, request, now) if isinstance(found, DataError) else found
            if usable is not None:
                series[request] = usable
        return Prices(series, sessions(self._daily, now), known_until(self._daily, now)), failed

    def sessions(self, now: pd.Timestamp) -> int:
        """How many US sessions' closes were known at `now`."""
        return len(sessions(self._daily, now))

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        """The newest bars of one coin that ended by `now`, by the instant they ended."""
        request = Request(history, "coin", self._markets[history], self._timeframe)
        rows = self._candles.newest(request, now)
        origin = f"{self._daily.exchange.prices_id} {request.market}"
        return finished(
            request, "exchange", origin, rows, *closes_and_delay(self._daily, now), now
        ).frame


def daily(settings: Settings) -> Settings:
    """The settings under which a live session keeps its history: bars of a day, coins from the exchange they are traded at."""
    coins = {coin.history: "exchange" for coin in settings.coins_and_bitcoin()}
    prices = settings.prices.model_copy(update={"sources": coins | settings.prices.sources})
    return settings.model_copy(
        update={
            "prices": prices,
            "exchange": settings.exchange.model_copy(update={"timeframe": "1d"}),
        }
    )
