"""What must not be tested elsewhere: the gate's own inputs, and coins."""

from config.settings import ConfigError, Settings


def refuse_gate_inputs(settings: Settings) -> None:
    """Check what `evidence.elsewhere` names; other commands do not read it.

    Disabled confirmations count as well: a fund is no less an input of tomorrow's gate.

    Raises
    ------
    ConfigError
        An asset is an input of the gate or a coin, or is measured after its own breakouts; or an
        index of a pair is the gate's own.

    """
    section = settings.evidence.elsewhere
    index = settings.signal.index
    if index in section.pairs:
        raise ConfigError(
            f'evidence.elsewhere.pairs: "{index}" is signal.index; name what is measured after its'
            " breakouts in evidence.elsewhere.assets"
        )
    _refuse("assets", section.assets, settings)
    for other, assets in section.pairs.items():
        _refuse(f'pairs."{other}"', assets, settings)
        if other in assets:
            raise ConfigError(
                f'evidence.elsewhere.pairs."{other}": {other} after its own breakouts is no other'
                " asset; remove it from its list"
            )


def _refuse(key: str, assets: tuple[str, ...], settings: Settings) -> None:
    inputs = {*settings.session_symbols(), *settings.prices.proxies()}
    coins = {*(coin.history for coin in settings.coins), settings.backtest.bitcoin}
    coins |= {settings.evidence.ether, *settings.evidence.alts}
    for asset in assets:
        if asset in inputs:
            raise ConfigError(
                f"evidence.elsewhere.{key}: {asset} is an input of the gate; a breakout that needs"
                " its strength selects the outcome; remove it from the list"
            )
        if asset in coins:
            raise ConfigError(
                f"evidence.elsewhere.{key}: {asset} is a coin, which the claims test already;"
                " remove it from the list"
            )
