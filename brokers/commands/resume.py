"""`resume`."""

import time
from pathlib import Path

from brokers.journal.opening import existing_journal, open_journal
from config.settings import load


def resume(files: list[Path] | None, overrides: list[str] | None) -> None:
    """Let a session trade again; the drawdown guard starts anew from what the account is worth now."""
    path = existing_journal(load(files, overrides))
    with open_journal(path, time.time, locked=False) as journal:
        journal.resume()
        journal.incident("resume", "info", "resumed")
    print(f"resumed: {path} trades again from its next bar")
