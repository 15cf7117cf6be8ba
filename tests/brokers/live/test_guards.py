"""What a guard lets through, and what it says about the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import EquityRow, FillRow, Intent, OrderRow
from brokers.live.broker import OrderRequest
from brokers.live.guards import Guards, Situation
from config.settings import load
from tests.brokers.journal.samples import one_coin_decision
from tests.scenes import changed

DAY = 86_400
DUE = 20_000 * DAY
BUY, SELL = OrderRequest("BTC", 2.0), OrderRequest("ETH", -3.0)
NOW = Situation(DUE, DUE + 10.0, 1000.0, 0.0, {"BTC": 100.0, "ETH": 50.0}, None)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: DUE + 10.0) as opened:
        yield opened


def guards(journal: Journal, **changes: Any) -> Guards:
    return Guards(
        journal, changed(load(), {key.replace("__", "."): value for key, value in changes.items()})
    )


def coins(intents: list[Intent]) -> list[str]:
    return [intent.symbol for intent in intents]


def test_what_nothing_speaks_against_becomes_intents_in_their_order(journal: Journal) -> None:
    intents, incidents = guards(journal).check_requests([SELL, BUY], NOW)
    assert incidents == []
    assert intents == [
        Intent(0, DUE, "ETH", 0, -3.0, 50.0, "planned", ""),
        Intent(0, DUE, "BTC", 1, 2.0, 100.0, "planned", ""),
    ]


def test_a_halt_stops_everything_until_resume(journal: Journal) -> None:
    journal.set_trading("off", "looking into it")
    intents, incidents = guards(journal).check_requests([SELL, BUY], NOW)
    assert intents == []
    assert [incident.kind for incident in incidents] == ["halted"]
    assert "looking into it" in incidents[0].text
    journal.set_trading("on", "")
    assert coins(guards(journal).check_requests([SELL, BUY], NOW)[0]) == ["ETH", "BTC"]


@pytest.mark.parametrize(("minutes", "expected"), [(180.0, ["ETH", "BTC"]), (180.1, ["ETH"])])
def test_an_old_decision_may_only_reduce(
    minutes: float, expected: list[str], journal: Journal
) -> None:
    intents, incidents = guards(journal, paper__max_decision_age=180.0).check_requests(
        [SELL, BUY], NOW._replace(now=DUE + minutes * 60)
    )
    assert coins(intents) == expected
    assert [incident.kind for incident in incidents] == ["late"] * (expected == ["ETH"])


def test_too_late_to_buy_is_said_in_hours_and_with_the_coins(journal: Journal) -> None:
    """609 minutes are 10 hours and 9 minutes."""
    guard = guards(journal, paper__max_decision_age=180.0)
    late = NOW._replace(now=DUE + 609.0 * 60.0)
    _, (incident,) = guard.check_requests([SELL, BUY, OrderRequest("ETH", 1.0)], late)
    assert incident.text == "Too late to buy (10 h 9 min after its bar; limit 3 h): BTC, ETH"


def test_a_spell_open_at_the_first_start_is_not_entered_with_join_next_and_the_one_after_it_is(
    journal: Journal,
) -> None:
    guard = guards(journal, paper__join="next")
    guard.first_start(5.0)
    assert coins(guard.check_requests([SELL, BUY], NOW._replace(confirmed_at=5.0))[0]) == ["ETH"]
    assert coins(guard.check_requests([SELL, BUY], NOW._replace(confirmed_at=None))[0]) == [
        "ETH",
        "BTC",
    ]
    assert coins(guard.check_requests([SELL, BUY], NOW._replace(confirmed_at=6.0))[0]) == [
        "ETH",
        "BTC",
    ]


def test_with_join_next_a_closed_gate_at_the_first_start_skips_nothing(journal: Journal) -> None:
    guard = guards(journal, paper__join="next")
    guard.first_start(None)
    assert coins(guard.check_requests([BUY], NOW._replace(confirmed_at=6.0))[0]) == ["BTC"]


def test_what_is_skipped_is_settled_by_the_first_decision_ever(journal: Journal) -> None:
    guard = guards(journal, paper__join="next")
    guard.first_start(5.0)
    row = one_coin_decision(
        DUE, confirmed_at=5.0, session=journal.begin_session("dry-run", "{}", "")
    )
    journal.record_decision(row, None, [], EquityRow(DUE, 1000.0, 1000.0, 1000.0, 1.0, 0.0), [])
    guard.first_start(7.0)
    assert coins(guard.check_requests([BUY], NOW._replace(confirmed_at=7.0))[0]) == ["BTC"]


@pytest.mark.parametrize(("drawdown", "expected"), [(0.39, ["ETH", "BTC"]), (0.4, ["ETH"])])
def test_an_account_far_below_its_peak_only_sells(
    drawdown: float, expected: list[str], journal: Journal
) -> None:
    intents, incidents = guards(journal, guards__drawdown_stop=0.4).check_requests(
        [SELL, BUY], NOW._replace(drawdown=drawdown)
    )
    assert coins(intents) == expected
    assert [incident.severity for incident in incidents] == ["critical"] * (len(expected) == 1)


def test_resume_lets_the_peak_count_anew(journal: Journal) -> None:
    guard = guards(journal)
    assert guard.peak_since() == 0.0
    journal.set_trading("off", "")
    journal.set_trading("on", "")
    assert guard.peak_since() == DUE + 10.0


def test_an_order_larger_than_the_account_is_a_mistake_of_somebodys(journal: Journal) -> None:
    intents, incidents = guards(journal).check_requests([OrderRequest("BTC", 200.0), SELL], NOW)
    assert coins(intents) == ["ETH"]
    assert "20,000.00 is more than guards.largest_order allows (1 of 1,000.00)" in incidents[0].text


def test_turnover_counts_what_was_traded_since_midnight(journal: Journal) -> None:
    journal.begin_session("dry-run", "{}", "")
    row = one_coin_decision(DUE - DAY, confirmed_at=5.0)
    equity = EquityRow(DUE - DAY, 1000.0, 1000.0, 1000.0, 1.0, 0.0)
    (intent,) = journal.record_decision(
        row, None, [], equity, [Intent(0, DUE - DAY, "BTC", 0, 9.0, 100.0, "planned", "")]
    )
    journal.record_order(
        OrderRow("a" * 26, intent.id, 1, "BTC", 9.0, None, DUE, None, "sent", 0.0, None, DUE)
    )
    fills = [
        FillRow("BTC", "1", "a" * 26, DUE - 1.0, 5.0, 100.0, 0.0, "", 0.0),
        FillRow("BTC", "2", "a" * 26, DUE + 1.0, 9.0, 100.0, 0.0, "", 0.0),
    ]
    journal.add_fills(fills)
    # 900 today; 150 more is 1,050, 200 more would be 1,250 of 1,100 allowed.
    intents, incidents = guards(journal, guards__largest_turnover=1.1).check_requests(
        [SELL, BUY], NOW
    )
    assert coins(intents) == ["ETH"]
    assert [incident.kind for incident in incidents] == ["turnover"]


def record(journal: Journal, time: int, size: float, filled_at: float, kind: str = "bar") -> None:
    """A decision on BTC at 100, its order and its fill."""
    row = one_coin_decision(time, kind=kind, session=1)
    intents = [Intent(0, time, "BTC", 0, size, 100.0, "planned", "")]
    if kind == "flatten":
        journal.set_trading("flatten", "enough")
        (intent,) = journal.record_flatten(row, intents)
    else:
        equity = EquityRow(time, 1000.0, 1000.0, 1000.0, 1.0, 0.0)
        (intent,) = journal.record_decision(row, None, [], equity, intents)
    id_ = f"{time}-{kind}"
    journal.record_order(
        OrderRow(id_, intent.id, 1, "BTC", size, None, time, None, "filled", size, 100.0, time)
    )
    journal.set_intent(intent.id, "done", "")
    journal.add_fills([FillRow("BTC", id_, id_, filled_at, size, 100.0, 0.0, "", 0.0)])
    journal.set_trading("on", "resumed")


HOUR = 3600


@pytest.mark.parametrize(
    ("flatten", "filled", "expected"),
    [
        (None, 0.0, []),  # 900 were bought: 900 more are too much
        (2 * HOUR, 2.0 * HOUR + 1.0, ["BTC"]),
        (-1, 1.0, []),  # before midnight, though filled after it: what was bought since counts
    ],
    ids=["no flatten", "flatten", "flatten at midnight"],
)
def test_what_a_person_has_sold_is_no_turnover_of_the_strategys_nor_what_is_bought_after_it(
    journal: Journal, flatten: int | None, filled: float, expected: list[str]
) -> None:
    """1,100 are allowed; the account has 1,000."""
    journal.begin_session("dry-run", "{}", "")
    guard = guards(journal, guards__largest_turnover=1.1)
    if flatten is not None and flatten < 0:
        record(journal, DUE + flatten, -9.0, DUE + filled, "flatten")
        record(journal, DUE + HOUR, 1.0, DUE + HOUR + 1.0)
        intents, _ = guard.check_requests([BUY._replace(size=9.0)], situation(4 * HOUR))
        assert coins(intents) == ["BTC"], "100 + 900, not 900 + 100 + 900"
    record(journal, DUE + 90 * 60, 9.0, DUE + 90 * 60 + 1.0)
    if flatten is not None and flatten > 0:
        record(journal, DUE + flatten, -9.0, DUE + filled, "flatten")
    buy = BUY._replace(size=9.0)
    intents, incidents = guard.check_requests([buy], situation(4 * HOUR))
    assert coins(intents) == expected
    assert [incident.kind for incident in incidents] == ["turnover"] * (not expected)


def test_a_strategy_that_runs_away_after_a_flatten_is_stopped_all_the_same(
    journal: Journal,
) -> None:
    journal.begin_session("dry-run", "{}", "")
    record(journal, DUE, 9.0, DUE + 1.0)
    record(journal, DUE + HOUR + 1, -9.0, DUE + HOUR + 2.0, "flatten")
    for hours, size in ((2, 9.0), (3, -9.0)):
        record(journal, DUE + hours * HOUR, size, DUE + hours * HOUR + 1.0)
    intents, incidents = guards(journal).check_requests(
        [BUY._replace(size=9.0)], situation(4 * HOUR)
    )
    assert intents == [], "900 + 900 + 900 of the 2,000 allowed"
    assert "with 1,800.00 traded today" in incidents[0].text


def situation(seconds: int) -> Situation:
    return NOW._replace(due=DUE + seconds, now=DUE + seconds + 10.0)


def test_a_way_out_is_never_closed_by_its_size(journal: Journal) -> None:
    exit_ = OrderRequest("ETH", -8.0)  # 400 of 1,000
    for changes in ({"guards__largest_order": 0.3}, {"guards__largest_turnover": 0.3}):
        assert guards(journal, **changes).check_requests([exit_], NOW)[1] == []
