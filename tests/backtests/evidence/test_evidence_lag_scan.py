"""All lags of the gate at once: against plain loops, on coins that answer after a known lag."""

import numpy as np
import pandas as pd
import pytest

from backtests.evidence import lag_scan
from backtests.evidence.document import Claim
from backtests.evidence.history import ALTS, BITCOIN, ETHER
from backtests.evidence.lag_scan import Scan, claims, scan_lags
from backtests.statistics.stationary_bootstrap import draw_days
from config.settings import load
from strategies.indicators import Floats
from tests.backtests.evidence import scene

EVIDENCE = load().evidence
DAYS = pd.date_range("2015-01-01", periods=3651, freq="D", tz="UTC")  # ten years of returns


def gate_periods(days: int = len(DAYS) - 1, seed: int = 1) -> Floats:
    """Open and closed by turns, 10 to 40 days each: no place in time looks like another."""
    lengths = np.random.default_rng(seed).integers(10, 41, days // 10)
    return np.repeat(np.arange(len(lengths)) % 2, lengths)[:days].astype(float)


def table(gate: Floats, late: str = "0s") -> pd.DataFrame:
    """A row a day, known at the day's beginning or so much later."""
    return pd.DataFrame(
        {"state": np.where(gate == 1.0, "confirmed", "testing"), "stale": 0},
        index=DAYS[: len(gate)] + pd.Timedelta(late),
    )


def coin(returns: Floats) -> pd.Series:
    return pd.Series(
        100.0 * np.exp(np.concatenate(([0.0], np.cumsum(returns)))), index=DAYS[: len(returns) + 1]
    )


def noise(seed: int, days: int = len(DAYS) - 1) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.01, days)


def after_open(gate: Floats, lag: int, gain: float = 0.02) -> Floats:
    """Earns `gain` more on every day that lies so many days after an open one."""
    returns = noise(2, len(gate))
    returns[lag:] += gain * gate[: len(gate) - lag]
    return returns


def scan(returns: Floats, gate: Floats, late: str = "0s") -> Scan:
    found = scan_lags(scene.history(**{BITCOIN: coin(returns)}), table(gate, late), EVIDENCE)
    assert len(found) == 1
    return found[0]


def claims_by_key(found: Scan) -> Claim:
    return {one.data: one for one in claims([found])}[found.asset]


def made(
    best: int, p_moved: float, p_drawn: float, low: int | None = None, high: int | None = None
) -> Scan:
    apart = np.linspace(0.0, 0.1, lag_scan.LONGEST + 1)[::-1].copy()
    apart[best] = 2.0
    return Scan(
        ETHER,
        4000,
        apart,
        p_moved,
        p_drawn,
        1.0,
        best if low is None else low,
        best if high is None else high,
    )


def apart_at(returns: Floats, gate: Floats, lag: int) -> float:
    moved = np.roll(gate, lag)
    return float(returns[moved == 1.0].mean() - returns[moved == 0.0].mean())


# --- figures --------------------------------------------------------------------------------------


def test_figures_are_those_of_plain_loops() -> None:
    """Each place of the gate and each draw by itself, means over days.

    The draws are the stationary bootstrap's of that seed.
    """
    days = 2450
    gate, returns = gate_periods(days), after_open(gate_periods(days), 20, 0.0012)
    found = scan(returns, gate)
    lags = range(121)
    everywhere = [apart_at(returns, gate, lag) * 365 for lag in range(days)]
    assert found.days == days and found.apart.tolist() == pytest.approx(everywhere[:121])
    top = max(everywhere[:121])
    as_high = [
        max(everywhere[(place + lag) % days] for lag in lags) >= top - 1e-9 for place in range(days)
    ]
    assert found.p_moved == pytest.approx(np.mean(as_high))
    drawn = returns[draw_days(days, 1000, EVIDENCE.seed)]
    moved = np.array([np.roll(gate, lag) for lag in lags])
    by_lag = (drawn @ moved.T / gate.sum() - drawn @ (1.0 - moved).T / (days - gate.sum())) * 365
    highest = by_lag.max(axis=1)
    assert found.p_drawn == pytest.approx((1 + (highest >= top).sum()) / 1001)
    assert found.band == pytest.approx(np.quantile(highest, 0.95))
    where = (by_lag + found.apart).argmax(axis=1)
    assert (found.low, found.high) == tuple(np.quantile(where, (0.025, 0.975), method="nearest"))
    assert 0.05 < found.p_drawn < 0.95  # so that all of this could come out otherwise


def test_the_less_favourable_p_counts() -> None:
    assert made(40, 0.01, 0.2).p == 0.2 and made(40, 0.3, 0.02).p == 0.3


@pytest.mark.parametrize(("late", "best"), [("-3h", 50), ("0s", 50), ("1s", 49)])
def test_a_row_counts_for_the_day_at_whose_beginning_it_was_known(late: str, best: int) -> None:
    """Known a second after midnight it is the next day's, so that what follows it comes a day
    sooner.
    """
    gate = gate_periods()
    assert scan(after_open(gate, 50), gate, late).best == best


def test_lag_0_is_the_day_that_begins_when_the_gate_is_known() -> None:
    gate = gate_periods()
    found = scan(after_open(gate, 0), gate)
    assert found.best == 0 and found.apart[0] == pytest.approx(0.02 * 365, rel=0.1)


def test_days_before_the_gates_first_row_are_left_out() -> None:
    """Ten times as wild, they would drown all else."""
    gate, returns = gate_periods(), after_open(gate_periods(), 45)
    wild = returns.copy()
    wild[:400] *= 100.0
    later = table(gate).iloc[400:]
    found = scan_lags(scene.history(**{BITCOIN: coin(wild)}), later, EVIDENCE)[0]
    assert found.days == 3250 and found.best == 45
    assert found.apart[45] == pytest.approx(apart_at(returns[400:], gate[400:], 45) * 365)


@pytest.mark.parametrize(("days", "scans"), [(2419, 0), (2420, 1)])
def test_fewer_days_than_could_show_anything_are_not_scanned(days: int, scans: int) -> None:
    """The 121 places about the best one always see it: 121 / 2,420 is 5 %."""
    gate = gate_periods(days)
    assert (
        len(scan_lags(scene.history(**{BITCOIN: coin(noise(3, days))}), table(gate), EVIDENCE))
        == scans
    )


@pytest.mark.parametrize("state", [0.0, 1.0])
def test_a_gate_that_never_changes_is_not_scanned(state: float) -> None:
    gate = np.full(len(DAYS) - 1, state)
    assert scan_lags(scene.history(**{BITCOIN: coin(noise(3))}), table(gate), EVIDENCE) == []


def test_all_coins_are_scanned_each_by_itself() -> None:
    gate = gate_periods(2500)
    found = scan_lags(
        scene.history(
            **{
                name: coin(after_open(gate, lag))
                for name, lag in ((ALTS, 30), (ETHER, 20), (BITCOIN, 10))
            }
        ),
        table(gate),
        EVIDENCE,
    )
    assert [(one.asset, one.best) for one in found] == [(BITCOIN, 10), (ETHER, 20), (ALTS, 30)]


def test_only_coins_with_prices_are_scanned() -> None:
    gate = gate_periods(2500)
    found = scan_lags(
        scene.history(
            **{
                ALTS: coin(noise(4, 2500)),
                BITCOIN: coin(noise(5, 2500)),
                ETHER: coin(noise(6, 500)),
            }
        ),
        table(gate),
        EVIDENCE,
    )
    assert [one.asset for one in found] == [BITCOIN, ALTS]


# --- claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lag", "word"), [(45, "supported"), (5, "contradicted"), (110, "contradicted")]
)
def test_a_coin_that_rises_so_many_days_after_an_open_gate(lag: int, word: str) -> None:
    gate = gate_periods()
    found = scan(after_open(gate, lag), gate)
    assert found.best == lag and found.apart[lag] == pytest.approx(0.02 * 365, rel=0.1)
    assert found.p_drawn == pytest.approx(1 / 1001)
    assert found.p_moved == pytest.approx(
        121 / 3650
    )  # from so many of its places the best lag can be seen, and from none is there a higher
    claim = claims_by_key(found)
    assert (claim.verdict, claim.estimate, claim.p) == (word, float(lag), found.p_moved)


def test_a_coin_that_rises_later_than_any_lag_is_not_found() -> None:
    gate = gate_periods()
    found = scan(after_open(gate, 300), gate)
    assert found.p_moved > 0.05 and claims_by_key(found).verdict == "inconclusive"


def test_a_coin_that_falls_after_an_open_gate_is_lowest_there() -> None:
    gate = gate_periods()
    found = scan(after_open(gate, 45, -0.02), gate)
    assert (
        found.apart.argmin() == 45
        and found.best != 45
        and found.apart[45] == pytest.approx(-0.02 * 365, rel=0.1)
    )


def test_noise_is_inconclusive() -> None:
    found = scan(noise(7), gate_periods())
    assert found.p > 0.2 and claims_by_key(found).verdict == "inconclusive"


def test_a_plain_effect_in_as_few_days_as_are_scanned_is_seen() -> None:
    gate = gate_periods(2420)
    found = scan(after_open(gate, 45), gate)
    assert found.best == 45
    assert claims_by_key(found).verdict == "supported"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (30, 91, "supported"),
        (29, 91, "inconclusive"),
        (30, 92, "inconclusive"),
        (0, 29, "contradicted"),
        (92, 120, "contradicted"),
    ],
)
def test_the_whole_interval_of_the_lag_decides(low: int, high: int, word: str) -> None:
    claim = claims_by_key(made(45, 0.01, 0.01, low, high))
    assert (claim.verdict, claim.low, claim.high) == (word, float(low), float(high))


@pytest.mark.parametrize(
    ("best", "word"),
    [
        (0, "contradicted"),
        (29, "contradicted"),
        (30, "supported"),
        (91, "supported"),
        (92, "contradicted"),
    ],
)
def test_one_to_three_months_are_30_to_91_days(best: int, word: str) -> None:
    assert claims_by_key(made(best, 0.04, 0.04)).verdict == word


@pytest.mark.parametrize(
    ("p_moved", "p_drawn", "word"),
    [(0.05, 0.05, "supported"), (0.051, 0.01, "inconclusive"), (0.01, 0.051, "inconclusive")],
)
def test_both_ps_must_be_small(p_moved: float, p_drawn: float, word: str) -> None:
    claim = claims_by_key(made(45, p_moved, p_drawn))
    assert (claim.verdict, claim.p) == (word, max(p_moved, p_drawn))


def test_the_claim_has_the_figures_of_the_scan() -> None:
    claim = claims_by_key(made(45, 0.02, 0.31))
    assert (claim.id, claim.reading, claim.unit, claim.n) == (
        "B7",
        "ETH, best lag of 0 to 120 days",
        "days",
        4000,
    )
    assert (
        "45 days (95 % CI 45 to 45), with an annualised return 639% higher" in claim.why
        and "2% of circularly shifted gates and 31% of bootstrap draws" in claim.why
    )


def test_coins_that_were_not_scanned_are_inconclusive() -> None:
    found = list(claims([]))
    assert [one.reading.partition(",")[0] for one in found] == [ETHER, ALTS, BITCOIN]
    assert {one.verdict for one in found} == {"inconclusive"} and found[
        0
    ].why == "There are no prices of ETH over 2,420 days with the gate open and closed."
    assert found[2].reading.endswith("claimed of ETH and alts")
