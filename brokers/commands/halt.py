"""`halt`: stop trading."""

import math
import sys
import time
from pathlib import Path

from brokers.clock import utc_text
from brokers.journal.halting import halt_account, stop_buying
from brokers.journal.records import Trading
from brokers.journal.selection import select_journal


def halt(
    files: list[Path] | None, overrides: list[str] | None, reason: str, *, reduce_only: bool
) -> None:
    """Stop a paper account's orders at once, or its buys, whether its session runs or not."""
    path = select_journal(files, overrides, to_halt=not reduce_only)
    if reduce_only:
        _stop_buying(path, reason)
        return
    now = time.time()
    recorded, problem = halt_account(path, reason, now)
    print(f"halted: nothing is ordered for {path} until `resume`; positions are kept")
    if recorded is not None and recorded.since != now:
        print(f"it was halted before: {_since(recorded)}; that reason is kept")
    if problem:
        missing = "its reason could not be recorded" if recorded is None else "its permit is left"
        print(
            f"the halt is in force; {missing}: {problem}. Repeat `halt` when that is settled",
            file=sys.stderr,
        )


def _since(trading: Trading) -> str:
    when = "" if math.isnan(trading.since) else f" (since {utc_text(trading.since)})"
    return f"{trading.reason}{when}"


def _stop_buying(path: Path, reason: str) -> None:
    trading = stop_buying(path, reason, time.time())
    if trading.state == "no-buys":
        print(
            f"nothing is bought for {path} until `resume`; its decisions still sell; "
            f"reason: {_since(trading)}"
        )
        return
    what = "sells everything" if trading.state == "flatten" else "orders nothing at all"
    print(f"{path}: unchanged: the account {what} ({trading.state}: {trading.reason})")
