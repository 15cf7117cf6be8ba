"""Segments: by hand, and day by day against the definitions of blocks, folds, purged days and
steps.
"""

from bisect import bisect_right
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.statistics.cscv import block_edges
from backtests.tuning.search.splits import Partition, breakouts, partition


def days_from(first: str, count: int) -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, tz="UTC")


def instants(*times: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times, tz="UTC")


def test_by_hand() -> None:
    """90 days from 1 January 2021, months of 31, 28 and 31. The events are 40 days apart: the
    border is 20 days after the first.
    """
    found = partition(
        days_from("2021-01-01", 90),
        instants("2021-01-11", "2021-02-20"),
        step_months=1,
        purge_days=5,
        blocks=2,
    )
    assert found.edges.tolist() == [
        0,
        30,
        31,
        35,
        45,
        59,
        90,
    ]  # fold from 31 January, February, 5 days on, half, March
    assert found.block.tolist() == [0, 0, 0, 0, 1, 1]
    assert found.fold.tolist() == [0, 1, 1, 1, 1, 1]
    assert found.purged.tolist() == [False, True, True, False, False, False]
    assert found.step.tolist() == [0, 0, 1, 1, 1, 2]
    assert found.lengths.tolist() == [30, 1, 4, 10, 14, 31]
    assert found.starts.strftime("%m-%d").tolist() == [
        "01-01",
        "01-31",
        "02-01",
        "02-05",
        "02-15",
        "03-01",
    ]
    assert found.events.tolist() == instants("2021-01-11", "2021-02-20").tolist()


def test_a_border_in_the_middle_of_a_day_is_the_next_midnight() -> None:
    found = partition(
        days_from("2021-01-01", 60),
        instants("2021-01-11 21:00", "2021-01-22 21:00"),
        12,
        0,
        blocks=2,
    )
    # Halfway is 17 January, 9:00: that day is still the first event's, the 18th the second's.
    assert found.starts[found.fold == 1][0] == pd.Timestamp("2021-01-18", tz="UTC")


def test_steps_that_begin_on_a_31st_do_not_slip() -> None:
    found = partition(
        days_from("2020-01-31", 130), instants(), step_months=1, purge_days=0, blocks=2
    )
    begins = found.starts[np.flatnonzero(np.diff(found.step, prepend=-1))]
    assert begins.strftime("%m-%d").tolist() == ["01-31", "02-29", "03-31", "04-30", "05-31"]


def test_events_outside_the_days_have_no_fold() -> None:
    days = days_from("2021-01-01", 90)
    inside = instants(
        "2021-01-11 21:00", "2021-03-31 21:00"
    )  # the last day is 31 March, the return of which ends at its midnight
    found = partition(
        days,
        instants("2013-01-08", *map(str, inside.tz_localize(None)), "2021-04-01"),
        3,
        10,
        blocks=2,
    )
    assert found.events.tolist() == inside.tolist()
    assert found.fold.max() == 1


@pytest.mark.parametrize("events", [instants(), instants("2021-02-01")])
def test_one_event_or_none_is_one_fold(events: pd.DatetimeIndex) -> None:
    found = partition(days_from("2021-01-01", 90), events, 1, 10, blocks=2)
    assert not found.fold.any() and not found.purged.any()
    assert len(found.events) == len(events)


def labels_of_days(found: Partition) -> list[tuple[int, ...]]:
    labels = zip(
        found.block.tolist(),
        found.fold.tolist(),
        found.purged.tolist(),
        found.step.tolist(),
        strict=True,
    )
    return [
        label for label, length in zip(labels, found.lengths, strict=True) for _ in range(length)
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_day_is_labelled_by_definition(data: st.DataObject) -> None:
    draws = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    whole = days_from("2019-01-29", data.draw(st.integers(100, 500)))
    days = whole[draws.random(len(whole)) < data.draw(st.sampled_from([0.9, 1.0]))]
    hours = np.cumsum(draws.integers(60 * 24, 200 * 24, size=data.draw(st.integers(0, 6))))
    events = whole[0] + pd.to_timedelta(hours, unit="h")
    months, purge = data.draw(st.integers(1, 7)), data.draw(st.integers(0, 40))
    blocks = data.draw(st.sampled_from([2, 16]))
    found = partition(days, pd.DatetimeIndex(events), months, purge, blocks)

    kept = [event for event in events if days[0] <= event < days[-1] + pd.Timedelta(days=1)]
    borders = [first + (second - first) / 2 for first, second in pairwise(kept)]
    begins = [
        whole[0] if not step else days[0] + pd.DateOffset(months=months * step)
        for step in range(20)
    ]
    edges = block_edges(len(days), blocks).tolist()
    steps = [bisect_right(begins, day) - 1 for day in days]
    folds = [bisect_right(borders, day) for day in days]
    expected = []
    for row, day in enumerate(days):
        begun = days[folds.index(folds[row])]
        purged = folds[row] > 0 and day < begun + pd.Timedelta(days=purge)
        expected.append((bisect_right(edges, row) - 1, folds[row], purged, steps[row]))
    assert labels_of_days(found) == expected
    # No cut that no label asks for.
    assert all(expected[edge] != expected[edge - 1] for edge in found.edges[1:-1])
    assert found.starts.tolist() == [days[edge] for edge in found.edges[:-1]]


def by_definition(closes: list[float], base: int) -> list[int]:
    found = []
    for row, close in enumerate(closes):
        earlier = [(value, -place) for place, value in enumerate(closes[:row]) if value == value]
        if earlier and close > max(earlier)[0] and row + max(earlier)[1] >= base:
            found.append(row)
    return found


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, float("nan")]), min_size=1, max_size=40
    ),
    st.integers(1, 8),
)
def test_breakouts_are_closes_above_an_old_record(closes: list[float], base: int) -> None:
    known_at = pd.date_range("2020-01-02 21:00", periods=len(closes), freq="B", tz="UTC")
    found = breakouts(pd.Series(closes, known_at), base)
    assert found.tolist() == [known_at[row] for row in by_definition(closes, base)]
    assert (np.diff(known_at.get_indexer(found)) >= base).all()


def test_breakouts_by_hand() -> None:
    """The record of row 1 stands for 4 sessions, one of them without a close; that of row 5 falls
    on the next day.
    """
    known_at = pd.date_range("2020-01-06 21:00", periods=8, freq="B", tz="UTC")
    closes = pd.Series([9.0, 10.0, 9.0, np.nan, 10.0, 11.0, 12.0, 11.0], known_at)
    assert breakouts(closes, 4).tolist() == [known_at[5]]
    assert breakouts(closes, 5).tolist() == []
    assert breakouts(closes, 1).tolist() == [known_at[1], known_at[5], known_at[6]]


DAYS = days_from("2021-01-01", 200)
EVENTS = instants("2021-01-11", "2021-02-20", "2021-04-10")


@pytest.mark.parametrize(
    ("days", "events", "months", "purge", "message"),
    [
        (DAYS[::-1], EVENTS, 1, 0, "days: must be in order"),
        (DAYS, EVENTS[[1, 0]], 1, 0, "events: must be in order"),
        (DAYS, EVENTS[[0, 0, 1]], 1, 0, "events: must be in order"),
        (DAYS[:15], EVENTS[:0], 1, 0, "days: 15, must be at least one for each of 16 blocks"),
        (DAYS, EVENTS, 0, 0, "step_months: 0, must be 1 or more"),
        (DAYS, EVENTS, 1, -1, "purge_days: -1, must be 0 or more"),
        # The second fold is from 31 January to before 16 March 12:00, 45 days.
        (
            DAYS,
            EVENTS,
            1,
            46,
            "fold of 2021-02-20 has 45 days, must have at least one and the purge_days of 46",
        ),
        (
            DAYS,
            instants("2021-01-11 10:00", "2021-01-11 12:00", "2021-01-11 14:00"),
            1,
            0,
            "fold of 2021-01-11 has 0 days",
        ),
    ],
)
def test_what_cannot_be_cut_is_refused(
    days: pd.DatetimeIndex, events: pd.DatetimeIndex, months: int, purge: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        partition(days, events, months, purge)


def test_a_whole_fold_may_be_purged_but_no_more() -> None:
    found = partition(DAYS, EVENTS, 1, 45)
    assert found.purged[found.fold == 1].all()
    last = partition(
        DAYS[:80], EVENTS, 1, 45
    )  # the last fold has only 5 days: there is nothing behind it
    assert last.purged[last.fold == 2].all()
