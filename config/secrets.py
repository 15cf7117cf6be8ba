"""API keys and addresses: from the environment, .env or a secrets folder, never from settings."""

import os
import stat
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.addresses import secret_parts
from config.settings import PREFIX, SECRETS_FOLDER, ConfigError

DOTENV = Path(".env")
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

    def keys(self) -> tuple[str, str] | None:
        """API key and secret; None if neither is set."""
        key, secret = (
            self.api_key.get_secret_value().strip(),
            self.api_secret.get_secret_value().strip(),
        )
        if bool(key) != bool(secret):
            missing = "API_SECRET" if key else "API_KEY"
            raise ConfigError(f"{PREFIX}{missing} is not set; set both key and secret, or neither")
        return (key, secret) if key else None

    def urls(self) -> list[str]:
        """Addresses that notifications are sent to."""
        return self.notify_urls.get_secret_value().replace(",", " ").split()

    def heartbeat(self) -> str:
        """The address that is pinged; "" for none."""
        return self.heartbeat_url.get_secret_value().strip()

    def hidden(self) -> list[str]:
        """Every text that must not appear in a log, an error or a file.

        Of an address that is all of it but its host.
        """
        values = (self.api_key, self.api_secret, self.notify_urls, self.heartbeat_url)
        texts = [value.get_secret_value().strip() for value in values]
        return [
            *dict.fromkeys(text for text in texts if text),
            *secret_parts([*self.urls(), self.heartbeat()]),
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
    return secrets


def _refuse_open(file: Path) -> None:
    mode = file.stat().st_mode
    if mode & OPEN_TO_OTHERS:
        raise ConfigError(
            f"{file}: contains secrets, but other users can read it (mode {stat.S_IMODE(mode):o}); "
            f"run: chmod 600 {file}"
        )
