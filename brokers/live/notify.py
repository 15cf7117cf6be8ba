"""Notifications through apprise, sent in the background."""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from brokers.live.delivery import Notification, Service
from brokers.live.undelivered import Undelivered
from brokers.plurals import times
from brokers.redaction import redact, redact_answer
from config.addresses import secret_parts
from config.settings import ConfigError


class Kind(NamedTuple):
    """How apprise marks an event, and its rank: what has a lower one is sent first."""

    mark: str
    rank: int


FIRST_RANK = 0  # rank of what must arrive whatever else waits: that the session has ended
# What a person can ask to be notified of.
EVENTS = {
    "gate": Kind("info", 2),
    "orders": Kind("info", 2),
    "daily": Kind("info", 3),
    "weekly": Kind("info", 3),
    "incident": Kind("warning", 1),
    "missed": Kind("failure", 1),
}
TIMEOUT = 10.0  # seconds to connect to a service, and to wait for each part of its answer
REPEAT_PERIOD = 3600.0  # seconds in which the same incident is sent once
REPEATED_EVENTS = ("incident", "missed")  # events that come again and again while something lasts
# What may differ between two reports of the same incident: numbers, the parts of times, and what
# names one order or object.
VARIABLE = re.compile(r"0x[0-9a-f]+|\b(?=\w*\d)\w{16,}\b|[+-]?\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?")


class Notifier:
    """Sends each event a person asked for to every service, in the background.

    The one rule: `send` returns at once and raises nothing, whatever state network and services are
    in. Each service has its own thread and queue, so that one that hangs delays no other. A service
    that cannot be reached is tried again for hours.
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
        self._parts = secret_parts(urls)
        self._secrets = frozenset((*secrets, *self._parts))
        self._repeats = RepeatFilter()
        self._services = [
            Service(name, post, log, self._redact_answer) for name, post in list(_posts(urls))
        ]

    def sends(self, event: str) -> bool:
        """Whether `event` reaches anybody."""
        return event in self._events and bool(self._services)

    def send(self, event: str, title: str, text: str, *, first: bool = False) -> None:
        """Send `event` to every service, if it is among the configured ones.

        The same incident, or missed decision, is sent once in `REPEAT_PERIOD` seconds, and the next
        time with how often it has come since. What is to be `first` passes everything that waits.
        """
        if not self.sends(event):
            return
        if event in REPEATED_EVENTS:
            count = self._repeats.count_if_due(f"{title}\n{text}", time.monotonic())
            if count is None:
                return
            if count:
                text += f" (repeated {times(count)} since the last notification)"
        body = f"{text}\n{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        kind = EVENTS[event]
        notification = Notification(
            kind.mark, redact(title, self._secrets), redact(body, self._secrets)
        )
        for service in self._services:
            service.put(notification, FIRST_RANK if first else kind.rank)

    def close(self, timeout: float) -> None:
        """Send what still waits, each message once more at most, within `timeout` seconds."""
        until = time.monotonic() + timeout
        for service in self._services:
            service.finish()
        for service in self._services:
            service.join(max(0.0, until - time.monotonic()))

    def undelivered(self) -> list[Undelivered]:
        """What did not arrive, by service; nothing more is sent."""
        return [lost for service in self._services for lost in service.undelivered()]

    def _redact_answer(self, text: str) -> str:
        return redact_answer(text, self._secrets, self._parts)


class RepeatFilter:
    """Which incidents were sent lately; texts that differ in numbers and times alone are one."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def count_if_due(self, text: str, now: float) -> int | None:
        """How often `text` came since it was last sent; None: not due yet. `now` in seconds."""
        text = VARIABLE.sub("#", text)
        with self._lock:
            sent_at, count = self._sent.get(text, (now - REPEAT_PERIOD, 0))
            if now - sent_at < REPEAT_PERIOD:
                self._sent[text] = (sent_at, count + 1)
                return None
            # One that is not sent again is removed after a second quiet hour, count and all.
            self._sent = {
                earlier: entry
                for earlier, entry in self._sent.items()
                if now - entry[0] < 2 * REPEAT_PERIOD
            }
            self._sent[text] = (now, 0)
            return count


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
