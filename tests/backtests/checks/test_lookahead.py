"""Nothing from the future: cuts and rescalings move nothing, and leaks planted as they really
happen are found.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from backtests.checks.cut_points import NEAR, cut_points
from backtests.checks.lookahead import (
    LookaheadReport,
    as_json,
    find_lookahead,
    findings_of_cut,
    findings_of_rescaling,
    sentences,
)
from backtests.checks.snapshots import Snapshot, take_snapshot
from backtests.checks.timestamps import CALENDAR, NEW_YORK, check_timestamps, half_day
from backtests.engine import inputs as engine_inputs
from brokers.prices import clean
from brokers.prices.cache import Cache
from brokers.prices.load import Prices, known_until, load_prices
from config.settings import Settings, load
from strategies import confirmations, gate, russell_gate
from tests.backtests.lookahead import findings_of_files
from tests.price_folder import edit, overrides
from tests.scenes import REAL, random_backtest, realdata

NOW = pd.Timestamp("2017-01-02", tz="UTC")
EASY = [
    "gate.base_sessions=10",
    "gate.rearm_sessions=2",
    "gate.min_confirmations=1",
    "gate.trend_sessions=20",
    "risk_curve.broad_sessions=10",
]
EASY += [
    "confirmations.breadth.sessions=5",
    "confirmations.leadership.sessions=5",
    "confirmations.credit.sessions=5",
    "allocation.own_trend_days=5",
]
EASY += [
    "allocation.own_trend=and",
    "allocation.target_volatility=0.3",
    "allocation.volatility_days=5",
    "allocation.drawdown_stop=0.1",
]
LATE = [*EASY, "backtest.start=2015-11-01"]
WEDNESDAY = pd.Timestamp("2016-03-02 12:00", tz="UTC")  # while coins are held


class Scene(NamedTuple):
    """Settings, prices, and what follows from them."""

    settings: Settings
    prices: Prices
    full: Snapshot


def scene(folder: Path, cache: Path, *changes: str, now: pd.Timestamp = NOW) -> Scene:
    settings = load([], [*overrides(folder, cache), *changes])
    prices = load_prices(settings, now)
    return Scene(settings, prices, take_snapshot(settings, prices))


@pytest.fixture(scope="module")
def plain(whole_folder: Path, cache: Path) -> Scene:
    return scene(whole_folder, cache)


@pytest.fixture(scope="module")
def easy(whole_folder: Path, cache: Path) -> Scene:
    """Windows of a few sessions and every switch on: the gate opens often, and a leak has somewhere
    to show.
    """
    return scene(whole_folder, cache, *EASY)


@pytest.fixture(scope="module")
def late(whole_folder: Path, cache: Path) -> Scene:
    """The same over the last fourteen months: a leak needs no longer."""
    return scene(whole_folder, cache, *LATE)


@pytest.fixture
def today(folder: Path, cache: Path) -> tuple[Settings, pd.Timestamp]:
    """An instant at which the last rows of coins and sessions, both of that day, still run."""
    for path in (folder / "daily").glob("*.csv"):
        edit(path, lambda rows: [row for row in rows if row < "2016-12-31"])
    return load([], [*overrides(folder, cache), *LATE]), pd.Timestamp("2016-12-30 16:00", tz="UTC")


@pytest.fixture
def hourly(folder: Path, cache: Path) -> tuple[Settings, pd.Timestamp]:
    """Hourly bars of each coin over the last weeks of the folder, and an instant within the last of
    them.
    """
    place = folder / "hourly"
    place.mkdir()
    hours = pd.date_range("2016-11-01", "2016-12-30 11:00", freq="h")
    for number, coin in enumerate(("BTC", "ETH", "SOL")):
        close = (
            100
            + number
            + 10 * np.sin(np.arange(len(hours)) / 17)
            + np.sin(np.arange(len(hours)) * 2.1)
        )
        rows = [
            f"{hour:%Y-%m-%d %H:%M:%S},{price:.6f},{price:.6f},{price:.6f},{price:.6f},5"
            for hour, price in zip(hours, close, strict=True)
        ]
        (place / f"{coin}USDT_1h.csv").write_text(
            "\n".join(["Timestamp,Open,High,Low,Close,Volume", *rows]) + "\n"
        )
    for path in (folder / "daily").glob("*.csv"):
        edit(path, lambda rows: [row for row in rows if row < "2016-12-30"])
    return load([], [*overrides(folder, cache), "exchange.timeframe=1h"]), pd.Timestamp(
        "2016-12-30 12:30", tz="UTC"
    )


def findings_text(report: LookaheadReport) -> str:
    """The findings as text, after checking that every form has them."""
    text = "\n".join(f"{finding.series}: {finding.text}" for finding in report.findings)
    assert json.loads(json.dumps(as_json(report)))["text"] == sentences(report)
    assert all(finding.text in "\n".join(sentences(report)) for finding in report.findings)
    return text


# Honest code on honest data.


def test_the_scenes_have_something_to_move(plain: Scene, easy: Scene):
    for settings, _, full in (plain, easy):
        states = pd.Series(full.tables[0].columns["state"])
        assert (states != states.shift()).sum() > 4
        traded = [
            values for name, values in full.decisions.columns.items() if name.startswith("order of")
        ]
        assert len(traded) == len(settings.coins)
        assert np.any(traded, axis=0).sum() > 20


@pytest.mark.parametrize("which", ["plain", "easy"])
def test_nothing_moves(which: str, request: pytest.FixtureRequest):
    settings, prices, _ = request.getfixturevalue(which)
    steps: list[tuple[str, int, int]] = []
    report = find_lookahead(settings, prices, cuts=12, progress=lambda *step: steps.append(step))
    rows = sum(len(series.frame) for series in prices.series.values()) + len(prices.sessions)
    assert report == LookaheadReport(12, 6, rows, (), ())
    assert [done for _, done, _ in steps] == [0, 0, *range(12)]
    assert {of for _, _, of in steps} == {12}
    assert sentences(report) == [
        "No look-ahead found.",
        f"Timestamps: {rows:,} checked, none is before its row could be known.",
        "Every series cut at 12 instants: no gate row, coin line or decision changed.",
        (
            "Prices rescaled by a later dividend and split at 6 instants: "
            "no gate row, coin line or decision changed."
        ),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_on_random_markets(seed: int):
    """Holes, late listings, coins that end, one to four of them, daily to hourly, every switch."""
    inputs = random_backtest(np.random.default_rng((20260101, seed)))
    delay = (
        int(
            (inputs.prices.sessions.index - pd.DatetimeIndex(inputs.prices.sessions))[
                0
            ].total_seconds()
        )
        // 60
    )
    own = inputs.settings.prices.model_copy(update={"publication_delay": delay})
    report = find_lookahead(
        inputs.settings.model_copy(update={"prices": own}), inputs.prices, cuts=4, seed=seed
    )
    assert report.findings == ()
    assert (report.cuts, report.rescalings) == (4, 2)
    assert len(report.without_source) == len(inputs.prices.series), (
        "made-up series have no source to compare with"
    )
    assert "checked against the clock only" in sentences(report)[-1]


@pytest.mark.parametrize(
    "instant",
    [
        "2014-03-08 12:00",
        "2014-11-28 18:30",
        "2014-11-28 18:29",
        "2015-07-22 20:29",
        "2015-07-22 20:31",
    ],
)
def test_files_that_end_there_give_the_same_decisions(instant: str, easy: Scene):
    assert findings_of_files(easy.settings, easy.full, pd.Timestamp(instant, tz="UTC")) == ()


def test_the_instants_are_where_leaks_would_show(plain: Scene):
    cuts = list(cut_points(plain.prices, plain.full, 240, 1))
    table = plain.full.tables[0]
    known_at, state = pd.DatetimeIndex(table.known_at, tz="UTC"), table.columns["state"]
    changed = np.flatnonzero(state[1:] != state[:-1]) + 1
    near = [cut for cut in cuts if np.abs(known_at.searchsorted(cut) - changed).min() <= NEAR + 1]
    breakouts = known_at[changed[state[changed] == "testing"]]
    known = {instant for series in plain.prices.series.values() for instant in series.frame.index}
    assert len(near) >= 120
    assert sum(cut in breakouts for cut in cuts) >= 20
    assert sum(cut.day_of_week >= 5 for cut in cuts) >= 20
    assert sum(cut in known for cut in cuts) >= 20
    assert sum(cut.nanosecond == 999 and cut + pd.Timedelta(1, "ns") in known for cut in cuts) >= 35
    assert sum(half_day(cut.tz_convert(NEW_YORK)) for cut in cuts) >= 10
    assert len(set(cuts)) > 180
    assert list(cut_points(plain.prices, plain.full, 240, 1)) == cuts, (
        "the same seed, the same cuts"
    )


def test_a_window_in_which_the_gate_never_changes_is_cut_elsewhere(whole_folder: Path, cache: Path):
    settings, prices, full = scene(
        whole_folder, cache, "backtest.start=2016-02-01", "backtest.end=2016-03-20"
    )
    cuts = list(cut_points(prices, full, 12, 1))
    assert all("2016-02-06" <= f"{cut:%Y-%m-%d}" <= "2016-03-21" for cut in cuts)
    assert find_lookahead(settings, prices, 6).findings == ()


# Leaks planted on purpose, as such bugs look: each must be found, and the series named.


def test_a_series_shifted_by_one_bar(late: Scene, monkeypatch: pytest.MonkeyPatch):
    honest = engine_inputs.market

    def leaky(settings: Settings, prices: Prices) -> object:
        market = honest(settings, prices)
        return market._replace(broad=market.broad.shift(-1).ffill())

    monkeypatch.setattr(engine_inputs, "market", leaky)
    report = find_lookahead(late.settings, late.prices)
    assert [finding.series for finding in report.findings] == ["^GSPC"]
    assert report.rescalings < report.cuts or report.cuts < 3
    assert "gate row" in findings_text(report) and "with the data known then" in findings_text(
        report
    )
    change = "at the last one a gate row, coin line or decision changed"
    assert change in "\n".join(sentences(report))


def test_a_coin_shifted_by_one_bar(late: Scene, monkeypatch: pytest.MonkeyPatch):
    honest = engine_inputs.coin_lines

    def leaky(*arguments: object) -> pd.DataFrame:
        lines = honest(*arguments)
        return lines.assign(own_average=lines["own_average"].shift(-1).ffill())

    monkeypatch.setattr(engine_inputs, "coin_lines", leaky)
    report = find_lookahead(late.settings, late.prices)
    assert {finding.series for finding in report.findings} <= {"BTC-USD", "ETH-USD", "SOL-USD"}
    assert "line of BTC" in findings_text(report) and "own average" in findings_text(report)


def test_a_shift_in_the_loader(late: Scene, monkeypatch: pytest.MonkeyPatch):
    """Where rows are stamped: no cut can show it, the source's own dates do."""
    honest = clean._clean_bars

    def leaky(*arguments: object) -> pd.DataFrame:
        bars = honest(*arguments)
        moved = ["open", "close", "adj_close"]
        return bars.assign(**bars[moved].shift(-1).ffill())

    monkeypatch.setattr(clean, "_clean_bars", leaky)
    prices = load_prices(late.settings, NOW)
    assert (
        findings_of_cut(late.settings, prices, take_snapshot(late.settings, prices), WEDNESDAY)
        == ()
    )
    report = find_lookahead(late.settings, prices)
    assert {finding.series for finding in report.findings} == {
        request.name for request in prices.series
    }
    assert "in the row that is known from" in findings_text(report)
    assert report.cuts == 0


def test_a_bfill_over_a_gap(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    edit(
        folder / "daily/GSPC.csv",
        lambda rows: [row for row in rows if not "2016-03-01" <= row < "2016-03-05"],
    )
    settings, prices, _ = scene(folder, cache, *LATE)
    assert find_lookahead(settings, prices, cuts=6).findings == ()

    def leaky(values: np.ndarray, max_age: int) -> np.ndarray:
        return pd.Series(values).bfill().ffill().to_numpy()

    monkeypatch.setattr(confirmations, "carry_forward", leaky)
    report = find_lookahead(settings, prices)
    assert [finding.series for finding in report.findings] == ["^GSPC"]
    assert "2016-03-0" in findings_text(report)


def test_a_full_sample_mean(late: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        confirmations, "excess", lambda values, window: values / np.nanmean(values) - 1
    )
    report = find_lookahead(late.settings, late.prices)
    assert {"^GSPC", "HYG"} <= {finding.series for finding in report.findings}
    assert report.cuts == 1, "every instant shows it"


def test_a_centred_rolling_maximum(late: Scene, monkeypatch: pytest.MonkeyPatch):
    """The record is the highest of the sessions around, not of those before."""
    from strategies import breakout

    honest = breakout.records_of

    def leaky(closes: np.ndarray) -> object:
        centred = pd.Series(closes).rolling(21, center=True, min_periods=1).max().to_numpy()
        return honest(closes)._replace(record=np.fmax(honest(closes).record, centred))

    monkeypatch.setattr(breakout, "records_of", leaky)
    report = find_lookahead(late.settings, late.prices)
    assert [finding.series for finding in report.findings] == ["^RUT"]
    assert "record was" in findings_text(report)


def test_an_average_of_the_whole_history(late: Scene, monkeypatch: pytest.MonkeyPatch):
    honest = gate.index_average
    monkeypatch.setattr(
        gate,
        "index_average",
        lambda close, sessions: np.full(len(close), np.nanmax(honest(close, sessions))),
    )
    report = find_lookahead(late.settings, late.prices)
    assert [finding.series for finding in report.findings] == ["^RUT"]
    assert "; decision " in findings_text(report), "the decision is named beside the row"


@pytest.mark.parametrize("kind", ["coin", "session"])
def test_todays_running_bar(
    kind: str, today: tuple[Settings, pd.Timestamp], monkeypatch: pytest.MonkeyPatch
):
    settings, now = today
    assert check_timestamps(settings, load_prices(settings, now)).findings == ()
    honest = clean._running_rows

    def leaky(*arguments: object) -> np.ndarray:
        running = honest(*arguments)
        return np.zeros_like(running) if arguments[2].kind == kind else running

    monkeypatch.setattr(clean, "_running_rows", leaky)
    prices = load_prices(settings, now)
    report = find_lookahead(settings, prices)
    assert {finding.series for finding in report.findings} == {
        request.name for request in prices.series if request.kind == kind
    }
    assert "its bar is not complete" in findings_text(report)


@pytest.mark.parametrize("kind", ["coin", "session"])
def test_a_running_bar_stamped_now(
    kind: str, today: tuple[Settings, pd.Timestamp], monkeypatch: pytest.MonkeyPatch
):
    """As Yahoo stamps it: not later than now, and yet not over."""
    settings, now = today
    honest = clean._known_at

    def leaky(request: object, *arguments: object) -> pd.DatetimeIndex:
        known_at = honest(request, *arguments)
        return known_at.where(known_at <= now, now) if request.kind == kind else known_at

    monkeypatch.setattr(clean, "_known_at", leaky)
    prices = load_prices(settings, now)
    report = find_lookahead(settings, prices)
    assert {finding.series for finding in report.findings} == {
        request.name for request in prices.series if request.kind == kind
    }
    assert "2016-12-30 16:00 UTC" in findings_text(report)


def test_hourly_bars_stamped_at_their_start(
    hourly: tuple[Settings, pd.Timestamp], monkeypatch: pytest.MonkeyPatch
):
    settings, now = hourly
    assert find_lookahead(settings, load_prices(settings, now), cuts=6).findings == ()
    honest = clean._known_at

    def leaky(request: object, *arguments: object) -> pd.DatetimeIndex:
        early = pd.Timedelta(hours=1 if request.timeframe == "1h" else 0)
        return honest(request, *arguments) - early

    monkeypatch.setattr(clean, "_known_at", leaky)
    prices = load_prices(settings, now)
    assert (
        findings_of_cut(
            settings, prices, take_snapshot(settings, prices), now - pd.Timedelta(days=3)
        )
        == ()
    ), "cuts go by the timestamps"
    report = find_lookahead(settings, prices)
    assert [finding.series for finding in report.findings] == [
        "BTC-USD 1h",
        "ETH-USD 1h",
        "SOL-USD 1h",
    ]
    assert "the row of 2016-11-01 00:00 UTC" in findings_text(report)
    assert "known from 2016-11-01 01:00 UTC" in findings_text(report)


@pytest.mark.parametrize("kind", ["coin", "session"])
@pytest.mark.parametrize("early", [pd.Timedelta(hours=1), pd.Timedelta(days=1)])
def test_daily_rows_stamped_early(
    kind: str, early: pd.Timedelta, late: Scene, monkeypatch: pytest.MonkeyPatch
):
    honest = clean._known_at

    def leaky(
        request: object,
        origin: str,
        index: pd.DatetimeIndex,
        closes: pd.Series,
        delay: pd.Timedelta,
    ) -> pd.DatetimeIndex:
        known_at = honest(request, origin, index, closes, delay)
        if request.kind != kind:
            return known_at
        if kind == "coin" or early < pd.Timedelta(days=1):
            return known_at - early
        before = closes.iloc[closes.index.searchsorted(index[0]) - 1 :].iloc[: len(index)]
        return pd.DatetimeIndex(before) + delay

    monkeypatch.setattr(clean, "_known_at", leaky)
    prices = load_prices(late.settings, NOW)
    report = find_lookahead(late.settings, prices)
    assert {finding.series for finding in report.findings} == {
        request.name for request in prices.series if request.kind == kind
    }
    assert "No prices were cut" in "\n".join(sentences(report))
    if early == pd.Timedelta(days=1):
        full = take_snapshot(late.settings, prices)
        assert findings_of_cut(late.settings, prices, full, WEDNESDAY) == (), (
            "invisible to cuts, which go by the timestamps"
        )
        assert findings_of_files(late.settings, full, WEDNESDAY) != (), (
            "cuts of the files see it as well"
        )


def test_sessions_that_close_before_the_bell(late: Scene):
    """A half day where there is none, and a publication delay left out."""
    half_days = late.prices.sessions.copy()
    half_days.iloc[700] -= pd.Timedelta(hours=3)
    wrong = check_timestamps(late.settings, late.prices._replace(sessions=half_days)).findings
    assert [finding.series for finding in wrong] == [CALENDAR]
    assert "counts as closed" in wrong[0].text
    undelayed = pd.Series(late.prices.sessions.array, pd.DatetimeIndex(late.prices.sessions))
    first, *others = check_timestamps(
        late.settings, late.prices._replace(sessions=undelayed)
    ).findings
    assert first.series == CALENDAR
    assert "counts as known" in first.text
    assert {finding.series for finding in others} == {
        request.name for request in late.prices.series if request.kind == "session"
    }


def test_rows_that_are_not_the_sources(late: Scene):
    request = next(iter(late.prices.series))
    series = late.prices.series[request]
    smoothed = series._replace(
        frame=series.frame.assign(
            close=series.frame["close"].rolling(3, center=True, min_periods=1).mean()
        )
    )
    wrong = check_timestamps(
        late.settings, late.prices._replace(series={**late.prices.series, request: smoothed})
    ).findings
    assert [finding.series for finding in wrong] == [request.name]
    assert "no row of its source has" in wrong[0].text


def test_downloaded_rows_are_compared_with_the_cache(late: Scene, tmp_path: Path):
    settings = late.settings.model_copy(
        update={"prices": late.settings.prices.model_copy(update={"cache": str(tmp_path)})}
    )
    request = next(request for request in late.prices.series if request.symbol == "BTC-USD")
    series = late.prices.series[request]._replace(source="yahoo")
    prices = late.prices._replace(series={**late.prices.series, request: series})
    assert check_timestamps(settings, prices).without_source == ("BTC-USD",), (
        "there is no cache yet"
    )
    path = Cache(tmp_path).path("yahoo", request)
    path.parent.mkdir()
    rows = series.frame.set_axis(
        (series.frame.index - pd.Timedelta(days=1)).tz_localize(None).rename("date")
    )
    rows.to_parquet(path)
    assert check_timestamps(settings, prices)[1:] == ((), ())
    rows.shift(1).to_parquet(path)  # a day earlier than the source has them
    (wrong,) = check_timestamps(settings, prices).findings
    assert wrong.series == "BTC-USD"


def test_a_strategy_that_looks_at_the_next_bar(late: Scene, monkeypatch: pytest.MonkeyPatch):
    def leaky(strategy: russell_gate.RussellGate) -> object:
        decision = honest(strategy)
        coin = strategy.datas[1]
        tomorrow = coin.close.array[min(coin.close.idx + 1, len(coin.close.array) - 2)]
        return decision._replace(targets=(tomorrow, *decision.targets[1:]))

    honest = russell_gate.RussellGate._decide
    monkeypatch.setattr(russell_gate.RussellGate, "_decide", leaky)
    report = find_lookahead(late.settings, late.prices)
    assert "decision" in findings_text(report) and "target of BTC was" in findings_text(report)
    assert "gate row" not in findings_text(report)


def test_a_fill_at_a_later_price(late: Scene, monkeypatch: pytest.MonkeyPatch):
    from brokers.orders import simulated

    honest = simulated.SimulatedBroker._try

    def leaky(broker: simulated.SimulatedBroker, order: object) -> bool:
        opens, row = order.data.open.array, order.data.open.idx
        now, opens[row] = opens[row], opens[min(row + 1, len(opens) - 2)]
        try:
            return honest(broker, order)
        finally:
            opens[row] = now

    monkeypatch.setattr(simulated.SimulatedBroker, "_try", leaky)
    report = find_lookahead(late.settings, late.prices)
    assert "decision" in findings_text(report) and "equity was" in findings_text(report)


@pytest.mark.parametrize("column", ["adj_close", "close"])
def test_a_level_that_a_dividend_or_a_split_moves(
    column: str, late: Scene, monkeypatch: pytest.MonkeyPatch
):
    honest = engine_inputs.market
    monkeypatch.setattr(
        engine_inputs,
        "market",
        lambda settings, prices: honest(settings, prices)._replace(
            small_caps=prices.of("HYG").frame[column]
        ),
    )
    full = take_snapshot(late.settings, late.prices)
    assert findings_of_cut(late.settings, late.prices, full, WEDNESDAY) == (), "no cut shows it"
    assert [
        finding.series
        for finding in findings_of_rescaling(late.settings, late.prices, full, WEDNESDAY)
    ] == ["HYG"]
    report = find_lookahead(late.settings, late.prices)
    assert [finding.series for finding in report.findings] == ["HYG"]
    assert (report.cuts, report.rescalings) == (1, 1)
    assert "rescaled at" in findings_text(report)
    assert "at 1 instant: at the last one" in sentences(report)[-1]


def test_what_cannot_be_computed_with_what_was_known(late: Scene, monkeypatch: pytest.MonkeyPatch):
    """Data of the end taken for data of the beginning."""
    honest = engine_inputs.market

    def leaky(settings: Settings, prices: Prices) -> object:
        if prices.of("HYG").frame.index[-1].year < 2016:
            raise engine_inputs.DataError("HYG: has no row of 2016")
        return honest(settings, prices)

    monkeypatch.setattr(engine_inputs, "market", leaky)
    (finding,) = findings_of_cut(
        late.settings, late.prices, late.full, pd.Timestamp("2015-11-20", tz="UTC")
    )
    assert finding.series == "HYG"
    reason = "nothing can be computed with the data known then: HYG: has no row of 2016"
    assert reason in finding.text


@pytest.mark.parametrize("timeframe", ["1d", "4h"])
def test_nothing_moves_in_the_sample(timeframe: str, cache: Path):
    changes = [
        "prices.source=sample",
        f"prices.cache={cache}",
        f"exchange.timeframe={timeframe}",
        "backtest.start=2024-01-01",
    ]
    settings = load([], [*changes, "confirmations.liquidity.enabled=true"])
    report = find_lookahead(
        settings,
        load_prices(settings, known_until(settings, NOW + pd.Timedelta(days=5000))),
        cuts=2,
    )
    assert report.findings == ()
    assert (report.cuts, report.without_source) == (2, ())


@realdata
def test_nothing_moves_on_real_prices(cache: Path):
    settings = load([], ["prices.source=folder", f"prices.folder={REAL}", f"prices.cache={cache}"])
    report = find_lookahead(
        settings, load_prices(settings, pd.Timestamp.now(tz="UTC")), cuts=6, seed=1
    )
    assert report.findings == ()
    assert (report.cuts, report.rescalings, report.without_source) == (6, 4, ())
