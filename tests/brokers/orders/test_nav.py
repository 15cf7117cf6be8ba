"""NetAssetValue: deposits are no profit, prices are, and a restart finds the same drawdown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.orders.nav import NetAssetValue
from tests.brokers.journal.samples import one_coin_decision


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 0.0) as opened:
        opened.begin_session("dry-run", "{}", "")
        yield opened


def record(
    journal: Journal, nav: NetAssetValue, time: int, value: float, flow: float = 0.0
) -> float:
    equity = nav.equity_row(time, value=value, cash=value, flow=flow)
    row = one_coin_decision(time, equity=value, cash=value)
    journal.record_decision(row, None, [], equity, [])
    nav.remember(equity)
    return equity.unit_value


def test_a_unit_begins_at_one_and_gains_what_the_account_gains(journal: Journal) -> None:
    nav = NetAssetValue(journal)
    assert record(journal, nav, 1, 5000.0) == 1.0
    assert record(journal, nav, 2, 6000.0) == pytest.approx(1.2)


def test_a_deposit_issues_units_and_a_withdrawal_takes_them_back(journal: Journal) -> None:
    nav = NetAssetValue(journal)
    record(journal, nav, 1, 1000.0)
    assert record(journal, nav, 2, 1700.0, flow=500.0) == pytest.approx(
        1.2
    )  # 1,000 became 1,200, then 500 came
    assert record(journal, nav, 3, 700.0, flow=-1000.0) == pytest.approx(1.2)
    assert nav.unit_value(770.0, 0.0) == pytest.approx(1.32)
    assert nav.unit_value(770.0, 70.0) == pytest.approx(1.2)


def test_a_reset_leaves_the_unit_value_as_it_was(journal: Journal) -> None:
    nav = NetAssetValue(journal)
    record(journal, nav, 1, 1000.0)
    record(journal, nav, 2, 1300.0)
    assert record(journal, nav, 3, 5000.0, flow=nav.reset_flow(5000.0)) == pytest.approx(1.3)


def test_the_largest_fall_is_that_of_units_since_an_instant_also_after_a_restart(
    journal: Journal,
) -> None:
    nav = NetAssetValue(journal)
    for time, value in ((10, 100.0), (20, 50.0), (30, 80.0), (40, 120.0), (50, 90.0)):
        record(journal, nav, time, value)
    for account in (nav, NetAssetValue(journal)):
        assert account.largest_drawdown(5.0, 0.9) == pytest.approx(0.5)
        assert account.largest_drawdown(25.0, 0.9) == pytest.approx(0.25)
        assert account.largest_drawdown(25.0, 0.6) == pytest.approx(0.5)
        assert account.largest_drawdown(25.0, 1.2) == pytest.approx(0.5)
        assert account.largest_drawdown(99.0, 0.7) == 0.0


def test_an_account_worth_nothing_does_not_divide_by_it(journal: Journal) -> None:
    nav = NetAssetValue(journal)
    assert record(journal, nav, 1, 0.0) == 0.0
    assert nav.unit_value(0.0, 0.0) == 1.0
