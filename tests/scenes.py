"""Whole backtests on made-up markets: settings, prices and inputs, drawn at random or written by
hand.

Windows are a few sessions long, so that gates open and close within a few dozen bars. `realdata`
tests find their folder here.
"""

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.rules import costs, decision_rules
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices, load_prices
from brokers.prices.series import Request, Series
from config.settings import Settings, load
from strategies.coins import coin_lines

DAY = pd.Timedelta(days=1)
FIRST = pd.Timestamp("2020-01-01", tz="UTC")
REAL = Path(
    os.environ.get("RUSSELL_GATE_TEST_DATA") or Path(__file__).parents[1] / "../shared/data"
)
NO_REAL = f"no real price files: {REAL} (RUSSELL_GATE_TEST_DATA) is no folder"
FUNDS = ("KRE", "XLI")
COINS = ("BTC", "ETH", "SOL", "LTC")
HISTORY = 60  # sessions before the first coin bar of a random market


def realdata(test: Any) -> Any:
    """Mark a test that needs the real price files; it skips, saying why, where they are absent."""
    return pytest.mark.realdata(pytest.mark.skipif(not REAL.is_dir(), reason=NO_REAL)(test))


def configured(changes: Mapping[str, Any]) -> Settings:
    """The default settings with some values replaced, by dotted key."""
    content = deepcopy(_defaults())
    for key, value in changes.items():
        *tables, name = key.split(".")
        table = content
        for part in tables:
            table = table[part]
        assert name in table or key in {"backtest.start", "backtest.end"}, key
        table[name] = value
    return Settings.model_validate(content)


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Settings with values replaced by dotted key, checked as a file would be."""
    content = settings.model_dump()
    for key, value in changes.items():
        *tables, name = key.split(".")
        table = content
        for part in tables:
            table = table[part]
        assert name in table, key
        table[name] = value
    return Settings.model_validate(content)


@cache
def _defaults() -> dict[str, Any]:
    return load().model_dump()


def coin_settings(
    weights: Mapping[str, float], lags: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """The `coins` table for so many weights."""
    return [
        {
            "name": name,
            "history": f"{name}-USD",
            "market": f"{name}/USDT",
            "weight": weight,
            "lag_days": (lags or {}).get(name, 0),
        }
        for name, weight in weights.items()
    ]


def ends(count: int, first: pd.Timestamp = FIRST, length: pd.Timedelta = DAY) -> pd.DatetimeIndex:
    """Instants at which `count` coin bars end, the first bar starting at `first`."""
    return pd.date_range(first + length, periods=count, freq=length, unit="ns", name="known_at")


def bars(
    closes: Sequence[float], index: pd.DatetimeIndex, opens: Sequence[float] | None = None
) -> pd.DataFrame:
    """A coin's bars as a price source gives them; a bar whose close is NaN is not there.

    Opens default to the close before.
    """
    close = np.asarray(closes, dtype=float)
    start = (
        np.concatenate((close[:1], close[:-1])) if opens is None else np.asarray(opens, dtype=float)
    )
    frame = pd.DataFrame(
        {
            "open": start,
            "high": np.fmax(start, close),
            "low": np.fmin(start, close),
            "close": close,
        },
        index,
    )
    frame = frame.assign(adj_close=close, volume=1.0)[frame["close"].notna()]
    return frame.assign(open=frame["open"].fillna(frame["close"]))


def gate_rows(
    ceilings: Sequence[float],
    known_at: pd.DatetimeIndex,
    confirmed_at: Sequence[Any] | None = None,
    stale: Sequence[int] = (),
) -> pd.DataFrame:
    """A gate table with the columns that engines read: confirmed where the ceiling is above zero,
    from the first such row on.
    """
    ceiling = np.asarray(ceilings, dtype=float)
    is_open = ceiling > 0
    opens = np.where(
        is_open & ~np.concatenate(([False], is_open[:-1])), np.arange(len(ceiling)), -1
    )
    row = np.maximum.accumulate(opens)
    since = (
        known_at[np.maximum(row, 0)].where(row >= 0)
        if confirmed_at is None
        else pd.DatetimeIndex(confirmed_at)
    )
    table = pd.DataFrame(
        {"state": np.where(is_open, "confirmed", "dormant"), "ceiling": ceiling, "filled": 0},
        index=known_at,
    )
    return table.assign(
        confirmed_at=since,
        stale=list(stale) or 0,
        close=100.0,
        held="",
        closes_note="",
        substituted=False,
    )


def written(
    frames: Mapping[str, pd.DataFrame],
    table: pd.DataFrame,
    changes: Mapping[str, Any] | None = None,
    length: pd.Timedelta = DAY,
) -> Inputs:
    """Inputs from hand-written bars by coin and a hand-written gate.

    Costs, reserve, steps and band are zero unless changed.
    """
    free = {"costs.fee": 0.0, "costs.slippage": 0.0, "costs.step": 0.0, "costs.min_notional": 0.0}
    free |= {"allocation.cash_reserve": 0.0, "allocation.band": 0.0, "backtest.cash": 1000.0}
    settings = configured(
        free
        | {"coins": coin_settings(dict.fromkeys(frames, 1.0 / len(frames)))}
        | dict(changes or {})
    )
    first, last = (
        min(frame.index[0] for frame in frames.values()),
        max(frame.index[-1] for frame in frames.values()),
    )
    grid = pd.date_range(first, last, freq=length, unit="ns", name="known_at")
    lines = {name: coin_lines(frame, frame["close"], grid, 2, 2) for name, frame in frames.items()}
    sessions = pd.Series(table.index, table.index)
    series = {
        Request(coin.history, "coin", coin.market): _series(
            Request(coin.history, "coin", coin.market), frames[coin.name]
        )
        for coin in settings.coins
    }
    session = Request(settings.signal.broad, "session"), Request(settings.signal.index, "session")
    flat = bars([100.0] * len(table), pd.DatetimeIndex(table.index))
    series |= {request: _series(request, flat) for request in session}
    prices = Prices(series, sessions, max(grid[-1], table.index[-1]))
    return Inputs(
        settings,
        prices,
        table,
        table,
        grid,
        lines,
        next(iter(lines.values())),
        decision_rules(settings),
        costs(settings),
    )


def random_backtest(random: np.random.Generator) -> Inputs:
    """A random parameter set on a random market: everything an engine may meet, drawn often enough
    to be met.
    """
    timeframe = str(random.choice(["1d", "1d", "1d", "1h", "4h"]))
    length = bar_length(timeframe)
    count = int(random.integers(60, 260)) if timeframe == "1d" else int(random.integers(200, 500))
    names = COINS[: int(random.integers(1, len(COINS) + 1))]
    rule_changes = random_rules(random, names)
    sessions = _sessions(HISTORY + int(count * length / DAY), int(random.choice([0, 30, 180])))
    rule_changes |= {
        "exchange.timeframe": timeframe,
        "signal.history_from": sessions.iloc[0].date(),
    }
    rule_changes |= _window(random, count, length)
    series = [
        _session_series(name, random, sessions)
        for name in ("^RUT", "^GSPC", "IWM", "HYG", "IEF", *FUNDS)
    ]
    series += [
        _macro_series(name, random, sessions)
        for name in ("WALCL", "WTREGEN", "RRPONTSYD", "flows", "losses")
    ]
    for name in dict.fromkeys((*names, "BTC")):
        series += _coin_series(name, random, timeframe, count)
    prices = Prices({one.request: one for one in series}, sessions, FIRST + 4000 * DAY)
    return prepare_inputs(configured(rule_changes), prices)


def random_rules(random: np.random.Generator, names: Sequence[str]) -> dict[str, Any]:
    """Settings with small windows; each switch is on in a good share of draws."""

    def one(*values: Any) -> Any:
        return values[int(random.integers(len(values)))]

    def whole(low: int, high: int) -> int:
        return int(random.integers(low, high + 1))

    channels = [
        str(name)
        for name in random.permutation(["credit", "broad", "leadership", "rates", "liquidity"])[
            : whole(0, 5)
        ]
    ]
    enabled = [
        name
        for name in ("volume", "breadth", "leadership", "credit", "liquidity", "exhaustion")
        if random.random() < 0.4
    ]
    weights = random.dirichlet(np.ones(len(names))) * one(1.0, 1.0, 0.8)
    base = whole(3, 7)
    changes: dict[str, Any] = {
        f"confirmations.{name}.enabled": name in enabled
        for name in ("volume", "breadth", "leadership", "credit", "liquidity", "exhaustion")
    }
    changes |= {
        "confirmations.volume.fast_sessions": 2,
        "confirmations.volume.slow_sessions": whole(2, 5),
        "confirmations.breadth.sessions": 3,
    }
    changes |= {
        "confirmations.breadth.symbols": FUNDS,
        "confirmations.leadership.sessions": 3,
        "confirmations.credit.sessions": 3,
    }
    changes |= {
        "confirmations.liquidity.weeks": 1,
        "confirmations.exhaustion.days": 5,
        "confirmations.exhaustion.drawdown": 0.1,
    }
    changes |= {
        "gate.base_sessions": base,
        "gate.rearm_sessions": whole(1, min(3, base)),
        "gate.rearm_within": whole(0, 8),
    }
    changes |= {
        "gate.confirm_sessions": whole(1, 2),
        "gate.confirm_within": whole(2, 6),
        "gate.buffer": one(0.0, 0.0, 0.002),
    }
    changes |= {
        "gate.min_confirmations": whole(0, min(1, len(enabled))),
        "gate.fail_sessions": whole(1, 3),
        "gate.fail_tolerance": one(0.0, 0.01, 0.05),
    }
    changes |= {
        "gate.trend_sessions": whole(3, 8),
        "gate.max_sessions": one(0, 0, 4),
        "gate.max_gate_age": whole(0, 4),
    }
    changes |= {
        "risk_curve.channels": channels,
        "risk_curve.broad_sessions": 4,
        "risk_curve.rates_sessions": 4,
    }
    changes |= {
        "risk_curve.ceilings": [*random.random(len(channels) + 1).round(2).tolist()[:-1], 1.0]
    }
    changes |= {
        "risk_curve.dormant_ceilings": (random.random(len(channels) + 1) * one(0.0, 0.0, 0.5))
        .round(2)
        .tolist()
    }
    changes |= {
        "coins": coin_settings(
            dict(zip(names, weights, strict=True)), {name: whole(0, 6) for name in names}
        )
    }
    changes |= {
        "allocation.unready": one("cash", "spread"),
        "allocation.own_trend": one("off", "off", "and", "or"),
    }
    changes |= {
        "allocation.own_trend_days": whole(2, 6),
        "allocation.volatility_days": whole(2, 6),
        "allocation.target_volatility": one(0.0, 0.0, 0.4),
    }
    changes |= {
        "allocation.drawdown_stop": one(0.0, 0.0, 0.05, 0.15),
        "allocation.cash_reserve": one(0.0, 0.02, 0.2),
        "allocation.band": one(0.0, 0.05, 0.2, 0.5),
    }
    changes |= {
        "costs.fee": one(0.0, 0.001, 0.01),
        "costs.slippage": one(0.0, 0.0005, 0.02),
        "costs.cash_yield": one(0.0, 0.05),
    }
    changes |= {"costs.step": one(0.0, 0.001, 1.0)}
    changes["coins"] = [
        coin | ({"step": one(0.0, 0.01, 0.5)} if random.random() < 0.5 else {})
        for coin in changes["coins"]
    ]
    changes |= {
        "costs.min_notional": one(0.0, 5.0, 200.0),
        "backtest.cash": one(500.0, 10_000.0, 1e6),
    }
    changes |= {"prices.max_age_sessions": whole(1, 4), "prices.max_age_macro": 10}
    return changes


def real_prices(timeframe: str, folder: Path, cache: Path) -> Prices:
    """Every series of the real folder that some random real parameter set reads."""
    return load_prices(
        configured(_real_base(timeframe, folder, cache)), pd.Timestamp("2026-08-22", tz="UTC")
    )


def random_real_backtest(random: np.random.Generator, prices: Prices, timeframe: str) -> Inputs:
    """A random parameter set on a random window of real prices; half of them with windows so short
    that gates open often.
    """
    names = _real_coins(timeframe)
    changes = random_rules(random, names[: int(random.integers(1, len(names) + 1))])
    changes |= {
        "signal.history_from": date(1987, 9, 10),
        "confirmations.breadth.symbols": ["KRE", "XLI", "XBI", "RSP"],
        "exchange.timeframe": timeframe,
    }
    if random.random() < 0.5:
        changes |= {
            "gate.base_sessions": int(random.choice([21, 63, 252])),
            "gate.rearm_sessions": 21,
            "gate.trend_sessions": 200,
            "gate.confirm_within": 60,
        }
    first, last = (
        (pd.Timestamp("2015-01-01"), 2000)
        if timeframe == "1d"
        else (pd.Timestamp("2024-01-05"), 90)
    )
    start = first + int(random.integers(0, 3300 if timeframe == "1d" else 780)) * DAY
    changes |= {
        "backtest.start": start.date(),
        "backtest.end": (start + int(random.integers(20, last)) * DAY).date(),
    }
    return prepare_inputs(configured(changes), prices)


def _real_coins(timeframe: str) -> tuple[str, ...]:
    return ("BTC", "ETH", "SOL", "LTC") if timeframe == "1d" else ("BTC", "ETH", "SOL")


def _real_base(timeframe: str, folder: Path, cache: Path) -> dict[str, Any]:
    coins = coin_settings(dict.fromkeys(_real_coins(timeframe), 0.25))
    used = {
        f"confirmations.{name}.enabled": True
        for name in ("volume", "breadth", "leadership", "credit", "liquidity", "exhaustion")
    }
    return used | {
        "prices.source": "folder",
        "prices.folder": str(folder),
        "prices.cache": str(cache),
        "coins": coins,
        "exchange.timeframe": timeframe,
    }


def _window(random: np.random.Generator, count: int, length: pd.Timedelta) -> dict[str, Any]:
    """A traded window inside the coins' bars, or all of them."""
    days = int(count * length / DAY)
    if days < 8 or random.random() < 0.4:
        return {}
    start = int(random.integers(0, days // 2))
    end = int(random.integers(start + 3, days))
    return {
        "backtest.start": (FIRST + start * DAY).date(),
        "backtest.end": (FIRST + end * DAY).date(),
    }


def _sessions(days: int, delay: int) -> pd.Series:
    """Weekdays from before the first coin bar: instant known -> close, 21:00 UTC."""
    closes = pd.bdate_range(
        FIRST - HISTORY * DAY, periods=int(days * 5 / 7), tz="UTC"
    ) + pd.Timedelta(hours=21)
    return pd.Series(closes, pd.DatetimeIndex(closes + pd.Timedelta(minutes=delay)).as_unit("ns"))


def _walk(
    random: np.random.Generator, count: int, deviation: float, drift: float = 0.0
) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(random.normal(drift, deviation, count)))


def _holes(random: np.random.Generator, count: int, share: float, longest: int) -> np.ndarray:
    """Which of `count` values are missing: runs of up to `longest`, the first value never."""
    missing = np.zeros(count, dtype=bool)
    for start in np.flatnonzero(random.random(count) < share):
        missing[start : start + int(random.integers(1, longest + 1))] = True
    missing[0] = False
    return missing


def _series(request: Request, frame: pd.DataFrame) -> Series:
    return Series(request, "made up", f"made-up {request.name}", frame, request.name, ())


def _session_series(name: str, random: np.random.Generator, sessions: pd.Series) -> Series:
    closes = np.where(
        _holes(random, len(sessions), 0.02, 6), np.nan, _walk(random, len(sessions), 0.01, 0.002)
    )
    frame = bars(closes, pd.DatetimeIndex(sessions.index))
    return _series(
        Request(name, "session"),
        frame.assign(volume=random.integers(1, 100, len(frame)).astype(float)),
    )


def _macro_series(name: str, random: np.random.Generator, sessions: pd.Series) -> Series:
    known_at = pd.DatetimeIndex(sessions.index[::5]) + pd.Timedelta(minutes=7)
    values = (
        random.normal(0.0, 1.0, len(known_at)) if name == "flows" else random.random(len(known_at))
    )
    return _series(Request(name, "macro"), pd.DataFrame({"value": values}, known_at))


def _coin_series(
    name: str, random: np.random.Generator, timeframe: str, count: int
) -> list[Series]:
    """Bars of one coin, gapping at the open; some coins are listed late, some end early, some have
    holes.
    """
    length = bar_length(timeframe)
    deviation = 0.05 * np.sqrt(length / DAY)
    closes = _walk(random, count, deviation) * float(random.choice([0.01, 1.0, 300.0]))
    opens = np.concatenate((closes[:1], closes[:-1])) * np.exp(
        random.normal(0.0, float(random.choice([0.0, deviation])), count)
    )
    listed = int(random.integers(1, count // 2)) if name != "BTC" and random.random() < 0.5 else 0
    ended = (
        int(random.integers(count // 2, count))
        if name != "BTC" and random.random() < 0.4
        else count
    )
    missing = _holes(random, count, float(random.choice([0.0, 0.03, 0.1])), 5)
    missing[listed], missing[:listed], missing[ended:] = False, True, True
    closes[missing] = np.nan
    frame = bars(closes, ends(count, length=length), opens)
    found = [_series(Request(f"{name}-USD", "coin", f"{name}/USDT", timeframe), frame)]
    if timeframe != "1d":
        by_day = frame.groupby((frame.index - pd.Timedelta(nanoseconds=1)).floor("D") + DAY).last()
        found.append(
            _series(
                Request(f"{name}-USD", "coin", f"{name}/USDT", "1d"), by_day.rename_axis("known_at")
            )
        )
    return found
