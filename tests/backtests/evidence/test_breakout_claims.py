"""What preceded and followed the breakouts, on an index and coins with known ones."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from backtests.evidence import breakout_claims
from backtests.evidence.breakout_claims import claims, too_few_claim
from backtests.evidence.breakouts import NAMED, run_event_study
from backtests.evidence.document import Claim
from backtests.evidence.history import BITCOIN, History
from tests.backtests.evidence.scene import ALWAYS, DAYS, LISTED, SETTINGS, coin, history

SPAN = pd.date_range(LISTED, "2024-12-31", freq="D", tz="UTC")


def by_key(of: History) -> dict[tuple[str, str], Claim]:
    return {(one.id, one.reading): one for one in claims(run_event_study(of, SETTINGS), of)}


def steps(points: dict[str, float]) -> pd.Series:
    """A price from each day named on, as far as the next."""
    known = pd.Series(list(points.values()), index=pd.DatetimeIndex(list(points), tz="UTC"))
    return known.reindex(SPAN, method="ffill").bfill()


@pytest.mark.parametrize(
    ("low", "word"), [("2016-10-01", "supported"), ("2015-01-15", "contradicted")]
)
def test_an_advance_begins_with_a_breakout_or_long_before_it(low: str, word: str) -> None:
    """Both doubled within the year after 2016-11-14 and 2020-11-13: that is the other reading."""
    bitcoin = steps(
        {
            "2012-01-01": 100.0,
            low: 40.0,
            "2016-11-20": 200.0,
            "2018-01-01": 90.0,
            "2020-10-01": 80.0,
            "2020-12-01": 400.0,
        }
    )
    one = by_key(history(**{BITCOIN: bitcoin}))["A1", "the advance began then"]
    assert (one.kind, one.verdict, one.n) == ("fact", word, 2)
    day = pd.Timestamp(low) - pd.Timedelta(days=1)  # known when the day is over
    assert f"the advance of 2016 on {day:%Y-%m-%d}" in one.why
    assert "the advance of 2020 on 2020-09-30" in one.why


def test_examples_are_counted_and_two_would_support() -> None:
    """Seven breakouts, of which the coin knew five; a coin listed in 2018 knew three."""
    found = by_key(history(**{BITCOIN: coin(1, {})}))["A2", "only two"]
    assert (found.kind, found.verdict, found.estimate) == ("fact", "contradicted", 5.0)
    assert "2013-01-02, 2016-11-14, 2018-09-03, 2020-11-13, 2022-08-01" in found.why
    late = coin(1, {})[pd.Timestamp("2019-01-01", tz="UTC") :]
    found = by_key(history(**{BITCOIN: late}))["A2", "only two"]
    assert (found.verdict, found.estimate) == ("supported", 2.0)


def test_that_nothing_can_be_concluded_is_contradicted_or_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three breakouts that did not form the thesis decide nothing; were three enough, a gain of e
    after each would.
    """
    of = history(**{BITCOIN: coin(1, ALWAYS)})
    study = run_event_study(of, SETTINGS)
    one = too_few_claim(study)
    assert (one.verdict, one.n) == ("inconclusive", 3)
    excess = study.responses[BITCOIN, NAMED].strictest()
    deviations = TTestPower().solve_power(nobs=5, alpha=0.05, power=0.8)
    detected = np.expm1(deviations * excess.spread)
    assert f"All 5 together detect an effect of {detected:.0%} with 80 % power" in one.why
    monkeypatch.setattr(breakout_claims, "FEWEST", 3)
    assert too_few_claim(study).verdict == "contradicted"
    flat = history(**{BITCOIN: coin(1, {})})
    assert too_few_claim(run_event_study(flat, SETTINGS)).verdict == "inconclusive"


def test_the_index_itself_after_its_breakouts_decides_about_resistance() -> None:
    """The scene's index falls by a tenth of its old record after each."""
    one = by_key(history(**{BITCOIN: coin(1, {})}))["A3", f"no resistance above a record, {NAMED}"]
    assert (one.kind, one.side, one.n) == ("test", "above", 7)
    assert one.estimate is not None and one.estimate < 0.0 and one.verdict == "contradicted"


def test_a_coin_below_its_mean_at_each_breakout_against_its_usual_days() -> None:
    """Falling all the time it is below on all days: five of five says nothing more.

    Rising all the time, but for the ten days before each breakout, it is below there alone.
    """
    falling = history(**{BITCOIN: pd.Series(np.exp(-0.002 * np.arange(len(SPAN))), index=SPAN)})
    reading = "BTC's own trend, for comparison"
    one = by_key(falling)["B11", reading]
    assert (one.estimate, one.null, one.verdict) == (1.0, 1.0, "inconclusive")
    logs = 0.002 * np.arange(len(SPAN))
    for day in DAYS[2:]:
        row = int(SPAN.searchsorted(pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)))
        logs[row - 10 : row + 10] -= 1.0
    dipping = history(**{BITCOIN: pd.Series(np.exp(logs), index=SPAN)})
    one = by_key(dipping)["B11", reading]
    base = 100 / (len(SPAN) - 199)
    assert (one.n, one.estimate, one.verdict) == (5, 1.0, "supported")
    assert one.null == pytest.approx(base)
    assert one.p == pytest.approx(stats.binomtest(5, 5, base, "greater").pvalue)


def test_most_altcoins_below_their_means_is_one_case_a_breakout() -> None:
    """Two of three fall all the time; one of them was listed after the first two breakouts."""
    rising, falling = (
        pd.Series(np.exp(step * np.arange(len(SPAN))), index=SPAN) for step in (0.001, -0.001)
    )
    late = falling[pd.Timestamp("2017-06-01", tz="UTC") :]
    of = history(**{BITCOIN: coin(1, {})})._replace(alts={"A": rising, "B": falling, "C": late})
    one = by_key(of)["B11", "altcoins' own trends"]
    assert (one.n, one.estimate) == (5, pytest.approx(3 / 5))
    assert "2013: 50% below, 2016: 50% below, 2018: 67% below" in one.why


def test_a_breakout_before_a_coins_mean_is_known_is_no_case() -> None:
    """Listed 199 days before the breakout of 2018, and 200."""
    for days, n in ((199, 2), (200, 3)):
        first = pd.Timestamp("2018-09-04", tz="UTC") - pd.Timedelta(days=days - 1)
        alt = pd.Series(np.arange(1.0, len(SPAN) + 1.0), index=SPAN)[first:]
        of = history(**{BITCOIN: coin(1, {})})._replace(alts={"A": alt})
        assert by_key(of)["B11", "altcoins' own trends"].n == n


def test_sold_out_at_breakouts_is_counted_against_all_days() -> None:
    """60 % below its record from 2014 to 2021: at three of five breakouts."""
    prices = {"2012-01-01": 100.0, "2014-01-01": 40.0, "2021-01-01": 120.0}
    one = by_key(history(**{BITCOIN: steps(prices)}))["B9", "BTC at all breakouts"]
    days = (pd.Timestamp("2021-01-01") - pd.Timestamp("2014-01-01")).days
    assert (one.n, one.estimate) == (5, pytest.approx(3 / 5))
    assert one.null == pytest.approx(days / (len(SPAN) - 200))
