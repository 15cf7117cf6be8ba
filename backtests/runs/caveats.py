"""Caveats: what to know before trusting the result of a backtest."""

from collections.abc import Iterator, Mapping

import pandas as pd

from backtests.benchmarks.excess_of_cash import sharpe_in_excess
from backtests.benchmarks.labels import label
from backtests.engine.doubtful_prices import doubtful_prices, gaps
from backtests.engine.inputs import Inputs
from backtests.engine.rules import MAX_MISSING
from backtests.performance.gate_periods import VERDICT_BASE, Events, GatePeriod
from backtests.performance.metrics import Metrics
from backtests.runs.backtest import Backtest
from backtests.runs.document import Caveat
from brokers.plurals import count
from brokers.prices.clean import bar_length
from brokers.prices.series import DataIssue
from config.tuned import warning_of

SEVERITIES = ("high", "medium", "low")
FEW_EVENTS = 10
LITTLE_EXPOSURE = 0.02
CONCENTRATED = 0.6  # share of all gains in one gate period


def caveats(result: Backtest) -> list[Caveat]:
    """Every caveat that applies, worst first."""
    applicable = [
        *_about_events(result.events, result.equity["value"]),
        *_about_benchmarks(result),
        *_about_exposure(result.metrics),
        *_about_choices(result.inputs),
        *_about_data(result.inputs),
        *_about_issues(result.inputs),
        *_about_window(result.inputs),
    ]
    return sorted(applicable, key=lambda caveat: SEVERITIES.index(caveat.severity))


def _about_events(events: Events, equity: pd.Series) -> Iterator[Caveat]:
    counted = events.of_verdict()
    if counted.independent_events < FEW_EVENTS:
        text = (
            f"the window has {count(counted.independent_events, 'independent breakout')} above a"
            f" record of at least {VERDICT_BASE} sessions"
            f" ({counted.breakouts} confirmed from a full base, {counted.rearmed} re-armed)"
        )
        remedy = "treat the result as a case study of these breakouts, not as a statistic"
        yield Caveat(severity="high", about="few events", text=text, remedy=remedy)
    gains = {period: gain for period in events.gate_periods if (gain := _gain(period, equity)) > 0}
    if len(events.gate_periods) > 1 and gains:
        best = max(gains, key=lambda period: gains[period])
        share = gains[best] / sum(gains.values())
        if share > CONCENTRATED:
            text = (
                f"{share:.0%} of all gains come from the gate period opened on"
                f" {best.opened:%Y-%m-%d}"
            )
            remedy = "check whether the result holds without that period"
            yield Caveat(severity="high", about="concentration", text=text, remedy=remedy)


def _about_benchmarks(result: Backtest) -> Iterator[Caveat]:
    cash_yield = result.inputs.settings.costs.cash_yield
    sharpe = _ratio(result.metrics, result.equity["value"], cash_yield)
    curves = result.comparison.benchmarks if result.comparison else {}
    ratios = {
        name: _ratio(curve.metrics, curve.equity, cash_yield) for name, curve in curves.items()
    }
    better = {
        name: ratio
        for name, ratio in ratios.items()
        if ratio is not None and (sharpe is None or ratio > sharpe)
    }
    if better:
        ranked = sorted(better.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{label(name)} ({ratio:.2f})" for name, ratio in ranked)
        own = "none" if sharpe is None else f"{sharpe:.2f}"
        excess = " in excess of cash" if cash_yield else ""
        text = f"benchmarks with a higher Sharpe ratio{excess} than the strategy ({own}): {listed}"
        remedy = "prefer the simplest of them"
        yield Caveat(severity="high", about="beaten by a benchmark", text=text, remedy=remedy)


def _ratio(metrics: Metrics, equity: pd.Series, cash_yield: float) -> float | None:
    """The Sharpe ratio that the verdict has: interest makes no strategy better than another."""
    has_interest = cash_yield > 0.0 and metrics.sharpe is not None  # None: a short window
    return sharpe_in_excess(equity, cash_yield) if has_interest else metrics.sharpe


def _about_exposure(metrics: Metrics) -> Iterator[Caveat]:
    if metrics.exposure < LITTLE_EXPOSURE:
        text = f"the average exposure is {metrics.exposure:.1%} of equity"
        remedy = "look in gate.csv for why the gate stayed closed; ratios of such a run mean little"
        yield Caveat(severity="high", about="hardly invested", text=text, remedy=remedy)


def _about_choices(inputs: Inputs) -> Iterator[Caveat]:
    text = "the gate's default settings were chosen by people who knew 2016, 2020 and 2025"
    remedy = "do not count those years as independent evidence"
    yield Caveat(severity="high", about="hindsight in the rules", text=text, remedy=remedy)
    if advice := warning_of(inputs.settings):
        remedy = "read the report of that search"
        yield Caveat(severity="high", about="tuned", text=advice, remedy=remedy)
    chosen = [
        coin.name
        for coin in inputs.settings.coins
        if coin.history != inputs.settings.backtest.bitcoin
    ]
    if chosen:
        text = f"{', '.join(chosen)} {'is' if len(chosen) == 1 else 'are'} in the list because"
        text += f" {'it is' if len(chosen) == 1 else 'they are'} known to have done well"
        remedy = "compare with coins that were large at the start of the window"
        yield Caveat(severity="medium", about="hindsight in the coins", text=text, remedy=remedy)


def _about_data(inputs: Inputs) -> Iterator[Caveat]:
    end = inputs.grid[-1]
    ended: dict[str, list[str]] = {}
    for series in inputs.prices.series.values():
        if series.frame.empty:
            continue
        request, last = series.request, series.frame.index[-1]
        if request.kind == "session":
            missing = _sessions_between(inputs, last, end)
            if missing > inputs.settings.prices.max_age_sessions:
                when = f"on {last:%Y-%m-%d}, {count(missing, 'session')} before the window does"
                ended.setdefault(when, []).append(request.name)
        elif request.kind == "coin" and end - last >= MAX_MISSING * bar_length(request.timeframe):
            text = (
                f"the last bar of {request.name} ended on {last:%Y-%m-%d}, before the window"
                " does; a holding is closed at its last price"
            )
            remedy = "get newer data or set backtest.end"
            yield Caveat(severity="medium", about="coin ended", text=text, remedy=remedy)
        for note in series.notes:
            text = f"{series.origin}: {note}"
            yield Caveat(
                severity="low", about="data repaired", text=text, remedy="see `check data`"
            )
    yield from _about_held_closes(inputs)
    yield from _about_ended_series(ended)


def _about_issues(inputs: Inputs) -> Iterator[Caveat]:
    """What is implausible or missing: what takes the verdict first, then the rest."""
    doubts = doubtful_prices(inputs)
    for issue in doubts:
        text = f"{issue.text}; {_cost(issue)}, so there is no verdict"
        yield Caveat(severity="high", about=_ABOUT[issue.kind], text=text, remedy=_remedy(issue))
    for issue in gaps(inputs):
        if issue not in doubts:
            yield Caveat(
                severity="medium", about=_ABOUT["gap"], text=issue.text, remedy=_remedy(issue)
            )
    for issue in inputs.prices.issues:
        if issue.severity == "note" and issue.kind != "gap" and issue.first <= inputs.grid[-1]:
            yield Caveat(
                severity="low", about=_ABOUT[issue.kind], text=issue.text, remedy=_remedy(issue)
            )


_ABOUT = {
    "spacing": "rows missing",
    "jump": "a jump",
    "level": "implausible level",
    "gap": "gap in the prices",
    "frozen": "a close repeated",
    "daily closes": "prices disagree",
    "sources": "sources disagree",
}


def _cost(issue: DataIssue) -> str:
    if issue.kind == "gap":
        return "a gate period may lie in the gap"
    return "the result rests on it"


def _remedy(issue: DataIssue) -> str:
    return "get the missing rows" if issue.kind == "gap" else "compare with another source"


def _about_window(inputs: Inputs) -> Iterator[Caveat]:
    """A window that was asked for and is longer than the bars there are."""
    window, length = inputs.settings.backtest, bar_length(inputs.settings.exchange.timeframe)
    first, last = inputs.grid[0] - length, inputs.grid[-1] - length
    remedy = "get older prices, or read the figures as those of the shorter window"
    if window.start and first.date() > window.start:
        text = f"the window begins on {first:%Y-%m-%d}, not on {window.start} (backtest.start):"
        text += " no coin has a bar before"
        yield Caveat(severity="medium", about="window shortened", text=text, remedy=remedy)
    if window.end and last.date() < window.end:
        text = f"the window ends on {last:%Y-%m-%d}, not on {window.end} (backtest.end):"
        text += " no coin has a bar after"
        yield Caveat(severity="low", about="window shortened", text=text, remedy=remedy)


def _sessions_between(inputs: Inputs, last: pd.Timestamp, end: pd.Timestamp) -> int:
    closes = inputs.prices.sessions.index
    return int(((closes > last) & (closes <= end)).sum())


def _about_ended_series(ended: Mapping[str, list[str]]) -> Iterator[Caveat]:
    for when, names in ended.items():
        verb = "ends" if len(names) == 1 else "end"
        what = "it" if len(names) == 1 else "them"
        text = f"{', '.join(names)} {verb} {when}; what depends on {what} is unknown after that"
        remedy = "get newer data, or ignore the gate after that day"
        yield Caveat(severity="medium", about="series ended", text=text, remedy=remedy)


def _about_held_closes(inputs: Inputs) -> Iterator[Caveat]:
    known = inputs.table.index
    table = inputs.table[(known >= inputs.grid[0]) & (known <= inputs.grid[-1])]
    for note in table["closes_note"][table["held"] != ""]:
        text = f"{note}; the gate kept the row of the session before"
        remedy = "compare that close with another source"
        yield Caveat(severity="medium", about="held close", text=text, remedy=remedy)


def _gain(period: GatePeriod, equity: pd.Series) -> float:
    first = equity.index.searchsorted(period.opened)
    return float(equity.iloc[first] * period.strategy_return)
