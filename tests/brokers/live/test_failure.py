"""What a unit that has failed for good is reported with."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.brokers.receivers import UUID, Monitor, Receiver

ROOT = Path(__file__).parents[3]


def test_a_unit_that_has_failed_is_logged_notified_and_pinged(tmp_path: Path):
    receiver, monitor = Receiver(), Monitor()
    environment = os.environ | {
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
        "RUSSELL_GATE_NOTIFY_URLS": receiver.url,
        "RUSSELL_GATE_HEARTBEAT_URL": monitor.url,
        "MONITOR_SERVICE_RESULT": "exit-code",
        "MONITOR_EXIT_STATUS": "5",
    }
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "brokers.live.failure", "russell-gate.service"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    receiver.close()
    monitor.close()
    said = "russell-gate.service has failed (exit-code, status 5) and is not started again"
    assert said in result.stderr
    assert receiver.titles == ["Russell Gate: a unit has failed"]
    assert receiver.got[0]["message"].startswith(said)
    (ping,) = monitor.got
    assert ping.path == f"/ping/{UUID}/fail"
    assert ping.text.startswith(said)


def test_without_addresses_it_is_logged(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, "-m", "brokers.live.failure", "russell-gate-once.service"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert re.search(r"ERROR .* russell-gate-once.service has failed and", result.stderr)
