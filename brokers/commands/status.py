"""`status`: how an account stands, from its journal alone."""

import time
from collections.abc import Sequence
from pathlib import Path

from brokers.console import console
from brokers.journal.opening import read_journal_file
from brokers.journal.selection import select_journal
from brokers.live.exchange_clock import present_offset
from brokers.live.health import EXIT_CODES
from brokers.live.status import status_panel
from brokers.live.status_report import status_report


def show_status(
    files: list[Path] | None, overrides: list[str] | None, states: Sequence[str], *, as_json: bool
) -> int:
    """Print the status; the exit code says whether the account is well.

    `states` are the names of the gate's states by code, the confirmed one last.
    """
    path = select_journal(files, overrides)
    with read_journal_file(path) as journal:
        now = time.time()  # the session's time is the exchange's
        report = status_report(journal, states, now + present_offset(journal.known(), now))
    if as_json:
        print(report.model_dump_json())
    else:
        console().print(status_panel(report, report.at))
    return EXIT_CODES[report.health]
