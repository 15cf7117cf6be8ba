"""Who leads whom: series with a planted lead, against least squares and plain loops."""

import numpy as np
import pandas as pd
import pytest
from scipy import signal

from backtests.evidence import lead_lag
from backtests.evidence.document import Claim
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import daily_closes
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.evidence.lead_lag import (
    BROAD,
    Lead,
    claims,
    closes_by_name,
    cross_correlations,
    estimate_leads,
)
from backtests.statistics.stationary_bootstrap import draw_days
from brokers.prices.load import Prices
from config.settings import load
from strategies.indicators import Floats

EVIDENCE = load().evidence
WEEKS = pd.date_range("2018-01-06", "2025-12-27", freq="W-SAT", tz="UTC")
YEAR = 365.25 / 7  # weeks


def series(log_returns: Floats) -> pd.Series:
    """Prices that move at Saturday's midnight only."""
    return pd.Series(100.0 * np.exp(np.cumsum(log_returns)), index=WEEKS[: len(log_returns)])


def noise(seed: int, deviation: float = 0.02) -> Floats:
    return np.random.default_rng(seed).normal(0.0, deviation, len(WEEKS))


def history(broad: Floats, index: Floats, **coins: Floats) -> History:
    assets = {name: daily_closes(series(moves)) for name, moves in coins.items()} | {
        INDEX: daily_closes(series(index))
    }
    return History(
        Prices({}, pd.Series(dtype=float), WEEKS[-1]),
        pd.DataFrame(),
        series(index),
        series(broad),
        {},
        assets,
        {},
        (),
    )


def past(moves: Floats, weeks: int) -> Floats:
    """Sum of the last so many weeks up to each, week by week; NaN before there are so many."""
    return np.array(
        [
            moves[week - weeks + 1 : week + 1].sum() if week >= weeks else np.nan
            for week in range(len(moves))
        ]
    )


def following(moves: Floats, weeks: int, share: float, seed: int) -> Floats:
    """Each week a share of what the leader did over so many weeks before it, and noise."""
    before = np.concatenate(([0.0], np.nan_to_num(past(moves, weeks))[:-1]))
    return share * before + noise(seed, 0.01)


def claims_by_key(one: History) -> dict[tuple[str, str], Claim]:
    return {
        (claim.id, claim.reading): claim
        for claim in claims(one, estimate_leads(one, EVIDENCE), EVIDENCE)
    }


def by_pair(found: list[Lead]) -> dict[tuple[str, str, int], Estimate]:
    return {(one.leader, one.follower, one.weeks): one.slope for one in found}


def slope(low: float, high: float) -> Estimate:
    return Estimate(n=300, estimate=(low + high) / 2.0, low=low, high=high, p=0.03, smallest=0.5)


# --- leads ----------------------------------------------------------------------------------------


def test_all_pairs_are_estimated_both_ways_over_both_spans() -> None:
    found = estimate_leads(
        history(noise(1), noise(2), **{BITCOIN: noise(3), ALTS: noise(4)}), EVIDENCE
    )
    names = (BROAD, INDEX, BITCOIN, ALTS)
    assert sorted((one.leader, one.follower, one.weeks) for one in found) == sorted(
        (leader, follower, weeks)
        for leader in names
        for follower in names
        if leader != follower
        for weeks in (4, 13)
    )


@pytest.mark.parametrize("weeks", [4, 13])
def test_slopes_are_those_of_least_squares_controlling_for_the_followers_own_change(
    weeks: int,
) -> None:
    """By standard deviation of the leader's change, and a year of weeks.

    The follower's own change goes with the leader's.
    """
    index = noise(5)
    coin = 0.7 * index + following(index, weeks, 0.2, 6)
    found = by_pair(estimate_leads(history(noise(7), index, **{BITCOIN: coin}), EVIDENCE))[
        INDEX, BITCOIN, weeks
    ]
    leader, own, target = (
        past(index, weeks)[weeks:-1],
        past(coin, weeks)[weeks:-1],
        coin[weeks + 1 :],
    )
    plain = np.linalg.lstsq(
        np.column_stack((np.ones(len(target)), leader, own)), target, rcond=None
    )[0]
    assert found.n == len(WEEKS) - weeks - 1
    assert found.estimate == pytest.approx(plain[1] * leader.std() * YEAR)
    assert found.estimate > 0.3 * 0.2 * leader.std() * YEAR and found.low > 0.0


def test_a_leader_leads_and_does_not_follow() -> None:
    index = noise(8)
    found = by_pair(
        estimate_leads(
            history(noise(9), index, **{BITCOIN: following(index, 13, 0.5, 10)}), EVIDENCE
        )
    )
    ahead, behind = found[INDEX, BITCOIN, 13], found[BITCOIN, INDEX, 13]
    assert ahead.low > 0.0 and ahead.p == pytest.approx(1 / 5001)  # of 5,000 draws none
    assert behind.low <= 0.0 <= behind.high


def test_what_the_follower_does_by_itself_is_not_the_leaders() -> None:
    """The coin goes on as it went; the index only moved with it in the same weeks."""
    coin = noise(11, 0.01)
    for week in range(5, len(coin)):
        coin[week] += 0.15 * coin[week - 4 : week].sum()
    index = coin + noise(12, 0.01)
    found = by_pair(estimate_leads(history(noise(13), index, **{BITCOIN: coin}), EVIDENCE))[
        INDEX, BITCOIN, 4
    ]
    alone = np.corrcoef(past(index, 4)[4:-1], coin[5:])[0, 1]
    assert alone > 0.2 and found.low <= 0.0 <= found.high


def test_coins_with_too_few_weeks_are_in_no_pair() -> None:
    one = history(noise(14), noise(15), **{BITCOIN: noise(16)[:100]})
    assert {(found.leader, found.follower) for found in estimate_leads(one, EVIDENCE)} == {
        (BROAD, INDEX),
        (INDEX, BROAD),
    }
    assert list(closes_by_name(one)) == [BROAD, INDEX, BITCOIN]


# --- correlations by lag --------------------------------------------------------------------------


def test_correlations_by_lag_are_scipys() -> None:
    one, others = (
        np.random.default_rng(17).normal(size=80),
        np.random.default_rng(18).normal(size=(3, 80)),
    )
    for other, found in zip(others, lead_lag.lagged_correlations(one, others), strict=True):
        whole = signal.correlate(other, one, mode="full", method="direct") / 80.0  # lags -79 to 79
        assert found.tolist() == pytest.approx(whole[79 - 26 : 79 + 27].tolist())


@pytest.mark.parametrize("lag", [-26, -3, 0, 7, 26])
def test_the_second_of_a_pair_comes_so_many_weeks_after_the_first(lag: int) -> None:
    first = noise(19)
    second = np.roll(first, lag) + noise(20, 0.002)
    found = cross_correlations(history(first, noise(21), **{BITCOIN: second}), EVIDENCE)
    one = next(pair for pair in found if (pair.first, pair.second) == (BROAD, BITCOIN))
    assert one.lags == list(range(-26, 27)) and one.lags[int(one.correlation.argmax())] == lag
    assert one.correlation.max() > 0.8 > one.band


def test_figures_of_a_pair_are_those_of_a_plain_loop() -> None:
    """The band: 95 % of draws of the second, in the blocks of nine weeks of that seed, stay inside
    it at all lags.
    """
    index, coin = noise(22), noise(23) + 0.3 * noise(22)
    one = next(
        pair
        for pair in cross_correlations(history(noise(24), index, **{BITCOIN: coin}), EVIDENCE)
        if pair.second == BITCOIN and pair.first == INDEX
    )
    n = len(WEEKS) - 1
    values = [(moves[1:] - moves[1:].mean()) / moves[1:].std() for moves in (index, coin)]
    shifted = np.zeros((53, n))
    for row, lag in enumerate(range(-26, 27)):
        for week in range(max(0, -lag), min(n, n - lag)):
            shifted[row, week + lag] = values[0][week]
    assert one.n == n and one.correlation.tolist() == pytest.approx(
        (shifted @ values[1] / n).tolist()
    )
    assert one.correlation[26] == pytest.approx(np.corrcoef(index[1:], coin[1:])[0, 1])
    drawn = values[1][draw_days(n, 500, EVIDENCE.seed, 9.0)]
    assert one.band == pytest.approx(np.quantile(np.abs(drawn @ shifted.T / n).max(axis=1), 0.95))


def test_pairs_are_indices_first_and_need_two_years() -> None:
    found = cross_correlations(
        history(
            noise(25),
            noise(26),
            **{BITCOIN: noise(27)[:105], ETHER: noise(28)[:104], ALTS: noise(29)},
        ),
        EVIDENCE,
    )
    assert [(one.first, one.second) for one in found] == [
        (BROAD, INDEX),
        (BROAD, BITCOIN),
        (BROAD, ALTS),
        (INDEX, BITCOIN),
        (INDEX, ALTS),
        (BITCOIN, ALTS),
    ]
    assert found[1].n == 104


def test_unrelated_series_stay_inside_the_band() -> None:
    found = cross_correlations(history(noise(30), noise(31), **{BITCOIN: noise(32)}), EVIDENCE)
    assert all(
        np.abs(one.correlation).max() < 1.5 * one.band and 0.05 < one.band < 0.3 for one in found
    )


# --- claims ---------------------------------------------------------------------------------------


def test_a_significant_lead_contradicts_that_nobody_can_say() -> None:
    index = noise(33)
    found = claims_by_key(history(noise(34), index, **{BITCOIN: following(index, 13, 0.5, 35)}))
    claim = found["A11", f"{INDEX} ahead of {BITCOIN}, 13 weeks"]
    assert (
        claim.verdict == "contradicted"
        and claim.low is not None
        and claim.low > 0.0
        and claim.data == f"{INDEX}, {BITCOIN}"
    )
    assert found["A11", f"{BITCOIN} ahead of {INDEX}, 13 weeks"].verdict == "inconclusive"


def test_bitcoin_may_lead_as_well() -> None:
    coin = noise(36)
    found = claims_by_key(history(noise(37), following(coin, 13, 0.5, 38), **{BITCOIN: coin}))
    assert found["A11", f"{BITCOIN} ahead of {INDEX}, 13 weeks"].verdict == "contradicted"
    assert found["A11", f"{INDEX} ahead of {BITCOIN}, 13 weeks"].verdict == "inconclusive"


def test_one_that_goes_the_other_way_afterwards_leads_nobody() -> None:
    index = noise(39)
    claim = claims_by_key(history(noise(40), index, **{BITCOIN: following(index, 13, -0.5, 41)}))[
        "A11", f"{INDEX} ahead of {BITCOIN}, 13 weeks"
    ]
    assert claim.verdict == "inconclusive" and claim.high is not None and claim.high < 0.0


@pytest.mark.parametrize(("low", "word"), [(0.01, "contradicted"), (0.0, "inconclusive")])
def test_a_lead_whose_interval_clears_zero_contradicts_that_nobody_can_say(
    low: float, word: str
) -> None:
    found = slope(low, 0.9)
    one = Lead(INDEX, BITCOIN, 4, found)
    short = history(noise(42)[:60], noise(43)[:60], **{BITCOIN: noise(44)[:60]})
    claim = next(iter(claims(short, [one], EVIDENCE)))
    assert (claim.verdict, claim.side, claim.p, claim.n) == (word, "both", found.p, 300)
    assert (claim.estimate, claim.low, claim.high) == found[1:4]
    assert claim.smallest_detectable is not None


@pytest.mark.parametrize(
    ("share", "word"), [(0.5, "supported"), (-0.5, "contradicted"), (0.0, "inconclusive")]
)
def test_small_caps_run_first_where_the_broad_index_follows(share: float, word: str) -> None:
    index = noise(45)
    of = history(following(index, 4, share, 61), index, **{BITCOIN: noise(47)})
    claim = claims_by_key(of)["B3", "run first: the broad index in the week after the last 4"]
    assert (claim.verdict, claim.side) == (word, "above")


@pytest.mark.parametrize(("gain", "word"), [(0.02, "supported"), (-0.02, "contradicted")])
def test_outperformance_as_a_gate_of_its_own(gain: float, word: str) -> None:
    """Bitcoin earns 2 % more in weeks that begin with the Russell ahead over 13 weeks."""
    index, broad = noise(49), noise(50)
    ahead = np.nan_to_num(past(index - broad, 13)) > 0.0
    coin = gain * np.concatenate(([False], ahead[:-1])) + noise(52, 0.01)
    claim = claims_by_key(history(broad, index, **{BITCOIN: coin}))[
        "B6", f"{BITCOIN}, as a gate of its own, 13 weeks"
    ]
    known = ahead[13:-1]
    apart = coin[14:][known].mean() - coin[14:][~known].mean()
    assert claim.verdict == word and claim.estimate == pytest.approx(apart * YEAR)
    assert f"{known.mean():.0%} of {len(known)} weeks" in claim.why


@pytest.mark.parametrize(
    ("share", "word"), [(0.5, "supported"), (-0.5, "contradicted"), (0.0, "inconclusive")]
)
@pytest.mark.parametrize(("asset", "weeks"), [(ETHER, 4), (ALTS, 13)])
def test_coins_that_answer_the_russell(asset: str, weeks: int, share: float, word: str) -> None:
    index = noise(45)
    found = claims_by_key(
        history(noise(46), index, **{BITCOIN: noise(47), asset: following(index, weeks, share, 60)})
    )
    claim = found["B7", f"{asset}, the week after the Russell's last {weeks}"]
    assert (claim.verdict, claim.unit, claim.n) == (word, "log a year", len(WEEKS) - weeks - 1)


@pytest.mark.parametrize(
    ("share", "word"), [(0.5, "supported"), (-0.5, "contradicted"), (0.0, "inconclusive")]
)
def test_coins_that_wake_after_small_caps_outran_large_ones(share: float, word: str) -> None:
    """What both indices did alike tells nothing: the estimate is by standard deviation of their
    difference.
    """
    index, broad, both = noise(49), noise(50), noise(51, 0.05)
    coin = following(index - broad, 13, share, 52)
    claim = claims_by_key(history(broad + both, index + both, **{BITCOIN: coin}))[
        "B6", f"{BITCOIN}, 13 weeks"
    ]
    ahead_of, own, target = past(index - broad, 13)[13:-1], past(coin, 13)[13:-1], coin[14:]
    plain = np.linalg.lstsq(
        np.column_stack((np.ones(len(target)), ahead_of, own)), target, rcond=None
    )[0]
    assert (
        claim.verdict == word
        and claim.n == len(target)
        and claim.estimate == pytest.approx(plain[1] * ahead_of.std() * YEAR)
    )


def test_small_caps_that_rose_with_large_ones_outran_nobody() -> None:
    both = noise(53)
    claim = claims_by_key(
        history(
            both,
            both + noise(54, 0.002),
            **{ALTS: following(both, 13, 0.5, 55), BITCOIN: noise(56)},
        )
    )["B6", f"{ALTS}, 13 weeks"]
    assert claim.verdict == "inconclusive" and claim.n == len(WEEKS) - 14


def test_claims_without_prices_are_inconclusive() -> None:
    found = claims_by_key(history(noise(57), noise(58), **{BITCOIN: noise(59)[:90]}))
    found.pop(("B3", "run first: the broad index in the week after the last 4"))
    assert {one.verdict for one in found.values()} == {"inconclusive"} and {
        one.estimate for one in found.values()
    } == {None}
    assert [key for key in found if key[0] == "B7"] == [
        ("B7", f"{coin}, the week after the Russell's last {n}")
        for coin in (ETHER, ALTS)
        for n in (4, 13)
    ]
    assert {one.why for one in found.values() if one.id == "A11"} == {
        f"There are no prices of {INDEX} and {BITCOIN} for two years.",
        f"There are no prices of {BITCOIN} and {INDEX} for two years.",
    }
    assert [one.why for one in found.values() if one.id == "B6"] == [
        f"There are no prices of {coin} for two years."
        for coin in (BITCOIN, ETHER, ALTS, f"{BITCOIN} and both indices")
    ]
