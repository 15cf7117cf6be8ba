"""A paper session against the backtest of the same days: what differs, and by how much."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.checks import parity
from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run, simulate
from backtests.paper_sessions.backtest_inputs import session_inputs
from backtests.paper_sessions.recording import JournalSnapshot
from backtests.performance.metrics import DAYS, Metrics, daily_rows, measure, returns
from backtests.performance.result import equity_frame
from backtests.performance.short_windows import is_short, window_days, without_annualised
from brokers.prices.load import Prices
from config.settings import Settings


class TrackedDifference(NamedTuple):
    """One decision or order that differs from the backtest's.

    `follows`: only because earlier fills, fees or cash flows differ.
    """

    time: int
    what: str
    live: str
    backtest: str
    cause: str
    follows: bool


class TrackingDifference(NamedTuple):
    """Returns of the paper session minus those of the backtest, as fractions.

    `total` over all days; `yearly` annualised (None in a window that `short_windows` calls short);
    `daily`, the tracking error: the standard deviation of the daily differences (None for a single
    day).
    """

    total: float
    yearly: float | None
    daily: float | None
    days: int


class TrackingReport(NamedTuple):
    """The paper session compared with the backtest.

    `curves` by bar: `live` and `backtest` (start at 1), and `_exposure`, the share in coins, of
    each. `orders` are compared, those of the backtest among them `expected`; on `idle` bars no coin
    had a price; `opens` as in `JournalSnapshot`.
    """

    bars: int
    orders: int
    expected: int
    differences: tuple[TrackedDifference, ...]
    curves: pd.DataFrame
    live: Metrics
    backtest: Metrics
    tracking: TrackingDifference
    idle: frozenset[int]
    opens: Mapping[tuple[int, str], float]
    prices: Prices
    settings: Settings
    notes: tuple[str, ...]


def compare_with_backtest(
    journal: JournalSnapshot, settings: Settings, prices: Prices
) -> TrackingReport:
    """Run the backtest of the journal's days, on the session's `settings`, and compare.

    Raises
    ------
    DataError
        The prices do not cover the first day, or cannot be used.

    """
    inputs, notes = session_inputs(journal, settings, prices)
    coins = list(inputs.coins)
    whole = simulate(inputs)
    # An order of the newest bar fills in the one after it: without that bar nobody knows at what
    # price the backtest would have filled it.
    end = int(inputs.grid[-1].timestamp())
    live, backtest = (_until(run, journal.decisions[-1].time, end) for run in (journal.run, whole))
    report = parity.compare(live, backtest, coins)
    differences = [found for found in report.differences if found.what != "equity"]
    curves = _curves(journal, live, backtest)
    cash = journal.equity[0].value
    return TrackingReport(
        bars=report.bars,
        orders=len({(order.decided, order.symbol) for order in (*live.orders, *backtest.orders)}),
        expected=len(backtest.orders),
        differences=tuple(_explain(journal, differences, coins)),
        curves=curves,
        live=_metrics(curves["live"], curves["live_exposure"], cash, live),
        backtest=_metrics(curves["backtest"], curves["backtest_exposure"], cash, backtest),
        tracking=tracking_difference(curves),
        idle=_idle_bars(whole),
        opens=_opens(inputs),
        prices=prices,
        settings=inputs.settings,
        notes=tuple(notes),
    )


def _until(run: Run, last: int, end: int) -> Run:
    """Decisions up to `last`, and orders whose bar after the decision has ended by `end`."""
    return Run(
        [decision for decision in run.decisions if decision.time <= min(last, end)],
        [order for order in run.orders if order.decided < end],
    )


def _idle_bars(run: Run) -> frozenset[int]:
    return frozenset(
        decision.time
        for decision in run.decisions
        if all(missing != 0 for missing in decision.missing) and not any(decision.sizes)
    )


def _explain(
    journal: JournalSnapshot, differences: Sequence[parity.Difference], coins: Sequence[str]
) -> Iterator[TrackedDifference]:
    """What the journal itself says about an order comes before what can only be concluded."""
    unfilled = {
        (intent.time, intent.symbol): f"{intent.state}: {intent.why}"
        for intent in journal.intents
        if intent.state != "done"
    }
    notes = {row.time: row.note for row in journal.decisions if row.note}
    decided = {
        (decision.time, coin): size
        for decision in journal.run.decisions
        for coin, size in zip(coins, decision.sizes, strict=True)
    }
    other_account = {found.time for found in differences if found.cause == parity.OTHER_ACCOUNT}
    for found in differences:
        cause, follows = found.cause, found.cause in parity.CONSEQUENCES
        coin = found.what.removeprefix("order: ")
        if coin != found.what and not follows:
            sent, size = found.live != "none", decided.get((found.time, coin), 0.0)
            reason = unfilled.get((found.time, coin))
            if not reason and not sent and size:
                reason = notes.get(found.time)
            # The session ordered what it had decided, nothing or something: then the order differs
            # as the decision does.
            as_decided = sent == bool(size)
            follows = reason is None and found.time in other_account and as_decided
            cause = reason or (parity.OTHER_ACCOUNT if follows else cause)
        yield TrackedDifference(*found[:4], cause=cause, follows=follows)


def _curves(journal: JournalSnapshot, live: Run, backtest: Run) -> pd.DataFrame:
    """Both at the bars both have decided; deposits and withdrawals are no return."""
    frames = {"live": equity_frame(live), "backtest": equity_frame(backtest)}
    both = pd.DatetimeIndex(frames["live"].index.intersection(frames["backtest"].index))
    unit_values = pd.Series({row.time: row.unit_value for row in journal.equity}, dtype=float)
    units = unit_values.reindex(both.as_unit("s").asi8).to_numpy()
    values = frames["backtest"]["value"].reindex(both).to_numpy()
    shares = {
        f"{name}_exposure": frame["exposure"].reindex(both).to_numpy()
        for name, frame in frames.items()
    }
    return pd.DataFrame(
        {"live": units / units[0], "backtest": values / values[0], **shares}, index=both
    )


def _metrics(curve: pd.Series, exposure: pd.Series, cash: float, run: Run) -> Metrics:
    filled = [order for order in run.orders if order.filled is not None]
    traded = sum(abs(order.size * order.price) for order in filled)
    fees = sum(order.fee for order in filled)
    metrics = measure(curve * cash, exposure.to_numpy(dtype=float), traded, len(filled), fees)
    return without_annualised(metrics, window_days(curve.index[0], curve.index[-1]))


def tracking_difference(curves: pd.DataFrame) -> TrackingDifference:
    """Returns of `live` minus those of `backtest`; both start at 1."""
    days = curves.iloc[daily_rows(pd.DatetimeIndex(curves.index))]
    growth = {name: float(curves[name].iloc[-1]) for name in ("live", "backtest")}
    passed = (curves.index[-1] - curves.index[0]) / pd.Timedelta(days=1)
    yearly = None
    if not is_short(window_days(curves.index[0], curves.index[-1])):
        yearly = growth["live"] ** (DAYS / passed) - growth["backtest"] ** (DAYS / passed)
    gaps = returns(days["live"].to_numpy()) - returns(days["backtest"].to_numpy())
    deviation = float(np.std(gaps, ddof=1)) if len(gaps) > 1 else None
    return TrackingDifference(growth["live"] - growth["backtest"], yearly, deviation, len(days))


def _opens(inputs: Inputs) -> dict[tuple[int, str], float]:
    opens: dict[tuple[int, str], float] = {}
    for coin, lines in inputs.coins.items():
        real = lines[lines["stale"] == 0]
        ends = pd.DatetimeIndex(real.index).as_unit("s").asi8
        opens |= {
            (int(end), coin): float(price) for end, price in zip(ends, real["open"], strict=True)
        }
    return opens
