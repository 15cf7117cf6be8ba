"""What can go wrong with an exchange, by what happens next."""

from typing import Literal

Refusal = Literal["funds", "limits", "duplicate", "market", "other"]


class ExchangeError(Exception):
    """The exchange cannot be used as asked: who, what it said, what to do. Exit code 4."""


class TryLaterError(ExchangeError):
    """A question stayed without a usable answer: skip this cycle, ask again in the next. Nothing was changed by asking.

    `wait` is how many seconds the exchange wants to be left alone (0: it did not say).
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class UnknownOutcomeError(ExchangeError):
    """An order was sent and no usable answer came: it may exist or not. Ask for it by its client id, never send it again unasked."""


class RefusedError(ExchangeError):
    """The exchange has said no to this one order, which therefore does not exist; other orders may go on.

    `why`: "funds" not enough of them; "limits" step, minimum or price filter; "duplicate" an order of that client id exists;
    "market" not tradable now; "other".
    """

    def __init__(self, message: str, why: Refusal) -> None:
        super().__init__(message)
        self.why = why


class CallAPersonError(ExchangeError):
    """Nothing gets better by waiting (a revoked key, an exchange that is not supported): stop and say so."""


class NotServedError(CallAPersonError):
    """The exchange does not serve the place that the request came from."""
