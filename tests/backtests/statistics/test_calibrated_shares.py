"""The stored shares: read with their interval, absent where nothing was counted."""

import json
from pathlib import Path

import pytest
from scipy.stats import binomtest

from backtests.statistics import calibrated_shares
from backtests.statistics.calibrated_shares import FILE, share_passed


def test_a_share_has_its_count_its_interval_and_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shares.json"
    counted = {"tune": {"seed": 7, "worlds": 200, "passed": {"luck": 9, "recommended": 0}}}
    file.write_text(json.dumps(counted))
    monkeypatch.setattr(calibrated_shares, "FILE", file)
    share = share_passed("tune", "luck")
    assert share is not None
    expected = binomtest(9, 200).proportion_ci(0.95, method="exact")
    assert (share.passed, share.worlds, share.seed) == (9, 200, 7)
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high))
    assert share_passed("tune", "pbo") is None
    assert share_passed("evidence", "luck") is None


def test_the_stored_file_is_whole() -> None:
    for command, counted in json.loads(FILE.read_text()).items():
        assert command in ("tune", "evidence", "backtest")
        assert all(0 <= count <= counted["worlds"] for count in counted["passed"].values())
