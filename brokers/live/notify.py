"""Notifications through apprise, sent in the background."""

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from brokers.redaction import redact
from config.settings import ConfigError

# What a person can ask to be notified of, and how apprise marks it.
EVENTS = {
    "gate": "info",
    "orders": "info",
    "daily": "info",
    "incident": "warning",
    "missed": "failure",
}
WAITING = 50  # messages that wait for one service before the oldest is dropped
TIMEOUT = 10.0  # seconds to connect to a service, and to wait for each part of its answer
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds between attempts, doubled after each
PATIENCE = 6 * 3600.0  # seconds after which a message is given up
QUIET = 3600.0  # seconds in which the same incident is sent once
REPEATED = ("incident", "missed")  # events that come again and again while something lasts
# What may differ between two reports of the same incident: numbers, the parts of times, and what
# names one order or object.
VARIABLE = re.compile(r"0x[0-9a-f]+|\b(?=\w*\d)\w{16,}\b|[+-]?\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?")


class Notification(NamedTuple):
    """What is sent; `kind` is apprise's."""

    kind: str
    title: str
    text: str


class Notifier:
    """Sends each event a person asked for to every service, in the background.

    The one rule: `send` returns at once and raises nothing, whatever state network and services are
    in. Each service has its own thread and queue, so that one that hangs delays no other. A service
    that cannot be reached is tried again for `PATIENCE`.
    """

    def __init__(
        self, urls: Sequence[str], events: Collection[str], log: Any, secrets: Collection[str] = ()
    ) -> None:
        """`urls` in apprise's form, `events` out of `EVENTS`, `secrets` to mask in what is sent.

        Raises
        ------
        ConfigError
            An event that does not exist, a URL that apprise does not know, or no apprise.

        """
        for event in events:
            if event not in EVENTS:
                raise ConfigError(
                    f"notify.events: {event!r} is not an event; allowed are {', '.join(EVENTS)}"
                )
        self._events = frozenset(events)
        self._log = log
        self._secrets = frozenset((*secrets, *secret_parts(urls)))
        self._repeats = RepeatFilter()
        self._services = [
            _Service(name, post, log, self._secrets) for name, post in list(_posts(urls))
        ]

    def send(self, event: str, title: str, text: str) -> None:
        """Send `event` to every service, if it is among the configured ones.

        The same incident, or missed decision, is sent once in `QUIET` seconds, and the next time
        with how often it has come since.
        """
        if event not in self._events or not self._services:
            return
        if event in REPEATED:
            count = self._repeats.count_if_due(f"{title}\n{text}", time.monotonic())
            if count is None:
                return
            if count:
                times = "once" if count == 1 else "twice" if count == 2 else f"{count} times"
                text += f" (repeated {times} since the last notification)"
        body = f"{text}\n{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        notification = Notification(
            EVENTS[event], redact(title, self._secrets), redact(body, self._secrets)
        )
        for service in self._services:
            service.put(notification)

    def close(self, timeout: float) -> None:
        """Send what still waits, each message once more at most; log what is left.

        All of it within `timeout` seconds.
        """
        until = time.monotonic() + timeout
        for service in self._services:
            service.finish()
        for service in self._services:
            service.join(max(0.0, until - time.monotonic()))


class RepeatFilter:
    """Which incidents were sent lately; texts that differ in numbers and times alone are one."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def count_if_due(self, text: str, now: float) -> int | None:
        """How often `text` came since it was last sent; None: not due yet. `now` in seconds."""
        text = VARIABLE.sub("#", text)
        with self._lock:
            sent_at, count = self._sent.get(text, (now - QUIET, 0))
            if now - sent_at < QUIET:
                self._sent[text] = (sent_at, count + 1)
                return None
            # One that is not sent again is removed after a second quiet hour, count and all.
            self._sent = {
                earlier: entry
                for earlier, entry in self._sent.items()
                if now - entry[0] < 2 * QUIET
            }
            self._sent[text] = (now, 0)
            return count


class _Service:
    """One service's queue and the thread that empties it; `post` returns the error, "" for none."""

    def __init__(
        self, name: str, post: Callable[[Notification], str], log: Any, secrets: frozenset[str]
    ) -> None:
        self._name, self._post, self._log, self._secrets = name, post, log, secrets
        self._waiting: deque[Notification] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        # A daemon: a service that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name=f"notify {name}", daemon=True)
        self._thread.start()

    def put(self, notification: Notification) -> None:
        dropped = None
        with self._changed:
            if len(self._waiting) == WAITING:
                dropped = self._waiting.popleft()
            self._waiting.append(notification)
            self._changed.notify()
        if dropped:
            self._log.warning(
                f"notification dropped, {WAITING} newer ones wait for {self._name}: {dropped.title}"
            )

    def finish(self) -> None:
        with self._changed:
            self._closing.set()
            self._changed.notify()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)
        if self._thread.is_alive():
            with self._changed:
                titles = [notification.title for notification in self._waiting]
            self._log.warning(
                f"{self._name} does not answer; not sent are the current message and {titles}"
            )

    def _work(self) -> None:
        while (notification := self._next()) is not None:
            self._deliver(notification)

    def _next(self) -> Notification | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, notification: Notification) -> None:
        """Until it is sent, given up after `PATIENCE`, or failed while closing."""
        given_up = time.monotonic() + PATIENCE
        pause = FIRST_PAUSE
        failed = False
        while why := self._attempt(notification):
            last = self._closing.is_set() or time.monotonic() >= given_up
            if last or not failed:
                next_step = "giving up" if last else "trying again"
                self._log.warning(
                    f"notification not sent to {self._name}, {next_step}: "
                    f"{notification.title}: {why}"
                )
            if last:
                return
            failed = True
            self._closing.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _attempt(self, notification: Notification) -> str:
        try:
            return redact(self._post(notification), self._secrets)
        except Exception as error:  # a service's module may do anything; the thread must go on
            return redact(f"{type(error).__name__}: {error}", self._secrets)


def _posts(urls: Sequence[str]) -> Iterator[tuple[str, Callable[[Notification], str]]]:
    """For each URL its service's name and what sends a notification there."""
    if not urls:
        return
    try:
        import apprise
    except ImportError:
        raise ConfigError(
            "notification URLs are configured, but the package apprise is not installed; "
            "run `pip install apprise` or remove the URLs"
        ) from None
    # Its own lines repeat at every attempt, at whatever level, what ours say once.
    logging.getLogger("apprise").propagate = False
    # Without its time limit, which would need a pool of threads that keeps the program from ending
    # while a service hangs.
    asset = apprise.AppriseAsset(
        app_id="Russell Gate", app_desc="Russell Gate", async_mode=False, service_timeout=0
    )
    for number, url in enumerate(urls, 1):
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            scheme = url.partition("://")[0] if "://" in url else "no scheme"
            raise ConfigError(
                f"notification URL {number} ({scheme}): not a URL that apprise knows; "
                "see appriseit.com for each service's form"
            )
        service.socket_connect_timeout = service.socket_read_timeout = TIMEOUT
        yield (
            f"{service.service_name} ({number})",
            _post_through(apprise.Apprise(service, asset=asset)),
        )


def _post_through(sender: Any) -> Callable[[Notification], str]:
    def post(notification: Notification) -> str:
        result = sender.notify(
            body=notification.text,
            title=notification.title,
            notify_type=notification.kind,
            body_format="text",
        )
        return (
            ""
            if result
            else "; ".join(entry.message for entry in result.logs()) or "no reason given"
        )

    return post


def secret_parts(urls: Sequence[str]) -> list[str]:
    """What in notification URLs must not be logged.

    Each URL as a whole, its password, and whatever else looks like a token.
    """
    secrets = list(urls)
    for url in urls:
        try:
            parts = urlsplit(url)
        except ValueError:  # no URL; apprise will say so
            continue
        login, _, host = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        pieces = [
            user,
            host,
            *parts.path.split("/"),
            *(value for _, value in parse_qsl(parts.query)),
        ]
        tokens = [
            piece
            for piece in pieces
            if len(piece) >= 8 and any(letter.isdigit() for letter in piece) and "." not in piece
        ]
        secrets += [
            form for secret in (password, *tokens) if secret for form in {secret, unquote(secret)}
        ]
    return secrets
