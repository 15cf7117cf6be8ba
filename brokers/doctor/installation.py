"""What is installed and configured."""

import platform
import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brokers.doctor.finding import Finding
from brokers.plurals import count

if TYPE_CHECKING:
    from config.secrets import Secrets
    from config.settings import Settings

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
NAMED_PACKAGES = ("python", "ccxt", "backtrader", "pandas", "yfinance", "sqlalchemy")
INSTALL = "run: make setup, or pip install --require-hashes -r requirements.lock"


def check_configuration(settings: "Settings") -> Finding:
    """What is traded where."""
    exchange = settings.exchange
    orders = (
        f"orders to {exchange.id}'s testnet"
        if exchange.mode == "testnet"
        else "fills simulated here"
    )
    coins = ", ".join(coin.market for coin in settings.coins)
    text = (
        f"mode {exchange.mode}: prices of {exchange.prices_id}, {orders}, a decision every "
        f"{exchange.timeframe}, {coins}"
    )
    if settings.prices.source == "sample":
        text = f'{text}; prices.source is "sample", which paper refuses'
        return Finding("configuration", "warning", text, "set prices.source to another source")
    return Finding("configuration", "ok", text)


def check_versions(pyproject: Path = PYPROJECT) -> Finding:
    """Python and packages against the oldest that `pyproject` allows."""
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    except OSError:
        return Finding(
            "versions",
            "warning",
            f"{pyproject} does not exist: the required versions are unknown",
            "run from the complete source tree",
        )
    required = "\n".join([f"python{project['requires-python']}", *project["dependencies"]])
    minimums = dict(re.findall(r"^([\w.-]+?)(?:\[.*\])?>=([\d.]+)", required, re.MULTILINE))
    has = {
        name: platform.python_version() if name == "python" else _installed_version(name)
        for name in minimums
    }
    old = [
        f"{name} {has[name] or 'is missing'}, at least {minimum} is required"
        for name, minimum in minimums.items()
        if _is_older(has[name], minimum)
    ]
    if old:
        return Finding("versions", "wrong", "; ".join(old), INSTALL)
    return Finding("versions", "ok", ", ".join(f"{name} {has[name]}" for name in NAMED_PACKAGES))


def check_notifications(settings: "Settings", secrets: "Secrets") -> Finding:
    """Whether notifications can be sent; none is sent now."""
    from loguru import logger

    from brokers.live.notify import Notifier
    from config.settings import ConfigError

    urls, events = secrets.urls(), settings.notify.events
    if not urls:
        return Finding("notifications", "ok", "none are sent: RUSSELL_GATE_NOTIFY_URLS is not set")
    try:
        Notifier(urls, events, logger, secrets.hidden()).close(1.0)
    except ConfigError as error:
        remedy = "correct RUSSELL_GATE_NOTIFY_URLS, or pip install apprise"
        return Finding("notifications", "wrong", str(error), remedy)
    text = f"to {count(len(urls), 'address', 'addresses')}: {', '.join(events) or 'no events'}"
    if not events:
        return Finding("notifications", "warning", text, "name some in notify.events")
    return Finding("notifications", "ok", text)


def check_heartbeat(secrets: "Secrets") -> Finding:
    """Whether somebody is pinged; nobody is now."""
    from loguru import logger

    from brokers.live.heartbeat import NAME, Heartbeat
    from config.settings import ConfigError

    address = secrets.heartbeat()
    if not address:
        text = f"nobody is pinged: {NAME} is not set. If this machine or its network fails, "
        return Finding("heartbeat", "ok", f"{text}nobody is told")
    try:
        Heartbeat(address, logger, secrets.hidden()).close(1.0)
    except ConfigError as error:
        return Finding("heartbeat", "wrong", str(error), f"correct {NAME}")
    return Finding("heartbeat", "ok", f"pinged: {urlsplit(address).hostname}")


def _installed_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _is_older(version_: str, minimum: str) -> bool:
    has, needs = (
        [int(number) for number in re.findall(r"\d+", text)] for text in (version_, minimum)
    )
    return has < needs
