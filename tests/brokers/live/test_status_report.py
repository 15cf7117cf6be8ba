"""A status is made from the journal alone: prices and fills are made up, sums are spelt out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal, read_journal_file
from brokers.journal.records import (
    Bar,
    DecisionRow,
    EquityRow,
    FillRow,
    GateRow,
    Intent,
    Known,
    OrderRow,
)
from brokers.live.status_document import StatusReport
from brokers.live.status_report import status_report
from brokers.live.status_words import result_line, status_lines, status_sentence
from brokers.orders.ledger import Ledger
from config.settings import load
from tests.brokers.journal.samples import Clock, python

STATES = ("dormant", "testing", "confirmed")
DAY, HOUR = 86_400, 3600
MIDNIGHT = 1_893_456_000  # 2030-01-01 00:00 UTC
CLOSES = {"BTC": 50_000.0, "ETH": 4_000.0, "SOL": 200.0}
STORED = Path(__file__).parents[2] / "stored" / "0.1"


@pytest.fixture
def clock() -> Clock:
    return Clock(MIDNIGHT + 6.0)


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with open_journal(tmp_path / "testnet-binance.sqlite", clock) as opened:
        opened.begin_session(
            "testnet", load(None, ["exchange.mode=testnet"]).model_dump_json(), "python 3.12"
        )
        yield opened


def decision(bar: int = MIDNIGHT, **changes: object) -> DecisionRow:
    """10,000 USDT, of which 40 % in BTC; half is to be in BTC, a quarter in ETH."""
    row = DecisionRow(
        time=bar,
        decided_at=bar + 6.0,
        state=2,
        ceiling=0.75,
        filled=2,
        confirmed_at=MIDNIGHT - 10.0 * DAY,
        gate_stale=0,
        equity=10_000.0,
        cash=6_000.0,
        drawdown=0.05,
        gross=0.75,
        missing=(0.0, 0.0, float("nan")),
        current=(0.4, 0.0, 0.0),
        targets=(0.5, 0.25, 0.0),
        sizes=(0.02, 0.625, 0.0),
        sentence="Gate confirmed.",
        note="",
        session=1,
    )
    return row._replace(**changes)


def gate_row(known_at: int, state: int = 2, **changes: object) -> GateRow:
    row = GateRow(
        known_at=known_at,
        close=2400.0,
        record=2300.0,
        base_age=300.0,
        level=2300.0,
        state=state,
        ceiling=0.75,
        filled=2,
        confirmed_at=None,
        stale=0,
        reason="confirmed",
    )
    return row._replace(**changes)


def decide(
    journal: Journal,
    row: DecisionRow,
    intents: tuple[Intent, ...] = (),
    gate: GateRow | None = None,
) -> list[Intent]:
    bars = [
        Bar(row.time, coin, close, close, close, close, 1.0, 0) for coin, close in CLOSES.items()
    ]
    equity = EquityRow(row.time, row.equity, row.cash, row.equity, 1.0, 0.0)
    if row.kind == "bar":
        begin(journal, row)
    return journal.record_decision(row, gate, bars if row.kind == "bar" else [], equity, intents)


def begin(journal: Journal, row: DecisionRow) -> None:
    """Let the exchange's account hold what the decision has seen, all of it ours."""
    held = zip(CLOSES, row.current, strict=True)
    units = {coin: share * row.equity / CLOSES[coin] for coin, share in held}
    ledger = Ledger(journal, {coin: Listing.unlisted(f"{coin}/USDT") for coin in CLOSES})
    ledger.begin({"USDT": row.cash, **units}, row.cash, adopt=True)


def buy(coin: str, size: float, leg: int = 0, bar: int = MIDNIGHT) -> Intent:
    return Intent(0, bar, coin, leg, size, CLOSES[coin], "planned", "")


def order(intent: Intent, client_id: str = "one") -> OrderRow:
    return OrderRow(
        client_id,
        intent.id,
        1,
        intent.symbol,
        intent.size,
        None,
        MIDNIGHT + 7.0,
        None,
        "open",
        0.0,
        None,
        MIDNIGHT + 7.0,
    )


def fill(intent: Intent, price: float, fee: float, fee_coin: str, worth: float) -> FillRow:
    return FillRow(
        intent.symbol,
        "1",
        "one",
        MIDNIGHT + 8.0,
        intent.size,
        price,
        fee,
        fee_coin,
        worth,
    )


def status(journal: Journal, now: float = MIDNIGHT + HOUR) -> StatusReport:
    return status_report(journal, STATES, now)


def values(report: StatusReport) -> dict[str, tuple[float | None, float | None]]:
    assert report.account is not None
    return {row.coin: (row.units, row.value) for row in report.account.holdings}


def text(report: StatusReport, name: str) -> str:
    return {line.name: line.text for line in status_lines(report)}[name]


def test_a_journal_without_a_session_says_so(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.sqlite", Clock()) as journal:
        report = status_report(journal, STATES, MIDNIGHT)
    assert (report.session, report.gate, report.account, report.next) == (None, None, None, None)
    assert (report.health, report.reasons) == (
        "needs a person",
        ("no session has run yet; start `paper`",),
    )
    assert text(report, "session") == "none has run yet"


def test_before_a_decision_session_trading_and_hours_are_known(journal: Journal) -> None:
    report = status(journal, MIDNIGHT + 60.0)
    assert report.session is not None and report.next is not None
    assert (report.session.running, report.session.mode, report.session.exchange) == (
        True,
        "testnet",
        "binance",
    )
    assert (report.health, report.trading.state, report.account) == ("well", "on", None)
    assert report.next.at == MIDNIGHT + DAY + 5.0
    assert report.next.buys_until == MIDNIGHT + 3 * HOUR


def test_holdings_are_those_of_the_bar_before_anything_is_filled(journal: Journal) -> None:
    decide(journal, decision())
    report = status(journal)
    assert report.account is not None
    assert values(report) == {"BTC": (0.08, 4_000.0), "ETH": (0.0, 0.0), "SOL": (0.0, 0.0)}
    assert (report.account.equity, report.account.cash) == (10_000.0, 6_000.0)
    assert [row.target for row in report.account.holdings] == [5_000.0, 2_500.0, 0.0]
    assert report.account.changed_at == MIDNIGHT


def test_holdings_are_those_after_a_filled_buy_before_the_next_bar(journal: Journal) -> None:
    """0.02 BTC at 50,100 cost 1,002 and a fee of 0.00002 BTC: 0.09998 BTC at the close are 4,999.

    With 6,000 - 1,002 in cash the account is worth 9,997.
    """
    (intent,) = decide(journal, decision(), (buy("BTC", 0.02),))
    journal.record_order(order(intent))
    journal.add_fills([fill(intent, 50_100.0, 0.00002, "BTC", 1.002)])
    journal.update_order("one", status="filled", filled=0.02, average=50_100.0)
    journal.set_intent(intent.id, "done", "filled")
    report = status(journal)
    assert report.account is not None
    units, value = values(report)["BTC"]
    assert (units, value) == (pytest.approx(0.09998), pytest.approx(4_999.0))
    assert report.account.cash == pytest.approx(4_998.0)
    assert report.account.equity == pytest.approx(9_997.0)
    assert report.account.changed_at == MIDNIGHT + 8.0
    assert "BTC 4,999.00 (target 4,998.50)" in text(report, "holdings")


@pytest.mark.parametrize(
    ("fee", "coin", "worth", "cash"),
    [
        (1.0, "USDT", 1.0, 4_999.0),
        (0.01, "BNB", 6.0, 4_994.0),  # of a coin that is not ours: a cost all the same
        (0.01, "BNB", float("nan"), 5_000.0),  # not known what it is worth
        (0.0005, "ETH", 2.0, 5_000.0),  # from the other coin
    ],
)
def test_a_fee_comes_off_the_coin_it_was_paid_in(
    journal: Journal, fee: float, coin: str, worth: float, cash: float
) -> None:
    """0.02 BTC at 50,000 cost 1,000. A dry run's fees: see the tests of `current_holdings`."""
    row = decision(current=(0.4, 0.2, 0.0), cash=6_000.0, equity=10_000.0)
    (intent,) = decide(journal, row, (buy("BTC", 0.02),))
    journal.record_order(order(intent))
    journal.add_fills([fill(intent, 50_000.0, fee, coin, worth)])
    report = status(journal)
    assert report.account is not None
    assert report.account.cash == pytest.approx(cash)
    eth = 0.2 * 10_000.0 / 4_000.0 - (fee if coin == "ETH" else 0.0)
    assert values(report)["ETH"][0] == pytest.approx(eth)


def test_what_an_order_reports_as_filled_counts_before_its_trades_are_listed(
    journal: Journal,
) -> None:
    (intent,) = decide(journal, decision(), (buy("BTC", 0.02),))
    journal.record_order(order(intent))
    journal.update_order("one", status="filled", filled=0.01, average=50_000.0)
    report = status(journal)
    assert report.account is not None
    assert values(report)["BTC"][0] == pytest.approx(0.09)
    assert report.account.cash == pytest.approx(5_500.0)
    (open_order,) = report.open_orders
    assert (open_order.coin, open_order.state, open_order.filled) == ("BTC", "sent", 0.01)
    assert text(report, "open orders") == "buy 0.02 BTC: sent"


def test_a_fill_of_an_earlier_decision_that_is_listed_late_is_not_counted_again(
    journal: Journal,
) -> None:
    """0.06 BTC and 7,000 before it: the same before and after it is listed."""
    before = decision(MIDNIGHT - DAY, current=(0.3, 0.0, 0.0), cash=7_000.0)
    (intent,) = decide(journal, before, (buy("BTC", 0.02, bar=MIDNIGHT - DAY),))
    journal.record_order(order(intent))
    journal.update_order("one", status="filled", filled=0.02, average=50_000.0)
    # The balances that this one has read are not accepted while a fill is missing.
    journal.record_decision(
        decision(), None, [Bar(MIDNIGHT, "BTC", *[CLOSES["BTC"]] * 4, 1.0, 0)],
        EquityRow(MIDNIGHT, 1e4, 6e3, 1e4, 1.0, 0.0), [],
    )  # fmt: skip
    expected = (pytest.approx(0.08), pytest.approx(4_000.0))
    assert values(status(journal))["BTC"] == expected
    journal.add_fills([fill(intent, 50_000.0, 0.0, "USDT", 0.0)])
    report = status(journal)
    assert values(report)["BTC"] == expected
    assert report.account is not None and report.account.cash == pytest.approx(6_000.0)


def test_what_an_order_of_long_ago_reports_is_not_waited_for_and_counts_as_somebody_elses(
    journal: Journal,
) -> None:
    """As a decision three days later accepts the balances without its fill."""
    (intent,) = decide(journal, decision(), (buy("BTC", 0.02),))
    journal.record_order(order(intent))
    journal.update_order("one", status="filled", filled=0.02, average=50_000.0)
    for days, units in ((3, 0.10), (4, 0.08)):
        journal.record_decision(
            decision(MIDNIGHT + days * DAY), None, [],
            EquityRow(MIDNIGHT + days * DAY, 1e4, 6e3, 1e4, 1.0, 0.0), [],
        )  # fmt: skip
        assert values(status(journal))["BTC"][0] == pytest.approx(units)


def test_after_a_flatten_nothing_is_held_and_the_bar_is_still_the_prices(journal: Journal) -> None:
    decide(journal, decision())
    journal.set_trading("flatten", "by hand")
    later = decision(MIDNIGHT + 100, kind="flatten", targets=(0.0, 0.0, 0.0))
    (intent,) = decide(journal, later, (buy("BTC", -0.08, bar=MIDNIGHT + 100),))
    journal.record_order(order(intent))
    journal.add_fills([fill(intent, 49_000.0, 3.92, "USDT", 3.92)])
    journal.set_intent(intent.id, "done", "filled")
    journal.set_trading("off", "everything was sold")
    report = status(journal)
    assert report.account is not None and report.decision is not None
    assert values(report)["BTC"] == (pytest.approx(0.0), pytest.approx(0.0))
    assert report.account.cash == pytest.approx(6_000.0 + 0.08 * 49_000.0 - 3.92)
    assert report.account.equity == pytest.approx(report.account.cash)
    assert (report.decision.kind, report.account.priced_at) == ("flatten", MIDNIGHT)
    assert (report.health, report.trading.state) == ("needs a person", "off")


def test_an_unpriced_coin_is_valued_as_at_its_bar(journal: Journal) -> None:
    row = decision(current=(0.4, 0.0, 0.1), cash=5_000.0)
    begin(journal, row)
    journal.record_decision(row, None, [], EquityRow(MIDNIGHT, 1e4, 5e3, 1e4, 1.0, 0.0), [])
    report = status(journal)
    assert report.account is not None
    assert values(report)["BTC"] == (0.08, 4_000.0)
    assert report.account.equity == 10_000.0


def test_the_gate_in_force_says_why_since_when_and_how_old(journal: Journal) -> None:
    first = MIDNIGHT - 2 * DAY
    decide(journal, decision(first, state=0, ceiling=0.0), gate=gate_row(first - 100, 0, reason=""))
    explained = gate_row(
        MIDNIGHT - 100,
        stale=1,
        rules_digest="abc",
        sources=json.dumps({"^RUT": "yahoo"}),
        held=json.dumps(["HYG"]),
    )
    decide(journal, decision(gate_stale=1), gate=explained)
    gate = status(journal).gate
    assert gate is not None
    assert (gate.state, gate.ceiling, gate.row_ceiling, gate.stale) == (
        "confirmed",
        0.75,
        0.75,
        1,
    )
    assert (gate.since, gate.known_at) == (MIDNIGHT - 10.0 * DAY, MIDNIGHT - 100.0)
    assert (gate.reason, gate.close, gate.record) == ("confirmed", 2400.0, 2300.0)
    assert (gate.held, gate.sources, gate.rules_digest) == (("HYG",), {"^RUT": "yahoo"}, "abc")
    report = status(journal)
    assert report.health == "recovering"
    assert report.reasons == ("the gate is 1 session old: nothing is bought",)
    assert text(report, "gate").endswith(
        "ceiling 75% (2 of 3 risk checks), 1 session old: as of 2029-12-31 23:58 UTC; "
        "held back: HYG"
    )


def test_a_closed_gate_is_so_since_the_journal_shows_it(journal: Journal) -> None:
    for days, state in ((3, 2), (2, 0), (1, 0)):
        bar = MIDNIGHT - days * DAY
        decide(journal, decision(bar, state=state), gate=gate_row(bar - 100, state))
    gate = status(journal).gate
    assert gate is not None
    assert (gate.state, gate.since) == ("dormant", MIDNIGHT - 2 * DAY - 100.0)


def test_a_gate_that_is_too_old_allows_nothing(journal: Journal) -> None:
    """gate.max_gate_age is 5 sessions."""
    for stale, ceiling in ((5, 0.75), (6, 0.0)):
        decide(journal, decision(MIDNIGHT + stale * DAY, gate_stale=stale))
        report = status(journal, MIDNIGHT + stale * DAY + HOUR)
        assert report.gate is not None
        assert (report.gate.ceiling, report.gate.row_ceiling) == (ceiling, 0.75)
    assert "nothing may be held" in report.reasons[0]


def test_an_incident_is_open_until_a_decision_and_the_next_came_without_it(
    journal: Journal, clock: Clock
) -> None:
    """The decision after an incident may be what it was about."""

    def is_open() -> bool:
        return status(journal, clock.time).incidents[0].open

    journal.record_incident("data", "warning", "late")
    assert is_open()
    for bar, expected in ((MIDNIGHT, True), (MIDNIGHT + DAY, True), (MIDNIGHT + 2 * DAY, False)):
        clock.time = bar + 6.0
        decide(journal, decision(bar))
        clock.time += 60.0
        assert is_open() is expected, bar
    journal.record_incident("data", "info", "nothing much")
    assert not is_open()


def test_repeated_incidents_are_counted_and_a_critical_one_is_not_pushed_out(
    journal: Journal, clock: Clock
) -> None:
    decide(journal, decision())
    journal.record_incident("drawdown", "critical", "sells only")
    for number in range(30):
        clock.time += 1.0
        journal.record_incident("exchange", "warning", f"no answer {number}")
        journal.record_incident("exchange", "warning", f"no answer {number}")
    report = status(journal)
    assert [row.count for row in report.incidents] == [2] * 10 + [1]
    assert report.incidents[-1].text == "sells only"
    assert report.reasons == ("drawdown: sells only",)
    assert "exchange: no answer 29 (twice that day)" in text(report, "incident")


def test_until_when_sessions_and_markets_are_known(journal: Journal) -> None:
    journal.put_known(Known("calendar", MIDNIGHT + 300.0 * DAY, "XNYS", MIDNIGHT + 1.0))
    journal.put_known(Known("clock", MIDNIGHT + HOUR, "binance, -75.2 s", MIDNIGHT + 1.0))
    journal.put_known(Known("markets", MIDNIGHT + HOUR, "binance", MIDNIGHT + 1.0))
    decide(journal, decision())
    report = status(journal, MIDNIGHT + 2.0 * HOUR)
    assert {row.what: row.passed for row in report.known} == {
        "calendar": False,
        "clock": True,
        "markets": True,
    }
    assert report.clock_offset == -75.2
    assert report.health == "well"  # both are asked for again before the next decision
    assert text(report, "known") == (
        "calendar until 2030-10-28 00:00 UTC; markets as of 2030-01-01 00:00 UTC; "
        "this machine's clock is 75 s ahead of the exchange's"
    )
    journal.put_known(Known("calendar", MIDNIGHT - DAY, "XNYS", MIDNIGHT + 1.0))
    late = status(journal)
    assert (late.health, late.reasons) == (
        "recovering",
        ("US sessions are known until 2029-12-31 00:00 UTC only",),
    )


def test_a_session_that_has_ended_shows_how_and_when_it_last_looked(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "j.sqlite"
    with open_journal(path, clock) as journal:
        journal.begin_session("dry-run", load(None, []).model_dump_json(), "")
        decide(journal, decision())
        journal.end_session("done")
    with read_journal_file(path) as reader:
        report = status_report(reader, STATES, MIDNIGHT + HOUR)
    assert report.session is not None
    assert (report.session.running, report.session.outcome, report.session.last_seen) == (
        False,
        "done",
        MIDNIGHT + 6.0,
    )
    assert text(report, "session") == (
        "dry-run on binance, does not run; the last one ended at 2030-01-01 00:00 UTC (done)"
    )
    assert text(report, "next decision").endswith("by a session that is started then")


def test_a_status_is_read_beside_the_session_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    session = python(
        "journal = open_journal(path, time.time); "
        "journal.begin_session('dry-run', '{}', ''); "
        "journal.record_incident('data', 'warning', 'late'); "
        "print('ready', flush=True); input()",
        path,
    )
    try:
        assert session.stdout is not None
        assert session.stdout.readline() == "ready\n"
        with read_journal_file(path) as reader:
            report = status_report(reader, STATES, MIDNIGHT)
    finally:
        session.communicate("\n", timeout=30)
    assert report.session is not None
    assert (report.session.running, report.session.process, report.session.pid) == (
        True,
        f"process {session.pid}",
        session.pid,
    )


@pytest.mark.parametrize(
    ("name", "health", "equity"),
    [("dry-run", "well", 5_200.56), ("halted", "needs a person", 5_200.56)],
)
def test_a_journal_of_version_1_is_read_and_stays_one(
    tmp_path: Path, name: str, health: str, equity: float
) -> None:
    path = Path(shutil.copy(STORED / name / "dry-run-binance.sqlite", tmp_path))
    before = path.read_bytes()
    with read_journal_file(path) as reader:
        row = reader.last_decision()
        assert row is not None
        report = status_report(reader, STATES, row.decided_at + HOUR)
    assert (report.journal_version, report.health) == (1, health)
    assert report.account is not None and report.gate is not None
    assert report.account.equity == pytest.approx(equity, abs=0.005)
    assert (report.gate.rules_digest, report.gate.sources, report.known) == ("", {}, ())
    assert path.read_bytes() == before
    assert not path.with_suffix(".permit").exists()


def test_the_document_survives_its_own_json(journal: Journal) -> None:
    (intent,) = decide(journal, decision(), (buy("BTC", 0.02),), gate_row(MIDNIGHT - 100))
    journal.record_order(order(intent))
    report = status(journal)
    assert StatusReport.model_validate_json(report.model_dump_json()) == report
    assert "NaN" not in report.model_dump_json()


def test_one_sentence_has_what_matters(journal: Journal) -> None:
    decide(journal, decision(), gate=gate_row(MIDNIGHT - 100))
    journal.set_trading("no-buys", "the weekend")
    assert status_sentence(status(journal)) == (
        "health needs a person; trading is no-buys: the weekend; see `resume`; "
        "trading no-buys since 2030-01-01 00:00 UTC, nothing is bought: the weekend; "
        "next decision 2030-01-02 00:00 UTC, in 23 h 00 min; "
        "gate confirmed since 2029-12-22 00:00 UTC, ceiling 75% (2 of 3 risk checks); "
        "equity 10,000.00 USDT, cash 6,000.00, drawdown 5%"
    )


def test_the_result_of_a_single_start_is_always_one_line(journal: Journal, clock: Clock) -> None:
    assert result_line(status(journal)) == "nothing was decided"
    (intent,) = decide(journal, decision(), (buy("BTC", 0.02),))
    journal.set_intent(intent.id, "done", "filled")
    ending = (
        "orders: buy 0.02 BTC: filled; next decision at 2030-01-02 00:00 UTC; "
        "buys possible from 00:00 to 03:00 UTC, {}; trading on"
    )
    coming = "next at 2030-01-02 00:00 UTC"
    assert result_line(status(journal)) == (
        f"decided the bar of 2030-01-01 00:00 UTC: Gate confirmed; {ending.format(coming)}"
    )
    clock.time = MIDNIGHT + 8.0 * HOUR
    journal.begin_session("testnet", load(None, []).model_dump_json(), "")
    later = "not before 2030-01-02 00:00 UTC"
    assert result_line(status(journal, clock.time)) == (
        f"already decided the bar of 2030-01-01 00:00 UTC; {ending.format(later)}"
    )


@pytest.mark.parametrize("outcome", ["stopped", "interrupted"])
def test_a_single_start_that_is_stopped_says_which_bar_it_has_not_decided(
    outcome: str, journal: Journal, clock: Clock
) -> None:
    decide(journal, decision())
    decide(journal, sale())
    clock.time = MIDNIGHT + DAY + 60.0
    journal.begin_session("testnet", load(None, []).model_dump_json(), "")
    journal.end_session(outcome)
    line = result_line(status(journal, clock.time + 10.0))
    assert line.startswith(f"the bar of 2030-01-02 00:00 UTC was not decided: {outcome}; next ")
    journal.end_session("done")
    line = result_line(status(journal, clock.time + 10.0))
    assert line.startswith("sold everything at 2030-01-01 00:01 UTC; orders: none; next ")


def sale(**changes: object) -> DecisionRow:
    """A decision to sell everything, a minute and 40 seconds after the bar."""
    targets = (0.0, 0.0, 0.0)
    return decision(
        MIDNIGHT + 100, kind="flatten", state=2, ceiling=0.0, targets=targets, **changes
    )


def test_buying_hours_are_those_in_which_something_can_be_bought(journal: Journal) -> None:
    """The newest bar is undecided, then decided with an open buy, then settled, then halted."""
    hours = "possible from 00:00 to 03:00 UTC"
    decide(journal, decision(MIDNIGHT - DAY))
    assert text(status(journal), "buys") == f"{hours}, now until 2030-01-01 03:00 UTC"
    (intent,) = decide(journal, decision(), (buy("BTC", 0.02),))
    assert text(status(journal), "buys") == f"{hours}, now until 2030-01-01 03:00 UTC"
    journal.set_intent(intent.id, "done", "filled")
    assert text(status(journal), "buys") == f"{hours}, next at 2030-01-02 00:00 UTC"
    decide(journal, sale())
    assert text(status(journal), "buys") == f"{hours}, next at 2030-01-02 00:00 UTC"
    meanings = {
        "no-buys": "nothing is bought",
        "flatten": "everything is to be sold",
        "off": "nothing is ordered",
    }
    for state, meaning in meanings.items():
        journal.set_trading(state, "by hand")
        assert text(status(journal), "trading").endswith(f", {meaning}: by hand")
        assert text(status(journal), "buys") == f"{hours}, but not while trading is {state}"


def test_a_bar_that_is_not_decided_yet_comes_before_the_next(
    journal: Journal, clock: Clock
) -> None:
    """Grace is 5 s. A sale of everything after the bar's end does not decide it."""
    decide(journal, decision(MIDNIGHT - DAY))
    overdue = "the bar of 2030-01-01 00:00 UTC is overdue and tried again"
    assert text(status(journal, MIDNIGHT + 4.0), "next decision").endswith(", in 0 min 01 s")
    assert text(status(journal, MIDNIGHT + 240.0), "next decision") == overdue
    decide(journal, sale())
    assert text(status(journal, MIDNIGHT + 240.0), "next decision") == overdue
    decide(journal, decision())
    assert text(status(journal), "next decision") == "2030-01-02 00:00 UTC, in 23 h 00 min"


def test_a_first_session_is_not_behind_within_its_grace(journal: Journal) -> None:
    """It began 6 s after the bar's end."""
    assert "overdue" not in text(status(journal, MIDNIGHT + 10.0), "next decision")
    assert "overdue" in text(status(journal, MIDNIGHT + 20.0), "next decision")


def test_after_a_sale_of_everything_the_gate_is_still_that_of_the_bar(journal: Journal) -> None:
    decide(journal, decision())
    decide(journal, sale())
    gate = status(journal).gate
    assert gate is not None
    assert (gate.state, gate.ceiling) == ("confirmed", 0.75)


@pytest.mark.parametrize("kind", ["halt", "halted", "flatten", "drawdown"])
def test_resume_closes_the_incidents_of_what_it_ends(
    kind: str, journal: Journal, clock: Clock
) -> None:
    decide(journal, decision())
    journal.set_trading("off", "by hand")
    journal.record_incident(kind, "critical", "trading is off until `resume`")
    journal.record_incident("exchange", "warning", "no answer")
    assert "until `resume`" in text(status(journal), "incident")
    clock.time += 60.0
    journal.set_trading("on", "resumed")
    report = status(journal)
    assert text(report, "incident") == "exchange: no answer"
    assert report.health == "well"


def test_what_the_decision_says_is_not_an_incident_too(journal: Journal) -> None:
    note = "Too late to buy (10 h 9 min after its bar; limit 3 h): BTC"
    decide(journal, decision(note=note))
    journal.record_incident("late", "warning", note)
    assert text(status(journal), "decision") == f"Gate confirmed. {note}"
    assert text(status(journal), "incident") == ""


def test_how_an_error_has_ended_a_session_is_said_once_and_without_its_class(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "j.sqlite"
    with open_journal(path, clock) as opened:
        opened.begin_session("dry-run", load(None, []).model_dump_json(), "")
        opened.end_session("CallAPersonError: binance: permissions: HTTP 401")
    with read_journal_file(path) as reader:
        report = status_report(reader, STATES, clock.time + 10.0)
    assert text(report, "session").endswith("the last one ended at 2030-01-01 00:00 UTC (error)")
    assert report.reasons == (
        "the last session ended at 2030-01-01 00:00 UTC: binance: permissions: HTTP 401",
    )


def test_coins_that_are_neither_held_nor_aimed_at_are_not_listed(journal: Journal) -> None:
    decide(journal, decision(targets=(0.5, 0.0, 0.0)))
    assert text(status(journal), "holdings") == "BTC 4,000.00 (target 5,000.00)"
    decide(
        journal,
        decision(MIDNIGHT + DAY, current=(0.0, 0.0, 0.0), targets=(0.0, 0.0, 0.0), cash=1e4),
    )
    assert text(status(journal), "holdings") == "none"
