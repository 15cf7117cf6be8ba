"""What a live session is shown: complete, of now, and honest about what is missing."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brokers.clock import SimulatedClock
from brokers.live.data_provider import DataProvider, Functions
from brokers.live.gate_history import NO_ROWS, GateHistory
from brokers.prices.load import Prices
from brokers.prices.series import DataError, Request, Series, UnreachableError
from config.settings import Settings, load
from tests.scenes import changed

DAY = 86_400
DUE = 100 * DAY  # end of a UTC day
SESSION = pd.Timestamp(DUE - 3 * 3600, unit="s", tz="UTC")

NOTHING = pd.DataFrame(
    columns=["state", "ceiling", "filled", "confirmed_at", "stale"],
    index=pd.DatetimeIndex([], tz="UTC"),
    dtype=float,
)


class Source:
    """Prices a test may spoil. Sessions are known three hours before each midnight."""

    final = False

    def __init__(self) -> None:
        self.bars_of = {name: bars(DUE, 30) for name in ("BTC-USD", "ETH-USD")}
        self.failed: dict[str, DataError] = {}
        self.downloads = 0
        self.looks = 0

    def history(
        self, now: pd.Timestamp, again: Collection[str] = ()
    ) -> tuple[Prices, Mapping[str, DataError]]:
        self.downloads += 1
        frames = {
            Request(name, "coin"): frame[frame.index <= now] for name, frame in self.bars_of.items()
        }
        series = {
            request: Series(request, "", "", frame, "", ()) for request, frame in frames.items()
        }
        return Prices(series, self.known(now), now), dict(self.failed)

    def sessions(self, now: pd.Timestamp) -> int:
        return len(self.known(now))

    def known(self, now: pd.Timestamp) -> pd.Series:
        index = pd.date_range(SESSION - pd.Timedelta(days=20), now, freq="D")
        return pd.Series(index, index)

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        self.looks += 1
        return self.bars_of[history].tail(10)


def bars(last: int, count: int) -> pd.DataFrame:
    index = pd.date_range(end=pd.Timestamp(last, unit="s", tz="UTC"), periods=count, freq="D")
    close = np.arange(1.0, count + 1)
    return pd.DataFrame(
        {
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "adj_close": close,
            "volume": 1.0,
        },
        index,
    )


def gate_of(prices: Prices) -> pd.DataFrame:
    """Confirmed, with a ceiling that tells how many sessions were known."""
    row = {
        "state": 2.0,
        "ceiling": len(prices.sessions) / 100,
        "filled": 3,
        "confirmed_at": 5.0,
        "stale": 0,
        "close": 100.0,
        "record": 90.0,
        "base_age": 300.0,
        "level": 90.0,
        "reason": "confirmed",
        "held": "",
        "closes_note": "",
        "substituted": False,
    }
    return pd.DataFrame(row, index=prices.sessions.index)


def coin_of(frame: pd.DataFrame, closes: pd.Series, grid: pd.DatetimeIndex) -> pd.DataFrame:
    missing = (
        0.0
        if frame.index[-1] == grid[-1]
        else round((grid[-1] - frame.index[-1]) / (grid[1] - grid[0]))
    )
    return pd.DataFrame(
        {
            "open": 1.0,
            "close": frame["close"].iloc[-1],
            "stale": missing,
            "own_average": closes.iloc[-1],
        },
        index=grid[-1:],
    )


def made(
    source: Source,
    gate_rows: pd.DataFrame | None = None,
    foreign: pd.DatetimeIndex = NO_ROWS,
    **changes: Any,
) -> tuple[DataProvider, SimulatedClock]:
    coins = [
        {
            "name": name,
            "history": f"{name}-USD",
            "market": f"{name}/USDT",
            "weight": 0.5,
            "lag_days": 0,
        }
        for name in ("BTC", "ETH")
    ]
    settings: Settings = changed(
        load(), {"coins": coins, "paper.grace": 5.0, "paper.patience": 60.0, **changes}
    )
    clock = SimulatedClock(DUE + 5.0)
    functions = Functions(gate_of, lambda table: table[list(NOTHING)].astype(float), coin_of)
    return DataProvider(
        source,
        functions,
        settings,
        clock,
        gate_rows=GateHistory(NOTHING if gate_rows is None else gate_rows, foreign),
    ), clock


def test_everything_there_is_handed_over_at_once() -> None:
    source = Source()
    provider, clock = made(source)
    snapshot = provider.snapshot(DUE)
    assert clock.now() == DUE + 5
    assert (snapshot.fresh, snapshot.incidents, set(snapshot.coins)) == (True, (), {"BTC", "ETH"})
    assert snapshot.gate_known_at == SESSION.timestamp()
    assert snapshot.gate["stale"] == 0
    assert snapshot.coins["BTC"]["own_average"] == 30.0


def test_a_bar_that_is_late_is_waited_for_and_one_that_never_comes_is_missing() -> None:
    source = Source()
    whole = source.bars_of["ETH-USD"]
    source.bars_of["ETH-USD"] = whole.iloc[:-1]
    provider, clock = made(source)
    snapshot = provider.snapshot(DUE)
    assert clock.now() == DUE + 5 + 60
    assert snapshot.coins["ETH"]["stale"] == 1.0
    assert snapshot.coins["BTC"]["stale"] == 0.0

    source.bars_of["ETH-USD"] = whole
    provider, clock = made(source)
    assert provider.snapshot(DUE).coins["ETH"]["stale"] == 0.0
    assert clock.now() == DUE + 5


def days(source: Source, clock: SimulatedClock, number: int) -> int:
    """Go on to the bar `number` days after DUE; the coins that have bars get theirs."""
    due = DUE + number * DAY
    clock.sleep(due + 5.0 - clock.now())
    whole = {name for name, frame in source.bars_of.items() if len(frame) == 30}
    source.bars_of |= {name: bars(due, 30) for name in whole}
    return due


def test_a_coin_that_goes_on_lacking_bars_is_waited_for_once() -> None:
    """And again as soon as it has had a new one."""
    source = Source()
    source.bars_of["ETH-USD"] = source.bars_of["ETH-USD"].iloc[:-1]
    provider, clock = made(source)
    waited = []
    for number in range(4):
        if number == 3:  # it has come back, and is a bar late
            source.bars_of["ETH-USD"] = bars(DUE + 2 * DAY, 29)
        due = days(source, clock, number)
        provider.snapshot(due)
        waited.append(clock.now() - due - 5.0)
    assert waited == [60.0, 0.0, 0.0, 60.0]


def test_a_coin_that_is_not_listed_is_waited_for_once() -> None:
    source = Source()
    source.bars_of["ETH-USD"] = source.bars_of["ETH-USD"].iloc[:0]
    provider, clock = made(source)
    waited = []
    for number in range(3):
        due = days(source, clock, number)
        provider.snapshot(due)
        waited.append(clock.now() - due - 5.0)
    assert waited == [60.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (DataError("^KRE: no symbol"), [60.0, 0.0, 0.0, 0.0]),
        (UnreachableError("HTTP 500"), [60.0, 60.0, 60.0, 0.0]),
    ],
    ids=["gone", "away"],
)
def test_a_series_that_cannot_be_loaded_is_waited_for_while_its_vendor_may_come_back(
    error: DataError, waits: list[float]
) -> None:
    """Once where the vendor has answered; after each session where it cannot be reached.

    The fourth bar brings no new session.
    """
    source = Source()
    source.failed = {"KRE": error}
    provider, clock = made(source)
    known, waited = source.known, []
    ends = known(pd.Timestamp(DUE + 2 * DAY, unit="s", tz="UTC")).index[-1]
    for number in range(4):
        due = days(source, clock, number)
        if number == 3:
            source.known = lambda now: known(min(now, ends))  # type: ignore[method-assign]
        provider.snapshot(due)
        waited.append(clock.now() - due - 5.0)
    assert waited == waits


def test_what_is_newly_missing_is_waited_for_beside_what_is_missing_for_good() -> None:
    source = Source()
    source.failed = {"KRE": DataError("^KRE: no symbol")}
    provider, clock = made(source)
    provider.snapshot(days(source, clock, 0))
    due = days(source, clock, 1)
    source.failed |= {"HYG": UnreachableError("HTTP 500")}
    history = source.history

    def mended(now: pd.Timestamp, again: Collection[str] = ()) -> Any:
        if clock.now() >= due + 5.0 + 12.0:
            source.failed.pop("HYG", None)
        return history(now, again)

    source.history = mended  # type: ignore[method-assign]
    snapshot = provider.snapshot(due)
    assert 12.0 <= clock.now() - due - 5.0 < 30.0, "asked again soon, in spite of the long absence"
    assert [incident.text.partition(":")[0] for incident in snapshot.incidents] == ["KRE"]


def test_minutes_do_not_wait_for_a_series_that_lacks_its_newest_row_for_good() -> None:
    """One bar waits a quarter of a minute; the series is still asked for, ever more seldom."""
    source = Source()
    source.failed = {"KRE": DataError("^KRE: no symbol")}
    provider, clock = made(source, **{"exchange.timeframe": "1m"})
    late = []
    for minute in range(1, 61):
        due = DUE + minute * 60
        clock.sleep(due + 5.0 - clock.now())
        source.bars_of = {name: bars(due, 30) for name in source.bars_of}
        provider.snapshot(due)
        late.append(clock.now() - due - 5.0)
    assert late == [15.0] + [0.0] * 59
    assert 5 < source.downloads < 15


def test_short_bars_are_not_waited_for_into_the_next() -> None:
    source = Source()
    source.bars_of["ETH-USD"] = source.bars_of["ETH-USD"].iloc[:-1]
    provider, clock = made(source, **{"exchange.timeframe": "1m"})
    provider.snapshot(DUE)
    assert clock.now() == DUE + 5 + 15


def test_a_coin_without_any_bar_is_not_listed() -> None:
    source = Source()
    source.bars_of["ETH-USD"] = source.bars_of["ETH-USD"].iloc[:0]
    provider, _ = made(source)
    assert set(provider.snapshot(DUE).coins) == {"BTC"}


def test_no_bar_of_now_is_nothing_to_decide_on() -> None:
    source = Source()
    source.bars_of = {name: frame.iloc[:-2] for name, frame in source.bars_of.items()}
    provider, _ = made(source)
    assert not provider.snapshot(DUE).fresh


def test_bars_that_cannot_be_had_leave_the_last_close_and_a_word() -> None:
    source = Source()
    source.bars_of["ETH-USD"] = source.bars_of["ETH-USD"].iloc[:-1]

    def broken(history: str, now: pd.Timestamp) -> pd.DataFrame:
        if history == "ETH-USD":
            raise DataError("no candles")
        return source.bars_of[history]

    source.bars = broken  # type: ignore[method-assign]
    provider, _ = made(source)
    snapshot = provider.snapshot(DUE)
    assert (snapshot.coins["ETH"]["close"], snapshot.coins["ETH"]["stale"]) == (29.0, 1.0)
    assert [incident.text for incident in snapshot.incidents] == ["ETH-USD: no candles"]


def test_a_coin_without_any_usable_history_has_no_price_where_its_average_decides() -> None:
    """Its average would be unknown, and what is held would be sold on nothing."""
    source = Source()
    history = source.history

    def implausible(now: pd.Timestamp, again: Collection[str] = ()) -> Any:
        prices, failed = history(now, again)
        series = {key: value for key, value in prices.series.items() if key.symbol != "ETH-USD"}
        return prices._replace(series=series), {**failed, "ETH-USD": DataError("a jump")}

    source.history = implausible
    own = {"paper.patience": 0.0, "allocation.own_trend": "and"}
    assert set(made(source, **own)[0].snapshot(DUE).coins) == {"BTC"}
    provider, _ = made(source, **{"paper.patience": 0.0, "allocation.own_trend": "off"})
    assert set(provider.snapshot(DUE).coins) == {"BTC", "ETH"}


def test_a_source_that_has_another_series_is_named_once_and_confirms_nothing() -> None:
    source, accepted = Source(), list[object]()
    text = "BTC-USD: yahoo and url do not have the same series"
    source.accepted = lambda now: ()
    source.second_closes = lambda series, now: (("url", text),)
    provider, _ = made(source, **{"exchange.timeframe": "1m", "paper.patience": 0.0})
    provider._accept = lambda close, session: accepted.append(close)
    provider._functions = provider._functions._replace(
        gate=lambda prices: gate_of(prices).assign(held="BTC-USD", stale=1)
    )
    named = [
        [incident for incident in provider.snapshot(DUE + delay).incidents if text in incident.text]
        for delay in (0, 86_400)
    ]
    assert [len(incidents) for incidents in named] == [1, 0] and accepted == []
    assert (named[0][0].kind, named[0][0].severity) == ("data", "warning")


def test_what_somebody_accepts_is_seen_at_the_next_bar_of_the_same_day() -> None:
    """While a close is held the journal is looked at, however lately prices were downloaded."""
    source, computed = Source(), list[tuple[int, Any]]()
    provider, clock = made(source, **{"exchange.timeframe": "1m", "paper.patience": 0.0})
    accepted: list[Any] = []
    source.accepted = lambda now: tuple(accepted)
    source.second_closes = lambda series, now: ()
    history = source.history
    source.history = lambda now, again=(): (
        history(now, again)[0]._replace(accepted=tuple(accepted)),
        {},
    )

    def held(prices: Prices) -> pd.DataFrame:
        computed.append((minute, prices.accepted))
        is_held = not prices.accepted
        return gate_of(prices).assign(held="BTC-USD" if is_held else "", stale=int(is_held))

    provider._functions = provider._functions._replace(gate=held)
    for minute in range(1, 25):
        accepted += ["a close"] if minute == 20 else []
        due = DUE + minute * 60
        clock.sleep(due + 5 - clock.now())
        source.bars_of = {name: bars(due, 30) for name in source.bars_of}
        provider.snapshot(due)
    assert computed[-1] == (20, ("a close",))
    assert computed[-2][0] < 19, "no download was due"


def test_without_the_index_the_last_gate_row_is_kept_and_grows_stale() -> None:
    source = Source()
    provider, clock = made(source)
    first = provider.snapshot(DUE)
    source.failed = {"^RUT": DataError("no answer")}
    for missed in (1, 2):
        clock.sleep(DUE + missed * DAY + 5 - clock.now())
        source.bars_of = {name: bars(DUE + missed * DAY, 30) for name in source.bars_of}
        snapshot = provider.snapshot(DUE + missed * DAY)
        assert snapshot.gate["stale"] == missed
        assert snapshot.gate["ceiling"] == first.gate["ceiling"]
        assert {incident.kind for incident in snapshot.incidents} == {"data", "gate stale"}
    source.failed = {}
    clock.sleep(DUE + 3 * DAY + 5 - clock.now())
    source.bars_of = {name: bars(DUE + 3 * DAY, 30) for name in source.bars_of}
    snapshot = provider.snapshot(DUE + 3 * DAY)
    assert snapshot.gate["stale"] == 0
    assert snapshot.gate["ceiling"] == pytest.approx(first.gate["ceiling"] + 0.03)


def test_a_calendar_without_a_session_for_too_long_makes_the_gate_stale() -> None:
    """Seven days were the longest, in September 2001.

    From the ninth on the weekdays since the newest row count.
    """
    source = Source()
    provider, clock = made(source)
    provider.snapshot(DUE)
    ends, known = source.known(pd.Timestamp(DUE, unit="s", tz="UTC")).index[-1], source.known
    source.known = lambda now: known(min(now, ends))  # type: ignore[method-assign]
    stale = []
    for day in range(6, 12):
        clock.sleep(DUE + day * DAY + 5 - clock.now())
        source.bars_of = {name: bars(DUE + day * DAY, 30) for name in source.bars_of}
        stale.append(provider.snapshot(DUE + day * DAY).gate["stale"])
    first = pd.Timestamp(DUE, unit="s", tz="UTC").date()
    weekdays = [
        int(np.busday_count(SESSION.date(), first + pd.Timedelta(days=day))) for day in range(6, 12)
    ]
    assert stale == [
        0.0 if day < 8 else float(count) for day, count in zip(range(6, 12), weekdays, strict=True)
    ]
    assert min(stale[2:]) > 5


def test_what_failed_is_not_downloaded_again_at_every_bar() -> None:
    source = Source()
    source.failed = {"^RUT": DataError("no answer")}
    provider, clock = made(source, **{"exchange.timeframe": "1m", "paper.patience": 0.0})
    for minute in range(1, 240):
        clock.sleep(DUE + minute * 60 + 5 - clock.now())
        provider.snapshot(DUE + minute * 60)
    assert source.downloads < 25, (
        "a quarter of an hour at most lies between two attempts, seconds at first"
    )


def test_the_gate_is_worked_out_again_only_when_a_session_has_closed() -> None:
    source = Source()
    worked_out = []
    provider, clock = made(source, **{"exchange.timeframe": "1h"})
    provider._functions = provider._functions._replace(
        gate=lambda prices: (worked_out.append(prices.now), gate_of(prices))[1]
    )
    for hour in range(1, 49):
        clock.sleep(DUE + hour * 3600 + 5 - clock.now())
        source.bars_of = {name: bars(DUE + hour * 3600, 30) for name in source.bars_of}
        provider.snapshot(DUE + hour * 3600)
    assert len(worked_out) == 3  # at the start, and after each of two sessions


def test_a_row_that_was_acted_on_and_reads_otherwise_now_is_reported_once() -> None:
    index = pd.DatetimeIndex([SESSION - pd.Timedelta(days=2)])
    acted = pd.DataFrame(
        {
            "state": [0.0],
            "ceiling": [0.0],
            "filled": [3.0],
            "confirmed_at": [np.nan],
            "stale": [0.0],
        },
        index=index,
    )
    provider, _ = made(Source(), acted)
    assert [incident.kind for incident in provider.snapshot(DUE).incidents] == ["revised"]
    assert provider.snapshot(DUE).incidents == ()
