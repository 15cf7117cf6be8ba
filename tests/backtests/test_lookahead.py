"""Nothing from the future: cuts and later dividends move nothing, and leaks planted on purpose are seen."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load
from strategies import confirmations
from tests.backtests import lookahead
from tests.backtests.lookahead import Outcome, first_moved, first_moved_by_dividend, first_moved_in_files, instants, outcome
from tests.price_folder import edit, overrides
from tests.scenes import REAL, realdata

NOW = pd.Timestamp("2017-01-02", tz="UTC")
EASY = ["gate.base_sessions=10", "gate.rearm_sessions=2", "gate.min_confirmations=1", "gate.trend_sessions=20", "risk_curve.broad_sessions=10"]
EASY += ["confirmations.breadth.sessions=5", "confirmations.leadership.sessions=5", "confirmations.credit.sessions=5", "allocation.own_trend_days=5"]
EASY += ["allocation.own_trend=and", "allocation.target_volatility=0.3", "allocation.volatility_days=5", "allocation.drawdown_stop=0.1"]
QUIET, ENDS_IN_SPELL = pd.Timestamp("2013-05-15 03:00", tz="UTC"), pd.Timestamp("2016-03-02 21:30", tz="UTC")


class Scene(NamedTuple):
    """Settings, prices, and what follows from them."""

    settings: Settings
    prices: Prices
    full: Outcome


def scene(folder: Path, cache: Path, *changes: str) -> Scene:
    settings = load([], [*overrides(folder, cache), *changes])
    prices = load_prices(settings, NOW)
    return Scene(settings, prices, outcome(settings, prices))


@pytest.fixture(scope="module")
def plain(whole_folder: Path, cache: Path) -> Scene:
    return scene(whole_folder, cache)


@pytest.fixture(scope="module")
def easy(whole_folder: Path, cache: Path) -> Scene:
    """Windows of a few sessions and every switch on: the gate opens often, and a leak has somewhere to show."""
    return scene(whole_folder, cache, *EASY)


def test_the_scenes_have_something_to_move(plain: Scene, easy: Scene):
    for settings, _, full in (plain, easy):
        states = full.table["state"]
        assert (states != states.shift()).sum() > 4
        assert sum(any(one.sizes) for one in full.decisions) > 20
        assert len(full.decisions[0].targets) == len(settings.coins)


@pytest.mark.parametrize("number", range(12))
def test_no_cut_moves_anything_before_it(number: int, plain: Scene, easy: Scene):
    settings, prices, full = (plain, easy)[number % 2]
    instant = list(instants(full, 12))[number]
    assert first_moved(settings, prices, instant, full) is None


@pytest.mark.parametrize("number", range(6))
def test_no_later_dividend_moves_a_decision(number: int, easy: Scene):
    settings, prices, full = easy
    instant = list(instants(full, 6, seed=7))[number]
    assert first_moved_by_dividend(settings, prices, instant, full) is None


@pytest.mark.parametrize("instant", ["2014-03-08 12:00", "2014-11-28 18:30", "2014-11-28 18:29", "2015-07-22 20:29", "2015-07-22 20:31"])
def test_files_that_end_there_give_the_same_decisions(instant: str, easy: Scene):
    assert first_moved_in_files(easy.settings, pd.Timestamp(instant, tz="UTC"), easy.full) is None


def test_the_instants_are_where_leaks_would_show(plain: Scene):
    cuts = list(instants(plain.full, 200))
    table = plain.full.table
    changed = table.index[(table["state"] != table["state"].shift()).to_numpy()]
    near = [cut for cut in cuts if abs(table.index.searchsorted(cut) - table.index.searchsorted(changed)).min() <= lookahead.NEAR + 1]
    assert len(near) >= 100
    assert sum(cut.day_of_week >= 5 for cut in cuts) >= 20
    assert len(set(cuts)) > 150
    assert list(instants(plain.full, 200)) == cuts, "the same seed, the same cuts"


# Leaks planted on purpose: each must be seen.


def test_a_series_shifted_by_one_bar_is_seen(easy: Scene, monkeypatch: pytest.MonkeyPatch):
    from backtests import prepare

    honest = prepare.market

    def leaky(settings: Settings, prices: Prices) -> object:
        market = honest(settings, prices)
        return market._replace(broad=market.broad.shift(-1).ffill())

    monkeypatch.setattr(prepare, "market", leaky)
    assert first_moved(easy.settings, easy.prices, ENDS_IN_SPELL) is not None


def test_a_coin_shifted_by_one_bar_is_seen(easy: Scene, monkeypatch: pytest.MonkeyPatch):
    from backtests import prepare

    honest = prepare.coin_lines

    def leaky(*arguments: object) -> pd.DataFrame:
        lines = honest(*arguments)
        return lines.assign(own_average=lines["own_average"].shift(-1).ffill())

    monkeypatch.setattr(prepare, "coin_lines", leaky)
    assert "own_average" in str(first_moved(easy.settings, easy.prices, ENDS_IN_SPELL))


def test_a_bfill_is_seen_inside_a_gap(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    edit(folder / "daily/GSPC.csv", lambda rows: [row for row in rows if not "2016-03-01" <= row < "2016-03-05"])
    settings, prices, full = scene(folder, cache, *EASY)
    assert first_moved(settings, prices, ENDS_IN_SPELL, full) is None

    def leaky(values: np.ndarray, max_age: int) -> np.ndarray:
        return pd.Series(values).bfill().ffill().to_numpy()

    monkeypatch.setattr(confirmations, "carried", leaky)
    assert first_moved(settings, prices, ENDS_IN_SPELL) is not None


def test_a_full_sample_mean_is_seen(easy: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(confirmations, "excess", lambda values, window: values / np.nanmean(values) - 1)
    assert first_moved(easy.settings, easy.prices, QUIET) is not None


def test_a_record_that_knows_the_future_is_seen(easy: Scene, monkeypatch: pytest.MonkeyPatch):
    from strategies import gate

    honest = gate._average

    def leaky(close: np.ndarray, sessions: int) -> np.ndarray:
        return np.full(len(close), np.nanmax(honest(close, sessions)))

    monkeypatch.setattr(gate, "_average", leaky)
    assert first_moved(easy.settings, easy.prices, QUIET) is not None


def test_a_strategy_that_looks_at_the_next_bar_is_seen(easy: Scene, monkeypatch: pytest.MonkeyPatch):
    from strategies import russell_gate

    def leaky(strategy: russell_gate.RussellGate) -> object:
        decision = honest(strategy)
        coin = strategy.datas[1]
        tomorrow = coin.close.array[min(coin.close.idx + 1, len(coin.close.array) - 1)]
        return decision._replace(targets=(*decision.targets[:-1], tomorrow))

    honest = russell_gate.RussellGate._decide
    monkeypatch.setattr(russell_gate.RussellGate, "_decide", leaky)
    assert "decision" in str(first_moved(easy.settings, easy.prices, pd.Timestamp("2016-03-02", tz="UTC")))


def test_a_dividend_that_reaches_a_level_is_seen(easy: Scene, monkeypatch: pytest.MonkeyPatch):
    from backtests import prepare

    honest = prepare.market

    def leaky(settings: Settings, prices: Prices) -> object:
        level = prices.of("HYG").frame["adj_close"]
        return honest(settings, prices)._replace(small_caps=level)

    monkeypatch.setattr(prepare, "market", leaky)
    assert first_moved(easy.settings, easy.prices, QUIET) is None, "no cut shows it"
    assert first_moved_by_dividend(easy.settings, easy.prices, QUIET) is not None


@pytest.mark.parametrize("kind", ["coin", "session"])
def test_a_stamp_one_day_early_is_seen_in_the_files(kind: str, easy: Scene, monkeypatch: pytest.MonkeyPatch):
    """Cutting stamped prices cannot see a wrong stamp, cutting the files can."""
    from brokers.prices import clean

    honest = clean._known_at

    def leaky(request: object, origin: str, index: pd.DatetimeIndex, closes: pd.Series, delay: pd.Timedelta) -> pd.DatetimeIndex:
        known_at = honest(request, origin, index, closes, delay)
        if request.kind != kind:
            return known_at
        if kind == "coin":
            return known_at - pd.Timedelta(days=1)
        before = closes.iloc[closes.index.searchsorted(index[0]) - 1 :].iloc[: len(index)]
        return pd.DatetimeIndex(before) + delay

    monkeypatch.setattr(clean, "_known_at", leaky)
    prices = load_prices(easy.settings, NOW)
    full = outcome(easy.settings, prices)
    wednesday = pd.Timestamp("2016-03-02 12:00", tz="UTC")
    assert first_moved(easy.settings, prices, wednesday, full) is None, "invisible to cuts of stamped prices"
    assert first_moved_in_files(easy.settings, wednesday, full) is not None


@realdata
def test_no_cut_of_real_prices_moves_anything_before_it(cache: Path):
    settings = load([], ["prices.source=folder", f"prices.folder={REAL}", f"prices.cache={cache}"])
    prices = load_prices(settings, pd.Timestamp.now(tz="UTC"))
    full = outcome(settings, prices)
    moved = [first_moved(settings, prices, instant, full) for instant in instants(full, 6, seed=1)]
    moved.append(first_moved_by_dividend(settings, prices, next(instants(full, 1)), full))
    assert moved == [None] * 7
