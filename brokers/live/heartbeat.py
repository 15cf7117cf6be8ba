"""A sign of life that leaves the machine: a monitoring service notices when it stays away.

In the manner of healthchecks.io: the address itself is pinged for success, the address with /start,
/fail or /log for what these words say. A line of text goes with each ping.
"""

import threading
import time
from collections import deque
from collections.abc import Collection
from typing import Any, Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import requests

from brokers.exchange.transport import call_within
from brokers.live.notify import RepeatFilter
from brokers.redaction import redact, redact_answer
from config.addresses import WEB, secret_parts
from config.settings import ConfigError

Signal = Literal["success", "start", "fail", "log"]
TIMEOUT = 5.0  # seconds to connect, and to wait for the answer
PING_TIMEOUT = 12.0  # seconds for a whole ping, the look-up of the host's name included
RETRY_AFTER = 2.0  # seconds from a ping that was not taken to its second and last attempt
LONGEST_QUEUE = 20  # pings that wait before the oldest is dropped: an old one says nothing any more
LONGEST_TEXT = 500  # characters of the text
LONGEST_ANSWER = 100  # bytes of an answer that are read
NAME = "RUSSELL_GATE_HEARTBEAT_URL"


class Ping(NamedTuple):
    """What is sent."""

    signal: Signal
    text: str


class Heartbeat:
    """Pings an address in the background.

    The one rule: `ping` returns at once and raises nothing. A ping that is not taken is sent once
    more and then dropped: that it stays away is what the monitoring service reports.
    """

    def __init__(self, url: str, log: Any, secrets: Collection[str] = ()) -> None:
        """`url` with a user's name and password where its server wants them; "": nothing is pinged.

        Raises
        ------
        ConfigError
            It is not an http or https address.

        """
        self._active = bool(url)
        self._log = log
        self._parts = secret_parts([url])
        self._secrets = frozenset((*secrets, *self._parts))
        self._repeats = RepeatFilter()
        self._waiting: deque[Ping] = deque(maxlen=LONGEST_QUEUE)
        self._changed = threading.Condition()
        self._closing = False
        self._missed = 0  # pings in a row that were not taken
        # A daemon: a server that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name="heartbeat", daemon=True)
        if self._active:
            self._target = _Target.of(url)
            self._thread.start()

    def ping(self, signal: Signal, text: str) -> None:
        """Send `signal` with a line of `text`."""
        if self._active:
            line = redact(" ".join(text.split()), self._secrets)[:LONGEST_TEXT]
            with self._changed:
                self._waiting.append(Ping(signal, line))
                self._changed.notify()

    def report(self, signal: Signal, text: str) -> None:
        """`ping`, but the same text, whatever its numbers, once an hour."""
        if self._repeats.count_if_due(text, time.monotonic()) is not None:
            self.ping(signal, text)

    def close(self, timeout: float) -> None:
        """Send what still waits, within `timeout` seconds."""
        if self._active:
            with self._changed:
                self._closing = True
                self._changed.notify()
            self._thread.join(timeout)

    def _work(self) -> None:
        while (ping := self._next()) is not None:
            why = self._attempt(ping)
            if why:
                time.sleep(RETRY_AFTER)
                why = self._attempt(ping)
            self._report(why)

    def _next(self) -> Ping | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _attempt(self, ping: Ping) -> str:
        """Why it was not taken; "" if it was."""
        try:
            return self._redact(call_within(PING_TIMEOUT, lambda: self._target.send(ping)))
        except TimeoutError:
            return f"no answer within {PING_TIMEOUT:g} s"
        except Exception as error:  # whatever a server or a proxy does, the thread must go on
            return self._redact(f"{type(error).__name__}: {error}")

    def _report(self, why: str) -> None:
        """Log the first of several that were not taken, and that one was taken again."""
        if why and not self._missed:
            self._log.warning(f"the heartbeat was not taken by its server: {why}")
        elif self._missed and not why:
            self._log.warning(f"the heartbeat is taken again; {self._missed} before it were not")
        self._missed = self._missed + 1 if why else 0

    def _redact(self, text: str) -> str:
        return redact_answer(text, self._secrets, self._parts)


class _Target(NamedTuple):
    """An address without its login."""

    parts: SplitResult
    login: tuple[str, str] | None

    @classmethod
    def of(cls, url: str) -> "_Target":
        try:
            parts = urlsplit(url)
            valid = parts.scheme in WEB and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ConfigError(
                f"{NAME}: not an http or https address; it has the form "
                "https://hc-ping.com/UUID, or https://USER:PASSWORD@HOST/PATH"
            )
        login, _, host = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        plain = parts._replace(netloc=host, path=parts.path.rstrip("/"), fragment="")
        return cls(plain, (unquote(user), unquote(password)) if login else None)

    def send(self, ping: Ping) -> str:
        """Send it; why it was not taken, "" if it was."""
        suffix = "" if ping.signal == "success" else f"/{ping.signal}"
        address = urlunsplit(self.parts._replace(path=self.parts.path + suffix))
        with requests.post(
            address,
            data=ping.text.encode(),
            headers={"Content-Type": "text/plain; charset=utf-8", "User-Agent": "russell-gate"},
            auth=self.login,
            timeout=TIMEOUT,
            # Elsewhere may be a network's login page; and the address is a secret of its host.
            allow_redirects=False,
            stream=True,
        ) as response:
            answer = (
                next(response.iter_content(LONGEST_ANSWER), b"").decode(errors="replace").strip()
            )
            if not response.ok or response.is_redirect:
                return f"HTTP {response.status_code} {response.reason}"
            # healthchecks.io answers 200 with "OK (not found)" and "OK (rate limited)" too.
            return answer if answer.startswith("OK (") else ""
