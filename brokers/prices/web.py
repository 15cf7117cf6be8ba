"""One answer of a web service: all of it within a time limit, asked for again where that helps."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from brokers.prices.series import UnreachableError

if TYPE_CHECKING:
    import requests

TIMEOUT = 15.0  # seconds for one response, its last byte included
LARGEST = 64 * 2**20  # bytes; forty years of daily rows are 2 MB
ATTEMPTS = 4
LONGEST_TRY = 20.0  # seconds from the first attempt after which none begins
WAIT = wait_random_exponential(multiplier=1, max=5)
LONGEST_WAIT = 20.0  # seconds; a longer pause that a server asks for is not waited for
Result = TypeVar("Result")


class Answer(NamedTuple):
    """Status and body of a response; `pause` in seconds and `location` as its headers say them."""

    status: int
    body: bytes
    pause: float
    location: str


class NoAnswerError(Exception):
    """No complete response: what went wrong, without the address, which may hold a key."""


class BusyError(UnreachableError):
    """The server asks for a pause of `seconds`."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


def get(
    url: str,
    params: Mapping[str, str] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    login: tuple[str, str] | None = None,
    follow: bool = False,
) -> Answer:
    """The response of `url`, as bytes.

    `headers` and `login` go to the host of `url` and to no other; nothing is taken from .netrc. A
    redirect is returned as it is unless `follow`, which is for addresses without a key.

    Raises
    ------
    NoAnswerError
        No connection, no complete body within `TIMEOUT`, or one larger than `LARGEST`.

    """
    import requests
    from urllib3.exceptions import HTTPError

    def sign(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        return requests.auth.HTTPBasicAuth(*login)(request) if login else request

    try:
        with requests.get(
            url,
            params=params,
            headers=headers,
            auth=sign,
            timeout=TIMEOUT,
            stream=True,
            allow_redirects=follow,
        ) as response:
            body = _body(response)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise NoAnswerError(_reason(error)) from None
    pause = response.headers.get("Retry-After", "")
    seconds = float(pause) if pause.isdigit() else 0.0
    return Answer(response.status_code, body, seconds, response.headers.get("Location", ""))


def repeat(attempt: Callable[[], Result], attempts: int = ATTEMPTS) -> Result:
    """The result of `attempt`, tried again after an `UnreachableError`; it only reads."""
    retrying = Retrying(
        retry=retry_if_exception(_is_worth_repeating),
        stop=stop_after_attempt(attempts) | stop_after_delay(LONGEST_TRY),
        wait=_pause,
        reraise=True,
    )
    return retrying(attempt)


def busy(error: UnreachableError, answer: Answer) -> UnreachableError:
    """`error` with the pause that the server asks for."""
    return BusyError(str(error), answer.pause)


def _body(response: "requests.Response") -> bytes:
    """The whole body within `TIMEOUT`: requests' own limit begins again with every byte."""
    deadline = time.monotonic() + TIMEOUT
    parts, size = [], 0
    while part := response.raw.read1(65_536, decode_content=True):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise TimeoutError(f"still answering after {TIMEOUT:g} s")
        if size > LARGEST:
            raise OSError(f"a response of more than {LARGEST >> 20} MB")
    return b"".join(parts)


def _reason(error: BaseException) -> str:
    """What went wrong in words, without an address: those of requests name the whole one."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and (text := cause.strerror):
            return f"{type(error).__name__}: {text}"
    text = str(error)
    return type(error).__name__ if "/" in text else f"{type(error).__name__}: {text[:200]}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        inner = (error.args[0] if error.args else None, getattr(error, "reason", None))
        nested = (cause for cause in inner if isinstance(cause, BaseException))
        error = next(nested, error.__cause__ or error.__context__)


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, UnreachableError) and getattr(error, "seconds", 0.0) <= LONGEST_WAIT


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(WAIT(state), getattr(error, "seconds", 0.0))
