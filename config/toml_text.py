"""TOML as editors save it: with a byte order mark, with lines ended in any way."""

import codecs
import tomllib
from typing import Any


def parse_toml(content: bytes) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    ValueError
        It is not UTF-8, or not TOML; the message says where, and what to do.

    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:4]:
        raise ValueError("not valid TOML: saved as UTF-16; save it again as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"not valid TOML: not UTF-8: line {line} has the byte 0x{content[error.start]:02x}; "
            "save it again as UTF-8"
        ) from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not valid TOML: {error}") from None
