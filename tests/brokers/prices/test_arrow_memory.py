"""Files of rows are read with the system's own allocator: Arrow's grows in a long session."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow
import pytest

from brokers.prices.cache import Cache
from brokers.prices.folder import fetch
from brokers.prices.series import Request

REQUEST = Request("IWM", "session")


@pytest.fixture(autouse=True)
def own_allocator() -> Iterator[None]:
    """Arrow's own, as in a new process."""
    others = [name for name in pyarrow.supported_memory_backends() if name != "system"]
    if not others:
        pytest.skip("Arrow has no allocator of its own here")
    before = pyarrow.default_memory_pool()
    pyarrow.set_memory_pool(getattr(pyarrow, f"{others[0]}_memory_pool")())
    yield
    pyarrow.set_memory_pool(before)


def test_the_cache_reads_and_writes_with_the_systems(tmp_path: Path) -> None:
    Cache(tmp_path).read("yahoo", REQUEST)
    assert pyarrow.default_memory_pool().backend_name == "system"


def test_a_folder_is_read_with_the_systems(tmp_path: Path) -> None:
    (tmp_path / "daily").mkdir()
    row = pd.DataFrame({"Date": ["2015-10-20"], "Close": [1.0]})
    row.to_csv(tmp_path / "daily" / "IWM.csv", index=False)
    fetch(REQUEST, tmp_path)
    assert pyarrow.default_memory_pool().backend_name == "system"
