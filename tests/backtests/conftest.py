"""The journal that tests of session reports start from, made once a process."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def replayed_journal(
    whole_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A replay of 45 days; to be read only."""
    from tests.backtests.paper_journals import replayed

    return replayed(whole_folder, cache, tmp_path_factory.mktemp("replay"))
