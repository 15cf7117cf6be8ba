"""Keys and addresses: from the environment, a .env file or a secrets folder, never from a settings file."""

import os
import stat
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.settings import PREFIX, SECRETS_FOLDER, ConfigError

DOTENV = Path(".env")
OPEN_TO_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


class Secrets(BaseSettings):
    """What only the user may know. It prints masked."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix=PREFIX)

    api_key: SecretStr = Field(default=SecretStr(""), description="key of the exchange's testnet")
    api_secret: SecretStr = Field(default=SecretStr(""), description="its secret")
    notify_urls: SecretStr = Field(
        default=SecretStr(""), description="apprise addresses, separated by spaces or commas"
    )

    def keys(self) -> tuple[str, str] | None:
        """Key and secret; None where none is given."""
        key, secret = (
            self.api_key.get_secret_value().strip(),
            self.api_secret.get_secret_value().strip(),
        )
        if bool(key) != bool(secret):
            missing = "API_SECRET" if key else "API_KEY"
            raise ConfigError(
                f"{PREFIX}{missing} is not set, its other half is: give both, or neither"
            )
        return (key, secret) if key else None

    def urls(self) -> list[str]:
        """Where notifications go."""
        return self.notify_urls.get_secret_value().replace(",", " ").split()

    def hidden(self) -> list[str]:
        """Every text that must not be seen in a log, an error or a file."""
        values = (self.api_key, self.api_secret, self.notify_urls)
        return [
            text
            for value in values
            for text in {
                value.get_secret_value(),
                *value.get_secret_value().replace(",", " ").split(),
            }
            if text
        ]


def load_secrets(dotenv: Path = DOTENV) -> Secrets:
    """The environment's over those in the folder RUSSELL_GATE_SECRETS names over those in `dotenv`.

    Raises
    ------
    ConfigError
        A file that others can read, or that cannot be read, or half a pair of keys.

    """
    sources: dict[str, Any] = {"_env_file": None}
    if dotenv.exists():
        _refuse_open(dotenv)
        sources["_env_file"] = dotenv
    if named := os.environ.get(SECRETS_FOLDER):
        folder = Path(named)
        if not folder.is_dir():
            raise ConfigError(
                f"{SECRETS_FOLDER}={named}: is no folder; it should hold files named {PREFIX.lower()}api_key, {PREFIX.lower()}api_secret"
            )
        for file in folder.iterdir():
            if file.is_file():
                _refuse_open(file)
        sources["_secrets_dir"] = folder
    try:
        found = Secrets(**sources)
    except (ValidationError, OSError, UnicodeDecodeError):
        raise ConfigError(
            f"secrets cannot be read from {dotenv} or {SECRETS_FOLDER}: write lines NAME=value as in .env.example"
        ) from None
    found.keys()
    return found


def _refuse_open(file: Path) -> None:
    mode = file.stat().st_mode
    if mode & OPEN_TO_OTHERS:
        raise ConfigError(
            f"{file}: holds secrets and has mode {stat.S_IMODE(mode):o}, so that others can read it; run: chmod 600 {file}"
        )
