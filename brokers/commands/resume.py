"""`resume`: allow trading again."""

import time
from pathlib import Path

from brokers.journal.halting import resume_account
from brokers.journal.selection import select_journal


def resume(files: list[Path] | None, overrides: list[str] | None) -> None:
    """Let a halted account trade again; the drawdown guard starts a new peak."""
    path = select_journal(files, overrides)
    before = resume_account(path, time.time())
    if before.state == "on":
        print(f"{path}: trading was on already; nothing has changed")
        return
    print(
        f"resumed: {path} trades again from its next bar, and buys if the gate is open; the "
        f"drawdown guard starts a new peak (trading was {before.state}: {before.reason})"
    )
