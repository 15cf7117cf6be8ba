"""Messages to systemd: started, alive, what is going on, stopping. See sd_notify(3)."""

import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress

from brokers.clock import Clock

SOCKET, INTERVAL, WATCHED = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
MARGIN = 2.0  # a sign of life is due this many times within the interval
PATIENCE = 0.2  # seconds to wait for a manager that does not read
LONGEST_STATUS = 300  # characters of a status


class SystemdNotifier:
    """Tells the service manager how the session is.

    The one rule: signs of life come from the thread that has said READY, so that a session that
    hangs gives none. Without a manager, or if it does not listen, nothing happens.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """`environment` is the one that the manager started this process with."""
        self._address = environment.get(SOCKET, "")
        self._status = ""
        self._thread: int | None = None
        self.interval = _interval(environment)

    def ready(self) -> None:
        """The session has started; from now on the manager wants signs of life of this thread."""
        self._thread = threading.get_ident()
        self._send("READY=1")

    def alive(self) -> None:
        """The session's thread is not hanging; from any other thread nothing happens."""
        if self._thread == threading.get_ident():
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """A line of text for `systemctl status`; sent if it has changed."""
        line = " ".join(text.split())[:LONGEST_STATUS]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def stopping(self) -> None:
        """The session has ended; what is left is bounded."""
        self._thread = None
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        # An address in the abstract namespace is written with @ and begins with a zero.
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(PATIENCE)
            manager.sendto(message.encode(), address)


def _interval(environment: Mapping[str, str]) -> float:
    """Seconds within which a sign of life is due, with a margin; infinite where none is wanted."""
    watched = environment.get(WATCHED, "")
    try:
        microseconds = int(environment.get(INTERVAL, "0"))
    except ValueError:
        microseconds = 0
    if microseconds <= 0 or (watched and watched != str(os.getpid())):
        return float("inf")
    return microseconds / 1e6 / MARGIN


class WatchedClock(Clock):
    """The machine's clock; every step of a wait, whatever waits, is a sign of life."""

    def __init__(self, manager: SystemdNotifier) -> None:
        super().__init__()
        self._manager = manager
        self.longest_sleep = min(Clock.longest_sleep, manager.interval)

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until stopped."""
        ends = self.monotonic() + seconds
        self._manager.alive()
        while (left := ends - self.monotonic()) > 0.0 and not self.stopped:
            super().sleep(min(left, self.longest_sleep))
            self._manager.alive()
