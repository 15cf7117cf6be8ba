"""The instants at which to cut the prices: those where a look into the future would show."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.checks.snapshots import Rows, Snapshot, nanoseconds
from brokers.prices.load import Prices

NEAR = 5  # sessions around a change of state
FIRST_DECISION = 5  # with fewer bars there is not yet a grid of coins' bars
MINUTE, HOUR, DAY = (int(pd.Timedelta(1, unit).value) for unit in ("min", "h", "D"))
LATE_CLOSE = 16  # o'clock in New York
SATURDAY = 2 * DAY  # 1970-01-03 was one

Instants = NDArray[np.int64]  # nanoseconds, UTC
Draw = Callable[[np.random.Generator], int]


def cut_points(prices: Prices, full: Snapshot, count: int, seed: int) -> Iterator[pd.Timestamp]:
    """`count` instants within the traded window, the same for the same seed.

    Half lie within `NEAR` sessions of a change of the gate's state, some of them on the very bar of
    a breakout. The rest: weekends, half days, an instant at which a bar becomes known, one
    nanosecond before such an instant, a session or bar that a series lacks, any other.
    """
    random = np.random.default_rng(seed)
    decided = full.decisions.known_at
    first, last = int(decided[min(FIRST_DECISION, len(decided) - 1)]), int(decided[-1])
    near = _near_changes(full.tables[0], first, last)
    elsewhere = _elsewhere(prices, full, first, last)
    for number in range(count):
        draws = near if number % 2 == 0 and near else elsewhere
        draw = draws[number // 2 % len(draws)]
        yield pd.Timestamp(min(max(draw(random), first), last), tz="UTC")


def _near_changes(gate: Rows, first: int, last: int) -> list[Draw]:
    """Empty where the gate's state never changes in the window."""
    state, known_at = gate.columns["state"], gate.known_at
    changes = np.flatnonzero(state[1:] != state[:-1]) + 1
    changes = changes[(known_at[changes] >= first) & (known_at[changes] <= last)]
    breakouts = known_at[changes[state[changes] != "dormant"]]

    def around(random: np.random.Generator) -> int:
        row = int(random.choice(changes)) + int(random.integers(-NEAR, NEAR + 1))
        return int(known_at[min(max(row, 0), len(known_at) - 1)]) + _jitter(random)

    if not len(changes):
        return []
    return [around, _one_of(breakouts) if len(breakouts) else around, around]


def _elsewhere(prices: Prices, full: Snapshot, first: int, last: int) -> list[Draw]:
    def inside(known_at: Instants) -> Instants:
        return known_at[(known_at >= first) & (known_at <= last)]

    gate = full.tables[0]
    closes = pd.DatetimeIndex(gate.columns["session_close"], tz="UTC").tz_convert(
        "America/New_York"
    )
    half_days = inside(gate.known_at[np.asarray(closes.hour) < LATE_CLOSE])
    known = [
        instants
        for series in prices.series.values()
        if len(instants := inside(nanoseconds(series.frame.index)))
    ]
    gaps = inside(_gaps(prices, full))

    def anywhere(random: np.random.Generator) -> int:
        return first + int(random.integers(0, (last - first) // MINUTE + 1)) * MINUTE

    def weekend(random: np.random.Generator) -> int:
        saturday = (anywhere(random) - SATURDAY) // (7 * DAY) * (7 * DAY) + SATURDAY
        return saturday + int(random.integers(0, 2 * DAY // MINUTE)) * MINUTE

    def becomes_known(random: np.random.Generator) -> int:
        if not known:
            return anywhere(random)
        return int(random.choice(known[int(random.integers(len(known)))]))

    def just_before(random: np.random.Generator) -> int:
        return becomes_known(random) - 1

    def half_day(random: np.random.Generator) -> int:
        return int(random.choice(half_days)) + _jitter(random)

    return [
        weekend,
        becomes_known,
        _one_of(gaps) if len(gaps) else anywhere,
        just_before,
        half_day if len(half_days) else anywhere,
        anywhere,
    ]


def _one_of(known_at: Instants) -> Draw:
    return lambda random: int(random.choice(known_at))


def _jitter(random: np.random.Generator) -> int:
    """At the instant itself, just before or after it, or some hours off."""
    hours = int(random.integers(-12 * HOUR // MINUTE, 12 * HOUR // MINUTE + 1)) * MINUTE
    return (0, -1, MINUTE, hours)[int(random.integers(4))]


def _gaps(prices: Prices, full: Snapshot) -> Instants:
    """When a row was due that some series lacks: only there do fills from later rows show."""
    due = nanoseconds(prices.sessions.index)
    known = [
        nanoseconds(series.frame.index)
        for request, series in prices.series.items()
        if request.kind == "session"
    ]
    gaps = [
        due[(due > rows[0]) & (due < rows[-1]) & ~np.isin(due, rows)] for rows in known if len(rows)
    ]
    gaps += [lines.known_at[lines.columns["stale"] > 0] for lines in full.tables[1:]]
    return np.unique(np.concatenate(gaps))
