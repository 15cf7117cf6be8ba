"""The closes that the claims are held against, and what could not be had."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.events import every_day
from brokers.prices.load import OWN_COLUMNS, Prices, load_prices, load_requests, own_file, source_of
from brokers.prices.series import DataError, Request, Series
from brokers.progress import Progress
from config.settings import Settings

BITCOIN, ETHER, ALTS, INDEX = "BTC", "ETH", "alts", "Russell 2000"
NONE: Mapping[str, pd.Series] = {}


class History(NamedTuple):
    """Prices by the instant they were known (UTC); `broad` is the broad index's close, `bonds` have those of bond funds, interest included.

    `closes` has one entry a session, NaN where the index has no close. `assets` are daily closes by name: of the coins, of the mean of
    the alts (each day's mean of the returns of those listed the day before), and of the index itself; `alts` are their own closes.
    `lacking` says why a series could not be had. `series` are all that were read. `macro` are published values: "assets" and "treasury"
    (millions of USD), "reverse_repos" (billions of USD), "spread" (percent), and what the user has: "flows" of small-cap funds (USD),
    "losses" (share of companies), "bitcoin_flows" (USD), "open_interest" (USD).
    """

    prices: Prices
    bars: pd.DataFrame  # of the index
    closes: pd.Series
    broad: pd.Series
    bonds: Mapping[str, pd.Series]
    assets: Mapping[str, pd.Series]
    lacking: Mapping[str, str]
    series: tuple[Series, ...]
    alts: Mapping[str, pd.Series] = NONE
    macro: Mapping[str, pd.Series] = NONE


def gathered(settings: Settings, now: pd.Timestamp, refresh: bool, step: Progress) -> History:
    """Everything there is; only the strategy's own series must be.

    Raises
    ------
    DataError
        One of those cannot be used.

    """
    prices = load_prices(settings, now, refresh, step, may_fall_back=True)
    index = prices.of(settings.signal.index).frame
    more = {} if prices.sample else _more(settings, prices, refresh, step)
    found = {
        request.symbol: one for request, one in prices.series.items() if request.timeframe == "1d"
    }
    lacking = {symbol: str(one) for symbol, one in more.items() if isinstance(one, DataError)}
    found |= {symbol: one for symbol, one in more.items() if not isinstance(one, DataError)}
    assets = {BITCOIN: _bitcoin(found, settings), INDEX: every_day(index["close"])}
    if settings.evidence.ether in found:
        assets[ETHER] = found[settings.evidence.ether].frame["close"]
    alts = {
        symbol: found[symbol].frame["close"] for symbol in settings.evidence.alts if symbol in found
    }
    if alts:
        assets[ALTS] = mean_of(alts)
    closes = index["close"].reindex(prices.sessions.index[prices.sessions.index >= index.index[0]])
    signal, broad = settings.signal, prices.of(settings.signal.broad).frame["close"]
    funds = {"risky": signal.risky_credit, "safe": signal.safe_credit}
    bonds = {
        name: found[symbol].frame["adj_close"] for name, symbol in funds.items() if symbol in found
    }
    macro = {
        name: found[symbol].frame["value"]
        for name, symbol in _macro(settings).items()
        if symbol in found
    }
    return History(
        prices, index, closes, broad, bonds, assets, lacking, tuple(found.values()), alts, macro
    )


def mean_of(closes: Mapping[str, pd.Series]) -> pd.Series:
    """One price, beginning at 1, that each day earns the mean of the returns of the coins that had a price the day before."""
    days = pd.concat(closes, axis=1).sort_index()
    returns = days.pct_change(fill_method=None).mean(axis=1).fillna(0.0)
    return pd.Series(np.cumprod(1.0 + returns.to_numpy()), index=days.index)


def _more(
    settings: Settings, prices: Prices, refresh: bool, step: Progress
) -> dict[str, Series | DataError]:
    """Series beside the strategy's own."""
    wanted, had = settings.evidence, {request.symbol for request in prices.series}
    requests = [
        Request(symbol, "coin")
        for symbol in dict.fromkeys((wanted.ether, *wanted.alts))
        if symbol not in had
    ]
    signal = settings.signal
    requests += [
        Request(symbol, "session")
        for symbol in (signal.risky_credit, signal.safe_credit)
        if symbol not in had
    ]
    before = Request(wanted.bitcoin_before, "macro")
    if wanted.bitcoin_before and source_of(before, settings) == "folder":
        requests.append(before)
    requests += [
        Request(symbol, "macro") for symbol in _macro(settings).values() if symbol not in had
    ]
    return {
        request.symbol: found
        for request, found in load_requests(requests, settings, prices.now, refresh, step)
    }


def _macro(settings: Settings) -> dict[str, str]:
    """Published values by what they are; the user's own where a file of them is named."""
    parts, wanted = settings.confirmations.liquidity, settings.evidence
    symbols = {
        "assets": parts.assets,
        "treasury": parts.treasury,
        "reverse_repos": parts.reverse_repos,
        "spread": wanted.credit_spread,
    }
    return {name: symbol for name, symbol in symbols.items() if symbol} | {
        name: name for name in OWN_COLUMNS if own_file(name, settings)
    }


def _bitcoin(found: Mapping[str, Series], settings: Settings) -> pd.Series:
    """Its closes, before its first bar those of another source."""
    closes = found[settings.backtest.bitcoin].frame["close"]
    if settings.evidence.bitcoin_before not in found:
        return closes
    before = found[settings.evidence.bitcoin_before].frame["value"]
    before = before.set_axis(
        pd.DatetimeIndex(before.index).floor("D")
    )  # published at midnight UTC, whatever New York's clock says
    earlier: pd.Series = pd.concat([before[before.index < closes.index[0]], closes])
    return earlier
