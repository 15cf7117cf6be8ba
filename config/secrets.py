"""API keys and addresses: from the environment, .env or a secrets folder, never from settings."""

import os
import re
import stat
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.addresses import (
    keys_of,
    login_fits_latin_1,
    problem_of_characters,
    problem_of_prices_address,
    secret_parts,
)
from config.settings import PREFIX, SECRETS_FOLDER, ConfigError

DOTENV = Path(".env")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OPEN_TO_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


class Secrets(BaseSettings):
    """API keys and notification addresses. Its repr is masked."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix=PREFIX)

    api_key: SecretStr = Field(
        default=SecretStr(""), description="API key of the exchange's testnet"
    )
    api_secret: SecretStr = Field(default=SecretStr(""), description="secret of the API key")
    notify_urls: SecretStr = Field(
        default=SecretStr(""), description="apprise addresses, separated by spaces or commas"
    )
    heartbeat_url: SecretStr = Field(
        default=SecretStr(""),
        description="address that is pinged in the manner of healthchecks.io",
    )
    prices_url: SecretStr = Field(
        default=SecretStr(""),
        description="address of the prices of source = url, with {symbol}, {start} and {end}",
    )
    prices_header: SecretStr = Field(
        default=SecretStr(""), description="header of its requests, as in X-Api-Key: abc"
    )
    alpaca_key: SecretStr = Field(default=SecretStr(""), description="key of Alpaca's market data")
    alpaca_secret: SecretStr = Field(default=SecretStr(""), description="secret of that key")

    def keys(self) -> tuple[str, str] | None:
        """API key and secret; None if neither is set."""
        return self._pair("api_key", "api_secret")

    def alpaca(self) -> tuple[str, str] | None:
        """Key and secret of Alpaca's market data; None if neither is set."""
        return self._pair("alpaca_key", "alpaca_secret")

    def _pair(self, *names: str) -> tuple[str, str] | None:
        key, secret = (getattr(self, name).get_secret_value().strip() for name in names)
        if bool(key) != bool(secret):
            missing = names[1 if key else 0].upper()
            raise ConfigError(f"{PREFIX}{missing} is not set; set both key and secret, or neither")
        for name, text in zip(names, (key, secret), strict=True):
            if not _fits_a_header(text):
                raise ConfigError(
                    f"{PREFIX}{name.upper()}: has a character that no key has (a line break, one "
                    "of a word processor); copy it again"
                )
        return (key, secret) if key else None

    def urls(self) -> list[str]:
        """Addresses that notifications are sent to.

        Raises
        ------
        ConfigError
            One cannot be sent as it is; the message shows nothing of it.

        """
        urls = self._written_urls()
        for number, url in enumerate(urls, 1):
            if why := problem_of_characters(url):
                raise ConfigError(f"{PREFIX}NOTIFY_URLS: address {number} {why}")
        return urls

    def heartbeat(self) -> str:
        """The address that is pinged; "" for none.

        Raises
        ------
        ConfigError
            It cannot be sent as it is; the message shows nothing of it.

        """
        address = self.heartbeat_url.get_secret_value().strip()
        if why := problem_of_characters(address):
            raise ConfigError(f"{PREFIX}HEARTBEAT_URL: it {why}")
        if not login_fits_latin_1(address):
            raise ConfigError(
                f"{PREFIX}HEARTBEAT_URL: user name or password has a letter that cannot be sent; "
                "choose one with letters from a to z, digits and signs"
            )
        return address

    def _written_urls(self) -> list[str]:
        return self.notify_urls.get_secret_value().replace(",", " ").split()

    def prices_address(self) -> str:
        """The address of `source = "url"` with its placeholders; "" for none.

        Raises
        ------
        ConfigError
            It cannot be one; the message shows nothing of it.

        """
        address = self.prices_url.get_secret_value().strip()
        header = bool(self.prices_header.get_secret_value().strip())
        if address and (why := problem_of_prices_address(address, with_header=header)):
            raise ConfigError(f"{PREFIX}PRICES_URL: {why}")
        return address

    def prices_headers(self) -> dict[str, str]:
        """The header of requests to `prices_address`, by its name; empty for none.

        Raises
        ------
        ConfigError
            It has no name, or characters that no header may have.

        """
        text = self.prices_header.get_secret_value().strip()
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not text:
            return {}
        if not (colon and value and HEADER_NAME.fullmatch(name) and _fits_a_header(value)):
            raise ConfigError(
                f"{PREFIX}PRICES_HEADER: not a header; write it as NAME: VALUE, as in "
                "X-Api-Key: abc"
            )
        return {name: value}

    def hidden(self) -> list[str]:
        """Every text that must not appear in a log, an error or a file.

        Of an address that is all of it but its host; of that of prices, what may be a key.
        """
        values = (getattr(self, name) for name in type(self).model_fields)
        texts = [value.get_secret_value().strip() for value in values]
        value = self.prices_header.get_secret_value().partition(":")[2].strip()
        return [
            *dict.fromkeys(text for text in (*texts, value, *value.split()) if text),
            *secret_parts([*self._written_urls(), self.heartbeat_url.get_secret_value().strip()]),
            *keys_of(self.prices_url.get_secret_value().strip()),
        ]


def load_secrets(dotenv: Path = DOTENV) -> Secrets:
    """Secrets from `dotenv`, the folder named by RUSSELL_GATE_SECRETS, and the environment.

    Later ones win.

    Raises
    ------
    ConfigError
        A file is readable by other users, cannot be read, or only one of key and secret is set.

    """
    sources: dict[str, Any] = {"_env_file": None}
    if dotenv.exists():
        _refuse_open(dotenv)
        sources["_env_file"] = dotenv
    if named := os.environ.get(SECRETS_FOLDER):
        folder = Path(named)
        if not folder.is_dir():
            raise ConfigError(
                f"{SECRETS_FOLDER}={named}: not a folder; it should contain files named "
                f"{PREFIX.lower()}api_key and {PREFIX.lower()}api_secret"
            )
        for file in folder.iterdir():
            if file.is_file():
                _refuse_open(file)
        sources["_secrets_dir"] = folder
    try:
        secrets = Secrets(**sources)
    except (ValidationError, OSError, UnicodeDecodeError):
        raise ConfigError(
            f"secrets cannot be read from {dotenv} or {SECRETS_FOLDER}; write lines NAME=value "
            "as in .env.example"
        ) from None
    secrets.keys()
    secrets.alpaca()
    secrets.prices_headers()
    secrets.prices_address()
    secrets.urls()
    secrets.heartbeat()
    return secrets


def _fits_a_header(text: str) -> bool:
    """Whether a client can send it as it is; their errors on others repeat it, or are no errors."""
    return text.isascii() and text.isprintable()


def _refuse_open(file: Path) -> None:
    mode = file.stat().st_mode
    if mode & OPEN_TO_OTHERS:
        raise ConfigError(
            f"{file}: contains secrets, but other users can read it (mode {stat.S_IMODE(mode):o}); "
            f"run: chmod 600 {file}"
        )
