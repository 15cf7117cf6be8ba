"""Some coins by name, in place of those of the settings: `backtest --coins`."""

import math
from statistics import fmean

from config.explanations import nearest
from config.sections import Coin
from config.settings import ConfigError, Settings, with_changes
from config.start import KNOWN_COINS, lag_of, parse_coins


def choose_coins(settings: Settings, text: str) -> Settings:
    """`settings` with the coins that `text` names, in its order, as in "BTC,ETH".

    A coin of the settings keeps its table; another known one is added as `init` adds it, with the
    mean weight. All weights are then scaled to the same sum as before.

    Raises
    ------
    ConfigError
        A name is not known or there twice, or there is none.

    """
    names = parse_coins(text)
    listed = {coin.name: coin for coin in settings.coins}
    usual = fmean(coin.weight for coin in settings.coins)
    coins = [
        listed.get(name) or _known(name, settings, usual, lag_of(place))
        for place, name in enumerate(names)
    ]
    sums = [math.fsum(coin.weight for coin in some) for some in (settings.coins, coins)]
    scale = sums[0] / sums[1]
    tables = [
        coin.model_dump(exclude_none=True) | {"weight": min(1.0, coin.weight * scale)}
        for coin in coins
    ]
    return with_changes(_without_others(settings, coins), {"coins": tables}, "--coins")


def _known(name: str, settings: Settings, weight: float, lag_days: int) -> Coin:
    if name not in KNOWN_COINS:
        listed = [coin.name for coin in settings.coins]
        known = [*listed, *(coin for coin in KNOWN_COINS if coin not in listed)]
        raise ConfigError(
            f"--coins {name}: no coin of the settings, and none that is known"
            f"{nearest(name, known)}; any other is added as a table [[coins]]"
        )
    return Coin(
        name=name,
        history=f"{name}-USD",
        market=f"{name}/{settings.quote}",
        weight=weight,
        lag_days=lag_days,
    )


def _without_others(settings: Settings, coins: list[Coin]) -> Settings:
    """`settings` without the tables of [prices] for symbols that only the other coins had."""
    used = settings.model_copy(update={"coins": tuple(coins)}).symbols()
    others = {coin.history for coin in settings.coins} - set(used)
    tables = {
        name: {
            key: value for key, value in getattr(settings.prices, name).items() if key not in others
        }
        for name in ("sources", "url_names", "accepted")
    }
    return settings.model_copy(update={"prices": settings.prices.model_copy(update=tables)})
