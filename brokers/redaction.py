"""Secrets masked in a text before it is logged, shown, sent or raised."""

import json
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 6  # characters; shorter ones would blank ordinary words
SHORTEST_LINE = 16  # the same for one line of a secret that has several, such as a private key
# A value by the name before it: in a query, a header, JSON, or the printed form of a Python
# mapping. After a bare colon, which prose has too, only a value with a digit in it.
NAMED = re.compile(
    r"""
    (
        (?: signature | api[-_]?key | access[-_]key | [-_]sign | secret | passphrase | password
          | authorization | token )
        (?: ["']?\s{0,3}=\s{0,3}b?["']?
          | ["']\s{0,3}:\s{0,3}b?["']?
          | \s{0,3}:\s{0,3}b?["']
          | \s{0,3}:\s{0,3}(?=\S{0,200}\d|Bearer\s|Basic\s)
          | (?<=MBX-APIKEY):\s{0,3} )
        (?: (?:Bearer|Basic)\s{1,3} )?
    )
    [^\s"'&,;})\]]{6,}
    """,
    re.IGNORECASE | re.VERBOSE,
)

# User and password of an address, as that of a proxy.
USER = re.compile(r"([a-z][a-z0-9+.-]{0,20}://)[^\s/@]{1,200}@", re.IGNORECASE)


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` with `secrets` masked, and the values of signatures and keys that it names.

    A secret (of at least six characters) is masked as it is, URL-encoded, and as JSON or Python
    print it; of one with several lines each long line.
    """
    pattern = _pattern(frozenset(secrets))
    masked = pattern.sub(MASK, text) if pattern else text
    return NAMED.sub(rf"\1{MASK}", USER.sub(rf"\1{MASK}@", masked))


def redact_answer(text: str, secrets: Collection[str], words: Collection[str]) -> str:
    """`redact`, and each of `words`, however short, where it is not part of a longer word.

    What a service says may repeat any part of its address.
    """
    text = redact(text, secrets)
    forms = sorted({word for word in words if word}, key=len, reverse=True)
    if not forms:
        return text
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)", MASK, text)


@lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for form in _forms(secret)}
    # The longest first: masking a secret within another would leave the rest of the longer one.
    return (
        re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
        if forms
        else None
    )


def _forms(secret: str) -> Iterator[str]:
    lines = [line.strip() for line in secret.splitlines()]
    parts = [secret.strip(), *(line for line in lines if len(line) >= SHORTEST_LINE)]
    for part in parts:
        if len(part) >= SHORTEST:
            yield from (
                part,
                quote(part, safe=""),
                quote_plus(part),
                json.dumps(part)[1:-1],
                repr(part)[1:-1],
            )
