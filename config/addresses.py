"""What in an address must not be shown: everything but its host."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from config.explanations import SECRET_WORDS

# A name with a dot and a top-level domain of letters, an IP address, or a name with a port. Where
# an address has a token in the host's place, as in ntfy://TOPIC, this does not match it.
HOST = re.compile(
    r"""
    (?: localhost
      | (?: [\w-]+ \. )+ (?: [a-z]{2,24} | xn--[a-z0-9-]+ )
      | \d{1,3} (?: \. \d{1,3} ){3}
      | \[ [0-9a-f:.]+ \]
    ) (?: : \d+ )?
    | [\w.-]+ : \d{2,5}
    """,
    re.VERBOSE | re.IGNORECASE,
)
WEB = ("http", "https")
# A piece of an address of prices is a key, not a word such as "history", if it has a digit and this
# many characters, or is longer than words are.
SHORTEST_KEY, LONGEST_WORD = 8, 20
LONGEST_HOST = 253  # bytes of a name: RFC 1035 has 255, with two that are not written
# What is replaced in it; after a colon how a date is written, as strftime has it, or "epoch".
PLACEHOLDER = re.compile(r"\{(symbol|start|end)(?::([^{}]*))?\}")
LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")


def secret_parts(addresses: Iterable[str]) -> list[str]:
    """Each address as a whole, and every piece of it that is not its host.

    User name, password, path, query values and fragment; raw and decoded.
    """
    pieces = (piece for address in addresses for piece in (address, *_pieces(address)))
    return list(dict.fromkeys(form for piece in pieces if piece for form in _forms(piece)))


def keys_of(address: str) -> list[str]:
    """What of an address of prices is or may be a key: the whole, and those of its pieces.

    User name and password, query values whose name says so, and other pieces that are no words;
    raw and decoded. Its words are in every log: "daily" or "history" cannot be masked there.
    """
    try:
        parts = urlsplit(address)
    except ValueError:  # no address; whoever uses it will say so
        return [address] if address else []
    login = parts.netloc.rpartition("@")[0].partition(":")[::2]
    values = (value for _, value in parse_qsl(parts.query))
    others = (*parts.path.split("/"), *parts.fragment.split("/"), *values)
    pieces = (address, *login, *_named_keys(parts.query), *filter(_looks_like_key, others))
    known = (piece for piece in pieces if piece and not piece.startswith("{"))
    return list(dict.fromkeys(form for piece in known for form in _forms(piece)))


def problem_of_characters(address: str) -> str:
    """Why no client can send an address as it is written, without a word of it; "" for nothing.

    Letters of any script are none: a client writes them in UTF-8. A line break is, which some cut
    out without a word, and what nobody sees: a space without width, a byte that is no UTF-8.
    """
    if all(letter.isprintable() for letter in address):
        return ""
    return (
        "has a character that cannot be seen (a line break, one of a word processor); copy it again"
    )


def problem_of_web_address(address: str) -> str:
    """What is wrong with an http or https address, without a word of it; "" for nothing."""
    if why := problem_of_characters(address):
        return f"it {why}"
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return "it is no address"
    if parts.scheme not in WEB or not host:
        return "it does not begin with https:// and a host"
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        return (
            "what follows the host is no port; in a user name or password write / as %2F, ? as "
            "%3F, # as %23 and @ as %40"
        )
    return "" if _is_host(host) else "its host is no name of a host"


def login_fits_latin_1(address: str) -> bool:
    """Whether a client that sends user name and password in Latin-1, as many do, can send them."""
    try:
        login = unquote(urlsplit(address).netloc.rpartition("@")[0])
    except ValueError:  # no address; whoever uses it will say so
        return True
    return all(ord(letter) < 256 for letter in login)


def _is_host(host: str) -> bool:
    """Whether a name can be looked up: its labels have at most 63 bytes as IDNA writes them."""
    if re.search(r"[\s\\^`{|}<>\"']", host):
        return False
    try:
        name = host.removesuffix(".").encode("idna")
    except UnicodeError:
        return False
    return len(name) <= LONGEST_HOST


def problem_of_prices_address(address: str, *, with_header: bool) -> str:
    """What is wrong with an address of prices, without a word of it; "" for nothing."""
    if why := problem_of_web_address(PLACEHOLDER.sub("x", address)):
        return why
    parts = urlsplit(address)
    host = parts.hostname or ""
    if "{" in parts.netloc or "}" in parts.netloc:
        return "a placeholder cannot be part of the host"
    names = [match[1] for match in PLACEHOLDER.finditer(f"{parts.path}?{parts.query}")]
    if set("{}") & set(PLACEHOLDER.sub("", address)):
        return "it has braces other than the placeholders {symbol}, {start} and {end}"
    if "symbol" not in names:
        return "it has no {symbol}: every series would be the same"
    has_key = with_header or parts.username or any(_named_keys(parts.query))
    if parts.scheme == "http" and not LOOPBACK.fullmatch(host) and has_key:
        return "it would send a key that anybody can read on the way: use https"
    return ""


def _named_keys(query: str) -> Iterator[str]:
    """Values of a query whose name says that they are secret."""
    for name, value in parse_qsl(query):
        if any(word in name.lower() for word in SECRET_WORDS):
            yield value


def _looks_like_key(piece: str) -> bool:
    if "{" in piece:  # a placeholder
        return False
    return len(piece) > LONGEST_WORD or (
        len(piece) >= SHORTEST_KEY and any(letter.isdigit() for letter in piece)
    )


def _forms(piece: str) -> tuple[str, ...]:
    return (piece, unquote(piece))


def _pieces(address: str) -> Iterator[str]:
    try:
        parts = urlsplit(address)
        values = [value for _, value in parse_qsl(parts.query, keep_blank_values=True)]
    except ValueError:  # no address; whoever uses it will say so
        return
    login, _, host = parts.netloc.rpartition("@")
    yield from login.partition(":")[::2]
    if parts.scheme not in WEB and not HOST.fullmatch(host):
        yield host
        yield from host.split(":")
    for text in (parts.path, parts.fragment):
        yield from text.split("/")
    for value in values:
        yield value
        yield from re.split(r"[,;\s]+", value)
