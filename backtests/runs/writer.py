"""Writing a run folder: the documents that reports are made from, and spreadsheets."""

import math
import platform
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.performance import attribution
from backtests.performance.capacity import measure_capacity
from backtests.performance.gate_periods import Events, GatePeriod
from backtests.performance.metrics import Metrics, daily_rows
from backtests.runs.backtest import Backtest
from backtests.runs.document import (
    NAME,
    VERSION,
    AblationRecord,
    Caveat,
    EventsRecord,
    EvidenceQuote,
    Figures,
    GatePeriodRecord,
    LargestOrderRecord,
    MetricsDocument,
    ProfitRecord,
    RandomGatesRecord,
    RequiredEventsRecord,
    SeriesRecord,
    VariantRecord,
    VerdictRecord,
    WindowRecord,
)
from backtests.runs.folder import write_json, write_settings
from brokers.json_values import to_json
from brokers.orders.simulated import OrderRecord
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices
from strategies.breakout import STATES
from strategies.sentences import sentences

if TYPE_CHECKING:  # costs numba's start-up
    from backtests.benchmarks.ablation import Ablation
    from backtests.benchmarks.comparison import Comparison
    from backtests.benchmarks.other_assumptions import Variant
    from backtests.benchmarks.random_gates import RandomGates
    from backtests.benchmarks.verdict import Verdict

ORDER_COLUMNS = [
    *("decided", "filled", "symbol", "side", "size", "price", "value", "fee", "status", "reason"),
]
LIBRARIES = ("backtrader", "numpy", "pandas", "numba", "yfinance", "ccxt")


def write_run(
    result: Backtest,
    caveats: list[Caveat],
    folder: Path,
    evidence: EvidenceQuote | None = None,
) -> None:
    """Write everything but the report and the log into `folder`; `evidence` is quoted."""
    inputs, settings = result.inputs, result.inputs.settings
    write_settings(settings, folder)
    content = metrics_document(result, caveats, evidence).to_json()
    write_json(content, folder / NAME)
    _write_csv(result.equity.reset_index(), folder / "equity.csv")
    _write_csv(_curves(result), folder / "curves.csv")
    reasons = list(
        sentences(
            result.run.decisions, list(inputs.coins), settings.risk_curve.channels, inputs.rules
        )
    )
    _write_csv(_orders(result, reasons), folder / "orders.csv")
    _write_csv(_gate(result), folder / "gate.csv")
    _write_csv(_decisions(result, reasons), folder / "decisions.csv")


def metrics_document(
    result: Backtest, caveats: list[Caveat], evidence: EvidenceQuote | None = None
) -> MetricsDocument:
    """The content of metrics.json."""
    prices, comparison = result.inputs.prices, result.comparison
    return MetricsDocument(
        version=VERSION,
        strategy=_figures(result.metrics),
        benchmarks={
            name: _figures(curve.metrics)
            for name, curve in (comparison.benchmarks.items() if comparison else ())
        },
        intervals=comparison.intervals if comparison else {},
        random_gates=_random_gates(comparison.random_gates) if comparison else None,
        ablation=tuple(_ablation(row) for row in (comparison.ablation if comparison else ())),
        other_assumptions=tuple(
            _variant(variant) for variant in (comparison.other_assumptions if comparison else ())
        ),
        capacity=() if prices.sample else _capacity(result),
        profit=_profit(result),
        events=_events(result.events),
        verdict=_verdict(comparison.verdict) if comparison else None,
        no_verdict=comparison.no_verdict if comparison else "",
        required_events=_required_events(comparison),
        caveats=tuple(caveats),
        evidence=None if prices.sample else evidence,
        sample=prices.sample,
        fallback=prices.fallback,
        window=_window(result),
        data=_data(prices),
        order_list_hash=order_list_hash(result.run.orders),
        versions={"python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
    )


def order_list_hash(orders: list[OrderRecord]) -> str:
    """A hash of the orders in their sequence; sizes and prices count to 9 digits."""
    lines = (
        f"{order.decided},{order.filled},{order.symbol},{order.size:.9g},{order.price:.9g}"
        f",{order.status}"
        for order in orders
    )
    return sha256("\n".join(lines).encode()).hexdigest()


def _figures(metrics: Metrics) -> Figures:
    return Figures.model_validate(to_json(metrics._asdict()))


def _ablation(ablation: "Ablation") -> AblationRecord:
    texts = {"rule": ablation.rule, "text": ablation.text}
    return AblationRecord.model_validate(texts | to_json(ablation.metrics._asdict()))


def _variant(variant: "Variant") -> VariantRecord:
    figures = _figures(variant.metrics) if variant.metrics else None
    return VariantRecord(name=variant.name, text=variant.text, figures=figures)


def _capacity(result: Backtest) -> tuple[LargestOrderRecord, ...]:
    largest = measure_capacity(result.inputs, result.run, result.equity["value"])
    return tuple(LargestOrderRecord.model_validate(order._asdict()) for order in largest)


def _required_events(comparison: "Comparison | None") -> RequiredEventsRecord | None:
    required = comparison.required_events if comparison else None
    return RequiredEventsRecord.model_validate(required._asdict()) if required else None


def _verdict(verdict: "Verdict | None") -> VerdictRecord | None:
    return VerdictRecord(word=verdict.word, why=verdict.why) if verdict else None


def _window(result: Backtest) -> WindowRecord:
    index = result.equity.index
    timeframe = str(result.inputs.settings.exchange.timeframe)
    return WindowRecord(first=index[0], last=index[-1], timeframe=timeframe)


def _data(prices: Prices) -> dict[str, SeriesRecord]:
    return {
        request.name: SeriesRecord(
            source=series.source,
            origin=series.origin,
            first=series.frame.index[0],
            last=series.frame.index[-1],
            rows=len(series.frame),
            vintage=series.vintage,
            sample=prices.sample,
        )
        for request, series in prices.series.items()
    }


def _random_gates(gates: "RandomGates | None") -> RandomGatesRecord | None:
    if gates is None:
        return None
    finite = np.sort(gates.sharpes[np.isfinite(gates.sharpes)])
    return RandomGatesRecord(
        n=gates.n,
        effective_n=gates.effective_n,
        p_sharpe=gates.p_sharpe,
        p_return=gates.p_return,
        own_sharpe=_finite(gates.own_sharpe),
        sharpes=tuple(round(value, 4) for value in finite.tolist()),
    )


def _profit(result: Backtest) -> ProfitRecord:
    """Quote units by gate period and coin, and what no coin earned: interest on cash."""
    profits = attribution.profits(result.run, result.inputs)
    values = result.equity["value"]
    interest = (
        float(values.iloc[-1] - values.iloc[0] - profits.to_numpy().sum())
        if result.inputs.settings.costs.cash_yield
        else 0.0
    )
    table = attribution.by_gate_period(profits, result.events.gate_periods)
    return ProfitRecord(
        coins=tuple(table.columns),
        by_gate_period={str(name): tuple(row.tolist()) for name, row in table.iterrows()},
        interest=interest,
    )


def _events(events: Events) -> EventsRecord:
    return EventsRecord(
        breakouts=events.breakouts,
        rearmed=events.rearmed,
        independent_events=events.independent_events,
        closed_events=events.closed_events,
        gate_periods=tuple(_gate_period(period) for period in events.gate_periods),
    )


def _gate_period(period: GatePeriod) -> GatePeriodRecord:
    return GatePeriodRecord.model_validate(
        period._asdict()
        | {
            "strategy_return": _finite(period.strategy_return),
            "bitcoin_return": _finite(period.bitcoin_return),
        }
    )


def _finite(value: float) -> float | None:
    """None for NaN and infinity, which JSON does not know."""
    return value if math.isfinite(value) else None


def _curves(result: Backtest) -> pd.DataFrame:
    """One row per UTC day: value of the strategy and of each benchmark, exposure per coin."""
    index = pd.DatetimeIndex(result.equity.index)
    table = pd.DataFrame({"time": index, "strategy": result.equity["value"].to_numpy()})
    for name, curve in result.comparison.benchmarks.items() if result.comparison else ():
        table[name] = curve.equity.to_numpy()
    shares = attribution.exposures(result.run, result.inputs, result.equity["value"])
    for name in shares.columns:
        table[f"exposure_{name}"] = shares[name].to_numpy()
    return table.iloc[daily_rows(index)]


def _orders(result: Backtest, reasons: list[str]) -> pd.DataFrame:
    times = (decision.time for decision in result.run.decisions)
    reason_by_time = dict(zip(times, reasons, strict=True))
    length = bar_length(result.inputs.settings.exchange.timeframe)
    rows = []
    for order in result.run.orders:
        filled = order.filled is not None
        row = {
            "decided": _instant(order.decided),
            # A fill happens at its bar's open.
            "filled": _instant(order.filled) - length if order.filled is not None else None,
            "symbol": order.symbol,
            "side": "buy" if order.size > 0 else "sell",
            "size": abs(order.size),
            "price": order.price if filled else None,
            "value": abs(order.size) * order.price if filled else None,
            "fee": order.fee,
            "status": order.status,
            "reason": reason_by_time[order.decided],
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=ORDER_COLUMNS)


def _gate(result: Backtest) -> pd.DataFrame:
    """The sessions of the traded window and the one known before it."""
    table, grid = result.inputs.table, result.inputs.grid
    first = max(int(table.index.searchsorted(grid[0], side="right")) - 1, 0)
    window = table.iloc[first : int(table.index.searchsorted(grid[-1], side="right"))]
    order = ["session_close", "close", "record", "base_age", "level", "state", "reason"]
    return window[[*order, *(name for name in window.columns if name not in order)]]


def _decisions(result: Backtest, reasons: list[str]) -> pd.DataFrame:
    decisions = result.run.decisions
    frame = pd.DataFrame(
        {"time": result.equity.index, "state": [STATES[int(row.gate.state)] for row in decisions]}
    )
    frame["ceiling"] = [row.gate.ceiling for row in decisions]
    targets = np.array([row.targets for row in decisions])
    for column, name in enumerate(result.inputs.coins):
        frame[f"target_{name}"] = targets[:, column]
    frame["gross"] = [row.gross for row in decisions]
    frame["reason"] = reasons
    return frame


def _instant(seconds: int) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC")


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Instants as ISO 8601 with Z, numbers with all their digits, empty where unknown."""
    from pyarrow import Table, csv

    table = frame.copy()
    for name in table.columns:
        if isinstance(table[name].dtype, pd.DatetimeTZDtype):
            seconds = table[name].to_numpy(dtype="datetime64[s]")
            text = pd.Series(np.char.add(np.datetime_as_string(seconds), "Z"), table.index)
            table[name] = text.mask(np.isnat(seconds))
    csv.write_csv(
        Table.from_pandas(table, preserve_index=False),
        path,
        csv.WriteOptions(quoting_style="needed"),
    )
