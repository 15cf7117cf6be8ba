"""The forward record beside what the same sessions read today: a revision is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from backtests.engine.rules import rules_digest
from backtests.evidence.forward_summary import ForwardSummary, summarise_forward
from backtests.evidence.history import History
from brokers.journal.forward_record import ForwardRow, append_forward, forward_path
from brokers.prices.load import Prices
from brokers.prices.series import Request, Series
from config.settings import Settings
from tests.scenes import configured

FIRST = datetime(2026, 2, 2, 21, 30, tzinfo=UTC)
SESSIONS = pd.DatetimeIndex([FIRST + timedelta(days=day) for day in range(3)])
INDEX_CLOSES, BITCOIN_CLOSES = (2600.0, 2610.0, 2620.0), (78000.0, 77000.0, 76000.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return configured({"journal.folder": str(tmp_path)})


def series(symbol: str, closes: tuple[float, ...], index: pd.DatetimeIndex) -> Series:
    kind = "coin" if symbol == "BTC-USD" else "session"
    frame = pd.DataFrame({"close": closes}, index=index)
    return Series(Request(symbol, kind), "yahoo", symbol, frame, "", ())


def history(
    index: tuple[float, ...] = INDEX_CLOSES, bitcoin: tuple[float, ...] = BITCOIN_CLOSES
) -> History:
    both = (series("^RUT", index, SESSIONS), series("BTC-USD", bitcoin, SESSIONS.floor("D")))
    prices = Prices(
        {one.request: one for one in both},
        pd.Series(dtype=float),
        pd.Timestamp("2026-03-01", tz="UTC"),
    )
    nothing = pd.Series(dtype=float)
    return History(prices, pd.DataFrame(), nothing, nothing, {}, {}, {}, ())


def table(state: str = "confirmed", ceiling: float = 0.75) -> pd.DataFrame:
    """The gate as it reads now; `state` and `ceiling` are those of the second session."""
    states, ceilings = ["confirmed", state, "confirmed"], [0.75, ceiling, 0.75]
    return pd.DataFrame({"state": states, "ceiling": ceilings}, index=SESSIONS)


def write(settings: Settings, days: int = 3, digest: str | None = None) -> None:
    for day in range(days):
        known_at = FIRST + timedelta(days=day)
        row = ForwardRow(
            known_at=known_at,
            rules_digest=digest or rules_digest(settings),
            state="confirmed",
            ceiling=0.75,
            index_close=INDEX_CLOSES[day],
            coin_closes={"BTC-USD": BITCOIN_CLOSES[day], "XRP-USD": 1.6},
            sources={"^RUT": "yahoo", "BTC-USD": "yahoo", "XRP-USD": "yahoo"},
            written_at=known_at + timedelta(hours=1),
        )
        assert append_forward(forward_path(settings), row)


def summary(settings: Settings, scene: History, rows: pd.DataFrame) -> ForwardSummary:
    found = summarise_forward(scene, settings, rows)
    assert found is not None
    return found


def test_without_a_record_there_is_no_summary(settings: Settings) -> None:
    assert summarise_forward(history(), settings, table()) is None
    assert not forward_path(settings).exists()


def test_rows_by_the_rules_of_now_are_counted_and_others_apart(settings: Settings) -> None:
    write(settings)
    write(settings, days=2, digest="other rules")
    with forward_path(settings).open("a") as file:
        file.write("2026-02-05T21:30:00Z,abc,conf")
    assert summary(settings, history(), table()) == ForwardSummary(
        rows=3, since="2026-02-02", last="2026-02-04", of_other_rules=2, torn=1, revised=[]
    )


def test_a_revision_is_named_and_the_file_stays_as_it_was(settings: Settings) -> None:
    write(settings)
    before = forward_path(settings).read_bytes()
    scene = history((2600.0, 2599.0, 2620.0), (78000.0, 77000.0, 75000.0))
    found = summary(settings, scene, table("dormant", 0.0))
    second, third = found.revised
    assert second == (
        "2026-02-03: the state was confirmed, now dormant, the ceiling was 75%, now 0%,"
        " ^RUT was 2,610.00, now 2,599.00"
    )
    assert third == "2026-02-04: BTC-USD was 76,000.00, now 75,000.00"
    assert forward_path(settings).read_bytes() == before


def test_a_vendors_last_digits_and_another_source_are_no_revision(settings: Settings) -> None:
    write(settings)
    assert summary(settings, history((2600.2, 2610.0, 2620.0)), table()).revised == []
    assert summary(settings, history((2600.3, 2610.0, 2620.0)), table()).revised != []
    scene = history(bitcoin=(70000.0, 70000.0, 70000.0))
    request = Request("BTC-USD", "coin")
    exchange = scene.prices.series[request]._replace(source="exchange")
    prices = scene.prices._replace(series=scene.prices.series | {request: exchange})
    assert summary(settings, scene._replace(prices=prices), table()).revised == []


def test_a_session_that_is_none_now_is_named(settings: Settings) -> None:
    write(settings)
    found = summary(settings, history(), table().iloc[[0, 2]])
    assert found.revised == ["2026-02-03: the session is not there now"]


def test_a_file_that_is_no_record_is_a_problem_and_no_error(settings: Settings) -> None:
    forward_path(settings).write_text("Date,Flow\n")
    found = summary(settings, history(), table())
    assert (found.rows, found.since) == (0, None)
    assert "move it away" in found.problem
    assert str(Path(settings.journal.folder)) not in found.problem
