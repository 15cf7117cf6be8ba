"""Units: deposits are no profit, prices are, and a restart finds the same drawdown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow
from brokers.orders.nav import Units


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 0.0) as opened:
        opened.begin_session("dry-run", "{}", "")
        yield opened


def record(journal: Journal, units: Units, time: int, value: float, flow: float = 0.0) -> float:
    equity = units.row(time, value, value, flow)
    row = DecisionRow(
        time,
        time,
        0,
        0.0,
        0,
        None,
        0,
        value,
        value,
        0.0,
        0.0,
        (0.0,),
        (0.0,),
        (0.0,),
        (0.0,),
        "",
        "",
        1,
    )
    journal.record_decision(row, None, [], equity, [])
    units.recorded(equity)
    return equity.unit_value


def test_a_unit_begins_at_one_and_gains_what_the_account_gains(journal: Journal) -> None:
    units = Units(journal)
    assert record(journal, units, 1, 5000.0) == 1.0
    assert record(journal, units, 2, 6000.0) == pytest.approx(1.2)


def test_a_deposit_issues_units_and_a_withdrawal_takes_them_back(journal: Journal) -> None:
    units = Units(journal)
    record(journal, units, 1, 1000.0)
    assert record(journal, units, 2, 1700.0, flow=500.0) == pytest.approx(
        1.2
    )  # 1,000 became 1,200, then 500 came
    assert record(journal, units, 3, 700.0, flow=-1000.0) == pytest.approx(1.2)
    assert units.value(770.0, 0.0) == pytest.approx(1.32)
    assert units.value(770.0, 70.0) == pytest.approx(1.2)


def test_a_reset_leaves_the_unit_value_as_it_was(journal: Journal) -> None:
    units = Units(journal)
    record(journal, units, 1, 1000.0)
    record(journal, units, 2, 1300.0)
    assert record(journal, units, 3, 5000.0, flow=units.rebased(5000.0)) == pytest.approx(1.3)


def test_the_largest_fall_is_that_of_units_since_an_instant_also_after_a_restart(
    journal: Journal,
) -> None:
    units = Units(journal)
    for time, value in ((10, 100.0), (20, 50.0), (30, 80.0), (40, 120.0), (50, 90.0)):
        record(journal, units, time, value)
    for one in (units, Units(journal)):
        assert one.largest_drawdown(5.0, 0.9) == pytest.approx(0.5)
        assert one.largest_drawdown(25.0, 0.9) == pytest.approx(0.25)
        assert one.largest_drawdown(25.0, 0.6) == pytest.approx(0.5)
        assert one.largest_drawdown(25.0, 1.2) == pytest.approx(0.5)
        assert one.largest_drawdown(99.0, 0.7) == 0.0


def test_an_account_worth_nothing_does_not_divide_by_it(journal: Journal) -> None:
    units = Units(journal)
    assert record(journal, units, 1, 0.0) == 0.0
    assert units.value(0.0, 0.0) == 1.0
