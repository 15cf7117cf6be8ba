"""Frames as backtrader feeds.

Every value on its bar, every bar at its instant, nothing before it is time.
"""

from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from brokers.feeds import CoinFeed, FrameFeed, GateFeed

NAN = float("nan")
COIN = ("open", "high", "low", "close", "volume", "own_average", "volatility", "stale")
GATE = ("state", "ceiling", "filled", "confirmed_at", "stale")


def coin(index: pd.DatetimeIndex, seed: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        np.random.default_rng(seed).random((len(index), len(COIN))), index, list(COIN)
    )


def gate(index: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(2).random((len(index), len(GATE))), index, list(GATE))


def watch(
    feeds: dict[str, FrameFeed], *, runonce: bool = True
) -> list[tuple[pd.Timestamp, dict[str, tuple[int, list[float]]]]]:
    """At each step: the instant and, for feeds that have a bar, their length and newest values."""
    seen: list[Any] = []

    class Watcher(bt.Strategy):
        def prenext(self) -> None:
            self.next()

        def next(self) -> None:
            instant = (
                pd.Timestamp(bt.num2date(self.lines.datetime[0])).round("s").tz_localize("UTC")
            )
            now = {}
            for data in self.datas:
                if len(data):
                    names = COIN if isinstance(data, CoinFeed) else GATE
                    now[data._name] = (len(data), [getattr(data.lines, name)[0] for name in names])
            seen.append((instant, now))

    cerebro = bt.Cerebro(stdstats=False)
    for name, feed in feeds.items():
        cerebro.adddata(feed, name=name)
    cerebro.addstrategy(Watcher)
    cerebro.run(runonce=runonce)
    return seen


def days(count: int, first: str = "2020-01-02", freq: str = "D") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, freq=freq, tz="UTC")


@pytest.mark.parametrize("freq", ["D", "h", "15min", "min"])
def test_every_value_is_on_its_bar_and_every_bar_at_its_instant(freq: str) -> None:
    frame = coin(days(50, freq=freq))
    seen = watch({"BTC": CoinFeed(dataname=frame)})
    assert [instant for instant, _ in seen] == frame.index.tolist()
    assert [now["BTC"][1] for _, now in seen] == frame.to_numpy().tolist()
    assert [now["BTC"][0] for _, now in seen] == list(range(1, 51))


def test_feeds_of_different_calendars_advance_in_order_of_time() -> None:
    first = coin(days(6))
    late = coin(days(3, "2020-01-05"), seed=3)
    rows = gate(days(5, "2020-01-01 21:30"))
    seen = watch(
        {
            "gate": GateFeed(dataname=rows),
            "BTC": CoinFeed(dataname=first),
            "ETH": CoinFeed(dataname=late),
        }
    )
    assert [instant for instant, _ in seen] == sorted({*first.index, *late.index, *rows.index})
    for instant, now in seen:
        for name, frame in (("gate", rows), ("BTC", first), ("ETH", late)):
            known = frame[frame.index <= instant]
            if known.empty:
                assert name not in now
            else:
                assert now[name] == (len(known), known.iloc[-1].tolist())


def test_bars_known_at_one_instant_come_together() -> None:
    index = days(4)
    seen = watch(
        {
            "gate": GateFeed(dataname=gate(index)),
            "BTC": CoinFeed(dataname=coin(index)),
            "ETH": CoinFeed(dataname=coin(index)),
        }
    )
    assert [(instant, sorted(now)) for instant, now in seen] == [
        (instant, ["BTC", "ETH", "gate"]) for instant in index
    ]


def test_a_feed_read_before_its_first_bar_shows_nothing_not_the_future() -> None:
    """A stock line shows its last value there; so it is with bars read beyond the first."""
    seen: list[list[float]] = []

    class Hasty(bt.Strategy):
        def prenext(self) -> None:
            late = self.datas[1]
            if len(late) < 2:
                seen.append(
                    [late.close[-1]] if len(late) else [line[0] for line in late.lines.lines]
                )

        def next(self) -> None:
            self.prenext()

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(CoinFeed(dataname=coin(days(6))), name="BTC")
    cerebro.adddata(CoinFeed(dataname=coin(days(3, "2020-01-05"), seed=3)), name="ETH")
    cerebro.addstrategy(Hasty)
    cerebro.run()
    assert [len(values) > 1 for values in seen] == [True] * 3 + [False], (
        "three days before the first bar, then the first"
    )
    assert all(value != value for values in seen for value in values)


def test_values_may_be_unknown() -> None:
    frame = coin(days(3)).assign(own_average=[NAN, 1.0, NAN])
    column = [
        now["BTC"][1][COIN.index("own_average")]
        for _, now in watch({"BTC": CoinFeed(dataname=frame)})
    ]
    assert np.array_equal(column, [NAN, 1.0, NAN], equal_nan=True)


def test_a_frame_of_one_row_is_one_bar() -> None:
    assert len(watch({"BTC": CoinFeed(dataname=coin(days(1)))})) == 1


def test_instants_of_any_resolution_are_the_same() -> None:
    frame = coin(days(5))
    seen = [
        watch({"BTC": CoinFeed(dataname=frame.set_axis(frame.index.as_unit(unit)))})
        for unit in ("ns", "us", "s")
    ]
    assert seen[0] == seen[1] == seen[2]


def test_a_stock_pandas_feed_shows_the_same() -> None:
    class Stock(bt.feeds.PandasData):
        lines = ("own_average", "volatility", "stale")
        params = (("own_average", -1), ("volatility", -1), ("stale", -1), ("openinterest", None))

    frame = coin(days(30, freq="7h"))
    seen: list[list[float]] = []

    class Watcher(bt.Strategy):
        def next(self) -> None:
            seen.append(
                [self.data.datetime[0], *(getattr(self.data.lines, name)[0] for name in COIN)]
            )

    for feed in (
        CoinFeed(dataname=frame),
        Stock(dataname=frame.set_axis(frame.index.tz_convert(None))),
    ):
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.adddata(feed)
        cerebro.addstrategy(Watcher)
        cerebro.run()
    ours, stock = seen[:30], seen[30:]
    assert len(stock) == 30
    np.testing.assert_allclose(ours, stock, rtol=1e-14)


def test_a_frame_is_not_changed_by_being_read() -> None:
    frame = coin(days(5))
    before = frame.copy()
    watch({"BTC": CoinFeed(dataname=frame)})
    pd.testing.assert_frame_equal(frame, before)
