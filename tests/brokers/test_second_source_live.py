"""The live path while Yahoo is away: a second source keeps the gate fresh, and buys nothing.

The real clients against local sites: Yahoo's charts, an address that answers CSV, the exchange.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.brokers.misfortunes import incident_texts
from tests.brokers.test_faults_data import (
    AT_ONCE,
    DOWN,
    change_rows,
    decisions,
    downloading,
    gate_rows,
    next_day,
)
from tests.brokers.worlds import World
from tests.exchange.proxy import Answer, Asked

HOST = "prices.example.org"
KEY = "s3cr3t-k3y"
LISTED = (
    '{"^RUT"=["yahoo","proxy:IWM"], '
    + ", ".join(f'"{symbol}"=["yahoo","url"]' for symbol in ("^GSPC", "IWM", "HYG", "IEF"))
    + "}"
)


class Vendor:
    """Daily rows of sessions that are over, as CSV."""

    def __init__(self, frames: dict[str, pd.DataFrame], now: Callable[[], float]) -> None:
        self.frames, self.now = frames, now
        self.asked: list[str] = []

    def answer(self, asked: Asked) -> Answer:
        assert asked.headers["x-api-key"] == KEY
        self.asked.append(asked.query["s"])
        frame = self.frames[asked.query["s"]]
        over = frame.index + pd.Timedelta(hours=21) <= pd.Timestamp(self.now(), unit="s")
        rows = frame[over & (frame.index >= asked.query["from"])]
        return Answer(200, rows.rename_axis("Date").to_csv().encode())


def vendor_in(w: World, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    vendor = Vendor(w.yahoo.frames, lambda: w.clock.now())
    w.network.sites[HOST] = vendor
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", f"https://{HOST}/d?s={{symbol}}&from={{start}}")
    monkeypatch.setenv("RUSSELL_GATE_PRICES_HEADER", f"X-Api-Key: {KEY}")
    return vendor


def test_yahoo_away_for_ten_sessions_with_a_second_source_leaves_the_gate_fresh(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = AT_ONCE | {"prices.sources": LISTED}
    with downloading(whole_folder, cache, tmp_path, changes) as w:
        vendor = vendor_in(w, monkeypatch)
        w.run()
        assert vendor.asked == [], "not asked while Yahoo has what is due"
        w.yahoo.always = DOWN["500"]
        w.run(once=False, until="2015-11-03 00:00:10")
        rows = decisions(w)
        assert len(rows) == 15 and {row.gate_stale for row in rows} == {0}
        assert {row.state for row in rows} == {2}
        ceilings = [row.ceiling for row in rows]
        assert ceilings == sorted(ceilings, reverse=True)
        assert set(vendor.asked) == {"^GSPC", "IWM", "HYG", "IEF"}
        assert all(order.side == "BUY" for order in w.venue.orders), "nothing was sold"
        w.yahoo.always = None
        observer = w.run(once=False, until="2015-11-04 00:00:10")
        assert decisions(w)[-1].gate_stale == 0
        assert not [one for one in observer.incidents if one.kind == "revised"]
        with w.journal() as journal:
            texts = repr(list(journal.gate_rows())) + repr(observer.incidents)
        assert "proxy:IWM" in texts and KEY not in texts


def lowered(factor: float, first: str, last: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The prices of some days times `factor`."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[first:last, ["open", "high", "low", "close", "adj_close"]] *= factor
        return rows

    return change


def test_a_source_that_stands_in_for_all_of_a_series_lifts_no_ceiling_that_was_acted_on(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """High yield has fallen, as Yahoo has it alone; then Yahoo's history cannot be used.

    It comes back with no fall: then it is the first source that lifts the ceiling.
    """
    changes = AT_ONCE | {"prices.sources": LISTED}
    with downloading(whole_folder, cache, tmp_path, changes, cold=True) as w:
        vendor = vendor_in(w, monkeypatch)
        vendor.frames = dict(w.yahoo.frames)
        whole = change_rows(w, "HYG", lowered(0.955, "2015-09-28", "2016-12-31"))
        w.run()
        change_rows(w, "HYG", lowered(0.5, "2015-10-13", "2015-10-14"))
        told = [next_day(w).incidents, w.run(once=False, until="2015-10-24 00:00:10").incidents]
        rows = gate_rows(w)
        sources = [json.loads(row.sources)["HYG"] for row in rows]
        assert sources == ["yahoo", "url", "url", "url", "url"]
        low, *later = [row.ceiling for row in rows]
        assert later == [low] * 4
        assert {row.gate_stale for row in decisions(w)} == {0}
        assert [incident_texts(one, "revised") for one in told] == [[], []]
        w.yahoo.frames["HYG"] = whole
        w.run(once=False, until="2015-10-27 00:00:10")
        assert json.loads(gate_rows(w)[-1].sources)["HYG"] == "yahoo"
        assert gate_rows(w)[-1].ceiling > low


def test_one_bent_close_long_ago_does_not_cost_the_first_source(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was held and never counted, whether the series has one source or a list of them."""
    changes = AT_ONCE | {"prices.sources": LISTED}
    with downloading(whole_folder, cache, tmp_path, changes, cold=True) as w:
        vendor = vendor_in(w, monkeypatch)
        vendor.frames = dict(w.yahoo.frames)
        change_rows(w, "HYG", lowered(0.5, "2015-10-13", "2015-10-13"))
        w.run()
        (row,) = gate_rows(w)
        assert (json.loads(row.sources)["HYG"], row.stale) == ("yahoo", 0)
        assert vendor.asked == []


def test_a_first_session_whose_series_stands_in_as_a_whole_holds_down_the_newest_row_alone(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yahoo is away from the first start on. Rows nobody acted on are no revision when it is back.

    Its index is another then: all rows of it read otherwise.
    """
    listed = LISTED.replace("proxy:IWM", "url")
    changes = AT_ONCE | {"prices.sources": listed}
    with downloading(whole_folder, cache, tmp_path, changes, cold=True) as w:
        vendor = vendor_in(w, monkeypatch)
        vendor.frames = dict(w.yahoo.frames)
        w.yahoo.always = DOWN["500"]
        told = [w.run().incidents, next_day(w).incidents]
        w.yahoo.always = None
        told.append(next_day(w).incidents)
        rows = gate_rows(w)
        assert [json.loads(row.sources)["^RUT"] for row in rows] == ["url", "url", "yahoo"]
        ceilings = [row.ceiling for row in rows]
        assert ceilings == [max(w.settings.risk_curve.ceilings)] * 3
        assert [incident_texts(one, "revised") for one in told] == [[], [], []]


def test_a_close_confirmed_at_the_instant_it_is_known_counts_in_its_own_row(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four hours after the close the day's bar ends: held, confirmed and known are one instant."""
    changes = AT_ONCE | {"prices.sources": LISTED, "prices.publication_delay": 240}
    with downloading(whole_folder, cache, tmp_path, changes, cold=True) as w:
        vendor = vendor_in(w, monkeypatch)
        w.run()
        change_rows(w, "HYG", lowered(0.8, "2015-10-21", "2016-12-31"))
        vendor.frames = dict(w.yahoo.frames)
        told = [w.run(once=False, until=f"2015-10-{day} 00:00:10").incidents for day in (22, 23)]
        assert [incident_texts(one, "revised") for one in told] == [[], []]
        texts = incident_texts(told[0], "held close")
        assert any(text.endswith("is accepted: it counts from now on") for text in texts), texts
        rows = gate_rows(w)
        assert len({row.known_at for row in rows}) == len(rows)
        assert {row.stale for row in rows} == {0}
        assert {row.gate_stale for row in decisions(w)} == {0}
