"""The status of an account in words: the same lines in panel, log, messages and terminal."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from brokers.clock import utc_text
from brokers.live.exchange_clock import CLOCK, REPORTED
from brokers.live.health import CALENDAR
from brokers.live.status_document import (
    AccountNow,
    DecisionNow,
    GateNow,
    NextDecision,
    OrderNow,
    SessionNow,
    StatusReport,
    TradingNow,
)
from brokers.plurals import times

UNKNOWN = "-"


class StatusLine(NamedTuple):
    """What a line is about, and its text; "" where there is nothing to say."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


def status_lines(report: StatusReport, now: float | None = None) -> list[StatusLine]:
    """The report line by line, with the time left as of `now` (epoch seconds)."""
    now = report.at if now is None else now
    lines = {
        "session": _session(report.session) if report.session else "none has run yet",
        "health": "; ".join((report.health, *report.reasons)),
        "trading": _trading(report.trading),
        "next decision": _next(report, now) if report.next else "",
        "buys": _buys(report.next) if report.next else "",
        "gate": _gate(report.gate) if report.gate else "",
        "equity": _equity(report.account) if report.account else "",
        "holdings": _holdings(report.account) if report.account else "",
        "open orders": ", ".join(_order(order) for order in report.open_orders),
        "decision": _decision(report.decision) if report.decision else "",
        "incident": "; ".join(_open_incidents(report)),
        "known": "; ".join(_known(report)),
    }
    return [StatusLine(name, text) for name, text in lines.items()]


def status_sentence(report: StatusReport, now: float | None = None) -> str:
    """The lines that matter most as one, for example for `systemctl status`."""
    wanted = ("health", "trading", "gate", "equity", "next decision")
    lines = status_lines(report, now)
    return "; ".join(str(line) for line in lines if line.name in wanted and line.text)


def result_line(report: StatusReport) -> str:
    """What the last session came to, which was started with `--once`."""
    decision, coming, session = report.decision, report.next, report.session
    if decision is None or coming is None or session is None:
        return "nothing was decided"
    bar = f"the bar of {utc_text(decision.bar)}"
    if decision.kind == "flatten":
        bar = f"to sell everything at {utc_text(decision.bar)}"
    orders = ", ".join(_order(order) for order in decision.orders) or "none"
    is_new = decision.decided_at >= session.started
    what = f"decided {bar}: {_decision(decision)}" if is_new else f"already decided {bar}"
    parts = (
        what.rstrip("."),
        f"orders: {orders}",
        f"next decision at {utc_text(coming.at)}",
        f"buys {_buys(coming)}",
        f"trading {_trading(report.trading)}",
    )
    return "; ".join(parts)


def _session(session: SessionNow) -> str:
    place = f"{session.mode} on {session.exchange}"
    if session.running:
        return f"{place}, runs ({session.process}) since {utc_text(session.started)}"
    if session.ended is None:
        return f"{place}, does not run; the last one was killed after {utc_text(session.last_seen)}"
    ended = f"the last one ended at {utc_text(session.ended)}"
    return f"{place}, does not run; {ended} ({session.outcome})"


def _trading(trading: TradingNow) -> str:
    if trading.state == "on":
        return "on"
    meaning = "nothing is ordered" if trading.state == "off" else "nothing is bought"
    since = f" since {utc_text(trading.since)}" if trading.since else ""
    return f"{trading.state}{since}, {meaning}: {trading.reason or 'no reason was given'}"


def _next(report: StatusReport, now: float) -> str:
    at = report.next.at if report.next else math.nan
    if report.session is not None and not report.session.running:
        return f"{utc_text(at)} at the earliest, by a session that is started then"
    return f"{utc_text(at)}, {time_left(at - now)}"


def time_left(seconds: float) -> str:
    """A wait in words."""
    left = math.ceil(seconds)
    hours, minutes, rest = left // 3600, left // 60 % 60, left % 60
    wait = f"in {hours} h {minutes:02} min" if hours else f"in {minutes} min {rest:02} s"
    return wait if left > 0 else "due"


def _buys(coming: NextDecision) -> str:
    if coming.buys_now:
        return f"possible {coming.hours}, now until {utc_text(coming.buys_until)}"
    return f"possible {coming.hours}, not before {utc_text(coming.buys_from)}"


def _gate(gate: GateNow) -> str:
    since = f" since {utc_text(gate.since)}" if gate.since else ""
    checks = f"{gate.filled} of {len(gate.channels)} risk checks" if gate.channels else ""
    text = f"{gate.state}{since}, ceiling {_share(gate.ceiling_in_force)}"
    text += f" ({checks})" if checks else ""
    if gate.stale:
        old = f"{gate.stale} session{'' if gate.stale == 1 else 's'} old"
        text += f", {old}: as of {utc_text(gate.known_at)}" if gate.known_at else f", {old}"
    return text + (f"; held back: {', '.join(gate.held)}" if gate.held else "")


def _equity(account: AccountNow) -> str:
    return (
        f"{_amount(account.equity)} {account.quote}, cash {_amount(account.cash)}, "
        f"drawdown {_share(account.drawdown)}"
    )


def _holdings(account: AccountNow) -> str:
    listed = ", ".join(
        f"{holding.coin} {_amount(holding.value)} (target {_amount(holding.target)})"
        for holding in account.holdings
    )
    return listed or "none"


def _order(order: OrderNow) -> str:
    side = "buy" if order.size > 0 else "sell"
    text = f"{side} {abs(order.size):g} {order.coin}: {order.state}"
    words = [word for word in (order.why, order.venue_text) if word and word != order.state]
    return f"{text}, {', '.join(words)}" if words else text


def _decision(decision: DecisionNow) -> str:
    return f"{decision.sentence} {decision.note}".strip()


def _open_incidents(report: StatusReport) -> Iterator[str]:
    for incident in report.incidents:
        if incident.open:
            often = f" ({times(incident.count)} that day)" if incident.count > 1 else ""
            yield f"{incident.kind}: {incident.text}{often}"


def _known(report: StatusReport) -> Iterator[str]:
    for row in report.known:
        if row.what == CALENDAR:
            yield f"{row.what} until {utc_text(row.until)}"
        elif row.what != CLOCK:  # asked for again before the next decision
            yield f"{row.what} as of {utc_text(row.asked_at)}"
    if report.clock_offset is not None and abs(report.clock_offset) > REPORTED:
        side = "behind" if report.clock_offset > 0.0 else "ahead of"
        yield f"this machine's clock is {abs(report.clock_offset):.0f} s {side} the exchange's"


def _amount(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.2f}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}".replace(".0%", "%")
