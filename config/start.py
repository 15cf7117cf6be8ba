"""A starting configuration from a few answers, for `init`."""

from pathlib import Path
from typing import NamedTuple, get_args

from config.settings import ConfigError, load
from config.trading import Timeframe

KNOWN_COINS = ("BTC", "ETH", "SOL", "LTC", "XRP", "BNB", "ADA", "DOGE", "LINK", "AVAX")
STYLES = {
    "gate": "only the gate decides",
    "strict": "hold crypto only when all risk checks pass",
    "or-trend": "hold a coin when the gate allows it or it is above its 200-day average",
}
STYLE_LINES = {
    "gate": "",
    "strict": "[risk_curve]\n"
    "ceilings = [0.0, 0.0, 0.0, 1.0]      # hold nothing unless all three risk checks pass\n",
    "or-trend": "[allocation]\n"
    'own_trend = "or"                      # the gate, or the trend of the coin\n',
}
TIMEFRAMES: tuple[str, ...] = get_args(Timeframe)
LAGS = (0, 30, 60)  # days after the confirmation: the first coin, the second, all others


class Answers(NamedTuple):
    """The answers of the user: coins with equal weights; an empty `folder` means Yahoo prices."""

    coins: tuple[str, ...]
    style: str
    timeframe: str
    folder: str


def write_config(answers: Answers, path: Path) -> None:
    """Write a configuration file to `path` that `load` accepts.

    Raises
    ------
    ConfigError
        An answer is not allowed, the file exists already, or it cannot be written.

    """
    if path.exists():
        raise ConfigError(f"{path}: exists already; choose another file with --output or delete it")
    content = config_text(answers)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(content, encoding="utf-8")
        load([partial])
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def config_text(answers: Answers) -> str:
    """The content of the file, each value with its reason.

    Raises
    ------
    ConfigError
        An answer is not allowed.

    """
    _refuse_unknown(answers)
    share = round(1.0 / len(answers.coins), 4)
    # The sum of rounded weights must not exceed 1.
    share -= 0.0001 if share * len(answers.coins) > 1 else 0.0
    parts = ["# Changes to config/default.toml, which lists every key with its reason.\n"]
    if answers.folder:
        parts.append(f"[prices]\nsource = \"folder\"\nfolder = '{answers.folder}'\n")
    parts.append(STYLE_LINES[answers.style])
    if answers.timeframe != "1d":
        parts.append(
            f'[exchange]\ntimeframe = "{answers.timeframe}"                      '
            "# decide when a bar of this length closes\n"
        )
    for number, coin in enumerate(answers.coins):
        lag = LAGS[min(number, len(LAGS) - 1)]
        names = f'name = "{coin}"\nhistory = "{coin}-USD"\nmarket = "{coin}/USDT"\n'
        parts.append(
            f"[[coins]]\n{names}weight = {share:g}\n"
            f"lag_days = {lag}                         # days after the confirmation\n"
        )
    return "\n".join(part for part in parts if part)


def _refuse_unknown(answers: Answers) -> None:
    for coin in answers.coins:
        if coin not in KNOWN_COINS:
            raise ConfigError(
                f"--coins {coin}: expected some of {', '.join(KNOWN_COINS)}; add others by hand"
            )
    if not answers.coins or len(set(answers.coins)) < len(answers.coins):
        raise ConfigError(
            f"--coins {','.join(answers.coins)}: name at least one coin, and each only once"
        )
    if answers.style not in STYLES:
        raise ConfigError(f"--style {answers.style}: expected one of {', '.join(STYLES)}")
    if answers.timeframe not in TIMEFRAMES:
        raise ConfigError(
            f"--timeframe {answers.timeframe}: expected one of {', '.join(TIMEFRAMES)}"
        )
    if "'" in answers.folder or "\n" in answers.folder:
        raise ConfigError(
            f"--prices {answers.folder}: a path with a quotation mark must be added by hand"
        )
