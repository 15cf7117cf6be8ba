"""One market and one space: what the sets of a search are run on."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from backtests.engine import arrays
from backtests.engine.inputs import Inputs
from backtests.performance.metrics import daily_rows
from backtests.tuning.search.precomputed import Features, Plan
from backtests.tuning.search.segment_stats import Segments
from backtests.tuning.search.space import Codes, Space
from backtests.tuning.search.sweep import Days, Room, empty, room_for, run_one, sweep_sets
from strategies.indicators import Floats, Ints

AT_ONCE = 250  # sets handed to a thread: a few hundredths of a second
MOST_SERIES = 500  # return series held at the same time

Done = TypeVar("Done")


class Series(NamedTuple):
    """Daily returns and the share of equity held in coins at each of these days' ends, days x sets."""

    returns: Floats
    exposure: Floats


class Field:
    """One market and one space: everything sets are run on."""

    def __init__(self, inputs: Inputs, space: Space, threads: int = 0) -> None:
        """`threads` 0: one a processor this process may use."""
        self.inputs, self.space = inputs, space
        self.threads = threads or len(os.sched_getaffinity(0))
        self._features = Features(inputs, space)
        self._sessions = arrays.sessions_of(inputs.rows)
        self._bars = arrays.bars_of(
            list(inputs.coins.values()), inputs.grid, pd.DatetimeIndex(inputs.table.index)
        )
        self._account = arrays.account_of(inputs)
        self._rows = daily_rows(inputs.grid).astype(np.int64)
        self.seconds, self.run = 0.0, 0  # of kernel time by the clock, and the sets that took them

    @property
    def days(self) -> pd.DatetimeIndex:
        """The day of each daily return: the UTC day that its bar ends."""
        ends = self.inputs.grid[self._rows[1:]]
        return pd.DatetimeIndex((ends - pd.Timedelta(nanoseconds=1)).floor("D"))

    def sweep(
        self, codes: Codes, edges: Ints, progress: Callable[[int], object] | None = None
    ) -> Segments:
        """Run all sets; `edges` are those of a `Partition`. `progress` hears of sets done.

        Raises
        ------
        ConfigError
            The settings refuse a set.

        """
        plan, days, found = (
            self._features.plan(codes),
            self._days(edges),
            empty(len(codes), len(edges) - 1),
        )

        def part(first: int) -> int:
            last = min(first + AT_ONCE, len(codes))
            self._run(plan, days, found, first, last, 0)
            return last - first

        self._run(
            plan, days, found, 0, 0, 0
        )  # loads the compiled code, which is not the time of a set
        began = time.perf_counter()
        for done in self._in_parts(part, range(0, len(codes), AT_ONCE)):
            if progress is not None:
                progress(done)
        self.seconds += time.perf_counter() - began
        self.run += len(codes)
        return found

    def turned(self, codes: Codes, turns: Sequence[int]) -> Iterator[Segments]:
        """Run all sets over the whole window with every gate so many sessions too late, one after the other of `turns`, each one segment."""
        plan, days = self._features.plan(codes), self._days(np.array([0, len(self._rows) - 1]))

        def one(turn: int) -> Segments:
            found = empty(len(codes), 1)
            self._run(plan, days, found, 0, len(codes), turn)
            return found

        yield from self._in_parts(one, turns)

    def _run(
        self, plan: Plan, days: Days, found: Segments, first: int, last: int, turn: int
    ) -> None:
        room, costs = self._room(), self.inputs.costs
        sweep_sets(
            plan.order,
            plan.places,
            plan.stacks,
            self._sessions,
            self._bars,
            costs,
            self._account,
            days,
            room,
            found,
            first,
            last,
            turn,
        )

    def series(self, codes: Codes) -> Series:
        """The daily series of at most `MOST_SERIES` sets.

        Raises
        ------
        ValueError
            They are more.

        """
        if len(codes) > MOST_SERIES:
            raise ValueError(
                f"{len(codes)} return series asked for, at most {MOST_SERIES} are held at once"
            )
        returns, exposure = (
            np.empty((len(self._rows) - 1, len(codes))) for _ in range(2)
        )  # each for itself, to be let go alone
        for column, room in enumerate(self._runs(codes)):
            equity, cash = room.equity[self._rows], room.cash[self._rows]
            returns[:, column] = equity[1:] / equity[:-1] - 1.0
            exposure[:, column] = 1.0 - cash[1:] / equity[1:]
        return Series(returns, exposure)

    def curves(self, codes: Codes) -> tuple[Floats, Floats]:
        """Equity and cash by bar of a few sets, sets x bars."""
        equity, cash = np.empty((2, len(codes), len(self._bars.time)))
        for row, room in enumerate(self._runs(codes)):
            equity[row], cash[row] = room.equity, room.cash
        return equity, cash

    def _runs(self, codes: Codes) -> Iterator[Room]:
        """Run one set after the other, each into the same room."""
        plan, room = self._features.plan(codes), self._room()
        for row in range(len(codes)):
            run_one(
                row,
                plan.places,
                plan.stacks,
                self._sessions,
                self._bars,
                self.inputs.costs,
                self._account,
                room,
                0,
            )
            yield room

    @property
    def window_sessions(self) -> int:
        """US sessions of the traded window: by one fewer a gate can be moved."""
        return int(self._bars.session[-1]) - max(int(self._bars.session[0]), 0) + 1

    def _room(self) -> Room:
        return room_for(self._sessions, self._bars)

    def plan(self, codes: Codes) -> Plan:
        """What these sets run on; `Features.plan`."""
        return self._features.plan(codes)

    def _in_parts(self, part: Callable[[int], Done], parts: Sequence[int]) -> Iterator[Done]:
        if self.threads == 1 or len(parts) < 2:
            yield from map(part, parts)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            waiting = [pool.submit(part, one) for one in parts]
            try:
                for one in waiting:
                    yield one.result()
            finally:
                for one in waiting:
                    one.cancel()

    def _days(self, edges: Ints) -> Days:
        bars = np.arange(len(self._bars.time))
        returns = np.maximum(np.searchsorted(self._rows, bars) - 1, 0)
        segment = np.searchsorted(edges, returns, side="right") - 1
        return Days(
            self._rows, edges.astype(np.int64), np.minimum(segment, len(edges) - 2).astype(np.int64)
        )
