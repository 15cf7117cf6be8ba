"""Prices of now: daily history through the cache, the newest bars straight from the exchange."""

from collections.abc import Collection, Iterator, Mapping

import pandas as pd

from brokers.prices.accepted import accepted_closes
from brokers.prices.calendar import closes_and_delay
from brokers.prices.candles import Candles, why_unconfirmed
from brokers.prices.clean import clean_series
from brokers.prices.cross_checks import cross_issues
from brokers.prices.load import (
    Prices,
    known_until,
    load_each,
    read_cached,
    sessions,
)
from brokers.prices.plausibility import live_issues, refusal, series_issues
from brokers.prices.second_sources import second_closes
from brokers.prices.series import AcceptedClose, DataError, DataIssue, Request, Series
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

        Of the latter the last version that was stored is returned, if it is plausible; of a coin
        whose newest close needs a confirmation, the rows before it. The symbols in `again` are
        downloaded even if the cache has their newest row.
        """
        usable: dict[Request, Series] = {}
        failed: dict[str, DataError] = {}
        known, issues = sessions(self._daily, now), list[DataIssue]()
        for request, loaded in load_each(
            self._daily, now, again=again, progress=self._progress, live=True
        ):
            series, error, own_issues = self._check(loaded, known)
            if error is not None:
                failed[request.symbol] = error
            if series is None:
                cached = read_cached(self._daily, request, now)
                series, _, own_issues = (
                    (None, None, []) if cached is None else self._check(cached, known)
                )
            if series is not None:
                usable[request] = series
                issues += own_issues
        together = list(cross_issues(usable, self._daily.prices.accepted))
        refused = {one.symbol: one.text for one in together if one.severity == "refused"}
        issues += [issue for issue in together if issue.symbol not in refused]
        # What is stored of these is the same.
        usable = {request: one for request, one in usable.items() if request.symbol not in refused}
        failed |= {symbol: DataError(text) for symbol, text in refused.items()}
        prices = Prices(
            usable,
            known,
            known_until(self._daily, now),
            issues=tuple(issues),
            accepted=self.accepted(now),
        )
        return prices, failed

    def second_closes(
        self, series: Series, now: pd.Timestamp
    ) -> Iterator[tuple[str, pd.Series | str]]:
        """The closes of `series` as its other sources have them, by `known_at`, or why not."""
        self._progress(f"{series.request.name} from its other sources")
        yield from second_closes(series, self._daily, now)

    def accepted(self, now: pd.Timestamp) -> tuple[AcceptedClose, ...]:
        """The held closes that somebody had confirmed at `now`, as the journal has them."""
        return accepted_closes(self._daily, now)

    def _check(
        self, loaded: Series | DataError, known: pd.Series
    ) -> tuple[Series | None, DataError | None, list[DataIssue]]:
        """What of a series can be used, why not all of it, and what is implausible about it."""
        if isinstance(loaded, DataError):
            return None, loaded, []
        series, why = without_unconfirmed_close(loaded)
        issues = (*series_issues(series, known, self._daily.prices.accepted), *series.issues)
        issues = live_issues(issues, series.request)
        if refused := refusal(issues):
            return None, DataError(refused), []
        return series, DataError(why) if why else None, list(issues)

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


def without_unconfirmed_close(series: Series) -> tuple[Series, str]:
    """The rows of `series` that may be used now, and why the newest may not; "" if all may.

    Of a coin's newest daily close from any source the rule of candles holds. An exchange's own
    candles have passed it with the candle that runs; other sources have none, so that the next day
    confirms.
    """
    frame = series.frame
    if series.request.kind != "coin" or len(frame) < 2:
        return series, ""
    if series.source_at(frame.index[-1]) == "exchange":
        return series, ""
    before, close = (float(value) for value in frame["close"].iloc[-2:])
    what = f"{series.origin}: the day that ended at {frame.index[-1]:%Y-%m-%d %H:%M} UTC"
    why = why_unconfirmed(what, close, before, None)
    return (series._replace(frame=frame.iloc[:-1]), why) if why else (series, "")


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
