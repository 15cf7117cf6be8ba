"""Prices of now: daily history through the cache, the newest bars straight from the exchange."""

from collections.abc import Collection, Mapping

import pandas as pd

from brokers.prices.candles import Candles
from brokers.prices.clean import clean_series
from brokers.prices.load import (
    Prices,
    closes_and_delay,
    known_until,
    load_each,
    read_cached,
    sessions,
)
from brokers.prices.series import DataError, Request, Series
from brokers.progress import Progress
from config.settings import ConfigError, Settings

NEWEST = 10  # bars requested at a time: more than a coin may lack before it counts as ended


class LivePrices:
    """The live session's source: coins from the exchange's public API unless set otherwise."""

    final = False

    def __init__(self, settings: Settings, progress: Progress) -> None:
        """`progress` is called before each series, which may take minutes to fail.

        Raises
        ------
        ConfigError
            The prices would be simulated.

        """
        if settings.prices.source == "sample":
            raise ConfigError(
                'prices.source is "sample": a live session needs real prices; use another source, '
                "or paper --replay"
            )
        self._timeframe = settings.exchange.timeframe
        self._progress = progress
        self._daily = daily(settings)
        self._markets = {coin.history: coin.market for coin in settings.coins_and_bitcoin()}
        self._candles = Candles(settings.exchange.prices_id, NEWEST)

    def history(
        self, now: pd.Timestamp, again: Collection[str] = ()
    ) -> tuple[Prices, Mapping[str, DataError]]:
        """All daily series up to `now`, and the errors of those that are not available.

        Of the latter the last version that was stored is returned. The symbols in `again` are
        downloaded even if the cache has their newest row.
        """
        usable: dict[Request, Series] = {}
        failed: dict[str, DataError] = {}
        for request, loaded in load_each(self._daily, now, again=again, progress=self._progress):
            series: Series | None
            if isinstance(loaded, DataError):
                failed[request.symbol] = loaded
                series = read_cached(self._daily, request, now)
            else:
                series = loaded
            if series is not None:
                usable[request] = series
        return Prices(usable, sessions(self._daily, now), known_until(self._daily, now)), failed

    def sessions(self, now: pd.Timestamp) -> int:
        """How many US sessions' closes were known at `now`."""
        return len(sessions(self._daily, now))

    def calendar_end(self, now: pd.Timestamp) -> pd.Timestamp:
        """The close of the last US session that is known at all."""
        return pd.Timestamp(closes_and_delay(self._daily, now)[0].iloc[-1])

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        """The newest bars of one coin that ended by `now`, by the instant they ended."""
        request = Request(history, "coin", self._markets[history], self._timeframe)
        self._progress(f"newest bars of {request.market}")
        closes, delay = closes_and_delay(self._daily, now)
        series = clean_series(
            request,
            self._candles.newest(request, now),
            source="exchange",
            origin=f"{self._daily.exchange.prices_id} {request.market}",
            closes=closes,
            delay=delay,
            now=now,
        )
        return series.frame


def daily(settings: Settings) -> Settings:
    """The settings of a live session's history: daily bars, coins from the exchange of prices."""
    coins = {coin.history: "exchange" for coin in settings.coins_and_bitcoin()}
    prices = settings.prices.model_copy(update={"sources": coins | settings.prices.sources})
    return settings.model_copy(
        update={
            "prices": prices,
            "exchange": settings.exchange.model_copy(update={"timeframe": "1d"}),
        }
    )
