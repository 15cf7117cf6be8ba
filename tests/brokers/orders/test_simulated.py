"""The simulated account inside a cerebro, driven by small strategies written here."""

from collections.abc import Callable
from typing import Any

import backtrader as bt
import pandas as pd
import pytest

from brokers.feeds import CoinFeed, GateFeed
from brokers.orders.fills import Costs
from brokers.orders.simulated import OrderRecord, SimulatedBroker

NAN = float("nan")
FREE = Costs(0.0, 0.0, 0.0)
DAYS = pd.date_range("2020-01-02", periods=10, freq="D", tz="UTC")
AT = [int(day.timestamp()) for day in DAYS]
Script = Callable[[Any, int], None]


def coin(
    closes: list[float],
    stale: list[float] | None = None,
    opens: list[float] | None = None,
    index: pd.DatetimeIndex = DAYS,
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"open": opens or closes, "high": closes, "low": closes, "close": closes, "volume": 1.0},
        index[: len(closes)],
    )
    return frame.assign(own_average=NAN, volatility=NAN, stale=stale or [0.0] * len(closes))


def play(
    step: Script,
    frames: dict[str, pd.DataFrame],
    *,
    cash: float = 1000.0,
    costs: Costs = FREE,
    cash_yield: float = 0.0,
    steps: float = 0.0,
    gate: pd.DataFrame | None = None,
) -> tuple[SimulatedBroker, list[tuple[str, float, float]]]:
    """Run `step(strategy, bar)` at every bar.

    Return the broker and the notifications the strategy got.
    """
    told: list[tuple[str, float, float]] = []

    class Player(bt.Strategy):
        def __init__(self) -> None:
            self.bar = -1

        def prenext(self) -> None:
            self.next()

        def next(self) -> None:
            self.bar += 1
            step(self, self.bar)

        def notify_order(self, order: Any) -> None:
            told.append((order.getstatusname(), order.executed.size, order.executed.price))

    cerebro = bt.Cerebro(stdstats=False)
    feeds = [CoinFeed(dataname=frame) for frame in frames.values()]
    for name, feed in zip(frames, feeds, strict=True):
        cerebro.adddata(feed, name=name)
    if gate is not None:
        cerebro.adddata(GateFeed(dataname=gate), name="gate")
    broker = SimulatedBroker(
        feeds,
        cash,
        costs,
        steps=dict.fromkeys(frames, steps),
        max_missing=3,
        cash_yield=cash_yield,
    )
    cerebro.setbroker(broker)
    cerebro.addstrategy(Player)
    cerebro.run()
    return broker, told


def orders(plan: dict[int, float]) -> Script:
    """Trade `plan[bar]` units of the first coin."""

    def step(strategy: Any, bar: int) -> None:
        if size := plan.get(bar):
            (strategy.buy if size > 0 else strategy.sell)(data=strategy.datas[0], size=abs(size))

    return step


def test_a_buy_and_a_sell_by_hand() -> None:
    frame = coin([100.0, 110.0, 120.0, 130.0], opens=[99.0, 104.0, 116.0, 125.0])
    broker, _ = play(orders({0: 5.0, 2: -2.0}), {"BTC": frame}, costs=Costs(0.01, 0.005, 0.0))
    bought, sold = 104.0 * 1.005, 125.0 * 0.995
    assert broker.records == [
        OrderRecord(AT[0], AT[1], "BTC", 5.0, bought, 5 * bought * 0.01, "filled"),
        OrderRecord(AT[2], AT[3], "BTC", -2.0, sold, pytest.approx(2 * sold * 0.01), "filled"),
    ]
    cash = 1000.0 - 5 * bought * 1.01 + 2 * sold * 0.99
    assert broker.getcash() == pytest.approx(cash, rel=1e-14)
    assert broker.getvalue() == pytest.approx(cash + 3 * 130.0, rel=1e-14)
    assert broker.fundvalue == pytest.approx((cash + 3 * 130.0) / 1000.0, rel=1e-14)


def test_value_of_chosen_coins_is_without_cash() -> None:
    broker, _ = play(orders({0: 5.0}), {"BTC": coin([100.0, 100.0, 120.0]), "ETH": coin([1.0] * 3)})
    bitcoin, ether = broker._coins
    assert (
        broker.getvalue([bitcoin]),
        broker.getvalue([ether]),
        broker.getvalue([bitcoin, ether]),
    ) == (600.0, 0.0, 600.0)


def test_nothing_fills_on_a_missing_bar_and_the_order_waits() -> None:
    broker, _ = play(
        orders({0: 5.0}), {"BTC": coin([100.0, 100.0, 100.0, 90.0], [0.0, 1.0, 2.0, 0.0])}
    )
    assert [(one.decided, one.filled, one.price) for one in broker.records] == [
        (AT[0], AT[3], 90.0)
    ]


def test_an_ended_coin_fills_at_its_last_price() -> None:
    broker, _ = play(
        orders({0: 5.0, 4: -5.0}),
        {"BTC": coin([100.0, 100.0, 80.0, 80.0, 80.0, 80.0], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0])},
    )
    assert [(one.filled, one.price) for one in broker.records] == [(AT[1], 100.0), (AT[5], 80.0)]


def test_an_order_decided_while_the_coin_ends_fills_from_the_third_missing_bar() -> None:
    broker, _ = play(
        orders({0: 5.0, 1: -5.0}),
        {"BTC": coin([100.0, 80.0, 80.0, 80.0, 80.0], [0.0, 0.0, 1.0, 2.0, 3.0])},
    )
    assert broker.records[1].filled == AT[4]


def test_a_cancelled_order_never_fills() -> None:
    def step(strategy: Any, bar: int) -> None:
        if bar == 0:
            strategy.buy(data=strategy.datas[0], size=5.0)
        if bar == 1:
            for order in strategy.broker.get_orders_open():
                strategy.cancel(order)
            assert strategy.broker.get_orders_open() == []

    broker, told = play(step, {"BTC": coin([100.0] * 4, [0.0, 1.0, 0.0, 0.0])})
    assert broker.records == [OrderRecord(AT[0], None, "BTC", 5.0, 0.0, 0.0, "cancelled")]
    assert broker.getcash() == 1000.0
    assert [name for name, _, _ in told][-1] == "Canceled"


def test_notifications_tell_what_filled() -> None:
    _, told = play(
        orders({0: 5.0}), {"BTC": coin([100.0, 104.0, 104.0])}, costs=Costs(0.0, 0.01, 0.0)
    )
    assert told[0][0] == "Accepted"
    assert told[-1] == ("Completed", 5.0, pytest.approx(104.0 * 1.01))
    assert len(told) == 2


def test_an_order_without_cash_is_reported_as_margin_and_recorded() -> None:
    broker, told = play(orders({0: 5.0}), {"BTC": coin([100.0] * 3)}, cash=50.0, steps=1.0)
    assert told[-1][0] == "Margin"
    assert broker.records == [OrderRecord(AT[0], None, "BTC", 5.0, 0.0, 0.0, "no cash")]


def test_what_the_last_bar_decided_is_recorded_as_open() -> None:
    broker, _ = play(orders({1: 5.0}), {"BTC": coin([100.0] * 2)})
    assert broker.records == [OrderRecord(AT[1], None, "BTC", 5.0, 0.0, 0.0, "open")]


def test_a_sell_frees_cash_for_a_buy_at_the_same_open() -> None:
    def step(strategy: Any, bar: int) -> None:
        bitcoin, ether = strategy.datas
        if bar == 0:
            strategy.buy(data=bitcoin, size=10.0)
        if bar == 2:
            strategy.sell(data=bitcoin, size=10.0)
            strategy.buy(data=ether, size=100.0)

    broker, _ = play(step, {"BTC": coin([100.0] * 4), "ETH": coin([5.0] * 4)})
    assert [one.size for one in broker.records] == pytest.approx([10.0, -10.0, 100.0])
    assert broker.getcash() == pytest.approx(500.0)


def test_interest_is_paid_on_the_cash_of_the_bar_before() -> None:
    """A day on 1000, then all but nothing is spent at the open of bar 1.

    The first day's interest is there already.
    """
    rate = 0.05
    seen: list[float] = []

    def step(strategy: Any, bar: int) -> None:
        seen.append(strategy.broker.getcash())
        if bar == 1:
            strategy.buy(data=strategy.datas[0], size=5.0)

    play(step, {"BTC": coin([100.0] * 4)}, cash_yield=rate)
    day = (1 + rate) ** (1 / 365)
    assert seen == pytest.approx(
        [1000.0, 1000 * day, 1000 * day**2 - 500, (1000 * day**2 - 500) * day], rel=1e-14
    )


def test_interest_follows_time_not_bars() -> None:
    """A gate row between two coin bars pays nothing twice.

    A weekend without bars pays for its days.
    """
    index = DAYS[[0, 1, 5]]
    gate = pd.DataFrame(
        {"state": 0.0, "ceiling": 0.0, "filled": 0.0, "confirmed_at": NAN, "stale": 0.0},
        DAYS[:5] + pd.Timedelta(hours=7),
    )
    broker, _ = play(
        lambda strategy, bar: None,
        {"BTC": coin([100.0] * 3, index=index)},
        cash_yield=0.05,
        gate=gate,
    )
    assert broker.getcash() == pytest.approx(1000.0 * 1.05 ** (5 / 365), rel=1e-13)


def test_limits_are_the_coins_own() -> None:
    broker, _ = play(
        lambda strategy, bar: None, {"BTC": coin([1.0])}, costs=Costs(0.0, 0.0, 7.0), steps=0.25
    )
    assert broker.limits(broker._coins[0]) == (0.25, 7.0)


def asked(closes: list[float], since: list[float]) -> list[float]:
    """Largest drawdown told at each bar.

    10 of 1000 cash are in one coin bought at 100, the rest is held in cash too.
    """
    found: list[float] = []

    def step(strategy: Any, bar: int) -> None:
        if bar == 0:
            strategy.buy(data=strategy.datas[0], size=10.0)
        found.append(strategy.broker.largest_drawdown(since[bar]))

    play(step, {"BTC": coin(closes, opens=[100.0] * len(closes))})
    return found


def test_the_largest_drawdown_is_kept_after_a_recovery() -> None:
    assert asked([100.0, 120.0, 90.0, 150.0, 140.0], [1.0] * 5) == pytest.approx(
        [0.0, 0.0, 0.25, 0.25, 0.25]
    )


def test_a_new_confirmation_begins_a_new_drawdown() -> None:
    assert asked([100.0, 120.0, 90.0, 90.0, 81.0], [1.0, 1.0, 1.0, 2.0, 2.0]) == pytest.approx(
        [0.0, 0.0, 0.25, 0.0, 0.1]
    )


def test_before_any_confirmation_there_is_no_drawdown() -> None:
    assert asked([100.0, 120.0, 60.0, 60.0, 45.0], [NAN, NAN, NAN, 5.0, 5.0]) == pytest.approx(
        [0.0, 0.0, 0.0, 0.0, 0.25]
    )


def test_positions_are_those_of_the_fills() -> None:
    broker, _ = play(orders({0: 5.0, 1: 2.0, 2: -3.0}), {"BTC": coin([100.0] * 5)})
    assert broker.getposition(broker._coins[0]).size == pytest.approx(4.0)
    assert broker.getcash() == pytest.approx(600.0)
