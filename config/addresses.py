"""What in an address must not be shown: everything but its host."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

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


def secret_parts(addresses: Iterable[str]) -> list[str]:
    """Each address as a whole, and every piece of it that is not its host.

    User name, password, path, query values and fragment; raw and decoded.
    """
    pieces = (piece for address in addresses for piece in (address, *_pieces(address)))
    return list(dict.fromkeys(form for piece in pieces if piece for form in _forms(piece)))


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
