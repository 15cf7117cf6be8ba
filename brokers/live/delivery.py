"""One service's messages: delivered in the background, the most important first."""

import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from brokers.exchange.transport import call_within
from brokers.live.undelivered import MOST_STORED, TITLE, Undelivered, list_undelivered

LONGEST_QUEUE = 50  # messages that wait for one service before the least important is dropped
# Seconds a service may take over one message, from connecting to the last byte.
DELIVERY_TIMEOUT = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds between attempts, doubled after each failure
PATIENCE = 6 * 3600.0  # seconds after its first attempt at which a message is given up
SUMMARY = 1  # rank of a report of what was lost: that of an incident


class Notification(NamedTuple):
    """What is sent; `kind` is apprise's."""

    kind: str
    title: str
    text: str


class Message(NamedTuple):
    """A notification in a queue: those of a lower `rank` first, then as they came.

    `given_up` is when no attempt follows any more, monotonic seconds; None before the first.
    """

    rank: int
    number: int
    notification: Notification
    given_up: float | None = None

    @property
    def title(self) -> str:
        """Title of the notification."""
        return self.notification.title


class Service:
    """One service's queue and the thread that empties it.

    The one rule: a message that was put is delivered, or among the undelivered at the end.
    """

    def __init__(
        self,
        name: str,
        post: Callable[[Notification], str],
        log: Any,
        redact: Callable[[str], str],
    ) -> None:
        """`post` returns the error, "" for none; `redact` masks what of it must not be logged."""
        self._name, self._post, self._log, self._redact = name, post, log, redact
        self._waiting: list[Message] = []
        self._current: Message | None = None
        self._lost: deque[Notification] = deque(maxlen=MOST_STORED)
        self._count = 0
        self._pause = FIRST_PAUSE
        self._changed = threading.Condition()
        self._closing = threading.Event()
        # A daemon: a service that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name=f"notify {name}", daemon=True)
        self._thread.start()

    def put(self, notification: Notification, rank: int) -> None:
        """Deliver `notification` as soon as nothing of a lower `rank` waits."""
        dropped = None
        with self._changed:
            if len(self._waiting) >= LONGEST_QUEUE:
                dropped = self._drop()
            self._add(notification, rank)
        if dropped:
            self._log.warning(
                f"notification dropped, {LONGEST_QUEUE} others wait for {self._name}: "
                f"{dropped.title}"
            )

    def finish(self) -> None:
        """Send what still waits, each message once more at most."""
        with self._changed:
            self._closing.set()
            self._changed.notify()

    def join(self, timeout: float) -> None:
        """Wait for `finish`, so many seconds at most."""
        self._thread.join(timeout)

    def undelivered(self) -> list[Undelivered]:
        """What has not arrived, the most important first; nothing more of it is sent."""
        with self._changed:
            unfinished = [*filter(None, [self._current]), *self._waiting]
            left = [message.notification for message in unfinished]
            self._waiting = []
        if left:
            titles = ", ".join(repr(notification.title) for notification in left)
            self._log.warning(f"{self._name} does not answer in time; not sent: {titles}")
        return [
            Undelivered(self._name, notification.title, notification.text)
            for notification in (*left, *self._lost)
        ]

    def _add(self, notification: Notification, rank: int) -> None:
        self._count += 1
        insort(self._waiting, Message(rank, self._count, notification))
        self._changed.notify()

    def _drop(self) -> Message:
        """Drop the oldest of the least important messages."""
        rank = self._waiting[-1].rank
        place = next(i for i, message in enumerate(self._waiting) if message.rank == rank)
        dropped = self._waiting.pop(place)
        self._lost.append(dropped.notification)
        return dropped

    def _work(self) -> None:
        while (message := self._next()) is not None:
            why = self._attempt(message.notification)
            if why:
                self._retry(message, why)
            else:
                self._report_lost()

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            self._current = self._waiting.pop(0) if self._waiting else None
            return self._current

    def _attempt(self, notification: Notification) -> str:
        """Why it was not delivered; "" if it was."""
        try:
            return self._redact(call_within(DELIVERY_TIMEOUT, lambda: self._post(notification)))
        except TimeoutError:
            return f"no answer within {DELIVERY_TIMEOUT:g} s"
        except Exception as error:  # a service's module may do anything; the thread must go on
            return self._redact(f"{type(error).__name__}: {error}")

    def _retry(self, message: Message, why: str) -> None:
        """Queue it again after a pause, unless it is given up: after `PATIENCE`, or at the end."""
        now = time.monotonic()
        given_up = now + PATIENCE if message.given_up is None else message.given_up
        last = self._closing.is_set() or now >= given_up
        if last or message.given_up is None:
            next_step = "giving up" if last else "trying again"
            self._log.warning(
                f"notification not sent to {self._name}, {next_step}: {message.title}: {why}"
            )
        with self._changed:
            self._current = None
            if last:
                self._lost.append(message.notification)
                return
            insort(self._waiting, message._replace(given_up=given_up))
        self._closing.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _report_lost(self) -> None:
        """After a delivery: let this service know of what it did not get before."""
        self._pause = FIRST_PAUSE
        with self._changed:
            self._current = None
            lost = list(self._lost)
            if not lost or self._closing.is_set():
                return
            self._lost.clear()
            text = list_undelivered(
                Undelivered(self._name, notification.title, notification.text)
                for notification in lost
            )
            self._add(Notification("warning", TITLE, text), SUMMARY)
