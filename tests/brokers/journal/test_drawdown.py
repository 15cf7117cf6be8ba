"""The peak and the largest drawdown of a long journal, read from its newest rows alone."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.journal import drawdown
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from tests.brokers.journal.samples import MINUTE, START, UNKNOWN, Clock, decide

EVERY = 10  # rows, after which a result is kept


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr(drawdown, "STORE_AFTER", EVERY)
    with open_journal(tmp_path / "paper.sqlite", Clock()) as opened:
        yield opened


def walked(values: list[float]) -> tuple[float, float]:
    """Highest and largest fall, by going through all of them."""
    highest, largest = values[0], 0.0
    for value in values:
        highest = max(highest, value)
        largest = max(largest, 1.0 - value / highest)
    return highest, largest


def read_for(journal: Journal, since: float) -> int:
    """How many rows an answer needs now."""
    with journal._database.reading() as connection:
        return drawdown.drawdown_since(connection, since)[1]


def test_it_is_that_of_all_rows_and_reads_few_of_them(journal: Journal) -> None:
    dice = random.Random(3)
    values: list[float] = []
    beginnings = (0.0, START + 5 * MINUTE, START + 40.5 * MINUTE)
    for place in range(120):
        values.append(dice.uniform(0.5, 1.5))
        decide(journal, START + place * MINUTE, unit_value=values[-1])
        for since in beginnings:
            first = next(
                (at for at in range(len(values)) if START + at * MINUTE >= since), len(values)
            )
            if first < len(values):
                assert journal.drawdown_since(since) == pytest.approx(walked(values[first:]))
            else:
                assert journal.drawdown_since(since) == pytest.approx((UNKNOWN, 0.0), nan_ok=True)
            assert read_for(journal, since) <= EVERY


def test_what_is_kept_is_of_the_newest_beginnings(journal: Journal) -> None:
    """Every confirmation and every `resume` is another one."""
    for place in range(2 * EVERY):
        decide(journal, START + place * MINUTE, unit_value=1.0 + place)
    for since in range(9):
        assert journal.drawdown_since(float(since)) == (2.0 * EVERY, 0.0)
    assert [read_for(journal, float(since)) for since in (0, 4, 5, 8)] == [20, 20, 0, 0]


def test_a_reader_beside_the_session_keeps_nothing_and_reads_the_same(journal: Journal) -> None:
    for place in range(2 * EVERY):
        decide(journal, START + place * MINUTE, unit_value=2.0 - place / 20)
    with open_journal(journal.path, Clock(), locked=False) as beside:
        assert beside.drawdown_since(0.0) == pytest.approx((2.0, 0.475))
    assert journal.get(drawdown.KEY) is None
