"""What can go wrong with an exchange, by what happens next.

ExchangeError              the exchange cannot be used as asked
├── TryLaterError          skip this cycle, ask again in the next
├── UnknownOutcomeError    look for the order by its client id before anything else
├── RefusedError           this one order does not exist; others may go on
└── CallAPersonError       stop: waiting does not help
    └── NotServedError     another exchange is needed here
"""

from typing import Literal

from brokers.errors import RetryLaterError

Refusal = Literal["funds", "limits", "depth", "duplicate", "market", "other"]


class ExchangeError(Exception):
    """The exchange cannot be used as asked: which one, what it said, what to do. Exit code 4.

    `words` are the exchange's own, "" where it said nothing.
    """

    def __init__(self, message: str, words: str = "") -> None:
        super().__init__(message)
        self.words = words


class TryLaterError(RetryLaterError, ExchangeError):
    """No usable response to a request that changes nothing: skip this cycle, repeat it in the next.

    `wait` is how many seconds the exchange asks for without requests (0: it did not say).
    """

    def __init__(self, message: str, wait: float = 0.0, words: str = "") -> None:
        super().__init__(message, words)
        self.wait = wait


class UnknownOutcomeError(RetryLaterError, ExchangeError):
    """An order was sent and no usable response came: it may exist or not.

    Look for it by its client id; never send it again before that.
    """


class RefusedError(ExchangeError):
    """The exchange refused this one order, which therefore does not exist; other orders may go on.

    `why`: "funds" too little; "limits" step, minimum or price filter; "depth" nobody on the other
    side of the book; "duplicate" an order of that client id exists; "market" not tradable now;
    "other".
    """

    def __init__(self, message: str, why: Refusal, words: str = "") -> None:
        super().__init__(message, words)
        self.why = why


class CallAPersonError(ExchangeError):
    """Waiting does not help (a revoked key, an unsupported exchange): stop and report it."""


class NotServedError(CallAPersonError):
    """The exchange does not serve the place that the request came from."""
