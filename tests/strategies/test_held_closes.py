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

from strategies import checked_market
from strategies import held_closes as module
from strategies.checked_market import check_market
from strategies.held_closes import HeldClose, held_closes
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
    twice = closes(80.0, 80.5, 100.0, 101.0)
    assert rows(held_closes(twice))[0] == (0, 1, True)
    assert rows(held_closes(twice, closes(100.0, 101.0, 100.0, 101.0))) == [
        (0, 1, False),
        (1, 2, False),
    ]


@pytest.mark.parametrize("factor", [0.1, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_move_that_no_series_ever_had_needs_three_more_closes(factor: float, length: int) -> None:
    """Up to three wrong closes in a row are missing for good, and none is acted on."""
    bent = [100.0 * factor, 101.0 * factor, 100.5 * factor][:length]
    found = held_closes(closes(*bent, 100.0, 101.0))
    assert rows(found) == [(0, length, False)]
    assert found[0].needed == module.CONFIRMING_CLOSES == 3
    stays = [100.0 * factor, 101.0 * factor, 100.5 * factor, 100.0 * factor]
    assert rows(held_closes(closes(*stays))) == [(0, 3, True)]
    assert rows(held_closes(closes(*stays[:3]))) == [(0, 3, False)], "still open"


@pytest.mark.parametrize(("move", "needed"), [(-0.3499, 1), (-0.3501, 3), (0.3501, 3)])
def test_three_more_closes_are_needed_beyond_a_log_return_of_035(move: float, needed: int) -> None:
    (close,) = held_closes(closes(100 * exp(move), 100 * exp(move)))
    assert (close.needed, close.confirmed) == (needed, needed == 1)


@pytest.mark.parametrize(("move", "held"), [(0.3499, False), (0.3501, True)])
def test_such_a_move_is_held_however_much_a_series_moves(move: float, *, held: bool) -> None:
    """Twelve standard deviations of this one are 0.48."""
    wild = closes(100 * exp(move), size=0.04)
    assert 12 * DEVIATION * 4 > 0.48
    assert bool(held_closes(wild)) == held


def test_the_sibling_confirms_even_such_a_move_at_the_next_close() -> None:
    """It has to have moved on another day, or its own close is held as well."""
    own, sibling = closes(60.0, 60.0), closes(np.nan, 60.0)
    assert rows(held_closes(own, sibling)) == [(0, 1, True)]


def test_half_of_such_a_move_lost_at_any_of_the_three_closes_rejects_it() -> None:
    assert rows(held_closes(closes(50.0, 52.0, 51.0, 90.0, 91.0)))[0] == (0, 3, False)


def test_the_longest_wait_ends_such_a_wait_too() -> None:
    """With one more close in five sessions it counts; with none it is missing."""
    gap = [np.nan] * 4
    assert rows(held_closes(closes(50.0, 50.5, *gap, 51.0))) == [(0, 6, True)]
    assert rows(held_closes(closes(50.0, *gap, np.nan, 51.0)))[0] == (0, 6, False)


@pytest.mark.parametrize(
    ("newest", "expected"),
    [(0, (0, 1, True, 0)), (1, (0, 1, False, -1))],
    ids=["in time", "after the session that decides"],
)
def test_a_close_somebody_stood_by_counts_although_the_next_one_comes_back(
    newest: int, expected: tuple[int, int, bool, int]
) -> None:
    """Accepted before the next session is known; afterwards it stays as it was decided."""
    close = held_closes(closes(80.0, 100.0), None, {QUIET: QUIET + newest})[0]
    until, accepted = close.until - QUIET, close.accepted - (QUIET if close.accepted >= 0 else 0)
    assert (close.row - QUIET, until, close.confirmed, accepted) == expected


def test_an_accepted_close_is_what_the_next_one_is_compared_with() -> None:
    (first, second) = held_closes(closes(80.0, 40.0, 40.0), None, {QUIET: QUIET})
    assert (first.confirmed, second.row - QUIET) == (True, 1)
    assert second.move == pytest.approx(40.0 / 80.0 - 1.0)


def test_nothing_is_held_before_there_are_returns_to_compare_with() -> None:
    assert held_closes(closes(80.0, 100.0, quiet=64)[1:]) == []
    assert len(held_closes(closes(80.0, 100.0, quiet=64))) == 1


def test_a_series_that_never_moves_holds_nothing_small() -> None:
    flat = closes(size=0.0)
    assert held_closes(np.array([*flat, 100 * exp(0.0199)])) == []
    assert rows(held_closes(np.array([*flat, 100 * exp(0.0201)]))) == [(0, 1, False)]


def test_a_held_close_waits_for_the_next_close_five_sessions_at_most() -> None:
    gap = [np.nan] * 4
    assert rows(held_closes(closes(80.0, *gap, 81.0))) == [(0, 5, True)]
    assert rows(held_closes(closes(80.0, *gap, 100.0))) == [(0, 5, False)]
    assert rows(held_closes(closes(80.0, *gap, np.nan, 81.0)))[0] == (0, 6, False)
    assert rows(held_closes(closes(80.0, np.nan, np.nan))) == [(0, 3, False)]


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
    assert rows(held_closes(closes(80.0, 80.0), closes(np.nan, np.nan))) == [(0, 1, True)]


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
    checked = check_market(market(risky_credit=closes(50.0, 100.0), fund=closes(130.0, 131.0)))
    first, second = f"{SESSIONS[QUIET]:%Y-%m-%d}", f"{SESSIONS[QUIET + 1]:%Y-%m-%d}"
    assert list(checked.held[QUIET - 1 :]) == ["", "HYG, XLI", ""]
    waits = "is held until the next"
    assert checked.notes[QUIET] == (
        f"the close of HYG of {first} (-50.0% from the one before) {waits} 3 confirm it; "
        f"the close of XLI of {first} (+30.0% from the one before) {waits} one confirms it"
    )
    assert checked.notes[QUIET + 1] == (
        f"the close of HYG of {first} was held and is not confirmed: it counts as missing; "
        f"the close of XLI of {first} was held and is confirmed: it counts from now on"
    )
    assert second not in checked.notes[QUIET + 1]
    assert SESSIONS[QUIET] not in checked.market.risky_credit.index
    assert checked.market.breadth["XLI"].iloc[-2:].tolist() == [130.0, 131.0]


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


def accepted(field: str, session: int, at: str) -> dict[str, pd.Series]:
    """What a market knows of one accepted close of session QUIET + `session`."""
    return {field: pd.Series([pd.Timestamp(at, tz="UTC")], SESSIONS[[QUIET + session]])}


def test_what_is_accepted_is_held_until_then_and_no_longer() -> None:
    """The session's own row stays held; from the instant on it counts, and so does the close."""
    at = SESSIONS[QUIET] + pd.Timedelta(hours=2)
    bent = market(risky_credit=closes(80.0, 100.0))
    checked = check_market(bent._replace(accepted=accepted("risky_credit", 0, f"{at:%Y-%m-%d %T}")))
    assert list(checked.held[QUIET - 1 :]) == ["", "HYG", ""]
    assert checked.accepted_at == {QUIET: at}
    what = f"the close of HYG of {SESSIONS[QUIET]:%Y-%m-%d} was held and is accepted"
    assert checked.accepted_notes == {QUIET: f"{what}: it counts from now on"}
    assert checked.notes[QUIET + 1] == ""
    assert checked.market.risky_credit.iloc[-2:].tolist() == [80.0, 100.0]


def test_what_somebody_stood_by_after_it_was_rejected_stays_missing() -> None:
    at = SESSIONS[QUIET + 1]
    bent = market(risky_credit=closes(80.0, 100.0))
    checked = check_market(bent._replace(accepted=accepted("risky_credit", 0, f"{at:%Y-%m-%d %T}")))
    assert checked.accepted_at == {}
    assert checked.market.risky_credit.iloc[-2:].tolist() == [100.0, 100.0]


def test_a_session_with_two_held_closes_is_free_when_both_are_accepted() -> None:
    both = market(risky_credit=closes(80.0, 80.0), fund=closes(130.0, 130.0))
    early, late = (SESSIONS[QUIET] + pd.Timedelta(hours=hours) for hours in (2, 5))
    one = accepted("risky_credit", 0, f"{late:%Y-%m-%d %T}")
    two = one | accepted("XLI", 0, f"{early:%Y-%m-%d %T}")
    assert check_market(both._replace(accepted=one)).accepted_at == {}
    assert check_market(both._replace(accepted=two)).accepted_at == {QUIET: late}


def test_a_close_that_waits_for_three_is_free_in_the_newest_session_known() -> None:
    """Accepted two sessions later: those before stay held."""
    at = SESSIONS[QUIET + 2] + pd.Timedelta(hours=1)
    bent = market(risky_credit=closes(50.0, 51.0, 50.0, 50.0, 50.0))
    checked = check_market(bent._replace(accepted=accepted("risky_credit", 0, f"{at:%Y-%m-%d %T}")))
    assert list(checked.held[QUIET:]) == ["HYG", "HYG", "HYG", "", ""]
    assert checked.accepted_at == {QUIET + 2: at}


def test_the_future_of_an_accepted_close_is_not_known_before() -> None:
    at = SESSIONS[QUIET] + pd.Timedelta(hours=2)
    bent = market(risky_credit=closes(80.0, 100.0))
    bent = bent._replace(accepted=accepted("risky_credit", 0, f"{at:%Y-%m-%d %T}"))
    before = check_market(bent.until(at - pd.Timedelta(seconds=1)))
    assert (list(before.held[QUIET:]), before.accepted_at) == (["HYG"], {})
    assert check_market(bent.until(at)).accepted_at == {QUIET: at}


def test_a_close_that_waited_with_an_accepted_one_is_judged_from_it_on() -> None:
    """The one in between falls by a half more and comes back: it is wrong, and does not count.

    Nobody knew that before the acceptance, so that the sessions up to it say nothing of it.
    """
    at = SESSIONS[QUIET + 2] + pd.Timedelta(hours=1)
    bent = market(risky_credit=closes(50.0, 20.0, 51.0, 50.0))
    checked = check_market(bent._replace(accepted=accepted("risky_credit", 0, f"{at:%Y-%m-%d %T}")))
    assert list(checked.held[QUIET:]) == ["HYG", "HYG", "HYG", ""]
    assert SESSIONS[QUIET + 1] not in checked.market.risky_credit.index
    assert checked.market.risky_credit.iloc[-3:].tolist() == [50.0, 51.0, 50.0]
    first, second = (f"the close of HYG of {SESSIONS[QUIET + k]:%Y-%m-%d}" for k in (0, 1))
    waits = f"{first} (-50.0% from the one before) is held until the next 3 confirm it"
    assert list(checked.notes[QUIET:]) == [waits] * 3 + [""]
    assert checked.accepted_at == {QUIET + 2: at}
    assert checked.accepted_notes[QUIET + 2] == (
        f"{first} was held and is accepted: it counts from now on; "
        f"{second} was held and is not confirmed: it counts as missing"
    )


def test_a_close_that_waited_with_an_accepted_one_may_be_held_on() -> None:
    """The newest close halves again: no session is free before that is decided."""
    at = SESSIONS[QUIET + 2] + pd.Timedelta(hours=1)
    bent = market(risky_credit=closes(50.0, 51.0, 25.0, 25.0))
    checked = check_market(bent._replace(accepted=accepted("risky_credit", 0, f"{at:%Y-%m-%d %T}")))
    assert list(checked.held[QUIET:]) == ["HYG"] * 4
    assert checked.accepted_at == {}
    assert f"{SESSIONS[QUIET + 2]:%Y-%m-%d} (-51.0%" in checked.notes[QUIET + 3]


def test_what_was_shown_before_an_acceptance_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Small windows and many wrong closes, some accepted while they, or others, are held.

    What is known at any instant is what all of the prices say of it.
    """
    small = {"WINDOW": 4, "DEVIATIONS": 3.0, "LONGEST_WAIT": 3, "CONFIRMING_CLOSES": 2, "BLOCK": 6}
    for name, value in {**small, "EXTREME_MOVE": 0.12}.items():
        monkeypatch.setattr(module, name, value)
    accepted_rows = 0

    @examples(60)
    @given(seed=st.integers(0, 2**32 - 1))
    def compare(seed: int) -> None:
        nonlocal accepted_rows
        random = np.random.default_rng(seed)
        prices = 100 * np.exp(np.cumsum(random.normal(0.0, 0.01, 40)))
        bent = random.random(40) < 0.3
        prices[bent] *= np.exp(random.normal(0.0, 0.3, bent.sum()))
        rows = np.flatnonzero(bent & (random.random(40) < 0.7))
        waits = pd.to_timedelta(random.integers(0, 72, len(rows)), unit="h")
        instants = pd.Series(SESSIONS[rows] + waits, SESSIONS[rows])
        whole = market(risky_credit=prices)._replace(accepted={"risky_credit": instants})
        checked = check_market(whole)
        accepted_rows += len(checked.accepted_at)
        for now in [*instants, *(instants - pd.Timedelta(seconds=1)), *SESSIONS[10:40:7]]:
            known = check_market(whole.until(now))
            sessions = len(known.held)
            assert list(known.held) == list(checked.held[:sessions])
            assert list(known.notes) == list(checked.notes[:sessions])
            free = {row: at for row, at in checked.accepted_at.items() if at <= now}
            assert known.accepted_at == free
            assert known.accepted_notes == {row: checked.accepted_notes[row] for row in free}

    compare()
    assert accepted_rows > 20


class Walk:
    """The rule session by session: a decision uses its session and those before it."""

    def __init__(self, vouch: list[float]) -> None:
        self.vouch = list(vouch)  # NaN: no word
        self.counted: dict[int, float] = {}
        self.found: list[
            tuple[int, bool | None]
        ] = []  # row, whether it was confirmed, None while that is open
        self.before = 0  # the session before the one that is held
        self.agreed = 0  # closes since that keep its move

    def step(self, row: int, close: float) -> None:
        open_ = bool(self.found) and self.found[-1][1] is None
        if open_ and row - self.found[-1][0] > module.LONGEST_WAIT:
            self.close(confirmed=self.agreed > 0)
            open_ = False
        if close != close:
            return
        if open_:
            held = self.found[-1][0]
            confirms = self.confirms(held, row, close)
            self.agreed += 1
            move = log(self.counted[held] / self.counted[self.before])
            needed = module.CONFIRMING_CLOSES if abs(move) > module.EXTREME_MOVE else 1
            if confirms and self.agreed < needed and not self.vouched_for(held, row):
                self.counted[row] = close
                return
            self.close(confirmed=confirms)
        self.counted[row] = close
        if self.jumped(row) or self.departed(row):
            self.before = max(k for k in self.counted if k < row)
            self.found.append((row, None))
            self.agreed = 0

    def vouched_for(self, held: int, row: int) -> bool:
        base = self.base(held)
        known = base is not None and self.vouch[row] == self.vouch[row]
        return known and row - (base or 0) <= module.NEW_LEVEL

    def close(self, *, confirmed: bool) -> None:
        row = self.found[-1][0]
        if not confirmed:
            self.counted = {k: value for k, value in self.counted.items() if k < row}
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
        if len(window) < module.WINDOW or abs(move) <= module.SMALLEST_MOVE:
            return False
        return abs(move) > min(module.EXTREME_MOVE, module.DEVIATIONS * stdev(window))

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
    walk = Walk(silent)
    if sibling is not None:
        for row, close in enumerate(sibling):
            walk.step(row, close)
            is_held = bool(walk.found) and walk.found[-1][1] is None
            vouch[row] = float("nan") if is_held else close
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
    small = {
        "WINDOW": 4,
        "DEVIATIONS": 3.0,
        "LONGEST_WAIT": 3,
        "NEW_LEVEL": 3,
        "CONFIRMING_CLOSES": 2,
        "BLOCK": 6,
    }
    for name, value in {**small, "EXTREME_MOVE": 0.12}.items():
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
                checked_market._reliable_closes(
                    pd.Series(sibling[: now + 1]), pd.RangeIndex(now + 1)
                )
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


def test_the_work_grows_with_the_sessions_however_many_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two series that have nothing to do with each other, as of a wrong file."""
    looked_at = 0

    def counted(closes: np.ndarray) -> np.ndarray:
        nonlocal looked_at
        looked_at += len(closes)
        return jumps(closes)

    jumps = module.jumps
    monkeypatch.setattr(module, "jumps", counted)
    work = []
    for sessions in (1000, 4000):
        random = np.random.default_rng(3)
        own, other = (
            100.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, sessions))) for _ in range(2)
        )
        looked_at = 0
        held = held_closes(own, other)
        assert len(held) > sessions / 20
        work.append(looked_at)
    assert work[1] < 5 * work[0]
