"""Which journal a command acts on that only looks at an account, or stops it."""

import os
from pathlib import Path

from brokers.journal.file_header import why_no_journal
from brokers.journal.lock import holder
from brokers.journal.opening import NAME_IT, existing_journal
from brokers.journal.permit import is_permitted
from config.settings import PREFIX, ConfigError, load

DRILL = ".drill.sqlite"
SECTION = "exchange"  # of the settings: it names the account


def select_journal(
    files: list[Path] | None, overrides: list[str] | None, *, to_halt: bool = False
) -> Path:
    """The journal of the configuration; where none is given, of the session that runs.

    Without a running session it is the only journal in `journal.folder` or in a folder below it:
    shipped configurations keep theirs apart. Other files there are left alone. With `to_halt` a
    damaged one is good enough if its session may order: its permit can be withdrawn.

    Raises
    ------
    ConfigError
        There is no such journal, several could be meant, or the file is none.

    """
    settings = load(files, overrides)
    if files or _names_account(overrides or []):
        path = existing_journal(settings)
    else:
        path = _only_journal(Path(settings.journal.folder))
    if (why := why_no_journal(path)) and not (to_halt and _may_trade(path)):
        raise ConfigError(
            f"{path}: is not a journal: {why}. Nothing was changed; put the journal back, or move "
            f"the file elsewhere and {NAME_IT}"
        )
    return path


def _only_journal(folder: Path) -> Path:
    """The journal in or below `folder` whose session runs, or the only one."""
    # A drill has a journal of its own beside the account's.
    named = [path for path in sorted(folder.rglob("*.sqlite")) if not path.name.endswith(DRILL)]
    journals = [path for path in named if not why_no_journal(path) or _may_trade(path)] or named
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


def _may_trade(path: Path) -> bool:
    """Whether an account's session orders for the journal at `path`, whatever the file is."""
    return is_permitted(path.resolve()) or bool(holder(path))


def _names_account(overrides: list[str]) -> bool:
    return any(text.lstrip().startswith(f"{SECTION}.") for text in overrides) or any(
        name.startswith(f"{PREFIX}{SECTION.upper()}") for name in os.environ
    )
