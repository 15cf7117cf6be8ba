"""One market and one space: runs the parameter sets of a search in the compiled kernel."""

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
from backtests.tuning.search.precomputed import FeatureCache, Plan
from backtests.tuning.search.segment_stats import Segments
from backtests.tuning.search.space import Codes, Space
from backtests.tuning.search.sweep import (
    Days,
    Workspace,
    empty_segments,
    make_workspace,
    run_planned_set,
    sweep_sets,
)
from strategies.indicators import Floats, Ints

AT_ONCE = 250  # parameter sets handed to a thread: a few hundredths of a second
MOST_SERIES = 500  # return series held at the same time

Result = TypeVar("Result")


class Series(NamedTuple):
    """Daily returns, and the share of equity held in coins at the end of each day; days x sets."""

    returns: Floats
    exposure: Floats


class Evaluator:
    """Runs parameter sets of one space on one market.

    `seconds` is kernel time by the clock, `run` the number of parameter sets that took it.
    """

    def __init__(self, inputs: Inputs, space: Space, threads: int = 0) -> None:
        """`threads` 0: one for each processor this process may use."""
        self.inputs, self.space = inputs, space
        self.threads = threads or len(os.sched_getaffinity(0))
        self._features = FeatureCache(inputs, space)
        self._sessions = arrays.sessions_of(inputs.rows)
        self._bars = arrays.bars_by_session(inputs)
        self._account = arrays.account_of(inputs)
        self._rows = daily_rows(inputs.grid).astype(np.int64)
        self.seconds, self.run = 0.0, 0

    @property
    def days(self) -> pd.DatetimeIndex:
        """The day of each daily return: the UTC day that its bar ends."""
        ends = self.inputs.grid[self._rows[1:]]
        return pd.DatetimeIndex((ends - pd.Timedelta(nanoseconds=1)).floor("D"))

    @property
    def window_sessions(self) -> int:
        """US sessions of the traded window: a gate can be shifted by up to one fewer."""
        return int(self._bars.session[-1]) - max(int(self._bars.session[0]), 0) + 1

    @property
    def basket_returns(self) -> Floats:
        """Daily returns of the coins listed, at their weights over the sum of these.

        Rebalanced daily, without costs; 0 before the first coin is listed.
        """
        closes, weights = self._bars.close[self._rows], np.array(self.inputs.rules.weights)
        gains = closes[1:] / closes[:-1] - 1.0
        listed = np.where(np.isfinite(gains), weights, 0.0)
        whole = listed.sum(axis=1, keepdims=True)
        held = np.divide(listed, whole, out=np.zeros_like(listed), where=whole > 0)
        return np.asarray((held * np.nan_to_num(gains)).sum(axis=1))

    def plan(self, codes: Codes) -> Plan:
        """The feature arrays of these parameter sets (`FeatureCache.plan`)."""
        return self._features.plan(codes)

    def sweep(
        self, codes: Codes, edges: Ints, progress: Callable[[int], object] | None = None
    ) -> Segments:
        """Run all parameter sets.

        Parameters
        ----------
        edges : of the segments, as in `splits.Partition`.
        progress : is called with the number of sets of each finished part.

        Raises
        ------
        ConfigError
            The settings refuse a parameter set.

        """
        plan, days = self._features.plan(codes), self._days(edges)
        segments = empty_segments(len(codes), len(edges) - 1)

        def run_part(first: int) -> int:
            last = min(first + AT_ONCE, len(codes))
            self._run(plan, days, segments, first=first, last=last)
            return last - first

        # Loads the compiled code, whose time is not that of a parameter set.
        self._run(plan, days, segments, first=0, last=0)
        began = time.perf_counter()
        for done in self._in_parts(run_part, range(0, len(codes), AT_ONCE)):
            if progress is not None:
                progress(done)
        self.seconds += time.perf_counter() - began
        self.run += len(codes)
        return segments

    def sweep_shifted(self, codes: Codes, shifts: Sequence[int]) -> Iterator[Segments]:
        """Run all parameter sets over the whole window once for each of `shifts`.

        Every gate is moved so many sessions later (`sweep.shift_circularly`). Yields one segment
        for each shift, in order.
        """
        plan = self._features.plan(codes)
        days = self._days(np.array([0, len(self._rows) - 1]))

        def run_shift(shift: int) -> Segments:
            segments = empty_segments(len(codes), 1)
            self._run(plan, days, segments, first=0, last=len(codes), shift=shift)
            return segments

        yield from self._in_parts(run_shift, shifts)

    def series(self, codes: Codes) -> Series:
        """The daily series of at most `MOST_SERIES` parameter sets.

        Raises
        ------
        ValueError
            They are more.

        """
        if len(codes) > MOST_SERIES:
            raise ValueError(
                f"{len(codes)} return series asked for, at most {MOST_SERIES} are held at once"
            )
        # Two arrays, so that each can be freed alone.
        returns, exposure = (np.empty((len(self._rows) - 1, len(codes))) for _ in range(2))
        for column, space in enumerate(self._runs(codes)):
            equity, cash = space.equity[self._rows], space.cash[self._rows]
            returns[:, column] = equity[1:] / equity[:-1] - 1.0
            exposure[:, column] = 1.0 - cash[1:] / equity[1:]
        return Series(returns, exposure)

    def curves(self, codes: Codes) -> tuple[Floats, Floats]:
        """Equity and cash by bar of a few parameter sets, sets x bars."""
        equity, cash = np.empty((2, len(codes), len(self._bars.time)))
        for row, space in enumerate(self._runs(codes)):
            equity[row], cash[row] = space.equity, space.cash
        return equity, cash

    def _run(
        self,
        plan: Plan,
        days: Days,
        segments: Segments,
        *,
        first: int,
        last: int,
        shift: int = 0,
    ) -> None:
        sweep_sets(
            plan.order,
            plan.indices,
            plan.features,
            self._sessions,
            self._bars,
            self.inputs.costs,
            self._account,
            days,
            self._workspace(),
            segments,
            first,
            last,
            shift,
        )

    def _runs(self, codes: Codes) -> Iterator[Workspace]:
        """Run one parameter set after the other, each in the same workspace."""
        plan, space = self._features.plan(codes), self._workspace()
        for row in range(len(codes)):
            run_planned_set(
                row,
                plan.indices,
                plan.features,
                self._sessions,
                self._bars,
                self.inputs.costs,
                self._account,
                space,
                0,
            )
            yield space

    def _workspace(self) -> Workspace:
        return make_workspace(self._sessions, self._bars)

    def _in_parts(self, run: Callable[[int], Result], parts: Sequence[int]) -> Iterator[Result]:
        """The results of all parts in order, worked out by all threads."""
        if self.threads == 1 or len(parts) < 2:
            yield from map(run, parts)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            waiting = [pool.submit(run, part) for part in parts]
            try:
                for task in waiting:
                    yield task.result()
            finally:
                for task in waiting:
                    task.cancel()

    def _days(self, edges: Ints) -> Days:
        bars = np.arange(len(self._bars.time))
        returns = np.maximum(np.searchsorted(self._rows, bars) - 1, 0)
        segment = np.searchsorted(edges, returns, side="right") - 1
        segment = np.minimum(segment, len(edges) - 2).astype(np.int64)
        return Days(self._rows, edges.astype(np.int64), segment)
