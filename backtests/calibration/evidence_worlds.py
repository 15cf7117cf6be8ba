"""The history of `evidence` with drawn coins."""

import pandas as pd

from backtests.calibration.worlds import with_coins
from backtests.evidence.history import ALTS, BITCOIN, ETHER, History, equal_weighted_price
from brokers.prices.series import BAR_COLUMNS, Request, Series
from config.settings import Settings

# Bitcoin's closes before the first bar of its own series, which another source has.
EARLIER = Request("Bitcoin before its first bar", "coin")


def coins_of(history: History, settings: Settings) -> list[Series]:
    """Every coin of the history, and Bitcoin's earlier closes as a coin of their own."""
    coins = [item for item in history.series if item.request.kind == "coin"]
    bitcoin = next(item for item in coins if item.request.symbol == settings.backtest.bitcoin)
    closes = history.assets[BITCOIN]
    earlier = closes[closes.index < bitcoin.frame.index[0]].dropna()
    if len(earlier) < 2:
        return coins
    columns = dict.fromkeys(BAR_COLUMNS[:-1], earlier) | {BAR_COLUMNS[-1]: 0.0}
    frame = pd.DataFrame(columns, pd.DatetimeIndex(earlier.index).as_unit("ns"))
    return [bitcoin._replace(request=EARLIER, frame=frame), *coins]


def with_drawn_coins(
    history: History, settings: Settings, frames: dict[Request, pd.DataFrame]
) -> History:
    """The same history with other bars of the coins, as `load_history` would make it of them."""
    section = settings.evidence
    by_symbol = {request.symbol: frame for request, frame in frames.items()}
    names = {BITCOIN: settings.backtest.bitcoin, ETHER: section.ether}
    names |= {name: name for name in history.alts}
    closes = {
        name: by_symbol[symbol]["close"] for name, symbol in names.items() if symbol in by_symbol
    }
    volumes = {
        name: by_symbol[symbol]["volume"]
        for name, symbol in names.items()
        if symbol in by_symbol and name in history.volumes
    }
    alts = {name: closes[name] for name in history.alts}
    assets = dict(history.assets) | {
        name: closes[name] for name in (BITCOIN, ETHER) if name in history.assets
    }
    assets[BITCOIN] = _spliced(history.assets[BITCOIN], closes[BITCOIN], frames.get(EARLIER))
    if alts:
        assets[ALTS] = equal_weighted_price(alts)
    return history._replace(
        prices=with_coins(history.prices, frames),
        assets=assets,
        alts=alts,
        volumes={**history.volumes, **volumes},
        series=tuple(
            item._replace(frame=frames[item.request]) if item.request in frames else item
            for item in history.series
        ),
    )


def _spliced(real: pd.Series, closes: pd.Series, earlier: pd.DataFrame | None) -> pd.Series:
    """Drawn closes with drawn earlier ones before them; the return between both is the real one."""
    if earlier is None:
        return closes
    before = earlier["close"]
    joined: pd.Series = pd.concat([before * (real[before.index[-1]] / before.iloc[-1]), closes])
    return joined
