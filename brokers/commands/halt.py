"""`halt`: stop trading."""

import time
from pathlib import Path

from brokers.journal.opening import existing_journal, open_journal
from config.settings import load


def halt(files: list[Path] | None, overrides: list[str] | None, reason: str) -> None:
    """Stop a paper account's trading at once, whether its session runs or not."""
    path = existing_journal(load(files, overrides))
    with open_journal(path, time.time, locked=False) as journal:
        journal.halt(reason)
        journal.record_incident("halt", "warning", f"halted: {reason}")
    print(f"halted: nothing is ordered for {path} until `resume`; positions are kept")
