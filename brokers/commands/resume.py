"""`resume`: allow trading again."""

import time
from pathlib import Path

from brokers.journal.opening import existing_journal, open_journal
from config.settings import load


def resume(files: list[Path] | None, overrides: list[str] | None) -> None:
    """Let a halted account trade again; the drawdown guard starts a new peak."""
    path = existing_journal(load(files, overrides))
    with open_journal(path, time.time, locked=False) as journal:
        journal.resume()
        journal.record_incident("resume", "info", "resumed")
    print(f"resumed: {path} trades again from its next bar")
