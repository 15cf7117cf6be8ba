"""From a bar to its order, and from a start to its decision.

What is counted does not depend on the machine; `make proofs` measures seconds.
"""

import time
from pathlib import Path

import pandas as pd

from tests.proofs.latency import measured
from tests.proofs.start_up import started, write_prices, yesterdays


def test_an_order_follows_its_bar_with_few_requests_between(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    cycles = measured(whole_folder, cache, tmp_path, 3)
    assert len(cycles) == 3
    assert all(0 < cycle.requests <= 20 for cycle in cycles)


def test_a_restart_decides_soon_with_39_years_behind_it(cache: Path, tmp_path: Path) -> None:
    folder = write_prices(
        tmp_path / "prices", cache, None, pd.Timestamp(time.time(), unit="s").normalize()
    )
    with yesterdays(folder, cache, tmp_path) as scene:
        start = started(scene, tmp_path / "restart")
    assert start.decided > 0.0
    assert start.processor < 30.0
