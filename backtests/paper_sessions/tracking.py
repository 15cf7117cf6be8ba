"""The backtest of the days a session has traded, and how far the session is from it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.checks import parity
from backtests.engine.inputs import Inputs, prepare
from backtests.engine.simulation import Run, simulate
from backtests.paper_sessions.recording import REPLAYED, Kept
from backtests.performance.metrics import DAYS, Metrics, daily_rows, measure, returns
from backtests.performance.result import equity_frame
from brokers.prices import download
from brokers.prices.live import daily
from brokers.prices.load import Prices, load_prices, source_of, wanted
from brokers.prices.series import DataError
from brokers.progress import Progress
from config.settings import ConfigError, Settings, restored

SERVICES = ("yahoo", "exchange", "fred")
PRIVATE = ("notify", "log", "journal")  # sections of the settings that decide nothing


class Differing(NamedTuple):
    """One decision or order that is not the backtest's; `follows`: only because earlier fills, fees or flows were others."""

    time: int
    what: str
    live: str
    backtest: str
    cause: str
    follows: bool


class Tracking(NamedTuple):
    """Total return of the session less that of the backtest, the same a year (None within the first), and of a day its deviation."""

    total: float
    yearly: float | None
    daily: float | None
    days: int


class SameDays(NamedTuple):
    """The session held against the backtest. `curves` by bar: `live` and `backtest` (start at 1), and `_exposure`, the share in coins, of each.

    `orders` are compared, those of the backtest among them `expected`; `idle` bars had no coin's price; `opens` as in `kept.Kept`.
    """

    bars: int
    orders: int
    expected: int
    differences: tuple[Differing, ...]
    curves: pd.DataFrame
    live: Metrics
    backtest: Metrics
    tracking: Tracking
    idle: frozenset[int]
    opens: Mapping[tuple[int, str], float]
    prices: Prices
    settings: Settings
    notes: tuple[str, ...]


def same_days(kept: Kept, settings: Settings, prices: Prices) -> SameDays:
    """Run the backtest of the journal's days, on the session's `settings`, and compare.

    Raises
    ------
    DataError
        The prices do not cover the first day, or cannot be used.

    """
    inputs, notes = _inputs(kept, settings, prices)
    end = int(inputs.grid[-1].timestamp())
    whole = simulate(inputs)
    # An order of the newest bar fills in the one after it: without that bar nobody knows what the backtest would have paid.
    live, backtest = (_until(run, kept.decisions[-1].time, end) for run in (kept.run, whole))
    found = parity.compare(live, backtest, list(inputs.coins))
    curves = _curves(kept, live, backtest)
    return SameDays(
        bars=found.bars,
        orders=len({(one.decided, one.symbol) for one in (*live.orders, *backtest.orders)}),
        expected=len(backtest.orders),
        differences=tuple(
            _explained(
                kept, [one for one in found.differences if one.what != "equity"], list(inputs.coins)
            )
        ),
        curves=curves,
        live=_measured(curves["live"], curves["live_exposure"], kept.equity[0].value, live),
        backtest=_measured(
            curves["backtest"], curves["backtest_exposure"], kept.equity[0].value, backtest
        ),
        tracking=_tracking(curves),
        idle=frozenset(
            one.time
            for one in whole.decisions
            if all(missing != 0 for missing in one.missing) and not any(one.sizes)
        ),
        opens=_opens(inputs),
        prices=prices,
        settings=inputs.settings,
        notes=tuple(notes),
    )


def session_settings(kept: Kept, overrides: Sequence[str]) -> Settings:
    """The last session's settings, prices from where it had them unless `overrides` name a source.

    Raises
    ------
    ConfigError
        They are not settings of this version.

    """
    last = kept.sessions[-1]
    name = f"the settings of session {last.id} in {kept.path}"
    if not kept.setup.coins:
        raise ConfigError(f"{name}: name no coins; they are not those of a session")
    settings = restored(last.settings, name, list(overrides))
    chosen = any(
        text.replace(" ", "").startswith(("prices.source=", "prices.sources")) for text in overrides
    )
    if chosen or settings.prices.source == "sample":
        return settings
    if kept.replayed:
        return (
            settings.model_copy(
                update={"prices": settings.prices.model_copy(update={"source": "sample"})}
            )
            if _on_sample(kept)
            else settings
        )
    return settings.model_copy(update={"prices": daily(settings).prices})


def _on_sample(kept: Kept) -> bool:
    """Whether the run folder that a replay's journal lies in says that its prices were the embedded sample."""
    try:
        return bool(
            json.loads((kept.path.parent / "metrics.json").read_text(encoding="utf-8"))["sample"]
        )
    except (OSError, ValueError, LookupError, TypeError):
        return False


def prices_of(settings: Settings, now: pd.Timestamp, progress: Progress | None = None) -> Prices:
    """All prices as they are known at `now`; where nobody can be reached that takes a second or two.

    Raises
    ------
    DataError
        A series cannot be had or used.

    """
    requests = [(request, source_of(request, settings)) for request in wanted(settings)]
    download.refuse_unreachable(
        [(request, source) for request, source in requests if source in SERVICES], settings
    )
    return load_prices(settings, now, progress=progress)


def _inputs(kept: Kept, settings: Settings, prices: Prices) -> tuple[Inputs, list[str]]:
    """The backtest's inputs over the journal's bars and the one after them, and what has to be said about them."""
    first, last, length = kept.decisions[0].time, kept.decisions[-1].time, kept.setup.length
    until = last if kept.sessions[-1].outcome == REPLAYED else last + length
    window = {"start": _day(first), "end": _day(until), "cash": kept.equity[0].value}
    changes = {
        "backtest": settings.backtest.model_copy(update=window),
        "costs": settings.costs.model_copy(update={"cash_yield": 0.0}),
    }
    inputs = prepare(settings.model_copy(update=changes), prices)
    ends = inputs.grid.as_unit("s").asi8
    inside = (ends >= first) & (ends <= until)
    if not inside.any() or ends[inside][0] > first:
        begins = inputs.grid[0] if len(inputs.grid) else prices.now
        raise DataError(
            f"the coins' prices begin with the bar of {begins:%Y-%m-%d %H:%M}, the session with that of {_utc(first)}"
        )
    grid, reached = inputs.grid[inside], int(ends[inside][-1])
    coins = {name: lines.loc[grid[0] : grid[-1]] for name, lines in inputs.coins.items()}
    notes = (
        [f"Prices reach to {_utc(reached)}: later bars are not compared."] if reached < last else []
    )
    return inputs._replace(grid=grid, coins=coins), [*notes, *_changed(kept)]


def _changed(kept: Kept) -> list[str]:
    """What the settings of earlier sessions were otherwise, a sentence for each session that began with others than the one after it."""
    told = []
    for before, after in zip(kept.sessions, kept.sessions[1:], strict=False):
        if keys := _other_settings(before.settings, after.settings):
            told.append(
                f"From {_utc(after.started)} on the session had other settings ({', '.join(keys)}); the backtest has the last ones."
            )
    return told


def _other_settings(before: str, after: str) -> list[str]:
    """Dotted keys in which two sessions' settings (JSON) differ, but for those that decide nothing."""
    one, two = (_flat(json.loads(text)) if text.startswith("{") else {} for text in (before, after))
    keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    return sorted(key for key in keys if key.partition(".")[0] not in PRIVATE)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= (
            _flat(value, f"{prefix}{name}.")
            if isinstance(value, dict)
            else {f"{prefix}{name}": value}
        )
    return found


def _until(run: Run, last: int, end: int) -> Run:
    """Decisions up to `last`, and orders whose bar after the decision has ended by `end`."""
    return Run(
        [one for one in run.decisions if one.time <= min(last, end)],
        [one for one in run.orders if one.decided < end],
    )


def _explained(
    kept: Kept, differences: Sequence[parity.Difference], coins: Sequence[str]
) -> Iterator[Differing]:
    """What the journal itself says about an order comes before what can only be concluded."""
    stopped = {
        (one.time, one.symbol): f"{one.state}: {one.why}"
        for one in kept.intents
        if one.state != "done"
    }
    notes = {row.time: row.note for row in kept.decisions if row.note}
    wanted = {
        (one.time, coin): size
        for one in kept.run.decisions
        for coin, size in zip(coins, one.sizes, strict=True)
    }
    other_account = {one.time for one in differences if one.cause == parity.OTHER_ACCOUNT}
    for one in differences:
        follows, cause, coin = (
            one.cause in parity.FOLLOWS,
            one.cause,
            one.what.removeprefix("order: "),
        )
        if coin != one.what and not follows:
            said = stopped.get((one.time, coin)) or (
                notes.get(one.time) if one.live == "none" and wanted[one.time, coin] else None
            )
            # The session ordered what it had decided, nothing or something: then the order differs as the decision does.
            follows = (
                said is None
                and one.time in other_account
                and (one.live == "none") == (not wanted[one.time, coin])
            )
            cause = said or (parity.OTHER_ACCOUNT if follows else cause)
        yield Differing(*one[:4], cause, follows)


def _curves(kept: Kept, live: Run, backtest: Run) -> pd.DataFrame:
    """Both at the bars both have decided; what was paid in or out is no gain of the session's."""
    own, other = equity_frame(live), equity_frame(backtest)
    both = pd.DatetimeIndex(own.index.intersection(other.index))
    units = (
        pd.Series({row.time: row.unit_value for row in kept.equity}, dtype=float)
        .reindex(both.as_unit("s").asi8)
        .to_numpy()
    )
    values = other["value"].reindex(both).to_numpy()
    shares = {
        f"{name}_exposure": frame["exposure"].reindex(both).to_numpy()
        for name, frame in (("live", own), ("backtest", other))
    }
    return pd.DataFrame(
        {"live": units / units[0], "backtest": values / values[0], **shares}, index=both
    )


def _measured(curve: pd.Series, exposure: pd.Series, cash: float, run: Run) -> Metrics:
    filled = [one for one in run.orders if one.filled is not None]
    traded, fees = sum(abs(one.size * one.price) for one in filled), sum(one.fee for one in filled)
    return measure(curve * cash, exposure.to_numpy(dtype=float), traded, len(filled), fees)


def _tracking(curves: pd.DataFrame) -> Tracking:
    days = curves.iloc[daily_rows(pd.DatetimeIndex(curves.index))]
    growth = {name: float(curves[name].iloc[-1]) for name in ("live", "backtest")}
    passed = (curves.index[-1] - curves.index[0]) / pd.Timedelta(days=1)
    yearly = (
        growth["live"] ** (DAYS / passed) - growth["backtest"] ** (DAYS / passed)
        if passed > DAYS
        else None
    )
    gaps = returns(days["live"].to_numpy()) - returns(days["backtest"].to_numpy())
    deviation = float(np.std(gaps, ddof=1)) if len(gaps) > 1 else None
    return Tracking(growth["live"] - growth["backtest"], yearly, deviation, len(days))


def _opens(inputs: Inputs) -> dict[tuple[int, str], float]:
    found: dict[tuple[int, str], float] = {}
    for coin, lines in inputs.coins.items():
        fresh = lines[lines["stale"] == 0]
        found |= {
            (int(end), coin): float(value)
            for end, value in zip(
                pd.DatetimeIndex(fresh.index).as_unit("s").asi8, fresh["open"], strict=True
            )
        }
    return found


def _day(end: int) -> Any:
    return datetime.fromtimestamp(end - 1, UTC).date()


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
