"""What systemd runs when a unit of ours has failed and is not started again.

    python -m brokers.live.failure UNIT

Logs it, sends a notification and marks the heartbeat as failed, as far as addresses are configured.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from loguru import logger

from brokers.live.heartbeat import Heartbeat
from brokers.live.notify import Notifier
from brokers.live.undelivered import list_undelivered
from config.secrets import Secrets, load_secrets

FLUSH = 60.0  # seconds for each, of the unit's three minutes


def report_failure(unit: str, secrets: Secrets, environment: Mapping[str, str], log: Any) -> None:
    """Report that `unit` has failed; `environment` is systemd's, which may know how.

    Raises
    ------
    ConfigError
        An address cannot be used.

    """
    result = environment.get("MONITOR_SERVICE_RESULT", "")
    status = environment.get("MONITOR_EXIT_STATUS", "")
    why = ", ".join(filter(None, (result, f"status {status}" if status else "")))
    text = (
        f"{unit} has failed{f' ({why})' if why else ''} and is not started again: nothing is "
        f"traded. See journalctl --unit {unit} and the session's log"
    )
    log.error(text)
    hidden = secrets.hidden()
    heartbeat = Heartbeat(secrets.heartbeat(), log, hidden)
    notifier = Notifier(secrets.urls(), ["incident"], log, hidden)
    heartbeat.ping("fail", text)
    notifier.send("incident", "Russell Gate: a unit has failed", text)
    heartbeat.close(FLUSH)
    notifier.close(FLUSH)
    if lost := notifier.undelivered():
        log.error(f"not delivered:\n{list_undelivered(lost)}")


if __name__ == "__main__":
    report_failure(sys.argv[1], load_secrets(), os.environ, logger)
