"""Coins and indices together: figures against numpy, claims on series with known comovement."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from backtests.evidence import comovement, volatility
from backtests.evidence.document import Claim
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import daily_closes
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.evidence.weekly_returns import (
    beta,
    beta_by_sign,
    bootstrap_estimate,
    correlation,
    partial_correlation,
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


def test_the_interval_p_and_the_smallest_effect_are_students() -> None:
    """The mean of 400 values of deviation 1 has an error of 0.05; 400 weeks are 44.4 blocks of 9.

    A mean of 0.1 is two errors away, and 1.96 + 0.84 errors are seen with 80 % power.
    """
    values = np.random.default_rng(5).normal(0.0, 1.0, 400)
    values += 0.1 - values.mean()
    found = bootstrap_estimate(values[:, None], lambda drawn: drawn[..., 0].mean(axis=1), 1)
    assert isinstance(found, Estimate) and found.estimate == pytest.approx(0.1) and found.n == 400
    error = (found.high - found.low) / 2.0 / stats.t.ppf(0.975, 400 / 9 - 1)
    assert error == pytest.approx(0.05, rel=0.15)
    assert found.p == pytest.approx(2.0 * stats.t.sf(0.1 / error, 400 / 9 - 1))
    assert found.smallest == pytest.approx(
        error * (stats.t.ppf(0.975, 400 / 9 - 1) + stats.norm.ppf(0.8))
    )


def test_a_partial_correlation_is_that_of_what_the_others_leave() -> None:
    """Residuals of least squares on the series between.

    Of a series that they make up nothing is left.
    """
    draws = np.random.default_rng(6).normal(size=(3, 60, 4))
    draws[..., 0] += draws[..., 1] - draws[..., 2]
    draws[..., 3] += draws[..., 1]
    for draw, own in zip(draws, partial_correlation(draws), strict=True):
        columns = np.column_stack((np.ones(60), draw[:, 1:3]))
        first, last = (
            draw[:, side] - columns @ np.linalg.lstsq(columns, draw[:, side], rcond=None)[0]
            for side in (0, 3)
        )
        assert own == pytest.approx(np.corrcoef(first, last)[0, 1])
    draws[1, :, 0] = draws[1, :, 1]
    draws[2, :, 0] = draws[2, :, 1] + draws[2, :, 3]
    assert partial_correlation(draws)[1:] == pytest.approx([0.0, 1.0])


def test_betas_of_rising_and_falling_weeks_are_lines_through_them() -> None:
    pairs = np.random.default_rng(7).normal(size=(2, 80, 2))
    for draw, own in zip(pairs, beta_by_sign(pairs), strict=True):
        slopes = [
            np.polyfit(draw[chosen, 1], draw[chosen, 0], 1)[0]
            for chosen in (draw[:, 1] > 0.0, draw[:, 1] < 0.0)
        ]
        assert own == pytest.approx(slopes[0] - slopes[1])
    assert beta_by_sign(np.abs(pairs))[0] == pytest.approx(
        np.polyfit(np.abs(pairs[0, :, 1]), np.abs(pairs[0, :, 0]), 1)[0]
    )  # no falling week: its beta counts as 0


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


@pytest.mark.parametrize("reading", ["the S&P 500", "large technology"])
@pytest.mark.parametrize(
    ("small", "large", "word"),
    [(1.0, 0.0, "supported"), (0.0, 1.0, "contradicted"), (0.5, 0.5, "inconclusive")],
)
def test_what_bitcoin_moves_with(small: float, large: float, word: str, reading: str) -> None:
    index, rival = noise(2), noise(3)
    of = history(index, noise(9), **{BITCOIN: small * index + large * rival + noise(4)})
    of = (
        of._replace(broad=series(rival))
        if reading == "the S&P 500"
        else of._replace(funds={"technology": series(rival)})
    )
    found = {(one.id, one.reading): one for one in claims(of)}
    one = found["A9", f"the Russell 2000 against {reading}"]
    assert (one.verdict, one.side) == (word, "above")
    assert one.smallest_detectable is not None


def test_small_technology_is_tested_where_it_is_given() -> None:
    reading = "small technology against large technology"
    of = history(noise(2), noise(3), **{BITCOIN: noise(4)})
    missing = {(one.id, one.reading): one for one in claims(of)}["A9", reading]
    assert (
        missing.verdict == "not testable with prices" and "small technology (PSCT)" in missing.why
    )
    small = noise(8)
    of = history(noise(2), noise(3), **{BITCOIN: small + noise(4, 0.005)})
    of = of._replace(funds={"small technology": series(small), "technology": series(noise(9))})
    assert {(one.id, one.reading): one for one in claims(of)}["A9", reading].verdict == "supported"


ALL_WEEKS, RECENT = "the weeks of all three", "since 2020-09"


def test_betas_above_one_by_span_and_growing() -> None:
    """From September 2020 on Bitcoin moves half as much as before."""
    index = noise(2)
    recent = pd.Timestamp("2020-09-01", tz="UTC") <= WEEKS
    coins = {
        BITCOIN: np.where(recent, 1.5, 3.0) * index + noise(4),
        ETHER: 0.3 * index + noise(5),
        ALTS: 4.0 * index + noise(6),
    }
    found = claims_by_key(index, noise(3), **coins)
    whole, late = (found["B8", f"BTC above 1, {span}"] for span in (ALL_WEEKS, RECENT))
    assert whole.verdict == late.verdict == "supported"
    assert late.estimate == pytest.approx(1.5, abs=0.2) and late.n == recent.sum()
    assert whole.estimate is not None and 2.0 < whole.estimate < 2.6
    assert (whole.null, whole.side) == (1.0, "above")
    assert found["B8", f"ETH above 1, {ALL_WEEKS}"].verdict == "contradicted"
    growing = next(one for key, one in found.items() if key[0] == "B8" and "ours" in key[1])
    assert growing.verdict == "supported" and "not the article's" in growing.reading
    assert growing.estimate == pytest.approx(4.0 - (whole.estimate or 0.0), abs=0.3)


def test_coins_share_their_weeks() -> None:
    """Ether begins in 2018: Bitcoin's beta of before does not count in the weeks of all three."""
    index = noise(2)
    late = pd.Timestamp("2018-01-01", tz="UTC") <= WEEKS
    bitcoin = np.where(late, 1.0, 5.0) * index + noise(4)
    of = history(index, noise(3), **{BITCOIN: bitcoin, ETHER: noise(5), ALTS: noise(6)})
    ether = of.assets[ETHER][pd.Timestamp("2018-01-01", tz="UTC") :]
    of = of._replace(assets=dict(of.assets) | {ETHER: ether})
    found = {(one.id, one.reading): one for one in claims(of)}
    assert found["B8", f"BTC above 1, {ALL_WEEKS}"].estimate == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    ("rising", "falling", "word"),
    [(3.0, 0.5, "supported"), (0.5, 3.0, "contradicted"), (1.0, 1.0, "inconclusive")],
)
def test_convexity_is_more_in_rising_weeks_since_2020(
    rising: float, falling: float, word: str
) -> None:
    index = noise(2)
    slope = np.where(index > 0.0, rising, falling)
    slope = np.where(pd.Timestamp("2020-01-01", tz="UTC") > WEEKS, 9.0 - slope, slope)
    one = claims_by_key(index, noise(3), **{BITCOIN: slope * index + noise(4, 0.01)})[
        "B16", "BTC, since 2020"
    ]
    assert (one.verdict, one.side) == (word, "above")
    assert one.estimate == pytest.approx(rising - falling, abs=0.35)


def test_coins_without_prices_or_with_few_are_inconclusive() -> None:
    found = claims_by_key(noise(2), noise(3), **{BITCOIN: noise(4)})
    assert (
        found["B8", f"ETH above 1, {ALL_WEEKS}"].why
        == "There are no prices of BTC, ETH, alts for two years."
    )
    assert found["B16", "alts, since 2020"].verdict == "inconclusive"
    assert all(one.data for one in found.values() if one.estimate is not None)


def test_a_beta_is_tested_against_1() -> None:
    """A slope of 1.05 is far from 0 and near to 1."""
    index = noise(2)
    coins = {BITCOIN: 1.05 * index + noise(4, 0.05), ETHER: noise(5), ALTS: noise(6)}
    one = claims_by_key(index, noise(3), **coins)["B8", f"BTC above 1, {ALL_WEEKS}"]
    assert one.verdict == "inconclusive" and one.p is not None and one.p > 0.05
    assert one.smallest_detectable is not None and one.smallest_detectable > 0.05


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
