"""Finished worlds are found again, half a line is not, and other prices begin a new file."""

from pathlib import Path

import pytest

from backtests.calibration.kept_worlds import keep_worlds
from backtests.calibration.outcome import Outcome, WorldOutcome, parse_line

BASIS = {"the settings": "a", "the prices": "b"}


def world(number: int) -> WorldOutcome:
    return WorldOutcome(number, Outcome("inconclusive", {"luck": "failed"}, {"facts": 3}), 1.5)


def test_a_world_is_one_line_that_is_read_as_it_was() -> None:
    line = world(4).to_line()
    assert line.count("\n") == 1 and line.endswith("\n")
    assert parse_line(line) == world(4)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"number": 1}'])
def test_what_is_no_outcome_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_line(text)


def test_finished_worlds_are_found_again_and_a_cut_line_is_removed(tmp_path: Path) -> None:
    kept = keep_worlds(tmp_path, BASIS, "tune")
    for number in (3, 0):
        kept.add(world(number))
    with kept.file.open("a") as lines:
        lines.write(world(1).to_line()[:40])  # the process was killed here
    again = keep_worlds(tmp_path, BASIS, "tune")
    assert (again.file, again.anew) == (kept.file, "")
    assert again.worlds == {0: world(0), 3: world(3)}
    again.add(world(1))
    assert sorted(keep_worlds(tmp_path, BASIS, "tune").worlds) == [0, 1, 3]


def test_a_whole_line_without_its_end_is_run_again(tmp_path: Path) -> None:
    """Else the next world would be written behind it in the same line."""
    kept = keep_worlds(tmp_path, BASIS, "tune")
    kept.file.write_text(kept.file.read_text() + world(1).to_line().rstrip("\n"))
    again = keep_worlds(tmp_path, BASIS, "tune")
    assert again.worlds == {}
    again.add(world(2))
    assert sorted(keep_worlds(tmp_path, BASIS, "tune").worlds) == [2]


def test_another_vintage_begins_anew_and_says_what_changed(tmp_path: Path) -> None:
    kept = keep_worlds(tmp_path, BASIS, "tune")
    kept.add(world(0))
    other = keep_worlds(tmp_path, BASIS | {"the prices": "c"}, "tune")
    assert other.worlds == {}
    assert other.anew == "other prices than when 1 world was run: the calibration starts anew"
    assert keep_worlds(tmp_path, BASIS | {"the prices": "d"}, "evidence").anew == ""
    # The earlier file is still there for the earlier prices.
    assert keep_worlds(tmp_path, BASIS, "tune").worlds == {0: world(0)}
