"""From settings and prices to what both engines run on: gate lines, coin lines, rules."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.rules import costs, decision_rules, gate_rules
from brokers.orders.fills import Costs
from brokers.prices.calendar import NEW_YORK
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices
from brokers.prices.series import SIBLINGS, DataError, Request, Series, sibling_closes
from config.settings import Settings
from strategies.checked_market import sibling_of
from strategies.coins import coin_lines
from strategies.decision import DecisionRules
from strategies.gate import published_rows, session_rows
from strategies.market import Market

# Log difference of a close and the one that was accepted: that much differ the two moves since the
# close before, too, and two sources' moves may (`brokers.live.second_opinion.AGREEMENT`).
SAME_CLOSE = 0.01
BITCOIN_TREND_DAYS = 200  # of the benchmark's own average, whatever the strategy's is


class Inputs(NamedTuple):
    """A backtest's inputs.

    `coins` holds the traded coins' lines by name, `bitcoin` the benchmark's, its average over 200
    days; all on `grid`. `table` is the gate as each session showed it, `rows` what each session's
    own closes say (`strategies.gate.session_rows`).
    """

    settings: Settings
    prices: Prices
    table: pd.DataFrame
    rows: pd.DataFrame
    grid: pd.DatetimeIndex
    coins: Mapping[str, pd.DataFrame]
    bitcoin: pd.DataFrame
    rules: DecisionRules
    costs: Costs


def prepare_inputs(settings: Settings, prices: Prices) -> Inputs:
    """Everything that is a function of market data alone: gate, coin lines, rules, costs.

    Raises
    ------
    DataError
        The index history starts too late, or no coin has a bar in the traded window.

    """
    grid = _grid(settings, prices)
    rows = session_rows(market(settings, prices), gate_rules(settings))
    coins = traded_lines(settings, prices, grid)
    bitcoin = _lines(settings.backtest.bitcoin, settings, prices, grid, BITCOIN_TREND_DAYS)
    return Inputs(
        settings=settings,
        prices=prices,
        table=published_rows(rows),
        rows=rows,
        grid=grid,
        coins=coins,
        bitcoin=bitcoin,
        rules=decision_rules(settings),
        costs=costs(settings),
    )


def traded_lines(
    settings: Settings, prices: Prices, grid: pd.DatetimeIndex
) -> dict[str, pd.DataFrame]:
    """The traded coins' lines on `grid`, by name."""
    return {
        coin.name: _lines(coin.history, settings, prices, grid, settings.allocation.own_trend_days)
        for coin in settings.coins
    }


def market(settings: Settings, prices: Prices) -> Market:
    """The gate's inputs out of all prices; sessions from the first close of the index on."""
    signal, confirmations = settings.signal, settings.confirmations
    for _, why in unusable_inputs(settings, prices.series, prices.sessions, prices.now):
        raise DataError(why)
    frames = {
        request.symbol: series.frame
        for request, series in prices.series.items()
        if request.timeframe == "1d"
    }
    index = prices.of(signal.index).frame["close"]

    def column(symbol: str, name: str) -> pd.Series:
        if symbol in frames:
            return frames[symbol][name]
        return pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))

    macro, names = _macro_names(settings), _index_names(settings)
    coin = confirmations.exhaustion.symbol
    read = names | {symbol: symbol for symbol in confirmations.breadth.symbols}
    siblings = {
        field: sibling_closes(prices.of(symbol), prices.of(sibling))
        for field, symbol in read.items()
        if symbol in frames and (sibling := SIBLINGS.get(symbol)) in frames
    }
    sessions = prices.sessions[prices.sessions.index >= index.index[0]]
    symbols = {*read.values(), signal.volume, *macro.values()}
    symbols |= {coin} if confirmations.exhaustion.enabled else set()
    symbols |= {SIBLINGS.get(symbol, symbol) for symbol in read.values()}
    return Market(
        sessions=sessions,
        small_caps=index,
        broad=column(signal.broad, "close"),
        volume=column(signal.volume, "volume"),
        risky_credit=column(signal.risky_credit, "adj_close"),
        safe_credit=column(signal.safe_credit, "adj_close"),
        breadth={symbol: column(symbol, "adj_close") for symbol in confirmations.breadth.symbols},
        liquidity={name: column(symbol, "value") for name, symbol in macro.items()},
        coin=column(coin, "close") if coin in frames else None,
        flows=column("flows", "value") if "flows" in frames else None,
        losses=column("losses", "value") if "losses" in frames else None,
        siblings=siblings,
        names=names | {sibling_of(field): SIBLINGS[read[field]] for field in siblings},
        substituted=_substituted(symbols, prices, pd.DatetimeIndex(sessions.index)),
        accepted=_accepted(read, prices),
    )


def _macro_names(settings: Settings) -> dict[str, str]:
    """The series of the Federal Reserve by the part they have in liquidity."""
    liquidity = settings.confirmations.liquidity
    return {
        "assets": liquidity.assets,
        "treasury": liquidity.treasury,
        "reverse_repos": liquidity.reverse_repos,
    }


def _index_names(settings: Settings) -> dict[str, str]:
    """The symbols of index and funds by the field of `Market` that has their closes."""
    signal = settings.signal
    return {
        "small_caps": signal.index,
        "broad": signal.broad,
        "risky_credit": signal.risky_credit,
        "safe_credit": signal.safe_credit,
    }


def _substituted(
    symbols: Collection[str], prices: Prices, sessions: pd.DatetimeIndex
) -> pd.DatetimeIndex:
    """The sessions whose latest known value of one of these series is not of its first source."""
    later = np.zeros(len(sessions), dtype=bool)
    for request, series in prices.series.items():
        names = series.substitutes
        if names is None or request.timeframe != "1d" or request.symbol not in symbols:
            continue
        known_at = pd.DatetimeIndex(series.frame.index)
        rows = known_at.searchsorted(sessions, side="right") - 1
        later |= known_at.isin(names.index)[np.maximum(rows, 0)] & (rows >= 0)
    return sessions[later]


def _accepted(read: Mapping[str, str], prices: Prices) -> dict[str, pd.Series]:
    """By field or fund of `read` (its symbol), what `strategies.market.Market.accepted` holds.

    Only where the series still has the close that was accepted: another one is held again.
    """
    by_symbol: dict[str, dict[pd.Timestamp, pd.Timestamp]] = {}
    days = pd.DatetimeIndex(prices.sessions).tz_convert(NEW_YORK).date
    daily = {
        request.symbol: series.frame
        for request, series in prices.series.items()
        if request.kind == "session"
    }
    for accepted in prices.accepted:
        if accepted.symbol not in daily:
            continue
        closes = daily[accepted.symbol]["close"]
        for known_at in prices.sessions.index[days == accepted.session]:
            close = float(closes.get(known_at, np.nan))
            if abs(np.log(close / accepted.close)) <= SAME_CLOSE:
                by_symbol.setdefault(accepted.symbol, {})[known_at] = accepted.at
    return {
        field: pd.Series(instants, dtype="datetime64[ns, UTC]")
        for field, symbol in read.items()
        if (instants := by_symbol.get(symbol))
    }


def unusable_inputs(
    settings: Settings, series: Mapping[Request, Series], sessions: pd.Series, now: pd.Timestamp
) -> Iterator[tuple[str, str]]:
    """The name of each series of the gate that no gate can be computed from, and why.

    Only of those in `series`; `sessions` as in `Prices`.
    """
    signal = settings.signal
    daily = {request.symbol: one for request, one in series.items() if request.timeframe == "1d"}
    if signal.index in daily and (
        why := _why_too_short(daily[signal.index], settings, sessions, now)
    ):
        yield signal.index, why
    if signal.volume in daily and (why := _why_no_volume(daily[signal.volume])):
        yield signal.volume, why


def _why_no_volume(series: Series) -> str:
    """Why these volumes are no input; "" if they are."""
    volume = series.frame["volume"]
    if len(volume) and volume.isna().all():
        return (
            f"{series.origin}: has no volume; "
            "add a column Volume, or set confirmations.volume.enabled=false"
        )
    if not (volume == 0).any():
        return ""
    day = volume.index[volume == 0][-1]
    return (
        f"{series.origin}: the volume of {series.request.symbol} is 0 on {day:%Y-%m-%d}; "
        "that is an error of the data, not a 'no': fix the row"
    )


def _why_too_short(
    index: Series, settings: Settings, sessions: pd.Series, now: pd.Timestamp
) -> str:
    """Why a record cannot be found in this history of the index; "" if it can."""
    symbol, start = index.request.symbol, settings.signal.history_from
    if index.frame.empty:
        return f"{index.origin}: {symbol} has no close up to {now:%Y-%m-%d %H:%M} UTC"
    needed = sessions.index[sessions >= pd.Timestamp(start, tz="UTC")]
    if not len(needed) or index.frame.index[0] <= needed[0]:
        return ""
    return (
        f"{index.origin}: {symbol} starts on {index.frame.index[0]:%Y-%m-%d}, "
        f"signal.history_from is {start}; a record needs the whole history: "
        "get it, or set history_from knowing that older records are not seen"
    )


def _grid(settings: Settings, prices: Prices) -> pd.DatetimeIndex:
    """The instants at which coin bars of the traded window end."""
    timeframe = settings.exchange.timeframe
    length = bar_length(timeframe)
    spans = [
        index
        for coin in settings.coins
        if len(index := prices.of(coin.history, timeframe).frame.index)
    ]
    if not spans:
        raise DataError(f"no coin has a bar up to {prices.now:%Y-%m-%d %H:%M} UTC")
    first, last = min(index[0] for index in spans), max(index[-1] for index in spans)
    window = settings.backtest
    start = max(first, pd.Timestamp(window.start, tz="UTC") + length) if window.start else first
    end = (
        min(last, pd.Timestamp(window.end, tz="UTC") + pd.Timedelta(days=1)) if window.end else last
    )
    if start > end:
        requested = f"from {window.start or 'the beginning'} to {window.end or 'the end'}"
        raise DataError(
            f"no coin has a bar {requested} (backtest.start, backtest.end): "
            f"there are bars from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    index = prices.of(settings.signal.index).frame.index
    if end < index[0] or index[-1] < start - pd.Timedelta(days=366):
        raise DataError(
            f"{settings.signal.index} ({index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d}) "
            f"and the coins ({start:%Y-%m-%d} to {end:%Y-%m-%d}) do not overlap"
        )
    return pd.date_range(start, end, freq=length, name="known_at", unit="ns")


def _lines(
    history: str, settings: Settings, prices: Prices, grid: pd.DatetimeIndex, average_days: int
) -> pd.DataFrame:
    daily = prices.of(history).frame["close"]
    bars = prices.of(history, settings.exchange.timeframe).frame
    return coin_lines(bars, daily, grid, average_days, settings.allocation.volatility_days)
