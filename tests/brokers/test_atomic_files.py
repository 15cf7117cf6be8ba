"""Files that are either complete or absent."""

import os
from pathlib import Path

import pytest

from brokers.atomic_files import replace_file, replace_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_appears_with_its_folder(tmp_path: Path):
    target = tmp_path / "deep" / "down" / "file.txt"
    replace_file(target, lambda temporary: Path(temporary).write_text("new"))
    assert target.read_text() == "new"
    assert names(target.parent) == ["file.txt"]


def test_an_old_file_is_replaced(tmp_path: Path):
    target = tmp_path / "file.txt"
    target.write_text("old and longer")
    replace_file(target, lambda temporary: Path(temporary).write_text("new"))
    assert target.read_text() == "new"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_private_file_is_readable_by_this_user_only(tmp_path: Path):
    private, shared, usual = (tmp_path / name for name in ("private", "shared", "usual"))
    replace_file(private, lambda temporary: Path(temporary).write_text("new"))
    replace_text(shared, "Größe")
    usual.touch()
    assert private.stat().st_mode & 0o777 == 0o600
    assert shared.stat().st_mode == usual.stat().st_mode
    assert shared.read_text(encoding="utf-8") == "Größe"


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_an_error_while_writing_leaves_the_old_file_and_no_leftovers(
    tmp_path: Path, error: type[BaseException]
):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def write(temporary: str) -> None:
        Path(temporary).write_text("half")
        raise error

    with pytest.raises(error):
        replace_file(target, write)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path: Path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    seen: list[str] = []

    def write(temporary: str) -> None:
        Path(temporary).write_text("new")
        seen.append(target.read_text())
        assert Path(temporary).parent == tmp_path, "on the same volume, or the last step is a copy"

    replace_file(target, write)
    assert seen == ["old"]


def test_an_error_in_the_last_step_leaves_no_leftovers(tmp_path: Path):
    target = tmp_path / "a folder"
    target.mkdir()
    with pytest.raises(OSError):  # noqa: PT011  # its text is the system's
        replace_file(target, lambda temporary: Path(temporary).write_text("new"))
    assert names(tmp_path) == ["a folder"]
