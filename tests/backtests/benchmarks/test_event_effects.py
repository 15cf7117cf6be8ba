"""An event's effect, and its spread at placebo dates, against literal loops and arithmetic."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.event_effects import event_effects
from backtests.performance.gate_periods import GatePeriod
from tests.scenes import REAL, ends, realdata


def period(
    opened: pd.Timestamp, closed: pd.Timestamp | None, event_id: int = 1, *, rearmed: bool = False
) -> GatePeriod:
    return GatePeriod(
        opened=opened,
        closed=closed,
        level=100.0,
        base_age=300,
        rearmed=rearmed,
        event_id=event_id,
        reason="failed" if closed else "",
        event_base=300,
    )


def closes_of(gains: list[float], hours: int = 24) -> pd.Series:
    """Closes with these log returns from each bar to the next."""
    values = 100.0 * np.exp(np.cumsum([0.0, *gains]))
    return pd.Series(values, ends(len(values), length=pd.Timedelta(hours=hours)))


def test_the_effect_is_the_gain_while_open_beyond_the_drift() -> None:
    """Opened before the second bar's end, closed before the fourth's: the returns 0.3 and 0.1.

    The drift is 0.4 in five days, 0.08 a day.
    """
    closes = closes_of([0.2, 0.3, 0.1, -0.3, 0.1])
    one = period(closes.index[1] - pd.Timedelta(hours=3), closes.index[3] - pd.Timedelta(hours=3))
    got = event_effects([one], closes)
    assert got.effects.tolist() == pytest.approx([0.3 + 0.1 - 2 * 0.08])
    assert got.per_year == pytest.approx(1 / (5 / 365.25))


def test_periods_of_one_event_add_up_and_a_running_one_is_valued_at_the_end() -> None:
    """Without drift (the returns add up to 0): 0.1, and -0.5 since the event was re-armed."""
    closes = closes_of([0.1, 0.2, 0.2, -0.2, -0.3])
    index = closes.index
    both = [period(index[0], index[1]), period(index[3], None, rearmed=True)]
    assert event_effects(both, closes).effects.tolist() == pytest.approx([0.1 - 0.5])
    apart = [both[0], both[1]._replace(event_id=2)]
    assert event_effects(apart, closes).effects.tolist() == pytest.approx([0.1, -0.5])


def test_gains_are_those_of_the_gate_periods() -> None:
    """Without the drift an effect is the log of `GatePeriod.bitcoin_return`, on any bars."""
    random = np.random.default_rng(3)
    gains = random.normal(0.0, 0.04, 500)
    closes = closes_of((gains - gains.mean()).tolist(), hours=4)
    one = period(closes.index[40] + pd.Timedelta(hours=1), closes.index[333] + pd.Timedelta("1h"))
    expected = math.log(closes.iloc[334] / closes.iloc[41])
    assert event_effects([one], closes).effects.tolist() == pytest.approx([expected])


def test_the_spread_is_that_of_every_shift_done_one_by_one() -> None:
    random = np.random.default_rng(4)
    closes = closes_of(random.normal(0.001, 0.04, 90).tolist())
    index = closes.index
    periods = [
        period(index[5], index[20]),
        period(index[30], index[37], rearmed=True),
        period(index[60], None, 2),
    ]
    gains = np.diff(np.log(closes.to_numpy()))
    excess = gains - gains.mean()
    is_open = np.zeros((2, 90))
    is_open[0, 5:20] = is_open[0, 30:37] = is_open[1, 60:] = 1.0
    shifted = [
        float(np.roll(is_open[event], shift) @ excess) for event in (0, 1) for shift in range(1, 90)
    ]
    got = event_effects(periods, closes)
    assert got.effects == pytest.approx(is_open @ excess)
    assert got.spread == pytest.approx(float(np.std(shifted)), rel=1e-12)


def test_days_before_bitcoin_has_prices_are_not_of_the_window() -> None:
    closes = closes_of([0.2, 0.3, 0.1, -0.3, 0.1])
    longer = closes.reindex(ends(9, closes.index[0] - pd.Timedelta(days=4)))
    assert longer.isna().sum() == 3
    one = period(closes.index[1], closes.index[3])
    expected, got = event_effects([one], closes), event_effects([one], longer)
    assert got.effects == pytest.approx(expected.effects)
    assert (got.spread, got.per_year) == pytest.approx((expected.spread, expected.per_year))


def test_without_events_or_prices_there_is_nothing() -> None:
    closes = closes_of([0.1, -0.1, 0.2])
    assert event_effects([], closes).effects.tolist() == []
    assert event_effects([], closes).spread == 0.0
    assert "there are 0" in event_effects([], closes).required().why
    one = period(closes.index[0], None)
    assert event_effects([one], closes.iloc[:1]).effects.tolist() == []


@realdata
def test_the_effects_of_the_defaults_are_those_a_referee_found(tmp_path: Path) -> None:
    """Recomputed from the CSV file; what a referee's own code had: 1.392, 0.732 and -0.790."""
    from backtests.engine.inputs import prepare_inputs
    from backtests.performance.gate_periods import events
    from brokers.prices.load import load_prices
    from config.settings import load

    place = [f"prices.folder={REAL}", f"prices.cache={tmp_path}", "backtest.end=2026-08-20"]
    settings = load([], ["prices.source=folder", *place])
    inputs = prepare_inputs(settings, load_prices(settings, pd.Timestamp("2026-08-21", tz="UTC")))
    bitcoin = inputs.bitcoin["close"].reindex(inputs.grid)
    periods = events(inputs.table, bitcoin, bitcoin).gate_periods
    file = pd.read_csv(REAL / "daily/BTC-USD.csv", parse_dates=["Date"], index_col="Date")
    closes = np.log(file["Close"][:"2026-08-20"])  # type: ignore[misc]  # a day, as pandas reads it
    drift = (closes.iloc[-1] - closes.iloc[0]) / (len(closes) - 1)
    expected = dict.fromkeys((1, 2, 3), 0.0)
    for one in periods:  # the day on which each session was known, whose close came after it
        first = one.opened.tz_localize(None).normalize()
        last = one.closed.tz_localize(None).normalize() if one.closed else closes.index[-1]
        expected[one.event_id] += closes[last] - closes[first] - drift * (last - first).days
    got = event_effects(periods, bitcoin)
    assert got.effects == pytest.approx(list(expected.values()), rel=1e-9)
    assert got.effects == pytest.approx([1.392, 0.732, -0.790], abs=5e-4)
    assert got.spread < np.std([1.392, 0.732, -0.790], ddof=1)  # so the events' own is the larger
