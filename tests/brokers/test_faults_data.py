"""The fault catalogue, rows 38 to 49: what bad market data does to a session.

In this world the first cycle buys BTC, ETH and SOL; a day later everything lies within its band, so
that any order is one too many.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from tenacity import stop_after_attempt

from backtests.commands.registration import MARKET_DATA, exit_code
from brokers.clock import SimulatedClock
from brokers.journal.incident import Incident
from brokers.journal.records import DecisionRow, GateRow
from brokers.prices import calendar, yahoo
from brokers.prices.series import DataError
from tests.brokers.misfortunes import START, asked_for, bought, disturbed, incident_texts
from tests.brokers.worlds import DAY, World, epoch
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import LIVE, TESTNET, BinanceVenue
from tests.price_folder import FUNDS

AT_ONCE = {"paper.patience": 0.0}  # nothing missing is waited for
FEWER = {
    "confirmations.breadth.enabled": "false"
}  # series to download: without the four funds of the sectors
ALL = ["BTC", "ETH", "SOL"]
FIRST, SECOND = epoch("2015-10-20"), epoch("2015-10-21")  # ends of the first two bars decided on
GATE = ("state", "ceiling", "filled", "confirmed_at")
Rows = list[list[Any]]


@contextmanager
def downloading(
    folder: Path,
    cache: Path,
    place: Path,
    changes: dict[str, Any] | None = None,
    *,
    start: str = START,
    cold: bool = False,
) -> Iterator[World]:
    """A world whose prices are all downloaded, but for those up to START, which already are unless
    `cold`.
    """
    with (
        disturbed(folder, cache, place, FEWER | (changes or {}), start=start, downloads=True) as w,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(yahoo, "STOP", stop_after_attempt(2))
        for file, content in {} if cold else _downloaded(folder, cache).items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_bytes(content)
        yield w


@lru_cache(maxsize=2)
def _downloaded(folder: Path, cache: Path) -> Mapping[Path, bytes]:
    with (
        TemporaryDirectory() as temporary,
        downloading(folder, cache, place := Path(temporary), cold=True) as w,
    ):
        w.run()
        return {
            file.relative_to(place): file.read_bytes() for file in place.glob("cache/**/*.parquet")
        }


def change_candles(w: World, symbol: str, change: Callable[[Rows], Rows]) -> None:
    """From now on the exchange's candles of `symbol` ("".

    Of all) are what `change` makes of them, until the faults are cleared.
    """

    def changed(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
        return Answer(200, json.dumps(change(json.loads(execute().body))).encode())

    w.venue.faults.add(
        changed,
        "GET",
        "klines",
        times=1_000_000,
        where=lambda asked: asked.query["symbol"].startswith(symbol),
    )


def without(*days: str) -> Callable[[Rows], Rows]:
    begins = [epoch(day) * 1000 for day in days]
    return lambda rows: [row for row in rows if row[0] not in begins]


def until(day: str) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows if row[0] < epoch(day) * 1000]


def times(factor: float, day: str) -> Callable[[Rows], Rows]:
    """All four prices of one day."""

    def change(rows: Rows) -> Rows:
        return [
            row[:1] + [str(float(price) * factor) for price in row[1:5]] + row[5:]
            if row[0] == epoch(day) * 1000
            else row
            for row in rows
        ]

    return change


def doubled(day: str) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows for _ in range(1 + (row[0] == epoch(day) * 1000))]


def change_rows(
    w: World, symbol: str, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """Let Yahoo's rows of `symbol` be what `change` makes of them; what they were."""
    before = w.yahoo.frames[symbol]
    w.yahoo.frames[symbol] = change(before.copy())
    return before


def decisions(w: World) -> list[DecisionRow]:
    with w.journal() as journal:
        return list(journal.decisions())


def gate_rows(w: World) -> list[GateRow]:
    with w.journal() as journal:
        return list(journal.gate_rows())


def bars(w: World, time: int) -> dict[str, tuple[float, int]]:
    """Close and staleness of every coin as a decision saw them."""
    with w.journal() as journal:
        return {bar.symbol: (bar.close, bar.stale) for bar in journal.bars(time, time)}


def close(w: World, coin: str, day: str) -> float:
    return float(w.rows(coin)["Close"][day])


def next_day(w: World) -> Any:
    """A session a day later; what it has to say."""
    w.clock.sleep(DAY)
    return w.run()


@pytest.mark.parametrize("start", [START, "2015-10-20 02:30:00"])
def test_fault_38_a_running_bar_is_never_decided_on(
    whole_folder: Path, cache: Path, tmp_path: Path, start: str
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, start=start) as w:
        change_candles(w, "", times(1000.0, "2015-10-20"))
        w.run()
        assert bars(w, FIRST) == {coin: (close(w, coin, "2015-10-19"), 0) for coin in ALL}
        with w.journal() as journal:
            assert [intent.price for intent in journal.intents()] == [
                close(w, coin, "2015-10-19") for coin in ALL
            ]
        assert bought(w) == ALL
        kept = pd.read_parquet(next((tmp_path / "cache").glob("binance/BTC-USD*.parquet")))
        assert kept.index[-1] == pd.Timestamp("2015-10-19")


def test_fault_39_on_candles_that_end_days_ago_nothing_is_decided(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        change_candles(w, "", until("2015-10-18"))
        with pytest.raises(
            DataError,
            match="no coin has a bar that ended at 2015-10-20 00:00 UTC: nothing is decided on",
        ) as raised:
            w.run()
        assert exit_code(raised.value) == MARKET_DATA
        assert (decisions(w), w.venue.orders) == ([], [])
        w.venue.faults.clear()
        w.run()
        assert [row.time for row in decisions(w)] == [FIRST]
        assert bought(w) == ALL


def test_fault_39_the_bar_is_decided_late_and_once_when_its_candles_come(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        came = epoch("2015-10-20 00:05")
        change_candles(
            w, "", lambda rows: rows if w.clock.now() >= came else until("2015-10-18")(rows)
        )
        observer = w.run(once=False, until="2015-10-20 00:30")
        (row,) = decisions(w)
        assert row.time == FIRST
        assert came <= row.decided_at < came + 600
        assert (
            sum("no coin has a bar" in text for text in incident_texts(observer.incidents, "data"))
            >= 3
        )
        assert (
            "BTC-USD: its newest bar ended 2 bars ago, at 2015-10-18 00:00 UTC: "
            "later bars are missing" in incident_texts(observer.incidents, "data")
        )
        assert bought(w) == ALL


def test_fault_39_a_single_stale_coin_is_reported_kept_and_after_three_bars_closed(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        change_candles(w, "BTC", until("2015-10-20"))
        observer = w.run(once=False, until="2015-10-23 00:00:10")
        rows = decisions(w)
        assert [row.missing[0] for row in rows] == [0.0, 1.0, 2.0, 3.0]
        assert [row.targets[0] == row.current[0] for row in rows[1:]] == [True, True, False]
        assert all(
            target <= present
            for row in rows[1:3]
            for target, present in zip(row.targets, row.current, strict=True)
        )
        told = incident_texts(observer.incidents, "data")
        assert [
            f"BTC-USD: its newest bar ended {ago} ago" in text
            for ago, text in zip(("1 bar", "2 bars", "3 bars"), told, strict=True)
        ] == [True] * 3
        assert [(order.market.base, order.side) for order in w.venue.orders[3:]] == [
            ("BTC", "SELL")
        ]
        w.venue.faults.clear()
        next_day(w)
        assert [(order.market.base, order.side) for order in w.venue.orders[4:]] == [("BTC", "BUY")]


def test_fault_40_a_bar_missing_inside_is_reported_once_and_filled_in_later(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, cold=True) as w:
        change_candles(w, "BTC", without("2015-10-15", "2015-10-17"))
        observer = w.run(once=False, until="2015-10-21 00:00:10")
        assert [row.time for row in decisions(w)] == [FIRST, SECOND]
        (told,) = incident_texts(observer.incidents, "gap")
        assert told.startswith(
            "binance BTC/USDT: 2 bars of the last year are missing, the newest that of 2015-10-18"
        )
        assert bars(w, SECOND)["BTC"] == (close(w, "BTC", "2015-10-20"), 0)
        w.venue.faults.clear()
        assert next_day(w).incidents == []
        kept = pd.read_parquet(next((tmp_path / "cache").glob("binance/BTC-USD*.parquet")))
        assert list(kept.index[-9:]) == list(pd.date_range("2015-10-14", "2015-10-22"))


def test_fault_40_a_bar_that_stands_twice_is_no_bar(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        change_candles(w, "BTC", doubled("2015-10-20"))
        _assert_held_on_the_last_good_close(w, "2015-10-20 is a duplicate", "BTC")


def test_fault_40_candles_out_of_order_are_put_in_order(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        change_candles(w, "", lambda rows: rows[::-1])
        assert incident_texts(w.run().incidents, "data") == []
        assert bars(w, FIRST) == {coin: (close(w, coin, "2015-10-19"), 0) for coin in ALL}
        assert bought(w) == ALL


STOPS = {
    "guards.drawdown_stop": 0.3,
    "allocation.drawdown_stop": 0.3,
}  # which one bad tick must not set off


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"BTC": 0.0, "ETH": -1.0}, "it must be positive"),
        ({"BTC": 10.0, "ETH": 0.1}, "not used before another candle confirms it"),
    ],
    ids=["no price", "spike"],
)
def test_fault_41_a_bad_tick_is_not_believed(
    whole_folder: Path, cache: Path, tmp_path: Path, factors: dict[str, float], words: str
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE | STOPS) as w:
        w.run()
        for coin, factor in factors.items():
            change_candles(w, coin, times(factor, "2015-10-20"))
        _assert_held_on_the_last_good_close(w, words, *factors)
        w.venue.faults.clear()
        assert next_day(w).incidents == []
        assert bars(w, SECOND + DAY) == {coin: (close(w, coin, "2015-10-21"), 0) for coin in ALL}
        assert bought(w) == ALL


def _assert_held_on_the_last_good_close(w: World, words: str, *coins: str) -> None:
    """A day later the newest bars of `coins` are refused, by `words`.

    They count as missing, and nothing is traded.
    """
    incidents = next_day(w).incidents
    assert {text.split(":")[0] for text in incident_texts(incidents, "data")} == {
        f"{coin}-USD" for coin in coins
    }
    assert all(words in text for text in incident_texts(incidents, "data"))
    assert len(incident_texts(incidents, "data")) == len(incidents)
    assert bars(w, SECOND) == {
        coin: (close(w, coin, "2015-10-19"), 1)
        if coin in coins
        else (close(w, coin, "2015-10-20"), 0)
        for coin in ALL
    }
    first, second = decisions(w)
    assert second.equity == pytest.approx(first.equity, rel=0.02)
    assert [
        second.targets[k] == second.current[k] for k, coin in enumerate(ALL) if coin in coins
    ] == [True] * len(coins)
    assert bought(w) == ALL


def test_fault_41_a_crash_that_the_next_bar_goes_on_from_is_believed(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """And a person is asked: a day that begins at less than half may be a split."""
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        crash = times(0.4, "2015-10-20")
        change_candles(w, "BTC", lambda rows: times(0.4, "2015-10-21")(crash(rows)))
        (text,) = incident_texts(next_day(w).incidents, "data")
        assert "1/2.45" in text and "and the newest: is it true?" in text
        assert bars(w, SECOND)["BTC"] == (pytest.approx(0.4 * close(w, "BTC", "2015-10-20")), 0)


def test_fault_41_what_is_held_and_has_no_price_at_all_stops_the_decision(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        for file in (tmp_path / "cache").glob("binance/BTC-USD*.parquet"):
            file.unlink()
        change_candles(w, "BTC", times(0.0, "2015-10-20"))
        w.clock.sleep(DAY)
        with pytest.raises(
            DataError, match="the account holds BTC, of which no price is available"
        ):
            w.run()
        assert [row.time for row in decisions(w)] == [FIRST]
        w.venue.faults.clear()
        w.run()
        assert [row.time for row in decisions(w)] == [FIRST, SECOND]
        assert bought(w) == ALL


US_SERIES = ("^RUT", "^GSPC", "IWM", "HYG", "IEF", *FUNDS)
BENT = {
    "a tenth": 0.1,
    "half": 0.5,
    "10 % down": 0.9,
    "10 % up": 1.1,
    "twice": 2.0,
    "ten times": 10.0,
    "missing": float("nan"),
    "zero": 0.0,
}
NO_NUMBER = ("missing", "zero")
BENT_BY_DEFAULT = {"^RUT": tuple(BENT), "HYG": ("10 % up", "half")}  # others: one kind


def bent(factor: float, day: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """All prices of one day times `factor`."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[day, ["open", "high", "low", "close", "adj_close"]] *= factor
        return rows

    return change


@pytest.mark.parametrize(
    ("symbol", "kinds"),
    [
        *[(symbol, BENT_BY_DEFAULT.get(symbol, ("10 % up",))) for symbol in US_SERIES],
        *[pytest.param(symbol, tuple(BENT), marks=pytest.mark.proof) for symbol in US_SERIES[1:]],
    ],
)
def test_fault_41_a_bent_close_of_a_us_series_orders_nothing(
    whole_folder: Path, cache: Path, tmp_path: Path, symbol: str, kinds: tuple[str, ...]
) -> None:
    """Session by session a bent close of one kind, mended by the next one."""
    sessions = pd.bdate_range("2015-10-20", periods=2 * len(kinds))
    with downloading(
        whole_folder, cache, tmp_path, AT_ONCE | {"confirmations.breadth.enabled": "true"}
    ) as w:
        w.run()
        usual = decisions(w)[0]

        def after(session: pd.Timestamp) -> tuple[list[Incident], DecisionRow]:
            w.clock.sleep((session + pd.Timedelta(days=1, seconds=2)).timestamp() - w.clock.now())
            return w.run().incidents, decisions(w)[-1]

        for kind, bad, good in zip(kinds, sessions[::2], sessions[1::2], strict=True):
            whole = change_rows(w, symbol, bent(BENT[kind], f"{bad:%Y-%m-%d}"))
            told, row = after(bad)
            assert [getattr(row, name) for name in GATE] == [
                getattr(usual, name) for name in GATE
            ], kind
            is_bent = kind not in NO_NUMBER
            assert len(incident_texts(told, "held close")) == is_bent, kind
            held = is_bent and symbol != "IWM"  # whose close only vouches for the index's
            assert row.gate_stale == (
                held or kind == "zero" or (symbol, kind) == ("^RUT", "missing")
            ), kind  # of a zero the whole answer is refused
            assert told, kind
            w.yahoo.frames[symbol] = whole
            told, row = after(good)
            assert (told, row.gate_stale) == ([], 0), (
                "the vendor has mended the row: it counts as if it had never been bent"
            )
        assert bought(w) == ALL


def test_fault_41_a_bent_close_that_stays_counts_as_missing_when_the_next_one_does_not_confirm_it(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        change_rows(w, "HYG", bent(0.5, "2015-10-20"))
        (text,) = incident_texts(next_day(w).incidents, "held close")
        assert text.startswith("the close of HYG of 2015-10-20 (-50.")
        assert (
            "is held until the next 3 confirm it; the gate uses its row of 2015-10-19: "
            "no position is increased, and everything is sold in 5 sessions" in text
        )
        incidents = next_day(w).incidents
        assert incident_texts(incidents, "held close") == [
            "the close of HYG of 2015-10-20 was held and is not confirmed: it counts as missing"
        ]
        assert [row.gate_stale for row in decisions(w)] == [0, 1, 0]
        assert [row.stale for row in gate_rows(w)] == [0, 1, 0]
        assert incident_texts(next_day(w).incidents, "held close") == []
        assert bought(w) == ALL


def test_fault_41_a_close_that_the_vendor_corrects_is_used_within_the_session(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, cold=True) as w:
        whole = change_rows(w, "^RUT", bent(0.5, "2015-10-19"))
        in_time(w, "^RUT", ("2015-10-20 00:00:12", whole))
        assert incident_texts(w.run().incidents, "held close") == []
        assert decisions(w)[0].decided_at >= epoch("2015-10-20 00:00:12")
        (row,) = gate_rows(w)
        assert (row.close, row.stale) == (whole["close"]["2015-10-19"], 0)
        assert bought(w) == ALL


def test_fault_41_a_corrected_close_replaces_the_held_row_in_the_journal(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """On a Saturday the newest row is still Friday's: the better one of the same session."""
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, start="2015-10-24 00:00:02") as w:
        whole = change_rows(w, "HYG", bent(0.5, "2015-10-23"))
        in_time(w, "HYG", ("2015-10-24 12:00:00", whole))
        w.run(once=False, until="2015-10-25 00:00:10")
        assert [row.gate_stale for row in decisions(w)] == [1, 0]
        assert [row.stale for row in gate_rows(w)] == [0]


def test_fault_41_at_a_first_start_a_held_close_buys_nothing(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, cold=True) as w:
        whole = change_rows(w, "IEF", bent(2.0, "2015-10-19"))
        assert len(incident_texts(w.run().incidents, "held close")) == 1
        assert (decisions(w)[0].gate_stale, w.venue.orders) == (1, [])
        w.yahoo.frames["IEF"] = whole
        next_day(w)
        assert bought(w) == ALL


def test_fault_47_a_session_that_outlives_its_calendar_file_renews_it(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The kept file ends on 2015-10-20.

    The process goes on, reads every later session, and sells when the index has fallen.
    """
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        for file in (tmp_path / "cache").glob("XNYS*"):
            closes = pd.read_parquet(file)
            closes[closes.index <= "2015-10-20"].to_parquet(file)
        calendar._in_memory.clear()
        rows = w.yahoo.frames["^RUT"]
        fallen = rows.index >= "2015-10-21"
        prices = ["open", "high", "low", "close", "adj_close"]
        for symbol in ("^RUT", "IWM"):
            w.yahoo.frames[symbol] = w.yahoo.frames[symbol].copy()
            w.yahoo.frames[symbol].loc[fallen, prices] *= 0.7
        w.run(once=False, until="2015-10-31 00:00:10")
        assert [row.known_at for row in gate_rows(w)] == expected_instants()
        assert decisions(w)[-1].gate_stale == 0
        assert decisions(w)[-1].state == 0
        assert [order.side for order in w.venue.orders][3:].count("SELL") == len(w.venue.orders) - 3
        assert {coin: units for coin, units in w.owned().items() if coin in ALL} == pytest.approx(
            dict.fromkeys(ALL, 0.0), abs=1e-3
        )


def expected_instants() -> list[int]:
    """Half past four in New York, 20:30 UTC until the clocks change on 2015-11-01, from Monday the
    19th to Friday the 30th.
    """
    days = pd.bdate_range("2015-10-19", "2015-10-30", tz="UTC")
    return [int((day + pd.Timedelta(hours=20, minutes=30)).timestamp()) for day in days]


def test_fault_42_a_fresh_testnet_has_no_history_and_none_is_asked_of_it(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, {"allocation.target_volatility": 5.0}) as w:
        w.venue.history_starts = w.venue.stamp()
        w.run()
        assert bought(w) == ALL
        assert asked_for(w, "klines", TESTNET) == []
        assert len(asked_for(w, "klines", LIVE)) > 0


@pytest.mark.parametrize(
    ("changes", "needed", "others"),
    [
        ({"allocation.own_trend": "and"}, 200, ["ETH"]),
        ({"allocation.target_volatility": 5.0}, 31, ["BTC", "ETH"]),
    ],
    ids=["own trend", "volatility"],
)
def test_fault_42_a_coin_with_too_short_a_history_is_reported_and_not_bought(
    whole_folder: Path,
    *,
    cache: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    needed: int,
    others: list[str],
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE | changes, cold=True) as w:
        change_candles(
            w, "SOL", lambda rows: [row for row in rows if row[0] >= epoch("2015-10-01") * 1000]
        )
        (told,) = incident_texts(w.run().incidents, "short history")
        assert told.startswith(
            f"binance SOL/USDT: has 19 daily closes, [allocation] needs {needed}"
        )
        (row,) = decisions(w)
        assert row.targets[2] == 0.0
        assert all(value == value for value in (*row.targets, *row.sizes, row.gross, row.equity))
        assert bought(w) == others


def test_fault_42_an_index_history_that_begins_too_late_is_reported_and_nothing_decided(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, cold=True) as w:
        whole = change_rows(w, "^RUT", lambda rows: rows["2014-01-02":])
        with pytest.raises(DataError, match="the gate has never been computed"):
            w.run()
        assert (decisions(w), w.venue.orders) == ([], [])
        w.yahoo.frames["^RUT"] = whole
        (tmp_path / "cache" / "yahoo" / "%5ERUT_1d.parquet").unlink()
        w.run()
        assert bought(w) == ALL


DOWN = {
    "429": Answer(429, b"Too Many Requests"),
    "500": Answer(500, b"<html>"),
    "dropped": DROPPED,
    "html": Answer(200, b"<html>Log in</html>"),
}


@pytest.mark.parametrize("kind", list(DOWN))
def test_fault_43_without_yahoo_the_last_gate_row_is_kept_and_nothing_may_rise(
    whole_folder: Path, cache: Path, tmp_path: Path, kind: str
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        w.yahoo.always = DOWN[kind]
        w.venue.person.sell("ETHUSDT", "30")  # would be bought back
        incidents = next_day(w).incidents
        first, second = decisions(w)
        assert [getattr(second, name) for name in GATE] == [getattr(first, name) for name in GATE]
        assert second.gate_stale == 1
        assert all(
            target <= present
            for target, present in zip(second.targets, second.current, strict=True)
        )
        (text,) = incident_texts(incidents, "gate stale")
        assert text == (
            "no close of ^RUT for 1 session: the gate uses its row of 2015-10-19: no position is "
            "increased, and everything is sold in 5 sessions (gate.max_gate_age is 5)"
        )
        assert bought(w)[:3] == ALL and len(w.venue.orders) == 4  # the fourth is the person's


def test_fault_43_beyond_the_age_limit_everything_is_sold_and_later_bought_again(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE | {"gate.max_gate_age": 2}) as w:
        w.run()
        w.yahoo.always = DOWN["500"]
        w.run(once=False, until="2015-10-23 00:00:10")
        rows = decisions(w)
        assert [row.gate_stale for row in rows] == [0, 1, 2, 3]
        assert [sum(row.targets) > 0.9 for row in rows] == [True, True, True, False]
        assert {row.state for row in rows} == {2}
        assert [(order.market.base, order.side) for order in w.venue.orders[3:]] == [
            (coin, "SELL") for coin in ALL
        ]
        w.yahoo.always = None
        next_day(w)
        assert [(order.market.base, order.side) for order in w.venue.orders[6:]] == [
            (coin, "BUY") for coin in ALL
        ]


def test_fault_43_a_first_start_without_yahoo_decides_nothing_and_sells_nothing(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(
        whole_folder, cache, tmp_path, AT_ONCE | {"exchange.adopt": "true"}, cold=True
    ) as w:
        w.yahoo.always = DOWN["dropped"]
        with pytest.raises(
            DataError,
            match="the gate has never been computed, because prices are missing: "
            "nothing is decided and nothing sold",
        ):
            w.run()
        assert (decisions(w), w.venue.orders) == ([], [])
        w.yahoo.always = None
        w.run()
        assert [row.time for row in decisions(w)] == [FIRST]
        assert bought(w) == ALL


def test_fault_43_a_restart_without_yahoo_and_cache_goes_by_the_journal(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        w.yahoo.always = DOWN["dropped"]
        for file in (tmp_path / "cache").glob("yahoo/*.parquet"):
            file.unlink()
        next_day(w)
        first, second = decisions(w)
        assert [getattr(second, name) for name in GATE] == [getattr(first, name) for name in GATE]
        assert second.gate_stale == 1
        assert bought(w) == ALL


def test_fault_43_one_series_that_cannot_be_had_is_reported_and_carried(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        w.yahoo.for_symbol["HYG"] = DOWN["500"]
        incidents = next_day(w).incidents
        assert incident_texts(incidents, "data") == [
            (
                "HYG: no row of the newest session; the one before is used, "
                "for at most prices.max_age_sessions (5) sessions"
            )
        ]
        assert (decisions(w)[-1].gate_stale, decisions(w)[-1].filled) == (0, 3)
        assert bought(w) == ALL


def in_time(w: World, symbol: str, *changes: tuple[str, pd.DataFrame]) -> None:
    """From each instant on (at the first wait that ends after it) these are Yahoo's rows."""

    class Changing(SimulatedClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            for instant, rows in changes:
                if self.now() >= epoch(instant):
                    w.yahoo.frames[symbol] = rows

    w.clock = Changing(w.clock.now())


def only_volume(day: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[day, ["open", "high", "low", "close", "adj_close"]] = float("nan")
        return rows

    return change


def test_fault_44_a_last_row_without_prices_is_dropped_and_the_close_before_it_used(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        change_rows(w, "^RUT", only_volume("2015-10-20"))
        change_rows(w, "IWM", only_volume("2015-10-20"))
        incidents = next_day(w).incidents
        row = gate_rows(w)[-1]
        assert (row.close, row.stale) == (gate_rows(w)[0].close, 1)
        assert decisions(w)[-1].gate_stale == 1
        assert incident_texts(incidents, "data") == [
            (
                "^RUT, IWM: no row of the newest session; the one before is used, "
                "for at most prices.max_age_sessions (5) sessions"
            )
        ]
        assert bought(w) == ALL


def test_fault_44_the_row_is_used_as_soon_as_it_has_its_prices(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path) as w:
        whole = change_rows(w, "^RUT", only_volume("2015-10-19"))
        in_time(w, "^RUT", ("2015-10-20 00:00:12", whole))
        assert incident_texts(w.run().incidents, "gate stale") == []
        (row,) = gate_rows(w)
        assert (row.close, row.stale) == (whole["close"]["2015-10-19"], 0)
        assert decisions(w)[0].decided_at < FIRST + 30
        assert bought(w) == ALL


def test_fault_45_a_day_dropped_inside_is_reported_and_changes_no_reading(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        whole = {
            symbol: change_rows(w, symbol, lambda rows: rows.drop(pd.Timestamp("2015-10-14")))
            for symbol in ("^RUT", "IWM", "HYG")
        }
        assert next_day(w).incidents == []  # what was had before stays
        kept = pd.read_parquet(tmp_path / "cache" / "yahoo" / "%5ERUT_1d.parquet")
        assert kept["close"]["2015-10-14"] == whole["^RUT"]["close"]["2015-10-14"]
        for symbol in ("%5ERUT", "IWM", "HYG"):
            (tmp_path / "cache" / "yahoo" / f"{symbol}_1d.parquet").unlink()
        told = incident_texts(next_day(w).incidents, "gap")
        assert [text.split("; ")[0] for text in told] == [
            f"yahoo {symbol}: 1 bar of the last year is missing, the newest that of 2015-10-14"
            for symbol in ("^RUT", "IWM", "HYG")
        ]
        assert len({tuple(getattr(row, name) for name in GATE) for row in decisions(w)}) == 1
        assert [row.gate_stale for row in decisions(w)] == [0, 0, 0]
        assert bought(w) == ALL


def hourly(w: World) -> Callable[[str, str], list[tuple[float, ...]]]:
    """Candles of an hour beside those of a day: the day's open all day long."""
    daily = w.candles

    def candles(symbol: str, interval: str) -> list[tuple[float, ...]]:
        rows = daily(symbol, "1d")
        if interval == "1d":
            return rows
        return [
            (row[0] + hour * 3_600_000, *[row[1]] * 4, 1.0)
            for row in rows
            if row[0] >= epoch("2015-10-18") * 1000
            for hour in range(24)
        ]

    return candles


@pytest.mark.parametrize(("day", "utc"), [("2015-10-20", 20), ("2015-11-03", 21)])
def test_fault_46_a_session_in_progress_is_not_read_before_its_close(
    whole_folder: Path, cache: Path, tmp_path: Path, day: str, utc: int
) -> None:
    """New York closes at 20:00 UTC in summer and at 21:00 in winter.

    Half an hour later its close is known.
    """
    with downloading(
        whole_folder,
        cache,
        tmp_path,
        AT_ONCE | {"exchange.timeframe": "1h"},
        start=f"{day} {utc - 1}:00:02",
    ) as w:
        w.venue.candles = hourly(w)
        whole = change_rows(
            w,
            "^RUT",
            lambda rows: rows.mul(
                rows.index.map(lambda one: 0.5 if one == pd.Timestamp(day) else 1.0), axis=0
            ),
        )
        for _ in range(2):  # an hour before the close, and at it
            w.run()
            w.clock.sleep(3600)
        before = whole["close"][whole.index < day]
        assert [(row.known_at, row.close, row.state) for row in gate_rows(w)] == [
            (_known(before.index[-1], utc), before.iloc[-1], 2)
        ]
        w.yahoo.frames["^RUT"] = whole
        w.run()
        last = gate_rows(w)[-1]
        assert (last.known_at, last.close, last.stale) == (
            _known(pd.Timestamp(day), utc),
            whole["close"][day],
            0,
        )
        assert bought(w) == ALL


def _known(day: pd.Timestamp, utc: int) -> int:
    return int(day.timestamp()) + utc * 3600 + 1800


THANKSGIVING = (
    "2015-11-26 00:00:02"  # a Thursday, when New York is closed; on Friday it closes at 18:00 UTC
)


def test_fault_47_holidays_half_days_and_weekends_make_nothing_stale(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, start=THANKSGIVING) as w:
        observer = w.run(once=False, until="2015-11-30 00:00:10")
        rows = decisions(w)
        assert [row.time for row in rows] == list(
            range(epoch("2015-11-26"), epoch("2015-11-30") + 1, DAY)
        )
        assert {row.gate_stale for row in rows} == {0}
        assert (
            incident_texts(observer.incidents, "gate stale")
            == incident_texts(observer.incidents, "data")
            == []
        )
        assert [row.known_at for row in gate_rows(w)] == [
            epoch("2015-11-25 21:30"),
            epoch("2015-11-27 18:30"),
        ]
        assert len(w.venue.orders) == 3


def test_fault_47_the_age_of_a_kept_row_is_counted_in_sessions(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(
        whole_folder, cache, tmp_path, AT_ONCE | {"gate.max_gate_age": 1}, start=THANKSGIVING
    ) as w:
        w.run()
        w.yahoo.always = DOWN["dropped"]
        w.run(once=False, until="2015-12-01 00:00:10")
        assert [row.gate_stale for row in decisions(w)] == [0, 0, 1, 1, 1, 2]
        sold = [
            (order.market.base, order.time // 1000 // DAY * DAY) for order in w.venue.orders[3:]
        ]
        assert sold == [(coin, epoch("2015-12-01")) for coin in ALL]


PRICES = ["open", "high", "low", "close", "adj_close"]


def test_fault_48_after_a_split_the_whole_history_is_read_again(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        change_rows(
            w,
            "IWM",
            lambda rows: rows.assign(
                **{name: rows[name] / 2 for name in PRICES}, volume=rows["volume"] * 2
            ),
        )
        change_rows(
            w, "HYG", lambda rows: rows.assign(adj_close=rows["adj_close"] * 0.97)
        )  # a dividend
        assert next_day(w).incidents == []
        for symbol in ("IWM", "HYG"):
            kept, now = (
                pd.read_parquet(tmp_path / "cache" / "yahoo" / f"{symbol}_1d.parquet"),
                w.yahoo.frames[symbol],
            )
            for name in ("close", "adj_close", "volume"):
                assert kept[name].tolist() == pytest.approx(now[name][: kept.index[-1]].tolist())
        assert len({tuple(getattr(row, name) for name in GATE) for row in decisions(w)}) == 1
        assert bought(w) == ALL


def test_fault_48_a_revised_history_is_reported_and_not_acted_on_backwards(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path) as w:
        w.run()
        before = gate_rows(w)

        def lowered(rows: pd.DataFrame) -> pd.DataFrame:
            rows.loc["2015-10-14":, PRICES] *= 0.8
            return rows

        for symbol in ("^RUT", "IWM"):  # of the index alone they would be held
            change_rows(w, symbol, lowered)
        change_rows(w, "HYG", only_volume("2015-10-20"))  # is waited for meanwhile, in vain
        observer = next_day(w)
        assert decisions(w)[-1].decided_at >= SECOND + 30
        (text,) = incident_texts(observer.incidents, "revised")
        assert text.startswith(
            "1 earlier gate row has changed since it was acted on, the first of 2015-10-19"
        )
        assert gate_rows(w)[: len(before)] == before
        assert [row.state for row in decisions(w)] == [2, 0]
        assert [(order.market.base, order.side) for order in w.venue.orders[3:]] == [
            (coin, "SELL") for coin in ALL
        ]
        assert incident_texts(w.run().incidents, "revised") == []


def ahead(w: World) -> None:
    w.yahoo.now, w.yahoo.ignores_end = lambda: w.clock.now() + 3 * DAY, True


def shifted(w: World) -> None:
    change_rows(w, "^RUT", lambda rows: rows.set_axis(rows.index - pd.Timedelta(days=1)))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (ahead, "is in the future"),
        (shifted, "is not a New York session; have the dates been shifted"),
    ],
)
def test_fault_49_rows_of_other_days_are_refused(
    whole_folder: Path, cache: Path, tmp_path: Path, spoil: Callable[[World], None], words: str
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        whole, now = dict(w.yahoo.frames), w.yahoo.now
        spoil(w)
        incidents = next_day(w).incidents
        assert any(
            text.startswith("^RUT: yahoo ^RUT: 20") and words in text
            for text in incident_texts(incidents, "data")
        )
        assert decisions(w)[-1].gate_stale == 1
        w.yahoo.frames, w.yahoo.now, w.yahoo.ignores_end = whole, now, False
        assert next_day(w).incidents == []
        assert decisions(w)[-1].gate_stale == 0
        assert bought(w) == ALL


def test_fault_49_a_reading_that_failed_is_made_up_for_within_the_session(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Also where no session has closed since the answer that was refused."""
    with downloading(whole_folder, cache, tmp_path) as w:
        whole = w.yahoo.frames["^GSPC"]
        spoiled = whole.set_axis(whole.index - pd.Timedelta(days=1))
        in_time(w, "^GSPC", ("2015-10-20 12:00", spoiled), ("2015-10-21 00:00:10", whole))
        observer = w.run(once=False, until="2015-10-21 00:00:30")
        assert incident_texts(observer.incidents, "gate stale") == []
        assert [(row.time, row.gate_stale) for row in decisions(w)] == [(FIRST, 0), (SECOND, 0)]
        assert SECOND + 10 <= decisions(w)[1].decided_at <= SECOND + 30
        assert bought(w) == ALL


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [*rows, [epoch("2015-10-25") * 1000, *rows[-1][1:]]],
        lambda rows: [[row[0] + 8 * 3_600_000, *row[1:]] for row in rows],
    ],
    ids=["ahead", "shifted"],
)
def test_fault_49_candles_of_other_days_are_dropped_or_refused(
    whole_folder: Path,
    cache: Path,
    tmp_path: Path,
    change: Callable[[Rows], Rows],
    request: pytest.FixtureRequest,
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE) as w:
        w.run()
        change_candles(w, "BTC", change)
        incidents = next_day(w).incidents
        if "ahead" in request.node.callspec.id:
            assert incidents == []
            assert bars(w, SECOND)["BTC"] == (close(w, "BTC", "2015-10-20"), 0)
        else:
            assert all("has a time" in text for text in incident_texts(incidents, "data"))
            assert bars(w, SECOND)["BTC"] == (close(w, "BTC", "2015-10-19"), 1)
        assert bought(w) == ALL
