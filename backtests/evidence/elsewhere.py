"""Did capital move down the risk curve after breakouts where the thesis was not found?

Other assets after the same breakouts, by the definition that was fixed for Bitcoin: their gains on
the broad index, dividends on neither side (`relative_gains`).
"""

from collections.abc import Iterator, Mapping, Sequence
from math import expm1, isfinite, sqrt

import numpy as np
import pandas as pd
from pydantic import Field

from backtests.engine.rules import breakout_rules
from backtests.evidence.events import confirmed_breakouts, smallest_difference
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.relative_gains import (
    FEWEST_ASSETS,
    AssetGains,
    effects_of_breakouts,
    measure_assets,
    predict_other_asset,
    strictest_excess,
)
from backtests.performance.forward_returns import HORIZONS
from backtests.runs.document import Record
from backtests.statistics.random_effects import pool_random_effects
from brokers.json_values import to_json
from brokers.plurals import count
from config.settings import Settings

MEASURED = ("1 month", "3 months", "6 months")
DECISIVE = "3 months"  # the horizon of the tests, fixed in advance: the longest the articles name


class ExcessElsewhere(Record):
    """What one asset gained on the broad index after breakouts of one index, as logs.

    Against the least favourable of three ways to draw random dates.
    """

    index: str = Field(description="whose breakouts")
    asset: str
    horizon: str
    n: int = Field(description="breakouts with prices for the whole horizon")
    since: str = Field(description="first day with prices of asset and broad index")
    mean: float = Field(description="mean log gain on the broad index after breakouts")
    usual: float = Field(description="the same at random dates")
    difference: float = Field(description="mean less usual")
    low: float | None = Field(description="95 % Student interval of it; None for one breakout")
    high: float | None = Field(description="its upper end")
    p: float = Field(description="two-sided")
    smallest: float = Field(description="detectable with 80 % power")
    p_without_each: Sequence[float] = Field(description="p with each breakout left out")
    without_each: Sequence[float] = Field((), description="the difference with each left out")


class PooledElsewhere(Record):
    """The assets together; a breakout is one observation."""

    index: str = Field(description="whose breakouts")
    horizon: str
    assets: Sequence[str]
    n: int = Field(description="breakouts, two at least")
    estimate: float = Field(description="log gain on the broad index above the usual one")
    low: float = Field(description="95 % interval by Hartung and Knapp")
    high: float
    p: float = Field(description="two-sided")
    between: float = Field(description="standard deviation of true effects between breakouts")
    smallest: float = Field(description="detectable with 80 % power")
    p_without_each: Sequence[float] = Field(description="p with each breakout left out")
    without_each: Sequence[float] = Field((), description="the difference with each left out")


class BitcoinElsewhere(Record):
    """Bitcoin's own gain on the broad index beside what the other assets predict, as logs.

    Effects are carried over in standard deviations of an asset's gains on any day.
    """

    n: int = Field(description="breakouts with prices of Bitcoin")
    estimate: float = Field(description="above the usual one, mean of these breakouts")
    low: float | None = Field(description="95 % Student interval; None for one breakout")
    high: float | None
    expected: float = Field(description="the pooled effect elsewhere at Bitcoin's deviation")
    predicted_low: float | None = Field(description="95 % interval of such a mean by the others")
    predicted_high: float | None = Field(description="None with fewer than three assets")


class Elsewhere(Record):
    """The same mechanism in other assets; the pooled effect at `DECISIVE` is its test."""

    broad: str = Field(description="the index that gains are measured against")
    line: str = Field(description="the result in a few sentences, p not corrected")
    excess: Sequence[ExcessElsewhere]
    pooled: Sequence[PooledElsewhere]
    bitcoin: BitcoinElsewhere | None
    lacking: Mapping[str, str] = Field(description="why a series is missing, by symbol")


def measure_elsewhere(history: History, settings: Settings) -> Elsewhere | None:
    """Every asset that `evidence.elsewhere` names; None where there is no breakout with prices.

    A series that is missing is named in `lacking`. Foreign calendars are not supported yet: an
    index or fund that does not trade in US sessions is among the missing ones.
    """
    section, signal = settings.evidence.elsewhere, settings.signal
    if history.prices.sample:
        return None
    closes = _closes_by_symbol(history) | {signal.index: history.closes}
    excess: list[ExcessElsewhere] = []
    pooled: list[PooledElsewhere] = []
    bitcoin = None
    for index, assets in {signal.index: section.assets, **section.pairs}.items():
        known = {name: closes[name] for name in assets if name in closes}
        if index not in closes or not known:
            continue
        events = breakouts_of(closes[index], settings)
        for horizon in MEASURED:
            measured = list(measure_assets(known, history.broad, events, HORIZONS[horizon]))
            if not measured:
                continue
            excess += [_excess_record(each, index, horizon, settings) for each in measured]
            pooled += _pooled_records(measured, index, horizon)
            if horizon == DECISIVE and index == signal.index:
                bitcoin = compare_bitcoin(history, measured, events, settings)
    if not excess:
        return None
    named = section.session_symbols()
    return Elsewhere(
        broad=signal.broad,
        line=describe(excess, pooled, bitcoin, signal.broad),
        excess=excess,
        pooled=pooled,
        bitcoin=bitcoin,
        lacking={name: why for name, why in history.lacking.items() if name in named},
    )


def breakouts_of(closes: pd.Series, settings: Settings) -> pd.DatetimeIndex:
    """First closes above a full base, by the settings' own definition, as in the event study."""
    rules = breakout_rules(settings)._replace(confirm_sessions=1)
    return confirmed_breakouts(closes, rules, settings.gate.trend_sessions)


def compare_bitcoin(
    history: History,
    measured: Sequence[AssetGains],
    events: pd.DatetimeIndex,
    settings: Settings,
) -> BitcoinElsewhere | None:
    """Bitcoin beside what the other assets predict; None without two breakouts of theirs."""
    bitcoin = {BITCOIN: history.assets[BITCOIN]}
    own = next(measure_assets(bitcoin, history.broad, events, HORIZONS[DECISIVE]), None)
    scales = [each.deviation for each in measured]
    breakouts = effects_of_breakouts(measured, scales)
    if own is None or len(breakouts.effects) < 2:
        return None
    pooled = pool_random_effects(*breakouts)
    excess = strictest_excess(own, settings)
    predicted = predict_other_asset(measured, error=pooled.error, n=excess.n)
    low, high = predicted or (None, None)
    return BitcoinElsewhere(
        n=excess.n,
        estimate=excess.difference,
        low=_finite(excess.low),
        high=_finite(excess.high),
        expected=pooled.mean * own.deviation,
        predicted_low=None if low is None else low * own.deviation,
        predicted_high=None if high is None else high * own.deviation,
    )


def describe(
    excess: Sequence[ExcessElsewhere],
    pooled: Sequence[PooledElsewhere],
    bitcoin: BitcoinElsewhere | None,
    broad: str,
) -> str:
    """What was found at the horizon fixed in advance, and what that says about Bitcoin."""
    parts = [
        f"Over {each.horizon} after {count(each.n, 'breakout')} of {each.index},"
        f" {join_names(each.assets)} gained {_percent(each.estimate)} on {broad} beyond what is"
        f" usual (95 % CI {_percent(each.low)} to {_percent(each.high)}, two-sided p {each.p:.2f})."
        for each in pooled
        if each.horizon == DECISIVE
    ]
    if not parts:
        seen = max(each.n for each in excess)
        return f"There are prices at {count(seen, 'breakout')}: too few to pool."
    return " ".join([*parts, *([describe_bitcoin(bitcoin)] if bitcoin else [])])


def describe_bitcoin(bitcoin: BitcoinElsewhere) -> str:
    """Whether the others' effect, at Bitcoin's deviation, agrees with its own."""
    own = (
        f"Bitcoin's own gain beyond what is usual was {_percent(bitcoin.estimate)} on it"
        f" ({count(bitcoin.n, 'breakout')})"
    )
    expected = f"At Bitcoin's variability that is {_percent(bitcoin.expected)}"
    low, high = bitcoin.predicted_low, bitcoin.predicted_high
    if low is None or high is None:
        return (
            f"{expected}; {own}. Fewer than {FEWEST_ASSETS} assets predict nothing for another one."
        )
    inside = "inside" if low <= bitcoin.estimate <= high else "outside"
    without = ", no effect included" if low <= 0.0 <= high else ""
    return (
        f"{expected}, for another asset like these {_percent(low)} to {_percent(high)}"
        f" (95 %{without}); {own}, {inside} that range."
    )


def join_names(names: Sequence[str]) -> str:
    """One name at least: "QQQ", "QQQ and EEM", "QQQ, EEM and GDX"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _closes_by_symbol(history: History) -> dict[str, pd.Series]:
    return {
        series.request.symbol: series.frame["close"]
        for series in history.series
        if "close" in series.frame
    }


def _excess_record(
    measured: AssetGains, index: str, horizon: str, settings: Settings
) -> ExcessElsewhere:
    excess = strictest_excess(measured, settings)
    figures = {name: getattr(excess, name) for name in ("n", "mean", "usual", "low", "high", "p")}
    return ExcessElsewhere.model_validate(
        to_json(figures)
        | {
            "index": index,
            "asset": measured.asset,
            "horizon": horizon,
            "since": measured.gains.starts[0].date().isoformat(),
            "difference": excess.difference,
            "smallest": excess.smallest,
            "p_without_each": [one.p for one in excess.without_each],
            "without_each": [one.difference for one in excess.without_each],
        }
    )


def _pooled_records(
    measured: Sequence[AssetGains], index: str, horizon: str
) -> Iterator[PooledElsewhere]:
    """One record; none with fewer than two breakouts."""
    effects, variances = effects_of_breakouts(measured)
    rows = range(len(effects))
    if len(rows) < 2:
        return
    pooled = pool_random_effects(effects, variances)
    without_each = [
        pool_random_effects(np.delete(effects, row), np.delete(variances, row))
        for row in (rows if len(rows) > 2 else ())
    ]
    yield PooledElsewhere(
        index=index,
        horizon=horizon,
        assets=[each.asset for each in measured],
        n=pooled.n,
        estimate=pooled.mean,
        low=pooled.low,
        high=pooled.high,
        p=pooled.p,
        between=sqrt(pooled.tau_squared),
        smallest=smallest_difference(pooled.n, pooled.error * sqrt(pooled.n)),
        p_without_each=[one.p for one in without_each],
        without_each=[one.mean for one in without_each],
    )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _percent(value: float) -> str:
    """A log as a gain in percent."""
    return f"{expm1(value):+.1%}"
