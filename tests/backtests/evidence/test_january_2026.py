"""Claims about January 2026, on prices with known gains, turnover and falls."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, ETHER, INDEX, History
from backtests.evidence.january_2026 import claims
from brokers.prices.load import Prices

DAYS = pd.date_range("2024-01-01", "2026-06-01", freq="D", tz="UTC")
SESSIONS = pd.bdate_range("2024-01-01", "2026-06-01", tz="UTC") + pd.Timedelta(hours=21)
PASSED = pd.Timestamp("2026-01-08 21:00", tz="UTC")


def coin(points: dict[str, float], last: str = "2026-06-01") -> pd.Series:
    """A close of each day, the same until the next day named; known when the day is over."""
    steps = pd.Series(list(points.values()), index=pd.DatetimeIndex(list(points), tz="UTC"))
    closes = steps.reindex(DAYS, method="ffill").bfill()
    return closes[:last].set_axis(DAYS[: len(closes[:last])] + pd.Timedelta(days=1))


def sessions(points: dict[str, float]) -> pd.Series:
    steps = pd.Series(list(points.values()), index=pd.DatetimeIndex(list(points), tz="UTC"))
    return steps.reindex(SESSIONS, method="ffill").bfill()


INDEX_POINTS = {
    "2024-01-01": 2000.0,
    "2025-01-06": 2250.0,
    "2025-03-03": 2400.0,
    "2025-11-20": 2300.0,
    "2025-11-21": 2500.0,
    "2026-01-08": 2610.0,
    "2026-01-23": 2700.0,
}


def history(
    index: dict[str, float] | None = None, ether: float = 90.0, **alts: pd.Series
) -> History:
    closes = sessions(index or INDEX_POINTS)
    return History(
        Prices({}, pd.Series(dtype=float), SESSIONS[-1]),
        pd.DataFrame({"close": closes, "high": closes}),
        closes,
        closes,
        {},
        {
            INDEX: daily_closes(closes),
            BITCOIN: coin({"2024-01-01": 100.0, "2026-02-10": 80.0}),
            ETHER: coin({"2024-01-01": 100.0, "2026-02-10": ether}),
        },
        {},
        (),
        alts=alts,
    )


def by_key(of: History) -> dict[tuple[str, str], Claim]:
    return {(one.id, one.reading): one for one in claims(of)}


# --- its own forecast -----------------------------------------------------------------------------

FORECAST = "its own forecast, 3 months from 2026-01-22"


@pytest.mark.parametrize(
    ("ether", "alt", "word"),
    [(110.0, 120.0, "supported"), (90.0, 120.0, "contradicted"), (110.0, 80.0, "contradicted")],
)
def test_ether_and_the_median_alt_answer_within_three_months(
    ether: float, alt: float, word: str
) -> None:
    """91 days after 2026-01-23 are 2026-04-24; prices of the day after do not count."""
    of = history(
        ether=ether,
        much=coin({"2024-01-01": 100.0, "2026-03-01": 900.0}),
        some=coin({"2024-01-01": 100.0, "2026-03-01": 130.0, "2026-04-01": alt, "2026-04-25": 1.0}),
        lost=coin({"2024-01-01": 100.0, "2026-03-01": 50.0}),
    )
    one = by_key(of)["B7", FORECAST]
    assert (one.kind, one.verdict, one.n) == ("fact", word, 3)
    assert one.estimate == pytest.approx(alt / 100.0 - 1.0)
    assert "By 2026-04-23" in one.why and "BTC -20%" in one.why
    # The highest closes in between: + 800, + 30 and 0 %.
    assert "highest close in between +30%" in one.why


def test_coins_that_ended_before_do_not_count_and_none_is_inconclusive() -> None:
    of = history(gone=coin({"2024-01-01": 1.0}, "2026-02-20"), here=coin({"2024-01-01": 1.0}))
    assert by_key(of)["B7", FORECAST].n == 1
    only = history(gone=coin({"2024-01-01": 1.0}, "2026-02-20"))
    one = by_key(only)["B7", FORECAST]
    assert (one.verdict, one.kind) == ("inconclusive", "fact") and "2026-04-23" in one.why


def test_it_is_counted_from_both_dates_of_publication() -> None:
    of = history(alt=coin({"2024-01-01": 100.0, "2026-01-30": 50.0, "2026-02-01": 75.0}))
    found = by_key(of)
    assert found["B7", FORECAST].estimate == pytest.approx(-0.25)
    later = found["B7", "its own forecast, 3 months from 2026-01-31"]
    assert later.estimate == pytest.approx(0.5) and "By 2026-05-02" in later.why


# --- the marks of the first close above 2,600 -----------------------------------------------------


def test_each_mark_has_its_own_row() -> None:
    """2,610 / 2,250 = + 16 % over a year, 2,610 / 2,300 = + 13.5 % from the autumn's low."""
    found = by_key(history())
    first, gain = found["B2", "the first time"], found["B2", "up about 15 %"]
    assert (first.verdict, first.estimate) == ("supported", 2610.0) and "2026-01-08" in first.why
    assert (gain.verdict, gain.estimate) == ("supported", pytest.approx(0.16))
    assert "16.0%" in gain.why and "13.5%" in gain.why and "of 2025-11-20" in gain.why
    assert found["B2", "heavy volume"].verdict == "inconclusive"
    assert found["B2", "broad participation"].verdict == "inconclusive"


def test_an_earlier_first_close_or_another_gain_contradicts() -> None:
    early = by_key(history(INDEX_POINTS | {"2025-11-21": 2601.0}))
    assert early["B2", "the first time"].verdict == "contradicted"
    flat = by_key(history({"2024-01-01": 2590.0, "2026-01-08": 2610.0}))
    assert flat["B2", "up about 15 %"].verdict == "contradicted"
    never = by_key(history({"2024-01-01": 2500.0}))
    assert {one.verdict for (name, _), one in never.items() if name == "B2"} == {"inconclusive"}


@pytest.mark.parametrize(("day", "word"), [(1.02, "supported"), (0.98, "contradicted")])
def test_volume_is_the_days_own(day: float, word: str) -> None:
    """Ten times the usual in the days around it change the mean of 100 sessions, not the day's."""
    volume = pd.Series(100.0, index=SESSIONS)
    row = SESSIONS.get_loc(PASSED)
    volume.iloc[row] = 100.0 * day
    volume.iloc[row + 1 : row + 10] = 1000.0
    volume.iloc[row - 101] = 1e9  # before the hundred
    one = by_key(history()._replace(volumes={INDEX: volume}))["B2", "heavy volume"]
    assert (one.verdict, one.estimate) == (word, pytest.approx(day))


@pytest.mark.parametrize(("above", "words"), [(3, ("supported", "contradicted")),
                                             (2, ("contradicted", "supported"))])  # fmt: skip
def test_breadth_decides_both_articles(above: int, words: tuple[str, str]) -> None:
    """Three of four funds are broad; those that fall stand below their means."""
    rising, falling = (
        pd.Series(np.exp(step * np.arange(len(SESSIONS))), index=SESSIONS)
        for step in (0.001, -0.001)
    )
    funds = {f"F{row}": rising if row < above else falling for row in range(4)}
    found = by_key(history()._replace(breadth=funds))
    broad, few = found["B2", "broad participation"], found["A16", "a few shares"]
    assert (broad.verdict, few.verdict) == words and broad.estimate == few.estimate == above / 4
    assert "its members would decide" in few.why


# --- where crypto stood ---------------------------------------------------------------------------


def test_sold_out_is_the_median_coins_fall_of_that_day() -> None:
    """28, 50 and 80 % below; what comes after 2026-01-22 does not count."""
    record: dict[str, Any] = {"2024-01-01": 50.0, "2025-10-06": 100.0}
    prices = {"A": 72.0, "B": 50.0, "C": 20.0}
    alts = {
        name: coin(record | {"2026-01-01": price, "2026-01-23": 500.0})
        for name, price in prices.items()
    }
    of = history(**alts)
    of = of._replace(assets={name: of.assets[name] for name in (INDEX,)} | {BITCOIN: alts["A"]})
    of = of._replace(alts={"B": alts["B"], "C": alts["C"]})
    one = by_key(of)["B9", "sold out"]
    assert (one.verdict, one.estimate, one.n) == ("supported", pytest.approx(0.5), 3)
    assert "BTC 28%, B 50%, C 80%" in one.why
    of = of._replace(alts={"C": alts["C"], "D": alts["A"]})
    assert by_key(of)["B9", "sold out"].verdict == "contradicted"


def test_books_are_thin_where_turnover_is_below_its_year() -> None:
    """Half the usual in the last 21 days: 0.5 over (344 + 10.5) / 365."""
    usual = pd.Series(100.0, index=DAYS + pd.Timedelta(days=1))
    low = usual.copy()
    end = pd.Timestamp("2026-01-23", tz="UTC")
    low[end - pd.Timedelta(days=20) : end] = 50.0
    low[end + pd.Timedelta(days=1) :] = 1e9
    ended = low[: end - pd.Timedelta(days=1)]
    of = history()._replace(volumes={BITCOIN: low, ETHER: ended})
    one = by_key(of)["B9", "thin books, by turnover"]
    assert (one.verdict, one.n) == ("supported", 1)
    assert one.estimate == pytest.approx(0.5 / ((344 + 10.5) / 365))
    busy = by_key(history()._replace(volumes={BITCOIN: usual * np.linspace(1, 2, len(usual))}))
    assert busy["B9", "thin books, by turnover"].verdict == "contradicted"


def test_what_prices_do_not_hold_names_what_would_decide() -> None:
    found = by_key(history())
    for key in (("B9", "exhausted sellers"), ("A16", "passive flows")):
        assert found[key].verdict == "not testable with prices"
        assert found[key].why.startswith("Testable with ")
