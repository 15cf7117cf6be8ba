"""Claims that only the user's own figures decide, with figures of known result."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from backtests.evidence.document import Claim
from backtests.evidence.user_series import claims

DAY = pd.Timedelta(days=1)


def dated(values: Mapping[str, float]) -> pd.Series:
    """As a user's file is read: a figure is known at the end of the UTC day of its date."""
    return pd.Series(
        list(values.values()),
        index=pd.DatetimeIndex([pd.Timestamp(day, tz="UTC") + DAY for day in values]),
        dtype=float,
    )


def daily(first: str, last: str, *values: float) -> pd.Series:
    """One for each date, known a day later; of several values each for as long as the others."""
    days = pd.date_range(first, last, freq="D", tz="UTC")
    return pd.Series(
        np.repeat(np.array(values, dtype=float), -(-len(days) // len(values)))[: len(days)],
        index=days + DAY,
    )


def claims_by_key(
    macro: Mapping[str, pd.Series], bitcoin: pd.Series | None = None
) -> dict[tuple[str, str], Claim]:
    return {(one.id, one.reading): one for one in claims(macro, bitcoin, {})}


def flows(values: Mapping[str, float]) -> Claim:
    """Nothing flowed on the other days of 2025 that have a figure, one a month."""
    months = dict.fromkeys((f"2025-{month:02}-15" for month in range(1, 13)), 0.0)
    return claims_by_key({"flows": dated(dict(sorted((months | dict(values)).items())))})[
        "A12", "money out"
    ]


def losses(values: Mapping[str, float]) -> Claim:
    return claims_by_key({"losses": dated(dict(sorted(values.items())))})["A13", ""]


def absorbed(series: pd.Series, bitcoin: pd.Series) -> Claim:
    return claims_by_key({"bitcoin_flows": series}, bitcoin)["B14", "ETFs keep absorbing supply"]


def leverage(series: pd.Series, bitcoin: pd.Series) -> Claim:
    return claims_by_key({"open_interest": series}, bitcoin)["B14", "less leverage"]


# --- without figures ------------------------------------------------------------------------------


def test_without_figures_the_claims_name_which_could_decide() -> None:
    found = claims_by_key({}, daily("2014-01-01", "2025-12-31", 100.0))
    assert list(found) == [
        ("A12", "money out"),
        ("A13", ""),
        ("A17", ""),
        ("A18", ""),
        ("B14", "ETFs keep absorbing supply"),
        ("B14", "less leverage"),
        ("B14", "clear rules, custody"),
    ]
    assert {one.verdict for one in found.values()} == {"not testable with prices"} and {
        one.estimate for one in found.values()
    } == {None}
    settings = (
        "haircuts.flows.file",
        "haircuts.losses.file",
        "evidence.bitcoin_flows",
        "evidence.bitcoin_flows",
        "evidence.open_interest",
    )
    for key in (("A18", ""), ("B14", "clear rules, custody")):  # no setting is for these
        assert found.pop(key).why.startswith("Testable with ")
    for one, setting in zip(found.values(), settings, strict=True):
        assert one.why.startswith("Testable with ") and one.why.endswith(
            f", in a CSV named by {setting}."
        )


def test_without_bitcoins_prices_its_flows_and_futures_are_not_used() -> None:
    found = claims_by_key(
        {
            "bitcoin_flows": daily("2018-01-01", "2025-12-31", 1e8),
            "open_interest": daily("2018-01-01", "2025-12-31", 1e10),
        }
    )
    found.pop(("A17", ""))  # flows alone decide it
    assert {one.verdict for one in found.values()} == {"not testable with prices"}


# --- what the spot ETFs took in -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "word"), [(2.0e11, "supported"), (1.99e11, "contradicted"), (5.5e10, "contradicted")]
)
def test_hundreds_of_billions_are_two_at_least(total: float, word: str) -> None:
    """From 2024-01-11 on; what a file has of earlier days does not count."""
    days = 366 + 365 - 10
    taken = daily("2023-12-01", "2025-12-31", total / days)
    one = claims_by_key({"bitcoin_flows": taken})["A17", ""]
    assert (one.kind, one.verdict, one.unit) == ("fact", word, "billion USD")
    assert one.estimate == pytest.approx(total / 1e9)


def test_flows_that_begin_later_or_have_gaps_do_not_say_what_came_in() -> None:
    late = daily("2024-03-01", "2025-12-31", 1e9)
    gap = daily("2024-01-01", "2025-12-31", 1e9)
    gap = gap[(gap.index < "2024-06-01") | (gap.index > "2024-08-01")]
    for series in (late, gap):
        one = claims_by_key({"bitcoin_flows": series})["A17", ""]
        assert one.verdict == "not testable with prices" and "since January 2024" in one.why


# --- flows of small-cap funds ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "word"),
    [
        (-12e9, "supported"),
        (-10.1e9, "supported"),
        (-13.9e9, "supported"),
        (-9e9, "contradicted"),
        (-15e9, "contradicted"),
    ],
)
def test_flows_of_2025_sum_to_about_minus_20_billion(second: float, word: str) -> None:
    """8 billion less the second: a tenth either way is about."""
    found = flows({"2025-02-03": -9e9, "2025-06-30": 1e9, "2025-11-28": second})
    assert (
        found.verdict == word
        and found.estimate == pytest.approx((second - 8e9) / 1e9)
        and found.unit == "billion USD"
    )


def test_as_much_money_in_contradicts_it() -> None:
    assert flows({"2025-06-30": 20e9}).verdict == "contradicted"


def test_the_claim_states_how_many_figures_there_were() -> None:
    assert (
        flows({"2025-02-03": -9e9, "2025-11-28": -11.5e9}).why
        == "14 figures published in 2025 sum to -20.5 billion USD."
    )


def test_flows_of_other_years_do_not_count() -> None:
    found = flows(
        {"2024-12-30": -50e9, "2025-01-01": -12e9, "2025-12-31": -8e9, "2026-01-01": -50e9}
    )
    assert (found.verdict, found.estimate) == ("supported", pytest.approx(-20.0))


def test_a_flow_published_on_the_last_day_of_2024_is_none_of_2025() -> None:
    """Known at its end, which is the first instant of 2025."""
    assert flows({"2024-12-31": -5e9, "2025-06-30": -20e9}).estimate == pytest.approx(-20.0)


@pytest.mark.parametrize("gone", [(1, 2), (6, 7), (11, 12), tuple(range(1, 13))])
def test_flows_that_do_not_cover_the_year_are_not_used(gone: tuple[int, ...]) -> None:
    """Two months without a figure, at its beginning, in its middle or at its end."""
    months = {f"2025-{month:02}-15": -20e9 / 12 for month in range(1, 13) if month not in gone}
    found = claims_by_key({"flows": dated({"2024-06-30": -20e9, **months, "2026-06-30": -20e9})})[
        "A12", "money out"
    ]
    assert found.verdict == "not testable with prices"


def test_a_file_that_cannot_be_read_is_named_with_the_reason() -> None:
    found = {
        (one.id, one.reading): one for one in claims({}, None, {"flows": "mine.csv: no such file"})
    }
    assert found["A12", "money out"].why.endswith(
        " Your file cannot be read: mine.csv: no such file."
    )
    assert "cannot be read" not in found["A13", ""].why


@pytest.mark.parametrize("before", [0.0, -0.1])
def test_losses_of_zero_in_2007_are_not_used(before: float) -> None:
    assert losses({"2007-02-15": before, "2025-11-15": 0.4}).verdict == "not testable with prices"


# --- companies with losses ------------------------------------------------------------------------

LOSSES = {
    "2007-02-15": 0.18,
    "2007-05-15": 0.20,
    "2007-08-15": 0.20,
    "2007-11-15": 0.22,
    "2020-08-15": 0.42,
}  # the mean of 2007 is 0.2


def test_losses_as_they_were_said_to_be() -> None:
    found = losses({**LOSSES, "2025-08-15": 0.10, "2025-11-15": 0.41, "2026-02-15": 0.10})
    assert (found.verdict, found.estimate, found.n, found.unit) == ("supported", 0.41, 8, "share")
    assert (
        found.why
        == "The first figure after 2025-10-01 is 41%; of all 8 figures the highest is 42%, the mean"
        " of 2007 is 20%."
    )


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"2025-11-15": 0.37}, "contradicted"),  # about 40 %, but not about the 42 % of 2020
        ({"2025-11-15": 0.38}, "supported"),
        ({"2025-11-15": 0.35}, "contradicted"),
        ({"2025-11-15": 0.45}, "contradicted"),  # the highest ever, but not about 40 %
        ({"2025-11-15": 0.41, "2020-08-15": 0.48}, "contradicted"),
        ({"2025-11-15": 0.41, "2020-08-15": 0.45}, "supported"),
        ({"2025-11-15": 0.41, "2007-02-15": 0.50}, "contradicted"),  # 0.41 of 2 * 0.28 is 0.73
        ({"2025-11-15": 0.41, "2007-02-15": 0.42}, "supported"),  # of 2 * 0.26 it is 0.79
        ({"2025-11-15": 0.41, "2007-02-15": 0.04}, "supported"),  # of 2 * 0.165 it is 1.24
        ({"2025-11-15": 0.41, "2007-02-15": 0.02}, "contradicted"),  # of 2 * 0.16 it is 1.28
    ],
)
def test_each_part_of_what_was_said_of_losses_must_hold(
    changed: dict[str, float], word: str
) -> None:
    assert losses({**LOSSES, **changed}).verdict == word


def test_the_mean_of_2007_is_that_of_2007() -> None:
    found = losses({"2006-12-30": 0.3, **LOSSES, "2008-01-01": 0.3, "2025-11-15": 0.4})
    assert "the mean of 2007 is 20%" in found.why


def test_a_share_published_on_the_last_day_of_2006_is_none_of_2007() -> None:
    """Known at its end, which is the first instant of 2007."""
    assert "the mean of 2007 is 20%" in losses({"2006-12-31": 0.3, **LOSSES, "2025-11-15": 0.4}).why


@pytest.mark.parametrize("gone", ["2007", "2025"])
def test_without_both_years_losses_are_not_used(gone: str) -> None:
    """A figure published in September is of an earlier quarter, one of April a later one's."""
    figures = {
        day: share
        for day, share in {
            **LOSSES,
            "2025-09-15": 0.4,
            "2025-11-15": 0.4,
            "2026-04-15": 0.4,
        }.items()
        if not day.startswith(gone)
    }
    if gone == "2025":
        figures["2025-09-15"] = 0.4
    assert losses(figures).verdict == "not testable with prices"


# --- coins that funds bought ----------------------------------------------------------------------

PRICES = daily("2017-01-01", "2026-06-30", 100_000.0)
MINED = 365 * 144 * 3.125  # in a year after the halving of 2024: 164,250


@pytest.mark.parametrize(
    ("flow", "word"), [(5e7, "supported"), (4e7, "contradicted"), (-5e7, "contradicted")]
)
def test_coins_bought_over_those_mined_in_a_year(flow: float, word: str) -> None:
    """500 or 400 coins a day for 365 days; 450 are mined a day.

    What came before the last year does not count.
    """
    before = daily("2024-01-11", "2024-08-31", 1e10)
    found = absorbed(pd.concat([before, daily("2024-09-01", "2025-08-31", flow)]), PRICES)
    assert (found.verdict, found.n, found.unit) == (word, 365, "times")
    assert found.estimate == pytest.approx(365 * flow / 100_000.0 / MINED)
    assert (
        f"In the year to 2025-09-01 the funds bought {365 * flow / 100_000.0:,.0f} coins at each"
        " day's price; 164,250 were mined." in found.why
    )


def test_flows_buy_at_the_price_of_their_own_day() -> None:
    """From the close of 2025-03-01 on 200,000, before 50,000: 250 coins a day and 1,000, these of
    181 days from 2024-09-01 to 2025-02-28.
    """
    prices = daily("2024-01-01", "2025-08-31", 50_000.0)
    prices["2025-03-02":] = 200_000.0
    found = absorbed(daily("2024-08-01", "2025-08-31", 5e7), prices)
    assert found.estimate == pytest.approx((181 * 1000.0 + 184 * 250.0) / MINED)


def test_a_day_without_a_price_has_that_of_the_day_before() -> None:
    prices = daily("2024-01-01", "2025-08-31", 50_000.0).drop(pd.Timestamp("2025-02-10", tz="UTC"))
    assert absorbed(daily("2024-08-01", "2025-08-31", 5e7), prices).estimate == pytest.approx(
        365 * 1000.0 / MINED
    )


def test_days_after_the_last_price_have_the_last_price() -> None:
    prices = daily("2024-01-01", "2025-08-20", 50_000.0)
    assert absorbed(daily("2024-08-01", "2025-08-31", 5e7), prices).estimate == pytest.approx(
        365 * 1000.0 / MINED
    )


@pytest.mark.parametrize(("first", "enough"), [("2024-08-31", True), ("2024-09-01", False)])
def test_flows_must_span_a_year(*, first: str, enough: bool) -> None:
    assert (absorbed(daily(first, "2025-08-31", 5e7), PRICES).verdict == "supported") == enough


def test_flows_without_prices_of_their_days_are_no_number() -> None:
    """Prices begin in the middle of the year: what was bought before is not known, so nothing is
    said of it.
    """
    found = absorbed(
        daily("2024-08-01", "2025-08-31", 5e7), PRICES[pd.Timestamp("2025-01-01", tz="UTC") :]
    )
    assert found.verdict not in ("supported", "contradicted")


# --- leverage -------------------------------------------------------------------------------------


def coins(day: pd.Timestamp) -> float:
    """There are on a day: 210,000 blocks of each of the subsidies 50, 25, 12.5 before, and its
    share of this one's, or 144 a day since the last.
    """
    rounds = (
        ("2024-04-20", 19_687_500.0, 3.125, None),
        ("2020-05-11", 18_375_000.0, 6.25, 1440),
        ("2016-07-09", 15_750_000.0, 12.5, 1402),
    )
    for first, whole, subsidy, days in rounds:
        if day >= pd.Timestamp(first, tz="UTC"):
            return (
                whole
                + (day - pd.Timestamp(first, tz="UTC")).days
                * (210_000 / days if days else 144)
                * subsidy
            )
    raise AssertionError(day)


def weekly(*values: float) -> pd.Series:
    """Open interest over six years and a bit, known on the last day and weeks before.

    Of several values each for as long.
    """
    days = pd.date_range(end="2026-01-03", periods=316, freq="7D", tz="UTC")
    return pd.Series(
        np.repeat(np.array(values, dtype=float), -(-len(days) // len(values)))[: len(days)],
        index=days,
    )


def test_open_interest_is_over_the_value_of_all_coins() -> None:
    """The last year by hand, and the four before it; 0.5 % for the week that might be in either."""
    interest = weekly(1e10)
    found = leverage(interest, PRICES)
    share = pd.Series(
        [1e10 / (coins(day) * 100_000.0) for day in interest.index], index=interest.index
    )
    year = pd.Timedelta(days=365)
    now = share[share.index > interest.index[-1] - year].mean()
    before = share[
        (share.index <= interest.index[-1] - year) & (share.index >= interest.index[-1] - 5 * year)
    ].mean()
    assert (
        found.estimate == pytest.approx(now / before, rel=1e-4)
        and found.unit == "times"
        and found.n == 316
    )
    assert (
        f"Open interest was {now:.2%} of all coins' value over the last year, {before:.2%} over"
        " the 4 before." in found.why
    )
    assert now / before < 0.99  # as many dollars are less of more coins


@pytest.mark.parametrize(("now", "word"), [(0.5e10, "supported"), (2e10, "contradicted")])
def test_less_or_more_leverage_than_usual(now: float, word: str) -> None:
    """Six times as much more than five years ago does not matter."""
    interest = weekly(1e10)
    interest["2025-01-04":] = now
    interest[: interest.index[-1] - pd.Timedelta(days=5 * 365 + 1)] = 6e10
    found = leverage(interest, PRICES)
    assert found.verdict == word and found.estimate == pytest.approx(now / 1e10, rel=0.05)


def test_as_much_interest_on_dearer_coins_is_less_leverage() -> None:
    prices = PRICES.copy()
    prices["2025-01-04":] = 200_000.0
    found = leverage(weekly(1e10), prices)
    assert found.verdict == "supported" and found.estimate == pytest.approx(0.5, rel=0.05)
    prices["2025-01-04":] = 50_000.0
    assert leverage(weekly(1e10), prices).verdict == "contradicted"


@pytest.mark.parametrize(("days", "enough"), [(5 * 365, True), (5 * 365 - 1, False)])
def test_open_interest_must_span_five_years(*, days: int, enough: bool) -> None:
    last = pd.Timestamp("2026-01-03", tz="UTC")
    interest = pd.Series(1e10, index=pd.date_range(end=last, periods=days + 1, freq="D"))
    interest["2025-06-01":] = 1e9
    assert (leverage(interest, PRICES).verdict == "supported") == enough


def test_open_interest_of_zero_before_is_not_used() -> None:
    assert leverage(weekly(0.0), PRICES).verdict == "not testable with prices"


def test_two_figures_years_apart_are_none_of_the_years_between() -> None:
    far = pd.DatetimeIndex(
        [pd.Timestamp("2019-01-01", tz="UTC"), pd.Timestamp("2026-01-01", tz="UTC")]
    )
    for find in (absorbed, leverage):
        assert find(pd.Series([1e9, 1e9], index=far), PRICES).verdict == "not testable with prices"


def test_interest_without_prices_of_its_days_is_no_number() -> None:
    found = leverage(weekly(1e10), PRICES[pd.Timestamp("2025-06-01", tz="UTC") :])
    assert found.verdict not in ("supported", "contradicted")
