"""`halt`: stop trading."""

import sys
import time
from pathlib import Path

from brokers.clock import utc_text
from brokers.journal.halting import halt_account, stop_buying
from brokers.journal.selection import select_journal


def halt(
    files: list[Path] | None, overrides: list[str] | None, reason: str, *, reduce_only: bool
) -> None:
    """Stop a paper account's orders at once, or its buys, whether its session runs or not."""
    path = select_journal(files, overrides)
    if reduce_only:
        _stop_buying(path, reason)
        return
    problem = halt_account(path, reason, time.time())
    print(f"halted: nothing is ordered for {path} until `resume`; positions are kept")
    if problem:
        print(
            f"this is in force, but only half of it was written: {problem}. Repeat `halt` when "
            "that is settled, so that the reason is recorded",
            file=sys.stderr,
        )


def _stop_buying(path: Path, reason: str) -> None:
    trading = stop_buying(path, reason, time.time())
    if trading.state == "no-buys":
        print(
            f"nothing is bought for {path} until `resume`; its decisions still sell "
            f"(since {utc_text(trading.since)}: {trading.reason})"
        )
        return
    what = "sells everything" if trading.state == "flatten" else "orders nothing at all"
    print(f"{path}: unchanged: the account {what} ({trading.state}: {trading.reason})")
