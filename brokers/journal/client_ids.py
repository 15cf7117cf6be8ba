"""Client order ids: the same decision has the same id, whoever computes it and whenever."""

import re
import secrets
from base64 import b32encode
from hashlib import blake2b

# The longest that every supported exchange takes: Gate allows 28 with its own "t-" before.
LENGTH = 26
PREFIX = 8
FORM = re.compile(f"[a-z2-7]{{{LENGTH}}}")


def new_account_id() -> str:
    """Eight random lower-case base32 characters, which begin every client id of an account."""
    return _base32(secrets.token_bytes(5))


def client_id(account_id: str, *, bar: int, symbol: str, leg: int, attempt: int) -> str:
    """The id of one attempt at one order: 26 lower-case base32 characters.

    The first eight are those of the account. `bar` is the decision's bar (epoch seconds of its
    end), `leg` the order's place within the decision, `attempt` counts from 1.
    """
    digest = blake2b(
        f"{account_id}|{bar}|{symbol}|{leg}|{attempt}".encode(), digest_size=15
    ).digest()
    return account_id + _base32(digest)[: LENGTH - PREFIX]


def is_ours(id_: str, account_id: str) -> bool:
    """Whether an order of this client id was sent for this account."""
    return len(id_) == LENGTH and id_.startswith(account_id)


def has_our_form(id_: str) -> bool:
    """Whether this program may have made the client id, for whatever account."""
    return FORM.fullmatch(id_) is not None


def account_of(id_: str) -> str:
    """The account id in a client id of our form."""
    return id_[:PREFIX]


def _base32(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=").lower()
