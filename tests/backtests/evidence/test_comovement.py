"""Coins and indices together: figures against numpy, claims on series with known comovement."""

import numpy as np
import pandas as pd
import pytest

from backtests.evidence import comovement, volatility
from backtests.evidence.document import Claim
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import daily_closes
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.evidence.weekly_returns import (
    beta,
    bootstrap_estimate,
    correlation,
    weekly_returns,
)
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


def history(
    index: Floats, broad: Floats, bonds: dict[str, Floats] | None = None, **coins: Floats
) -> History:
    bonds = bonds or {}
    assets = {name: daily_closes(series(moves)) for name, moves in coins.items()} | {
        INDEX: daily_closes(series(index))
    }
    nothing = Prices({}, pd.Series(dtype=float), WEEKS[-1])
    return History(
        nothing,
        pd.DataFrame(),
        series(index),
        series(broad),
        {name: series(moves) for name, moves in bonds.items()},
        assets,
        {},
        (),
    )


def claims(of: History) -> list[Claim]:
    return [*comovement.claims(of, EVIDENCE), *volatility.claims(of, EVIDENCE)]


def claims_by_key(
    index: Floats, broad: Floats, bonds: dict[str, Floats] | None = None, **coins: Floats
) -> dict[tuple[str, str], Claim]:
    return {(one.id, one.reading): one for one in claims(history(index, broad, bonds, **coins))}


# --- figures --------------------------------------------------------------------------------------


def test_a_week_ends_when_fridays_closes_are_known() -> None:
    """Friday 2020-01-10 closes at 21:00; the coin's Friday ends at Saturday's midnight.

    Monday's close is the next week's.
    """
    known = ["2020-01-03 21:00", "2020-01-10 21:00", "2020-01-13 21:00", "2020-01-17 21:00"]
    sessions = pd.Series([100.0, 110.0, 999.0, 121.0], index=pd.to_datetime(known, utc=True))
    days = pd.date_range("2020-01-04", "2020-01-18", freq="D", tz="UTC")
    coin = pd.Series(np.exp(np.arange(15.0)), index=days)
    found = weekly_returns({"coin": coin, "index": sessions})
    assert found.index.tolist() == [
        pd.Timestamp("2020-01-11", tz="UTC")
    ]  # Friday the 17th's close is known after the last midnight here
    assert found["coin"].tolist() == pytest.approx([7.0])
    assert found["index"].tolist() == pytest.approx([np.log(1.1)])


def test_figures_are_numpys() -> None:
    pairs = np.random.default_rng(1).normal(size=(3, 50, 3))
    for draw, own, slope in zip(pairs, correlation(pairs), beta(pairs), strict=True):
        assert own == pytest.approx(np.corrcoef(draw[:, 0], draw[:, 2])[0, 1])
        assert slope == pytest.approx(np.polyfit(draw[:, 2], draw[:, 0], 1)[0])


def test_intervals_have_their_nominal_coverage() -> None:
    """Of 100 worlds with a slope of 1.5, 95 % hold it: 99.9 % of binomials lie within 87 to 100."""
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        index = random.normal(0.0, 0.03, 150)
        coin = 1.5 * index + random.normal(0.0, 0.05, 150)
        found = bootstrap_estimate(np.column_stack((coin, index)), beta, seed)
        held += found.low <= 1.5 <= found.high
    assert 87 <= held < 100


def test_intervals_of_two_years_have_their_nominal_coverage() -> None:
    """104 weeks are a dozen blocks.

    Log ratios of deviations in 100 worlds without any change; 99.9 % of binomials lie within 87 to
    100.
    """
    held = 0
    for seed in range(100):
        moves = np.random.default_rng(seed).normal(0.0, 0.05, len(WEEKS))
        found = volatility.volatility_claim(
            volatility.CALMER, history(noise(2), noise(3), **{BITCOIN: moves}), EVIDENCE, 4
        )
        assert found.low is not None and found.high is not None
        held += found.low <= 0.0 <= found.high
    assert 87 <= held < 100


def test_power_is_that_of_the_normal() -> None:
    """The mean of 400 values of deviation 1 has an error of 0.05: a mean of 0.1 is seen with chance
    1 - Phi(1.645 - 2) = 0.64.
    """
    values = np.random.default_rng(5).normal(0.0, 1.0, 400)
    values += 0.1 - values.mean()
    found = bootstrap_estimate(values[:, None], lambda drawn: drawn[..., 0].mean(axis=1), 1)
    assert isinstance(found, Estimate) and found.estimate == pytest.approx(0.1) and found.n == 400
    assert found.power == pytest.approx(0.64, abs=0.08)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.05, rel=0.15)


# --- claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "word"), [(0.03, "supported"), (0.06, "inconclusive"), (0.12, "contradicted")]
)
def test_volatility_before_and_since_the_etfs(since: float, word: str) -> None:
    moves = noise(7, 1.0) * np.where(pd.Timestamp("2024-01-12", tz="UTC") > WEEKS, 0.06, since)
    found = claims_by_key(noise(2), noise(3), **{BITCOIN: moves})
    assert {
        found["A6", reading].verdict
        for reading in (
            "volatility against all earlier years",
            "volatility against the four years before",
        )
    } == {word}
    assert found["A6", "volatility against all earlier years"].estimate == pytest.approx(
        np.log(since / 0.06), abs=0.2
    )


def test_the_four_years_before_are_compared_alone() -> None:
    """Wild until 2019, calm ever since: calmer than all years before, not than the four before."""
    moves = noise(7, 1.0) * np.where(pd.Timestamp("2019-06-01", tz="UTC") > WEEKS, 0.15, 0.05)
    found = claims_by_key(noise(2), noise(3), **{BITCOIN: moves})
    assert (
        found["A6", "volatility against all earlier years"].verdict,
        found["A6", "volatility against the four years before"].verdict,
    ) == ("supported", "inconclusive")


@pytest.mark.parametrize(
    ("small", "large", "word"),
    [(1.0, 0.0, "supported"), (0.0, 1.0, "contradicted"), (0.5, 0.5, "inconclusive")],
)
def test_what_bitcoin_moves_with(small: float, large: float, word: str) -> None:
    index, broad = noise(2), noise(3)
    found = claims_by_key(index, broad, **{BITCOIN: small * index + large * broad + noise(4)})[
        "A9", ""
    ]
    assert found.verdict == word
    assert ("smallest effect detectable with 80 % power" in found.why) == (word == "inconclusive")


def test_betas_above_one_and_growing() -> None:
    index = noise(2)
    coins = {
        BITCOIN: 2.0 * index + noise(4),
        ETHER: 0.3 * index + noise(5),
        ALTS: 3.0 * index + noise(6),
    }
    found = claims_by_key(index, noise(3), **coins)
    assert found["B8", "BTC above 1"].verdict == "supported" and found[
        "B8", "BTC above 1"
    ].estimate == pytest.approx(2.0, abs=0.2)
    assert found["B8", "ETH above 1"].verdict == "contradicted"
    assert found["B8", "alts above BTC"].verdict == "supported" and found[
        "B8", "alts above BTC"
    ].estimate == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(
    ("credit", "rates", "words"),
    [(1.0, 0.0, ("supported", "contradicted")), (0.0, 1.0, ("contradicted", "supported"))],
)
def test_what_moves_small_caps_against_large(
    credit: float, rates: float, words: tuple[str, str]
) -> None:
    """High-yield bonds are government bonds and a premium of their own.

    With rates alone, those over these fall where rates help.
    """
    broad, premium, safe = noise(3), noise(4), noise(5)
    index = broad + credit * (premium - safe) + rates * safe
    found = claims_by_key(index, broad, {"risky": premium, "safe": safe}, **{BITCOIN: noise(6)})
    assert (found["B3", "by bond funds"].verdict, found["A14", ""].verdict) == words


def test_without_bond_funds_credit_and_rates_are_inconclusive() -> None:
    found = claims_by_key(noise(2), noise(3), **{BITCOIN: noise(4)})
    whys = {
        found[key].why for key in (("B3", "by bond funds"), ("B3", "by the spread"), ("A14", ""))
    }
    assert whys == {"There are no prices of bond funds or spreads for two years."}


def test_a_falling_spread_is_a_returning_appetite() -> None:
    index, broad = noise(2), noise(3)
    of = history(index, broad, **{BITCOIN: noise(6)})
    spread = series(-(index - broad))
    found = {(one.id, one.reading): one for one in claims(of._replace(macro={"spread": spread}))}
    assert (
        found["B3", "by the spread"].estimate == pytest.approx(1.0)
        and found["B3", "by the spread"].verdict == "supported"
    )
    assert found["B3", "by bond funds"].verdict == "inconclusive"


def test_coins_without_prices_or_with_few_are_inconclusive() -> None:
    found = claims_by_key(noise(2), noise(3), **{BITCOIN: noise(4)})
    assert found["B8", "ETH"].why == "There are no prices of ETH for two years."
    assert found["B8", "alts"].verdict == "inconclusive" and ("B8", "alts above BTC") not in found
    assert all(one.data for one in found.values() if one.estimate is not None)


def test_power_of_a_beta_is_that_of_a_test_against_1() -> None:
    """A slope of 1.05 is far from 0 and near to 1: the test almost never separates them."""
    index = noise(2)
    found = claims_by_key(index, noise(3), **{BITCOIN: 1.05 * index + noise(4, 0.05)})[
        "B8", "BTC above 1"
    ]
    assert found.verdict == "inconclusive" and found.power is not None and found.power < 0.5
    assert "smallest effect detectable with 80 % power" in found.why


def test_a_short_calm_time_after_wild_weeks_that_come_rarely_is_no_calm() -> None:
    """A handful of weeks in twelve years are ten times as wild as the rest, none of them in the
    last two: most short times have none.
    """
    moves = noise(7, 0.03)
    moves[50:400:70] *= 10.0
    found = claims_by_key(noise(2), noise(3), **{BITCOIN: moves})[
        "A6", "volatility against all earlier years"
    ]
    assert found.estimate is not None and found.estimate < -0.2 and found.verdict == "inconclusive"
