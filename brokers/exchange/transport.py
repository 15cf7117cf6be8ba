"""The one way out of the exchange client: to the hosts of a list only, and never longer than a bounded time."""

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
    """An answer as it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def content(self) -> Any:
        """The body's JSON; None where it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


class Transport(HTTPAdapter):
    """Sends requests to `hosts` over https. Without `keys` it takes GET requests that carry no key and no signature.

    A whole answer, from the look-up of the host's name to the last byte, takes `total` seconds at most. A signed request is never sent
    on to where an answer redirects it. `sent` and `reply` are of the newest request.
    """

    def __init__(self, name: str, hosts: Collection[str], keys: bool, total: float) -> None:
        super().__init__()
        self._name, self._hosts, self._keys, self._total = name, frozenset(hosts), keys, total
        self.sent = False
        self.reply: Reply | None = None

    def forget(self) -> None:
        """Begin a call: nothing sent, nothing answered."""
        self.sent, self.reply = False, None

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """The answer to `request`, read to its end.

        Raises
        ------
        SafetyError
            The request would leave the list, or is signed where nothing may be. It was not sent.
        requests.RequestException
            No whole answer.

        """
        self._refuse(request)
        self.sent, self.reply = True, None
        begun: list[Response] = []

        def whole() -> Response:
            answer = HTTPAdapter.send(self, request, *arguments, **options | {"stream": True})
            begun.append(answer)
            _ = answer.content
            return answer

        answer = self._in_time(whole, begun)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self.reply = Reply(answer.status_code, headers, answer.content.decode(errors="replace"))
        if answer.is_redirect and _is_signed(request):
            raise TooManyRedirects(
                f"{answer.status_code}: a signed request is not sent on to another address"
            )
        return answer

    def _in_time(self, whole: Callable[[], Response], begun: list[Response]) -> Response:
        with suppress(TimeoutError):
            return within(self._total, whole)
        for answer in begun:
            with suppress(Exception):  # it may end by itself at this moment
                answer.raw.shutdown()
        self.close()  # what is still under way is not used again
        raise ReadTimeout(f"no whole answer within {self._total:g} s")

    def _refuse(self, request: PreparedRequest) -> None:
        address = urlsplit(request.url or "")
        if (
            address.scheme != "https"
            or address.hostname not in self._hosts
            or address.port not in (None, 443)
        ):
            where = f"{address.scheme}://{address.hostname}"
            kind = "the sandbox" if self._keys else "public prices"
            message = f"{self._name}: stopped a request to {where}: this client is for {kind} at {', '.join(sorted(self._hosts))} only"
            raise SafetyError(
                f"{message}. Nothing was sent there. Check the network for redirects, and the versions with doctor"
            )
        if not self._keys and (request.method != "GET" or _is_signed(request)):
            raise SafetyError(
                f"{self._name}: stopped a signed request of a client that reads public prices; nothing was sent. Report this"
            )


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """What `call` gives, or TimeoutError after `seconds`; it is then left to end by itself in its thread."""
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
