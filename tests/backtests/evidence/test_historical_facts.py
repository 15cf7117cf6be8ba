"""Facts that prices decide, on made-up prices with known answers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.evidence.claim import FEWEST, is_close, verdict_on_excess
from backtests.evidence.document import Claim
from backtests.evidence.events import Excess, daily_closes
from backtests.evidence.historical_facts import claims, claims_without_prices
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.history import INDEX as INDEX_NAME
from brokers.prices.load import Prices


def line(points: dict[str, float], hour: int) -> pd.Series:
    """Prices that stay where they are until the next point; known at `hour` UTC."""
    known = pd.Series(
        list(points.values()),
        index=pd.DatetimeIndex(list(points), tz="UTC") + pd.Timedelta(hours=hour),
    )
    return known.reindex(pd.date_range(known.index[0], known.index[-1], freq="D"), method="ffill")


def history(
    index: dict[str, float], bitcoin: dict[str, float], highs: dict[str, float] | None = None
) -> History:
    closes = line(index, 21)
    bars = pd.DataFrame({"close": closes, "high": line(highs, 21) if highs else closes})
    nothing = Prices({}, pd.Series(dtype=float), bars.index[-1])
    return History(
        nothing,
        bars,
        closes,
        closes,
        {},
        {BITCOIN: line(bitcoin, 24), INDEX_NAME: daily_closes(closes)},
        {},
        (),
    )


INDEX = {
    "2010-01-04": 600.0,
    "2021-11-08": 2400.0,
    "2021-11-09": 2300.0,
    "2022-06-01": 1700.0,
    "2024-11-25": 2390.0,
    "2024-12-31": 2000.0,
    "2025-04-08": 1500.0,
    "2025-09-18": 2410.0,
    "2025-12-31": 2500.0,
    "2026-01-08": 2610.0,
    "2026-01-22": 2725.0,
    "2026-02-02": 2500.0,
}
BITCOIN_PRICES = {
    "2010-07-19": 0.1,
    "2011-06-08": 30.0,
    "2011-11-18": 2.0,
    "2013-12-04": 1000.0,
    "2015-01-14": 200.0,
    "2016-07-09": 600.0,
    "2016-11-14": 700.0,
    "2017-12-16": 18_900.0,
    "2018-12-15": 3000.0,
    "2020-05-11": 8000.0,
    "2020-11-13": 13_000.0,
    "2021-11-08": 65_000.0,
    "2022-11-21": 16_000.0,
    "2024-03-13": 73_000.0,
    "2024-04-20": 64_000.0,
    "2026-01-20": 96_000.0,
    "2026-02-02": 90_000.0,
}


@pytest.fixture(scope="module")
def by_key() -> dict[tuple[str, str], Claim]:
    highs = INDEX | {
        "2021-11-08": 2450.0,
        "2021-11-09": 2400.0,
        "2024-11-25": 2460.0,
        "2024-11-26": 2390.0,
        "2024-12-31": 2000.0,
    }
    ordered = dict(sorted(highs.items()))
    return {(one.id, one.reading): one for one in claims(history(INDEX, BITCOIN_PRICES, ordered))}


def test_a_record_is_exceeded_on_closes_later_than_within_the_day(
    by_key: dict[tuple[str, str], Claim],
) -> None:
    closes, inside = by_key["A4", "closes"], by_key["A4", "within the day"]
    assert (closes.verdict, closes.estimate) == ("contradicted", 2400.0)
    assert "2025-09-18" in closes.why and "2,390.00 on 2024-11-25, 10.00 short" in closes.why
    assert (inside.verdict, inside.estimate) == ("contradicted", 2450.0)
    assert "2024-11-25" in inside.why and "BTC stood at 64,000" in inside.why


def test_bitcoin_near_100_000_belongs_to_it() -> None:
    """A tenth below is near, 64,000 is not."""
    highs = dict(sorted((INDEX | {"2024-11-25": 2460.0, "2024-11-26": 2390.0}).items()))
    words = {}
    for price in (64_000.0, 91_000.0, 89_000.0):
        bitcoin = dict(sorted((BITCOIN_PRICES | {"2024-11-25": price}).items()))
        found = {(one.id, one.reading): one for one in claims(history(INDEX, bitcoin, highs))}
        words[price] = found["A4", "within the day"].verdict
    assert words == {64_000.0: "contradicted", 91_000.0: "supported", 89_000.0: "contradicted"}


def test_sideways_is_a_fall_of_a_fifth_at_most(by_key: dict[tuple[str, str], Claim]) -> None:
    """From 2,400 to 1,500, the lowest before 2025-09-18, is 37.5 %; to 1,920 exactly 20 %."""
    one = by_key["A4", "sideways"]
    assert (one.verdict, one.estimate) == ("contradicted", -0.375) and "2025-04-08" in one.why
    calm = INDEX | {"2022-06-01": 1920.0, "2024-12-31": 2000.0, "2025-04-08": 1950.0}
    found = {(one.id, one.reading): one for one in claims(history(calm, BITCOIN_PRICES))}
    assert (found["A4", "sideways"].verdict, found["A4", "sideways"].estimate) == (
        "supported",
        pytest.approx(-0.2),
    )


def test_rounds_are_counted_from_the_halving_and_from_the_breakout(
    by_key: dict[tuple[str, str], Claim],
) -> None:
    """18,900 / 600 = 31.5 and 65,000 / 8,000 = 8.1.

    18,900 / 700 = 27 and 65,000 / 13,000 = 5; 96,000 / 64,000 = + 50 %.
    """
    rounds = {
        ("2016", "halving"): (18_900 / 600, "contradicted"),
        ("2016", "breakout"): (27.0, "supported"),
        ("2020", "halving"): (65_000 / 8_000, "contradicted"),
        ("2020", "breakout"): (5.0, "supported"),
    }
    for (year, start), (times, word) in rounds.items():
        one = by_key["A5", f"round of {year}, from the {start}"]
        assert (one.verdict, one.unit) == (word, "times")
        assert one.estimate == pytest.approx(times) and f"rose {times:.1f} times" in one.why
    now = by_key["A5", "since the halving of 2024"]
    assert (now.verdict, now.estimate) == ("supported", pytest.approx(0.5))
    assert "the article's own two prices make 43%" in now.why  # 90,000 / 63,000
    # 641 days after the halvings of 2016 and 2020: 18,900 / 600 and 65,000 / 8,000.
    assert "stood at 31.5 and 8.1 times" in now.why


def test_the_halving_effect_fades_where_each_gain_is_lower(
    by_key: dict[tuple[str, str], Claim],
) -> None:
    """1,000 / 2, 31.5, 8.1 and 96,000 / 64,000 times; 130,000 in 2025 would make the last 2.0."""
    one = by_key["A7", "the gain after each"]
    assert (one.verdict, one.n, one.estimate) == ("supported", 4, pytest.approx(1.5))
    assert "2012: 500.0, 2016: 31.5, 2020: 8.1, 2024: 1.5" in one.why
    higher = dict(sorted((BITCOIN_PRICES | {"2025-10-06": 640_000.0}).items()))
    found = {(one.id, one.reading): one for one in claims(history(INDEX, higher))}
    assert found["A7", "the gain after each"].verdict == "contradicted"


def test_a_record_before_the_halving_is_the_first_of_its_kind(
    by_key: dict[tuple[str, str], Claim],
) -> None:
    one = by_key["A8", ""]
    assert (one.verdict, one.n) == ("supported", 4)
    assert (
        one.why
        == "Last record in the year before the halving of 2012: none, 2016: none, 2020: none,"
        " 2024: 2024-03-13."
    )


def test_a_record_before_an_earlier_halving_contradicts_that() -> None:
    earlier = dict(
        sorted((BITCOIN_PRICES | {"2020-02-14": 19_500.0, "2020-02-15": 9000.0}).items())
    )
    one = next(one for one in claims(history(INDEX, earlier)) if one.id == "A8")
    assert one.verdict == "contradicted" and "2020: 2020-02-14" in one.why


def test_early_halvings_are_left_out_for_a_coin_without_earlier_prices() -> None:
    late = {day: price for day, price in BITCOIN_PRICES.items() if day > "2015"}
    one = next(one for one in claims(history(INDEX, late)) if one.id == "A8")
    assert one.n == 2 and "2016" not in one.why


def test_days_that_prices_do_not_cover_are_named() -> None:
    """A folder that ends in 2020."""
    short = history(
        {day: price for day, price in INDEX.items() if day < "2022"},
        {day: price for day, price in BITCOIN_PRICES.items() if day < "2020-06"},
    )
    found = {(one.id, one.reading): one for one in claims(short)}
    assert {name for (name, _), one in found.items() if one.verdict == "inconclusive"} == {
        "A3",
        "A4",
        "A5",
        "A6",
        "A7",
        "A8",
        "A12",
    }
    assert (
        found["A12", ""].why == "There are no prices of Russell 2000 from 2024-12-31 to 2025-12-31."
    )


def test_a_year_and_its_climb_from_the_low_are_two_readings(
    by_key: dict[tuple[str, str], Claim],
) -> None:
    """2,500 / 2,000 = + 25 %; 2,500 at the year's end / 1,500 = + 67 %."""
    year, low = by_key["A12", "the year"], by_key["A12", "from the low"]
    assert (year.verdict, year.estimate) == ("contradicted", pytest.approx(0.25))
    assert (low.verdict, low.estimate) == ("supported", pytest.approx(2500 / 1500 - 1))
    assert "2025-04-08" in low.why


def test_january(by_key: dict[tuple[str, str], Claim]) -> None:
    """2,725 / 2,500 = + 9 %."""
    one = by_key["A3", "three weeks"]
    assert (one.kind, one.verdict, one.estimate) == ("fact", "supported", pytest.approx(0.09))


def test_the_climb_of_2025_ends_with_the_year() -> None:
    """A higher close in between does not count."""
    found = {
        (one.id, one.reading): one
        for one in claims(history(INDEX | {"2025-09-18": 2800.0}, BITCOIN_PRICES))
    }
    assert found["A12", "from the low"].estimate == pytest.approx(2500 / 1500 - 1)


def test_claims_that_prices_cannot_decide_name_what_could() -> None:
    found = {one.id: one for one in claims_without_prices()}
    assert (
        found["A7"].verdict == "supported"
        and "1.67%" in found["A7"].why
        and "0.83%" in found["A7"].why
        and "93.75%" in found["A7"].why
    )
    for name in ("A13", "B14"):
        assert found[name].verdict == "not testable with prices" and found[name].why.startswith(
            "Testable with "
        )


def excesses() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"low": 0.1, "high": 0.5}, "supported"
    yield {"low": -0.5, "high": -0.1}, "contradicted"
    yield {"low": -0.1, "high": 0.5}, "inconclusive"
    yield {"low": 0.0, "high": 0.5}, "inconclusive"
    yield {"low": 0.1, "high": 0.5, "n": FEWEST - 1}, "inconclusive"


@pytest.mark.parametrize(("changes", "word"), list(excesses()))
def test_the_interval_decides_from_five_events_on(changes: dict[str, Any], word: str) -> None:
    found = Excess(FEWEST, 0.4, 0.1, 0.1, 0.5, 0.01, 0.9, 0.2, 0.5)
    assert verdict_on_excess(found._replace(**changes)) == word


def test_about_is_a_tenth() -> None:
    assert (
        is_close(1.09, 1.0)
        and is_close(0.91, 1.0)
        and not is_close(1.11, 1.0)
        and not is_close(np.nan, 1.0)
    )
