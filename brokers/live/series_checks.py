"""What a live session reports about its price series and its gate's table beside the decisions."""

from collections.abc import Iterator, Mapping

import pandas as pd

from brokers.journal.incident import Incident
from brokers.plurals import count
from brokers.prices.load import Prices
from brokers.prices.series import Series
from config.settings import Settings

YEAR = pd.Timedelta(days=366)  # no average reaches further back
GATE_COLUMNS = ["state", "ceiling", "confirmed_at"]


def required_closes(settings: Settings) -> int:
    """Daily closes a coin must have before its average and its volatility are known."""
    allocation = settings.allocation
    return max(
        allocation.own_trend_days if allocation.own_trend != "off" else 0,
        allocation.volatility_days + 1 if allocation.target_volatility > 0.0 else 0,
    )


def check_series(
    series: Series, missing: pd.DatetimeIndex, now: pd.Timestamp, required: int
) -> Iterator[Incident]:
    """Gaps within the last year, and a coin's history of fewer than `required` daily closes."""
    inside = missing
    if len(missing):
        inside = missing[(missing > now - YEAR) & (missing < series.frame.index[-1])]
    if len(inside):
        is_missing = "is" if len(inside) == 1 else "are"
        yield Incident(
            "gap",
            "warning",
            f"{series.origin}: {count(len(inside), 'bar')} of the last year {is_missing} missing, "
            f"the newest that of {inside[-1]:%Y-%m-%d}; averages are computed without",
        )
    if series.request.kind == "coin" and len(series.frame) < required:
        yield Incident(
            "short history",
            "warning",
            f"{series.origin}: has {len(series.frame)} daily closes, [allocation] needs {required}:"
            " the coin's average or volatility is unknown, so it does not pass that condition",
        )


def report_held_closes(table: pd.DataFrame) -> Iterator[Incident]:
    """What the newest session shows of closes that were held before it."""
    if len(table) and not table["held"].iloc[-1] and (note := table["closes_note"].iloc[-1]):
        yield Incident("held close", "warning", note)


def report_issues(prices: Prices) -> Iterator[Incident]:
    """What is implausible about the last year of a series and used nevertheless.

    Which rows come from which source is `report_substitutes`'s.
    """
    for issue in prices.issues:
        is_severe = issue.severity == "high"
        if issue.last > prices.now - YEAR and (is_severe or issue.kind != "sources"):
            yield Incident("data", "warning" if is_severe else "info", issue.text)


def substituted_symbols(prices: Prices) -> Iterator[str]:
    """The US series whose newest close is not of their first source: that may still come."""
    for request, series in prices.series.items():
        rows, known_at = series.substitutes, series.frame.index[-1:]
        if request.kind == "session" and rows is not None and known_at.isin(rows.index).any():
            yield request.symbol


def read_by_gate(prices: Prices, settings: Settings) -> Prices:
    """`prices` without what the gate does not read: of the coins it reads one at most."""
    exhaustion = settings.confirmations.exhaustion
    coin = exhaustion.symbol if exhaustion.enabled else ""
    return prices._replace(
        series={
            request: series
            for request, series in prices.series.items()
            if request.kind != "coin" or (request.symbol, request.timeframe) == (coin, "1d")
        }
    )


def all_substituted(prices: Prices) -> set[str]:
    """The series of which no row is their first source's: a later one stands in for all of it."""
    return {
        request.symbol
        for request, series in prices.series.items()
        if (names := series.substitutes) is not None
        and (names[names.index.isin(series.frame.index)] == series.source).any()
    }


def report_substitutes(prices: Prices) -> Iterator[Incident]:
    """Which newest closes come from another source than the first of the symbol's list."""
    for symbol in substituted_symbols(prices):
        series = prices.of(symbol)
        known_at = series.frame.index[-1]
        text = (
            f"{symbol}: the close of {known_at:%Y-%m-%d} is from {series.source_at(known_at)}, "
            "as the sources before it have none: it may keep or lower the ceiling, not raise it"
        )
        yield Incident("data", "warning", text)


def row_sources(prices: Prices, known_at: pd.Timestamp) -> Mapping[str, str]:
    """The source of the newest row of each series that was known at that instant, by symbol."""
    return {
        request.symbol: series.source_at(known[-1])
        for request, series in prices.series.items()
        if len(known := series.frame.index[series.frame.index <= known_at])
    }


def replaced_rows(
    recorded: Mapping[pd.Timestamp, Mapping[str, str]], prices: Prices
) -> pd.DatetimeIndex:
    """The gate rows that were made with another source's prices than `prices` have there now.

    `recorded` is the source of each symbol's newest price by the instant of the row. Where all of a
    series is a later source's, so is what it says of rows whose ceilings were held down.
    """
    first = {request.symbol: series.source for request, series in prices.series.items()}
    first |= dict.fromkeys(all_substituted(prices), "")
    replaced = [
        known_at
        for known_at, sources in recorded.items()
        if any(first.get(symbol, source) != source for symbol, source in sources.items())
    ]
    return pd.DatetimeIndex(replaced, tz="UTC")


def report_revisions(
    before: pd.DataFrame, after: pd.DataFrame, replaced: pd.DatetimeIndex
) -> tuple[Incident, ...]:
    """Sessions that were acted on and now read otherwise: reported, never acted on backwards.

    Those of `replaced` rested on another source: that its own vendor's close comes later is no
    revision.
    """
    acted = before[before["stale"] == 0] if len(before) else before
    acted = acted[~acted.index.isin(replaced)]
    now = after.reindex(acted.index)
    same = (acted[GATE_COLUMNS].to_numpy() == now[GATE_COLUMNS].to_numpy()) | (
        acted[GATE_COLUMNS].isna().to_numpy() & now[GATE_COLUMNS].isna().to_numpy()
    )
    changed = ~same.all(axis=1) & now["state"].notna().to_numpy()
    if not changed.any():
        return ()
    days = acted.index[changed]
    what = "1 earlier gate row has" if len(days) == 1 else f"{len(days)} earlier gate rows have"
    text = (
        f"{what} changed since {'it was' if len(days) == 1 else 'they were'} acted on, "
        f"the first of {days[0]:%Y-%m-%d}: the data vendor revised its history"
    )
    return (Incident("revised", "warning", text),)
