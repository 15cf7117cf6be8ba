"""Whose prices a file says it holds: a column of symbols, or tickers in the header.

A label that is clearly another ticker or market is refused; a mere name ("Bitcoin") is a note,
because nothing proves what it means.
"""

import re
from collections.abc import Collection, Sequence
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brokers.prices.series import DataError, Request

Column: TypeAlias = pa.ChunkedArray
Meaning = Literal["own", "other", "name"]
COLUMNS = ("symbol", "ticker", "name")  # those that say whose row it is
DOLLARS = ("usd", "usdt", "usdc", "busd", "fdusd", "tusd", "dai")
QUOTES = f"{'|'.join(DOLLARS)}|eur|gbp|jpy|krw|try|brl|aud|cad|chf|btc|eth|bnb"
OTHER_NAMES = {
    "^GSPC": ("SPX", "INX", "SP500"),
    "^RUT": ("RTY",),
    "BTC": ("XBT",),
    "DOGE": ("XDG",),
}
EXCHANGE = r"^(?:[A-Za-z_]+:|US\.)"  # NYSEARCA:IWM, US.IWM
# Where it is listed, in any case: IWM.US, IWM-US, IWM:US, IWM.P, IWM.PCX, IEF.OQ, IWM US Equity,
# IWM/USD, RUT:IND, RTY Index, RUT.X; BTC.V, BTC-USD.CC, BTC=X.
LISTED = {
    "session": r"(?:[.:_-]US|/USD| U[A-Z](?: Equity)?| Index"
    r"|[.:](?:NMS|NAS|NYS|AMX|PCX|ARCA|BATS|XNAS|XNYS|XASE|ARCX|IND|INDX)"
    r"|\.(?:OQ|XO|[PKNOAQX]))$",
    "coin": r"(?:\.(?:V|CC|X)|=X)$",
    "macro": r"$",
}
PERPETUAL = r"(?:\.P|[-_]?PERP|-SWAP|:[A-Z]+)$"
CONTRACT = r"[A-Z]{2,3}[FGHJKMNQUVXZ]\d{1,2}"  # of a future: RTYH4
TICKER = r"[.^$]?[A-Z]{1,5}\d?(?:[.=-][A-Z]{1,3})?"
PAIR = rf"(?i:[a-z0-9]{{2,10}}[-/_](?:{QUOTES}))|[A-Z0-9]{{2,10}}(?:{QUOTES.upper()})"
# Few quotes: "industry" is no pair.
LOWER_PAIR = rf"[a-z0-9]{{2,6}}(?:usdt?|usdc|eur|krw|btc)|t[A-Z0-9]{{2,10}}(?:{QUOTES.upper()})"
SHOWN = 5  # labels in a message, at most


def meaning_of(label: str, request: Request, also: str = "") -> Meaning:
    """Whether a label is a name of `request`, clearly another ticker or market, or a mere name.

    Parameters
    ----------
    also : another name that the settings give the symbol; "" for none.

    """
    own_names = _own_names(request, also)
    written = label.strip()
    plain = re.sub(LISTED[request.kind], "", written, flags=re.IGNORECASE)  # first: IEF:US
    listed = re.sub(EXCHANGE, "", plain, flags=re.IGNORECASE)
    without = re.sub(EXCHANGE, "", written, flags=re.IGNORECASE)
    if {_bare(label), _bare(plain), _bare(listed), _bare(without)} & own_names:
        return "own"
    if listed != written and " " not in written:
        listed = listed.upper()  # spy.us: what is listed is no mere name
    plain = re.sub(PERPETUAL, "", listed)
    if _bare(plain) in own_names or re.fullmatch(CONTRACT, plain):
        return "name"
    return "other" if re.fullmatch(f"{TICKER}|{PAIR}|{LOWER_PAIR}", plain) else "name"


def note_of(
    labels: Collection[str], request: Request, *, where: str, origin: str, also: str = ""
) -> tuple[str, ...]:
    """What to say about the labels of a file: nothing if they are those of `request`.

    Raises
    ------
    DataError
        They are another ticker or market, and none is of `request`.

    """
    meanings = {label: meaning_of(label, request, also) for label in sorted(labels)}
    if set(meanings.values()) <= {"own"}:
        return ()
    names = ", ".join([*meanings][:SHOWN])
    if request.kind != "macro" and "other" in meanings.values() and "own" not in meanings.values():
        raise DataError(
            f"{origin}: {where} says {names}, and not {request.symbol}; put the prices of "
            f"{request.symbol} in this file, or correct the label"
        )
    return (f"prices of {names}",)


def rows_of_symbol(
    names: Sequence[str],
    columns: Sequence[Column],
    request: Request,
    *,
    origin: str,
    mixed: bool,
    also: str = "",
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Which rows of a table are of `request`, and what to say about its column of symbols.

    Parameters
    ----------
    names, columns : of the table, the names from `plain_name`.
    mixed : whether dates occur more than once, as with several symbols one below the other.

    Raises
    ------
    DataError
        The rows are of another symbol, or of several of which not one is `request`.

    """
    everything = np.ones(len(columns[0]), dtype=bool)
    name = next((name for name in COLUMNS if name in names), "")
    labels = _texts(columns[names.index(name)]) if name else None
    if labels is None or (request.kind == "macro" and not mixed):
        return everything, ()
    distinct = pc.unique(labels).drop_null().to_pylist()
    if not mixed or len(distinct) < 2:
        return everything, note_of(
            distinct, request, where=f"column {name}", origin=origin, also=also
        )
    exact = {_bare(request.symbol), _bare(request.market), _bare(also)}
    matching = [label for label in distinct if _bare(label) in exact] or [
        label for label in distinct if meaning_of(label, request, also) == "own"
    ]
    if len(matching) != 1:
        raise DataError(
            f"{origin}: column {name} holds {', '.join(sorted(distinct)[:SHOWN])}, and not "
            f"{request.symbol}; write one symbol to a file"
        )
    mask: NDArray[np.bool_] = np.asarray(
        pc.fill_null(pc.equal(labels, matching[0]), fill_value=False)
    )
    return mask, (f"rows of {request.symbol}",)


def _texts(column: Column) -> Column | None:
    """The column as text; None for what is none: lists have no cast, and bytes may be no UTF-8."""
    try:
        return column.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return None


def _own_names(request: Request, also: str) -> set[str]:
    names = {request.symbol, request.market, also, *OTHER_NAMES.get(request.symbol, ())}
    if request.kind == "coin":
        bases = {request.symbol.partition("-")[0], request.market.partition("/")[0]} - {""}
        bases |= {other for base in bases for other in OTHER_NAMES.get(base, ())}
        names |= bases
        for base in bases:
            names |= {base + dollar for dollar in DOLLARS} | {dollar + base for dollar in DOLLARS}
            names |= {f"t{base}usd", f"x{base}zusd"}  # of Bitfinex and Kraken
    return {_bare(name) for name in names} - {""}


def _bare(symbol: str) -> str:
    return re.sub(r"[^a-z0-9]", "", symbol.casefold())
