"""A close too far off is held until the next session: which, for how long, what happens to it."""

from itertools import pairwise
from math import exp, log, sqrt
from statistics import stdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_markets import examples

from strategies import held_closes as module
from strategies.held_closes import HeldClose, check_market, held_closes
from strategies.indicators import Floats
from strategies.market import Market

QUIET = 70  # sessions before the close in question
DEVIATION = 0.01 * sqrt(
    63 * (1 - 1 / 63**2) / 62
)  # sample standard deviation of 63 returns that alternate between +1 % and -1 %


def closes(*later: float, quiet: int = QUIET, size: float = 0.01) -> Floats:
    """Closes whose log returns alternate between +`size` and -`size`, ending at 100, then what
    follows.
    """
    returns = [size if k % 2 else -size for k in range(quiet)]
    before = 100.0 * np.exp(np.cumsum(returns) - sum(returns))
    return np.array([*before, *later])


def rows(found: list[HeldClose]) -> list[tuple[int, int, bool]]:
    """Row counted from the first close in question, first row no longer held, confirmed."""
    return [(close.row - QUIET, close.until - QUIET, close.confirmed) for close in found]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_close_beyond_twelve_standard_deviations_is_held(sign: int) -> None:
    limit = 12 * DEVIATION
    assert held_closes(closes(100 * exp(sign * limit * 0.999), 100.0)) == []
    assert rows(held_closes(closes(100 * exp(sign * limit * 1.001)))) == [(0, 1, False)]


@pytest.mark.parametrize("factor", [0.5, 2.0, 10.0])
def test_a_close_that_comes_back_is_missing_for_good_and_the_next_one_counts(factor: float) -> None:
    (found,) = held_closes(closes(100 * factor, 101.0, 100.0))
    assert (found.row - QUIET, found.until - QUIET, found.confirmed) == (0, 1, False)
    assert found.move == pytest.approx(factor - 1)


@pytest.mark.parametrize(
    ("next_close", "confirmed"),
    [(100 * exp(-0.101), True), (100 * exp(-0.099), False), (75.0, True), (130.0, False)],
)
def test_more_than_half_of_the_move_confirms_it(next_close: float, *, confirmed: bool) -> None:
    assert rows(held_closes(closes(100 * exp(-0.2), next_close)))[0] == (0, 1, confirmed)


def test_a_crash_that_goes_on_counts_from_the_next_session_on() -> None:
    assert rows(held_closes(closes(80.0, 78.0, 79.0))) == [(0, 1, True)]


def test_two_bent_closes_in_a_row_of_the_same_size_are_taken_for_a_move() -> None:
    """What one series alone cannot tell: a sibling can."""
    twice = closes(50.0, 50.5, 100.0, 101.0)
    assert rows(held_closes(twice))[0] == (0, 1, True)
    assert rows(held_closes(twice, closes(100.0, 101.0, 100.0, 101.0))) == [
        (0, 1, False),
        (1, 2, False),
    ]


def test_nothing_is_held_before_there_are_returns_to_compare_with() -> None:
    assert held_closes(closes(10.0, 100.0, quiet=64)[1:]) == []
    assert len(held_closes(closes(10.0, 100.0, quiet=64))) == 1


def test_a_series_that_never_moves_holds_nothing_small() -> None:
    flat = closes(size=0.0)
    assert held_closes(np.array([*flat, 100 * exp(0.0199)])) == []
    assert rows(held_closes(np.array([*flat, 100 * exp(0.0201)]))) == [(0, 1, False)]


def test_a_held_close_waits_for_the_next_close_five_sessions_at_most() -> None:
    gap = [np.nan] * 4
    assert rows(held_closes(closes(50.0, *gap, 51.0))) == [(0, 5, True)]
    assert rows(held_closes(closes(50.0, *gap, 100.0))) == [(0, 5, False)]
    assert rows(held_closes(closes(50.0, *gap, np.nan, 51.0)))[0] == (0, 6, False)
    assert rows(held_closes(closes(50.0, np.nan, np.nan))) == [(0, 3, False)]


@pytest.mark.parametrize(
    ("close", "held"), [(95.2, False), (95.1, True), (105.1, False), (105.2, True)]
)
def test_a_close_that_departs_from_its_sibling_is_held(close: float, *, held: bool) -> None:
    assert (abs(log(close / 100)) > 0.05) == held
    assert bool(held_closes(closes(close), closes(100.0))) == held


def test_a_departure_counts_against_the_series_that_came_back() -> None:
    sibling, own = closes(100.0, 100.5), closes(94.0, 100.5)
    assert rows(held_closes(own, sibling)) == [(0, 1, False)]
    assert rows(held_closes(sibling, own)) == [(0, 1, True)]


def test_a_repeated_close_is_found_by_its_sibling() -> None:
    assert rows(held_closes(closes(100.0, 107.0), closes(106.0, 106.5))) == [(0, 1, False)]


def test_a_sibling_without_a_close_vouches_for_nothing_and_doubts_nothing() -> None:
    assert held_closes(closes(94.0, 94.0), closes(np.nan, np.nan)) == []
    assert rows(held_closes(closes(50.0, 50.0), closes(np.nan, np.nan))) == [(0, 1, True)]


def test_two_series_that_stay_apart_are_at_a_new_level_after_ten_sessions() -> None:
    apart = rows(held_closes(closes(*[94.0] * 14), closes(*[100.0] * 14)))
    assert apart == [(k, k + 1, k == 9) for k in range(10)]


def test_a_crash_of_both_is_confirmed() -> None:
    assert rows(held_closes(closes(80.0, 78.0), closes(79.0, 79.0))) == [(0, 1, True)]


SESSIONS = pd.date_range("2020-01-01 21:30", periods=100, freq="D", tz="UTC")


def market(**others: Floats) -> Market:
    """A market of flat series but for those given, as long as the longest."""
    size = max(map(len, others.values()))
    flat = {
        name: np.full(size, 100.0)
        for name in (
            "small_caps",
            "broad",
            "volume",
            "risky_credit",
            "safe_credit",
            "fund",
            "sibling",
        )
    }
    series = {
        name: pd.Series(values, SESSIONS[: len(values)]).dropna()
        for name, values in (flat | others).items()
    }
    fund, sibling = series.pop("fund"), series.pop("sibling")
    siblings = {"small_caps": sibling} if "sibling" in others else {}
    return Market(
        pd.Series(SESSIONS[:size], SESSIONS[:size]),
        breadth={"XLI": fund},
        siblings=siblings,
        names={"risky_credit": "HYG"},
        **series,
    )


def test_notes_say_what_is_held_and_whether_it_was_confirmed() -> None:
    checked = check_market(market(risky_credit=closes(50.0, 100.0), fund=closes(300.0, 310.0)))
    first, second = f"{SESSIONS[QUIET]:%Y-%m-%d}", f"{SESSIONS[QUIET + 1]:%Y-%m-%d}"
    assert list(checked.held[QUIET - 1 :]) == ["", "HYG, XLI", ""]
    waits = "is held until the next one confirms it"
    assert checked.notes[QUIET] == (
        f"the close of HYG of {first} (-50.0% from the one before) {waits}; "
        f"the close of XLI of {first} (+200.0% from the one before) {waits}"
    )
    assert checked.notes[QUIET + 1] == (
        f"the close of HYG of {first} was held and is not confirmed: it counts as missing; "
        f"the close of XLI of {first} was held and is confirmed: it counts from now on"
    )
    assert second not in checked.notes[QUIET + 1]
    assert SESSIONS[QUIET] not in checked.market.risky_credit.index
    assert checked.market.breadth["XLI"].iloc[-2:].tolist() == [300.0, 310.0]


def test_a_bent_close_of_the_sibling_holds_nothing() -> None:
    checked = check_market(market(small_caps=closes(100.0, 101.0), sibling=closes(50.0, 101.0)))
    assert not checked.held.any()


def test_a_close_before_the_first_session_is_checked_too() -> None:
    """1987: the S&P's history begins before the index's."""
    late = market(broad=closes(50.0, 100.0))
    checked = check_market(
        late._replace(sessions=late.sessions.iloc[QUIET:], small_caps=late.small_caps.iloc[QUIET:])
    )
    assert list(checked.held) == ["broad", ""]


class Walk:
    """The rule session by session: a decision uses its session and those before it."""

    def __init__(self, vouch: list[float]) -> None:
        self.vouch = list(vouch)  # NaN: no word
        self.counted: dict[int, float] = {}
        self.found: list[
            tuple[int, bool | None]
        ] = []  # row, whether it was confirmed, None while that is open
        self.before = 0  # the session before the one that is held

    def step(self, row: int, close: float) -> None:
        open_ = bool(self.found) and self.found[-1][1] is None
        if open_ and row - self.found[-1][0] > module.LONGEST_WAIT:
            self.close(confirmed=False)
            open_ = False
        if close != close:
            return
        if open_:
            self.close(confirmed=self.confirms(self.found[-1][0], row, close))
        self.counted[row] = close
        if self.jumped(row) or self.departed(row):
            self.before = max(k for k in self.counted if k < row)
            self.found.append((row, None))

    def close(self, *, confirmed: bool) -> None:
        row = self.found[-1][0]
        if not confirmed:
            del self.counted[row]
        elif self.departed(row):
            self.vouch[row] = float("nan")
        self.found[-1] = (row, confirmed)

    def confirms(self, held: int, row: int, close: float) -> bool:
        move, kept = (
            log(value / self.counted[self.before]) for value in (self.counted[held], close)
        )
        base = self.base(held)
        if base is None or self.vouch[row] != self.vouch[row]:
            return kept * move > move**2 / 2
        was, own = (log(value / self.counted[base]) for value in (self.counted[held], close))
        sibling_was, sibling = (log(self.vouch[k] / self.vouch[base]) for k in (held, row))
        if row - base <= module.NEW_LEVEL and abs(own - sibling) > module.DEPARTURE:
            return False
        if self.jumped(held):
            return kept * move > move**2 / 2
        departure, later = was - sibling_was, own - sibling
        return later * departure > departure**2 / 2 or abs(sibling - sibling_was) > abs(own - was)

    def jumped(self, row: int) -> bool:
        past = [self.counted[k] for k in sorted(self.counted) if k <= row]
        *before, move = [0.0, *(log(b / a) for a, b in pairwise(past))]
        window = before[1:][-module.WINDOW :]
        return len(window) == module.WINDOW and abs(move) > max(
            module.SMALLEST_MOVE, module.DEVIATIONS * stdev(window)
        )

    def departed(self, row: int) -> bool:
        base = self.base(row)
        if base is None or self.vouch[row] != self.vouch[row] or row - base > module.NEW_LEVEL:
            return False
        return (
            abs(
                log(self.counted[row] / self.counted[base])
                - log(self.vouch[row] / self.vouch[base])
            )
            > module.DEPARTURE
        )

    def base(self, row: int) -> int | None:
        return max(
            (k for k in self.counted if k < row and self.vouch[k] == self.vouch[k]), default=None
        )


def literal(own: list[float], sibling: list[float] | None) -> list[tuple[int, bool | None]]:
    silent = [float("nan")] * len(own)
    vouch = silent
    if sibling is not None:
        doubted = {row for row, _ in literal(sibling, None)}
        vouch = [float("nan") if row in doubted else value for row, value in enumerate(sibling)]
    walk = Walk(vouch)
    for row, close in enumerate(own):
        walk.step(row, close)
    return walk.found


def test_whatever_comes_later_the_rule_is_that_of_a_session_by_session_walk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Small windows, so that much is held; every session's knowledge is compared with the walk over
    all of it.
    """
    for name, value in {"WINDOW": 4, "DEVIATIONS": 3.0, "LONGEST_WAIT": 2, "NEW_LEVEL": 3}.items():
        monkeypatch.setattr(module, name, value)
    kinds = {True: 0, False: 0}

    @examples(80)
    @given(
        seed=st.integers(0, 2**32 - 1), gaps=st.sampled_from([0.0, 0.1, 0.4]), beside=st.booleans()
    )
    def compare(*, seed: int, gaps: float, beside: bool) -> None:
        random = np.random.default_rng(seed)
        moves = random.normal(0.0, 0.01, 40)
        sibling = 100 * np.exp(np.cumsum(moves + random.normal(0.0, 0.005, 40)))
        own = 100 * np.exp(np.cumsum(moves))
        for values in (own, sibling):
            bent = random.random(40) < 0.15
            values[bent] *= np.exp(random.normal(0.0, 0.15, bent.sum()))
            values[1:][random.random(39) < gaps] = np.nan
        for now in [*random.permutation(39)[:5], 39]:
            vouch = (
                module._reliable_closes(pd.Series(sibling[: now + 1]), pd.RangeIndex(now + 1))
                if beside
                else None
            )
            found = held_closes(own[: now + 1], vouch)
            expected = literal(
                own[: now + 1].tolist(), sibling[: now + 1].tolist() if beside else None
            )
            assert [close.row for close in found] == [row for row, _ in expected]
            for close, (_, confirmed) in zip(found, expected, strict=True):
                assert close.confirmed == bool(confirmed)
                assert (close.until > now) == (confirmed is None)
                kinds[close.confirmed] += 1

    compare()
    assert min(kinds.values()) > 100
