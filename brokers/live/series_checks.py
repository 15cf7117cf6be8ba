"""What a live session reports about its price series and its gate's table beside the decisions."""

from collections.abc import Iterator

import pandas as pd

from brokers.journal.incident import Incident
from brokers.plurals import count
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


def report_revisions(before: pd.DataFrame, after: pd.DataFrame) -> tuple[Incident, ...]:
    """Sessions that were acted on and now read otherwise: reported, never acted on backwards."""
    acted = before[before["stale"] == 0] if len(before) else before
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
