"""The live path while Yahoo is away: a second source keeps the gate fresh, and buys nothing.

The real clients against local sites: Yahoo's charts, an address that answers CSV, the exchange.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.brokers.test_faults_data import AT_ONCE, DOWN, decisions, downloading
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
