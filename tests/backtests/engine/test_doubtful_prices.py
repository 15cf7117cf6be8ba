"""Which issues take a result's verdict: where they lie, of which series, and what the gate did."""

import pandas as pd
import pytest

from backtests.engine.doubtful_prices import (
    doubtful_prices,
    gaps,
    why_no_verdict,
    why_not_bitcoin,
)
from backtests.engine.inputs import Inputs
from brokers.prices.landmarks import LANDMARKS
from brokers.prices.series import DataIssue, Request
from tests.scenes import DAY, bars, changed, ends, gate_rows, written

DAYS = 40
GRID = ends(DAYS)
OPEN = range(10, 20)  # rows of the table in which the gate is open


def scene(*issues: DataIssue) -> Inputs:
    table = gate_rows([float(row in OPEN) for row in range(DAYS)], GRID)
    inputs = written({"BTC": bars([100.0] * DAYS, GRID)}, table)
    return inputs._replace(prices=inputs.prices._replace(issues=issues))


def issue(
    kind: str, severity: str, symbol: str, first: pd.Timestamp, last: pd.Timestamp
) -> DataIssue:
    return DataIssue(symbol, kind, severity, f"{symbol} is odd", first, last)


def gap(symbol: str, first: int, last: int) -> DataIssue:
    return issue("gap", "note", symbol, GRID[first], GRID[last])


def test_prices_without_an_issue_allow_a_verdict() -> None:
    assert (doubtful_prices(scene()), why_no_verdict(scene())) == ((), "")


def test_a_high_issue_in_the_window_takes_the_verdict_and_a_note_does_not() -> None:
    high = issue("jump", "high", "HYG", GRID[5], GRID[5])
    assert doubtful_prices(scene(high)) == (high,)
    assert "HYG is odd" in why_no_verdict(scene(high))
    assert doubtful_prices(scene(high._replace(severity="note"))) == ()
    assert "1 more caveat of this kind" in why_no_verdict(scene(high, high._replace(symbol="IEF")))


@pytest.mark.parametrize(
    ("symbol", "days", "counts"),
    [
        ("HYG", -399, 1),  # averages reach back a year
        ("HYG", -402, 0),
        ("^RUT", -402, 1),  # a record never ages
        ("^RUT", -9000, 1),
        ("^RUT", DAYS, 0),  # after the window
        ("HYG", DAYS, 0),
    ],
)
def test_an_issue_counts_where_a_rule_of_the_window_reads_it(
    symbol: str, days: int, counts: int
) -> None:
    at = GRID[0] + days * DAY
    assert len(doubtful_prices(scene(issue("jump", "high", symbol, at, at)))) == counts


@pytest.mark.parametrize(
    ("symbol", "first", "last", "counts"),
    [
        ("^RUT", 25, 33, 1),  # nobody knows what the gate was
        ("HYG", 25, 33, 0),
        ("HYG", 5, 15, 1),
        ("HYG", 15, 33, 1),
        ("HYG", 12, 18, 1),
        ("HYG", 2, 9, 0),
        ("BTC-USD", 9, 11, 1),
        ("BTC-USD", 20, 24, 0),
    ],
)
def test_a_gap_counts_where_the_gate_was_open_and_of_the_index_everywhere(
    symbol: str, first: int, last: int, counts: int
) -> None:
    inputs = scene(gap(symbol, first, last))
    assert len(doubtful_prices(inputs)) == counts
    assert gaps(inputs) == inputs.prices.issues


def test_a_gap_while_a_breakout_is_tested_counts() -> None:
    inputs = scene(gap("HYG", 25, 33))
    table = inputs.table.assign(state=inputs.table["state"].where(inputs.table.index != GRID[30]))
    tested = inputs._replace(table=table.fillna({"state": "testing"}))
    assert len(doubtful_prices(tested)) == 1


def test_a_gap_before_the_window_is_named_where_a_record_may_lie_in_it() -> None:
    index = issue("gap", "note", "^RUT", GRID[0] - 90 * DAY, GRID[0] - 30 * DAY)
    fund = index._replace(symbol="HYG")
    assert gaps(scene(index, fund)) == (index,)
    assert doubtful_prices(scene(index, fund)) == ()


def test_a_simulation_has_no_verdict_for_another_reason() -> None:
    inputs = scene(gap("^RUT", 12, 18))
    assert doubtful_prices(inputs._replace(prices=inputs.prices._replace(sample=True))) == ()


NAMES = "BTC-USD BTC btc XBT XBTUSD XXBTZUSD BTCUSDT BTC-USDT tBTCUSD BINANCE:BTCUSDT BTC.CC"
OTHERS = "XRP-USD XRP xrp ripple ETH-USD ETH-BTC ETHBTC BCH-USD bitcoin-cash WBTC-USD our-file"


def closes_of(symbol: str, factor: float = 1.0) -> pd.DataFrame:
    """Daily bars with the landmark closes of a coin, days between them filled."""
    days = pd.Series(LANDMARKS[symbol]) * factor
    closes = days.set_axis(pd.DatetimeIndex(days.index, tz="UTC") + pd.Timedelta(days=1))
    index = pd.date_range(closes.index[0], closes.index[-1], unit="ns", name="known_at")
    return bars(closes.reindex(index, method="ffill").tolist(), index)


def with_bitcoin(symbol: str, frame: pd.DataFrame | None = None, *, sample: bool = False) -> Inputs:
    """Benchmarks whose Bitcoin is `symbol`, with these prices or flat ones."""
    inputs = scene()
    settings = changed(inputs.settings, {"backtest.bitcoin": symbol})
    request = Request(symbol, "coin", "BTC/USDT")
    flat = next(iter(inputs.prices.series.values()))
    own = flat._replace(request=request, frame=flat.frame if frame is None else frame)
    prices = inputs.prices._replace(series={**inputs.prices.series, request: own}, sample=sample)
    return inputs._replace(settings=settings, prices=prices)


@pytest.mark.parametrize("symbol", NAMES.split())
def test_any_name_of_bitcoin_is_bitcoin(symbol: str) -> None:
    assert why_not_bitcoin(with_bitcoin(symbol)) == ""


@pytest.mark.parametrize("symbol", OTHERS.split())
def test_another_name_with_other_closes_is_not(symbol: str) -> None:
    for frame in (None, closes_of("ETH-USD"), closes_of("LTC-USD")):
        assert why_not_bitcoin(with_bitcoin(symbol, frame)).startswith(
            f"The benchmarks named after Bitcoin hold {symbol} (backtest.bitcoin): neither its name"
            " nor its closes are Bitcoin's."
        )


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.2])
def test_a_users_own_file_of_bitcoin_may_have_any_name(factor: float) -> None:
    """In euros, too, and whatever hour its days end at."""
    assert why_not_bitcoin(with_bitcoin("our-file", closes_of("BTC-USD", factor))) == ""
    assert why_not_bitcoin(with_bitcoin("our-file", closes_of("BTC-USD", 0.5))) != ""


def test_a_sample_has_no_verdict_to_lose() -> None:
    assert why_not_bitcoin(with_bitcoin("XRP-USD", sample=True)) == ""
