"""Files as vendors and programs write them: the values and dates read from each.

Every file holds the same days and closes unless its case says so. They are written by hand here;
`test_dialects_at_random` lets pandas write others.
"""

import gzip
import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brokers.prices.dated_table import read_dated_table
from brokers.prices.series import DataError, Request

FUND = Request("IWM", "session")
COIN = Request("BTC-USD", "coin", "BTC/USDT")
HOURLY = COIN._replace(timeframe="1h")
MINUTES = COIN._replace(timeframe="1m")
MACRO = Request("WALCL", "macro")
NAN = float("nan")
DAYS = ["2024-01-31", "2024-02-01"]
HOURS = ["2024-01-31 00:00", "2024-01-31 01:00"]
CLOSES = [1947.34, 1950.5]
BINANCE = (
    "1706659200000,1990.55,2005.57,1945.02,1947.34,10.5,1706662799999,20,5,6,7,0\n"
    "1706662800000,1947.34,1960.00,1940.00,1950.50,11.5,1706666399999,20,5,6,7,0\n"
)
KLINES = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume"


# Without a header: an adjusted close, far below the close and moving with it, before the volume;
# Kraken's average price of a bar before the volume.
ADJUSTED = (
    "2024-01-31,80.0,81.0,79.0,80.5,60.375,5000\n2024-02-01,80.5,82.0,80.0,81.5,61.125,6000\n"
    "2024-02-02,81.5,81.9,80.5,81.0,60.75,7000\n"
)
AVERAGES = (
    "1706659200,80.0,81.0,79.0,80.5,79.1,5000,9\n1706745600,80.5,82.0,80.0,81.5,81.9,6000,9\n"
    "1706832000,81.5,81.5,81.5,81.5,0.0,0,0\n1706918400,81.5,81.9,80.5,81.0,80.6,7000,9\n"
)


class Dialect(NamedTuple):
    """A file and what is read from it: dates, closes, one other column, the note's facts."""

    name: str
    content: str | bytes
    facts: tuple[str, ...] = ()
    request: Request = FUND
    dates: list[str] = DAYS
    closes: list[float] = CLOSES
    other: tuple[str, list[float]] | None = None


def zipped(*files: tuple[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files:
            archive.writestr(name, text)
    return buffer.getvalue()


def locked(archive: bytes) -> bytes:
    """The archive, its flag of a password set in the file's header and in the directory."""
    content = bytearray(archive)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    return bytes(content)


PLAIN = "Date,Close\n2024-01-31,1947.34\n2024-02-01,1950.5\n"
DOWNLOADED = ("header lines of yfinance",)
YFINANCE = [
    Dialect(
        "yf.download().to_csv()",
        "Price,Adj Close,Close,High,Low,Open,Volume\nTicker,IWM,IWM,IWM,IWM,IWM,IWM\n"
        "Date,,,,,,\n2024-01-31,1900.1,1947.34,2005.57,1945.02,1990.55,3000\n"
        "2024-02-01,1905.2,1950.5,1960,1940,1947.34,4000\n",
        DOWNLOADED,
        other=("adj_close", [1900.1, 1905.2]),
    ),
    Dialect(
        "yf.download of several tickers",
        "Price,Close,Close,Volume,Volume\nTicker,HYG,IWM,HYG,IWM\nDate,,,,\n"
        "2024-01-31,77.1,1947.34,10,3000\n2024-02-01,77.2,1950.5,20,4000\n",
        (*DOWNLOADED, "prices of IWM among 2"),
        other=("volume", [3000, 4000]),
    ),
    Dialect(
        "yf.download(group_by='ticker')",
        "Ticker,IWM,IWM,HYG\nPrice,Open,Close,Close\nDate,,,\n"
        "2024-01-31,1990.55,1947.34,77\n2024-02-01,1947.34,1950.5,78\n",
        (*DOWNLOADED, "prices of IWM among 2"),
        other=("open", [1990.55, 1947.34]),
    ),
    Dialect(
        "yf.download().reset_index().to_csv(index=False)",
        "Date,Close,Open\n,IWM,IWM\n2024-01-31,1947.34,1990.55\n2024-02-01,1950.5,1947.34\n",
        DOWNLOADED,
        other=("open", [1990.55, 1947.34]),
    ),
    Dialect(
        "yf.download with a ticker too many",
        "Price,Close,Open\nTicker,IWM,HYG,IEF\nDate,,\n2024-01-31,1947.34,2\n2024-02-01,1950.5,2\n",
        (*DOWNLOADED, "prices of IWM among 2"),
    ),
    Dialect(
        "Ticker.history().to_csv() across the change of clocks",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
        "2024-03-08 00:00:00-05:00,1,2,1,1947.34,5,0.0,0.0\n"
        "2024-03-11 00:00:00-04:00,1,2,1,1950.5,6,0.5,0.0\n",
        dates=["2024-03-08", "2024-03-11"],
        other=("volume", [5, 6]),
    ),
    Dialect(
        "Ticker.history of a coin",
        "Date,Open,Close\n2024-01-31 00:00:00+00:00,1,1947.34\n"
        "2024-02-01 00:00:00+00:00,2,1950.5\n",
        request=COIN,
    ),
    Dialect(
        "yf.download of hours",
        "Price,Close,Volume\nTicker,BTC-USD,BTC-USD\nDatetime,,\n"
        "2024-01-31 00:00:00+00:00,1947.34,1\n2024-01-31 01:00:00+00:00,1950.5,2\n",
        DOWNLOADED,
        HOURLY,
        HOURS,
    ),
]
COINS = [
    Dialect(
        "CryptoDataDownload, hourly",
        "https://www.CryptoDataDownload.com\n"
        "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount\n"
        "1706662800000,2024-01-31 01:00:00,BTC/USDT,1947.34,1960,1940,1950.5,11.5,22000,9\n"
        "1706659200000,2024-01-31 00:00:00,BTC/USDT,1990.55,2005,1945,1947.34,10.5,20000,9\n",
        ("header in row 2", "volume from volume_btc", "epoch milliseconds", "newest row first"),
        HOURLY,
        HOURS,
        other=("volume", [10.5, 11.5]),
    ),
    Dialect(
        "CryptoDataDownload's epochs that change from seconds to milliseconds",
        "https://www.CryptoDataDownload.com\nunix,date,open,close\n"
        "1706662800000,2024-01-31 01:00:00,1,1950.5\n1706659200.0,2024-01-31 00:00:00,1,1947.34\n",
        ("header in row 2", "epoch seconds and milliseconds", "newest row first"),
        HOURLY,
        HOURS,
    ),
    Dialect(
        "CryptoDataDownload, daily",
        "https://www.CryptoDataDownload.com\nunix,date,symbol,close,Volume USDT,Volume BTC\n"
        "1706745600,2024-02-01,BTC/USDT,1950.5,20000,11.5\n"
        "1706659200,2024-01-31,BTC/USDT,1947.34,10000,10.5\n",
        ("header in row 2", "volume from volume_btc", "newest row first"),
        COIN,
        other=("volume", [10.5, 11.5]),
    ),
    Dialect(
        "CryptoDataDownload before 2021",
        "https://www.CryptoDataDownload.com\nDate,Symbol,Close,Volume BTC\n"
        "2024-01-31 01-AM,BTCUSDT,1950.5,2\n2024-01-31 12-AM,BTCUSDT,1947.34,1\n",
        (
            "header in row 2",
            "volume from volume_btc",
            "times without an offset as UTC",
            "newest row first",
        ),
        HOURLY,
        HOURS,
    ),
    Dialect(
        "Binance's public files, without a header",
        BINANCE,
        ("no header row: date, open, high, low, close, volume", "epoch milliseconds"),
        HOURLY,
        HOURS,
        other=("volume", [10.5, 11.5]),
    ),
    Dialect(
        "Binance's public files since 2025",
        BINANCE.replace("1706659200000", "1706659200000000").replace(
            "1706662800000", "1706662800000000"
        ),
        ("no header row: date, open, high, low, close, volume", "epoch microseconds"),
        HOURLY,
        HOURS,
    ),
    Dialect(
        "Binance's files joined across 2025",
        BINANCE.replace("1706662800000", "1706662800000000"),
        (
            "no header row: date, open, high, low, close, volume",
            "epoch milliseconds and microseconds",
        ),
        HOURLY,
        HOURS,
    ),
    Dialect(
        "Binance's futures files, with a header",
        f"{KLINES},taker_buy_quote_volume,ignore\n{BINANCE}",
        ("epoch milliseconds",),
        HOURLY,
        HOURS,
        other=("open", [1990.55, 1947.34]),
    ),
    Dialect(
        "a single flat bar of Binance",
        "1706659200000,1947.34,1947.34,1947.34,1947.34,0.0,1706662799999,0,0,0,0,0\n",
        ("no header row: date, open, high, low, close, volume", "epoch milliseconds"),
        HOURLY,
        HOURS[:1],
        CLOSES[:1],
    ),
    Dialect(
        "Kraken's files, without a header",
        "1706659200,1990.55,2005.57,1945.02,1947.34,10.5,44\n"
        "1706662800,1947.34,1960,1940,1950.5,11.5,40\n",
        ("no header row: date, open, high, low, close, volume", "epoch seconds"),
        HOURLY,
        HOURS,
        other=("volume", [10.5, 11.5]),
    ),
    Dialect(
        "Binance's zip file",
        zipped(("BTCUSDT-1h-2024-01.csv", BINANCE)),
        ("zip", "no header row: date, open, high, low, close, volume", "epoch milliseconds"),
        HOURLY,
        HOURS,
    ),
    Dialect(
        "Kaggle's minutes of Bitstamp, with rows without a trade",
        "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price\n"
        "1706659200,1990,1990,1940,1947.34,0.45,2.0,1945\n1706659260,NaN,NaN,NaN,NaN,NaN,NaN,NaN\n",
        ("volume from volume_(btc)", "epoch seconds"),
        MINUTES,
        ["2024-01-31 00:00", "2024-01-31 00:01"],
        [1947.34, NAN],
        other=("volume", [0.45, NAN]),
    ),
    Dialect(
        "Kaggle's newer minutes, with an empty row",
        "Timestamp,Open,High,Low,Close,Volume\n1706659200.0,1,1,1,1947.34,0.0\n"
        "1706659260.0,1,1,1,1950.5,0.5\n,,,,,\n",
        ("epoch seconds", "1 empty row left out"),
        MINUTES,
        ["2024-01-31 00:00", "2024-01-31 00:01"],
        other=("volume", [0.0, 0.5]),
    ),
    Dialect(
        "CoinMarketCap",
        "timeOpen;timeClose;name;open;high;low;close;volume;marketCap;timestamp\n"
        '"2024-02-01T00:00:00.000Z";"2024-02-01T23:59:59.999Z";"2781";1;2;1;1950.5;3;4;'
        '"2024-02-01T23:59:59.999Z"\n'
        '"2024-01-31T00:00:00.000Z";"2024-01-31T23:59:59.999Z";"2781";1;2;1;1947.34;3;4;'
        '"2024-01-31T23:59:59.999Z"\n',
        (
            "semicolon as separator",
            "prices of 2781",
            "23:59:59 as the end of a day",
            "newest row first",
        ),
        COIN,
    ),
    Dialect(
        "Alpha Vantage's coins in two currencies",
        "timestamp,open (EUR),close (EUR),open (USD),close (USD),volume\n"
        "2024-02-01,1,1800,2,1950.5,3\n2024-01-31,1,1790,2,1947.34,3\n",
        ("open from open_(usd)", "close from close_(usd)", "newest row first"),
        COIN,
    ),
    Dialect(
        "TradingView, a coin",
        "time,open,high,low,close,Volume\n1706659200,1,2,1,1947.34,5\n1706745600,1,2,1,1950.5,6\n",
        ("epoch seconds",),
        COIN,
    ),
    Dialect(
        "epoch nanoseconds",
        "Timestamp,Close\n1706659200000000000,1947.34\n1706662800000000000,1950.5\n",
        ("epoch nanoseconds",),
        HOURLY,
        HOURS,
    ),
    Dialect(
        "hours with an offset that changes",
        "Date,Close\n2024-03-10T01:00:00-05:00,1947.34\n2024-03-10T03:00:00-04:00,1950.5\n",
        (),
        HOURLY,
        ["2024-03-10 06:00", "2024-03-10 07:00"],
    ),
    Dialect(
        "MetaTrader",
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\n"
        "2024.01.31\t00:00:00\t1990.55\t2005\t1940\t1947.34\t5\t7\n"
        "2024.01.31\t01:00:00\t1947.34\t2005\t1940\t1950.50\t6\t8\n",
        ("tab as separator", "volume from vol", "times without an offset as UTC"),
        HOURLY,
        HOURS,
        other=("volume", [7, 8]),
    ),
    Dialect(
        "Dukascopy",
        "Gmt time,Open,High,Low,Close,Volume\n31.01.2024 00:00:00.000,1,2,1,1947.34,5\n"
        "31.01.2024 01:00:00.000,1,2,1,1950.5,6\n",
        ("day-first dates", "times without an offset as UTC"),
        HOURLY,
        HOURS,
    ),
    Dialect(
        "Dukascopy in local time",
        "Local time,Open,Close\n31.01.2024 01:00:00.000 GMT+0100,1,1947.34\n"
        "31.01.2024 02:00:00.000 GMT+0100,1,1950.5\n",
        ("day-first dates",),
        HOURLY,
        HOURS,
    ),
]
FUNDS = [
    Dialect(
        "Stooq",
        "Date,Open,High,Low,Close,Volume\r\n2024-01-31,1,2,1,1947.34,5\r\n"
        "2024-02-01,1,2,1,1950.5,6\r\n",
    ),
    Dialect(
        "Stooq's archive",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "IWM.US,D,20240131,000000,1,2,1,1947.34,5,0\nIWM.US,D,20240201,000000,1,2,1,1950.5,6,0\n",
        ("volume from vol", "dates as YYYYMMDD"),
        other=("volume", [5, 6]),
    ),
    Dialect(
        "Kaggle's files of all funds",
        "date,open,close,Name\n2024-01-31,1,9,HYG\n2024-02-01,1,9,HYG\n"
        "2024-01-31,1990.55,1947.34,IWM\n2024-02-01,1947.34,1950.5,IWM\n",
        ("rows of IWM",),
        other=("open", [1990.55, 1947.34]),
    ),
    Dialect(
        "contracts that change in a column, one row a day",
        "Date,Symbol,Close\n2024-01-31,RTYH4,1947.34\n2024-02-01,RTYM4,1950.5\n",
        ("prices of RTYH4, RTYM4",),
    ),
    Dialect(
        "Stooq in Polish",
        "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2024-01-31,1,2,1,1947.34,5\n"
        "2024-02-01,1,2,1,1950.5,6\n",
        (
            "open from otwarcie",
            "high from najwyzszy",
            "low from najnizszy",
            "close from zamkniecie",
            "volume from wolumen",
        ),
    ),
    Dialect(
        "Investing.com",
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"02/01/2024","1,950.50","1,947.34","1,960.00","1,940.00","-","0.16%"\n'
        '"01/31/2024","1,947.34","1,990.55","2,005.57","1,945.02","3.21B","-2.45%"\n',
        (
            "close from price",
            "volume from vol",
            "month-first dates",
            "thousands separators",
            "K, M, B as powers of ten",
            "newest row first",
        ),
        other=("volume", [3_210_000_000, NAN]),
    ),
    Dialect(
        "Investing.com before 2022",
        '"Date","Price","Open"\n"Feb 01, 2024","1,950.50","1,947.34"\n'
        '"Jan 31, 2024","1,947.34","1,990.55"\n',
        ("close from price", "month names", "thousands separators", "newest row first"),
        other=("open", [1990.55, 1947.34]),
    ),
    Dialect(
        "Investing.com in German",
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n'
        '"01.02.2024","1.950,50","1.947,34","1.960,00","1.940,00","41,23K","0,16%"\n'
        '"31.01.2024","1.947,34","1.990,55","2.005,57","1.945,02","5,5M","-2,45%"\n',
        (
            "open from eröffn",
            "high from hoch",
            "low from tief",
            "close from zuletzt",
            "volume from vol",
            "day-first dates",
            "decimal comma",
            "thousands separators",
            "K, M, B as powers of ten",
            "newest row first",
        ),
        other=("volume", [5_500_000, 41_230]),
    ),
    Dialect(
        "Nasdaq.com",
        "Date,Close/Last,Volume,Open,High,Low\n02/01/2024,$1950.50,N/A,$1947.34,$1960,$1940\n"
        "01/31/2024,$1947.34,41234500,$1990.55,$2005.57,$1945.02\n",
        (
            "close from close/last",
            "month-first dates",
            "amounts with a currency sign",
            "newest row first",
        ),
        other=("volume", [41_234_500, NAN]),
    ),
    Dialect(
        "Alpha Vantage, adjusted",
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
        "2024-02-01,1,2,1,1950.5,1905.2,5,0,1\n2024-01-31,1,2,1,1947.34,1900.1,6,0,1\n",
        ("adj close from adjusted_close", "newest row first"),
        other=("adj_close", [1900.1, 1905.2]),
    ),
    Dialect(
        "TradingView, a fund: epochs of the opening",
        "time,open,high,low,close,Volume\n1706711400,1,2,1,1947.34,5\n1706797800,1,2,1,1950.5,6\n",
        ("epoch seconds", "dates of sessions with their times of day"),
    ),
    Dialect(
        "GOOGLEFINANCE, with a short session",
        "Date,Close\n11/28/2024 16:00:00,1947.34\n11/29/2024 13:00:00,1950.5\n",
        ("month-first dates", "dates of sessions with their times of day"),
        dates=["2024-11-28", "2024-11-29"],
    ),
    Dialect(
        "epochs of midnight in UTC stand for the session's date",
        "Date,Close\n1706659200000,1947.34\n1706745600000,1950.5\n",
        ("epoch milliseconds",),
    ),
    Dialect(
        "ariva.de",
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n"
        "2024-02-01;1.947,34;1.960;1.940;1.950,5;1.000;2.000.000\n"
        "2024-01-31;1.990,55;2.005,57;1.945,02;1.947,34;1.000;2.100.000\n",
        (
            "semicolon as separator",
            "open from erster",
            "high from hoch",
            "low from tief",
            "close from schlusskurs",
            "volume from volumen",
            "decimal comma",
            "thousands separators",
            "newest row first",
        ),
        other=("high", [2005.57, 1960.0]),
    ),
    Dialect(
        "Excel in German, with its hint",
        "sep=;\r\nDatum;Schluss\r\n31.01.2024;1947,34\r\n01.02.2024;1950,5\r\n",
        (
            "semicolon as separator",
            "header in row 2",
            "close from schluss",
            "day-first dates",
            "decimal comma",
        ),
    ),
    Dialect(
        "Excel's Unicode text",
        "Date\tClose\r\n31/01/2024\t1947,34\r\n01/02/2024\t1950,5\r\n".encode("utf-16"),
        ("UTF-16", "tab as separator", "day-first dates", "decimal comma"),
    ),
    Dialect("UTF-16 without a mark", PLAIN.encode("utf-16-le"), ("UTF-16",)),
    Dialect("UTF-8 with a mark", PLAIN.encode("utf-8-sig")),
    Dialect(
        "a Latin-1 header",
        "Date,Close,Währung\n2024-01-31,1947.34,€\n2024-02-01,1950.5,x\n".encode("cp1252"),
        ("Latin-1 text",),
    ),
    Dialect(
        "Latin-1 names of columns that are read",
        "Datum;Eröffn.;Schluss\n31.01.2024;1990,55;1947,34\n01.02.2024;1947,34;1950,5\n".encode(
            "cp1252"
        ),
        (
            "Latin-1 text",
            "semicolon as separator",
            "open from eröffn",
            "close from schluss",
            "day-first dates",
            "decimal comma",
        ),
        other=("open", [1990.55, 1947.34]),
    ),
    Dialect("gzip", gzip.compress(PLAIN.encode(), mtime=0), ("gzip",)),
    Dialect("vertical bars", PLAIN.replace(",", "|"), ("vertical bar as separator",)),
    Dialect("line ends of old Macintosh programs", PLAIN.replace("\n", "\r")),
    Dialect(
        "two-digit years, month first",
        "Date,Close\n1/31/24,1947.34\n2/1/24,1950.5\n",
        ("two-digit years", "month-first dates"),
    ),
    Dialect(
        "day, name of the month, two-digit year",
        "Date,Close\n31-Jan-24,1947.34\n01-Feb-24,1950.5\n",
        ("two-digit years", "month names"),
    ),
    Dialect(
        "names of weekdays and months",
        'Date,Close\n"Wednesday, 31 January 2024",1947.34\n"Thursday, 1 February 2024",1950.5\n',
        ("month names",),
    ),
    Dialect(
        "JavaScript's dates",
        "Date,Close\nWed Jan 31 2024 00:00:00 GMT-0500 (Eastern Standard Time),1947.34\n"
        "Thu Feb 01 2024 00:00:00 GMT-0500 (Eastern Standard Time),1950.5\n",
        ("month names",),
    ),
    Dialect(
        "French names of months, narrow spaces between thousands",
        "Date;Dernier\n31 janv. 2024;1\u202f947,34\n1 févr. 2024;1\u202f950,50\n",
        (
            "semicolon as separator",
            "close from dernier",
            "month names",
            "decimal comma",
            "thousands separators",
        ),
    ),
    Dialect(
        "Swiss apostrophes",
        "Date;Close\n31.01.2024;1'947.34\n01.02.2024;1'950.50\n",
        ("semicolon as separator", "day-first dates", "thousands separators"),
    ),
    Dialect(
        "slashes, year first, one digit",
        "Date,Close\n2024/1/31,1947.34\n2024/2/1,1950.5\n",
    ),
    Dialect(
        "an index without a name",
        ",Open,Close\n2024-01-31,1,1947.34\n2024-02-01,2,1950.5\n",
    ),
    Dialect(
        "a separator at the end of each line",
        "Date,Close\n2024-01-31,1947.34,\n2024-02-01,1950.5,\n",
    ),
    Dialect(
        "a title and an empty line above the header",
        "iShares Russell 2000 ETF\nas of 2024-02-01\n\nDate,Close\n2024-01-31,1947.34\n"
        "2024-02-01,1950.5\n",
        ("header in row 4",),
    ),
    Dialect(
        "cells without a value",
        "Date,Open,Close\n2024-01-31,null,1947.34\n2024-02-01,N/A,NaN\n",
        closes=[1947.34, NAN],
        other=("open", [NAN, NAN]),
    ),
    Dialect(
        "a volume that is once as large as the price",
        "2024-01-31,1990.55,2005.57,1945.02,1947.34,1950\n"
        "2024-02-01,1947.34,1960,1940,1950.5,6000\n",
        ("no header row: date, open, high, low, close, volume",),
        other=("volume", [1950, 6000]),
    ),
    Dialect(
        "rows of bars without a header, in ISO dates",
        "2024-01-31,1990.55,2005.57,1945.02,1947.34,5\n2024-02-01,1947.34,1960,1940,1950.5,6\n",
        ("no header row: date, open, high, low, close, volume",),
        other=("open", [1990.55, 1947.34]),
    ),
]


@pytest.mark.parametrize("dialect", [*YFINANCE, *COINS, *FUNDS], ids=lambda one: one.name)
def test_p10_a_dialect_gives_its_dates_and_values(dialect: Dialect):
    content = dialect.content
    table = read_dated_table(
        content.encode() if isinstance(content, str) else content, dialect.request, origin="file"
    )
    zone = None if dialect.request.timeframe == "1d" else "UTC"
    expected = pd.DatetimeIndex([pd.Timestamp(day, tz=zone) for day in dialect.dates])
    assert table.frame.index.tolist() == expected.tolist()
    np.testing.assert_array_equal(table.frame["close"], dialect.closes)
    if dialect.other:
        np.testing.assert_array_equal(table.frame[dialect.other[0]], dialect.other[1])
    assert table.notes == ((f"read as: {', '.join(dialect.facts)}",) if dialect.facts else ())


def test_there_are_enough_of_them():
    assert len({dialect.name for dialect in (*YFINANCE, *COINS, *FUNDS)}) >= 40


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("observation_date,WALCL\n2024-01-31,7630000\n2024-02-07,.\n", [7_630_000, NAN]),
        ("DATE,VALUE\n2024-01-31,7630000\n2024-02-07,\n", [7_630_000, NAN]),
        ("Date;WALCL\n31.01.2024;7.630.000,5\n07.02.2024;.\n", [7_630_000.5, NAN]),
        ("2024-01-31,7630000\n2024-02-07,7640000\n", [7_630_000, 7_640_000]),
        ("Date,Other,WALCL\n2024-01-31,1,7630000\n2024-02-07,1,5\n", [7_630_000, 5]),
        ("Date,WALCL\n2024-01-31T00:00:00-05:00,1\n2024-02-07T00:00:00-05:00,2\n", [1, 2]),
        ("WALCL,Date\n1,2024-01-31\n2,2024-02-07\n", [1, 2]),
        (",Date,Assets\n0,2024-01-31,1\n1,2024-02-07,2\n", [1, 2]),
    ],
)
def test_macro_values_by_date_of_observation(text: str, values: list[float]):
    table = read_dated_table(text.encode(), MACRO, origin="file")
    assert [f"{day:%Y-%m-%d}" for day in table.frame.index] == ["2024-01-31", "2024-02-07"]
    np.testing.assert_array_equal(table.frame["value"], values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Date,Share\n2024-01-31,30%\n2024-02-01,45.5%\n", [0.3, 0.455]),
        ("Datum;Share\n31.01.2024;0,3\n01.02.2024;0,455\n", [0.3, 0.455]),
        ("2024-01-31,0.3\n2024-02-01,0.455\n", [0.3, 0.455]),
    ],
)
def test_a_users_own_share(text: str, values: list[float]):
    request = Request("share", "macro")
    table = read_dated_table(text.encode(), request, origin="file", column="share")
    np.testing.assert_array_equal(table.frame["value"], values)


def test_outflows_in_parentheses_are_negative():
    text = "Date,Flow\n11 Jan 2024,655.3\n16 Jan 2024,(95.1)\n17 Jan 2024,-\n"
    table = read_dated_table(text.encode(), Request("flow", "macro"), origin="o", column="flow")
    np.testing.assert_array_equal(table.frame["value"], [655.3, -95.1, NAN])
    assert table.notes == ("read as: month names, parentheses as minus",)


def refused(content: str | bytes, request: Request = FUND) -> str:
    with pytest.raises(DataError) as caught:
        read_dated_table(
            content.encode() if isinstance(content, str) else content, request, origin="file"
        )
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Date,Close\n01/02/2024,1.5\n02/02/2024,2.5\n", "'01/02/2024' in row 2 may be day-first"),
        ("Date,Close\n13/02/2024,1.5\n02/13/2024,2.5\n", "in rows 2 and 3 are one day-first"),
        ('Date,Close\n2024-01-31,"1,234"\n', "1234 with a thousands separator or 1.234 with a"),
        ("Date;Close\n2024-01-31;1.234\n", "row 2, '1.234' is ambiguous"),
        ('Date,Close\n2024-01-31,"1.234,5"\n2024-02-01,"2,345.6"\n', "different decimal marks"),
        ("Date,Close\n12345,1.5\n", "row 2, 12345 is not a date: as an epoch"),
        ("Date,Close\n45322,1.5\n", "day number of Excel: save the cells as dates"),
        ("Date,Close\n2024-01,1.5\n", "'2024-01' is a month without a day"),
        ("Date,Close\n0024-01-31,1.5\n", "row 2, '0024-01-31' is not a date"),
        ("Date,Close\n1706659200,1.5\nDatum,1.6\n", "row 3, 'Datum' is not a date"),
        ("Date,Close\n2024Q1,1.5\n", "is a quarter or half year"),
        (
            "Date,Close\n2024-01-31,1.5\n31/01/2024,1.5\n",
            "row 3, '31/01/2024' is not a date as '2024-01-31' is",
        ),
        ("Date,Close\n2024-02-30,1.5\n", "row 2, '2024-02-30' is not a date"),
        ("Date,Close\n31/01/24,1.5\n01/02/24,1.5\n", "may begin with the day or with the year"),
        ("Date,Close\n2024-01-31 09:30 EST,1.5\n", "the zone 'EST', whose offset is not written"),
        ("snapped_at,price\n2024-01-31 00:00:00 UTC,1\n", "CoinGecko's snapshots"),
        ("2024-01-31,1.5\n2024-02-01,1.6\n", "has no header row"),
        ("2024-01-31,1,2,0.5,1.5,9\n", "has no header row, and its columns cannot be identified"),
        (
            "2024-01-31,1947.34,2005.57,1945.02,1990.55,5\n2024-02-01,1950.5,1960,1940,1947.34,6\n",
            "its columns cannot be identified",  # closes before opens
        ),
        (
            "2024-01-31,1990.55,1945.02,2005.57,1947.34,5\n2024-02-01,1947.34,1940,1960,1950.5,6\n",
            "its columns cannot be identified",  # lows before highs
        ),
        (ADJUSTED, "its columns cannot be identified"),
        (AVERAGES, "its columns cannot be identified"),
        ("Date,Close\n2024-01-31,1,234.5\n", "Expected 2 columns, got 3"),
        (
            "Price,Close,Close\nTicker,HYG,IEF\nDate,,\n2024-01-31,1,2\n",
            "holds HYG, IEF, and not IWM",
        ),
        (
            "Date,Ticker,Close\n2024-01-31,HYG,1\n2024-01-31,IEF,1\n",
            "column ticker holds HYG, IEF, and not IWM; write one symbol to a file",
        ),
        ("Date,Close,Close\n2024-01-31,1,2\n", "has 2 columns close; remove all but one"),
        ("Date,Close\n2024-01-31,1.5\n,2.5\n", "row 3 has no date, but close 2.5"),
        ("Date,Close\n2024-01-31,30%\n2024-02-01,31\n", "with % and numbers without"),
        ("Date,Close\n2024-01-31,true\n", "row 2, close is True, not a number"),
        ("<!DOCTYPE html><html>Sign in</html>", "is no CSV, it begins with '<!DOCTYPE html>"),
        ('{"Information": "rate limit"}', "is no CSV, it begins with"),
        (zipped(("a.csv", PLAIN), ("b.csv", PLAIN)), "holds 2 files (a.csv, b.csv); pack one"),
        (locked(zipped(("a.csv", PLAIN))), "password required"),
        (zipped(("xl/workbook.xml", "")), "is an Excel workbook; save the sheet as CSV"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-12], "cut off"),
        (zipped(("a.csv", PLAIN))[:90] + b"0" * 40 + zipped(("a.csv", PLAIN))[90:], "cut off"),
        ("Price,Close\nTicker,IWM,IWM\nDate,\n2024-01-31,1,2\n", "Expected 2 columns, got 3"),
        ("x,y\n" + PLAIN.replace("2024-02-01", "2024-01-31"), "row 4, 2024-01-31 is a duplicate"),
        ("title\n" + PLAIN + "2024-01-30,1\n", "row 5, 2024-01-30 comes after 2024-02-01"),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused_by_name(content: str | bytes, reason: str):
    assert reason in refused(content)


def parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


@pytest.mark.parametrize("kind", [pa.string_view(), pa.large_string(), pa.binary_view()], ids=str)
def test_text_of_parquet_is_read_whatever_its_layout(kind: pa.DataType):
    days, closes = ["2024-01-31", "2024-02-01"], ["1.5", "2.5"]
    table = pa.table({"Date": pa.array(days).cast(kind), "Close": pa.array(closes).cast(kind)})
    content = parquet(table)
    assert pq.read_schema(io.BytesIO(content)).field("Close").type == kind
    read = read_dated_table(content, FUND, origin="o")
    assert read.frame["close"].tolist() == [1.5, 2.5]


def test_columns_of_one_name_in_parquet_are_refused_by_their_name_if_they_are_read(tmp_path: Path):
    cells = [pa.array(["2024-01-31"]), pa.array([1.5]), pa.array([2.5]), pa.array([3.5])]
    twice = parquet(pa.Table.from_arrays(cells, names=["Date", "Close", "Close", "Flag"]))
    (tmp_path / "IWM.parquet").write_bytes(twice)
    for content in (twice, tmp_path / "IWM.parquet"):
        with pytest.raises(DataError, match="has 2 columns close; remove all but one"):
            read_dated_table(content, FUND, origin="o")
    flags = parquet(pa.Table.from_arrays(cells, names=["Date", "Close", "Flag", "Flag"]))
    assert read_dated_table(flags, FUND, origin="o").frame["close"].tolist() == [1.5]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Date,Close\n2024-01-31 09:00,1\n2024-01-31 10:00-05:00,2\n", "some have none"),
        ("Date,Time,Close\n2024-01-31,9h,1\n", "'9h' the first, cannot be read"),
        ("Date,Time,Close\n2024-01-31,930,1\n2024-01-31,1030,1\n", "write them as HH:MM:SS"),
        ("Date,Close\n202401311530,1\n", "a date as YYYYMMDDHHMM or an epoch"),
    ],
)
def test_ambiguous_hours_are_refused(text: str, reason: str):
    assert reason in refused(text, HOURLY)


def test_a_macro_value_among_several_columns_must_be_named():
    assert "has no column walcl or value; it has a, b, date" in refused(
        "a,b,Date\n1,2,2024-01-31\n", MACRO
    )


def test_dates_of_observation_that_depend_on_a_time_zone_are_refused():
    assert "midnights neither in UTC nor in New York" in refused(
        "Date,WALCL\n2024-01-31T00:00:00+01:00,1\n", MACRO
    )
