"""A configuration to begin with, out of a few answers."""

from pathlib import Path
from typing import NamedTuple, get_args

from config.settings import ConfigError, load
from config.trading import Timeframe

KNOWN_COINS = ("BTC", "ETH", "SOL", "LTC", "XRP", "BNB", "ADA", "DOGE", "LINK", "AVAX")
STYLES = {
    "gate": "the gate alone decides",
    "strict": "crypto only when every channel is full",
    "or-trend": "a coin is held when the gate allows it or its own 200-day trend is up",
}
STYLE_LINES = {
    "gate": "",
    "strict": "[risk_curve]\nceilings = [0.0, 0.0, 0.0, 1.0]      # nothing unless all three channels are full\n",
    "or-trend": '[allocation]\nown_trend = "or"                      # the gate as a second opinion\n',
}
TIMEFRAMES: tuple[str, ...] = get_args(Timeframe)
LAGS = (0, 30, 60)  # days after the confirmation: first Bitcoin, then the next coin, then the rest


class Answers(NamedTuple):
    """What a user chose. `coins` share the equity equally; `folder` empty: prices from the services."""

    coins: tuple[str, ...]
    style: str
    timeframe: str
    folder: str


def written(answers: Answers, path: Path) -> None:
    """Write a configuration file that `load` accepts.

    Raises
    ------
    ConfigError
        An answer is not allowed, the file exists already, or it cannot be written.

    """
    if path.exists():
        raise ConfigError(f"{path}: exists already; name another file with --output, or remove it")
    content = text(answers)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(content, encoding="utf-8")
        load([partial])
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def text(answers: Answers) -> str:
    """The file's content, each value with its reason.

    Raises
    ------
    ConfigError
        An answer is not allowed.

    """
    _refuse_unknown(answers)
    share = round(1.0 / len(answers.coins), 4)
    share -= (
        0.0001 if share * len(answers.coins) > 1 else 0.0
    )  # rounded shares must not sum to more than all
    parts = ["# What differs from config/default.toml, where every key stands with its reason.\n"]
    if answers.folder:
        parts.append(f"[prices]\nsource = \"folder\"\nfolder = '{answers.folder}'\n")
    parts.append(STYLE_LINES[answers.style])
    if answers.timeframe != "1d":
        parts.append(
            f'[exchange]\ntimeframe = "{answers.timeframe}"                      # a decision when such a bar closes\n'
        )
    for number, coin in enumerate(answers.coins):
        lag = LAGS[min(number, len(LAGS) - 1)]
        names = f'name = "{coin}"\nhistory = "{coin}-USD"\nmarket = "{coin}/USDT"\n'
        parts.append(
            f"[[coins]]\n{names}weight = {share:g}\nlag_days = {lag}                         # days after the confirmation\n"
        )
    return "\n".join(part for part in parts if part)


def _refuse_unknown(answers: Answers) -> None:
    for coin in answers.coins:
        if coin not in KNOWN_COINS:
            raise ConfigError(
                f"--coins {coin}: is none of {', '.join(KNOWN_COINS)}; others can be written into the file by hand"
            )
    if not answers.coins or len(set(answers.coins)) < len(answers.coins):
        raise ConfigError(f"--coins {','.join(answers.coins)}: name at least one coin, each once")
    if answers.style not in STYLES:
        raise ConfigError(f"--style {answers.style}: is none of {', '.join(STYLES)}")
    if answers.timeframe not in TIMEFRAMES:
        raise ConfigError(f"--timeframe {answers.timeframe}: is none of {', '.join(TIMEFRAMES)}")
    if "'" in answers.folder or "\n" in answers.folder:
        raise ConfigError(
            f"--prices {answers.folder}: write a path with a quotation mark into the file by hand"
        )
