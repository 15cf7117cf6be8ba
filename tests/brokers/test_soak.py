"""Some hours of one-minute bars in one process. `tests.proofs.soak` runs a month of them."""

from pathlib import Path

from tests.proofs.soak import daily_prices, settings_for, soaked


def test_hours_of_minutes_take_little_memory_and_disk(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    found = soaked(
        settings_for(whole_folder, cache, tmp_path, rotation=0.02),
        daily_prices(whole_folder, cache),
        240,
        settled=100,
    )
    assert found.bars == 240
    assert found.fills >= 3
    assert found.growth < 5.0
    assert (
        found.journal < 50.0 * 240 / 43_200 + 0.5
    )  # what a month may take, and pages that are not full yet
    assert len(found.logs) == 6  # five put aside, and the one that is written
    assert max(found.logs) < 0.04
