"""Calls to an exchange: what an error means, which requests are repeated and which sent once."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from brokers.clock import utc_text
from brokers.exchange.errors import (
    CallAPersonError,
    NotServedError,
    RefusedError,
    TryLaterError,
    UnknownOutcomeError,
)
from brokers.exchange.failures import (
    classify_error,
    describe_failure,
    own_words,
    requested_pause,
    setup_advice,
)
from brokers.exchange.rate_limits import RateLimits
from brokers.exchange.responses import PARSE_ERRORS, UnusableError
from brokers.exchange.sandboxes import Facts, Unsettled
from brokers.exchange.transport import Transport
from brokers.plurals import times
from brokers.redaction import redact

ATTEMPTS = 4
PATIENCE = 20.0  # seconds after whose end no further attempt begins
BACK_OFF = wait_random_exponential(multiplier=1, max=5)
LONGEST_WAIT = 60.0  # seconds; an exchange that asks for a longer pause is not waited for
MARGIN = 0.2  # seconds waited beyond the pause asked for, so that no rounding makes it less
USELESS_KEY = (
    "The API key does not work here: it was revoked, belongs to the live exchange instead of the "
    "sandbox, may not be used from this IP address, or may only read; make one that may trade and "
    "not withdraw at {where}, and set RUSSELL_GATE_API_KEY and RUSSELL_GATE_API_SECRET"
)

Result = TypeVar("Result")


class MissingError(Exception):
    """The exchange knows no such order, or none that is still open; `words` are its own."""

    def __init__(self, message: str, words: str = "") -> None:
        super().__init__(message)
        self.words = words


class ArchivedError(MissingError):
    """The exchange has put the order away: it ended long ago with nothing filled."""


class _UnsettledError(Exception):
    """A temporary failure, how long a pause the exchange asks for (seconds), and its own words."""

    def __init__(
        self,
        kind: Unsettled,
        what: str,
        wait: float = 0.0,
        *,
        banned: bool = False,
        words: str = "",
    ) -> None:
        super().__init__(what)
        self.kind, self.what, self.wait, self.words = kind, what, wait, words
        self.worth_waiting = not banned and wait <= LONGEST_WAIT


class Calls:
    """All traffic with one exchange. During a pause that it asked for, nothing is sent.

    `set_clock` asks for the exchange's time; it is called when a request was refused because of its
    time, which is then repeated: such a refusal comes before anything is executed. `now` is our
    clock and `server_now` the exchange's as far as it is known, both epoch seconds.
    """

    def __init__(
        self,
        name: str,
        facts: Facts,
        transport: Transport,
        *,
        set_clock: Callable[[], object],
        sleep: Callable[[float], None],
        now: Callable[[], float],
        server_now: Callable[[], float],
        secrets: Collection[str],
        rate_limits: RateLimits,
    ) -> None:
        self._name, self._facts, self._transport, self._secrets = name, facts, transport, secrets
        self._set_clock, self._sleep = set_clock, sleep
        self._now, self._server_now = now, server_now
        self._rate_limits = rate_limits

    def ask(self, what: str, call: Callable[[], Result]) -> Result:
        """The response to a request that only reads, repeated where necessary.

        Raises
        ------
        TryLaterError
            No usable response in four attempts or about twenty seconds, or the exchange asks for a
            pause that is too long.
        CallAPersonError
            Repeating it would not help.
        RefusedError
            There is no such market.
        MissingError
            There is no such order.

        """
        began = self._now()

        def over(state: RetryCallState) -> bool:
            return state.attempt_number >= ATTEMPTS or self._now() - began >= PATIENCE

        retrying = Retrying(
            retry=retry_if_exception(_is_worth_repeating),
            stop=over,
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            result: Result = retrying(self._attempt, what, call)
        except _UnsettledError as error:
            attempts = times(retrying.statistics["attempt_number"])
            pause = self._pause_left()
            again = f"not before {self._until(pause)}" if pause else "at the next attempt"
            raise TryLaterError(
                f"{self._name}: {what}: {error.what}. Asked {attempts}; nothing was changed, it is "
                f"asked again {again}",
                pause,
                error.words,
            ) from None
        except RefusedError as error:
            if error.why == "market":
                raise
            raise CallAPersonError(
                f"{error}. A read request should not be refused: report this, or update ccxt",
                error.words,
            ) from None
        return result

    def send_once(self, what: str, call: Callable[[], Result]) -> Result:
        """The response to a request that must not be sent twice.

        Raises
        ------
        UnknownOutcomeError
            It was sent, and no usable response came.
        TryLaterError
            It was not executed, because of too many requests or the clock.
        RefusedError, CallAPersonError
            It was refused.
        MissingError
            There is no such order (any more).

        """
        try:
            return self._attempt(what, call)
        except _UnsettledError as error:
            if error.kind == "lost":
                raise UnknownOutcomeError(
                    f"{self._name}: {what}: {error.what}. It may have been executed or not: ask "
                    "for the order by its client id before anything else",
                    error.words,
                ) from None
            raise TryLaterError(
                f"{self._name}: {what}: {error.what}. It was not executed",
                self._pause_left(),
                error.words,
            ) from None

    def _attempt(self, what: str, call: Callable[[], Result]) -> Result:
        """One attempt; where our clock was wrong it is set, and the attempt repeated."""
        try:
            return self._call(what, call)
        except _UnsettledError as error:
            if error.kind != "clock":
                raise
        try:
            self._call(what, self._set_clock)
        except _UnsettledError as error:
            raise _UnsettledError(
                "clock", f"our clock is off, and could not be set: {error.what}", error.wait
            ) from None
        return self._call(what, call)

    def _call(self, what: str, call: Callable[[], Result]) -> Result:
        import ccxt

        self._respect_pause()
        self._transport.reset()
        try:
            return call()
        except UnusableError as error:
            shown = describe_failure(error, self._transport.reply)
            text = f"no usable response, {error}: {shown}"
            raise _UnsettledError("lost", redact(text, self._secrets)) from None
        except (ccxt.BaseError, *PARSE_ERRORS) as error:
            if not self._transport.sent and not isinstance(error, ccxt.BaseError):
                raise  # ours: ccxt fails on bodies, not on requests
            # From None: the text of ccxt's error has the signed address in it.
            raise self._translate(what, error) from None

    def _translate(self, what: str, error: Exception) -> Exception:
        reply = self._transport.reply
        # Where nothing was sent, ccxt itself has refused the request.
        kind = classify_error(error, reply, self._facts) if self._transport.sent else "other"
        text = redact(describe_failure(error, reply), self._secrets)
        words = redact(own_words(reply, self._facts), self._secrets)
        if wait := requested_pause(reply, self._server_now()):
            self._rate_limits.pause(self._name, wait)
        if kind == "lost" or kind == "busy" or kind == "clock":
            banned = reply is not None and reply.status == 418
            return _UnsettledError(kind, text, wait, banned=banned, words=words)
        message = f"{self._name}: {what}: {text}"
        if kind == "missing" or kind == "archived":
            return (MissingError if kind == "missing" else ArchivedError)(message, words)
        if kind == "setup":
            return CallAPersonError(f"{message}: {setup_advice(error)}")
        if kind == "location":
            return NotServedError(
                f"{message}. It does not serve this place; choose another exchange.id, or for "
                "prices exchange.prices_id",
                words,
            )
        if kind == "key":
            advice = USELESS_KEY.format(where=self._facts.keys_at)
            return CallAPersonError(f"{message}. {advice}", words)
        return RefusedError(message, kind, words)

    def _pause_left(self) -> float:
        """Seconds left of the pause that the exchange asked for."""
        return self._rate_limits.seconds_left(self._name)

    def _respect_pause(self) -> None:
        if left := self._pause_left():
            raise TryLaterError(
                f"{self._name}: asked to be left alone until {self._until(left)}; nothing was sent",
                left,
            )

    def _until(self, seconds: float) -> str:
        """The hour that is so many seconds away."""
        return utc_text(self._now() + seconds)


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, _UnsettledError) and error.worth_waiting


def _wait(state: RetryCallState) -> float:
    error: Any = state.outcome.exception() if state.outcome else None
    pause = getattr(error, "wait", 0.0)
    return max(BACK_OFF(state), pause + MARGIN if pause else 0.0)
