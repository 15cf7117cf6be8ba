"""The prices that the claims are tested on, and why a series could not be had."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.events import daily_closes
from backtests.evidence.gate_inputs import refuse_gate_inputs
from brokers.local_paths import name_paths
from brokers.prices.load import Prices, load_prices, load_requests
from brokers.prices.plausibility import series_issues
from brokers.prices.series import DataError, Request, Series
from brokers.prices.sources import OWN_COLUMNS, own_file, source_of
from brokers.progress import Progress
from config.settings import Settings

BITCOIN, ETHER, ALTS, INDEX = "BTC", "ETH", "alts", "Russell 2000"
NONE: Mapping[str, pd.Series] = {}
# Funds that sentences of the articles are about, beside those of the strategy: large technology
# companies (the Nasdaq 100), small ones (S&P SmallCap information technology), Treasuries of 1 to
# 3 years, regional banks.
FUNDS = {"technology": "QQQ", "small technology": "PSCT", "short rates": "SHY", "banks": "KRE"}
# FRED: the Chicago Fed's financial conditions (revised every week), the Fed's Treasuries.
PUBLISHED = {"conditions": "NFCI", "treasuries": "TREAST"}


class History(NamedTuple):
    """Prices by the instant they were known (UTC).

    `bars` are the index's, `closes` its closes: one entry a session, NaN where it is missing.
    `broad` is the broad index's close, `bonds` those of bond funds, interest included. `assets`
    are daily closes by name: of the coins, of the mean of the alts (each day's mean of the returns
    of those listed the day before), and of the index itself; `alts` are their own closes.
    `series` are all that were read; `lacking` says why one could not be had or is doubtful. `macro`
    are published values: "assets" and "treasury" (millions of USD), "reverse_repos" (billions of
    USD), "spread" (percent), "conditions" (standard deviations), "treasuries" (millions of USD),
    "two-year yield" (percent), and what the user has: "flows" of small-cap funds (USD), "losses"
    (share of companies), "bitcoin_flows" (USD), "open_interest" (USD). `funds` are closes of
    `FUNDS`, interest included; `breadth` those of the funds by which breadth is measured; `volumes`
    the turnover of coins and, by the index's name, that of its fund.
    """

    prices: Prices
    bars: pd.DataFrame
    closes: pd.Series
    broad: pd.Series
    bonds: Mapping[str, pd.Series]
    assets: Mapping[str, pd.Series]
    lacking: Mapping[str, str]
    series: tuple[Series, ...]
    alts: Mapping[str, pd.Series] = NONE
    macro: Mapping[str, pd.Series] = NONE
    funds: Mapping[str, pd.Series] = NONE
    breadth: Mapping[str, pd.Series] = NONE
    volumes: Mapping[str, pd.Series] = NONE

    @property
    def coins(self) -> dict[str, pd.Series]:
        """Bitcoin, Ether and each alt by name, closes by the instant known."""
        names = (BITCOIN, ETHER)
        return {name: self.assets[name] for name in names if name in self.assets} | dict(self.alts)


def load_history(
    settings: Settings, now: pd.Timestamp, step: Progress, *, refresh: bool = False
) -> History:
    """Everything there is; only the strategy's own series must be.

    Raises
    ------
    ConfigError
        `evidence.elsewhere` names an input of the gate, or a coin.
    DataError
        One of the strategy's own series cannot be used.

    """
    refuse_gate_inputs(settings)
    prices = load_prices(settings, now, refresh=refresh, progress=step, may_fall_back=True)
    series, lacking = _all_series(settings, prices, step, refresh=refresh)
    signal = settings.signal
    bars = prices.of(signal.index).frame
    alts = {name: series[name].frame["close"] for name in settings.evidence.alts if name in series}
    bonds = {"risky": signal.risky_credit, "safe": signal.safe_credit}
    published = _published_symbols(settings)
    breadth = {name: name for name in settings.confirmations.breadth.symbols}
    sessions = prices.sessions.index
    return History(
        prices=prices,
        bars=bars,
        closes=bars["close"].reindex(sessions[sessions >= bars.index[0]]),
        broad=prices.of(signal.broad).frame["close"],
        bonds=_columns(series, bonds, "adj_close"),
        assets=_assets(series, alts, bars, settings),
        lacking=lacking,
        series=tuple(series.values()),
        alts=alts,
        macro=_columns(series, published, "value"),
        funds=_columns(series, FUNDS, "adj_close"),
        breadth=_columns(series, breadth, "adj_close"),
        volumes=_columns(series, _traded_symbols(settings), "volume"),
    )


def equal_weighted_price(closes: Mapping[str, pd.Series]) -> pd.Series:
    """One price, beginning at 1, of coins held in equal weights.

    Each day it earns the mean of the returns of the coins that had a price the day before.
    """
    days = pd.concat(closes, axis=1).sort_index()
    returns = days.pct_change(fill_method=None).mean(axis=1).fillna(0.0)
    return pd.Series(np.cumprod(1.0 + returns.to_numpy()), index=days.index)


def _all_series(
    settings: Settings, prices: Prices, step: Progress, *, refresh: bool
) -> tuple[dict[str, Series], dict[str, str]]:
    """Daily series by symbol, the strategy's own and others; and why one is missing or doubtful."""
    series = {
        request.symbol: item for request, item in prices.series.items() if request.timeframe == "1d"
    }
    requests = [] if prices.sample else _further_requests(settings, prices)
    loaded = load_requests(requests, settings, prices.now, refresh=refresh, progress=step)
    further = {request.symbol: _plausible(item, settings, prices) for request, item in loaded}
    series |= {name: item for name, item in further.items() if not isinstance(item, DataError)}
    lacking = {
        name: _why_lacking(name, item)
        for name, item in further.items()
        if isinstance(item, DataError)
    }
    doubts = {issue.symbol: issue.text for issue in prices.issues if issue.severity == "high"}
    return series, doubts | lacking


def _why_lacking(symbol: str, problem: DataError) -> str:
    """The problem; a series that no setting names cannot be taken out of the settings."""
    text = name_paths(str(problem))
    if symbol not in (*FUNDS.values(), *PUBLISHED.values()):
        return text
    return f"{text.partition('; add it')[0]}; only the claims about it need it"


def _plausible(item: Series | DataError, settings: Settings, prices: Prices) -> Series | DataError:
    """A series that has passed the plausibility step, or why there is none."""
    if isinstance(item, DataError):
        return item
    issues = series_issues(item, prices.sessions, settings.prices.accepted)
    doubt = next((issue.text for issue in issues if issue.severity != "note"), "")
    return DataError(doubt) if doubt else item


def _further_requests(settings: Settings, prices: Prices) -> list[Request]:
    """What is read beside the strategy's own series."""
    section, signal = settings.evidence, settings.signal
    loaded = {request.symbol for request in prices.series}
    coins = [Request(name, "coin") for name in dict.fromkeys((section.ether, *section.alts))]
    elsewhere = section.elsewhere.session_symbols()
    named = (signal.risky_credit, signal.safe_credit, *FUNDS.values(), *elsewhere)
    funds = [Request(name, "session") for name in named]
    earlier = Request(section.bitcoin_before, "macro")
    has_earlier = section.bitcoin_before and source_of(earlier, settings) == "folder"
    macro = [Request(name, "macro") for name in _published_symbols(settings).values()]
    return [
        *(request for request in dict.fromkeys((*coins, *funds)) if request.symbol not in loaded),
        *([earlier] if has_earlier else []),
        *(request for request in macro if request.symbol not in loaded),
    ]


def _published_symbols(settings: Settings) -> dict[str, str]:
    """Published values by their names in `History.macro`; the user's own where a file is set."""
    parts = settings.confirmations.liquidity
    symbols = {
        "assets": parts.assets,
        "treasury": parts.treasury,
        "reverse_repos": parts.reverse_repos,
        "spread": settings.evidence.credit_spread,
    }
    symbols["two-year yield"] = settings.evidence.elsewhere.two_year
    own = {name: name for name in OWN_COLUMNS if own_file(name, settings)}
    return {name: symbol for name, symbol in symbols.items() if symbol} | PUBLISHED | own


def _traded_symbols(settings: Settings) -> dict[str, str]:
    """Whose turnover counts for which asset: the index has none of its own."""
    section = settings.evidence
    coins = {BITCOIN: settings.backtest.bitcoin, ETHER: section.ether}
    return coins | {name: name for name in section.alts} | {INDEX: settings.signal.volume}


def _columns(
    series: Mapping[str, Series], symbols: Mapping[str, str], column: str
) -> dict[str, pd.Series]:
    """One column of each series that is there, by name."""
    return {
        name: series[symbol].frame[column] for name, symbol in symbols.items() if symbol in series
    }


def _assets(
    series: Mapping[str, Series],
    alts: Mapping[str, pd.Series],
    bars: pd.DataFrame,
    settings: Settings,
) -> dict[str, pd.Series]:
    assets = {BITCOIN: bitcoin_closes(series, settings), INDEX: daily_closes(bars["close"])}
    if settings.evidence.ether in series:
        assets[ETHER] = series[settings.evidence.ether].frame["close"]
    if alts:
        assets[ALTS] = equal_weighted_price(alts)
    return assets


def bitcoin_closes(series: Mapping[str, Series], settings: Settings) -> pd.Series:
    """Bitcoin's closes, before its first bar those of another source."""
    closes = series[settings.backtest.bitcoin].frame["close"]
    if settings.evidence.bitcoin_before not in series:
        return closes
    before = series[settings.evidence.bitcoin_before].frame["value"]
    # It is published at midnight UTC, whatever New York's clock says.
    before = before.set_axis(pd.DatetimeIndex(before.index).floor("D"))
    earlier: pd.Series = pd.concat([before[before.index < closes.index[0]], closes])
    return earlier
