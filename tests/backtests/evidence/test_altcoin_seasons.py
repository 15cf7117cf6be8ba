"""Claim B1: calendar years and the years after the breakouts, on prices with known gains."""

import pandas as pd
import pytest

from backtests.evidence.altcoin_seasons import claims
from backtests.evidence.breakouts import run_event_study
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, History
from tests.backtests.evidence.scene import SETTINGS, coin, history


def path(points: dict[str, float]) -> pd.Series:
    """Closes that stay until the next day named; each known when its day is over."""
    known = pd.Series(
        list(points.values()),
        index=pd.DatetimeIndex(list(points), tz="UTC") + pd.Timedelta(days=1),
    )
    return daily_closes(known)


def doubled(times: float, first: str = "2015-01-01") -> pd.Series:
    """So many times from the end of 2016 to that of 2017, and from 2020 to 2021."""
    return path(
        {
            first: 1.0,
            "2017-12-31": times,
            "2020-12-31": times,
            "2021-12-31": times * times,
            "2022-12-31": times,
        }
    )


def by_reading(of: History) -> dict[str, Claim]:
    return {one.reading: one for one in claims(run_event_study(of, SETTINGS), of)}


def made(*alts: pd.Series, bitcoin: float = 2.0) -> History:
    of = history(**{BITCOIN: doubled(bitcoin)})
    return of._replace(alts={f"C{row}": one for row, one in enumerate(alts)})


def test_the_median_coin_decides_a_season() -> None:
    """3, 3 and 30 times: their mean is 12, their median 3; against Bitcoin's 2 and 4 times."""
    coins = [doubled(3.0), doubled(3.0), doubled(30.0)]
    ahead, behind = by_reading(made(*coins)), by_reading(made(*coins, bitcoin=4.0))
    for reading in ("the altcoin season of 2017", "the altcoin season of 2021"):
        assert ahead[reading].estimate == pytest.approx(2.0)  # + 200 %
        assert (ahead[reading].verdict, behind[reading].verdict) == ("supported", "contradicted")
        assert ahead[reading].kind == "fact" and "C2 +2,900%" in ahead[reading].why


def test_a_season_of_losses_is_none() -> None:
    """Alts lose a tenth where Bitcoin loses half."""
    one = by_reading(made(doubled(0.9), doubled(0.9), bitcoin=0.5))["the altcoin season of 2017"]
    assert (one.verdict, one.estimate) == ("contradicted", pytest.approx(-0.1))


def test_only_coins_known_at_its_beginning_count() -> None:
    """One listed in June 2017 is in 2021's season, not in 2017's."""
    of = made(doubled(3.0), doubled(9.0, first="2017-06-01"))
    found = by_reading(of)
    only = found["the altcoin season of 2017"]
    assert (only.n, only.verdict) == (1, "inconclusive") and "no median" in only.why
    assert found["the altcoin season of 2021"].n == 2
    assert by_reading(made())["the altcoin season of 2017"].verdict == "inconclusive"


def test_a_surge_is_more_than_the_broad_indexs() -> None:
    of = made(doubled(3.0))
    days = pd.date_range("2000-01-03", "2024-12-31", freq="B", tz="UTC") + pd.Timedelta(hours=21)
    year = pd.DatetimeIndex(days).year
    small = pd.Series(100.0, index=days).where(year < 2017, 113.0).where(year < 2021, 130.0)
    for broad, word in ((1.19, "contradicted"), (1.05, "supported")):
        large = pd.Series(100.0, index=days).where(year < 2017, 100.0 * broad)
        changed = of._replace(bars=pd.DataFrame({"close": small, "high": small}), broad=large)
        one = by_reading(changed)["the Russell's surge of 2017"]
        assert (one.verdict, one.estimate) == (word, pytest.approx(0.13))
    assert by_reading(changed)["the Russell's surge of 2021"].verdict == "supported"


def test_the_year_after_a_breakout_begins_with_its_close() -> None:
    """The scene's index breaks out on 2016-11-14 and 2020-11-13."""
    bitcoin = path({"2015-01-01": 1.0, "2017-11-14": 3.0, "2021-11-13": 6.0, "2022-12-31": 6.0})
    alt = path({"2015-01-01": 1.0, "2017-11-14": 5.0, "2021-11-13": 7.0, "2022-12-31": 7.0})
    of = history(**{BITCOIN: bitcoin})._replace(alts={"C": alt, "D": alt})
    found = by_reading(of)
    one, two = (found[f"in the year after the breakout of {year}"] for year in (2016, 2020))
    assert (one.verdict, one.estimate) == ("supported", pytest.approx(4.0))
    assert (two.verdict, two.estimate) == ("contradicted", pytest.approx(0.4))
    assert "From 2016-11-14 to 2017-11-14" in one.why


def test_without_a_breakout_in_that_year_it_is_inconclusive() -> None:
    of = history(**{BITCOIN: coin(1, {})})
    study = run_event_study(of, SETTINGS)
    study = study._replace(events=study.events[:2])
    found = {one.reading: one for one in claims(study, of)}
    assert found["in the year after the breakout of 2016"].verdict == "inconclusive"
