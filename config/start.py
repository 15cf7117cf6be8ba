"""A starting configuration from a few answers, for `init`."""

from collections.abc import Collection
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


def parse_coins(text: str) -> tuple[str, ...]:
    """The coins in a text such as "btc, ETH", in its order.

    Raises
    ------
    ConfigError
        There is none, or one is there twice.

    """
    coins = tuple(coin.strip().upper() for coin in text.split(",") if coin.strip())
    if not coins or len(set(coins)) < len(coins):
        raise ConfigError(f"--coins {','.join(coins)}: name at least one coin, and each only once")
    return coins


def lag_of(place: int) -> int:
    """Days after the confirmation until the coin at `place` (from 0) may be held."""
    return LAGS[min(place, len(LAGS) - 1)]


def check_coins(text: str) -> tuple[str, ...]:
    """The coins in `text`, all of them known ones.

    Raises
    ------
    ConfigError
        As `parse_coins`, or one is not known.

    """
    coins = parse_coins(text)
    for coin in coins:
        if coin not in KNOWN_COINS:
            raise ConfigError(
                f"--coins {coin}: expected some of {', '.join(KNOWN_COINS)}; add others by hand"
            )
    return coins


def check_style(text: str) -> str:
    """The style that `text` names.

    Raises
    ------
    ConfigError
        None has that name.

    """
    return _one_of("--style", text, STYLES)


def check_timeframe(text: str) -> str:
    """The length of a bar that `text` names.

    Raises
    ------
    ConfigError
        None has that name.

    """
    return _one_of("--timeframe", text, TIMEFRAMES)


def check_folder(text: str) -> str:
    """The folder of price files that `text` names; "" stands for Yahoo.

    Raises
    ------
    ConfigError
        It cannot be written into a TOML file as it is.

    """
    folder = text.strip()
    if folder.startswith("~/"):
        folder = str(Path.home() / folder[2:])
    if "'" in folder or "\n" in folder:
        raise ConfigError(f"--prices {folder}: a path with a quotation mark must be added by hand")
    return folder


def check_new(path: Path) -> Path:
    """`path`, where there is no file yet.

    Raises
    ------
    ConfigError
        There is one, or the folder it would be in is none.

    """
    if path.exists():
        raise ConfigError(f"{path}: exists already; choose another file with --output or delete it")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: cannot be written: there is no folder {path.parent}")
    return path


def write_config(answers: Answers, path: Path) -> None:
    """Write a configuration file to `path` that `load` accepts.

    Raises
    ------
    ConfigError
        An answer is not allowed, the file exists already, or it cannot be written.

    """
    check_new(path)
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
    check_coins(",".join(answers.coins))
    check_style(answers.style)
    check_timeframe(answers.timeframe)
    check_folder(answers.folder)
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
        lag = lag_of(number)
        names = f'name = "{coin}"\nhistory = "{coin}-USD"\nmarket = "{coin}/USDT"\n'
        parts.append(
            f"[[coins]]\n{names}weight = {share:g}\n"
            f"lag_days = {lag}                         # days after the confirmation\n"
        )
    return "\n".join(part for part in parts if part)


def _one_of(option: str, text: str, allowed: Collection[str]) -> str:
    value = text.strip().lower()
    if value not in allowed:
        raise ConfigError(f"{option} {value}: expected one of {', '.join(allowed)}")
    return value
