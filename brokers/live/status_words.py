"""The status of an account in words: the same lines in panel, log, messages and terminal."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from brokers.clock import utc_text
from brokers.live.exchange_clock import CLOCK, REPORT_BEYOND
from brokers.live.health import CALENDAR
from brokers.live.hours import BuyingHours
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
from brokers.orders.outcome import how_it_ended
from brokers.plurals import count, times

UNKNOWN = "-"
ENDED_BY_HAND = ("stopped", "interrupted")  # outcomes of a session that a person has ended


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
        "buys": _buys(report, report.next) if report.next else "",
        "gate": _gate(report.gate) if report.gate else "",
        "equity": _equity(report.account) if report.account else "",
        "holdings": _holdings(report.account) if report.account else "",
        "open orders": ", ".join(_order(order) for order in report.open_orders),
        "decision": _decision(report.decision) if report.decision else "",
        "incident": "; ".join(_open_incidents(report)),
        "known": "; ".join(_known(report)),
    }
    return [StatusLine(name, text) for name, text in lines.items()]


def short_line(report: StatusReport, now: float) -> str:
    """Gate, equity and next decision as one line for the log; `status` shows the rest."""
    lines = {line.name: line for line in status_lines(report, now) if line.text}
    parts = [f"health {report.health}"]
    if report.trading.state != "on":
        parts.append(f"trading {report.trading.state}")
    parts += [str(lines[name]) for name in ("gate", "equity", "next decision") if name in lines]
    return "; ".join(parts)


def status_sentence(report: StatusReport, now: float | None = None) -> str:
    """The lines that matter most as one, for example for `systemctl status`."""
    wanted = ("health", "trading", "gate", "equity", "next decision")
    lines = status_lines(report, now)
    return "; ".join(str(line) for line in lines if line.name in wanted and line.text)


def result_line(report: StatusReport) -> str:
    """What the last session came to, which was started with `--once`."""
    coming, session = report.next, report.session
    if coming is None or session is None:
        return "nothing was decided"
    bar = coming.bar - session.timeframe  # the newest
    if session.outcome in ENDED_BY_HAND and _decided_bar(report) < bar:
        what = f"the bar of {utc_text(bar)} was not decided: {session.outcome}"
    elif report.decision is None:
        return "nothing was decided"
    else:
        what = _result(report.decision, session)
    parts = (
        what,
        f"next decision at {utc_text(coming.at)}",
        f"buys {_buys(report, coming)}",
        f"trading {_trading(report.trading)}",
    )
    return "; ".join(parts)


def _result(decision: DecisionNow, session: SessionNow) -> str:
    """What a decision was, if it is of this session, and what became of its orders."""
    at = utc_text(decision.bar)
    if decision.kind == "flatten":
        is_sold = all(order.state == "done" for order in decision.orders)
        what = f"{'sold' if is_sold else 'was to sell'} everything at {at}"
    elif decision.decided_at >= session.started:
        what = f"decided the bar of {at}: {_decision(decision)}"
    else:
        what = f"already decided the bar of {at}"
    orders = ", ".join(_order(order) for order in decision.orders) or "none"
    return f"{what.rstrip('.')}; orders: {orders}"


def _session(session: SessionNow) -> str:
    place = f"{session.mode} on {session.exchange}"
    if session.running:
        return f"{place}, runs ({session.process}) since {utc_text(session.started)}"
    if session.ended is None:
        return f"{place}, does not run; the last one was killed after {utc_text(session.last_seen)}"
    ended = f"the last one ended at {utc_text(session.ended)}"
    is_error = "Error: " in (session.outcome or "")  # health says which
    return f"{place}, does not run; {ended} ({'error' if is_error else session.outcome})"


def _trading(trading: TradingNow) -> str:
    if trading.state == "on":
        return "on"
    meaning = {"off": "nothing is ordered", "flatten": "everything is to be sold"}.get(
        trading.state, "nothing is bought"
    )
    since = f" since {utc_text(trading.since)}" if trading.since else ""
    return f"{trading.state}{since}, {meaning}: {trading.reason or 'no reason was given'}"


def _next(report: StatusReport, now: float) -> str:
    at = report.next.at if report.next else math.nan
    if report.session is not None and not report.session.running:
        return f"{utc_text(at)} at the earliest, by a session that is started then"
    if overdue := _overdue(report, now):
        return overdue
    return f"{utc_text(at)}, {_time_left(at - now)}"


def _overdue(report: StatusReport, now: float) -> str:
    """That a running session has not decided the newest bar; "" if it has, or has just begun."""
    coming, session = report.next, report.session
    if coming is None or session is None:
        return ""
    newest, grace = coming.bar - session.timeframe, coming.at - coming.bar
    is_new = report.decision is None and now - session.started <= grace
    if is_new or _decided_bar(report) >= newest:
        return ""
    return f"the bar of {utc_text(newest)} is overdue and tried again"


def _time_left(seconds: float) -> str:
    """A wait in words."""
    left = math.ceil(seconds)
    hours, minutes, rest = left // 3600, left // 60 % 60, left % 60
    wait = f"in {hours} h {minutes:02} min" if hours else f"in {minutes} min {rest:02} s"
    return wait if left > 0 else "due"


def _buys(report: StatusReport, coming: NextDecision) -> str:
    """When something can be bought: not while trading is not on, nor by a bar that is settled."""
    if report.trading.state != "on":
        return f"possible {coming.hours}, but not while trading is {report.trading.state}"
    length = report.session.timeframe if report.session else 0
    is_open = any(order.size > 0.0 for order in report.open_orders)
    if coming.buys_now and not is_open and _decided_bar(report) >= coming.bar - length:
        return f"possible {coming.hours}, next at {utc_text(coming.at)}"
    return BuyingHours(coming.buys_from, coming.buys_until, coming.buys_now, coming.hours).when


def _decided_bar(report: StatusReport) -> float:
    """End of the newest bar that is decided; -inf for none. Its closes value the account."""
    if report.decision is not None and report.decision.kind == "bar":
        return report.decision.bar
    return report.account.priced_at if report.account else -math.inf


def _gate(gate: GateNow) -> str:
    since = f" since {utc_text(gate.since)}" if gate.since else ""
    checks = f"{gate.filled} of {len(gate.channels)} risk checks" if gate.channels else ""
    text = f"{gate.state}{since}, ceiling {_share(gate.ceiling)}"
    text += f" ({checks})" if checks else ""
    if gate.stale:
        old = f"{count(gate.stale, 'session')} old"
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
        if {_amount(holding.value), _amount(holding.target)} != {_amount(0.0)}
    )
    return listed or "none"


def _order(order: OrderNow) -> str:
    side = "buy" if order.size > 0 else "sell"
    ending = how_it_ended(order.size, order.state, order.why)
    text = f"{side} {abs(order.size):g} {order.coin}: {ending}"
    return f"{text}, {order.venue_text}" if order.venue_text else text


def _decision(decision: DecisionNow) -> str:
    return f"{decision.sentence} {decision.note}".strip()


def _open_incidents(report: StatusReport) -> Iterator[str]:
    note = report.decision.note if report.decision else ""
    for incident in report.incidents:
        if incident.open and incident.text not in note:  # which the decision's line has
            often = f" ({times(incident.count)} that day)" if incident.count > 1 else ""
            yield f"{incident.kind}: {incident.text}{often}"


def _known(report: StatusReport) -> Iterator[str]:
    for row in report.known:
        if row.what == CALENDAR:
            yield f"{row.what} until {utc_text(row.until)}"
        elif row.what != CLOCK:  # asked for again before the next decision
            yield f"{row.what} as of {utc_text(row.asked_at)}"
    if report.clock_offset is not None and abs(report.clock_offset) > REPORT_BEYOND:
        side = "behind" if report.clock_offset > 0.0 else "ahead of"
        yield f"this machine's clock is {abs(report.clock_offset):.0f} s {side} the exchange's"


def _amount(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.2f}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}".replace(".0%", "%")
