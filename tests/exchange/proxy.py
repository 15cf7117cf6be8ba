"""The internet as tests see it: a proxy on 127.0.0.1 that is every host it is asked for, and keeps
a list of them.

The real clients (ccxt, requests, yfinance's curl) are led here by environment alone, so the hosts
our code names stay what they are.
"""

import atexit
import shutil
import socket
import ssl
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

import trustme

TRUSTED, NOBODY = (
    "tests",
    "nobody",
)  # the authority whose certificate is handed out, and one whose is not
GIVE_UP = 60.0  # seconds a stalled answer waits at most for its client to leave
IN_ONE_SEGMENT = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Asked(NamedTuple):
    """One request as it arrived.

    `headers` have lower-case names; `query` is decoded, the last of equal names holding.
    """

    host: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw_query: str = ""


class Answer(NamedTuple):
    """What is sent back.

    `missing` bytes are announced and never come. `drop` closes the connection without a byte;
    `stall` sends none until the client gives up. `delay` is seconds before the first byte, `pace`
    seconds before each byte of the body, `head_pace` before each byte of the headers.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    missing: int = 0
    drop: bool = False
    stall: bool = False
    delay: float = 0.0
    pace: float = 0.0
    head_pace: float = 0.0


DROPPED = Answer(drop=True)
STALLED = Answer(stall=True)


class Site(Protocol):
    """A service; requests of several connections may come at the same time."""

    def answer(self, asked: Asked) -> Answer: ...


class Internet:
    """Sites by host name, and what was asked of whom.

    `asked` holds the newest `remembered` requests that reached a site and `counts` all of them by
    (host, method, path); `refused` are the hosts without a site that somebody tried to reach. A
    host in `offline` has a site that cannot be reached now; one in `impostors` shows a certificate
    of an authority that nobody trusts.
    """

    def __init__(self, remembered: int = 10_000) -> None:
        self.sites: dict[str, Site] = {}
        self.asked: deque[Asked] = deque(maxlen=remembered)
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.refused: list[str] = []
        self.offline: set[str] = set()
        self.impostors: set[str] = set()
        self.crashed: list[BaseException] = []
        self.port = 0
        self.authority_file = authority_file()
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def environment(self) -> dict[str, str]:
        """Variables that lead a client, here or in a child process, to this internet and make it
        trust the certificates.
        """
        proxy = f"http://127.0.0.1:{self.port}"
        trusted = dict.fromkeys(
            ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), self.authority_file
        )
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "",
            "no_proxy": "",
            **trusted,
        }

    def hosts(self) -> set[str]:
        """Every host somebody tried to reach, with or without a site."""
        return {host for host, _, _ in self.counts} | set(self.refused)

    def handed(self, asked: Asked) -> Answer:
        """The site's answer; nobody is asked while the host is offline."""
        if asked.host in self.offline:
            return DROPPED
        with self._lock:
            self.asked.append(asked)
            self.counts[asked.host, asked.method, asked.path] += 1
        return self.sites[asked.host].answer(asked)

    def knows(self, host: str) -> bool:
        """Whether `host` can be connected to now; a host without a site is put on record."""
        if host not in self.sites:
            with self._lock:
                self.refused.append(host)
        return host in self.sites and host not in self.offline

    def watch(self, connection: socket.socket, *, watched: bool = True) -> None:
        """Whether `hang_up` shall end `connection`."""
        with self._lock:
            (self._open.add if watched else self._open.discard)(connection)

    def connections(self) -> list[socket.socket]:
        """Those that are open now, beyond the handshake with the proxy."""
        with self._lock:
            return [connection for connection in self._open if connection.fileno() >= 0]

    def hang_up(self) -> None:
        """End all connections that are open now."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    # Not the TLS socket's own method, which takes the session away from under a
                    # reading thread.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    """Listens for CONNECT; every connection has its thread."""

    daemon_threads = False  # so that closing waits for them
    request_queue_size = 64

    def __init__(self, internet: Internet) -> None:
        super().__init__(("127.0.0.1", 0), _Connect)
        self.internet = internet

    def process_request(self, request: Any, client_address: Any) -> None:
        self.internet.watch(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.internet.watch(request, watched=False)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave when they like; anything else is a fault of a site, raised when the
        internet is switched off.
        """
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.internet.crashed.append(error)


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    server: _Server

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _Connect(_Quiet):
    """The client's first words to the proxy; after a good CONNECT the same bytes are the host's
    TLS.
    """

    def setup(self) -> None:
        self.request.setsockopt(*IN_ONE_SEGMENT)
        super().setup()

    def do_CONNECT(self) -> None:
        self.close_connection = True
        host = self.path.rpartition(":")[0]
        internet = self.server.internet
        if not internet.knows(host):
            self.send_error(502, f"no connection to {host}")
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        context = certified(host, NOBODY if host in internet.impostors else TRUSTED)
        with context.wrap_socket(
            self.connection, server_side=True, do_handshake_on_connect=False
        ) as tunnel:
            internet.watch(tunnel)
            try:
                if not internet.stopped.is_set():
                    tunnel.do_handshake()
                    _Tunnelled(tunnel, host, self.client_address, self.server)
            finally:
                internet.watch(tunnel, watched=False)


class _Tunnelled(_Quiet):
    """HTTP/1.1 with `host` on the decrypted connection, request after request."""

    def __init__(self, tunnel: ssl.SSLSocket, host: str, client: Any, server: _Server) -> None:
        self.host = host
        super().__init__(tunnel, client, server)

    def handle_one_request(self) -> None:
        super().handle_one_request()
        if self.server.internet.stopped.is_set():
            self.close_connection = True

    def do_GET(self) -> None:
        if hasattr(socket, "TCP_QUICKACK"):
            # Behind a proxy urllib3 sends a body only when the head is acknowledged, which would be
            # 40 ms later.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.host, self.command, parts.path, query, headers, body, parts.query)
        self._send(self.server.internet.handed(asked))

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def _send(self, answer: Answer) -> None:
        stopped = self.server.internet.stopped
        if answer.delay:
            stopped.wait(answer.delay)
        if answer.stall:
            self._wait_for_leave()
        if answer.drop or answer.stall or stopped.is_set():
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in (
            *answer.headers,
            ("Content-Length", str(len(answer.body) + answer.missing)),
        ):
            self.send_header(name, value)
        if answer.missing:
            self.close_connection = True
        if answer.head_pace:
            head = b"".join(self._headers_buffer)  # type: ignore[attr-defined]
            self._headers_buffer: list[bytes] = []
            self._trickle(head, answer.head_pace)
        self.end_headers()
        if answer.pace:
            self._trickle(answer.body, answer.pace)
        else:
            self.wfile.write(answer.body)

    def _trickle(self, data: bytes, pace: float) -> None:
        for position in range(len(data)):
            self.wfile.flush()
            if self.server.internet.stopped.wait(pace):
                break
            self.wfile.write(data[position : position + 1])

    def _wait_for_leave(self) -> None:
        self.connection.settimeout(GIVE_UP)
        with suppress(OSError):
            self.connection.recv(1)


@cache
def authority(name: str) -> trustme.CA:
    """A certificate authority, made once in this process."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA, organization_name=name)


@cache
def authority_file() -> str:
    """Where this process keeps its authority's certificate to its end, for curl remembers the path
    from one internet to the next.
    """
    folder = Path(tempfile.mkdtemp(prefix="authority-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority(TRUSTED).cert_pem.write_to_path(str(folder / "authority.pem"))
    return str(folder / "authority.pem")


@cache
def certified(host: str, signer: str) -> ssl.SSLContext:
    """A server's side of TLS for `host`, HTTP/1.1 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority(signer).issue_cert(host, key_type=trustme.KeyType.ECDSA).configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def internet(remembered: int = 10_000) -> Iterator[Internet]:
    """An internet without a site, until the end of the block; an error inside a site is raised
    there.
    """
    network = Internet(remembered)
    with _Server(network) as server:
        network.port = server.server_address[1]
        listening = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        listening.start()
        try:
            yield network
        finally:
            network.stopped.set()
            server.shutdown()
            listening.join()
            network.hang_up()
    if network.crashed:
        raise network.crashed[0]
