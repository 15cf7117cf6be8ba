"""Claim B13's marks from 2026 on: open, or decided, on prices with known advances and falls."""

import numpy as np
import pandas as pd
import pytest

from backtests.evidence.document import Claim
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.supercycle import claims, days_to_recover
from brokers.prices.load import Prices

DAYS = pd.date_range("2020-01-01", "2027-06-30", freq="D", tz="UTC")


def path(points: dict[str, float], last: str = "2026-12-31") -> pd.Series:
    """Straight lines in logs between the days named, each close known when its day is over."""
    known = pd.Series(np.log(list(points.values())), index=pd.DatetimeIndex(list(points), tz="UTC"))
    logs = known.reindex(DAYS).interpolate()[: pd.Timestamp(last, tz="UTC")].bfill()
    return np.exp(logs).set_axis(logs.index + pd.Timedelta(days=1))


def by_reading(bitcoin: pd.Series, **alts: pd.Series) -> dict[str, Claim]:
    of = History(
        Prices({}, pd.Series(dtype=float), bitcoin.index[-1]),
        pd.DataFrame(),
        bitcoin,
        bitcoin,
        {},
        {BITCOIN: bitcoin},
        {},
        (),
        alts=alts,
    )
    return {one.reading: one for one in claims(of)}


# 100 days up, and down again.
BEFORE = {"2020-01-01": 100.0, "2020-03-01": 40.0, "2020-06-09": 200.0, "2021-01-01": 50.0}


def test_without_an_advance_since_publication_the_first_mark_is_open() -> None:
    one = by_reading(path(BEFORE))["longer advances"]
    assert (one.kind, one.verdict, one.n, one.estimate) == ("fact", "inconclusive", 0, None)
    assert one.why.startswith("Open: none has begun since 2026-01-31.")
    assert "the longest, from 2020-03-01, took 100 days" in one.why


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (
            {"2026-03-01": 40.0, "2026-05-01": 100.0, "2026-12-31": 101.0},
            "supported",
        ),  # 305, so far
        ({"2026-11-01": 40.0, "2026-12-31": 100.0}, "inconclusive"),  # 60, so far
        ({"2026-03-01": 40.0, "2026-05-01": 100.0, "2026-09-01": 40.0}, "contradicted"),  # 61, over
    ],
)
def test_the_first_advance_since_decides_once_it_is_over_or_longer(
    after: dict[str, float], word: str
) -> None:
    one = by_reading(path(BEFORE | {"2026-01-31": 50.0} | after))["longer advances"]
    assert (one.verdict, one.n) == (word, 1)


def test_recovery_is_counted_from_the_fall_to_its_close_before() -> None:
    """100, then 95: reached again after two days; 120 to 90 never; 4 % is no fall."""
    closes = pd.Series([100.0, 95.0, 97.0, 100.0, 120.0, 115.0, 90.0, 110.0])
    assert days_to_recover(closes).tolist() == [2.0, np.inf]
    assert days_to_recover(closes, 0.04).tolist() == [2.0, np.inf, np.inf]


def dipping(every: int, depth: float, days: int) -> pd.Series:
    """Flat but for falls that last so long: every 40 days until publication, then otherwise."""
    closes = pd.Series(100.0, index=DAYS + pd.Timedelta(days=1))
    published = int(DAYS.searchsorted(pd.Timestamp("2026-01-31", tz="UTC")))
    for row in range(0, published, 40):
        closes.iloc[row + 5 : row + 15] = 90.0  # ten days
    for row in range(published, len(DAYS), every):
        closes.iloc[row + 5 : row + 5 + days] = 100.0 * (1.0 - depth)
    return closes


@pytest.mark.parametrize(
    ("last", "word", "words"),
    [("2027-01-31", "supported", ""), ("2027-01-30", "inconclusive", "Open until 2027-01-31. ")],
)
def test_dips_that_are_made_good_sooner_are_absorbed_once_a_year_is_over(
    last: str, word: str, words: str
) -> None:
    closes = dipping(40, 0.06, 3)[: pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)]
    one = by_reading(closes)["dips are absorbed"]
    assert (one.verdict, one.estimate) == (word, 3.0)
    assert one.why.startswith(f"{words}Median recovery") and "3 days, before 10 days" in one.why


def test_dips_that_last_longer_are_not_absorbed() -> None:
    one = by_reading(dipping(40, 0.06, 12))["dips are absorbed"]
    assert (one.verdict, one.estimate) == ("contradicted", 12.0)


def test_worse_days_are_not_absorbed_however_short() -> None:
    """One day in twenty falls by a tenth: every 15 days instead of every 40."""
    one = by_reading(dipping(15, 0.1, 2))["dips are absorbed"]
    assert (one.verdict, one.estimate) == ("contradicted", 2.0)


def test_without_a_fall_nothing_is_said_of_dips() -> None:
    assert by_reading(path({"2020-01-01": 1.0, "2026-12-31": 2.0}))["dips are absorbed"].n == 0


FALLEN = {"2020-01-01": 100.0, "2026-01-31": 50.0}


@pytest.mark.parametrize(
    ("alt", "bitcoin", "word"),
    [(80.0, 70.0, "supported"), (80.0, 90.0, "contradicted"), (45.0, 40.0, "contradicted")],
)
def test_high_beta_revives_where_it_gains_and_more_than_bitcoin(
    alt: float, bitcoin: float, word: str
) -> None:
    """A year after publication; an alt that was 49 % below its record was not suppressed."""
    coins = {
        "low": path(FALLEN | {"2027-01-31": alt}, "2027-02-28"),
        "high": path({"2020-01-01": 100.0, "2026-01-31": 51.0, "2027-01-31": 1.0}, "2027-02-28"),
    }
    index = path(FALLEN | {"2027-01-31": bitcoin}, "2027-02-28")
    one = by_reading(index, **coins)["suppressed high beta revives"]
    assert (one.verdict, one.n) == (word, 1)
    assert one.estimate == pytest.approx(alt / 50.0 - 1.0)


def test_before_a_year_is_over_it_is_open_and_an_ended_coin_counts_to_its_end() -> None:
    coins = {
        "here": path(FALLEN | {"2026-12-31": 60.0}),
        "ended": path(FALLEN | {"2026-06-30": 40.0}, "2026-06-30"),
        "gone": path(FALLEN, "2026-02-20"),  # 20 days
    }
    one = by_reading(path(FALLEN), **coins)["suppressed high beta revives"]
    assert (one.verdict, one.n) == ("inconclusive", 2)
    assert "here +20% to 2026-12-31, ended -20% to 2026-06-30" in one.why
    nobody = by_reading(path(FALLEN), gone=coins["gone"])
    assert nobody["suppressed high beta revives"].n == 0


def test_sectors_need_prices_by_sector() -> None:
    assert by_reading(path(BEFORE))["sectors rotate"].verdict == "not testable with prices"
