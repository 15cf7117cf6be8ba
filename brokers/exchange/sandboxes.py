"""The exchanges whose sandboxes are supported: what differs between them, as data."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from brokers.exchange.errors import CallAPersonError, Refusal

Unsettled = Literal["lost", "busy", "clock"]
ErrorKind = Refusal | Unsettled | Literal["missing", "archived", "key", "location", "setup"]
BodyPath = tuple[str | int, ...]  # members and positions that lead into a body


class Facts(NamedTuple):
    """What differs between exchanges.

    `kinds` and `texts` classify an error, by its code and by words in its body (lower case), where
    ccxt's class misleads: "lost" it may have been executed or not, "busy" come back later, "clock"
    our time is off, "missing" no such order (any more), "archived" one that ended long ago with
    nothing filled, "key" the key does not work, "location" not served from here, else why an order
    is refused.
    """

    sandbox_hosts: frozenset[str] = frozenset()
    public_hosts: frozenset[str] = frozenset()
    keys_at: str = ""  # where a person makes keys for the sandbox
    options: Mapping[str, Any] = {}  # of ccxt
    error_code: str = ""  # the member of a body that holds an error's code
    error_text: str = ""  # and the one that holds its words
    kinds: Mapping[str, ErrorKind] = {}
    texts: tuple[tuple[str, ErrorKind], ...] = ()
    id_prefix: str = ""  # stands before a client id at the exchange
    takes_client_id: bool = True  # an order can be fetched by its client id
    lists: tuple[str, ...] = ()  # ccxt's lists in which to look for an order that cannot
    list_filter: str = ""  # parameter that narrows such a list to one client id
    history: str = "fetch_orders"  # ccxt's list of ended orders, newest first or last
    history_length: int = 1000  # the most it gives at once
    returns_whole_order: bool = True  # the response to a new order has its fills, not only its id
    quote_buys: bool = False  # the size of a market buy is quote units
    account: BodyPath = ()  # the list of coins in the body of an account
    account_fields: tuple[str, ...] = ()  # what each of them must have
    order_fields: tuple[str, ...] = ()  # what an order must have, else ccxt fills in a zero
    end_fields: tuple[str, ...] = ("status",)  # what says how and why an order ended
    rows: BodyPath = ()  # the list in the body of a response that is a list
    bids: BodyPath = ("bids",)
    asks: BodyPath = ("asks",)


# Otherwise an outage of the futures endpoints stops spot trading.
SPOT_ONLY = {"types": ["spot"]}

FACTS = {
    "binance": Facts(
        sandbox_hosts=frozenset({"testnet.binance.vision"}),
        public_hosts=frozenset({"api.binance.com"}),
        keys_at="https://testnet.binance.vision",
        options={
            "fetchMarkets": SPOT_ONLY,
            "createOrder": {"quoteOrderQty": False},  # the size is coins, always
        },
        error_code="code",
        error_text="msg",
        # Checked against the list of error codes in Binance's API documentation of July 2026, for
        # the calls made here; of the rest ccxt's class says what it means.
        kinds={
            "-1013": "limits",  # BadRequest: a filter, or a size or price that cannot be one
            "-1016": "lost",  # BadRequest: the service is shutting down
            "-1111": "limits",  # BadRequest: too many decimals
            "-1112": "depth",  # OperationFailed: nobody on the other side of the book
            "-2015": "key",  # ccxt calls it a rate limit once a call has succeeded
            "-2016": "lost",  # OperationRejected: no price of that coin now
            "-2026": "archived",  # InvalidOrder
        },
        texts=(
            ("duplicate order sent", "duplicate"),  # -2010, a plain InvalidOrder in ccxt
            ("market is closed", "market"),  # -1013 too
            # Refusals of -2010 for one market, whose words ccxt has wrong.
            ("this action is disabled", "market"),
            ("permitted for this account", "market"),
            ("restricted for this account", "market"),
            ("filter failure", "limits"),
            ("price * qty is zero or less", "limits"),
            # -2011, OrderNotFound in ccxt: a cancellation refused although the order is there.
            ("cancel restrictions", "other"),
            ("cancel order is invalid", "other"),
            ("would change no state", "other"),
        ),
        account=("balances",),
        account_fields=("asset", "free", "locked"),
        order_fields=(
            "orderId",
            "clientOrderId",
            "symbol",
            "side",
            "status",
            "origQty",
            "executedQty",
            "cummulativeQuoteQty",
        ),
    ),
    "bybit": Facts(
        sandbox_hosts=frozenset({"api-testnet.bybit.com"}),
        public_hosts=frozenset({"api.bybit.com"}),
        keys_at="https://testnet.bybit.com",
        options={
            "fetchMarkets": SPOT_ONLY,
            "defaultType": "spot",
            # ccxt would make two signed calls for these, which need the permission to move money;
            # new accounts are all unified.
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
            "unifiedMarginStatus": 6,
        },
        error_code="retCode",
        error_text="retMsg",
        kinds={
            "10000": "lost",  # server timeout
            "10002": "clock",
            "10016": "lost",  # system error
            "10024": "location",  # compliance rules
            "10029": "market",  # not on the key's list of symbols
            "12137": "limits",  # too many decimals
            "12141": "duplicate",
            "110072": "duplicate",
            "110094": "limits",  # notional
            "170001": "lost",  # internal error
            "170007": "lost",  # timeout of the backend
            "170032": "lost",  # network error
            "170121": "market",  # invalid symbol
            "170124": "limits",
            "170132": "limits",  # price too high
            "170133": "limits",  # price too low
            "170134": "limits",
            "170135": "limits",
            "170136": "limits",
            "170137": "limits",
            "170139": "missing",  # to cancel: already filled
            "170140": "limits",  # notional
            "170141": "duplicate",
            "170142": "missing",  # to cancel: already cancelled
            "170143": "missing",  # to cancel: not on the book
            "170146": "lost",  # creation timed out
            "170147": "lost",  # cancellation timed out
            "170148": "limits",
            "170149": "lost",  # "create order failed", without a reason
            "170151": "market",
            "170157": "market",
            "170190": "missing",  # to cancel: already over
        },
        takes_client_id=False,  # of a unified account ccxt fetches by the exchange's id only
        lists=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
        list_filter="orderLinkId",
        history="fetch_canceled_and_closed_orders",  # of the last seven days
        history_length=50,
        returns_whole_order=False,
        account=("result", "list", 0, "coin"),
        account_fields=("coin", "walletBalance"),
        order_fields=(
            "orderId",
            "symbol",
            "side",
            "orderStatus",
            "qty",
            "cumExecQty",
            "cumExecValue",
        ),
        end_fields=("orderStatus", "rejectReason"),
        rows=("result", "list"),
        bids=("result", "b"),
        asks=("result", "a"),
    ),
    "gate": Facts(
        sandbox_hosts=frozenset({"api-testnet.gateapi.io"}),
        public_hosts=frozenset({"api.gateio.ws"}),
        keys_at="https://testnet.gate.com",
        options={
            "fetchMarkets": SPOT_ONLY,
            "defaultType": "spot",
            # Otherwise ccxt asks for it before every call, and takes any failure for a no.
            "unifiedAccount": False,
        },
        error_code="label",
        error_text="message",
        kinds={
            "AMOUNT_TOO_LITTLE": "limits",
            "AMOUNT_TOO_MUCH": "limits",
            "INVALID_PRECISION": "limits",
            "PRICE_TOO_DEVIATED": "limits",
            "SIZE_TOO_SMALL": "limits",
            "REPEATED_CREATION": "duplicate",
            "REQUEST_EXPIRED": "clock",  # an AuthenticationError in ccxt
            "TRADE_RESTRICTED": "market",  # InsufficientFunds in ccxt
            "ORDER_CANCELLED": "missing",  # these three: nothing left to cancel
            "ORDER_CLOSED": "missing",
            "ORDER_FINISHED": "missing",
        },
        texts=(("your order size", "limits"),),
        id_prefix="t-",  # ccxt adds it itself, but not to an id that happens to begin with a t
        # A closed order can be fetched by its client id for an hour only.
        lists=("fetch_closed_orders",),
        history="fetch_closed_orders",
        history_length=100,
        quote_buys=True,
        account_fields=("currency", "available", "locked"),
        order_fields=("id", "currency_pair", "side", "status", "amount", "left", "filled_total"),
        end_fields=("status", "finish_as"),
    ),
}
ANY = Facts()  # an exchange asked for public prices only

TO_THE_LIVE_HOST = ("bitget", "okx")


def facts_of(exchange_id: str) -> Facts:
    """What differs about the exchange `exchange_id`, for trading in its sandbox.

    Raises
    ------
    CallAPersonError
        It has no sandbox, or none that is safe.

    """
    if exchange_id in FACTS:
        return FACTS[exchange_id]
    if exchange_id in TO_THE_LIVE_HOST:
        why = (
            "sends its sandbox orders to the live host, distinguished by a header alone: one error "
            "would trade with real money"
        )
    else:
        why = "has no supported sandbox, so there is nowhere to send test orders"
    raise CallAPersonError(
        f"exchange.id {exchange_id!r} {why}; choose one of {', '.join(FACTS)}, or exchange.mode "
        "dry-run"
    )
