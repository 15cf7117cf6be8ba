"""Whose prices a file says it holds."""

import io

import pandas as pd
import pytest

from brokers.prices.dated_table import read_dated_table
from brokers.prices.labels import meaning_of
from brokers.prices.series import DataError, Request

FUND, COIN = Request("IWM", "session"), Request("BTC-USD", "coin", "BTC/USDT")
INDEX, RUSSELL = Request("^GSPC", "session"), Request("^RUT", "session")
DAYS = ("2024-01-31", "2024-02-01")


def with_column(name: str, labels: tuple[str, ...]) -> bytes:
    rows = (f"{day},{label},80.5\n" for day, label in zip(DAYS, labels, strict=True))
    return f"Date,{name},Close\n{''.join(rows)}".encode()


@pytest.mark.parametrize(
    ("request_", "labels"),
    [
        (COIN, "BTC/USDT BTCUSDT btc-usd BTC_USDC BTC XBT/USD XXBTZUSD tBTCUSD BINANCE:BTCUSDT"),
        (COIN, "USDT-BTC BTC.V BTC-USD.CC"),
        (COIN, "BTC=X BTC.X btc=x"),
        (FUND, "IWM iwm IWM.US NYSEARCA:IWM IWM.P"),
        (
            FUND,
            "IWM.PCX IWM-US US.IWM IWM:US IWM.OQ IWM.ARCA IWM_US IWM.NMS iwm.us US:IWM IWM:ARCX",
        ),
        (FUND, "IWM/USD"),
        (RUSSELL, "^RUT .RUT RUT.X RUT:IND RUT-US RTY RUT.INDX $RUT"),
        (INDEX, "^GSPC GSPC ^SPX .INX SP500 SPX:IND SPX.XO INX.X GSPC-US"),
    ],
)
def test_spellings_of_the_symbol_are_its_own(request_: Request, labels: str):
    assert [meaning_of(label, request_) for label in labels.split()] == ["own"] * len(
        labels.split()
    )


def test_spellings_of_several_words_are_its_own():
    for label in ("RTY Index", "RUT INDEX", "RTY INDEX"):
        assert meaning_of(label, RUSSELL) == "own"
    for label in ("IWM US Equity", "IWM UP Equity", "IWM US", "IWM UQ"):
        assert meaning_of(label, FUND) == "own"
    assert meaning_of("SPX Index", RUSSELL) == "other"


@pytest.mark.parametrize(
    ("request_", "labels"),
    [
        (COIN, "ETH/USDT ETHUSD eth-usd ethusd ETH tETHUSD BINANCE:ETHUSDT ETHUSDT.P BTC/EUR"),
        (COIN, "HYG.US ETHBTC SOLUSDT 1000PEPE/USDT"),
        (FUND, "HYG HYG.US VTWO NYSEARCA:HYG IWM.L ^RUT BTC-USD"),
        (FUND, "spy.us SPY-US us.spy SPY:US spy:us arca:spy RTY SPY.OQ IWM.DE"),
        (COIN, "ETH=X ETH.X eth.cc"),
        (INDEX, "^RUT SPY ES=F RTY RUT:IND"),
        (RUSSELL, "IWM SPX:IND RTY=F"),
    ],
)
def test_another_ticker_or_market_is_another(request_: Request, labels: str):
    assert [meaning_of(label, request_) for label in labels.split()] == ["other"] * len(
        labels.split()
    )


@pytest.mark.parametrize(
    ("request_", "label"),
    [
        (COIN, "Bitcoin"),
        (COIN, "BITCOIN"),
        (COIN, "2781"),
        (COIN, "BTCUSDT.P"),
        (FUND, "iShares Russell 2000 ETF"),
        (FUND, "RTYH4"),
        (FUND, "industry"),
    ],
)
def test_a_mere_name_proves_nothing(request_: Request, label: str):
    assert meaning_of(label, request_) == "name"


def test_a_name_from_the_settings_is_the_symbols_own():
    assert meaning_of("US500", INDEX, "US500") == "own"
    assert meaning_of("SPDR", INDEX) == "other"
    assert meaning_of("SPDR", INDEX, "SPDR") == "own"


@pytest.mark.parametrize(
    ("content", "request_", "says"),
    [
        (with_column("symbol", ("ETH/USDT",) * 2), COIN, "column symbol says ETH/USDT, and not"),
        (with_column("<TICKER>", ("HYG.US",) * 2), FUND, "column ticker says HYG.US, and not IWM"),
        (
            with_column("Symbol", ("ETHUSD", "ETHUSDT")),
            COIN,
            "column symbol says ETHUSD, ETHUSDT, and not",
        ),
        (
            b"Price,Close\nTicker,ETH-USD\nDate,\n2024-01-31,80.5\n2024-02-01,80.6\n",
            COIN,
            "the header says ETH-USD, and not BTC-USD; put the prices of BTC-USD in this file",
        ),
        (
            b"Date,\"('Close', 'HYG')\"\n2024-01-31,80.5\n2024-02-01,80.6\n",
            FUND,
            "the header says HYG, and not IWM",
        ),
    ],
)
def test_a_file_of_another_symbol_is_refused_by_name(content: bytes, request_: Request, says: str):
    with pytest.raises(DataError) as caught:
        read_dated_table(content, request_, origin="some.csv")
    assert f"some.csv: {says}" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "notes"),
    [
        (("BTC/USDT",) * 2, ()),
        (("Bitcoin",) * 2, ("read as: prices of Bitcoin",)),
        (("XBTUSD", "BTCUSD"), ()),
        (("ETHUSD", "BTCUSD"), ("read as: prices of BTCUSD, ETHUSD",)),
    ],
)
def test_a_label_that_proves_nothing_is_a_note(labels: tuple[str, str], notes: tuple[str, ...]):
    assert read_dated_table(with_column("symbol", labels), COIN, origin="o").notes == notes


def test_rows_of_several_symbols_with_a_suffix_are_told_by_it():
    rows = "".join(
        f"{day},{label}.US,{close}\n"
        for day in DAYS
        for label, close in (("HYG", 80.5), ("IWM", 190.5))
    )
    table = read_dated_table(f"Date,Ticker,Close\n{rows}".encode(), FUND, origin="o")
    assert table.frame["close"].tolist() == [190.5, 190.5]
    assert table.notes == ("read as: rows of IWM",)


@pytest.mark.parametrize("levels", [("price", "ticker"), ("ticker", "price")])
def test_parquet_of_several_tickers_gives_the_own_one(levels: tuple[str, str]):
    cells = {"price": "Close", "ticker": "HYG"}, {"price": "Close", "ticker": "IWM"}
    columns = pd.MultiIndex.from_tuples([tuple(cell[level] for level in levels) for cell in cells])
    days = pd.DatetimeIndex(DAYS, name="Date")
    content = io.BytesIO()
    pd.DataFrame([[80.5, 190.5], [80.6, 190.6]], days, columns).to_parquet(content)
    table = read_dated_table(content.getvalue(), FUND, origin="o")
    assert table.frame["close"].tolist() == [190.5, 190.6]
    assert table.notes == ("read as: prices of IWM among 2",)


def test_a_users_own_figures_may_name_what_they_are_about():
    content = b"Date,Ticker,Flow\n2024-01-31,ETH,1.5\n2024-02-01,ETH,2.5\n"
    table = read_dated_table(content, Request("flow", "macro"), origin="o", column="flow")
    assert (table.frame["value"].tolist(), table.notes) == ([1.5, 2.5], ())
