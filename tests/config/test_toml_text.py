"""TOML as editors save it: what is UTF-8 is read, what is not is refused with its reason."""

import tomllib
from pathlib import Path

import pytest

from config.settings import ConfigError, load
from config.toml_text import parse_toml

TEXT = '# Größe\n[gate]\nbase_sessions = 126\n\n[paper]\ngone = {"A" = "loss"}\n'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_byte_order_mark_and_every_end_of_line_are_read(mark: bytes, end: str) -> None:
    assert parse_toml(mark + TEXT.replace("\n", end).encode()) == tomllib.loads(TEXT)


def test_such_a_file_changes_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(b"\xef\xbb\xbf[gate]\r\nbase_sessions = 126\r\n")
    assert load([path]).gate.base_sessions == 126


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(ConfigError, match=r"mine\.toml: not valid TOML: saved as UTF-16; .* UTF-8"):
        load([path])


def test_another_encoding_is_refused_with_the_line_and_its_byte(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes("[gate]\n# Schwelle\n# gro\N{LATIN SMALL LETTER SHARP S}\n".encode("latin-1"))
    with pytest.raises(
        ConfigError, match=r"mine\.toml: not valid TOML: not UTF-8: line 3 has the byte 0xdf"
    ):
        load([path])


def test_what_is_not_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"[gate]\r\nbase_sessions 126\r\n")
    with pytest.raises(ConfigError, match=r"mine\.toml: not valid TOML: .*line 2"):
        load([path])
