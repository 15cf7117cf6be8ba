"""The tables of a paper session as text."""

from collections.abc import Sequence

from backtests.paper_sessions.execution import Filled, slippage
from backtests.paper_sessions.summary import SessionReport, utc
from backtests.report.cells import LAST, NONE, Cell, Table, gain, number
from brokers.journal.records import DecisionRow
from strategies.breakout import STATES
from strategies.sentences import UNCHANGED

LONGEST = 400  # rows of a table on the page; --json has all
Tile = tuple[str, str, str]


def tiles(report: SessionReport) -> list[Tile]:
    """The headline: what, the figure, what stands beside it."""
    kept, beside, attendance = report.kept, report.beside, report.attendance
    value = kept.equity[-1].unit_value / kept.equity[0].unit_value - 1.0 if kept.equity else None
    traded, paid = sum(one.value for one in report.filled), sum(one.worth for one in report.fees)
    found = [
        (
            "since the start",
            number(value, "{:+.2%}").text,
            f"backtest {beside.backtest.total_return:+.2%}" if beside else "not compared",
        )
    ]
    if beside is not None:
        daily = beside.tracking.daily
        apart = (
            f"{daily * 1e4:,.1f} bp a day, standard deviation" if daily is not None else "one day"
        )
        found.append(
            (
                "ahead of the backtest",
                f"{gain(beside.tracking.total * 1e4, '{:+,.0f}').text} bp",
                apart,
            )
        )
    found.append(
        (
            "bars decided",
            f"{attendance.decided:,}",
            f"{attendance.missing:,} missed, {len(attendance.late):,} late",
        )
    )
    if beside is not None:
        alike = beside.orders - report.otherwise[2]
        found.append(
            (
                "orders alike",
                f"{alike:,} of {beside.orders:,}",
                f"{beside.live.orders:,} filled, backtest {beside.backtest.orders:,}",
            )
        )
    else:
        found.append(
            ("orders filled", f"{len(report.filled):,}", f"of {len(kept.intents):,} decided")
        )
    cost = report.against_open or report.against_close
    against = "next open" if report.against_open else "close"
    worst = (
        f"against the {against}; mean {cost.mean:+.1f}, worst {cost.worst:+.1f}"
        if cost
        else "no fills"
    )
    found.append(("slippage, median", f"{cost.median:+.1f} bp" if cost else NONE, worst))
    found.append(
        (
            f"fees, {kept.setup.quote}",
            f"{paid:,.2f}",
            f"{paid / traded * 1e4:.1f} bp of what was traded" if traded else "nothing traded",
        )
    )
    return found


def against_backtest(report: SessionReport) -> Table:
    """The session and the backtest of the same bars, side by side."""
    headings = (
        ("", False),
        ("total return", True),
        ("per year", True),
        ("max drawdown", True),
        ("in coins", True),
    )
    beside = report.beside
    if beside is None:
        return Table(headings, [])
    long = beside.tracking.yearly is not None
    rows = [
        [
            Cell(name, None, "own" if name == "session" else ""),
            gain(one.total_return, "{:+.2%}"),
            gain(one.cagr if long else None, "{:+.2%}"),
            number(one.max_drawdown, "{:.2%}"),
            number(one.exposure, "{:.1%}"),
            number(one.orders, "{:,}"),
            number(one.fees, "{:,.2f}"),
        ]
        for name, one in (("session", beside.live), ("backtest", beside.backtest))
    ]
    own, other, tracking = beside.live, beside.backtest, beside.tracking
    less = [
        Cell("session less backtest", LAST),
        gain(tracking.total, "{:+.2%}"),
        gain(tracking.yearly, "{:+.2%}"),
    ]
    less += [
        _less(own.max_drawdown - other.max_drawdown, "{:+.2%}"),
        _less(own.exposure - other.exposure, "{:+.1%}"),
    ]
    rows.append(
        [*less, _less(own.orders - other.orders, "{:+,}"), _less(own.fees - other.fees, "{:+,.2f}")]
    )
    return Table([*headings, ("orders filled", True), ("fees", True)], rows)


def causes(report: SessionReport) -> Table:
    """What differs, counted by its cause; what only follows from earlier fills comes last."""
    counts: dict[tuple[bool, str, str], list[int]] = {}
    for one in report.beside.differences if report.beside else ():
        counts.setdefault((one.follows, one.what.partition(":")[0], one.cause), []).append(one.time)
    rows = [
        [
            Cell(cause, None, "sentence"),
            Cell(what),
            number(len(times), "{:,}"),
            Cell("follows" if follows else "of its own"),
            Cell(utc(times[0])),
        ]
        for (follows, what, cause), times in sorted(
            counts.items(), key=lambda item: (item[0][0], -len(item[1]))
        )
    ]
    return Table(
        [("cause", False), ("what", False), ("times", True), ("kind", False), ("first at", False)],
        rows[:LONGEST],
    )


def _less(value: float, form: str) -> Cell:
    """A difference that is neither good nor bad by its sign."""
    return gain(value, form)._replace(kind="number")


def differences(report: SessionReport) -> Table:
    """Every decision and order that is not the backtest's, those that do not merely follow first."""
    found = (
        sorted(report.beside.differences, key=lambda one: (one.follows, one.time))
        if report.beside
        else []
    )
    rows = [
        [
            Cell(utc(one.time)),
            Cell(one.what),
            Cell(one.live),
            Cell(one.backtest),
            Cell(one.cause, None, "sentence"),
        ]
        for one in found[:LONGEST]
    ]
    return Table(
        [
            ("bar", False),
            ("what", False),
            ("session", False),
            ("backtest", False),
            ("cause", False),
        ],
        rows,
    )


def costs(report: SessionReport) -> Table:
    """Slippage by coin, and of all together."""
    headings = (
        ("", False),
        ("orders", True),
        ("traded", True),
        ("next open, bp", True),
        ("close, bp", True),
        ("cost to open", True),
    )
    groups = [
        (coin, [one for one in report.filled if one.coin == coin])
        for coin in dict.fromkeys(one.coin for one in report.filled)
    ]
    groups = [*groups, ("all", list(report.filled))] if len(groups) > 1 else groups
    rows = [[_name(name), *_cost(fills)] for name, fills in groups]
    return Table([*headings, ("fees", True), ("fees, bp", True)], rows)


def _name(name: str) -> Cell:
    return Cell(name, LAST, "own") if name == "all" else Cell(name)


def _cost(fills: Sequence[Filled]) -> list[Cell]:
    traded, paid = sum(one.value for one in fills), sum(one.fee for one in fills)
    cells = [number(len(fills), "{:,}"), number(traded, "{:,.0f}")]
    for against_open in (True, False):
        found = slippage(fills, against_open)
        cell = number(found.median if found else None, "{:+.1f}")
        cells.append(
            cell._replace(text=f"{cell.text}\nmean {found.mean:+.1f}, worst {found.worst:+.1f}")
            if found
            else cell
        )
    opens = slippage(fills, True)
    return [
        *cells,
        number(opens.cost if opens else None, "{:+,.2f}"),
        number(paid, "{:,.2f}"),
        number(paid / traded * 1e4, "{:.1f}"),
    ]


def fills(report: SessionReport) -> Table:
    """Every order that was filled, the newest first."""
    headings = (
        ("bar", False),
        ("seconds after", True),
        ("coin", False),
        ("side", False),
        ("size", True),
        ("price", True),
        ("value", True),
    )
    rows = [
        [
            Cell(utc(one.time)),
            number(one.at - one.time, "{:,.0f}"),
            Cell(one.coin),
            Cell("buy" if one.size > 0 else "sell", None, "good" if one.size > 0 else "bad"),
            number(abs(one.size), "{:,.6g}"),
            number(one.price, "{:,.6g}"),
            number(one.value, "{:,.2f}"),
            number(one.against(one.open) if one.open else None, "{:+.1f}"),
            number(one.against(one.close) if one.close else None, "{:+.1f}"),
            number(one.fee, "{:,.4f}"),
            number(one.executions, "{:,}"),
        ]
        for one in report.filled[: -LONGEST - 1 : -1]
    ]
    return Table(
        [
            *headings,
            ("to open, bp", True),
            ("to close, bp", True),
            ("fee", True),
            ("executions", True),
        ],
        rows,
    )


def fees(report: SessionReport) -> Table:
    """What was paid in which coin."""
    headings = (
        ("paid in", False),
        ("units", True),
        (f"worth, {report.kept.setup.quote}", True),
        ("executions", True),
        ("not known", True),
    )
    rows = [
        [
            Cell(one.coin),
            number(one.units, "{:,.8g}"),
            number(one.worth, "{:,.2f}"),
            number(one.executions, "{:,}"),
            number(one.unknown, "{:,}"),
        ]
        for one in report.fees
    ]
    return Table(headings, rows)


def nothing(report: SessionReport) -> Table:
    """Orders that came to nothing or to less, the newest first."""
    rows = [
        [
            Cell(utc(one.time)),
            Cell(one.order or NONE),
            Cell(one.state),
            Cell(one.why, None, "sentence"),
        ]
        for one in report.nothing[: -LONGEST - 1 : -1]
    ]
    return Table([("bar", False), ("order", False), ("became", False), ("why", False)], rows)


def missed(report: SessionReport) -> Table:
    """Bars that were not decided."""
    rows = [
        [
            Cell(utc(one.first)),
            Cell(utc(one.last) if one.bars > 1 else NONE),
            number(one.bars, "{:,}"),
            Cell(one.why, None, "sentence"),
        ]
        for one in report.attendance.missed[-LONGEST:]
    ]
    return Table([("from", False), ("to", False), ("bars", True), ("why", False)], rows)


def late(report: SessionReport) -> Table:
    """Bars that were decided late."""
    rows = [
        [Cell(utc(one.time)), number(one.minutes, "{:,.0f}"), Cell(one.why, None, "sentence")]
        for one in report.attendance.late[-LONGEST:]
    ]
    return Table([("bar", False), ("minutes late", True), ("why", False)], rows)


def incidents(report: SessionReport) -> Table:
    """What a person should have known, by kind."""
    colours = {"critical": "bad", "warning": "", "info": ""}
    rows = [
        [
            Cell(one.kind),
            Cell(one.severity, None, colours[one.severity]),
            number(one.times, "{:,}"),
            Cell(utc(one.first)),
            Cell(utc(one.last)),
            Cell(one.text, None, "sentence"),
        ]
        for one in report.incidents[:LONGEST]
    ]
    return Table(
        [
            ("kind", False),
            ("severity", False),
            ("times", True),
            ("first", False),
            ("last", False),
            ("the last one", False),
        ],
        rows,
    )


def sessions(report: SessionReport) -> Table:
    """Every session, the newest first."""
    rows = [
        [
            Cell(utc(one.started)),
            Cell(utc(one.ended) if one.ended is not None else NONE),
            Cell(one.mode),
            number(one.decisions, "{:,}"),
            Cell(one.outcome, None, "bad sentence" if one.killed else "sentence"),
        ]
        for one in report.sessions[: -LONGEST - 1 : -1]
    ]
    return Table(
        [
            ("started", False),
            ("ended", False),
            ("mode", False),
            ("bars", True),
            ("ended as", False),
        ],
        rows,
    )


def changed(report: SessionReport) -> list[DecisionRow]:
    """The decisions that found something else than the one before, or traded; what a new session merely tells again is not among them."""
    found, before = [], ""
    for row in report.kept.decisions:
        situation, trades, _ = row.sentence.removeprefix(UNCHANGED).partition(" Now ")
        if trades or situation != before:
            found.append(row)
        before = situation
    return found


def decisions(report: SessionReport) -> Table:
    """The decisions that changed something, the newest first."""
    coins = report.kept.setup.coins
    rows = []
    for row in changed(report)[: -LONGEST - 1 : -1]:
        targets = dict(
            zip(report.kept.of(row).coins, row.targets, strict=False)
        )  # without coins where the settings cannot be read
        cells = [
            Cell(utc(row.time)),
            Cell(STATES[row.state]),
            number(row.ceiling, "{:.0%}"),
            number(row.equity, "{:,.2f}"),
        ]
        rows.append(
            [
                *cells,
                *(number(targets.get(coin), "{:.1%}") for coin in coins),
                Cell(row.sentence.removeprefix(UNCHANGED), None, "sentence"),
            ]
        )
    headings = [
        ("bar", False),
        ("state", False),
        ("ceiling", True),
        ("equity", True),
        *((coin, True) for coin in coins),
        ("why", False),
    ]
    return Table(headings, rows)


def data(report: SessionReport) -> Table:
    """Each series the backtest read."""
    headings = (
        ("series", False),
        ("source", False),
        ("first", False),
        ("last", False),
        ("rows", True),
        ("vintage", False),
        ("from", False),
    )
    rows = []
    for request, one in report.beside.prices.series.items() if report.beside else ():
        span = (f"{one.frame.index[0]:%Y-%m-%d}", f"{one.frame.index[-1]:%Y-%m-%d}")
        cells = [
            Cell(request.name),
            Cell(one.source),
            *map(Cell, span),
            number(len(one.frame), "{:,}"),
            Cell(one.vintage[:12]),
            Cell(one.origin),
        ]
        rows.append(cells)
    return Table(headings, rows)


def assumptions(report: SessionReport) -> list[str]:
    """How the comparison was made, one sentence each."""
    kept, beside = report.kept, report.beside
    told = [
        "Slippage is positive where the price was worse than the reference: the open of the bar after the decision, or the close decided on.",
        "Executions of one order count together, fees apart.",
        "Returns are those of a unit of the account: what was paid in or out is no gain.",
        "A bar is late when it was decided later than paper.grace, paper.patience and two minutes after its end.",
    ]
    if beside is None:
        return told
    costs = beside.settings.costs
    return [
        f"The backtest has the settings of the last session and starts with {kept.equity[0].value:,.2f} {kept.setup.quote} at its first bar.",
        f"It fills at the next bar's open, moved {costs.slippage:.2%} against the order, at a fee of {costs.fee:.2%}.",
        "Cash earns no interest, whatever costs.cash_yield says: an account on paper gets none.",
        "Prices are those known now: what a vendor has revised since shows as a difference of the gate.",
        "An order of the newest bar is compared once the bar after it has ended.",
        *told,
    ]
