"""One answer of a web service: all of it within a time limit, asked for again where that helps."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
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

    from brokers.prices.cut_connection import CutConnection

TIMEOUT = 15.0  # seconds for one response, from looking up the host to the last byte
LARGEST = 64 * 2**20  # bytes; forty years of daily rows are 2 MB
ENCODINGS = "gzip, deflate"  # that are asked for
ATTEMPTS = 4
LONGEST_TRY = 20.0  # seconds from the first attempt after which none begins
WAIT = wait_random_exponential(multiplier=1, max=5)
LONGEST_WAIT = 20.0  # seconds; a longer pause that a server asks for is not waited for
GZIP = b"\x1f\x8b"
WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "zlib": zlib.MAX_WBITS, "bare": -zlib.MAX_WBITS}
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
    within: float | None = None,
) -> Answer:
    """The response of `url`, as bytes.

    `headers` and `login` go to the host of `url` and to no other; nothing is taken from .netrc. A
    redirect is returned as it is unless `follow`, which is for addresses without a key.

    Parameters
    ----------
    login : user name and password, sent in UTF-8 (RFC 7617, section 2.1).
    within : seconds for all of it, however steadily its parts arrive; None: `TIMEOUT`.

    Raises
    ------
    NoAnswerError
        No connection, no complete response in time, one larger than `LARGEST`, or one that is
        cut off.
    ValueError
        A redirect would be followed with headers or a login.

    """
    if follow and (headers or login):
        raise ValueError("redirects are followed without headers and login only")
    import requests
    from urllib3.exceptions import HTTPError

    from brokers.exchange.transport import call_within
    from brokers.prices.cut_connection import CutConnection

    seconds = TIMEOUT if within is None else within
    connection = CutConnection()

    def read() -> Answer:
        with (
            connection.session() as client,
            client.get(
                url,
                params=params,
                headers={"Accept-Encoding": ENCODINGS, **(headers or {})},
                auth=_sign_with(login),
                timeout=seconds,
                stream=True,
                allow_redirects=follow,
            ) as response,
        ):
            return _answer(response, connection)

    try:
        return call_within(seconds, read)
    except TimeoutError:
        raise NoAnswerError(f"no complete response within {seconds:g} s") from None
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise NoAnswerError(_reason(error)) from None
    finally:
        connection.cut()


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


def _sign_with(
    login: tuple[str, str] | None,
) -> "Callable[[requests.PreparedRequest], requests.PreparedRequest]":
    """Adds the login to a request; without one it keeps requests from looking into .netrc."""
    from requests.auth import HTTPBasicAuth

    if login is None:
        return lambda request: request
    user, password = (part.encode() for part in login)
    return HTTPBasicAuth(user, password)


def _answer(response: "requests.Response", connection: "CutConnection") -> Answer:
    """The response with its whole body."""
    parts, size = [], 0
    while (part := response.raw.read1(65_536, decode_content=False)) and not connection.is_cut:
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise _too_large()
    pause = response.headers.get("Retry-After", "")
    seconds = float(pause) if pause.isdigit() else 0.0
    location = response.headers.get("Location", "")
    body = _decoded(b"".join(parts), response.headers.get("Content-Encoding", ""))
    return Answer(response.status_code, body, seconds, location)


def _decoded(body: bytes, encodings: str) -> bytes:
    """The body without its compressions, which were applied in the order of `encodings`."""
    for encoding in reversed(encodings.lower().replace(" ", "").split(",")):
        if encoding in ("", "identity") or not body:
            continue
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise OSError(f"a response compressed by {encoding}; {ENCODINGS} can be read")
        forms = ("gzip",) if "gzip" in encoding else ("zlib", "bare")
        body = _inflated(body, forms, encoding)
    return body


def _inflated(body: bytes, forms: Sequence[str], encoding: str) -> bytes:
    """What is compressed in `body`, in the first of `forms` that fits.

    Several parts of gzip, one behind the other, are one.
    """
    for form in forms:
        parts, rest = list[bytes](), body
        try:
            while rest and (not parts or rest.startswith(GZIP)):
                decoder = zlib.decompressobj(WINDOWS[form])
                parts.append(decoder.decompress(rest, LARGEST + 1))
                if sum(map(len, parts)) > LARGEST:
                    raise _too_large()
                if not decoder.eof:
                    raise OSError("a compressed response that is cut off")
                rest = decoder.unused_data
        except zlib.error:
            continue
        return b"".join(parts)
    raise OSError(f"a response that is no {encoding}")


def _too_large() -> OSError:
    return OSError(f"a response of more than {LARGEST >> 20} MB")


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
