"""Series that do not fit each other: hours against days, and dates that are shifted."""

import numpy as np
import pandas as pd
import pytest

from brokers.prices.cross_checks import cross_issues
from brokers.prices.plausibility import check_plausibility
from brokers.prices.series import DataIssue, Request, Series
from tests.brokers.prices.random_series import (
    BITCOIN,
    DAY,
    INDEX,
    KNOWN,
    SESSIONS,
    bars_of,
    closes_of,
    index_series,
    scaled,
    series_of,
)

HOUR = pd.Timedelta(hours=1)
DAYS = 150
HOURS = pd.date_range("2020-01-01", periods=24 * DAYS, freq="h", tz="UTC") + HOUR
PRICES = closes_of(24 * DAYS, 0.006)


def issues(*series: Series, accepted: dict[str, list[object]] | None = None) -> list[DataIssue]:
    by_request = {each.request: each for each in series}
    return list(check_plausibility(by_request, SESSIONS, accepted or {}))


def hours(known_at: pd.DatetimeIndex = HOURS) -> Series:
    """Hourly bars of Bitcoin, known at their ends, or at other instants."""
    return series_of(BITCOIN._replace(timeframe="1h"), bars_of(PRICES, known_at))


def days(noise: float = 0.0004, seed: int = 5) -> Series:
    """The same market by another vendor: its days end with the hours' last prices, nearly."""
    ends = HOURS[23::24]
    closes = PRICES[23::24] * np.exp(np.random.default_rng(seed).normal(0.0, noise, DAYS))
    return series_of(BITCOIN, bars_of(closes, ends))


def in_new_york(known_at: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The instants as a file in New York's time without an offset is read."""
    return known_at.tz_convert("America/New_York").tz_localize(None).tz_localize("UTC")


def test_hours_and_days_of_two_vendors_fit() -> None:
    assert issues(hours(), days()) == []


@pytest.mark.parametrize(
    ("known_at", "words"),
    [
        (in_new_york(HOURS[: 24 * 60]), "5 h later"),
        (in_new_york(HOURS), "4 h later"),  # most of these days are in summer time
        (HOURS - HOUR, "1 h later"),
        (HOURS + HOUR, "1 h earlier"),
        (HOURS + 8 * HOUR, "8 h earlier"),
        (HOURS - 24 * HOUR, "24 h later"),
    ],
    ids=[
        "New York in winter",
        "New York",
        "an hour early",
        "an hour late",
        "Shanghai",
        "a day early",
    ],
)
def test_hours_in_another_time_zone_are_refused(known_at: pd.DatetimeIndex, words: str) -> None:
    known_at = known_at[~known_at.duplicated()]
    frame = bars_of(PRICES[: len(known_at)], known_at)
    found = issues(series_of(BITCOIN._replace(timeframe="1h"), frame), days())
    assert [(issue.kind, issue.severity) for issue in found] == [("daily closes", "refused")]
    assert words in found[0].text
    assert "UTC" in found[0].text


def test_new_york_is_recognised_across_the_change_to_summer_time() -> None:
    """From 1 February on, half of the days are shifted by five hours and half by four."""
    later = HOURS + 31 * DAY
    shifted = in_new_york(later)
    keep = ~shifted.duplicated()
    bars = series_of(BITCOIN._replace(timeframe="1h"), bars_of(PRICES[keep], shifted[keep]))
    daily = series_of(BITCOIN, bars_of(PRICES[23::24], later[23::24]))
    found = issues(bars, daily)
    assert "refused" in [issue.severity for issue in found if issue.kind == "daily closes"]


@pytest.mark.parametrize(
    ("factor", "severity"), [(1.19, "high"), (0.012, "refused"), (1e8, "refused")]
)
def test_another_currency_is_doubted_and_another_coin_or_unit_refused(
    factor: float, severity: str
) -> None:
    found = issues(scaled(hours(), slice(None), factor), days(noise=0.0))
    assert [(issue.kind, issue.severity) for issue in found] == [("daily closes", severity)]
    assert f"differ by {max(factor, 1.0 / factor) - 1.0:.1%} (median)" in found[0].text


def test_a_day_on_which_they_differ_is_doubted_unless_it_is_accepted() -> None:
    other = scaled(days(), slice(70, 71), 1.1)
    found = issues(hours(), other)
    assert [(issue.kind, issue.severity) for issue in found] == [("daily closes", "high")]
    day = (HOURS[23::24][70] - DAY).date()
    assert str(day) in found[0].text
    assert issues(hours(), other, accepted={"BTC-USD": [day]}) == []


def test_a_few_days_are_too_few_to_compare() -> None:
    early = series_of(
        BITCOIN._replace(timeframe="1h"), bars_of(PRICES[: 24 * 9], HOURS[: 24 * 9] - HOUR)
    )
    assert issues(early, days()) == []


# Dates that are shifted


def sibling(shift: int, share: float = 0.9, kind: str = "session") -> tuple[Series, Series]:
    """Two series whose returns share a part; the second one's are `shift` rows late."""
    random = np.random.default_rng(11)
    common, own = random.normal(0.0, 0.01, (2, 600))
    returns = np.roll(share * common + (1.0 - share) * own, shift)
    known_at = KNOWN if kind == "session" else pd.date_range("2020-01-02", periods=600, tz="UTC")
    names = ("^RUT", "IWM") if kind == "session" else ("BTC-USD", "ETH-USD")
    one, other = (
        series_of(Request(name, kind), bars_of(100.0 * np.exp(np.cumsum(moves)), known_at[:600]))
        for name, moves in zip(names, (common, returns), strict=True)
    )
    return one, other


@pytest.mark.parametrize("kind", ["session", "coin"])
@pytest.mark.parametrize(("shift", "words"), [(1, "one row after"), (-1, "one row before")])
def test_dates_shifted_by_a_row_against_the_first_series_are_refused(
    kind: str, shift: int, words: str
) -> None:
    """Nobody can say which of the two it is: both are named."""
    one, other = sibling(shift, kind=kind)
    found = issues(one, other)
    assert [(issue.kind, issue.severity) for issue in found] == [("daily closes", "refused")] * 2
    names = [one.request.name, other.request.name]
    assert [issue.symbol for issue in found] == names
    assert words in found[1].text and words not in found[0].text
    assert issues(*sibling(0, kind=kind)) == []


def test_series_that_have_little_in_common_or_few_rows_are_not_shifted() -> None:
    assert issues(*sibling(0, share=0.2)) == []
    assert (
        issues(index_series(), index_series(seed=4)._replace(request=INDEX._replace(symbol="X")))
        == []
    )
    short = [each._replace(frame=each.frame[:200]) for each in sibling(1)]
    assert issues(*short) == []


@pytest.mark.parametrize("rows", [*range(249, 254), *range(499, 504)])
def test_any_number_of_rows_can_be_compared(rows: int) -> None:
    """One move less is left a row apart, so that the shorter ones may fill a window less."""
    short = [each._replace(frame=each.frame[-rows:]) for each in sibling(0)]
    assert issues(*short) == []


def test_one_crash_does_not_shift_dates() -> None:
    """The other coin happens to move a row before: one day would outweigh a year of others."""
    one, other = sibling(0, kind="coin")
    crashed = scaled(scaled(one, slice(450, None), 0.3), slice(455, None), 3.0)
    other = scaled(scaled(other, slice(449, None), 0.9), slice(454, None), 1.1)
    assert [issue for issue in issues(crashed, other) if issue.kind == "daily closes"] == []


def test_a_running_bar_of_a_day_that_is_there_already_is_compared_once() -> None:
    one, other = sibling(0, kind="coin")
    ends = pd.DatetimeIndex(other.frame.index)
    now = other.frame.iloc[-1:].set_axis(ends[-1:] - pd.Timedelta(hours=6))
    running = pd.concat([other.frame.iloc[:-1], now, other.frame.iloc[-1:]])
    assert (
        list(cross_issues({one.request: one, other.request: other._replace(frame=running)}, {}))
        == []
    )


@pytest.mark.parametrize("kind", ["session", "coin"])
@pytest.mark.parametrize("early", [slice(300, None), slice(0, 400)], ids=["from then on", "before"])
def test_dates_shifted_in_a_part_of_a_file_are_refused(kind: str, early: slice) -> None:
    one, other = sibling(0, kind=kind)
    closes = other.frame["close"].to_numpy().copy()
    closes[early] = np.roll(other.frame["close"].to_numpy(), -1)[early]
    shifted = other._replace(frame=other.frame.assign(close=closes))
    found = [issue for issue in issues(one, shifted) if issue.kind == "daily closes"]
    assert [issue.severity for issue in found] == ["refused"] * 2
    assert "move one row before" in found[1].text


@pytest.mark.parametrize("late", [1, -1])
def test_all_coins_shifted_by_a_day_are_refused_by_what_they_share_with_the_index(
    late: int,
) -> None:
    """A coin of which a third moves with the index, and its sibling, a day late or early."""
    random = np.random.default_rng(19)
    sessions = pd.bdate_range("2016-01-04", periods=1000, tz="UTC") + pd.Timedelta("21:30:00")
    moves = random.normal(0.0, 0.01, 1000)
    index = series_of(INDEX, bars_of(100.0 * np.exp(np.cumsum(moves)), sessions))
    days = pd.date_range(sessions[0].normalize(), sessions[-1].normalize(), freq="D") + DAY
    shared = pd.Series(moves, sessions.normalize() + DAY).reindex(days).fillna(0.0).to_numpy()
    own = random.normal(0.0, 0.02, (2, len(days)))

    def coins(shift: int) -> list[Series]:
        closes = [np.exp(np.cumsum(np.roll(shared + noise, shift))) for noise in own]
        names = ("BTC-USD", "ETH-USD")
        return [
            series_of(Request(name, "coin"), bars_of(100.0 * each, days))
            for name, each in zip(names, closes, strict=True)
        ]

    def found(*series: Series) -> list[DataIssue]:
        return list(cross_issues({each.request: each for each in series}, {}))

    assert found(index, *coins(0)) == []
    shifted = found(index, *coins(late))
    assert [(issue.symbol, issue.severity) for issue in shifted] == [
        ("^RUT", "refused"),
        ("BTC-USD", "refused"),
    ]
    assert f"one row {'after' if late > 0 else 'before'}" in shifted[1].text


def test_london_time_without_an_offset_is_found_by_its_summer() -> None:
    """On most of these days it is that of UTC."""
    later = HOURS + 5 * DAY
    shifted = later.tz_convert("Europe/London").tz_localize(None).tz_localize("UTC")
    keep = ~shifted.duplicated()
    bars = series_of(BITCOIN._replace(timeframe="1h"), bars_of(PRICES[keep], shifted[keep]))
    daily = series_of(BITCOIN, bars_of(PRICES[23::24], later[23::24]))
    found = [issue for issue in issues(bars, daily) if issue.severity == "refused"]
    assert "1 h earlier" in found[0].text


@pytest.mark.parametrize("kind", ["session", "coin"])
def test_the_same_closes_of_two_symbols_are_refused(kind: str) -> None:
    one, other = sibling(0, kind=kind)
    found = issues(one, other._replace(frame=one.frame))
    names = [one.request.name, other.request.name]
    assert [(issue.symbol, issue.severity) for issue in found] == [(x, "refused") for x in names]
    assert all(f"all {len(one.frame)} closes" in issue.text for issue in found)


def test_moves_across_a_gap_are_not_compared() -> None:
    """One coin is tenfold over ten days without rows; the other gains half a day after them."""
    one, other = sibling(0, kind="coin")
    one, other = scaled(one, slice(420, None), 10.0), scaled(other, slice(421, None), 1.5)
    one = one._replace(frame=one.frame.drop(one.frame.index[410:420]))
    assert [issue for issue in issues(one, other) if issue.kind == "daily closes"] == []


def test_what_sources_disagree_on_is_among_the_issues() -> None:
    known_at = KNOWN[0]
    issue = DataIssue("^RUT", "sources", "note", "two sources", known_at, known_at)
    assert issues(index_series()._replace(issues=(issue,))) == [issue]
