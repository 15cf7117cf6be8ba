"""Our lean parts against backtrader's own, and every known trap of backtrader."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run, simulate
from strategies.decision import Decision, GateLine
from strategies.gate import GATE_LINES, gate_lines
from strategies.russell_gate import RussellGate
from tests.backtests.parity import SEED, real
from tests.scenes import REAL, bars, ends, gate_rows, random_backtest, realdata, written

NAN = float("nan")
EPOCH = bt.date2num(datetime(1970, 1, 1))

# --- stock parts ----------------------------------------------------------------------------------


class StockGate(bt.feeds.PandasData):
    lines = GATE_LINES
    params = (
        *tuple((name, -1) for name in GATE_LINES),
        ("open", None),
        ("high", None),
        ("low", None),
        ("close", None),
        ("volume", None),
    )


class StockCoin(bt.feeds.PandasData):
    lines = ("own_average", "volatility", "stale")
    params = (("own_average", -1), ("volatility", -1), ("stale", -1), ("openinterest", None))


class StockBroker(bt.brokers.BackBroker):
    """Backtrader's own broker; it only learns the two questions that RussellGate asks.

    Asked for the position in a coin, it would go on to value it, and so read a feed that has no bar
    yet.
    """

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        costs = inputs.costs
        self.set_cash(inputs.settings.backtest.cash)
        self.set_checksubmit(False)
        self.setcommission(commission=costs.fee)
        self.set_slippage_perc(costs.slippage, slip_open=True, slip_match=True, slip_out=True)
        self._steps = {name: inputs.settings.coin_step(name) for name in inputs.coins}
        self._min_notional = costs.min_notional
        self._since, self._values = NAN, [0.0]

    def get_orders_open(self, safe: bool = False) -> list[Any]:  # noqa: FBT001, FBT002  # backtrader's
        return [order for order in self.pending if order is not None]

    def getposition(self, data: Any) -> Any:
        return self.positions.get(data) or bt.Position()

    def limits(self, data: Any) -> tuple[float, float]:
        return self._steps[data._name], self._min_notional

    def largest_drawdown(self, since: float) -> float:
        if since != self._since:
            self._since, self._values = since, []
        self._values.append(self.getvalue())
        values = np.array(self._values)
        return float((1 - values / np.maximum.accumulate(values)).max()) if since == since else 0.0


class Stock(NamedTuple):
    decisions: list[Decision]
    fills: list[tuple[Any, ...]]


def stock(inputs: Inputs, *, runonce: bool) -> Stock:
    """The same strategy class on stock feeds, stock broker, stock cerebro."""

    class Noting(RussellGate):
        def notify_order(self, order: Any) -> None:
            if order.status == order.Completed:
                done = order.executed
                when = round((done.dt - EPOCH) * 86400)
                fills.append((when, order.data._name, done.size, done.price, done.comm))

    def naive(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.set_axis(pd.DatetimeIndex(frame.index).tz_convert(None))

    gate = gate_lines(inputs.table)
    before = max(sum(gate.index <= inputs.grid[0]) - 1, 0)
    gate = gate[before:][gate.index[before:] <= inputs.grid[-1]]
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(StockGate(dataname=naive(gate)), name="gate")
    for name, lines in inputs.coins.items():
        cerebro.adddata(StockCoin(dataname=naive(lines)), name=name)
    cerebro.setbroker(StockBroker(inputs))
    decisions: list[Decision] = []
    fills: list[tuple[Any, ...]] = []
    cerebro.addstrategy(Noting, rules=inputs.rules, record=decisions.append)
    cerebro.run(runonce=runonce)
    return Stock(decisions, fills)


def unclipped(inputs: Inputs) -> Inputs:
    """The same with so much cash held back that no gap clips a buy, all bars there, and no
    interest: what a stock broker can do.

    Without crumbs, too: the rounding of an equity of thousands is a large share of an order of a
    billionth.
    """
    rules = inputs.rules._replace(cash_reserve=0.5)
    settings = inputs.settings.model_copy(
        update={"costs": inputs.settings.costs.model_copy(update={"cash_yield": 0.0})}
    )
    coins = {name: lines.assign(stale=0.0) for name, lines in inputs.coins.items()}
    return inputs._replace(
        rules=rules,
        settings=settings,
        coins=coins,
        costs=inputs.costs._replace(min_notional=max(inputs.costs.min_notional, 1.0)),
    )


def assert_equal_runs(ours: Run, theirs: Stock) -> None:
    times, equity = zip(*((one.time, one.equity) for one in ours.decisions), strict=True)
    other_times, other_equity = zip(
        *((one.time, one.equity) for one in theirs.decisions), strict=True
    )
    assert times == other_times
    np.testing.assert_allclose(equity, other_equity, rtol=1e-12)
    fills = [
        (one.filled, one.symbol, one.size, one.price, one.fee)
        for one in ours.orders
        if one.status == "filled"
    ]
    assert [fill[:2] for fill in fills] == [fill[:2] for fill in theirs.fills]
    np.testing.assert_allclose(
        [fill[2:] for fill in fills], [fill[2:] for fill in theirs.fills], rtol=1e-11
    )


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("runonce", [True, False])
def test_stock_backtrader_trades_the_same(number: int, *, runonce: bool) -> None:
    inputs = unclipped(random_backtest(np.random.default_rng((SEED + 1, number))))
    ours = simulate(inputs)
    assert not any(one.status in {"no cash", "cancelled"} for one in ours.orders), (
        "clipped or cancelled: compare something else"
    )
    assert_equal_runs(ours, stock(inputs, runonce=runonce))


@realdata
@pytest.mark.parametrize("runonce", [True, False])
def test_stock_backtrader_trades_the_same_on_real_prices(*, runonce: bool) -> None:
    traded = 0
    for _, one in real(4, REAL, seed=6):
        inputs = unclipped(one)
        ours = simulate(inputs)
        assert_equal_runs(ours, stock(inputs, runonce=runonce))
        traded += len(ours.orders)
    assert traded > 20


def test_the_stock_comparison_trades() -> None:
    assert (
        sum(
            len(
                simulate(
                    unclipped(random_backtest(np.random.default_rng((SEED + 1, number))))
                ).orders
            )
            for number in range(8)
        )
        > 100
    )


# --- traps ----------------------------------------------------------------------------------------


def run(frames: Mapping[str, pd.DataFrame], ceilings: Sequence[float], **changes: Any) -> Run:
    """One gate row a day, known at the coin bar's end, so that day i's ceiling is what the decision
    at bar i sees.
    """
    first = min(frame.index[0] for frame in frames.values())
    known_at = pd.date_range(first, periods=len(ceilings), freq="D", unit="ns")
    return simulate(
        written(
            frames,
            gate_rows(ceilings, known_at),
            {name.replace("__", "."): value for name, value in changes.items()},
        )
    )


def positions(result: Run, symbol: str) -> list[float]:
    return np.cumsum(
        [one.size for one in result.orders if one.symbol == symbol and one.status == "filled"]
    ).tolist()


@pytest.mark.parametrize("own_trend", ["off", "and", "or"])
@pytest.mark.parametrize("unready", ["cash", "spread"])
@pytest.mark.parametrize("price", [1e-12, 1e12])
def test_a_coin_not_listed_yet_is_neither_read_nor_ordered(
    own_trend: str, unready: str, price: float
) -> None:
    """Whatever its future prices: all before listing is as in a world where they are others."""
    first = bars([100.0 + day for day in range(10)], ends(10))
    listed = ends(10)[6:]
    settings = {
        "allocation__own_trend": own_trend,
        "allocation__unready": unready,
        "allocation__own_trend_days": 1,
    }
    settings |= {"allocation__target_volatility": 0.5, "allocation__volatility_days": 2}
    planted = run(
        {"BTC": first, "ETH": bars([price, 2 * price, price, 3 * price], listed)},
        [1.0] * 10,
        **settings,
    )
    innocent = run(
        {"BTC": first, "ETH": bars([1.0, 1.0, 1.0, 1.0], listed)}, [1.0] * 10, **settings
    )
    before = int(listed[0].timestamp())

    def seen(result: Run) -> list[str]:
        return [repr(one) for one in result.decisions if one.time < before] + [
            repr(one) for one in result.orders if one.decided < before
        ]

    assert seen(planted) == seen(innocent)
    assert not any(one.symbol == "ETH" for one in planted.orders if one.decided < before)
    for one in planted.decisions[:6]:
        assert one.missing[1] != one.missing[1]
        assert (one.current[1], one.targets[1], one.sizes[1]) == (0.0, 0.0, 0.0)


def test_a_newly_listed_coin_is_bought_at_its_second_open_not_on_listing_day() -> None:
    frames = {
        "BTC": bars([100.0] * 6, ends(6)),
        "ETH": bars([10.0, 20.0, 20.0], ends(6)[3:], opens=[10.0, 16.0, 20.0]),
    }
    bought = [one for one in run(frames, [1.0] * 6).orders if one.symbol == "ETH" and one.filled]
    assert (bought[0].decided, bought[0].filled) == (
        int(ends(6)[3].timestamp()),
        int(ends(6)[4].timestamp()),
    )
    assert bought[0].price == 16.0


def test_a_sell_across_missing_bars_happens_once() -> None:
    """Decided on the bar before the hole, cancelled inside it, sold once on the bar after: never
    twice, never short.
    """
    frames = {
        "BTC": bars([100.0, 100.0, 100.0, NAN, NAN, 90.0, 90.0, 90.0], ends(8)),
        "ETH": bars([1.0] * 8, ends(8)),
    }
    result = run(frames, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    orders = [one for one in result.orders if one.symbol == "BTC"]
    assert [one.status for one in orders] == ["filled", "cancelled", "filled"]
    assert positions(result, "BTC") == [5.0, 0.0]
    days = [int(end.timestamp()) for end in ends(8)]
    assert (orders[1].decided, orders[2].decided, orders[2].filled, orders[2].price) == (
        days[2],
        days[5],
        days[6],
        90.0,
    )


def test_nothing_is_ever_short_or_in_debt() -> None:
    for number in range(10):
        inputs = random_backtest(np.random.default_rng((SEED + 2, number)))
        result = simulate(inputs)
        assert min((one.cash for one in result.decisions), default=0.0) >= 0.0
        for symbol in inputs.coins:
            assert min(positions(result, symbol), default=0.0) >= -1e-12
        assert all(share >= 0.0 for one in result.decisions for share in one.current)


def test_a_gap_at_the_open_clips_the_buy_to_the_cash_instead_of_rejecting_it() -> None:
    """All of 1000 at 100 would be 10; the open at 128 with fee 0.1 % and slippage 1 % leaves 1000 /
    (128 * 1.01 * 1.001).
    """
    frame = bars([100.0, 130.0, 130.0], ends(3), opens=[100.0, 128.0, 130.0])
    first = run({"BTC": frame}, [1.0, 1.0, 1.0], costs__fee=0.001, costs__slippage=0.01).orders[0]
    assert first.status == "filled"
    assert first.price == pytest.approx(128 * 1.01, rel=1e-15)
    assert first.size == pytest.approx(1000 / (128 * 1.01 * 1.001), rel=1e-14)
    assert first.size * first.price + first.fee <= 1000.0


def test_a_clipped_buy_is_a_whole_number_of_steps() -> None:
    frame = bars([100.0, 130.0, 130.0], ends(3), opens=[100.0, 128.0, 130.0])
    first = run({"BTC": frame}, [1.0, 1.0, 1.0], costs__step=0.5).orders[0]
    assert first.size == 7.5  # 1000 / 128 = 7.81


def test_what_is_left_below_the_minimum_notional_is_not_bought() -> None:
    frame = bars([100.0, 130.0, 130.0], ends(3), opens=[100.0, 2000.0, 130.0])
    first = run({"BTC": frame}, [1.0, 0.0, 0.0], costs__step=0.5).orders[0]
    assert (first.status, first.size, first.filled) == ("no cash", 10.0, None)


def test_a_coin_that_ended_is_closed_at_its_last_price_after_three_missing_bars() -> None:
    frames = {"BTC": bars([100.0] * 9, ends(9)), "ETH": bars([10.0, 10.0, 10.0, 8.0], ends(4))}
    result = run(frames, [1.0] * 9, allocation__band=0.9, costs__fee=0.01)
    sold = [one for one in result.orders if one.symbol == "ETH" and one.size < 0]
    days = [int(end.timestamp()) for end in ends(9)]
    # Last real bar is day 3; days 4, 5 and 6 are missing; the decision at day 6 closes it at the
    # next bar.
    held = positions(result, "ETH")[-2]
    assert [(one.decided, one.filled, one.status) for one in sold] == [(days[6], days[7], "filled")]
    assert (sold[0].price, sold[0].size) == (8.0, -held)
    assert sold[0].fee == pytest.approx(held * 8.0 * 0.01)
    assert [one.current[1] for one in result.decisions[7:]] == [0.0, 0.0]
    assert not any(one.symbol == "ETH" and one.decided > days[6] for one in result.orders)


def test_a_coin_that_misses_two_bars_is_kept_and_left_alone() -> None:
    frames = {
        "BTC": bars([100.0] * 7, ends(7)),
        "ETH": bars([10.0, 10.0, 10.0, NAN, NAN, 9.0, 9.0], ends(7)),
    }
    result = run(frames, [1.0] * 7, allocation__band=0.9)
    assert [one.size for one in result.orders if one.symbol == "ETH"] == pytest.approx([50.0])
    assert result.decisions[4].current[1] == pytest.approx(0.5)


def test_a_bar_of_the_gate_alone_decides_nothing() -> None:
    """Gate rows between the coin bars; a decision each coin bar, from the newest of them."""
    frame = bars([100.0] * 5, ends(5))
    between = frame.index.union(frame.index - pd.Timedelta(hours=12)).union(
        frame.index - pd.Timedelta(hours=6)
    )
    ceilings = np.linspace(0.05, 0.9, len(between))
    inputs = written({"BTC": frame}, gate_rows(ceilings, pd.DatetimeIndex(between)))
    result = simulate(inputs)
    assert [one.time for one in result.decisions] == [int(end.timestamp()) for end in frame.index]
    assert [one.gate.ceiling for one in result.decisions] == [
        ceilings[between.get_loc(end)] for end in frame.index
    ]


def test_coins_whose_bars_come_together_share_one_decision_a_bar() -> None:
    frames = {
        "BTC": bars([100.0] * 6, ends(6)),
        "ETH": bars([10.0] * 4, ends(6)[2:]),
        "SOL": bars([1.0] * 3, ends(6)[1:4]),
    }
    result = run(frames, [1.0] * 6)
    assert [one.time for one in result.decisions] == [int(end.timestamp()) for end in ends(6)]


def test_before_the_first_gate_row_nothing_is_held() -> None:
    frame = bars([100.0] * 6, ends(6))
    result = simulate(
        written({"BTC": frame}, gate_rows([1.0, 1.0], ends(6)[4:]), {"allocation.band": 0.5})
    )
    assert [one.gate.ceiling for one in result.decisions] == [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    assert [one.decided for one in result.orders] == [int(ends(6)[4].timestamp())]


def test_orders_fill_at_the_next_open_never_at_the_close_they_were_decided_at() -> None:
    frame = bars([100.0, 104.0, 90.0, 90.0], ends(4), opens=[100.0, 102.0, 95.0, 88.0])
    result = run({"BTC": frame}, [0.5, 0.5, 0.0, 0.0], allocation__band=0.5)
    assert [(one.decided, one.filled, one.price) for one in result.orders] == [
        (int(ends(4)[0].timestamp()), int(ends(4)[1].timestamp()), 102.0),
        (int(ends(4)[2].timestamp()), int(ends(4)[3].timestamp()), 88.0),
    ]
    assert result.orders[0].size == pytest.approx(5.0)
    assert [one.equity for one in result.decisions] == pytest.approx(
        [1000.0, 490 + 5 * 104, 490 + 5 * 90, 490 + 5 * 88]
    )


def test_each_number_of_a_decision_is_what_its_name_says() -> None:
    """Half of 1000 in two coins at 100 and 50; then they stand at 120 and 25, and a quarter is
    allowed.
    """
    frames = {
        "BTC": bars([100.0, 120.0], ends(2), opens=[100.0, 100.0]),
        "ETH": bars([50.0, 25.0], ends(2), opens=[50.0, 50.0]),
    }
    first, second = run(frames, [0.5, 0.25]).decisions
    assert first.gate == GateLine(2.0, 0.5, 0.0, float(ends(2)[0].timestamp()), 0.0)
    assert (first.time, first.equity, first.cash) == (int(ends(2)[0].timestamp()), 1000.0, 1000.0)
    assert (first.missing, first.current, first.targets) == ((0.0, 0.0), (0.0, 0.0), (0.25, 0.25))
    assert (first.gross, first.drawdown, first.sizes) == (0.5, 0.0, (2.5, 5.0))
    equity = 500.0 + 2.5 * 120 + 5 * 25
    assert (second.equity, second.cash) == (equity, 500.0)
    assert second.current == pytest.approx((300 / equity, 125 / equity))
    assert (second.targets, second.gross) == ((0.125, 0.125), 0.25)
    assert second.sizes == pytest.approx(
        ((0.125 * equity - 300) / 120, (0.125 * equity - 125) / 25)
    )
    assert second.drawdown == pytest.approx(1 - equity / 1000.0)


def test_what_the_last_bar_decides_stays_open() -> None:
    frame = bars([100.0, 100.0], ends(2))
    assert [(one.status, one.filled) for one in run({"BTC": frame}, [0.0, 1.0]).orders] == [
        ("open", None)
    ]


def test_a_run_is_the_same_twice() -> None:
    inputs = random_backtest(np.random.default_rng((SEED, 3)))
    assert repr(simulate(inputs)) == repr(simulate(inputs))
