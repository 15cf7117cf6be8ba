"""Which journal a command acts on that only looks at an account, or stops it."""

import os
from pathlib import Path

from brokers.journal.lock import holder
from brokers.journal.opening import NAME_IT, existing_journal
from config.settings import PREFIX, ConfigError, load

DRILL = ".drill.sqlite"
SECTION = "exchange"  # of the settings: it names the account


def select_journal(files: list[Path] | None, overrides: list[str] | None) -> Path:
    """The journal of the configuration; where none is given, of the session that runs.

    Without a running session it is the only journal in `journal.folder` or in a folder below it:
    shipped configurations keep theirs apart.

    Raises
    ------
    ConfigError
        There is no such journal, or several could be meant.

    """
    settings = load(files, overrides)
    if files or _names_account(overrides or []):
        return existing_journal(settings)
    folder = Path(settings.journal.folder)
    # A drill has a journal of its own beside the account's.
    files_there = sorted(folder.rglob("*.sqlite"))
    journals = [path for path in files_there if not path.name.endswith(DRILL)]
    running = [path for path in journals if holder(path)]
    candidates = running or journals
    if len(candidates) > 1:
        what = "sessions run" if running else "journals are there"
        listed = "\n".join(f"  {path}" for path in candidates)
        raise ConfigError(f"{len(candidates)} {what}; {NAME_IT}:\n{listed}")
    if not candidates:
        raise ConfigError(
            f"{folder}: there is no such journal in this folder or below it; run this in the "
            f"folder where the session was started, or {NAME_IT}"
        )
    return candidates[0]


def _names_account(overrides: list[str]) -> bool:
    return any(text.lstrip().startswith(f"{SECTION}.") for text in overrides) or any(
        name.startswith(f"{PREFIX}{SECTION.upper()}") for name in os.environ
    )
