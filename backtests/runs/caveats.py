"""What a reader of a backtest should be told before he believes it."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.rules import MAX_MISSING
from backtests.performance.gate_periods import Events, Spell
from backtests.performance.metrics import Metrics
from backtests.runs.backtest import Backtest
from brokers.prices.clean import bar_length
from config.tuned import warning_of

FEW_EVENTS = 10
LITTLE_EXPOSURE = 0.02
ONE_SPELL = 0.6


class Caveat(NamedTuple):
    """How bad, what, and what to do about it."""

    severity: Literal["high", "medium", "low"]
    about: str
    text: str
    remedy: str


def caveats(result: Backtest) -> list[Caveat]:
    """Every caveat that applies, worst first."""
    beside = result.comparison.benchmarks if result.comparison else {}
    figures = {name: curve.metrics for name, curve in beside.items()}
    found = [
        *_about_events(result.events, result.equity["value"]),
        *_about_figures(result.metrics, figures),
    ]
    found += [*_about_choices(result.inputs), *_about_data(result.inputs)]
    return sorted(found, key=lambda caveat: ("high", "medium", "low").index(caveat.severity))


def _about_events(events: Events, equity: pd.Series) -> Iterator[Caveat]:
    if events.independent_events < FEW_EVENTS:
        confirmed = f"{events.breakouts} confirmed out of a full base, {events.rearmed} re-armed"
        text = f"{events.independent_events} independent breakouts lie in the window ({confirmed})"
        yield Caveat(
            "high",
            "few events",
            text,
            "read it as a story about these openings, not as a statistic",
        )
    gains = {spell: gain for spell in events.spells if (gain := _gain(spell, equity)) > 0}
    if len(events.spells) > 1 and gains:
        best = max(gains, key=lambda spell: gains[spell])
        share = gains[best] / sum(gains.values())
        if share > ONE_SPELL:
            text = f"{share:.0%} of all gains come from the spell opened on {best.opened:%Y-%m-%d}"
            yield Caveat("high", "one spell", text, "ask whether the result survives without it")


def _about_figures(metrics: Metrics, benchmarks: Mapping[str, Metrics]) -> Iterator[Caveat]:
    own = metrics.sharpe
    better = {
        name: other.sharpe
        for name, other in benchmarks.items()
        if other.sharpe is not None and (own is None or other.sharpe > own)
    }
    if better:
        listed = ", ".join(
            f"{name.replace('_', ' ')} ({ratio:.2f})"
            for name, ratio in sorted(better.items(), key=lambda item: -item[1])
        )
        text = f"a higher Sharpe ratio than the strategy's {'(none)' if own is None else f'{own:.2f}'} had {listed}"
        yield Caveat("high", "a benchmark beats it", text, "prefer the simplest one that does")
    if metrics.exposure < LITTLE_EXPOSURE:
        text = f"on average {metrics.exposure:.1%} of equity was in coins"
        yield Caveat(
            "high",
            "hardly invested",
            text,
            "look at gate.csv for what kept the gate shut; ratios of such a run mean little",
        )


def _about_choices(inputs: Inputs) -> Iterator[Caveat]:
    text = "the gate's default numbers were written down by people who knew 2016, 2020 and 2025"
    yield Caveat(
        "high",
        "chosen knowing the events",
        text,
        "results over those years are no independent evidence",
    )
    if advice := warning_of(inputs.settings):
        yield Caveat("high", "tuned", advice, "read the page of that search")
    chosen = [
        coin.name
        for coin in inputs.settings.coins
        if coin.history != inputs.settings.backtest.bitcoin
    ]
    if chosen:
        text = f"{', '.join(chosen)} are in the list because they are known to have done well"
        yield Caveat(
            "medium",
            "coins chosen with hindsight",
            text,
            "compare with config coins that existed, and were large, at the window's start",
        )


def _about_data(inputs: Inputs) -> Iterator[Caveat]:
    end = inputs.grid[-1]
    ended: dict[str, list[str]] = {}
    for one in inputs.prices.series.values():
        if one.frame.empty:
            continue
        last = one.frame.index[-1]
        if one.request.kind == "session":
            missed = int(
                (
                    (inputs.prices.sessions.index > last) & (inputs.prices.sessions.index <= end)
                ).sum()
            )
            if missed > inputs.settings.prices.max_age_sessions:
                ended.setdefault(
                    f"on {last:%Y-%m-%d}, {missed} sessions before the window does", []
                ).append(one.request.name)
        elif one.request.kind == "coin" and end - last >= MAX_MISSING * bar_length(
            one.request.timeframe
        ):
            text = f"the last bar of {one.request.name} ended on {last:%Y-%m-%d}, before the window does; a holding is closed at its last price"
            yield Caveat("medium", "coin ended", text, "get newer data or set backtest.end")
        for note in one.notes:
            yield Caveat("low", "data mended", f"{one.origin}: {note}", "see `check data`")
    yield from _about_held_closes(inputs)
    for when, names in ended.items():
        text = f"{', '.join(names)} end {when}; what needs them is unknown since"
        yield Caveat(
            "medium",
            "series ended",
            text,
            "get newer data, or read nothing into the gate after that day",
        )


def _about_held_closes(inputs: Inputs) -> Iterator[Caveat]:
    table = inputs.table[
        (inputs.table.index >= inputs.grid[0]) & (inputs.table.index <= inputs.grid[-1])
    ]
    for note in table["closes_note"][table["held"] != ""]:
        yield Caveat(
            "medium",
            "held close",
            f"{note}; the gate kept the row of the session before",
            "compare that close with another source",
        )


def _gain(spell: Spell, equity: pd.Series) -> float:
    first = equity.index.searchsorted(spell.opened)
    return float(equity.iloc[first] * spell.strategy_return)
