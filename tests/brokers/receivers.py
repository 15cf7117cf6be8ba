"""Who hears of a session: a notification service, a monitoring service, systemd."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

SOON = 60.0  # seconds after which an event that should come is given up
UUID = "c0ffee77-made-up"  # in the address of the monitoring service


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, text: str) -> None:
        self.said.append(text)

    error = warning


def eventually(condition: Callable[[], object]) -> bool:
    until = time.monotonic() + SOON
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(condition())


class Receiver:
    """A service that takes apprise's json:// notifications.

    `statuses` are answered first, `held` answers until it is set.
    """

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.held = threading.Event()
        self.held.set()
        self.asked = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                receiver.held.wait(SOON)
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.got.append(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

            def handle(self) -> None:
                with suppress(OSError):  # the client did not wait for the answer
                    super().handle()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_address[1]}/hook"

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.got]

    def close(self) -> None:
        self.held.set()
        self.server.shutdown()
        self.server.server_close()


class Got(NamedTuple):
    """A request as it came; `at` in seconds of the performance counter."""

    path: str
    text: str
    login: str
    at: float


class Monitor:
    """A monitoring service.

    `answers` (status and body) are given first, then 200 OK; `held` answers until it is set.
    """

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: list[tuple[int, str]] = []
        self.held = threading.Event()
        self.held.set()
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                login = self.headers.get("Authorization", "")
                monitor.got.append(Got(self.path, text, login, time.perf_counter()))
                monitor.held.wait(SOON)
                status, body = monitor.answers.pop(0) if monitor.answers else (200, "OK")
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{monitor.url}/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST  # what follows a redirect

            def log_message(self, format: str, *arguments: object) -> None:
                pass

            def handle(self) -> None:
                with suppress(OSError):  # the client did not wait for the answer
                    super().handle()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/ping/{UUID}"

    @property
    def paths(self) -> list[str]:
        return [one.path.removeprefix(f"/ping/{UUID}") for one in self.got]

    def close(self) -> None:
        self.held.set()
        self.server.shutdown()
        self.server.server_close()


class Manager:
    """Listens as systemd does: a datagram a message."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.0)

    def messages(self) -> list[str]:
        """What has come since the last look."""
        came = list[str]()
        with suppress(BlockingIOError):
            while True:
                came.append(self._socket.recv(4096).decode())
        return came

    def close(self) -> None:
        self._socket.close()


@contextmanager
def manager_address(*, abstract: bool) -> Iterator[str]:
    """An address to listen at, as in NOTIFY_SOCKET."""
    # The path of such a socket may have 107 characters, which a test's own folder may exceed.
    with TemporaryDirectory() as place:
        yield f"@russell-gate-{uuid.uuid4()}" if abstract else str(Path(place) / "notify")
