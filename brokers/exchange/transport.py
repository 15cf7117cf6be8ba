"""The only network access of the exchange client: listed hosts only, in bounded time."""

import json
import socket
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread, local
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

from requests import PreparedRequest, ReadTimeout, Response, TooManyRedirects
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

from brokers.errors import SafetyError

SIGNED_HEADERS = ("key", "sign", "passphrase", "authorization")  # parts of a header's name
SIGNED_PARAMETERS = ("signature=", "sign=", "apikey=", "api_key=")

Result = TypeVar("Result")


class Reply(NamedTuple):
    """A response as it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def content(self) -> Any:
        """The body's JSON; None where it is not JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


_this_thread = local()  # `used`: the connections of the request that it makes


class _Connection(HTTPSConnection):
    """A connection that the thread which uses it knows, so that another can end its wait."""

    def connect(self) -> None:
        _this_thread.__dict__.setdefault("used", []).append(self)
        super().connect()

    def request(self, *arguments: Any, **options: Any) -> None:
        _this_thread.__dict__.setdefault("used", []).append(self)
        super().request(*arguments, **options)


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


def _follow_connections(manager: Any) -> None:
    """Let the connections of a pool manager be known to their threads; SOCKS has its own kind."""
    if manager.pool_classes_by_scheme["https"] is HTTPSConnectionPool:
        manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": _Pool}


class Transport(HTTPAdapter):
    """Sends requests to `hosts` over https; without `keys` only GET requests that are not signed.

    A whole response, from the look-up of the host's name to the last byte, takes `total` seconds at
    most; then its connection is shut down, whatever it is doing. A redirect is followed by no
    signed request, and by others to `hosts` only. `sent` and `reply` are of the newest request.
    """

    def __init__(self, name: str, hosts: Collection[str], *, keys: bool, total: float) -> None:
        super().__init__()
        self._name, self._hosts, self._keys, self._total = name, frozenset(hosts), keys, total
        self.sent = False
        self.reply: Reply | None = None

    def reset(self) -> None:
        """Begin a call: nothing sent, no reply."""
        self.sent, self.reply = False, None

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """The response to `request`, read to its end.

        Raises
        ------
        SafetyError
            Its host is not listed, or it is signed where nothing may be. It was not sent.
        requests.RequestException
            No complete response.

        """
        self._check_allowed(request)
        self.sent, self.reply = True, None

        def read_whole() -> Response:
            response = HTTPAdapter.send(self, request, *arguments, **options | {"stream": True})
            _ = response.content
            return response

        response = self._read_in_time(read_whole)
        headers = {name.lower(): value for name, value in response.headers.items()}
        text = response.content.decode(errors="replace")
        self.reply = Reply(response.status_code, headers, text)
        if response.is_redirect and (_is_signed(request) or not self._leads_on(response)):
            raise TooManyRedirects(f"{response.status_code}: the redirect is not followed")
        return response

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let all connections be of the kind that can be shut down."""
        super().init_poolmanager(*arguments, **options)
        _follow_connections(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """The pool of a proxy, whose connections can be shut down too."""
        manager = super().proxy_manager_for(*arguments, **options)
        _follow_connections(manager)
        return manager

    def _read_in_time(self, read_whole: Callable[[], Response]) -> Response:
        used: list[HTTPSConnection] = []

        def read() -> Response:
            _this_thread.used = used
            return read_whole()

        with suppress(TimeoutError):
            return call_within(self._total, read)
        for connection in used:
            with suppress(Exception):  # it may end by itself at this moment
                # Not the TLS socket's own method, which takes the session away from a reading one.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        self.close()  # the connection is not used again
        raise ReadTimeout(f"no complete response within {self._total:g} s")

    def _leads_on(self, response: Response) -> bool:
        """Whether a redirect leads to a host of the list."""
        target = urljoin(response.url, response.headers.get("location", ""))
        return self._is_listed(urlsplit(target))

    def _is_listed(self, address: SplitResult) -> bool:
        return (
            address.scheme == "https"
            and address.hostname in self._hosts
            and address.port in (None, 443)
        )

    def _check_allowed(self, request: PreparedRequest) -> None:
        address = urlsplit(request.url or "")
        if not self._is_listed(address):
            kind = "the sandbox" if self._keys else "public prices"
            raise SafetyError(
                f"{self._name}: stopped a request to {address.scheme}://{address.hostname}: this "
                f"client is for {kind} at {', '.join(sorted(self._hosts))} only. Nothing was sent "
                "there. Check the network for redirects, and the versions with doctor"
            )
        if not self._keys and (request.method != "GET" or _is_signed(request)):
            raise SafetyError(
                f"{self._name}: stopped a signed request of a client that reads public prices; "
                "nothing was sent. Report this"
            )


def call_within(seconds: float, call: Callable[[], Result]) -> Result:
    """The result of `call`, or TimeoutError after `seconds`; its thread then ends by itself."""
    result: Future[Result] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            # What it was raised while handling: raised again in a caller's handler it loses that.
            error.__cause__ = error.__cause__ or error.__context__
            result.set_exception(error)

    Thread(target=run, name="request", daemon=True).start()
    return result.result(seconds)


def _is_signed(request: PreparedRequest) -> bool:
    names = " ".join(request.headers).lower()
    body = (
        request.body.decode(errors="replace")
        if isinstance(request.body, bytes)
        else str(request.body or "")
    )
    text = f"{request.url} {body}".lower()
    return any(part in names for part in SIGNED_HEADERS) or any(
        part in text for part in SIGNED_PARAMETERS
    )
