"""What followed each opening: horizons by hand, and nothing that was not known yet."""

import json

import numpy as np
import pandas as pd
import pytest

from backtests.performance.forward_returns import (
    HORIZONS,
    ForwardReturns,
    forward_returns,
    gain_since,
)
from backtests.performance.gate_periods import gate_periods
from tests.scenes import ends

DAY = pd.Timedelta(days=1)
FIRST = pd.Timestamp("2015-12-31", tz="UTC")
SESSIONS = pd.date_range("2016-01-01 21:30", periods=800, freq="D", tz="UTC")


def table(*spans: tuple[int, int]) -> pd.DataFrame:
    """A gate that is confirmed in each span, its breakout one session earlier."""
    state = np.full(len(SESSIONS), "dormant", dtype=object)
    for first, end in spans:
        state[first - 1], state[first:end] = "testing", "confirmed"
    reason = np.where(state == "dormant", "trend", "confirmed")
    return pd.DataFrame(
        {"state": state, "reason": reason, "level": 100.0, "base_age": 300, "after_base": True},
        SESSIONS,
    )


def rising(days: int, listed: int = 0) -> pd.Series:
    """A close a day from `listed` on, each one unit above the one before.

    The close of day n is 1000 + n.
    """
    return pd.Series(1000.0 + np.arange(listed, days), ends(days, FIRST)[listed:])


def after(closes: pd.Series, day: int = 10) -> dict[str, float | None]:
    """Of a gate that opens on one session, known at 21:30 of that day."""
    (one,) = forward_returns(table((day, day + 5)), {"BTC": closes})
    return dict(one.by_coin["BTC"])


def test_horizons_by_hand() -> None:
    """Opened on 11 January 2016 at 21:30.

    From the close of that day's end to the last one up to 21:30 so many days later.
    """
    closes = rising(700)
    start = closes[pd.Timestamp("2016-01-12", tz="UTC")]
    assert start == 1000 + 11  # the close of 31 December 2015 is number 0 and stands at 1 January
    found = after(closes)
    assert list(found) == ["1 month", "3 months", "6 months", "12 months"]
    assert found == pytest.approx(
        {name: (start + days - 1) / start - 1 for name, days in HORIZONS.items()}
    )
    assert found["1 month"] == closes[pd.Timestamp("2016-02-10", tz="UTC")] / start - 1


def test_prices_before_the_opening_do_not_count() -> None:
    closes = rising(700)
    shifted = closes.where(closes.index > SESSIONS[10], 1.0)
    assert after(shifted) == after(closes)


@pytest.mark.parametrize(("name", "days"), HORIZONS.items())
def test_a_horizon_counts_when_it_is_over_and_no_day_sooner(name: str, days: int) -> None:
    """The horizon ends at 21:30 of a day.

    The first bar to end after that is the day's own, at 24:00.
    """
    needed = 1 + (
        10 + days + 1
    )  # bars 0 to 10 + days + 1; bar n ends at 24:00 of the session numbered n - 1
    whole, short = after(rising(needed)), after(rising(needed - 1))
    assert whole[name] is not None
    assert short[name] is None
    assert sum(value is not None for value in whole.values()) == 1 + sum(
        value is not None for value in short.values()
    )


def test_a_coin_listed_later_has_no_return() -> None:
    """Its first bar ended after the opening was known.

    The one of a coin listed a day sooner had ended before.
    """
    (found,) = forward_returns(
        table((10, 15)),
        {"BTC": rising(700), "ETH": rising(700, listed=11), "SOL": rising(700, listed=10)},
    )
    assert set(found.by_coin["ETH"].values()) == {None}
    assert found.by_coin["SOL"] == found.by_coin["BTC"]
    assert None not in found.by_coin["BTC"].values()


def test_a_coin_that_ended_has_what_it_lived_to_see() -> None:
    found = after(rising(150))
    assert [value is not None for value in found.values()] == [True, True, False, False]


def test_a_hole_longer_than_a_horizon_leaves_it_unknown() -> None:
    closes = rising(700)
    hole = closes[(closes.index <= SESSIONS[10]) | (closes.index > SESSIONS[10] + 40 * DAY)]
    found = after(hole)
    assert found["1 month"] is None
    first = hole[hole.index > SESSIONS[10]].iloc[0]
    assert found["3 months"] == pytest.approx(
        closes[closes.index <= SESSIONS[10] + 91 * DAY].iloc[-1] / first - 1
    )


def test_openings_before_any_coin_are_left_out() -> None:
    gate = table((10, 20), (100, 110), (200, 210))
    found = forward_returns(gate, {"BTC": rising(700, listed=90), "ETH": rising(700, listed=150)})
    assert [one.period.opened for one in found] == [SESSIONS[100], SESSIONS[200]]
    assert [one.period for one in found] == gate_periods(gate)[1:]
    assert set(found[0].by_coin["ETH"].values()) == {None}
    assert forward_returns(gate, {"BTC": rising(700).iloc[:0]}) == []
    assert forward_returns(gate, {}) == []


@pytest.mark.parametrize("cut", [12, 41, 60, 102, 250, 400])
def test_nothing_after_the_cut_is_used(cut: int) -> None:
    """With every later price changed, what was known at the cut stays what it was."""
    instant = SESSIONS[cut]
    gate = table((10, 40), (100, 390))
    wild = {name: rising(700).where(rising(700).index <= instant, 1e6) for name in ("BTC", "ETH")}
    cut_off = {name: series[series.index <= instant] for name, series in wild.items()}
    known = forward_returns(gate.loc[:instant], cut_off)
    assert known == forward_returns(
        gate.loc[:instant], {name: rising(700)[rising(700).index <= instant] for name in wild}
    )
    for one, later in zip(
        known, forward_returns(gate, {name: rising(700) for name in wild}), strict=False
    ):
        for name, days in HORIZONS.items():
            over = instant >= one.period.opened + days * DAY + pd.Timedelta(
                hours=2, minutes=30
            )  # and its last bar has ended
            assert one.by_coin["BTC"][name] == (later.by_coin["BTC"][name] if over else None), name


def test_gain_since_is_from_the_first_bar_on() -> None:
    closes = rising(700)
    assert gain_since(closes, SESSIONS[10]) == 1699.0 / 1011.0 - 1
    assert (
        gain_since(closes, closes.index[5]) == 1699.0 / 1005.0 - 1
    )  # a bar that ends at that very instant was known
    assert gain_since(closes[: SESSIONS[10] + DAY], SESSIONS[10]) is None  # one bar is no gain
    assert gain_since(closes[: SESSIONS[10]], SESSIONS[10]) is None
    assert gain_since(closes.iloc[:0], SESSIONS[10]) is None


def test_a_coin_listed_after_the_confirmation_has_gained_nothing_since() -> None:
    """Its first price is not that of the confirmation."""
    assert gain_since(rising(700, listed=40), SESSIONS[10]) is None


def test_json_has_plain_values() -> None:
    (closed, still_open) = forward_returns(
        table((10, 20), (600, 800)), {"BTC": rising(700), "ETH": rising(700, listed=500)}
    )
    plain = json.loads(json.dumps([closed.to_json(), still_open.to_json()], allow_nan=False))
    assert [one["opened"] for one in plain] == [
        "2016-01-11T21:30:00+00:00",
        "2017-08-23T21:30:00+00:00",
    ]
    assert [one["closed"] for one in plain] == ["2016-01-21T21:30:00+00:00", None]
    assert [one["reason"] for one in plain] == ["trend", ""]
    assert plain[0]["after"]["BTC"] == dict(closed.by_coin["BTC"])
    assert plain[0]["after"]["ETH"] == dict.fromkeys(HORIZONS)
    assert plain[0]["rearmed"] is False
    assert isinstance(closed, ForwardReturns)
