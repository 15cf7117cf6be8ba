"""What moves small caps once the broad index is known, on series with known drivers."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from backtests.evidence import small_caps
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.small_caps import HIKES
from brokers.prices.load import Prices
from config.settings import load
from strategies.indicators import Floats

EVIDENCE = load().evidence
WEEKS = pd.date_range("2014-01-04", "2026-01-03", freq="W-SAT", tz="UTC")


def series(log_returns: Floats) -> pd.Series:
    """Prices that move at Saturday's midnight only."""
    return pd.Series(100.0 * np.exp(np.cumsum(log_returns)), index=WEEKS)


def noise(seed: int, deviation: float = 0.02) -> Floats:
    return np.random.default_rng(seed).normal(0.0, deviation, len(WEEKS))


def claims_by_key(
    index: Floats,
    broad: Floats,
    bonds: Mapping[str, Floats] | None = None,
    funds: Mapping[str, Floats] | None = None,
    macro: Mapping[str, pd.Series] | None = None,
) -> dict[tuple[str, str], Claim]:
    of = History(
        Prices({}, pd.Series(dtype=float), WEEKS[-1]),
        pd.DataFrame(),
        series(index),
        series(broad),
        {name: series(moves) for name, moves in (bonds or {}).items()},
        {INDEX: daily_closes(series(index)), BITCOIN: daily_closes(series(noise(1)))},
        {},
        (),
        macro=macro or {},
        funds={name: series(moves) for name, moves in (funds or {}).items()},
    )
    return {(one.id, one.reading): one for one in small_caps.claims(of, EVIDENCE)}


@pytest.mark.parametrize(
    ("credit", "rates", "words"),
    [(1.0, 0.0, ("supported", "inconclusive")), (0.0, 1.0, ("contradicted", "supported"))],
)
def test_what_moves_small_caps(credit: float, rates: float, words: tuple[str, str]) -> None:
    """High-yield bonds are government bonds and a premium of their own.

    With rates alone, those over these fall where rates help.
    """
    broad, premium, safe = noise(3), noise(4), noise(5)
    index = broad + credit * premium + rates * safe + noise(6)
    found = claims_by_key(index, broad, {"risky": premium, "safe": safe})
    assert (
        found["B3", "credit, by bond funds"].verdict,
        found["A14", "the long rate, all weeks"].verdict,
    ) == words


def test_what_the_broad_index_explains_is_not_the_drivers() -> None:
    """Rates move both indices alike: the Russell follows them, but not beside the S&P 500."""
    rates = noise(5)
    broad = rates + noise(3)
    index = 1.5 * broad + noise(4)
    found = claims_by_key(index, broad, funds={"short rates": rates})
    one = found["A14", "the short rate, all weeks"]
    assert np.corrcoef(index, rates)[0, 1] > 0.4
    assert one.verdict == "inconclusive" and one.estimate == pytest.approx(0.0, abs=0.1)
    assert one.side == "above"


def test_rates_since_2022_are_tested_alone() -> None:
    rates, broad = noise(5), noise(3)
    late = pd.Timestamp("2022-01-01", tz="UTC") <= WEEKS
    index = broad + np.where(late, 2.0, -0.5) * rates + noise(4, 0.01)
    found = claims_by_key(index, broad, funds={"short rates": rates})
    one = found["A14", "the short rate, since 2022"]
    assert (one.verdict, one.n) == ("supported", late.sum())
    assert found["A14", "the short rate, all weeks"].estimate != one.estimate


def test_without_their_funds_credit_and_rates_are_inconclusive() -> None:
    found = claims_by_key(noise(2), noise(3))
    whys = {
        "credit, by bond funds": "There are no prices of risky, safe for two years.",
        "credit, by the spread": "There are no prices of spread for two years.",
    }
    assert {reading: found["B3", reading].why for reading in whys} == whys
    one = found["A14", "the short rate, all weeks"]
    assert (one.verdict, one.why) == (
        "inconclusive",
        "There are no prices of SHY for two years.",
    )


def test_a_falling_spread_is_a_returning_appetite() -> None:
    index, broad = noise(2), noise(3)
    spread = series(broad - index)
    found = claims_by_key(index, broad, macro={"spread": spread})
    one = found["B3", "credit, by the spread"]
    assert one.estimate == pytest.approx(1.0) and one.verdict == "supported"


@pytest.mark.parametrize(
    ("share", "word"), [(0.5, "supported"), (-0.5, "contradicted"), (0.0, "inconclusive")]
)
def test_small_caps_that_follow_banks(share: float, word: str) -> None:
    """Each week so much of what banks did over the 13 before; what both did alike says nothing."""
    banks, broad = noise(7), noise(3, 0.05)
    past = np.convolve(banks, np.ones(13))[: len(WEEKS)]
    index = broad + share * np.concatenate(([0.0], past[:-1])) + noise(4)
    one = claims_by_key(index, broad, funds={"banks": broad + banks})[
        "A14", "bank credit first, the week after the last 13"
    ]
    assert (one.verdict, one.side) == (word, "above")
    known, ahead = past[13:-1], (index - broad)[14:]
    plain = np.polyfit(known, ahead, 1)[0] * known.std() * 365.25 / 7
    assert (one.n, one.estimate) == (len(known), pytest.approx(plain))


def test_one_of_nine_hikes_had_been_made_by_the_breakout_of_2016() -> None:
    """Nine of a quarter of a point, from 0 to 0.25 up to 2.25 to 2.5 percent."""
    assert len(HIKES) == (2.5 - 0.25) / 0.25
    assert all(first < second for first, second in pairwise(HIKES))
    one = claims_by_key(noise(2), noise(3))["A14", "nearly over in 2016"]
    assert (one.kind, one.verdict, one.estimate) == ("fact", "contradicted", 1 / 9)
    assert "1 of the 9 hikes" in one.why
