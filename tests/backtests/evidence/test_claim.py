"""Claims and their verdicts: by arithmetic in the test, scipy and statsmodels."""

from math import inf, log, nan

import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from backtests.evidence import claim as claims
from backtests.evidence.claim import (
    Statement,
    binomial_claim,
    conclusion,
    correct_claims,
    factual_claim,
    in_fractions,
    missing_prices,
    smallest_share,
    untestable_claim,
    verdict_after_correction,
)
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import Side, WithoutOne

SENTENCE = Statement("B7", "Coins answer")


def estimate(figure: float = 1.0, p: float | None = 0.01, **changes: object) -> Estimate:
    whole = Estimate(5, figure, figure - 0.9, figure + 0.9, p, 2.0)
    return whole._replace(**changes)  # type: ignore[arg-type]


def claim(
    figure: Estimate, side: Side = "both", verdict: Verdict = "supported", null: float = 0.0
) -> Claim:
    return claims.estimated_claim(
        SENTENCE,
        figure,
        test="",
        data="",
        unit="log",
        verdict=verdict,
        why="",
        side=side,
        null=null,
    )


def corrected(*claims: Claim) -> list[Verdict]:
    return [each.verdict for each in correct_claims(claims)]


# --- the p of a claim -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "side", "p", "contrary"),
    [
        (1.0, "both", 0.04, None),
        (1.0, "above", 0.02, 0.98),
        (1.0, "below", 0.98, 0.02),
        (-1.0, "below", 0.02, 0.98),
        (-1.0, "above", 0.98, 0.02),
    ],
)
def test_p_is_one_sided_where_the_sentence_states_a_direction(
    figure: float, side: Side, p: float, contrary: float | None
) -> None:
    found = claim(estimate(figure, 0.04), side)
    assert (found.p, found.p_contrary) == (pytest.approx(p), pytest.approx(contrary))


def test_the_side_is_that_of_the_figure_without_an_effect() -> None:
    """A beta of 0.7 lies above 0 and below 1."""
    assert claim(estimate(0.7, 0.04), "above", null=1.0).p == pytest.approx(0.98)
    assert claim(estimate(0.7, 0.04), "above").p == pytest.approx(0.02)


@pytest.mark.parametrize(("figure", "null"), [(0.5, 0.0), (1.4, 1.0), (-0.3, 0.0)])
def test_an_interval_without_a_p_has_that_of_a_normal_one(figure: float, null: float) -> None:
    """Standard error 0.2: the interval is 2 x 1.96 of them wide."""
    low, high = figure - 1.959964 * 0.2, figure + 1.959964 * 0.2
    found = estimate(figure, None, low=low, high=high).p_against(null)
    assert found == pytest.approx(2.0 * stats.norm.sf(abs(figure - null) / 0.2), rel=1e-5)


@pytest.mark.parametrize(("low", "high"), [(nan, nan), (1.0, 1.0), (-inf, inf)])
def test_what_has_no_interval_either_has_no_p(low: float, high: float) -> None:
    assert estimate(1.0, None, low=low, high=high).p_against(0.0) is None


# --- verdicts after the correction ----------------------------------------------------------------


def test_a_test_among_many_needs_a_smaller_p() -> None:
    """0.01 times 5 tests is 5 %, times 6 it is 6 %."""
    one, noise = claim(estimate(1.0, 0.01)), claim(estimate(0.1, 0.9), verdict="inconclusive")
    assert corrected(one, *[noise] * 4)[0] == "supported"
    assert corrected(one, *[noise] * 5)[0] == "inconclusive"


def test_facts_are_no_tests_and_keep_their_verdict() -> None:
    fact = factual_claim(SENTENCE, test="", data="", estimate=1.0, unit="", holds=True, why="")
    assert fact.kind == "fact"
    found = correct_claims([claim(estimate(1.0, 0.03)), *[fact] * 50])
    assert {each.verdict for each in found} == {"supported"}
    assert found[1].p_corrected is None


def test_contradicted_needs_the_p_of_the_other_side() -> None:
    """Two-sided 0.02 below the sentence's side is one-sided 0.01 against it."""
    against = claim(estimate(-1.0, 0.02), "above", "contradicted")
    assert corrected(against) == ["contradicted"]
    noise = claim(estimate(0.1, 0.9), "above", "inconclusive")
    assert corrected(against, *[noise] * 4)[0] == "contradicted"
    assert corrected(against, *[noise] * 5)[0] == "inconclusive"
    (found,) = correct_claims([against])
    assert (found.p_corrected, found.p_contrary) == (pytest.approx(0.99), pytest.approx(0.01))


def test_a_verdict_whose_p_is_large_is_withdrawn() -> None:
    assert corrected(claim(estimate(1.0, 0.2))) == ["inconclusive"]
    assert corrected(claim(estimate(1.0, 0.2), "above", "contradicted")) == ["inconclusive"]


def test_a_small_p_makes_no_verdict_where_the_estimate_alone_gave_none() -> None:
    assert corrected(claim(estimate(1.0, 0.001), verdict="inconclusive")) == ["inconclusive"]


@pytest.mark.parametrize(
    ("side", "without", "word"),
    [
        ("both", (0.05, 0.01), "supported"),
        ("both", (0.051, 0.01), "inconclusive"),
        ("above", (0.1, 0.01), "supported"),
        ("above", (0.102, 0.01), "inconclusive"),
    ],
)
def test_it_must_hold_with_each_event_left_out(
    side: Side, without: tuple[float, ...], word: Verdict
) -> None:
    """Two-sided p without each; one-sided half of it."""
    each = tuple(WithoutOne(p, 0.5) for p in without)
    assert corrected(claim(estimate(1.0, 0.001, without_each=each), side)) == [word]


@pytest.mark.parametrize(("side", "left"), [("both", 1.0), ("above", 0.995), ("below", 0.995)])
def test_what_points_the_other_way_without_an_event_is_no_support(side: Side, left: float) -> None:
    """One-sided 1 - 0.01 / 2; of two sides none is left."""
    sign = -1.0 if side == "below" else 1.0
    without = (WithoutOne(0.01, sign), WithoutOne(0.01, -sign))
    one = claim(estimate(sign, 0.001, without_each=without), side)
    assert list(one.p_without_each) == pytest.approx([0.01 if side == "both" else 0.005, left])
    assert corrected(one) == ["inconclusive"]


def test_a_contradiction_needs_its_own_direction_without_each_event() -> None:
    """The sentence says above; all lies below, without each event too."""
    without = (WithoutOne(0.01, -1.0), WithoutOne(0.02, -0.5))
    one = claim(estimate(-1.0, 0.001, without_each=without), "above", "contradicted")
    assert list(one.p_without_each) == pytest.approx([0.005, 0.01])
    assert corrected(one) == ["contradicted"]


def test_the_opposite_side_may_have_less_favourable_dates_of_its_own() -> None:
    one = claim(estimate(-1.0, 0.02, p_opposite=0.2), "above", "contradicted")
    assert (one.p, one.p_contrary) == (pytest.approx(0.99), 0.2)


def test_fewer_than_five_observations_have_no_interval_and_no_detectable_effect() -> None:
    few, enough = (claim(estimate(1.0, 0.01, n=n, low=0.5, high=1.5)) for n in (4, 5))
    assert (few.low, few.high, few.smallest_detectable) == (None, None, None)
    assert (enough.low, enough.high) == (0.5, 1.5) and enough.smallest_detectable is not None


WITHDRAWN = " Alone it would be supported; after {} it is not."
DETECTABLE = " Smallest effect detectable with 80 % power: +65%."  # e^0.5 - 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p_corrected": 0.04}, ""),
        (
            {"p_corrected": 0.06},
            WITHDRAWN.format("the correction for all tests") + DETECTABLE,
        ),
        (
            {"p_corrected": 0.04, "p_without_each": [0.2]},
            WITHDRAWN.format("leaving out one event") + DETECTABLE,
        ),
        (
            {"p_corrected": 0.06, "smallest_detectable": None, "n": 3},
            WITHDRAWN.format("the correction for all tests") + " A conclusion takes at least 5.",
        ),
    ],
)
def test_what_the_correction_withdraws_is_said(changes: dict[str, object], words: str) -> None:
    before = claim(estimate()).model_copy(update={"smallest_detectable": 0.5})
    after = before.model_copy(update=changes)
    after = after.model_copy(update={"verdict": verdict_after_correction(after)})
    assert conclusion(before, after) == words


# --- units ----------------------------------------------------------------------------------------


def test_log_returns_become_fractions() -> None:
    """Logs of 3, 2, 4.5 are gains of 200, 100, 350 %; detectable is a gain of 50 %."""
    figure = Estimate(5, log(3.0), log(2.0), log(4.5), 0.01, log(1.5))
    found = in_fractions(claim(figure))
    assert (found.estimate, found.low, found.high) == pytest.approx((2.0, 1.0, 3.5))
    assert found.smallest_detectable == pytest.approx(0.5) and found.unit == "fraction"
    assert in_fractions(found) == found


def test_of_a_fall_the_smallest_is_a_fall() -> None:
    """Half of the price is lost where its log falls by log 2."""
    figure = Estimate(5, -1.0, -2.0, -0.1, 0.01, log(2.0))
    for side in ("below", "both"):
        assert in_fractions(claim(figure, side)).smallest_detectable == pytest.approx(-0.5)
    assert in_fractions(claim(figure, "above")).smallest_detectable == pytest.approx(1.0)


def test_what_is_no_log_stays() -> None:
    share = factual_claim(
        SENTENCE, test="", data="", estimate=0.5, unit="share", holds=True, why=""
    )
    assert in_fractions(share) == share


# --- majorities -----------------------------------------------------------------------------------


def majority(hits: int, n: int, base_rate: float, side: Side = "above") -> Claim:
    assert side != "both"
    return binomial_claim(
        SENTENCE,
        hits=hits,
        n=n,
        base_rate=base_rate,
        test="",
        data="BTC",
        why="Above its mean.",
        side=side,
    )


def test_four_of_five_above_a_mean_that_is_below_most_days_show_nothing() -> None:
    """P(4 or 5 of 5) at 62 % is 5 x 0.62^4 x 0.38 + 0.62^5 = 0.372."""
    found = majority(4, 5, 0.62)
    assert found.p == pytest.approx(5 * 0.62**4 * 0.38 + 0.62**5)
    assert (found.verdict, found.n, found.estimate, found.null) == ("inconclusive", 5, 0.8, 0.62)
    assert found.why == "Above its mean. It is so on 62% of all days: 4 of 5 has one-sided p 0.37."
    assert (found.low, found.high) == pytest.approx(proportion_confint(4, 5, method="beta"))


@pytest.mark.parametrize(
    ("hits", "side", "word"),
    [
        (9, "above", "supported"),
        (9, "below", "contradicted"),
        (1, "below", "supported"),
        (1, "above", "contradicted"),
        (5, "above", "inconclusive"),
    ],
)
def test_a_majority_is_judged_on_its_side(hits: int, side: Side, word: Verdict) -> None:
    """Of 10 at one half: 9 or more has p 11 / 1024."""
    found = majority(hits, 10, 0.5, side)
    assert found.verdict == word and corrected(found) == [word]


def test_the_smallest_share_is_detected_with_80_percent_power() -> None:
    """At one half 8 of 9 or more has p 10 / 512; 7 of 9 or more has 46 / 512, too much."""
    share = smallest_share(9, 0.5, "above")
    assert share is not None
    assert stats.binom.sf(7, 9, share) == pytest.approx(0.8)
    mirrored = smallest_share(9, 0.5, "below")
    assert mirrored == pytest.approx(1.0 - share)
    found = majority(6, 9, 0.5).smallest_detectable
    assert found == pytest.approx(share - 0.5)


def test_of_too_few_cases_no_share_is_detected() -> None:
    """Five of five at 62 % has p 0.62^5 = 0.092."""
    assert smallest_share(5, 0.62, "above") is None
    assert majority(5, 5, 0.62).smallest_detectable is None


# --- without a test -------------------------------------------------------------------------------


def test_what_lacks_prices_is_a_test_and_what_no_price_decides_is_none() -> None:
    assert missing_prices(SENTENCE, "ETH").kind == "test"
    assert untestable_claim(SENTENCE, "surveys").kind == "fact"
    assert corrected(missing_prices(SENTENCE, "ETH"), untestable_claim(SENTENCE, "surveys")) == [
        "inconclusive",
        "not testable with prices",
    ]
