"""Questions and orders to an exchange: what an error means, what is asked again, what is sent once."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from brokers.exchange.errors import (
    CallAPersonError,
    NotServedError,
    RefusedError,
    TryLaterError,
    UnknownOutcomeError,
)
from brokers.exchange.rate_limits import Quiet
from brokers.exchange.responses import STUMBLES, UnusableError
from brokers.exchange.sandboxes import Facts, Kind, Unsettled
from brokers.exchange.transport import Reply, Transport
from brokers.redaction import redacted

ATTEMPTS = 4
PATIENCE = 20.0  # seconds after whose end no further attempt begins
BACK_OFF = wait_random_exponential(multiplier=1, max=5)
LONGEST_WAIT = 60.0  # seconds; an exchange that asks for a longer pause is not waited for
SHORTEST_BAN = 120.0  # seconds of a 418 that does not say how long it is; Binance bans for two minutes at least
LONGEST_PAUSE = 3 * 86_400.0  # seconds; Binance's longest ban, and a bound for what a proxy may say
MARGIN = 0.2  # seconds waited beyond what was asked for, so that no rounding makes it less
USELESS_KEY = (
    "The API key is of no use: it was revoked, belongs to the live exchange in place of the sandbox, may not be used from this IP address, "
    "or may only read; make one that may trade and not withdraw at {where}, and set RUSSELL_GATE_API_KEY and RUSSELL_GATE_API_SECRET"
)

Result = TypeVar("Result")


class MissingError(Exception):
    """The exchange knows no such order, or none that is still open."""


class _UnsettledError(Exception):
    """An attempt that failed in passing, and for how long the exchange wants to be left alone."""

    def __init__(self, kind: Unsettled, what: str, wait: float = 0.0, banned: bool = False) -> None:
        super().__init__(what)
        self.kind, self.what, self.wait = kind, what, wait
        self.worth_waiting = not banned and wait <= LONGEST_WAIT


class Calls:
    """All traffic with one exchange. While a pause that it asked for lasts, nothing is sent.

    `set_clock` asks for the exchange's time; it is called when a request was refused because of its time, which is then made again: such
    a refusal comes before anything is executed.
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
        secrets: Collection[str],
        quiet: Quiet,
    ) -> None:
        self._name, self._facts, self._transport, self._secrets = name, facts, transport, secrets
        self._set_clock, self._sleep, self._now = set_clock, sleep, now
        self._quiet = quiet

    def ask(self, what: str, call: Callable[[], Result]) -> Result:
        """The answer to a question, which may be asked again and again.

        Raises
        ------
        TryLaterError
            No usable answer in four attempts or about twenty seconds, or a pause is asked for that is too long to wait for.
        CallAPersonError
            Asking again would not help.
        RefusedError
            There is no such market.
        MissingError
            There is no such order.

        """
        began = self._now()

        def over(state: RetryCallState) -> bool:
            return state.attempt_number >= ATTEMPTS or self._now() - began >= PATIENCE

        retrying = Retrying(
            retry=retry_if_exception(_worth_it),
            stop=over,
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: Result = retrying(self._tried, what, call)
        except _UnsettledError as error:
            tried = retrying.statistics["attempt_number"]
            times = "once" if tried == 1 else f"{tried} times"
            message = f"{self._name}: {what}: {error.what}. Asked {times}; nothing was changed, the next cycle asks again"
            raise TryLaterError(message, self._left()) from None
        except RefusedError as error:
            if error.why == "market":
                raise
            raise CallAPersonError(
                f"{error}. A question should not be refused: report this, or update ccxt"
            ) from None
        return answer

    def send_once(self, what: str, call: Callable[[], Result]) -> Result:
        """The answer to something that must not be sent twice.

        Raises
        ------
        UnknownOutcomeError
            It was sent, and no usable answer came.
        TryLaterError
            It was not executed, because of too many requests or the clock.
        RefusedError, CallAPersonError
            It was refused.
        MissingError
            There is no such order (any more).

        """
        try:
            return self._tried(what, call)
        except _UnsettledError as error:
            if error.kind == "lost":
                remedy = "It may have been executed or not: ask for the order by its client id before anything else"
                raise UnknownOutcomeError(f"{self._name}: {what}: {error.what}. {remedy}") from None
            raise TryLaterError(
                f"{self._name}: {what}: {error.what}. It was not executed", self._left()
            ) from None

    def _tried(self, what: str, call: Callable[[], Result]) -> Result:
        """One attempt; where our clock was wrong it is set, and the attempt made again."""
        try:
            return self._judged(what, call)
        except _UnsettledError as error:
            if error.kind != "clock":
                raise
        try:
            self._judged(what, self._set_clock)
        except _UnsettledError as error:
            raise _UnsettledError(
                "clock", f"our clock is off, and could not be set: {error.what}", error.wait
            ) from None
        return self._judged(what, call)

    def _judged(self, what: str, call: Callable[[], Result]) -> Result:
        import ccxt

        self._respect_pause()
        self._transport.forget()
        try:
            return call()
        except UnusableError as error:
            said = f"no usable answer, {error}: {_said(error, self._transport.reply)}"
            raise _UnsettledError("lost", redacted(said, self._secrets)) from None
        except (ccxt.BaseError, *STUMBLES) as error:
            if not self._transport.sent and not isinstance(error, ccxt.BaseError):
                raise  # ours: ccxt stumbles over bodies, not over questions
            # From None: the text of ccxt's error has the signed address in it.
            raise self._wrong(what, error) from None

    def _wrong(self, what: str, error: Exception) -> Exception:
        reply = self._transport.reply
        kind = (
            meaning(error, reply, self._facts) if self._transport.sent else "other"
        )  # not sent: ccxt itself objects
        said = redacted(_said(error, reply), self._secrets)
        if wait := asked_pause(reply):
            self._quiet.keep(self._name, wait)
        if kind == "lost" or kind == "busy" or kind == "clock":
            return _UnsettledError(
                kind, said, wait, banned=reply is not None and reply.status == 418
            )
        about = f"{self._name}: {what}: {said}"
        if kind == "missing":
            return MissingError(about)
        if kind == "location":
            return NotServedError(
                f"{about}. It does not serve this place; choose another exchange.id, or for prices exchange.prices_id"
            )
        if kind == "key":
            return CallAPersonError(f"{about}. {USELESS_KEY.format(where=self._facts.keys_at)}")
        return RefusedError(about, kind)

    def _left(self) -> float:
        """Seconds left of the pause that was asked for."""
        return self._quiet.left(self._name)

    def _respect_pause(self) -> None:
        if left := self._left():
            raise TryLaterError(
                f"{self._name}: wants to be left alone for another {left:.0f} s; nothing was sent",
                left,
            )


def meaning(error: Exception, reply: Reply | None, facts: Facts) -> Kind:
    """What an error of ccxt means: first by what the exchange itself said, only then by ccxt's class."""
    if reply is None:
        return "lost"
    text, code = reply.text.lower(), _code(reply, facts)
    if (
        reply.status == 451
        or "restricted location" in text
        or "block access from your country" in text
    ):
        return "location"
    if reply.status in (418, 429):
        return "busy"
    if reply.status >= 500 or (facts.error_code and not code):
        return "lost"
    by_text = next((kind for words, kind in facts.texts if words in text), None)
    return by_text or facts.kinds.get(code) or _by_class(error)


def asked_pause(reply: Reply | None) -> float:
    """Seconds that the exchange wants to be left alone."""
    if reply is None or reply.status < 400:
        return 0.0
    asked = reply.headers.get("retry-after", "")
    if asked.isdecimal():
        return min(float(asked), LONGEST_PAUSE)
    return SHORTEST_BAN if reply.status == 418 else 0.0


def _by_class(error: Exception) -> Kind:
    import ccxt

    kinds: tuple[tuple[type[Exception], Kind], ...] = (
        (ccxt.OrderNotFound, "missing"),
        (ccxt.InvalidNonce, "clock"),
        (ccxt.DDoSProtection, "busy"),
        (ccxt.RateLimitExceeded, "busy"),
        (ccxt.AuthenticationError, "key"),  # PermissionDenied and AccountSuspended too
        (ccxt.InsufficientFunds, "funds"),
        (ccxt.MarketClosed, "market"),
        (ccxt.BadSymbol, "market"),
        (ccxt.OperationFailed, "lost"),
    )
    if not isinstance(error, ccxt.BaseError) or type(error) is ccxt.ExchangeError:
        return "lost"  # what ccxt has no name for: mostly a body the exchange itself would not send
    return next((kind for its_class, kind in kinds if isinstance(error, its_class)), "other")


def _code(reply: Reply, facts: Facts) -> str:
    content = reply.content()
    code = str(content.get(facts.error_code, "")) if isinstance(content, dict) else ""
    return "" if code == "0" else code


def _said(error: Exception, reply: Reply | None) -> str:
    """What happened, without the address: it may be signed."""
    if reply is not None:
        return f"HTTP {reply.status} {' '.join(reply.text[:1000].split())[:160]!r}"
    cause: BaseException = error
    while (
        deeper := cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    ) is not None:
        cause = deeper
    return f"{type(error).__name__}, {type(cause).__name__}: {str(cause)[:200]}"


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, _UnsettledError) and error.worth_waiting


def _wait(state: RetryCallState) -> float:
    error: Any = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "wait", 0.0)
    return max(BACK_OFF(state), asked + MARGIN if asked else 0.0)
