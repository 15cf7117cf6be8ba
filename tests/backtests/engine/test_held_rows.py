"""Held closes in both engines, the live path and the checks: one row, whoever works it out."""

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.checks.lookahead import find_lookahead, findings_of_cut
from backtests.checks.parity import compare
from backtests.checks.snapshots import take_snapshot
from backtests.engine import arrays, kernel
from backtests.engine.inputs import Inputs, market, prepare_inputs
from backtests.engine.rules import gate_rules
from backtests.engine.simulation import simulate
from backtests.report.gate_reading import gate_reading, sentences
from backtests.runs.caveats import _about_data
from backtests.runs.replay import replay, replay_run
from backtests.runs.writer import order_list_hash
from backtests.tuning.search.evaluator import Evaluator
from brokers.journal.incident import Incident
from brokers.journal.opening import open_journal
from brokers.prices.load import Prices, load_prices
from brokers.prices.series import AcceptedClose
from config.settings import Settings, load, with_changes
from strategies.checked_market import sibling_of
from tests.backtests.tuning.evaluators import spaced
from tests.price_folder import overrides
from tests.scenes import REAL, realdata

NOW = pd.Timestamp("2017-01-02", tz="UTC")
# Symbol -> sessions and factors; the gate is open from 2013-06 to 2014 and from 2015-07 on.
BENT = {
    "^RUT": {"2013-12-10": 0.5, "2016-03-15": 10.0},
    "HYG": {"2014-02-04": 0.5, "2016-03-15": 0.5},
    "IEF": {"2015-11-03": 2.0},
    "^GSPC": {"2016-05-10": 0.93},  # which only its sibling tells
    "RSP": {"2016-08-09": 3.0},
}
CRASH = {"^RUT": "2016-09-20", "IWM": "2016-09-20"}  # from this session on a quarter lower


PRICES = ["Open", "High", "Low", "Close", "Adj Close"]


@pytest.fixture(scope="module")
def true(whole_folder: Path, cache: Path) -> Inputs:
    """Of the prices nobody bent."""
    return inputs_of(load(None, overrides(whole_folder, cache)))


@pytest.fixture(scope="module")
def settings(whole_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same prices with the closes of `BENT` bent and the crash of `CRASH`."""
    folder = tmp_path_factory.mktemp("bent") / "prices"
    shutil.copytree(whole_folder, folder)
    for symbol in {*BENT, *CRASH}:
        path = folder / "daily" / f"{symbol.removeprefix('^')}.csv"
        rows = pd.read_csv(path, index_col="Date")
        for day, factor in BENT.get(symbol, {}).items():
            rows.loc[day, PRICES] *= factor
        if symbol in CRASH:
            rows.loc[CRASH[symbol] :, PRICES] *= 0.75
        rows.to_csv(path)
    # Of a history such jumps are refused; here they are wanted.
    true = [f'prices.accepted."{name}"=[{", ".join(days)}]' for name, days in BENT.items()]
    return load(None, [*overrides(folder, cache), *true])


@pytest.fixture(scope="module")
def inputs(settings: Settings) -> Inputs:
    return inputs_of(settings)


def inputs_of(settings: Settings) -> Inputs:
    return prepare_inputs(settings, load_prices(settings, NOW))


def sessions(table: pd.DataFrame) -> dict[str, str]:
    """What is held, by day."""
    rows = table["held"][table["held"] != ""]
    return {f"{instant:%Y-%m-%d}": names for instant, names in rows.items()}


def test_four_series_are_compared_with_one_that_moves_with_them(true: Inputs) -> None:
    real = market(true.settings, true.prices)
    beside = {field: real.names[sibling_of(field)] for field in real.siblings}
    assert beside == {"small_caps": "IWM", "broad": "RSP", "RSP": "^GSPC", "XLI": "RSP"}
    total_return = true.prices.of("RSP").frame["adj_close"]
    pd.testing.assert_series_equal(real.siblings["XLI"], total_return)


def test_each_bent_close_is_held_in_its_session_and_no_other(inputs: Inputs) -> None:
    expected: dict[str, list[str]] = {}
    for symbol, days in (BENT | {"^RUT": {**BENT["^RUT"], CRASH["^RUT"]: 0.75}}).items():
        for day in days:
            expected.setdefault(day, []).append(symbol)
    assert sessions(inputs.table) == {
        day: ", ".join(names) for day, names in sorted(expected.items())
    }


def test_a_held_session_shows_the_row_before_it_stale(inputs: Inputs) -> None:
    table = inputs.table
    held = np.flatnonzero(table["held"] != "")
    own = ["session_close", "stale", "held", "closes_note"]
    pd.testing.assert_frame_equal(
        table.iloc[held].drop(columns=own).reset_index(drop=True),
        table.iloc[held - 1].drop(columns=own).reset_index(drop=True),
    )
    assert set(table["stale"].iloc[held]) == {1}
    assert (table["stale"] > 0).sum() == len(held)


def test_what_comes_back_leaves_the_other_rows_as_they_would_have_been(
    true: Inputs, inputs: Inputs
) -> None:
    """Up to the crash: states, levels and what may be held are those of the prices nobody bent, but
    for the held sessions themselves.
    """
    fresh = (inputs.table["stale"] == 0) & (inputs.table.index < CRASH["^RUT"])
    columns = ["close", "state", "reason", "level", "confirmed_at", "record"]
    pd.testing.assert_frame_equal(inputs.table.loc[fresh, columns], true.table.loc[fresh, columns])


def test_a_crash_that_is_confirmed_counts_with_both_of_its_closes(inputs: Inputs) -> None:
    """Two closes below the level and a third: the exit after `fail_sessions` is at the third
    session, the held one being the first.
    """
    row = int(
        np.flatnonzero(pd.DatetimeIndex(inputs.table.index).strftime("%Y-%m-%d") == CRASH["^RUT"])[
            0
        ]
    )
    assert inputs.settings.gate.fail_sessions == 3
    assert inputs.table["state"].iloc[row : row + 3].tolist() == [
        "confirmed",
        "confirmed",
        "dormant",
    ]
    assert inputs.rows["close"].iloc[row] == pytest.approx(
        0.75 * inputs.rows["close"].iloc[row - 1], rel=0.02
    )


@pytest.mark.parametrize("first", [0, 400, 995])
def test_the_kernels_gate_is_the_gate_table(inputs: Inputs, first: int) -> None:
    rules = gate_rules(inputs.settings)
    gate = arrays.sessions_of(inputs.rows)
    kernel.gate_of(
        gate,
        rules.breakout,
        np.array(rules.curve.ceilings),
        np.array(rules.curve.dormant_ceilings),
        first,
    )
    for name, got, line in zip(
        arrays.Gate._fields, gate.lines, arrays.gate_arrays(inputs.table), strict=True
    ):
        np.testing.assert_array_equal(got[first:], line[first:], err_msg=name)


def test_the_live_path_decides_as_the_backtest(settings: Settings, tmp_path: Path) -> None:
    late = inputs_of(
        with_changes(
            settings, {"backtest.start": "2016-08-01", "backtest.end": "2016-10-07"}, "test"
        )
    )
    run = simulate(late)
    parity = compare(replay_run(late, tmp_path / "replay.sqlite"), run, list(late.coins))
    assert parity.differences == ()
    assert parity.orders > 3


def test_a_search_trades_them_as_the_backtest(inputs: Inputs) -> None:
    """Current settings and a longer average: `session_rows` differ, held closes do not."""
    evaluator = Evaluator(
        inputs, spaced(inputs.settings, {"gate.trend_sessions": (150, 200)}), threads=1
    )
    for code, sessions in ((0, 150), (1, 200)):
        equity, _ = evaluator.curves(np.array([[code]], dtype=np.int16))
        rerun = simulate(
            inputs_of(with_changes(inputs.settings, {"gate.trend_sessions": sessions}, "test"))
        )
        np.testing.assert_allclose(
            equity[0], [decision.equity for decision in rerun.decisions], rtol=1e-9
        )


def test_a_reading_says_what_is_held_and_whether_it_was_confirmed(settings: Settings) -> None:
    prices = load_prices(settings, NOW)

    def lines(day: str) -> list[str]:
        return list(sentences(gate_reading(settings, prices.until(pd.Timestamp(day, tz="UTC")))))

    held, after = lines("2015-11-04"), lines("2015-11-05")
    assert held[1].startswith("The close of IEF of 2015-11-03 (+")
    assert held[1].endswith(
        "from the one before) is held until the next 3 confirm it: the row is that of the "
        "session before, exposure may not rise, and after 5 sessions all coins are sold."
    )
    assert (
        after[1]
        == "The close of IEF of 2015-11-03 was held and is not confirmed: it counts as missing."
    )


def test_a_backtest_names_the_closes_it_held(inputs: Inputs) -> None:
    found = [caveat.text for caveat in _about_data(inputs) if caveat.about == "held close"]
    assert len(found) == len(sessions(inputs.table))
    assert found[-1].startswith("the close of ^RUT of 2016-09-20 (-")


FRIDAY = date(2016, 8, 19)
WEEKEND = pd.Timestamp("2016-08-20 12:00", tz="UTC")  # the coins' bar of Saturday ends later


@pytest.fixture(scope="module")
def accepted(true: Inputs) -> Inputs:
    """On Saturday somebody stands by Friday's fall of `with_accepted_fall`."""
    return with_accepted_fall(true, WEEKEND)


def with_accepted_fall(true: Inputs, at: pd.Timestamp) -> Inputs:
    """High yield falls by a fifth on a Friday for good; `at` that instant somebody stands by it."""
    prices = true.prices
    request = next(request for request in prices.series if request.symbol == "HYG")
    series = prices.series[request]
    fallen = np.where(series.frame.index >= "2016-08-19", 0.8, 1.0)
    frame = series.frame.mul(fallen, axis=0)
    close = AcceptedClose("HYG", FRIDAY, float(frame["close"]["2016-08-19"].item()), "me", at)
    changed = prices._replace(
        series={**prices.series, request: series._replace(frame=frame)}, accepted=(close,)
    )
    window = {"backtest.start": "2016-08-10", "backtest.end": "2016-09-02"}
    return prepare_inputs(with_changes(true.settings, window, "test"), changed)


def test_an_accepted_close_counts_from_then_on_and_not_before(accepted: Inputs) -> None:
    """Friday's row is held; Saturday's says what Friday's closes say: credit fails."""
    table, known = accepted.table, accepted.table.index
    friday = known.get_loc(pd.Timestamp("2016-08-19 20:30", tz="UTC"))
    rows = table.iloc[friday - 1 : friday + 3]
    assert rows["held"].tolist() == ["", "HYG", "", ""]
    assert rows["stale"].tolist() == [0, 1, 0, 0]
    assert rows.index[2] == WEEKEND
    ceilings = accepted.settings.risk_curve.ceilings
    assert rows["ceiling"].tolist() == [ceilings[3], ceilings[3], ceilings[0], ceilings[0]]
    assert rows["session_close"].iloc[1] == rows["session_close"].iloc[2]
    assert rows["closes_note"].tolist()[2:] == [
        "the close of HYG of 2016-08-19 was held and is accepted: it counts from now on",
        "",
    ]
    assert len(table) == len(accepted.rows) + 1


def test_backtest_and_replay_agree_on_an_accepted_close(accepted: Inputs, tmp_path: Path) -> None:
    """The Saturday's bar sells, a day after the bar that saw the close held."""
    run = simulate(accepted)
    sold = [order.decided for order in run.orders if order.size < 0]
    ends = {int(pd.Timestamp(day, tz="UTC").timestamp()) for day in ("2016-08-21",)}
    assert ends <= set(sold)
    assert min(sold) >= int(WEEKEND.timestamp())
    parity = compare(replay_run(accepted, tmp_path / "replay.sqlite"), run, list(accepted.coins))
    assert parity.differences == ()


@pytest.mark.parametrize("oldest", [0, 5])
def test_a_search_trades_an_accepted_close_as_the_backtest(accepted: Inputs, oldest: int) -> None:
    """With no stale session allowed all is sold at the bar that sees the close held."""
    limit = with_changes(accepted.settings, {"gate.max_gate_age": oldest}, "test")
    inputs = prepare_inputs(limit, accepted.prices)
    evaluator = Evaluator(
        inputs, spaced(inputs.settings, {"gate.trend_sessions": (150, 200)}), threads=1
    )
    equity, _ = evaluator.curves(np.array([[1]], dtype=np.int16))
    run = simulate(inputs)
    expected = [decision.equity for decision in run.decisions]
    np.testing.assert_allclose(equity[0], expected, rtol=1e-9)
    sales = [order.decided for order in run.orders if order.size < 0]
    held_at = int(pd.Timestamp("2016-08-20", tz="UTC").timestamp())
    assert (held_at in sales) == (oldest == 0)


def test_until_it_is_accepted_nothing_may_rise_in_a_search_either(accepted: Inputs) -> None:
    """The bars before see the session before, and that it is one session old."""
    bars = arrays.bars_by_session(accepted)
    late = [
        f"{pd.Timestamp(bars.time[bar], unit='s'):%Y-%m-%d}" for bar in np.flatnonzero(bars.late)
    ]
    assert late == ["2016-08-20"]
    assert set(bars.late) == {0.0, 1.0}


def test_nobody_knows_before_what_is_accepted_later(accepted: Inputs) -> None:
    full = take_snapshot(accepted.settings, accepted.prices)
    for instant in (WEEKEND - pd.Timedelta(hours=10), WEEKEND - pd.Timedelta(seconds=1), WEEKEND):
        assert findings_of_cut(accepted.settings, accepted.prices, full, instant) == ()


KNOWN = pd.Timestamp("2016-08-19 20:30", tz="UTC")  # the instant Friday's closes are


@pytest.mark.parametrize("at", [KNOWN, KNOWN - pd.Timedelta(hours=2)])
def test_what_is_accepted_as_soon_as_it_is_known_is_never_shown_held(
    true: Inputs, tmp_path: Path, at: pd.Timestamp
) -> None:
    """One row an instant, in the table, the kernel, a replay and a search.

    Earlier than its close a session is accepted if `prices.publication_delay` is longer now.
    """
    inputs = with_accepted_fall(true, at)
    table = inputs.table
    assert table.index.is_unique and len(table) == len(inputs.rows)
    row = table.loc[KNOWN]
    ceilings = inputs.settings.risk_curve.ceilings
    assert (row["held"], row["stale"], row["ceiling"]) == ("", 0, ceilings[0])
    text = "the close of HYG of 2016-08-19 was held and is accepted: it counts from now on"
    assert row["closes_note"] == text

    bars, rules = arrays.bars_by_session(inputs), gate_rules(inputs.settings)
    assert set(bars.late) == {0.0}
    gate = arrays.sessions_of(inputs.rows)
    curve = np.array(rules.curve.ceilings), np.array(rules.curve.dormant_ceilings)
    kernel.gate_of(gate, rules.breakout, *curve, 0)
    for name, got, line in zip(
        arrays.Gate._fields, gate.lines, arrays.gate_arrays(table), strict=True
    ):
        np.testing.assert_array_equal(got, line, err_msg=name)

    run = simulate(inputs)
    saturday = int(pd.Timestamp("2016-08-20", tz="UTC").timestamp())
    assert saturday in {order.decided for order in run.orders if order.size < 0}
    parity = compare(replay_run(inputs, tmp_path / "replay.sqlite"), run, list(inputs.coins))
    assert parity.differences == ()
    space = spaced(inputs.settings, {"gate.trend_sessions": (150, 200)})
    equity, _ = Evaluator(inputs, space, threads=1).curves(np.array([[1]], dtype=np.int16))
    expected = [decision.equity for decision in run.decisions]
    np.testing.assert_allclose(equity[0], expected, rtol=1e-9)
    full = take_snapshot(inputs.settings, inputs.prices)
    for instant in (KNOWN - pd.Timedelta(seconds=1), KNOWN):
        assert findings_of_cut(inputs.settings, inputs.prices, full, instant) == ()


US = ("^RUT", "^GSPC", "IWM", "HYG", "IEF", "KRE", "XLI", "XBI", "RSP")
DAY = 86_400
FACTORS = (0.1, 0.5, 1.1, 2.0, 10.0, 0.0)  # the last: no close at all


def replayed(
    settings: Settings, prices: Prices, window: tuple[str, str], path: Path
) -> tuple[list[Incident], set[tuple[int, str, bool]]]:
    """What a replay has to say, and its orders: when, of what, whether to buy."""
    changes = {"backtest.start": window[0], "backtest.end": window[1]}
    inputs = prepare_inputs(with_changes(settings, changes, "test"), prices)
    incidents = replay(inputs, path)
    with open_journal(path, lambda: 0.0, locked=False) as journal:
        intents = journal.intents()
    return incidents, {(intent.time, intent.symbol, intent.size > 0) for intent in intents}


def with_bent_closes(prices: Prices, bends: Sequence[tuple[pd.Timestamp, str, float]]) -> Prices:
    """All prices of one session of one series times a factor, so for each of `bends`."""
    changed = dict(prices.series)
    for known_at, symbol, factor in bends:
        request = next(request for request in changed if request.symbol == symbol)
        frame = changed[request].frame.copy()
        if factor:
            frame.loc[known_at, ["open", "high", "low", "close", "adj_close"]] *= factor
        else:
            frame = frame.drop(known_at)
        changed[request] = changed[request]._replace(frame=frame)
    return prices._replace(series=changed)


@pytest.mark.parametrize(
    "factor", [0.9, *(pytest.param(each, marks=pytest.mark.proof) for each in FACTORS)]
)
def test_no_bent_close_orders_anything_in_a_replay_that_the_true_one_would_not(
    true: Inputs, tmp_path: Path, factor: float
) -> None:
    """Each series in a session of its own, the next one is true; each says so.

    While a close is held nothing rises: what would have been bought then is bought a day later.
    """
    window = ("2016-02-01", "2016-03-15")
    sessions = true.prices.sessions.index
    inside = sessions[(sessions > window[0]) & (sessions < window[1])][2:-2]
    every = len(inside) // len(US)
    bends = [(inside[number * every], symbol, factor) for number, symbol in enumerate(US)]
    assert every >= 2
    _, expected = replayed(true.settings, true.prices, window, tmp_path / "true.sqlite")
    bent_prices = with_bent_closes(true.prices, bends)
    told, orders = replayed(true.settings, bent_prices, window, tmp_path / "bent.sqlite")
    late = {(time - DAY, coin, is_buy) for time, coin, is_buy in orders - expected}
    assert late <= expected - orders
    assert all(is_buy for *_, is_buy in late)
    said = " ".join(incident.text for incident in told)
    for known_at, symbol, _ in bends:
        if factor:
            assert f"the close of {symbol} of {known_at:%Y-%m-%d} (" in said
    assert len(expected) >= 3


@realdata
def test_one_day_of_39_years_is_held_and_the_default_backtest_is_that_of_version_0_1(
    cache: Path,
) -> None:
    """The S&P's crash of 1987, confirmed the day after.

    The hash is a golden one: version 0.1 made it before closes were held.
    """
    inputs = prepare_inputs(*_real(cache))
    assert sessions(inputs.table) == {"1987-10-19": "^GSPC"}
    assert inputs.table["closes_note"]["1987-10-20"].tolist() == [
        "the close of ^GSPC of 1987-10-19 was held and is confirmed: it counts from now on"
    ]
    assert (
        order_list_hash(simulate(inputs).orders)
        == "87a9b5305ac2083dcf49444dc0106bcf181cb262cc588094b86df92a22fba3e0"
    )


def _real(cache: Path) -> tuple[Settings, Prices]:
    settings = load(
        None, ["prices.source=folder", f"prices.folder={REAL}", f"prices.cache={cache}"]
    )
    return settings, load_prices(settings, pd.Timestamp("2026-08-22", tz="UTC"))


def test_nothing_from_the_future_moves_a_row(settings: Settings) -> None:
    assert find_lookahead(settings, load_prices(settings, NOW), cuts=4).findings == ()
    full = take_snapshot(settings, load_prices(settings, NOW))
    for day in ("2016-05-10 21:00", "2016-09-21 02:00"):
        assert (
            findings_of_cut(settings, load_prices(settings, NOW), full, pd.Timestamp(day, tz="UTC"))
            == ()
        )
