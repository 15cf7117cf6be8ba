"""Client order ids: the same decision has the same id, whoever computes it and whenever."""

import re
import secrets
from base64 import b32encode
from hashlib import blake2b

# The longest that every supported exchange takes: Gate allows 28 with its own "t-" before.
ID_LENGTH = 26
ACCOUNT_LENGTH = 8
RANDOM_LENGTH = 4  # characters of an account id that are random where the others are a mark
FORM = re.compile(f"[a-z2-7]{{{ID_LENGTH}}}")


def new_account_id(taken_over: str = "") -> str:
    """Eight random lower-case base32 characters, which begin every client id of an account.

    With the id of a lost account that is `taken_over`, the last four are its mark: so an exchange's
    list of orders still shows it when this account's journal is lost as well.
    """
    account_id = _base32(secrets.token_bytes(5))
    return _marked(account_id, taken_over) if taken_over else account_id


def has_taken_over(account_id: str, other: str) -> bool:
    """Whether an account has taken over the other one, by its id; by chance one in a million."""
    return account_id == _marked(account_id, other)


def _marked(account_id: str, taken_over: str) -> str:
    start = account_id[:RANDOM_LENGTH]
    mark = blake2b(f"{start}|{taken_over}".encode(), digest_size=5).digest()
    return start + _base32(mark)[: ACCOUNT_LENGTH - RANDOM_LENGTH]


def client_id(account_id: str, *, bar: int, symbol: str, leg: int, attempt: int) -> str:
    """The id of one attempt at one order: 26 lower-case base32 characters.

    The first eight are those of the account. `bar` is the decision's bar (epoch seconds of its
    end), `leg` the order's place within the decision, `attempt` counts from 1.
    """
    digest = blake2b(
        f"{account_id}|{bar}|{symbol}|{leg}|{attempt}".encode(), digest_size=15
    ).digest()
    return account_id + _base32(digest)[: ID_LENGTH - ACCOUNT_LENGTH]


def is_ours(id_: str, account_id: str) -> bool:
    """Whether an order of this client id was sent for this account."""
    return len(id_) == ID_LENGTH and id_.startswith(account_id)


def has_our_form(id_: str) -> bool:
    """Whether this program may have made the client id, for whatever account."""
    return FORM.fullmatch(id_) is not None


def account_of(id_: str) -> str:
    """The account id in a client id of our form."""
    return id_[:ACCOUNT_LENGTH]


def _base32(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=").lower()
