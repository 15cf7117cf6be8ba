"""Worlds: the gate's market as it was, beside it coins whose days are drawn anew.

Each day of a world is a real day of all coins together, so that they fall together; days are drawn
in blocks (the stationary bootstrap of Politis and Romano 1994), so that storms last. What a coin
earns on average is set: its real mean, and while the gate is open so much more (and while it is
closed so much less) as the world's effect says.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.calibration.coin_days import CLOSE, DAY, CoinDays, Flags, Intraday, Pools, make_pools
from backtests.calibration.regimes import Regimes, draw_states
from backtests.statistics.bootstrap import BLOCK_DAYS
from brokers.prices.clean import vintage
from brokers.prices.load import Prices
from brokers.prices.series import BAR_COLUMNS, Request
from strategies.breakout import CONFIRMED, STATES
from strategies.indicators import Floats, Ints


class Source(NamedTuple):
    """What all worlds of a run are drawn from.

    `is_open`: whether the gate was open when a day began. `effect` is the daily log return that the
    worlds' gate adds while it is open; 0: none. `regimes` None: the days of all markets alike.
    """

    coins: CoinDays
    pools: Pools
    is_open: Flags
    effect: float = 0.0
    regimes: Regimes | None = None


class World(NamedTuple):
    """Frames of drawn coins by request, and which row of the source each day is."""

    frames: dict[Request, pd.DataFrame]
    rows: Ints


def make_source(
    coins: CoinDays, is_open: Flags, effect: float = 0.0, regimes: Regimes | None = None
) -> Source:
    """A source of worlds."""
    return Source(coins, make_pools(coins), is_open, effect, regimes)


def open_days(table: pd.DataFrame, days: pd.DatetimeIndex) -> Flags:
    """Whether the gate (its table) was open, as far as was known, when each day began.

    What was bought then earns that day.
    """
    known_at = pd.DatetimeIndex(table.index)
    row = known_at.searchsorted(days - DAY, side="right") - 1
    state = table["state"].to_numpy()[np.maximum(row, 0)]
    return np.asarray((row >= 0) & (state == STATES[CONFIRMED]))


def measured_effect(coins: CoinDays, bitcoin: str, is_open: Flags) -> float:
    """Bitcoin's mean daily log return with the gate open less that with it closed.

    0 if the gate was never open, or never closed, while Bitcoin had prices.
    """
    column = [request.symbol for request in coins.requests].index(bitcoin)
    returns = coins.logs[:, column, CLOSE]
    known = ~np.isnan(returns)
    inside, outside = returns[known & is_open], returns[known & ~is_open]
    return float(inside.mean() - outside.mean()) if len(inside) and len(outside) else 0.0


def draw_world(source: Source, seed: int, number: int) -> World:
    """World `number` of a seed, the same whatever other worlds are drawn."""
    random = np.random.default_rng(np.random.SeedSequence([seed, number]))
    coins, pools, regimes = source.coins, source.pools, source.regimes
    kinds, rows_of = pools.of, pools.rows
    if regimes is not None:
        kinds = 2 * kinds + draw_states(regimes, len(kinds), random)
        rows_of = tuple(rows for pool in pools.rows for rows in split_pool(pool, regimes))
    rows = draw_rows(kinds, rows_of, random)
    logs = coins.logs[rows]
    added = drifts(source)
    logs[:, :, CLOSE] += added
    frames = {}
    for column, request in enumerate(coins.requests):
        frames[request] = _daily_bars(coins, column, logs[:, column], rows)
    for number, part in enumerate(coins.intraday):
        daily = frames[coins.requests[part.coin]]["close"].reindex(coins.days).to_numpy()
        days = np.flatnonzero(coins.listed[:, len(coins.requests) + number])
        bars = _place_bars(coins, part, days, rows)
        frames[part.request] = _intraday_bars(coins, part, bars, daily, added[:, part.coin])
    return World(frames, rows)


def with_coins(prices: Prices, frames: dict[Request, pd.DataFrame]) -> Prices:
    """The same prices with other bars of the coins."""
    drawn = {
        request: prices.series[request]._replace(
            frame=frame, vintage=vintage(frame), origin="drawn", notes=(), substitutes=None
        )
        for request, frame in frames.items()
        if request in prices.series
    }
    return prices._replace(series={**prices.series, **drawn})


def split_pool(pool: Ints, regimes: Regimes) -> tuple[Ints, Ints]:
    """Its days in bear and in bull markets; all of them for a kind with less than a block."""
    bear, bull = pool[~regimes.bull[pool]], pool[regimes.bull[pool]]
    return bear if len(bear) >= BLOCK_DAYS else pool, bull if len(bull) >= BLOCK_DAYS else pool


def draw_rows(kinds: Ints, rows_of: Sequence[Ints], random: np.random.Generator) -> Ints:
    """A row for each day, out of those of the day's kind.

    Blocks of geometric length with mean `BLOCK_DAYS` run through the rows of a kind as through a
    circle; one also ends where the kind changes. Each row is as likely as the next.
    """
    chances, places = random.random((2, len(kinds)))
    is_new = (chances * BLOCK_DAYS < 1.0) | (np.diff(kinds, prepend=-1) != 0)
    days = np.arange(len(kinds))
    begun = np.maximum.accumulate(np.where(is_new, days, 0))
    rows = np.empty(len(kinds), dtype=np.int64)
    for kind, choice in enumerate(rows_of):
        here = np.flatnonzero(kinds == kind)
        first = (places[begun[here]] * len(choice)).astype(np.int64)
        rows[here] = choice[(first + here - begun[here]) % len(choice)]
    return rows


def drifts(source: Source) -> Floats:
    """What has to be added to the drawn daily log returns, days x coins; 0 where one has none.

    So that a coin's mean is its real one, and in its days with the gate open exceeds that of all
    others by the effect.
    """
    coins, pools, regimes = source.coins, source.pools, source.regimes
    closes = np.where(coins.usable[:, : len(coins.requests)], coins.logs[:, :, CLOSE], np.nan)
    listed = coins.listed[:, : len(coins.requests)]
    expected = np.array([_expected(closes, rows, regimes) for rows in pools.rows])[pools.of]
    gate = source.is_open[:, None] & listed
    share = gate.sum(axis=0) / listed.sum(axis=0)
    apart = source.effect * (source.is_open[:, None] - share)
    return np.where(listed, np.nanmean(closes, axis=0) - expected + apart, 0.0)


def _expected(closes: Floats, rows: Ints, regimes: Regimes | None) -> Floats:
    """Mean return, by coin, of a day drawn from a pool; NaN for coins that it does not have."""
    if regimes is None:
        return np.asarray(closes[rows].mean(axis=0))
    bear, bull = (closes[part].mean(axis=0) for part in split_pool(rows, regimes))
    return np.asarray(regimes.share * bull + (1.0 - regimes.share) * bear)


def _daily_bars(coins: CoinDays, column: int, logs: Floats, rows: Ints) -> pd.DataFrame:
    """A coin's bars from its real first one on; the drift of a day comes within the day."""
    listed = np.flatnonzero(coins.listed[:, column])
    begin, end = int(listed[0]), int(listed[-1]) + 1
    real = coins.bars[column]
    start = real.iloc[int(real.index.searchsorted(coins.days[begin])) - 1]
    closes = start["close"] * np.exp(np.concatenate(([0.0], np.cumsum(logs[begin:end, CLOSE]))))
    opened, high, low = (closes[:-1] * np.exp(logs[begin:end, price]) for price in range(CLOSE))
    volume = real["volume"].reindex(coins.days).to_numpy()[rows[begin:end]]
    bars = np.column_stack(
        [
            opened,
            np.maximum(high, closes[1:]),
            np.minimum(low, closes[1:]),
            closes[1:],
            closes[1:],
            volume,
        ]
    )
    first = start[list(BAR_COLUMNS)].to_numpy(dtype=float)
    return pd.DataFrame(
        np.concatenate([first[None], bars]), coins.days[begin - 1 : end], list(BAR_COLUMNS)
    )


class PlacedBars(NamedTuple):
    """Bars within days: their rows, the day in which each is put and the real one it comes from.

    `begins` and `ends` are the parts of the day, 0 to 1, that had passed before and after it.
    """

    bar: Ints
    day: Ints
    source: Ints
    begins: Floats
    ends: Floats


def _place_bars(coins: CoinDays, part: Intraday, days: Ints, rows: Ints) -> PlacedBars:
    """The bars of the real day `rows[day]` of each of `days`."""
    counts = (part.end - part.begin)[rows[days]]
    first = np.cumsum(counts) - counts
    day, source = np.repeat(days, counts), np.repeat(rows[days], counts)
    bar = part.begin[source] + np.arange(len(day)) - np.repeat(first, counts)
    ends = 1.0 - (coins.days[source] - pd.DatetimeIndex(part.frame.index)[bar]) / DAY
    begins = np.concatenate(([0.0], ends))[:-1]
    begins[first[counts > 0]] = 0.0
    return PlacedBars(bar, day, source, begins, np.asarray(ends))


def _intraday_bars(
    coins: CoinDays, part: Intraday, bars: PlacedBars, closes: Floats, drift: Floats
) -> pd.DataFrame:
    """Bars scaled to the drawn close of the day before; a day's drift grows evenly through it.

    `closes` are the drawn daily ones, `drift` what was added to the day's log return.
    """
    real = coins.bars[part.coin]["close"].reindex(coins.days).to_numpy()
    scale = closes[bars.day - 1] / real[bars.source - 1]
    before, after = (
        scale * np.exp(drift[bars.day] * passed) for passed in (bars.begins, bars.ends)
    )
    opened, high, low, close, _, volume = (
        part.frame[list(BAR_COLUMNS)].to_numpy(dtype=float)[bars.bar].T
    )
    opened, close = opened * before, close * after
    high = np.maximum(high * before, np.maximum(opened, close))
    low = np.minimum(low * before, np.minimum(opened, close))
    known_at = pd.DatetimeIndex(part.frame.index)[bars.bar] + (
        coins.days[bars.day] - coins.days[bars.source]
    )
    columns = dict(zip(BAR_COLUMNS, (opened, high, low, close, close, volume), strict=True))
    return pd.DataFrame(columns, known_at.rename("known_at"))
