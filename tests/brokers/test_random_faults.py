"""Weeks with random misfortunes. `tests.proofs.random_faults` plays a thousand of them."""

from pathlib import Path

import pytest

from tests.proofs.random_faults import WHOLE, played


@pytest.mark.parametrize("seed", range(WHOLE * 40 + 1, WHOLE * 40 + 21))
def test_whatever_happens_the_account_ends_on_target_or_a_person_is_called(
    seed: int, tmp_path: Path
) -> None:
    outcome = played(seed, 30, tmp_path)
    assert outcome.ended in ("on target", "stopped"), outcome
