"""`gate` adds today's reading to the forward record, in its own time and of real prices only."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backtests.commands import gate
from backtests.engine.rules import rules_digest
from brokers.clock import SimulatedClock
from brokers.journal.forward_record import ForwardRow, read_forward
from config.settings import load
from tests.brokers.worlds import epoch
from tests.price_folder import overrides

# The newest session is that of Friday 2016-12-30, known at 21:30 UTC; Monday is a holiday, so that
# the next one closes on Tuesday 2017-01-03 at 21:00 UTC.
KNOWN_AT = datetime(2016, 12, 30, 21, 30, tzinfo=UTC)
SUNDAY = "2017-01-01 12:00"
Read = Callable[..., None]


@pytest.fixture
def words(whole_folder: Path, cache: Path, tmp_path: Path) -> list[str]:
    return [*overrides(whole_folder, cache), f"journal.folder={tmp_path / 'state'}"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "forward.csv"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> Read:
    def read(now: str, *more: str, as_of: str | None = None, as_json: bool = False) -> None:
        monkeypatch.setattr(gate, "Clock", lambda: SimulatedClock(epoch(now)))
        gate.read_gate([], [*words, *more], as_json=as_json, as_of=as_of, refresh=False)

    return read


def rows(path: Path) -> tuple[ForwardRow, ...]:
    record = read_forward(path)
    assert record.torn == 0
    return record.rows


def last_close(folder: Path, symbol: str, day: str) -> float:
    lines = (folder / "daily" / f"{symbol}.csv").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(day)).split(",")[4])


def test_the_reading_of_today_is_added_once_with_the_closes_known_at_the_session(
    read: Read,
    path: Path,
    words: list[str],
    whole_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read(SUNDAY, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    (row,) = rows(path)
    assert row.known_at == KNOWN_AT
    assert row.written_at == datetime(2017, 1, 1, 12, tzinfo=UTC)
    assert row.rules_digest == rules_digest(load(None, words))
    assert (row.state, row.ceiling) == (printed["state"], printed["ceiling"])
    assert row.index_close == last_close(whole_folder, "RUT", "2016-12-30")
    assert row.coin_closes == {
        name: last_close(whole_folder, name, "2016-12-29")
        for name in ("BTC-USD", "ETH-USD", "SOL-USD")
    }
    assert row.sources["^RUT"] == row.sources["BTC-USD"] == "folder"
    before = path.read_bytes()
    read("2017-01-03 20:59")
    assert path.read_bytes() == before
    read(SUNDAY, "allocation.band=0.5")
    assert len(rows(path)) == 2
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize("now", ["2017-01-03 21:00", "2017-01-03 21:29", "2017-01-05 12:00"])
def test_nothing_is_added_from_the_next_close_on(read: Read, path: Path, now: str) -> None:
    read(now)
    assert not path.exists()


def test_a_reading_of_a_past_day_or_of_simulated_prices_adds_nothing(
    read: Read, path: Path
) -> None:
    read(SUNDAY, as_of="2016-12-30")
    read(SUNDAY, "prices.source=sample", "prices.folder=", "signal.history_from=1987-09-10")
    assert not path.exists()


def test_what_prevents_it_is_a_warning_beside_the_whole_reading(
    read: Read, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.mkdir(parents=True)
    read(SUNDAY, as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["state"]
    assert printed.err.count("Warning: ") == 1
    assert "forward.csv: no row was added (Is a directory)" in printed.err
