"""What could not be delivered is kept for the next start, until it has been reported."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.live.undelivered import KEY, MOST_STORED, TITLE, Undelivered, UndeliveredStore

ENDED = Undelivered("Ntfy (1)", "has ended", "SafetyError: halted")
ORDERS = Undelivered("Ntfy (1)", "orders", "buy 1 BTC\ndone")
REPORT = Undelivered("Ntfy (1)", TITLE, "1 notification …")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 7.0) as opened:
        yield opened


def reported(journal: Journal) -> str:
    """What the next start reports."""
    incident = UndeliveredStore(journal).report()
    return incident.text if incident else ""


def test_what_was_lost_is_reported_at_the_next_start(journal: Journal) -> None:
    UndeliveredStore(journal).keep([ENDED, ORDERS])
    assert reported(journal) == (
        "2 notifications of an earlier session may not have arrived:\n"
        "Ntfy (1): has ended: SafetyError: halted\n"
        "Ntfy (1): orders: buy 1 BTC done"
    )


def test_once_it_is_reported_and_delivered_it_is_forgotten(journal: Journal) -> None:
    UndeliveredStore(journal).keep([ENDED])
    store = UndeliveredStore(journal)
    store.report()
    store.keep([])
    assert reported(journal) == ""


@pytest.mark.parametrize("lost", [[], [ORDERS]])
def test_it_is_kept_while_nothing_was_reported(journal: Journal, lost: list[Undelivered]) -> None:
    """The session ended before it had begun."""
    UndeliveredStore(journal).keep([ENDED])
    UndeliveredStore(journal).keep(lost)
    assert "has ended" in reported(journal)
    assert ("orders" in reported(journal)) == bool(lost)


def test_it_is_kept_while_its_report_is_not_delivered_either(journal: Journal) -> None:
    UndeliveredStore(journal).keep([ENDED])
    store = UndeliveredStore(journal)
    store.report()
    store.keep([REPORT, ORDERS])
    assert [line.split(": ")[1] for line in reported(journal).splitlines()[1:]] == [
        "orders",
        "has ended",
    ]


def test_a_crash_before_the_end_forgets_nothing(journal: Journal) -> None:
    UndeliveredStore(journal).keep([ENDED])
    UndeliveredStore(journal).report()
    assert "has ended" in reported(journal)


def test_what_is_kept_is_bounded_the_first_ones_first(journal: Journal) -> None:
    UndeliveredStore(journal).keep(
        [ENDED._replace(title=f"message {number}", text="x" * 10_000) for number in range(100)]
    )
    assert len(journal.get(KEY) or "") < MOST_STORED * 400
    assert [line.split(": ")[1] for line in reported(journal).splitlines()[1:]] == [
        f"message {number}" for number in range(MOST_STORED)
    ]


def test_nothing_lost_writes_nothing(journal: Journal) -> None:
    store = UndeliveredStore(journal)
    store.report()
    store.keep([])
    assert journal.get(KEY) is None


@pytest.mark.parametrize("stored", ["", "{", '[["only one"]]', "null"])
def test_what_cannot_be_understood_stops_nothing(journal: Journal, stored: str) -> None:
    journal.put(KEY, stored)
    assert reported(journal) == ""
