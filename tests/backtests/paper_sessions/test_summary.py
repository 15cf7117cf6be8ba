"""A paper session's numbers: it matches the backtest, or differences are counted and explained."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backtests.paper_sessions.attention import attention
from backtests.paper_sessions.backtest_inputs import session_settings
from backtests.paper_sessions.document import as_json
from backtests.paper_sessions.execution import UnfilledOrder
from backtests.paper_sessions.recording import read_journal
from backtests.paper_sessions.sentences import headline, sentence
from backtests.paper_sessions.summary import Agreement, SessionReport
from backtests.paper_sessions.tracking import compare_with_backtest, tracking_difference
from backtests.paper_sessions.uptime import MissedBars, measure_uptime
from backtests.performance import short_windows
from backtests.performance.short_windows import ANNUALISED
from backtests.report.cells import NONE
from backtests.report.session import comparison_tables
from backtests.report.session.tiles import tiles
from backtests.runs import folder as run_folders
from backtests.runs.replay import replay
from brokers.journal.opening import open_journal
from brokers.prices import probe
from brokers.prices.sources import required_series, source_of
from config.settings import ConfigError
from main import app
from tests.backtests.paper_journals import (
    BARS,
    DAY,
    FIRST,
    SESSION,
    bar,
    changed,
    report_of,
    rows,
    sold,
    without,
)
from tests.scenes import random_backtest

Changed = Callable[..., Path]


@pytest.fixture
def journal(replayed_journal: Path, tmp_path: Path) -> Changed:
    """A session's journal after some SQL."""
    return lambda *statements, name="session": changed(
        replayed_journal, tmp_path, *SESSION, *statements, name=name
    )


def independent_differences(report: SessionReport) -> list[tuple[int, str, str]]:
    """Bar, what and why of each difference that does not merely follow."""
    assert report.comparison is not None
    return [
        ((difference.time - FIRST) // DAY, difference.what, difference.cause)
        for difference in report.comparison.differences
        if not difference.follows
    ]


def abouts(report: SessionReport) -> dict[str, str]:
    return {item.about: item.text for item in attention(report)}


# --- matches the backtest -------------------------------------------------------------------------


def test_a_replay_is_the_backtest(replayed_journal: Path) -> None:
    report = report_of(replayed_journal, source=[])
    assert report.comparison is not None
    assert (
        report.agreement,
        report.comparison.differences,
        report.comparison.bars,
        report.comparison.orders,
    ) == (
        Agreement.MATCHES,
        (),
        BARS,
        7,
    )
    assert (
        report.comparison.tracking.total,
        report.comparison.tracking.daily,
        report.comparison.tracking.days,
    ) == (0.0, 0.0, BARS)
    assert report.comparison.live == report.comparison.backtest
    assert (headline(report), attention(report)[0].about) == (
        "Matches the backtest.",
        "unfilled orders",
    )


@pytest.mark.parametrize("seed", [(88, 27), (1, 1), (4, 4), (9, 9)])
def test_so_is_one_of_any_market_at_any_timeframe(seed: tuple[int, int], tmp_path: Path) -> None:
    """The first is hourly and begins at five in the morning; all have gaps, in which nobody is
    missed.
    """
    drawn = random_backtest(np.random.default_rng(seed))
    grid = drawn.grid[4:64]
    coins = {name: lines.loc[grid[0] : grid[-1]] for name, lines in drawn.coins.items()}
    replay(drawn._replace(grid=grid, coins=coins), tmp_path / "replay.sqlite")
    snapshot = read_journal(tmp_path / "replay.sqlite")
    found = compare_with_backtest(snapshot, drawn.settings, drawn.prices)
    assert found.differences == ()
    assert abs(found.tracking.total) < 1e-9
    assert measure_uptime(snapshot, found.idle).missed == ()


def test_a_session_that_did_the_same_is_too(journal: Changed) -> None:
    report = report_of(journal())
    assert report.comparison is not None
    assert (
        report.agreement,
        report.comparison.differences,
        report.comparison.bars,
        report.comparison.orders,
    ) == (
        Agreement.MATCHES,
        (),
        BARS - 1,
        7,
    )
    assert attention(report) == []
    assert "a difference below one basis point" in sentence(report)


def test_its_fills_cost_what_the_settings_say(journal: Changed) -> None:
    """5 basis points of slippage at the next open, which is the close in these prices, and 10 of
    fees.
    """
    report = report_of(journal())
    for found in (report.against_open, report.against_close):
        assert found is not None
        assert found.fills == 7
        assert (found.median, found.mean, found.worst) == pytest.approx((5.0, 5.0, 5.0))
    traded = sum(fill.value for fill in report.filled)
    (fees,) = report.fees
    assert (fees.coin, fees.executions, fees.unknown) == ("USDT", 7, 0)
    assert fees.units == fees.worth == pytest.approx(0.001 * traded)


def test_an_order_of_the_newest_bar_waits_for_the_bar_after_it(
    replayed_journal: Path, tmp_path: Path
) -> None:
    """The replay's last order found an empty book; whether the backtest would have filled it is
    known a bar later only.
    """
    copy = changed(replayed_journal, tmp_path, SESSION[0])
    later = report_of(copy)
    assert later.comparison is not None
    assert (later.comparison.orders, independent_differences(later)) == (
        8,
        [(44, "order: BTC", "abandoned: the order book is empty")],
    )
    prices = _cut(copy, tmp_path, until="2015-09-28")
    now = report_of(copy, f"prices.folder={prices}")
    assert now.comparison is not None
    assert (now.comparison.orders, now.comparison.bars, now.agreement) == (
        7,
        BARS,
        Agreement.MATCHES,
    )


def test_on_day_one_all_places_count_the_same_orders(journal: Changed, tmp_path: Path) -> None:
    """Bitcoin was bought on the first bar; the bar at whose open a backtest buys has not closed."""
    later = (
        "DELETE FROM fills WHERE client_id IN (SELECT client_id FROM orders WHERE intent > 1)",
        "DELETE FROM orders WHERE intent > 1",
        "DELETE FROM intents WHERE id > 1",
        *(f"DELETE FROM {table} WHERE time > {FIRST}" for table in ("equity", "decisions")),
    )
    copy = journal(*later)
    report = report_of(copy, f"prices.folder={_cut(copy, tmp_path, until='2015-08-15')}")
    assert report.comparison is not None
    assert (report.comparison.orders, len(report.filled), report.waiting_orders) == (0, 1, 1)
    assert (
        "1 bar from 2015-08-16 00:00 UTC to 2015-08-16 00:00 UTC, 1 filled order "
        "(1 not compared yet)."
    ) in sentence(report)
    facts = {what: (figure, remark) for what, figure, remark in tiles(report)}
    assert facts["matching orders"] == ("0 of 0", "1 filled (1 not compared yet), backtest 0")
    (fill,) = report.filled
    assert facts["fees, USDT"][0] == f"{fill.fee:,.2f}" != "0.00"


def test_where_prices_end_earlier_the_rest_is_not_compared(
    journal: Changed, tmp_path: Path
) -> None:
    copy = journal()
    report = report_of(copy, f"prices.folder={_cut(copy, tmp_path, until='2015-09-13')}")
    assert report.comparison is not None
    assert (report.comparison.bars, report.agreement) == (30, Agreement.MATCHES)
    assert abouts(report) == {
        "the comparison": "Prices end at 2015-09-14 00:00 UTC: later bars are not compared."
    }


def test_prices_that_begin_after_the_session_cannot_be_compared(
    journal: Changed, tmp_path: Path
) -> None:
    copy = journal()
    report = report_of(copy, f"prices.folder={_cut(copy, tmp_path, since='2015-08-20')}")
    assert report.agreement == Agreement.NOT_COMPARED
    assert (
        "begin with the bar of 2015-08-21 00:00, the paper session with that of 2015-08-16 00:00"
        in report.why_not
    )


def _cut(journal: Path, place: Path, since: str = "", until: str = "9999") -> Path:
    """The prices of `journal` with the coins' days from `since` to `until`."""
    ((settings,),) = rows(journal, "SELECT settings FROM sessions")
    whole, part = Path(json.loads(settings)["prices"]["folder"]) / "daily", place / "part" / "daily"
    part.mkdir(parents=True)
    for path in whole.iterdir():
        header, *lines = path.read_text().splitlines(keepends=True)
        coin = path.stem.endswith("-USD")
        (part / path.name).write_text(
            "".join([header, *(line for line in lines if not coin or since <= line[:10] <= until)])
        )
    return part.parent


# --- differs from the backtest --------------------------------------------------------------------


def test_missed_bars_are_counted_and_explained(journal: Changed) -> None:
    report = report_of(journal(*without(10, 11, 12, 25)))
    assert [(gap.first, gap.last, gap.bars) for gap in report.uptime.missed] == [
        (bar(10), bar(12), 3),
        (bar(25), bar(25), 1),
    ]
    assert (report.uptime.decided, report.uptime.missing) == (40, 4)
    assert independent_differences(report) == [
        (number, "decision", "the bar was missed") for number in (10, 11, 12, 25)
    ]
    assert (report.difference_counts, headline(report)) == (
        (4, 0, 0),
        "Differs from the backtest: 4 missed bars.",
    )
    assert (
        abouts(report)["bars missed"]
        == "4 bars between the first and the last decision were missed"
    )


SESSIONS = (
    "INSERT INTO sessions SELECT 2, {2}, ended, mode, settings, version, pid, 'done' FROM sessions",
    "UPDATE sessions SET started = {0}, ended = {1}, outcome = 'interrupted' WHERE id = 1",
    "UPDATE decisions SET session = 2 WHERE time > {1}",
)


def sessions(ended: int, started: int) -> list[str]:
    return [text.format(FIRST, bar(ended) + 60, bar(started) + 60) for text in SESSIONS]


def test_a_bar_is_missed_for_a_reason(journal: Changed) -> None:
    trouble = (
        f"INSERT INTO incidents VALUES (1, {bar(25)}, 'exchange', 'warning', 'no coin has a bar', "
        f"3, {bar(25) + 900}, {bar(25) // DAY}), "
        f"(2, {bar(30)}, 'account', 'info', 'nothing much', 1, {bar(30)}, {bar(30) // DAY})"
    )
    report = report_of(journal(*without(10, 11, 25, 30), *sessions(9, 11), trouble))
    assert report.uptime.missed == (
        MissedBars(
            bar(10),
            bar(10),
            1,
            "no paper session was running: the previous one ended as interrupted",
        ),
        MissedBars(bar(11), bar(11), 1, "a paper session was running; the journal gives no reason"),
        MissedBars(bar(25), bar(25), 1, "exchange: no coin has a bar"),
        MissedBars(bar(30), bar(30), 1, "a paper session was running; the journal gives no reason"),
    )


def test_a_killed_session_is_reported(journal: Changed) -> None:
    killed = "UPDATE sessions SET ended = NULL, outcome = NULL WHERE id = 1"
    report = report_of(journal(*without(10, 11, 12), *sessions(9, 13), killed))
    assert [gap.why for gap in report.uptime.missed] == [
        "no paper session was running: the previous one was killed"
    ]
    assert [
        (session.killed, session.outcome.partition(":")[0], session.decisions)
        for session in report.sessions
    ] == [(True, "killed", 10), (False, "done", 31)]
    assert (
        abouts(report)["killed"]
        == "the paper session started at 2015-08-16 00:00 UTC has no recorded end"
    )


def test_a_session_that_still_runs_was_not_killed(journal: Changed) -> None:
    copy = journal("UPDATE sessions SET ended = NULL, outcome = NULL")
    with open_journal(copy, lambda: 0.0):
        running = report_of(copy)
    assert [(session.killed, session.outcome) for session in running.sessions] == [
        (False, "running")
    ]
    assert [session.killed for session in report_of(copy).sessions] == [True]


def test_a_bar_on_which_no_coin_had_a_price_is_not_missed(journal: Changed, tmp_path: Path) -> None:
    copy = journal(*without(25))
    prices = _cut(copy, tmp_path)
    for path in (prices / "daily").glob("*-USD.csv"):
        path.write_text(
            "".join(
                line
                for line in path.read_text().splitlines(keepends=True)
                if not line.startswith("2015-09-09")
            )
        )
    report = report_of(copy, f"prices.folder={prices}")
    assert report.comparison is not None
    assert (report.uptime.missed, report.comparison.idle) == ((), {bar(25)})


def test_late_decisions_have_their_minutes(journal: Changed) -> None:
    """In time is within grace, patience and two minutes; a replay waits for neither of these."""
    late = [
        f"UPDATE decisions SET decided_at = time + {seconds} WHERE time = {bar(number)}"
        for number, seconds in ((5, 120), (6, 121), (30, 5400))
    ]
    note = f"UPDATE decisions SET note = 'too late to buy' WHERE time = {bar(30)}"
    report = report_of(journal(*late, note))
    assert [(decision.time, decision.minutes) for decision in report.uptime.late] == [
        (bar(6), 121 / 60),
        (bar(30), 90.0),
    ]
    assert "too late to buy" in report.uptime.late[1].why
    assert report.uptime.usual == 0.0
    started = report_of(
        journal(
            *sessions(9, 10),
            *without(10),
            f"UPDATE decisions SET decided_at = {bar(11) + 7200} WHERE time = {bar(11)}",
        )
    )
    assert [difference.minutes for difference in started.uptime.late] == [120.0]


def test_a_decision_of_the_shipped_timer_is_not_late(journal: Changed) -> None:
    """It starts 5 to 7 minutes after the bar; paper.max_decision_age is 180 minutes."""
    timer = [
        *SESSIONS[:1],
        f"UPDATE sessions SET started = {bar(11) + 420} WHERE id = 2",
        f"UPDATE decisions SET session = 2, decided_at = time + 440 WHERE time = {bar(11)}",
        f"UPDATE decisions SET session = 2, decided_at = time + 10801 WHERE time = {bar(12)}",
    ]
    late = report_of(journal(*(text.replace("{2}", "0") for text in timer))).uptime.late
    assert [(decision.time, decision.minutes) for decision in late] == [(bar(12), 10801 / 60)]


def test_a_refused_order_differs_and_says_why(journal: Changed) -> None:
    """ETH on the seventh bar never came; what later bars order of it follows from that."""
    refused = (
        "UPDATE intents SET state = 'refused', why = 'the market is closed' WHERE id = 2",
        "DELETE FROM fills WHERE symbol = 'ETH'",
    )
    report = report_of(
        journal(
            *refused,
            "DELETE FROM orders WHERE symbol = 'ETH'",
            "DELETE FROM intents WHERE symbol = 'ETH' AND id > 2",
        )
    )
    assert independent_differences(report)[0] == (6, "order: ETH", "refused: the market is closed")
    assert (
        UnfilledOrder(bar(6), "buy 1144.29 ETH", "refused", "the market is closed")
        in report.unfilled
    )
    assert abouts(report)["unfilled orders"] == "1 refused by the exchange, 0 abandoned"


def test_an_order_that_the_guards_blocked_says_why(journal: Changed) -> None:
    gone = [f"DELETE FROM {table} WHERE symbol = 'SOL'" for table in ("intents", "orders", "fills")]
    report = report_of(
        journal(
            *gone,
            f"UPDATE decisions SET note = 'halted: buy SOL not ordered' WHERE time = {bar(36)}",
        )
    )
    assert independent_differences(report) == [(36, "order: SOL", "halted: buy SOL not ordered")]
    assert report.unfilled == [
        UnfilledOrder(bar(36), "", "kept back", "halted: buy SOL not ordered")
    ]
    assert (report.difference_counts, headline(report)) == (
        (0, 0, 1),
        "Differs from the backtest: 1 order.",
    )


def test_an_order_that_is_missing_without_a_reason_differs_too(journal: Changed) -> None:
    gone = [f"DELETE FROM {table} WHERE symbol = 'SOL'" for table in ("intents", "orders", "fills")]
    assert independent_differences(report_of(journal(*gone))) == [
        (36, "order: SOL", "the order was not sent")
    ]


def test_another_price_only_follows(journal: Changed) -> None:
    report = report_of(journal("UPDATE fills SET price = price * 1.01 WHERE symbol = 'SOL'"))
    assert report.comparison is not None
    assert report.agreement == Agreement.MATCHES
    assert [
        (difference.what, difference.cause, difference.follows)
        for difference in report.comparison.differences
    ] == [("order: SOL", "the fill price differs", True)]
    (sol,) = [fill for fill in report.filled if fill.coin == "SOL"]
    assert sol.open is not None
    assert sol.slippage(sol.open) == pytest.approx((1.0005 * 1.01 - 1.0) * 1e4)


@pytest.mark.parametrize(
    ("wanted", "ordered", "follows"),
    [(0.0, False, True), (900.0, False, False), (0.0, True, False), (900.0, True, True)],
)
def test_an_order_follows_from_another_account_only_where_it_is_what_was_decided(
    *, wanted: float, ordered: bool, follows: bool, journal: Changed
) -> None:
    """Somebody has paid in.

    On the bar on which the backtest buys SOL, and on the one before, the session may want none or
    some.
    """
    number = 35 if ordered else 36
    gone = [f"DELETE FROM {table} WHERE symbol = 'SOL'" for table in ("intents", "orders", "fills")]
    # Another order, so that the accounts are seen to differ.
    other = 1.0 if wanted == 0.0 and ordered else 0.0
    changed_account = (
        f"UPDATE decisions SET equity = equity * 1.1, sizes = '[{other},0.0,{wanted}]' "
        f"WHERE time = {bar(number)}"
    )
    sent = (
        f"INSERT INTO intents VALUES (99, {bar(number)}, 'SOL', 0, 900.0, 21.0, 'done', 'filled')"
        if ordered
        else "SELECT 1"
    )
    report = report_of(journal(*gone, changed_account, sent))
    assert report.comparison is not None
    (difference,) = [
        difference
        for difference in report.comparison.differences
        if difference.what == "order: SOL" and difference.time == bar(number)
    ]
    assert difference.follows == follows
    assert (difference.cause == "the accounts differ: earlier fills, fees or cash flows") == follows


# --- equity ---------------------------------------------------------------------------------------


def test_tracking_is_measured_on_the_unit_value(journal: Changed) -> None:
    """A unit that loses a basis point of the start's value on each bar from the fifth on."""
    lost = (
        f"UPDATE equity SET unit_value = unit_value - 0.0001 * ((time - {FIRST}) / {DAY} - 4) "
        f"WHERE time > {bar(4)}"
    )
    report = report_of(journal(lost))
    assert report.comparison is not None
    assert report.comparison.tracking.total == pytest.approx(-0.0039)
    assert report.comparison.tracking.yearly is None
    assert report.comparison.tracking.daily == pytest.approx(_deviation(report), rel=1e-9)
    assert 0.0 < report.comparison.tracking.daily < 0.0001
    assert "39 basis points behind" in sentence(report)


def _deviation(report: SessionReport) -> float:
    assert report.comparison is not None
    changes = report.comparison.curves[["live", "backtest"]].pct_change().dropna()
    return float((changes["live"] - changes["backtest"]).std())


def test_a_sale_of_everything_counts_as_an_order_but_as_no_bar(journal: Changed) -> None:
    """A person's wish: uptime, comparison and parity are about bars."""
    second = bar(5) + 7
    before, report = report_of(journal(name="before")), report_of(journal(*sold(second, bar(5))))
    assert before.comparison is not None
    assert report.comparison is not None
    assert (report.uptime, report.sessions) == (before.uptime, before.sessions)
    assert report.agreement == before.agreement == Agreement.MATCHES
    assert (report.comparison.bars, report.comparison.orders, report.comparison.tracking) == (
        before.comparison.bars,
        before.comparison.orders,
        before.comparison.tracking,
    )
    (sale,) = [order for order in report.filled if order.time == second]
    assert (sale.coin, sale.size, sale.price, sale.open) == ("BTC", -1.0, 99.0, None)
    assert len(report.filled) == len(before.filled) + 1


def test_a_deposit_is_no_return(journal: Changed) -> None:
    """The account grows by half; the unit does not."""
    paid = (
        "UPDATE equity SET value = value + 50000, units = units * 1.5, "
        f"flow = CASE time WHEN {bar(20)} THEN 50000 ELSE 0 END WHERE time >= {bar(20)}"
    )
    report = report_of(journal(paid))
    assert report.comparison is not None
    assert report.comparison.tracking.total == 0.0
    assert [(row.time, row.flow) for row in report.flows] == [(bar(20), 50_000.0)]
    assert (
        abouts(report)["deposits and withdrawals"]
        == "+50,000.00 USDT in 1 cash flow, the last at 2015-09-05 00:00 UTC; not counted as return"
    )


@pytest.mark.parametrize(("bars", "is_long"), [(367, False), (600, False), (601, True)])
def test_a_short_session_has_no_yearly_difference(bars: int, *, is_long: bool) -> None:
    """Of fewer than 600 daily returns nothing is annualised, here as in a run."""
    ends = pd.date_range("2020-01-01", periods=bars, tz="UTC")
    curve = pd.Series(1.001 ** np.arange(bars), ends)
    found = tracking_difference(pd.DataFrame({"live": curve, "backtest": curve}))
    assert (found.yearly is not None) == is_long


def test_a_short_session_has_no_yearly_figures_anywhere(
    journal: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = report_of(journal())
    printed: Any = as_json(report)["comparison"]
    assert report.comparison is not None
    for name in ("live", "backtest"):
        assert [printed[name][figure] for figure in ANNUALISED] == [None] * len(ANNUALISED)
        assert printed[name]["max_drawdown"] > 0.0
    table = comparison_tables.metrics(report)
    assert [row[2].text for row in table.rows] == [NONE] * 3
    monkeypatch.setattr(short_windows, "FEWEST_DAYS", 43)  # of 44 bars compared
    report = report_of(journal(name="long"))
    assert report.comparison is not None and report.comparison.tracking.yearly is not None
    printed = as_json(report)["comparison"]
    assert None not in [
        printed[name][figure]
        for name in ("live", "backtest")
        for figure in ("cagr", "sharpe", "turnover")
    ]
    own, backtest, difference = (row[2].text for row in comparison_tables.metrics(report).rows)
    assert (own, backtest) == tuple(
        f"{figures.cagr:+.2%}" for figures in (report.comparison.live, report.comparison.backtest)
    )
    assert difference != NONE


def test_after_600_days_the_difference_is_annualised() -> None:
    ends = pd.date_range("2020-01-01", periods=731, tz="UTC")  # two years of 365 days
    curves = pd.DataFrame(
        {
            "live": 1.44 ** (pd.RangeIndex(731) / 730),
            "backtest": 1.21 ** (pd.RangeIndex(731) / 730),
        },
        index=ends,
    )
    found = tracking_difference(curves)
    assert found.total == pytest.approx(0.23)
    assert found.yearly == pytest.approx(1.2 - 1.1)
    assert found.daily == pytest.approx(0.0, abs=1e-12)


# --- fills and fees -------------------------------------------------------------------------------


def test_executions_of_one_order_count_together(journal: Changed) -> None:
    """A third a percent dearer, two thirds at the old price: a third of a percent on top of what
    one execution cost.
    """
    split = (
        (
            "INSERT INTO fills SELECT symbol, 'second', client_id, time, size / 3, price * 1.01, "
            "0, '', 0 FROM fills WHERE symbol = 'SOL'"
        ),
        "UPDATE fills SET size = size * 2 / 3 WHERE symbol = 'SOL' AND trade_id != 'second'",
    )
    (sol,) = [fill for fill in report_of(journal(*split)).filled if fill.coin == "SOL"]
    assert sol.executions == 2
    assert sol.close is not None
    assert sol.price == pytest.approx(sol.close * 1.0005 * (2 + 1.01) / 3)


def test_slippage_has_a_median_a_mean_and_a_worst(journal: Changed) -> None:
    """Buys of BTC, ETH and SOL at 1, 2 and 6 basis points over the open, the sells of ETH 3 basis
    points under it, one of them over.
    """
    priced = [
        f"UPDATE fills SET price = (SELECT open FROM bars WHERE time = {bar(number + 1)} "
        f"AND bars.symbol = fills.symbol) * {factor} "
        f"WHERE client_id IN (SELECT client_id FROM orders WHERE intent = {intent})"
        for intent, number, factor in (
            (1, 0, 1.0001),
            (2, 6, 1.0002),
            (3, 20, 0.9997),
            (4, 20, 1.0003),
            (5, 32, 1.0004),
            (6, 36, 1.0006),
            (7, 41, 0.9997),
        )
    ]
    slippage = report_of(journal(*priced)).against_open
    assert slippage is not None
    points = [1, 2, 3, 3, -4, 6, 3]
    assert (slippage.median, slippage.mean, slippage.worst) == pytest.approx(
        (3, sum(points) / 7, 6)
    )


def test_without_the_next_bar_in_the_journal_its_open_is_taken_from_the_prices(
    journal: Changed,
) -> None:
    lost = f"DELETE FROM bars WHERE time IN ({bar(37)}, {bar(42)})"
    # A missing bar's open is nobody's.
    stale = f"UPDATE bars SET stale = 1, open = 1.0 WHERE time = {bar(7)}"
    whole, alone = (
        report_of(journal(lost, stale)),
        report_of(journal(lost, stale), "prices.folder=/nowhere"),
    )
    assert (
        whole.against_open is not None
        and alone.against_open is not None
        and alone.against_close is not None
    )
    assert (whole.against_open.fills, whole.against_open.worst) == (7, pytest.approx(5.0))
    assert (alone.against_open.fills, alone.against_close.fills) == (4, 7)


def test_fees_are_listed_by_the_coin_they_were_paid_in(journal: Changed) -> None:
    paid = (
        "UPDATE fills SET fee_coin = 'BNB', fee = 0.5, fee_quote = NULL WHERE symbol = 'SOL'",
        "UPDATE fills SET fee_coin = 'ETH', fee = 0.25, fee_quote = 8 WHERE symbol = 'ETH'",
        "UPDATE fills SET fee = NULL, fee_quote = NULL WHERE symbol = 'BTC' AND size < 100",
    )
    report = report_of(journal(*paid))
    found = {
        fees.coin: (fees.units, fees.worth, fees.executions, fees.unknown) for fees in report.fees
    }
    assert found["BNB"] == (0.5, 0.0, 1, 1)
    assert found["ETH"] == (1.0, 32.0, 4, 0)
    assert found["USDT"][2:] == (2, 1)
    assert found["USDT"][0] == pytest.approx(0.001 * 805.82134 * 62.048493 * 1.0005)
    assert abouts(report)["fees not known"].startswith(
        "the fee or its worth is not known for 2 executions"
    )


def test_orders_that_are_open_or_partly_filled_are_listed(journal: Changed) -> None:
    changes = (
        "UPDATE intents SET state = 'sent', why = '' WHERE id = 7",
        "UPDATE fills SET size = size * 0.4 WHERE symbol = 'SOL'",
        "UPDATE intents SET why = '357.7 of 894.302 filled' WHERE id = 6",
    )
    report = report_of(journal(*changes))
    assert report.unfilled == [
        UnfilledOrder(bar(36), "buy 894.302 SOL", "cut", "357.7 of 894.302 filled"),
        UnfilledOrder(bar(41), "sell 60.4538 ETH", "open", "not settled yet"),
    ]
    assert "1 order not settled" in abouts(report)["open orders"]


def test_an_execution_of_no_known_order_is_pointed_out(journal: Changed) -> None:
    stray = f"INSERT INTO fills VALUES ('BTC', 'x', 'nobody', {bar(3)}, 1.0, 50.0, 0.0, '', 0.0)"
    report = report_of(journal(stray))
    assert abouts(report)["executions without an order"].startswith(
        "1 execution belongs to no order"
    )
    assert len(report.filled) == 7


# --- incidents, settings, prices ------------------------------------------------------------------


def test_incidents_are_counted_by_kind_the_worst_first(journal: Changed) -> None:
    seen = (
        (3, "data", "warning", "old", 4),
        (8, "data", "warning", "new", 2),
        (5, "reset", "critical", "gone", 1),
        (9, "x", "info", "y", 1),
    )
    noticed = ", ".join(
        f"({row}, {bar(at)}, '{kind}', '{severity}', '{text}', {count}, "
        f"{bar(at) + 60}, {bar(at) // DAY})"
        for row, (at, kind, severity, text, count) in enumerate(seen, 1)
    )
    report = report_of(journal(f"INSERT INTO incidents VALUES {noticed}"))
    incidents = [
        (kind.kind, kind.times, kind.first, kind.last, kind.text) for kind in report.incidents
    ]
    assert incidents == [
        ("reset", 1, bar(5), bar(5) + 60, "gone"),
        ("data", 6, bar(3), bar(8) + 60, "new"),
        ("x", 1, bar(9), bar(9) + 60, "y"),
    ]
    assert abouts(report) == {"reset": "at 2015-08-21 00:01 UTC: gone"}


def test_a_halt_comes_first(journal: Changed) -> None:
    copy = journal(*without(25))
    with open_journal(copy, lambda: float(bar(50)), locked=False) as opened:
        opened.set_trading("off", "the fee bill")
        assert attention(report_of(copy))[0].text == "no orders until resumed: the fee bill"
        opened.set_trading("on", "")
        resumed = report_of(copy)
    assert "halted" not in abouts(resumed)
    assert resumed.journal.resumed == bar(50)


def other_settings(change: str) -> list[str]:
    """An earlier session, up to the tenth bar, with other settings."""
    return [
        *sessions(9, 9),
        f"UPDATE sessions SET settings = json_set(settings, {change}) WHERE id = 1",
    ]


def test_settings_that_have_changed_are_named(journal: Changed) -> None:
    report = report_of(journal(*other_settings("'$.allocation.band', 0.3, '$.log.level', 'DEBUG'")))
    assert abouts(report)["the comparison"] == (
        "From 2015-08-25 00:01 UTC on the paper session had other settings (allocation.band); "
        "the backtest uses the last ones."
    )


def test_a_session_with_other_coins_is_compared_by_the_coins_names(journal: Changed) -> None:
    """Before its tenth bar the session knew ETH and BTC, in that order."""
    coins = (
        "'$.coins', json_array("
        "json_extract(settings, '$.coins[1]'), json_extract(settings, '$.coins[0]'))"
    )
    swapped = ", ".join(
        f"{name} = json_array(json_extract({name}, '$[1]'), json_extract({name}, '$[0]'))"
        for name in ("missing", "current", "targets", "sizes")
    )
    report = report_of(
        journal(*other_settings(coins), f"UPDATE decisions SET {swapped} WHERE session = 1")
    )
    assert {what for _, what, _ in independent_differences(report)} == {
        "decision: missing bars of SOL"
    }  # listed, and not among its coins
    assert report.difference_counts == (0, 10, 0)


def test_settings_of_another_version_cost_only_the_comparison(journal: Changed) -> None:
    report = report_of(
        journal("UPDATE sessions SET settings = json_set(settings, '$.gate.was_once', 1)"),
        source=[],
    )
    assert report.agreement == Agreement.NOT_COMPARED
    assert re.search(r"gate\.was_once: unknown key \(in the settings of session 1", report.why_not)
    assert (report.uptime.decided, len(report.filled)) == (BARS - 1, 7)


@pytest.mark.parametrize("settings", ["{}", "", "[]", "nonsense"])
def test_so_do_settings_that_cannot_be_read(settings: str, journal: Changed) -> None:
    report = report_of(journal(f"UPDATE sessions SET settings = '{settings}'"), source=[])
    assert re.search(r"the settings of session 1 in \S+: name no coins", report.why_not)
    assert report.uptime.decided == BARS - 1
    assert json.dumps(as_json(report), allow_nan=False)


def test_a_setting_given_wrongly_is_the_users_error(journal: Changed) -> None:
    with pytest.raises(
        ConfigError, match=r"gate\.nonsense: unknown key \(in --set gate\.nonsense\)"
    ):
        report_of(journal(), "gate.nonsense=1")


def test_without_prices_the_report_is_of_the_journal_alone(journal: Changed) -> None:
    report = report_of(journal(*without(25)), "prices.folder=/nowhere")
    assert (report.agreement, report.comparison, headline(report)) == (
        "not compared",
        None,
        "Not compared with the backtest.",
    )
    assert "/nowhere" in report.why_not and "/nowhere" in sentence(report)
    assert (
        report.uptime.missing,
        len(report.filled),
        len(report.fees),
        len(report.sessions),
    ) == (1, 7, 1, 1)
    assert as_json(report)["comparison"] is None


def test_without_a_network_a_live_sessions_prices_are_not_waited_for(
    journal: Changed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is in the cache, and nobody can be connected to."""
    asked: list[str] = []
    monkeypatch.setattr(
        probe, "connection_problem", lambda url: asked.append(url) or "no connection"
    )
    auto = (
        "UPDATE sessions SET settings = json_set("
        f"settings, '$.prices.source', 'auto', '$.prices.cache', '{tmp_path}/none')"
    )
    report = report_of(journal(auto), source=[])
    assert "is not in the cache and no connection" in report.why_not
    assert asked


def test_a_live_sessions_coins_are_read_where_it_read_them(journal: Changed) -> None:
    """From the exchange unless a source is given: index prices from a folder, coins as candles."""

    def sources(*overrides: str) -> set[tuple[str, str]]:
        settings = session_settings(read_journal(journal()), overrides)
        return {
            (request.kind, source_of(request, settings)) for request in required_series(settings)
        }

    assert (
        sources() == sources("allocation.band=0.1") == {("session", "folder"), ("coin", "exchange")}
    )
    assert sources("prices.source=folder") == {("session", "folder"), ("coin", "folder")}


def test_a_replay_of_the_sample_is_compared_with_the_sample(
    replayed_journal: Path, tmp_path: Path
) -> None:
    """Settings say "auto" where nothing could be reached; the run folder around the journal knows
    better.
    """
    auto = "UPDATE sessions SET settings = json_set(settings, '$.prices.source', 'auto')"
    copy = changed(replayed_journal, tmp_path, auto)
    assert session_settings(read_journal(copy), ()).prices.source == "auto"
    stored = Path(__file__).parents[2] / "stored" / "0.1" / "replay" / "metrics.json"
    assert json.loads(stored.read_text())["sample"]
    shutil.copyfile(stored, tmp_path / "metrics.json")
    assert session_settings(read_journal(copy), ()).prices.source == "sample"


def test_an_empty_journal_has_a_report(tmp_path: Path) -> None:
    with open_journal(tmp_path / "new.sqlite", lambda: float(FIRST)) as opened:
        empty = report_of(tmp_path / "new.sqlite")
        opened.begin_session("dry-run", "{}", "1.0")
        opened.record_incident("exchange", "critical", "no prices")
        begun = report_of(tmp_path / "new.sqlite")
    assert headline(empty) == headline(begun) == "No decisions yet."
    assert (empty.sessions, [session.outcome for session in begun.sessions]) == ([], ["running"])
    assert abouts(begun) == {"exchange": "at 2015-08-16 00:00 UTC: no prices"}
    assert as_json(empty)["first"] is None


# --- as a document, by the command ----------------------------------------------------------------


def test_the_document_is_plain(journal: Changed) -> None:
    found = json.loads(json.dumps(as_json(report_of(journal(*without(25)))), allow_nan=False))
    assert (found["first"], found["word"]) == ("2015-08-16T00:00:00+00:00", "otherwise")
    assert found["attendance"]["missed"][0]["first"] == "2015-09-10T00:00:00+00:00"
    assert found["attendance"]["missing"] == 1
    assert found["comparison"]["differences"][0]["cause"] == "the bar was missed"
    assert found["fills"][0]["against_open"] == pytest.approx(5.0)
    assert found["comparison"]["tracking"]["total"] == 0.0
    assert found["sessions"][0]["ended"].startswith("2015-09-")
    assert {"live", "backtest", "bars", "orders"} <= found["comparison"].keys()


def command(*words: str) -> Any:
    return CliRunner().invoke(app, ["report", *words])


def test_the_command_takes_a_journal_or_its_folder(journal: Changed, tmp_path: Path) -> None:
    page = tmp_path / "session.report.html"
    for place in (journal(), tmp_path):
        result = command(str(place), "--set", "prices.source=folder")
        assert (result.exit_code, result.stderr) == (0, "")
        assert "Matches the backtest." in result.stdout and result.stdout.endswith(
            f"Written to {page}\n"
        )
        page.unlink()
    found = json.loads(command(str(tmp_path), "--json", "--set", "prices.source=folder").stdout)
    assert (found["report"], found["word"]) == (str(page), "alike")
    assert page.is_file()


def test_the_command_reports_a_sale_of_everything_and_the_bars_after_it(journal: Changed) -> None:
    copy = str(journal(*sold(bar(5) + 7, bar(5))))
    for words in ([], ["--json"]):
        result = command(copy, "--set", "prices.source=folder", *words)
        assert (result.exit_code, result.stderr) == (0, "")


def test_a_folder_of_several_journals_asks_which(journal: Changed, tmp_path: Path) -> None:
    journal(name="one")
    journal(name="two")
    result = command(str(tmp_path))
    assert result.exit_code == 2
    assert (
        f"holds several journals; name one of {tmp_path}/one.sqlite, {tmp_path}/two.sqlite"
        in result.stderr
    )


def test_a_run_folder_keeps_its_own_page(journal: Changed, tmp_path: Path) -> None:
    journal(name="journal")
    (tmp_path / "metrics.json").write_text("{}")
    assert run_folders.journal_at(tmp_path) is None
    assert run_folders.journal_at(tmp_path / "journal.sqlite") == tmp_path / "journal.sqlite"
    result = command(str(tmp_path), "--set", "prices.source=folder")
    assert result.exit_code == 2
    assert "is no paper session's journal" in result.stderr


def test_another_file_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("a,b\n")
    result = command(str(tmp_path / "orders.csv"))
    assert result.exit_code == 2
    assert "is neither a run folder nor a paper session's journal" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


# --- a session on the test exchange ---------------------------------------------------------------


@pytest.fixture(scope="module")
def traded(
    whole_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> SessionReport:
    """Two days, two days off, a start at half past one: real clients, an exchange on 127.0.0.1."""
    from tests.brokers.worlds import world

    with world(whole_folder, cache, tmp_path_factory.mktemp("world"), "2015-10-20 00:00:02") as w:
        w.run(once=False, until="2015-10-22 00:00:00")
        w.clock.sleep(2 * DAY + 5400)
        w.run()
        path = Path(w.settings.journal.folder) / "testnet-binance.sqlite"
    return report_of(path, f"prices.folder={whole_folder}")


def test_a_session_on_the_testnet_is_the_backtest_but_for_its_days_off(
    traded: SessionReport,
) -> None:
    assert traded.comparison is not None
    first = int(pd.Timestamp("2015-10-20", tz="UTC").timestamp())
    assert [row.time for row in traded.journal.decisions] == [first, first + DAY, first + 4 * DAY]
    assert traded.uptime.missed == (
        MissedBars(
            first + 2 * DAY,
            first + 3 * DAY,
            2,
            "no paper session was running: the previous one ended as done",
        ),
    )
    assert traded.uptime.late == ()  # begun after the bar, in time to buy
    assert (traded.difference_counts, headline(traded)) == (
        (2, 0, 0),
        "Differs from the backtest: 2 missed bars.",
    )
    assert abs(traded.comparison.tracking.total) < 0.0005


def test_its_fills_are_the_exchanges(traded: SessionReport) -> None:
    """The book stands 5 basis points around the open, and prices have two digits."""
    assert [fill.coin for fill in traded.filled] == ["BTC", "ETH", "SOL"]
    for fill in traded.filled:
        assert fill.open is not None
        half_cent = 0.01 / fill.open * 1e4
        assert 5.0 - 1e-6 <= fill.slippage(fill.open) <= 5.0 + half_cent + 1e-6
    assert {fees.coin for fees in traded.fees} == {"BTC", "ETH", "SOL"}  # taken from what is bought
    assert sum(fees.worth for fees in traded.fees) == pytest.approx(
        0.001 * sum(fill.value for fill in traded.filled)
    )
