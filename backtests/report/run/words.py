"""Sentences about a run that both its page and the terminal show."""

from backtests.performance.gate_periods import VERDICT_BASE
from backtests.performance.short_windows import is_short, why_short, window_days
from backtests.runs.document import EventsRecord, LargestOrderRecord, MetricsDocument


def short_window(document: MetricsDocument) -> str:
    """Why there are no yearly figures; "" where there are, or where `no_verdict` says it."""
    days = window_days(document.window.first, document.window.last)
    is_short_of_figures = is_short(days) and document.strategy.cagr is None
    return why_short(days) if is_short_of_figures and not document.no_verdict else ""


def verdict_events(events: EventsRecord) -> tuple[int, int]:
    """Independent events as a verdict counts them, and how many of them have closed.

    All of a document of an earlier version, which does not say what record an event passed.
    """
    if any(period.event_base is None for period in events.gate_periods):
        return events.independent_events, events.closed_events
    counted = [period for period in events.gate_periods if (period.event_base or 0) >= VERDICT_BASE]
    closed = {period.event_id for period in counted if period.closed}
    return len({period.event_id for period in counted}), len(closed)


def capacity(document: MetricsDocument) -> str:
    """How large an account the traded coins bear, as three sentences; "" where it is unknown."""
    if not document.capacity:
        return ""
    tightest = document.capacity[0]
    largest = max(document.capacity, key=lambda order: order.share)
    return (
        f"At the volumes of the window's last year, an order of {tightest.of_equity:.0%} of the"
        f" account in {tightest.coin} (the largest there was) is 1 % of that coin's median daily"
        f" volume in an account of {_round(tightest.account)}. {_largest(largest)}"
        f" {_market(tightest)}"
    )


def _largest(order: LargestOrderRecord) -> str:
    return (
        f"The largest order beside its coin's volume was one of {_round(order.value)} in"
        f" {order.coin} on {order.decided:%Y-%m-%d}: {_share(order.share)} of the median daily"
        " volume of the 30 days before."
    )


def _market(order: LargestOrderRecord) -> str:
    if order.source == "exchange":
        return "Volumes are those of the exchange that the prices come from."
    return (
        "Volumes are the price vendor's, usually summed over all exchanges: a single exchange"
        " trades a part of them and bears a smaller account."
    )


def _share(share: float) -> str:
    return f"{share:.2%}" if share >= 0.0001 else "less than 0.01%"


def _round(amount: float) -> str:
    """Two digits: more would claim that volumes are known so well."""
    return f"{float(f'{amount:.2g}'):,.0f}"
