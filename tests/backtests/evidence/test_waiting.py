"""The gate against the coins' own trends, in money, on prices with known answers."""

import numpy as np
import pandas as pd
import pytest

from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.waiting import claims, returns_by_rule, sharpe_ratios
from brokers.prices.load import Prices
from config.settings import load
from strategies.indicators import Floats

EVIDENCE = load().evidence
DAYS = pd.date_range("2013-01-01", "2020-12-31", freq="D", tz="UTC")


def prices(log_returns: Floats) -> pd.Series:
    return pd.Series(100.0 * np.exp(np.cumsum(log_returns)), index=DAYS)


def table(is_open: Floats) -> pd.DataFrame:
    """The gate as it was known three hours before each day."""
    return pd.DataFrame(
        {"state": np.where(is_open > 0.0, "confirmed", "dormant"), "stale": 0},
        index=DAYS - pd.Timedelta(hours=3),
    )


def noise(seed: int, deviation: float = 0.02) -> Floats:
    return np.random.default_rng(seed).normal(0.0, deviation, len(DAYS))


def by_reading(
    gate: Floats, bitcoin: pd.Series, alts: dict[str, pd.Series] | None = None
) -> dict[str, Claim]:
    of = History(
        Prices({}, pd.Series(dtype=float), DAYS[-1]),
        pd.DataFrame(),
        bitcoin,
        bitcoin,
        {},
        {BITCOIN: bitcoin, INDEX: daily_closes(bitcoin)},
        {},
        (),
        alts=alts or {},
    )
    return {one.reading: one for one in claims(of, table(gate), EVIDENCE)}


ALTS, BTC = "in money: altcoins", "in money: BTC, for comparison"


@pytest.mark.parametrize(("sign", "word"), [(1.0, "supported"), (-1.0, "contradicted")])
def test_a_gate_that_knows_the_day_beats_waiting_and_one_that_errs_trails(
    sign: float, word: str
) -> None:
    """Open on the days before those that rise, or before those that fall."""
    moves = noise(1)
    gate = (sign * np.roll(moves, -1) > 0.0).astype(float)
    coin = prices(moves)
    found = by_reading(gate, coin, {"A": coin})
    assert (found[BTC].verdict, found[ALTS].verdict) == (word, word)
    assert (found[BTC].kind, found[BTC].side) == ("test", "above")


def test_what_is_held_is_decided_before_the_day() -> None:
    """By a plain loop: the gate and the mean of 200 closes known at each midnight from 2014 on."""
    moves, gate = noise(2), (noise(3) > 0.0).astype(float)
    closes = prices(moves)
    found = returns_by_rule({"A": closes}, table(gate))
    first = int(DAYS.searchsorted(pd.Timestamp("2014-01-01", tz="UTC")))
    values = closes.to_numpy()
    expected = []
    for row in range(first, len(DAYS) - 1):
        gain = values[row + 1] / values[row] - 1.0
        above = values[row] > values[row - 199 : row + 1].mean()
        expected.append((gain * gate[row], gain * above))
    assert found.to_numpy() == pytest.approx(np.array(expected))
    assert found.index[0] == DAYS[first]


def test_coins_are_in_equal_weights_from_their_200th_day_on() -> None:
    one, two = prices(noise(4)), prices(noise(5))[pd.Timestamp("2016-01-01", tz="UTC") :]
    gate = np.ones(len(DAYS))
    found = returns_by_rule({"A": one, "B": two}, table(gate))["gate"]
    begins = pd.Timestamp("2016-01-01", tz="UTC") + pd.Timedelta(days=199)
    both = (one.pct_change().shift(-1) + two.pct_change().shift(-1)) / 2.0
    assert found[begins:].to_numpy() == pytest.approx(both[begins:].dropna().to_numpy())
    before = begins - pd.Timedelta(days=1)
    assert found[before] == pytest.approx(one.pct_change().shift(-1)[before])


def test_sharpe_ratios_are_numpys_and_0_without_risk() -> None:
    weeks = np.random.default_rng(6).normal(0.01, 0.05, (2, 50, 2))
    weeks[1, :, 0] = 0.0
    found = sharpe_ratios(weeks)
    assert found[0].tolist() == pytest.approx(
        (weeks[0].mean(axis=0) / weeks[0].std(axis=0, ddof=1) * np.sqrt(365.25 / 7)).tolist()
    )
    assert found[1, 0] == 0.0


def test_too_few_weeks_or_no_alts_are_inconclusive() -> None:
    found = by_reading(np.ones(len(DAYS)), prices(noise(7)))
    assert (found[ALTS].verdict, found[ALTS].n) == ("inconclusive", 0)
    short = prices(noise(7))[-500:]
    assert by_reading(np.ones(len(DAYS)), short)[BTC].n == 0
