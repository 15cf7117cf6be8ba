"""The settings that an account trades with, for commands that act on it from outside."""

from pathlib import Path

from brokers.journal.opening import read_journal_file
from config.settings import ConfigError, Settings, load, restore


def account_settings(path: Path, files: list[Path] | None, overrides: list[str] | None) -> Settings:
    """The configuration that is given, or that of the newest session.

    Raises
    ------
    ConfigError
        There is neither, or it is not one of this version.

    """
    if files:
        return load(files, overrides)
    with read_journal_file(path) as journal:
        sessions = journal.sessions()
    if not sessions:
        raise ConfigError(
            f"{path}: no session has ever traded it; name its configuration with --config"
        )
    name = f"the settings of session {sessions[-1].id} in {path}"
    return restore(sessions[-1].settings, name, overrides)
