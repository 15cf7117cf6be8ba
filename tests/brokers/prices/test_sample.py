"""The embedded sample: a simulation that meets its landmarks, follows its stated formulas and opens
the gate when it did open.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.performance.gate_periods import gate_periods
from brokers.prices import sample
from brokers.prices.calendar import LEAD, session_closes
from brokers.prices.clean import clean_series, vintage
from brokers.prices.landmarks import LANDMARKS
from brokers.prices.load import Prices, load_prices, sessions
from brokers.prices.sample import BROAD, END, FUNDS, LAST, MACRO, PATHS, SMALL
from brokers.prices.series import BAR_COLUMNS, DataError, Request
from brokers.prices.sources import required_series
from config.settings import Settings, load
from strategies.gate import gate_table
from tests.scenes import REAL, realdata

COINS = [symbol for symbol in PATHS if symbol.endswith("-USD")]
REQUESTS = [
    Request(symbol, "coin" if symbol in COINS else "session") for symbol in (*PATHS, *FUNDS)
]
PINNED = [request for request in REQUESTS if request.symbol in PATHS]
DELAY = pd.Timedelta(minutes=30)
NOW = pd.Timestamp("2030-01-01", tz="UTC")
# Out of real prices with the default settings: the confirmation, the end, and why (a spell before
# 2011 is not asked for).
SPELLS = [
    ("2011-04-29", "2011-05-24", "failed"),
    ("2013-01-04", "2014-05-08", "trend"),
    ("2016-11-16", "2017-08-21", "trend"),
    ("2017-09-26", "2018-10-12", "trend"),
    ("2020-11-17", "2021-11-30", "trend"),
    ("2025-09-22", "2025-11-19", "failed"),
    ("2025-12-08", None, ""),
]


@pytest.fixture(scope="module")
def calendar(cache: Path) -> pd.Series:
    return session_closes(sample.FIRST_SESSION, cache)


@pytest.fixture(scope="module")
def days(calendar: pd.Series) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(calendar.index)


def from_sample(cache: Path, *more: str) -> Settings:
    return load([], ["prices.source=sample", f"prices.cache={cache}", *more])


def between(symbol: str, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper landmark around each day; past the last one, those before it."""
    facts = pd.Series(LANDMARKS[symbol])
    right = np.clip(
        pd.DatetimeIndex(facts.index).searchsorted(pd.DatetimeIndex(index)), 1, len(facts) - 1
    )
    pair = facts.to_numpy()[np.stack((right - 1, right))]
    return pair.min(axis=0), pair.max(axis=0)


# Landmarks


@pytest.mark.parametrize("symbol", PATHS)
def test_every_landmark_is_met_to_the_cent(symbol: str, days: pd.DatetimeIndex):
    frame = sample.fetch(Request(symbol, "coin" if symbol in COINS else "session"), days)
    facts = pd.Series(LANDMARKS[symbol])
    assert list(facts.index) == sorted(facts.index)
    assert frame["close"][pd.DatetimeIndex(facts.index)].tolist() == facts.tolist()
    assert frame.index[0] == pd.Timestamp(facts.index[0])
    assert frame.index[-1] == LAST


@pytest.mark.parametrize("request_", PINNED, ids=[one.symbol for one in PINNED])
@pytest.mark.parametrize("seed", [sample.SEED, 1])
def test_no_bar_passes_the_landmarks_it_lies_between_and_no_close_repeats_one(
    request_: Request, seed: int, days: pd.DatetimeIndex
):
    frame = sample.fetch(request_, days, seed)
    low, high = between(request_.symbol, frame.index)
    last = pd.Timestamp(list(LANDMARKS[request_.symbol])[-1])
    pinned = np.isin(frame.index, pd.DatetimeIndex(list(LANDMARKS[request_.symbol])))
    assert ((frame["low"] >= low) & (frame["high"] <= high)).all()
    assert ((frame["close"] > low) & (frame["close"] < high))[~pinned].all()
    assert (frame.index > last).sum() < 40, "past the last landmark only weeks"


@pytest.mark.parametrize("symbol", ["SOL-USD", "LTC-USD"])
def test_past_the_last_landmark_a_coin_walks_on_its_own(symbol: str, days: pd.DatetimeIndex):
    close = sample.fetch(Request(symbol, "coin"), days)["close"][
        pd.Timestamp(list(LANDMARKS[symbol])[-1]) :
    ]
    count = len(pd.date_range("2014-01-01", LAST))
    step = 0.75**0.5 * sample._draws("coins", count, sample.SEED) + 0.5 * sample._draws(
        symbol, count, sample.SEED
    )
    expected = PATHS[symbol].volatility * abs(step[1 - len(close)])
    assert abs(np.log(close.iloc[1] / close.iloc[0])) == pytest.approx(expected, abs=1e-5), (
        "no drift: nothing is known of where it went"
    )


@realdata
@pytest.mark.parametrize("symbol", PATHS)
def test_the_landmarks_are_what_was_printed(symbol: str):
    files = [
        REAL / "daily" / f"{name}.csv"
        for name in (symbol.removeprefix("^"), symbol.replace("-USD", "USDT"))
    ]
    tables = [pd.read_csv(path, index_col="Date")["Close"] for path in files if path.exists()]
    for day, printed in LANDMARKS[symbol].items():
        close = next(table[day] for table in tables if day in table.index)
        assert printed == pytest.approx(
            close, abs=0.5001 if printed >= 1000 and symbol in COINS else 0.00501
        ), day


@pytest.mark.parametrize("symbol", PATHS)
def test_bars_vary_as_much_as_stated(symbol: str, days: pd.DatetimeIndex):
    close = sample.fetch(Request(symbol, "coin" if symbol in COINS else "session"), days)["close"]
    assert np.diff(np.log(close)).std() == pytest.approx(PATHS[symbol].volatility, rel=0.2)


# Formulas of the module's docstring


@pytest.mark.parametrize("request_", REQUESTS, ids=[one.symbol for one in REQUESTS])
def test_open_high_low_and_volume_follow_their_formulas(request_: Request, days: pd.DatetimeIndex):
    frame = sample.fetch(request_, days)
    assert list(frame.columns) == list(BAR_COLUMNS)
    opened, high, low, close = (frame[name].to_numpy() for name in BAR_COLUMNS[:4])
    share = 0.0 if request_.symbol in COINS else 0.3
    assert opened[1:] == pytest.approx(close[:-1] * (close[1:] / close[:-1]) ** share, abs=1e-4)
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    one = PATHS.get(request_.symbol) or FUNDS[request_.symbol]
    volatility = (
        one.volatility
        if isinstance(one, sample.Path)
        else max(one.volatility, 0.01 * (abs(one.small) + abs(one.broad)))
    )
    assert (high <= np.maximum(opened, close) * (1 + volatility) + 1e-4).all()
    assert (low >= np.minimum(opened, close) * (1 - volatility) - 1e-4).all()
    usual = one.turnover * (0.5 + np.abs(np.diff(np.log(close))) / volatility)
    ratio = frame["volume"].to_numpy()[1:] / usual
    assert ratio.min() > 0.7999
    assert ratio.max() < 1.2001
    assert (frame["volume"] % 1 == 0).all()


@pytest.mark.parametrize("symbol", FUNDS)
def test_funds_follow_the_indices_but_for_a_noise_that_fades_within_a_quarter(
    symbol: str, days: pd.DatetimeIndex
):
    fund, frame = FUNDS[symbol], sample.fetch(Request(symbol, "session"), days)
    small, broad = (
        sample.fetch(Request(name, "session"), days)["close"][frame.index]
        for name in (SMALL, BROAD)
    )
    expected = (
        fund.level * (small / small.iloc[-1]) ** fund.small * (broad / broad.iloc[-1]) ** fund.broad
    )
    noise = np.log(frame["close"] / expected)
    assert noise.abs().max() <= 5 * fund.volatility * 63**0.5 + 1e-4
    assert noise[:-63].std() == pytest.approx(fund.volatility * 63**0.5, rel=0.3, abs=2e-5)
    years = (LAST - frame.index).days / 365.25
    assert frame["adj_close"].to_numpy() == pytest.approx(
        frame["close"] * np.exp(-fund.payout * years), abs=1e-4
    )


@pytest.mark.parametrize(("symbol", "factor"), MACRO.items())
def test_macro_values_follow_the_broad_index_known_by_then(
    symbol: str, factor: float, days: pd.DatetimeIndex
):
    frame = sample.fetch(Request(symbol, "macro"), days)
    mean = sample.fetch(Request(BROAD, "session"), days)["close"].rolling(63).mean()
    known = mean.to_numpy()[
        mean.index.searchsorted(frame.index.tz_localize(None), side="right") - 1
    ]
    ratio = frame["value"] / (factor * known)
    assert np.log(ratio).mean() == pytest.approx(0.0, abs=0.005)
    assert np.log(ratio).abs().max() < 0.02 * 12**0.5 + 0.02, (
        "a sum of four uniform draws ends at the square root of twelve; a day's mean moves"
    )
    assert frame.index.is_unique
    assert frame.index[-1] <= END
    if symbol == "WALCL":
        assert set(frame.index.tz_convert("America/New_York").strftime("%H:%M")) == {"16:30"}
        assert set(frame.index.day_name()) == {"Thursday", "Friday"}


# Intraday


@pytest.mark.parametrize(
    ("timeframe", "bars"), [("4h", 6), ("1h", 24), ("15m", 96), ("5m", 288), ("1m", 1440)]
)
@pytest.mark.parametrize("symbol", COINS)
def test_intraday_bars_add_up_to_the_daily_ones_exactly(
    symbol: str, timeframe: str, bars: int, days: pd.DatetimeIndex
):
    frame = sample.fetch(Request(symbol, "coin", "", timeframe), days)
    daily = sample.fetch(Request(symbol, "coin"), days)
    assert len(frame) == min(20_000 // bars, len(daily)) * bars
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
    assert frame["open"].iloc[1:].tolist() == frame["close"].iloc[:-1].tolist()
    rules = {
        "open": "first",
        "high": "max",
        "low": "min",
        "close": "last",
        "adj_close": "last",
        "volume": "sum",
    }
    added_up = frame.groupby(frame.index.tz_localize(None).normalize()).agg(rules)
    pd.testing.assert_frame_equal(
        added_up,
        daily.iloc[-len(added_up) :],
        check_exact=True,
        check_names=False,
        check_freq=False,
    )


def test_an_hour_varies_as_a_part_of_the_day_should(days: pd.DatetimeIndex):
    close = sample.fetch(Request("BTC-USD", "coin", "", "1h"), days)["close"]
    assert np.diff(np.log(close)).std() == pytest.approx(
        PATHS["BTC-USD"].volatility / 24**0.5, rel=0.25
    )


# The same everywhere


def test_the_sample_is_the_same_in_another_process(cache: Path):
    """Hashes of strings differ from process to process; nothing here may hang on them."""
    here = {
        request.name: one.vintage
        for request, one in load_prices(
            from_sample(cache, "exchange.timeframe=4h"), NOW
        ).series.items()
    }
    program = (
        "import sys, pandas as pd\n"
        "from brokers.prices.load import load_prices\n"
        "from config.settings import load\n"
        "found = load_prices(load([], sys.argv[1:]), pd.Timestamp('2031-06-01', tz='UTC'))\n"
        "print({request.name: one.vintage for request, one in found.series.items()})"
    )
    words = ["prices.source=sample", f"prices.cache={cache}", "exchange.timeframe=4h"]
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *words],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONHASHSEED": "77"},
    )  # fmt: skip
    assert there.stdout.strip() == str(here)


def test_the_first_day_of_the_history_changes_no_price(cache: Path):
    late = load_prices(from_sample(cache, "signal.history_from=2012-01-03"), NOW)
    for one in load_prices(from_sample(cache), NOW).series.values():
        shorter = late.of(one.request.symbol).frame
        assert shorter.equals(one.frame[one.frame.index >= shorter.index[0]]), one.request.name


def test_another_seed_gives_other_prices_between_the_same_landmarks(days: pd.DatetimeIndex):
    one, other = (sample.fetch(Request(SMALL, "session"), days, seed)["close"] for seed in (1, 2))
    assert 0.97 < (one != other).mean() < 1.0


def test_series_of_one_kind_move_together_and_those_of_two_do_not(days: pd.DatetimeIndex):
    moves = {
        symbol: np.log(sample.fetch(request, days)["close"]).diff()
        for symbol, request in zip(PATHS, PINNED, strict=True)
    }
    table = pd.DataFrame(moves).loc["2021":].corr()
    assert table.loc[SMALL, BROAD] > 0.25
    assert table.loc["BTC-USD", "ETH-USD"] > 0.25
    assert abs(table.loc[SMALL, "BTC-USD"]) < 0.15


def test_all_series_of_the_default_settings_take_a_moment(days: pd.DatetimeIndex):
    requests = required_series(load())
    sample._draws.cache_clear()
    start = time.process_time()
    for request in requests:
        sample.fetch(request, days)
    assert time.process_time() - start < 0.3


# As any other source


def test_the_sample_is_stamped_as_every_source_is(cache: Path, calendar: pd.Series):
    prices = load_prices(from_sample(cache, "confirmations.liquidity.enabled=true"), NOW)
    for request, one in prices.series.items():
        assert (one.source, one.frame.index.name) == ("sample", "known_at")
        if request.kind == "session":
            dated = calendar[
                calendar
                >= pd.Timestamp("1987-09-10" if request.symbol != BROAD else "1986-08-06", tz="UTC")
            ]
            known = pd.DatetimeIndex(dated[dated <= END]) + DELAY
            assert one.frame.index.equals(known), request.name
            assert one.frame.index[-1] == pd.Timestamp("2026-08-20 20:30", tz="UTC")
        elif request.kind == "coin":
            assert one.frame.index.equals(pd.date_range(one.frame.index[0], END))
    half_day = pd.Timestamp("2024-11-29 18:30", tz="UTC")
    assert half_day in prices.of(SMALL).frame.index


def test_the_index_reaches_back_to_where_the_settings_ask_and_the_broad_market_a_year_further(
    cache: Path,
):
    prices = load_prices(from_sample(cache), NOW)
    assert prices.of(SMALL).frame.index[0].date() == load().signal.history_from
    assert (
        prices.of(BROAD).frame.index[0].date()
        <= sample.FIRST_SESSION
        == load().signal.history_from - LEAD
    )
    market(from_sample(cache), prices)


def test_nothing_is_stale_years_after_the_end(cache: Path):
    prices = load_prices(from_sample(cache), NOW)
    assert prices.sample
    assert prices.now == END
    assert (
        prices.sessions.index[-1]
        == prices.of(SMALL).frame.index[-1]
        == pd.Timestamp("2026-08-20 20:30", tz="UTC")
    )
    assert prices.until(END).sample
    assert sessions(from_sample(cache), NOW).equals(prices.sessions)


def test_before_the_end_only_what_was_known_is_shown(cache: Path):
    now = pd.Timestamp("2020-03-18 20:29", tz="UTC")
    then, later = load_prices(from_sample(cache), now), load_prices(from_sample(cache), NOW)
    assert then.now == now
    assert (
        then.sessions.index[-1]
        == then.of(SMALL).frame.index[-1]
        == pd.Timestamp("2020-03-17 20:30", tz="UTC")
    )
    assert then.of("BTC-USD").frame.index[-1] == pd.Timestamp("2020-03-18", tz="UTC")
    assert {one.vintage for one in then.series.values()} == {
        one.vintage for one in later.series.values()
    }, "of the whole, whenever it is read"


def test_a_run_on_the_sample_can_be_read_again(cache: Path):
    settings = from_sample(cache)
    first = load_prices(settings, NOW)
    pinned = {one.request.name: one.vintage for one in first.series.values()}
    again = load_prices(settings, NOW, pinned=pinned)
    assert vintage(again.of("IEF").frame) == pinned["IEF"]
    with pytest.raises(DataError, match="is not what that run used"):
        load_prices(settings, NOW, pinned=pinned | {"IEF": "0"})


OVERLAYS = sorted(Path(__file__).parents[3].glob("config/*.toml"))


# second_sources.toml names sources of its own, and those are never mixed with the sample.
@pytest.mark.parametrize(
    "overlay",
    [path for path in OVERLAYS if path.stem != "second_sources"],
    ids=lambda path: path.stem,
)
def test_every_ready_made_configuration_runs_on_the_sample(overlay: Path, cache: Path):
    settings = load([overlay], ["prices.source=sample", f"prices.cache={cache}"])
    assert list(load_prices(settings, NOW).series) == required_series(settings)


@pytest.mark.parametrize(
    "request_",
    [
        Request("DOGE-USD", "coin"),
        Request("VIX", "session"),
        Request("NFCI", "macro"),
        Request("BTC-USD", "session"),
    ],
)
def test_a_series_it_does_not_hold_is_named_with_those_it_does(
    request_: Request, days: pd.DatetimeIndex
):
    with pytest.raises(
        DataError,
        match=rf"holds no {request_.symbol}, only \^RUT, .*BTC-USD.*WALCL.*; remove it from the "
        "config",
    ):
        sample.fetch(request_, days)


def test_a_calendar_that_ends_too_early_is_refused(days: pd.DatetimeIndex):
    with pytest.raises(DataError, match="needs New York sessions up to 2026-08-20"):
        sample.fetch(Request(SMALL, "session"), days[days < LAST])


# What it is for


def gate_spells(
    cache: Path, calendar: pd.Series, seed: int
) -> list[tuple[pd.Timestamp, pd.Timestamp | None, str]]:
    settings, days = from_sample(cache), pd.DatetimeIndex(calendar.index)
    requests = [request for request in required_series(settings) if request.kind == "session"]
    series = {
        request: clean_series(
            request,
            sample.fetch(request, days, seed),
            source="sample",
            origin="",
            closes=calendar,
            delay=DELAY,
            now=END,
        )
        for request in requests
    }
    table = gate_table(
        market(settings, Prices(series, sessions(settings, NOW), END, sample=True)),
        gate_rules(settings),
    )
    return [
        (one.opened, one.closed, one.reason)
        for one in gate_periods(table)
        if one.opened >= pd.Timestamp("2011", tz="UTC")
    ]


def apart(one: pd.Timestamp, day: str, days: pd.DatetimeIndex) -> int:
    """Sessions between an instant and the session of `day`."""
    return abs(
        int(days.get_loc(one.tz_localize(None).normalize())) - int(days.get_loc(pd.Timestamp(day)))
    )


def as_they_were(
    found: list[tuple[pd.Timestamp, pd.Timestamp | None, str]], days: pd.DatetimeIndex
) -> bool:
    return [reason for _, _, reason in found] == [reason for _, _, reason in SPELLS] and all(
        apart(opened, first, days) <= 5
        and (
            closed is None
            if last is None
            else closed is not None and apart(closed, last, days) <= 5
        )
        for (opened, closed, _), (first, last, _) in zip(found, SPELLS, strict=True)
    )


def test_since_2011_the_gate_is_open_when_it_was_and_at_no_other_time(
    cache: Path, calendar: pd.Series, days: pd.DatetimeIndex
):
    found = gate_spells(cache, calendar, sample.SEED)
    assert as_they_were(found, days), found


def test_that_does_not_hang_on_the_seed(cache: Path, calendar: pd.Series, days: pd.DatetimeIndex):
    assert (
        sum(as_they_were(gate_spells(cache, calendar, seed), days) for seed in range(200, 208)) >= 7
    )


@realdata
def test_the_spells_asked_for_are_those_of_real_prices(cache: Path, days: pd.DatetimeIndex):
    settings = load([], ["prices.source=folder", f"prices.folder={REAL}", f"prices.cache={cache}"])
    prices = load_prices(settings, pd.Timestamp.now(tz="UTC")).until(END)
    found = [
        one
        for one in gate_periods(gate_table(market(settings, prices), gate_rules(settings)))
        if one.opened >= pd.Timestamp("2011", tz="UTC")
    ]
    assert [
        (str(one.opened.date()), str(one.closed.date()) if one.closed else None, one.reason)
        for one in found
    ] == SPELLS
