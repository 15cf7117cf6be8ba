"""What is installed and configured."""

import platform
import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from brokers.doctor.finding import Finding

if TYPE_CHECKING:
    from config.secrets import Secrets
    from config.settings import Settings

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
SHOWN = ("python", "ccxt", "backtrader", "pandas", "yfinance", "sqlalchemy")
INSTALL = "run: make setup, or pip install --require-hashes -r requirements.lock"


def configuration(settings: "Settings") -> Finding:
    """What is traded where."""
    exchange = settings.exchange
    orders = (
        f"orders to {exchange.id}'s testnet"
        if exchange.mode == "testnet"
        else "fills worked out here"
    )
    coins = ", ".join(coin.market for coin in settings.coins)
    text = f"mode {exchange.mode}: prices of {exchange.prices_id}, {orders}, a decision every {exchange.timeframe}, {coins}"
    if settings.prices.source == "sample":
        return Finding(
            "configuration",
            "warning",
            f'{text}; prices.source is "sample", which paper refuses',
            "set prices.source to another",
        )
    return Finding("configuration", "ok", text)


def versions(pyproject: Path = PYPROJECT) -> Finding:
    """Python and packages against the oldest that `pyproject` allows."""
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    except OSError:
        return Finding(
            "versions",
            "warning",
            f"{pyproject} is not there: what is needed is not known",
            "run from the whole source tree",
        )
    wanted = [f"python{project['requires-python']}", *project["dependencies"]]
    least = dict(re.findall(r"^([\w.-]+?)(?:\[.*\])?>=([\d.]+)", "\n".join(wanted), re.MULTILINE))
    has = {
        name: platform.python_version() if name == "python" else _installed(name) for name in least
    }
    old = [
        f"{name} {has[name] or 'is missing'}, at least {minimum} is needed"
        for name, minimum in least.items()
        if _older(has[name], minimum)
    ]
    if old:
        return Finding("versions", "wrong", "; ".join(old), INSTALL)
    return Finding("versions", "ok", ", ".join(f"{name} {has[name]}" for name in SHOWN))


def notifications(settings: "Settings", secrets: "Secrets") -> Finding:
    """Whether somebody is told; nothing is sent."""
    from loguru import logger

    from brokers.live.notify import Notifier
    from config.settings import ConfigError

    urls, events = secrets.urls(), settings.notify.events
    if not urls:
        return Finding(
            "notifications", "ok", "nobody is told of anything: RUSSELL_GATE_NOTIFY_URLS is not set"
        )
    try:
        Notifier(urls, events, logger, secrets.hidden()).close(1.0)
    except ConfigError as error:
        return Finding(
            "notifications",
            "wrong",
            str(error),
            "mend RUSSELL_GATE_NOTIFY_URLS, or pip install apprise",
        )
    text = f"{len(urls)} addresses are told of {', '.join(events) or 'nothing'}"
    if not events:
        return Finding("notifications", "warning", text, "name some in notify.events")
    return Finding("notifications", "ok", text)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _older(one: str, other: str) -> bool:
    return [int(number) for number in re.findall(r"\d+", one)] < [
        int(number) for number in re.findall(r"\d+", other)
    ]
