"""Files that are either whole or not there."""

from pathlib import Path

import pytest

from brokers.atomic_files import replace_file


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


@pytest.mark.parametrize("trouble", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_trouble_while_writing_leaves_the_old_file_and_no_litter(
    tmp_path: Path, trouble: type[BaseException]
):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def write(temporary: str) -> None:
        Path(temporary).write_text("half")
        raise trouble

    with pytest.raises(trouble):
        replace_file(target, write)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    seen: list[str] = []

    def write(temporary: str) -> None:
        Path(temporary).write_text("new")
        seen.append(target.read_text())
        assert Path(temporary).parent == tmp_path, "on the same volume, or the last step is a copy"

    replace_file(target, write)
    assert seen == ["old"]


def test_trouble_with_the_last_step_leaves_no_litter(tmp_path: Path):
    target = tmp_path / "a folder"
    target.mkdir()
    with pytest.raises(OSError):  # noqa: PT011  # its text is the system's
        replace_file(target, lambda temporary: Path(temporary).write_text("new"))
    assert names(tmp_path) == ["a folder"]
