"""Word to a person who is not looking: notifications through apprise, and an alarm when a decision does not come."""

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from brokers.redaction import redacted
from config.settings import ConfigError

# What a person can ask to be told, and how apprise marks it.
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
QUIET = 3600.0  # seconds in which the same incident is told once
REPEATED = ("incident", "missed")  # events that come again and again while something lasts
# What may differ between two reports of the same incident: numbers, the parts of times, and what names one order or object.
PASSING = re.compile(r"0x[0-9a-f]+|\b(?=\w*\d)\w{16,}\b|[+-]?\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?")
LOOK = (
    5.0  # seconds between two looks at the clock: a wait does not count the time a computer sleeps
)


class Notification(NamedTuple):
    """What is sent; `kind` is apprise's."""

    kind: str
    title: str
    text: str


class Notifier:
    """Sends each event a person asked for to every service, in the background.

    The one rule: `send` comes back at once and raises nothing, whatever state network and services are in. Each service has its own
    thread and queue, so that one that hangs delays no other. A service that cannot be reached is tried again for `PATIENCE`.
    """

    def __init__(
        self, urls: Sequence[str], events: Collection[str], log: Any, secrets: Collection[str] = ()
    ) -> None:
        """`urls` in apprise's form; `events` out of `EVENTS`; `secrets` are taken out of what is sent, as from the log.

        Raises
        ------
        ConfigError
            An event that does not exist, a URL that apprise does not understand, or apprise is not installed.

        """
        for event in events:
            if event not in EVENTS:
                raise ConfigError(f"notify.events: {event!r} is none of {', '.join(EVENTS)}")
        self._events = frozenset(events)
        self._log = log
        self._secrets = frozenset((*secrets, *secrets_in(urls)))
        self._repeats = Repeats()
        self._services = [
            _Service(name, post, log, self._secrets) for name, post in list(_posts(urls))
        ]

    def send(self, event: str, title: str, text: str) -> None:
        """Tell `event`; the same incident, or missed decisions, once in `QUIET` seconds, the next time with how often it has come since."""
        if event not in self._events or not self._services:
            return
        if event in REPEATED:
            count = self._repeats.since_told(f"{title}\n{text}", time.monotonic())
            if count is None:
                return
            text += f" (came {count} times more since it was last told)" if count else ""
        written = f"{text}\n{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        notification = Notification(
            EVENTS[event], redacted(title, self._secrets), redacted(written, self._secrets)
        )
        for service in self._services:
            service.put(notification)

    def close(self, timeout: float) -> None:
        """Send what still waits, each message once more at most, for `timeout` seconds in all; what is left is logged."""
        until = time.monotonic() + timeout
        for service in self._services:
            service.finish()
        for service in self._services:
            service.join(max(0.0, until - time.monotonic()))


class Repeats:
    """Which incidents have been told lately. The same one is a text that differs in numbers and times at most."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def since_told(self, text: str, now: float) -> int | None:
        """How often `text` came since it was last told, for it to be told now; None if it is not to be told. `now` in seconds."""
        text = PASSING.sub("#", text)
        with self._lock:
            told, count = self._told.get(text, (now - QUIET, 0))
            if now - told < QUIET:
                self._told[text] = (told, count + 1)
                return None
            # One that is not told again is forgotten after a second quiet hour, count and all.
            self._told = {
                other: kept for other, kept in self._told.items() if now - kept[0] < 2 * QUIET
            }
            self._told[text] = (now, 0)
            return count


class _Service:
    """One service's queue and the thread that empties it; `post` says what went wrong, "" for nothing."""

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
                titles = [one.title for one in self._waiting]
            self._log.warning(
                f"{self._name} does not answer; left unsent are the message on its way and {titles}"
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
                after = "given up" if last else "trying again"
                self._log.warning(
                    f"notification not sent to {self._name}, {after}: {notification.title}: {why}"
                )
            if last:
                return
            failed = True
            self._closing.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _attempt(self, notification: Notification) -> str:
        try:
            return redacted(self._post(notification), self._secrets)
        except Exception as error:  # a service's module may do anything; the thread must go on for the next message
            return redacted(f"{type(error).__name__}: {error}", self._secrets)


def _posts(urls: Sequence[str]) -> Iterator[tuple[str, Callable[[Notification], str]]]:
    """For each URL its service's name and what sends a notification there."""
    if not urls:
        return
    try:
        import apprise
    except ImportError:
        raise ConfigError(
            "notification URLs are configured, but the package apprise is not installed; pip install apprise, or set none"
        ) from None
    # Its own lines repeat at every attempt, at whatever level, what ours say once.
    logging.getLogger("apprise").propagate = False
    # Without its time limit, which would need a pool of threads that keeps the program from ending while a service hangs.
    asset = apprise.AppriseAsset(
        app_id="Russell Gate", app_desc="Russell Gate", async_mode=False, service_timeout=0
    )
    for place, url in enumerate(urls, 1):
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            scheme = url.partition("://")[0] if "://" in url else "no scheme"
            raise ConfigError(
                f"notification URL {place} ({scheme}): apprise does not understand it; its form for each service is on appriseit.com"
            )
        service.socket_connect_timeout = service.socket_read_timeout = TIMEOUT
        yield (
            f"{service.service_name} ({place})",
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


def secrets_in(urls: Sequence[str]) -> list[str]:
    """What in notification URLs must not be logged: each as a whole, its password, and whatever else looks like a token."""
    found = list(urls)
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
        found += [
            form for secret in (password, *tokens) if secret for form in {secret, unquote(secret)}
        ]
    return found


class DeadMansSwitch:
    """Raises an alarm for a bar without a decision, from its own thread: also while the session hangs in a call.

    The one rule: one alarm a bar. After the first `expect` each next bar is due a bar later, whether the session says so or not.
    """

    def __init__(self, bar_seconds: int, alarm: Callable[[str], None], log: Any) -> None:
        """`alarm` gets the sentence that is logged, in this class's thread; what it raises is logged too."""
        self._bar_seconds, self._alarm, self._log = bar_seconds, alarm, log
        self._due: tuple[int, float] | None = None  # bar and instant, epoch seconds
        self._settled = -1  # the newest bar that was decided or raised an alarm
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="dead man's switch", daemon=True)
        self._thread.start()

    def expect(self, bar: int, by: float) -> None:
        """The decision for `bar` (epoch seconds of its end) is due `by` (epoch seconds). An earlier bar still due stays so."""
        with self._changed:
            if bar > self._settled and (self._due is None or bar <= self._due[0]):
                self._due = (bar, by)
                self._changed.notify()

    def decided(self, bar: int) -> None:
        """The decision for `bar` has been made; none before it is due any more, the next one is as long after its end."""
        with self._changed:
            self._settle(bar)

    def close(self) -> None:
        """Expect nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(LOOK)

    def _settle(self, bar: int) -> None:
        self._settled = max(self._settled, bar)
        if self._due and self._due[0] <= bar:
            passed = (bar - self._due[0]) // self._bar_seconds + 1
            self._due = (
                self._due[0] + passed * self._bar_seconds,
                self._due[1] + passed * self._bar_seconds,
            )

    def _watch(self) -> None:
        while not self._closed:
            sentence = self._look()
            if sentence:
                self._log.error(sentence)
                try:
                    self._alarm(sentence)
                except Exception as error:  # the next bar's alarm must come all the same
                    self._log.error(
                        f"the alarm for a missed decision failed: {type(error).__name__}: {error}"
                    )

    def _look(self) -> str:
        """Wait a little, or settle what has not come in time and say so."""
        with self._changed:
            wait = LOOK if self._due is None else self._due[1] - time.time()
            if self._closed or self._due is None or wait > 0:
                self._changed.wait(min(LOOK, wait))
                return ""
            bar, by = self._due
            # More than one after the computer slept, or its clock was set: one alarm for them all.
            last = bar + int(-wait // self._bar_seconds) * self._bar_seconds
            self._settle(last)
        return _sentence(bar, last, by)


def _sentence(first: int, last: int, by: float) -> str:
    def written(at: float) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"

    which = (
        f"the bar of {written(first)} UTC"
        if first == last
        else f"the bars of {written(first)} to {written(last)} UTC"
    )
    return f"no decision for {which}, due by {written(by)}: the session hangs, slept, or cannot get what it needs; look at its log"
