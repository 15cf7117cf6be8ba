"""A session killed at the worst moments and started again: each order comes to be once.

`tests.proofs.kills` tries every moment.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proofs.kills import (
    AFTER,
    BEFORE,
    EXECUTED,
    LATE,
    LOST,
    UNANSWERED,
    Case,
    Rebalance,
    rebalances,
)


@pytest.fixture(scope="module")
def cycles(
    whole_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Rebalance]]:
    """Cycles that buy three coins, sell and buy, sell everything; and on paper."""
    with rebalances(whole_folder, cache, tmp_path_factory.mktemp("kills")) as found:
        yield found


@pytest.mark.parametrize(
    ("cycle", "order", "moment"),
    [
        ("buys", 0, LOST),
        ("buys", 0, EXECUTED),
        ("buys", 0, LATE),
        ("buys", 1, UNANSWERED),
        ("sells and buys", 0, EXECUTED),
        ("sells and buys", 2, LATE),
    ],
)
def test_a_session_killed_over_an_order_ends_as_if_nothing_had_been(
    cycles: dict[str, Rebalance], cycle: str, order: int, moment: str
) -> None:
    chosen = cycles[cycle]
    assert chosen.died(Case(moment, chosen.orders[order]))
    assert chosen.wrong() == []


@pytest.mark.parametrize(("after", "moment"), [(1, UNANSWERED), (3, LOST)])
def test_it_does_so_when_killed_over_what_follows_an_order(
    cycles: dict[str, Rebalance], after: int, moment: str
) -> None:
    chosen = cycles["buys"]
    assert chosen.died(Case(moment, chosen.orders[0] + after))
    assert chosen.wrong() == []


@pytest.mark.parametrize("case", [Case(BEFORE, 6), Case(AFTER, 7), Case(BEFORE, 8)])
def test_it_does_so_when_killed_over_a_write_of_its_journal(
    cycles: dict[str, Rebalance], case: Case
) -> None:
    chosen = cycles["buys"]
    assert chosen.died(case)
    assert chosen.wrong() == []


@pytest.mark.parametrize(
    "case", [Case(UNANSWERED, 8), Case(AFTER, 4), Case(AFTER, 5), Case(AFTER, 6)]
)
def test_an_order_on_paper_is_filled_once_too(cycles: dict[str, Rebalance], case: Case) -> None:
    assert cycles["on paper"].died(case)
    assert cycles["on paper"].wrong() == []


@pytest.mark.parametrize(
    ("order", "moment"), [(0, LOST), (1, EXECUTED), (1, UNANSWERED), (2, LATE)]
)
def test_a_sale_of_everything_is_carried_on_by_the_next_start(
    cycles: dict[str, Rebalance], order: int, moment: str
) -> None:
    chosen = cycles["sells everything"]
    assert chosen.died(Case(moment, chosen.orders[order]))
    assert chosen.wrong() == []


@pytest.mark.parametrize("cycle", ["sells everything", "sells everything on paper"])
@pytest.mark.parametrize("number", [2, 3, 4, 15])
def test_it_is_so_when_killed_over_a_write_of_its_journal(
    cycles: dict[str, Rebalance], cycle: str, number: int
) -> None:
    """Before and after its decision is recorded, over an order, and at its end."""
    for moment in (BEFORE, AFTER):
        assert cycles[cycle].died(Case(moment, number))
        assert cycles[cycle].wrong() == []


def test_a_cycle_that_is_over_is_not_begun_again(cycles: dict[str, Rebalance]) -> None:
    chosen = cycles["buys"]
    chosen.begin()
    assert chosen.wrong() == []
    assert chosen.wrong() == []
    assert len(chosen.venue.orders) == 3
