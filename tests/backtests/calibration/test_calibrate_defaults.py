"""The proof that writes the shares beside the tests: what it counts, and when it fails."""

import pytest
from scipy.stats import binomtest

from backtests.calibration.document import CalibrationDocument, ResultShares, Share, Worlds
from tests.proofs.calibrate_defaults import is_too_often, shares_of, worlds_of


def share(name: str, count: int, of: int) -> Share:
    interval = binomtest(count, of).proportion_ci(0.95, method="exact")
    return Share(name=name, count=count, of=of, low=interval.low, high=interval.high)


def document(supported: int, of: int) -> CalibrationDocument:
    return CalibrationDocument(
        version=2,
        command="evidence",
        worlds=Worlds(text="", effect=0.0, effect_a_day=None, regimes=False, block_days=60),
        n=of,
        seed=5,
        own="no test is supported",
        words=(
            share("a test is supported", supported, of),
            share("no test is supported", of - supported, of),
        ),
        tests=(
            ResultShares(
                name="A15 since 2014",
                own="inconclusive",
                outcomes=(
                    share("supported", 2, of),
                    share("contradicted", 9, of),
                    share("inconclusive", of - 11, of),
                ),
            ),
        ),
        means={},
        seconds=1.0,
    )


def test_words_and_findings_are_stored_with_seed_and_worlds() -> None:
    assert shares_of(document(20, 500)) == {
        "seed": 5,
        "worlds": 500,
        "passed": {
            "a test is supported": 20,
            "no test is supported": 480,
            "A15 since 2014": 2,
            "A15 since 2014: contradicted": 9,
        },
    }


@pytest.mark.parametrize(("supported", "expected"), [(25, False), (33, False), (38, True)])
def test_it_fails_where_a_share_is_clearly_above_5_percent(
    supported: int, *, expected: bool
) -> None:
    """Of 500: 25 are 5 %; 33 are 6.6 %, whose interval begins at 4.6 %; 38 are 7.6 % (5.4 %)."""
    assert is_too_often(document(supported, 500)) is expected


def test_worlds_without_an_effect_are_more_than_others_and_a_part_has_at_least_one() -> None:
    assert [worlds_of("tune", kind, 1.0) for kind in ("without an effect", "with regimes")] == [
        200,
        50,
    ]
    assert worlds_of("backtest", "without an effect", 1.0) == 500
    assert worlds_of("tune", "with the measured effect", 0.001) == 1
