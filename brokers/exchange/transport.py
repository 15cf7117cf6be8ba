"""The only network access of the exchange client: listed hosts only, in bounded time."""

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from requests import PreparedRequest, ReadTimeout, Response, TooManyRedirects
from requests.adapters import HTTPAdapter

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


class Transport(HTTPAdapter):
    """Sends requests to `hosts` over https; without `keys` only GET requests that are not signed.

    A whole response, from the look-up of the host's name to the last byte, takes `total` seconds at
    most. A signed request never follows a redirect. `sent` and `reply` are of the newest request.
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
        begun: list[Response] = []

        def read_whole() -> Response:
            response = HTTPAdapter.send(self, request, *arguments, **options | {"stream": True})
            begun.append(response)
            _ = response.content
            return response

        response = self._read_in_time(read_whole, begun)
        headers = {name.lower(): value for name, value in response.headers.items()}
        text = response.content.decode(errors="replace")
        self.reply = Reply(response.status_code, headers, text)
        if response.is_redirect and _is_signed(request):
            raise TooManyRedirects(
                f"{response.status_code}: a signed request does not follow a redirect"
            )
        return response

    def _read_in_time(self, read_whole: Callable[[], Response], begun: list[Response]) -> Response:
        with suppress(TimeoutError):
            return call_within(self._total, read_whole)
        for response in begun:
            with suppress(Exception):  # it may end by itself at this moment
                response.raw.shutdown()
        self.close()  # the connection is not used again
        raise ReadTimeout(f"no complete response within {self._total:g} s")

    def _check_allowed(self, request: PreparedRequest) -> None:
        address = urlsplit(request.url or "")
        if (
            address.scheme != "https"
            or address.hostname not in self._hosts
            or address.port not in (None, 443)
        ):
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
