"""Made-up coins beside the real gate: worlds in which it is known whether the gate says anything
about them.

Coins are the real ones' days drawn anew, in blocks and jointly, so that they fall together and
storms last. What a coin earns on average is set: in the null world its real mean on every day, in
the others one drift while the gate of the settings as they stand is open and another while it is
shut. The gate's own series stay as they are.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.engine.arrays import gate_arrays
from backtests.engine.inputs import Inputs
from backtests.performance.metrics import DAYS
from backtests.statistics.bootstrap import BLOCK_DAYS
from brokers.prices.load import Prices
from brokers.prices.series import BAR_COLUMNS, Request
from strategies.breakout import CONFIRMED
from strategies.indicators import Floats, Ints

Flags = NDArray[np.bool_]
PRICES = ("open", "high", "low", "close")
OPEN, SHUT = 0.79, 0.26  # BTC's yearly log return while the gate was open, and while it was shut
LEVEL = 0.05


class Effect(NamedTuple):
    """Yearly log return of every coin while the gate is open, and while it is shut."""

    open: float
    shut: float


def effect(times: float) -> Effect:
    """What was measured on BTC with the difference that the gate makes so many times as large:
    without the gate coins earn what they do.
    """
    return Effect(SHUT + times * (OPEN - SHUT), SHUT)


class Source(NamedTuple):
    """Real coins and the days to fill. A day is the one that ends at its instant.

    `logs` has, days x coins x open, high, low and close, the log of a price over the close before;
    NaN where a coin has none. `days` are those to fill, `listed` says, days x coins, which coins
    have a return on them, `is_open` whether the gate was when they began. `pool` is, by day, which
    of `pools` it is drawn from: rows of `logs`, from and to before, with all the coins that it
    needs.
    """

    requests: tuple[Request, ...]
    logs: Floats
    volume: Floats
    days: pd.DatetimeIndex
    listed: Flags
    is_open: Flags
    pool: Ints
    pools: tuple[tuple[int, int], ...]


class World(NamedTuple):
    """Prices with drawn coins, which row of the source each day is, and what each coin earned on it
    (log, days x coins, NaN: unlisted).
    """

    prices: Prices
    rows: Ints
    returns: Floats


def source(inputs: Inputs, first: pd.Timestamp | None = None) -> Source:
    """The coins of a backtest; with `first`, each listed as much earlier as it takes for the first
    of them to begin on that day (UTC).

    Raises
    ------
    ValueError : a coin's days have gaps.

    """
    requests = tuple(
        dict.fromkeys(request for request in inputs.prices.series if request.kind == "coin")
    )
    frames = [inputs.prices.series[request].frame for request in requests]
    real = pd.date_range(min(one.index[0] for one in frames), max(one.index[-1] for one in frames))
    for request, frame in zip(requests, frames, strict=True):
        if len(frame) != (frame.index[-1] - frame.index[0]).days + 1 or frame["close"].isna().any():
            raise ValueError(f"{request.name}: its days have gaps, which cannot be drawn")
    whole = [frame.reindex(real) for frame in frames]
    before = np.column_stack([one["close"].shift().to_numpy() for one in whole])
    bars = np.stack([one[list(PRICES)].to_numpy() for one in whole], axis=1)
    logs = np.log(bars / before[:, :, None])
    volume = np.column_stack([one["volume"].to_numpy() for one in whole])
    there = ~np.isnan(logs[:, :, 3])
    earlier = (real[0] - first).days if first is not None else 0
    days = pd.date_range(real[0] - pd.Timedelta(days=earlier), real[-1], unit="ns", name="known_at")
    begins, ends = there.argmax(axis=0), len(there) - there[::-1].argmax(axis=0) + earlier
    rows = np.arange(len(days))[:, None]
    listed = (rows >= begins) & (rows < ends)
    kinds, pool = np.unique(listed, axis=0, return_inverse=True)
    return Source(
        requests,
        logs,
        volume,
        days,
        listed,
        _open_days(inputs, days),
        pool,
        tuple(_pool(there, kind) for kind in kinds),
    )


def world(prices: Prices, real: Source, seed: int, planted: Effect | None) -> World:
    """Draw the coins; None: each earns its real mean, whatever the gate does."""
    rows = drawn_rows(real, seed)
    logs = real.logs[rows]
    logs[:, :, 3] += _shift(real, planted)
    logs[~real.listed] = np.nan
    series = dict(prices.series)
    for coin, request in enumerate(real.requests):
        frame = _frame(real, logs[:, coin], real.volume[rows, coin])
        series[request] = series[request]._replace(
            frame=frame, vintage=f"drawn {seed}", origin="drawn"
        )
    return World(prices._replace(series=series), rows, logs[:, :, 3])


def drawn_rows(real: Source, seed: int) -> Ints:
    """Rows of the source in blocks of geometric length, each row of a day's pool as likely as the
    next; nothing but the listings is read.
    """
    random = np.random.default_rng(seed)
    ends_before, place = random.random((2, len(real.days))) * np.array([[BLOCK_DAYS], [1.0]])
    begin, end = np.array(real.pools)[real.pool].T
    anew = (ends_before < 1.0) | (np.diff(real.pool, prepend=-1) != 0)
    days = np.arange(len(real.days))
    since = np.maximum.accumulate(np.where(anew, days, 0))
    first = (place * (end - begin)).astype(np.int64)
    return begin + (first[since] + days - since) % (end - begin)


class KnownGate(NamedTuple):
    """One test, at `LEVEL`, of a gate that is known beforehand: its ratio in drawn worlds without
    an effect, and what the effect adds to it.
    """

    ratios: Floats
    added: float

    @property
    def power(self) -> float:
        """How often the effect is found."""
        return float(np.mean(self.ratios + self.added > np.quantile(self.ratios, 1.0 - LEVEL)))


def known_gate(real: Source, planted: Effect | None, draws: int, seed: int) -> KnownGate:
    """What can be known at best: no search, the right gate, and coins weighted so that their common
    difference shows most clearly.

    The estimate is that of generalised least squares, a mean of their own for coins on days with
    the same ones listed, over its error were days independent. They are not, so its distribution is
    drawn.
    """
    weights = _weights(real)
    information = float(weights.sum(axis=1) @ _apart(real))
    closes = np.nan_to_num(real.logs[:, :, 3])
    scores = [
        float(np.einsum("dc,dc->", weights, closes[drawn_rows(real, seed + draw)]))
        for draw in range(draws)
    ]
    difference = 0.0 if planted is None else (planted.open - planted.shut) / DAYS
    return KnownGate(np.array(scores) / sqrt(information), difference * sqrt(information))


def _apart(real: Source) -> Floats:
    """By day: 1 if the gate was open, else 0, less its mean over the days with the same coins."""
    is_open = real.is_open.astype(float)
    return is_open - (np.bincount(real.pool, is_open) / np.bincount(real.pool))[real.pool]


def _weights(real: Source) -> Floats:
    """Of each return in the estimate, days x coins: the inverse of the real coins' covariance times
    how far the gate is from its mean.
    """
    found = np.zeros(real.listed.shape)
    for pool, (begin, end) in enumerate(real.pools):
        here = real.pool == pool
        coins = real.listed[here][0]
        if coins.any():
            covariance = np.atleast_2d(np.cov(real.logs[begin:end, coins, 3].T))
            found[np.ix_(here, coins)] = np.linalg.solve(covariance, np.ones(coins.sum()))
    return found * _apart(real)[:, None]


def _open_days(inputs: Inputs, days: pd.DatetimeIndex) -> Flags:
    """Whether the gate was open, as far as was known, at the instant at which each day began: what
    was bought then earns that day.
    """
    known_at = pd.DatetimeIndex(inputs.table.index)
    row = known_at.searchsorted(days - pd.Timedelta(days=1), side="right") - 1
    flags: Flags = (row >= 0) & (gate_arrays(inputs.table).state[np.maximum(row, 0)] == CONFIRMED)
    return flags


def _pool(there: Flags, coins: Flags) -> tuple[int, int]:
    usable = np.flatnonzero(there[:, coins].all(axis=1))
    return int(usable[0]), int(usable[-1]) + 1


def _shift(real: Source, planted: Effect | None) -> Floats:
    """What has to be added to a coin's drawn log returns for its expected one to be as wanted, days
    x coins.
    """
    closes = real.logs[:, :, 3]
    expected = np.array([closes[begin:end].mean(axis=0) for begin, end in real.pools])[real.pool]
    if planted is None:
        return np.nanmean(closes, axis=0) - expected
    wanted = np.where(real.is_open, planted.open, planted.shut) / DAYS
    return wanted[:, None] - expected


def _frame(real: Source, logs: Floats, volume: Floats) -> pd.DataFrame:
    """One coin's bars from a price of 1 on: cheap, so that the smallest step of an order is small
    whatever it comes to.
    """
    some = np.flatnonzero(~np.isnan(logs[:, 3]))
    since, until = int(some[0]), int(some[-1]) + 1
    closes = np.exp(np.concatenate(([0.0], np.cumsum(logs[since:until, 3]))))
    opened, high, low = (closes[:-1] * np.exp(logs[since:until, column]) for column in range(3))
    bars = np.column_stack(
        [
            opened,
            np.maximum(high, closes[1:]),
            np.minimum(low, closes[1:]),
            closes[1:],
            closes[1:],
            volume[since:until],
        ]
    )
    days = real.days[since - 1 : until]
    return pd.DataFrame(
        np.concatenate([np.ones((1, len(BAR_COLUMNS))), bars]), days, list(BAR_COLUMNS)
    )
