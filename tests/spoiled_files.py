"""What goes wrong with files of prices: how to bring it about in a folder, and what a user must be
told.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tests.price_folder import HEADER, LISTED, edit, set_cell

Spoil = Callable[[Path], tuple[str, ...]]


class Fault(NamedTuple):
    """`spoil` changes a folder and returns the words a message must hold: the file, the row or
    date, the remedy.
    """

    name: str
    spoil: Spoil


def _empty(folder: Path) -> tuple[str, ...]:
    (folder / "daily/RUT.csv").write_text("")
    return ("RUT.csv", "is empty", "download it again")


def _only_a_header(folder: Path) -> tuple[str, ...]:
    edit(folder / "daily/RUT.csv", lambda rows: [])
    return ("RUT.csv", "no rows", "check")


def _cut_off(folder: Path) -> tuple[str, ...]:
    path = folder / "daily/GSPC.csv"
    path.write_text(path.read_text()[:-30])
    return ("GSPC.csv", "cut off", "2016-12-30")


def _cut_off_in_a_date(folder: Path) -> tuple[str, ...]:
    path = folder / "daily/BTC-USD.csv"
    text = path.read_text()
    path.write_text(text[: text.rindex("\n2016-12-31") + 8])
    return ("BTC-USD.csv", "cut off")


def _unsorted(folder: Path) -> tuple[str, ...]:
    told: list[str] = []

    def swap(rows: list[str]) -> list[str]:
        rows[100], rows[101] = rows[101], rows[100]
        told.extend(row.partition(",")[0] for row in rows[100:102])
        return rows

    edit(folder / "daily/HYG.csv", swap)
    return ("HYG.csv", "row 103", told[1], f"comes after {told[0]}", "sort the rows")


def _twice(folder: Path) -> tuple[str, ...]:
    told: list[str] = []

    def repeat(rows: list[str]) -> list[str]:
        told.append(rows[200].partition(",")[0])
        return [*rows[:201], rows[200], *rows[201:]]

    edit(folder / "daily/ETH-USD.csv", repeat)
    return ("ETH-USD.csv", "row 203", told[0], "is a duplicate", "keep one")


def _moved(days: int, time: str = "") -> Callable[[list[str]], list[str]]:
    def change(rows: list[str]) -> list[str]:
        cells = (row.partition(",") for row in rows)
        return [
            f"{pd.Timestamp(day) + pd.Timedelta(days=days):%Y-%m-%d}{time},{rest}"
            for day, _, rest in cells
        ]

    return change


def _a_day_late(folder: Path) -> tuple[str, ...]:
    edit(folder / "daily/RUT.csv", _moved(1))
    return ("RUT.csv", "is not a New York session", "shifted by a time zone")


def _a_day_early(folder: Path) -> tuple[str, ...]:
    edit(folder / "daily/IWM.csv", _moved(-1))
    return ("IWM.csv", "2012-01-02", "is not a New York session", "shifted by a time zone")


def _with_times(folder: Path) -> tuple[str, ...]:
    edit(folder / "daily/RUT.csv", _moved(0, " 05:00:00"))
    return ("RUT.csv", "2012-01-03 05:00", "has a time", "without a time")


def _coin_with_times(folder: Path) -> tuple[str, ...]:
    edit(folder / "daily/SOL-USD.csv", _moved(0, " 01:00:00"))
    return ("SOL-USD.csv", "2014-01-15 01:00", "has a time", "without a time")


def _appended(days_from_now: int) -> tuple[str, Callable[[list[str]], list[str]]]:
    day = f"{pd.Timestamp.now(tz='UTC') + pd.Timedelta(days=days_from_now):%Y-%m-%d}"
    return day, lambda rows: [*rows, f"{day},{rows[-1].partition(',')[2]}"]


def _future_session(folder: Path) -> tuple[str, ...]:
    day, change = _appended(3000)
    edit(folder / "daily/RUT.csv", change)
    return ("RUT.csv", day, "is in the future", "shifted")


def _future_coin(folder: Path) -> tuple[str, ...]:
    _, change = _appended(10)
    edit(folder / "daily/ETH-USD.csv", change)
    return ("ETH-USD.csv", "is in the future", "check the clock and the dates")


def _no_volume(folder: Path) -> tuple[str, ...]:
    day = set_cell(folder / "daily/IWM.csv", 600, "Volume", "0")
    return ("IWM.csv", "volume", day, "fix the row")


def _price(symbol: str, column: str, value: str, *words: str) -> Spoil:
    def spoil(folder: Path) -> tuple[str, ...]:
        day = set_cell(folder / f"daily/{symbol}.csv", 300, column, value)
        return (f"{symbol}.csv", column.lower().replace(" ", "_"), value, day, *words)

    return spoil


def _text(folder: Path) -> tuple[str, ...]:
    set_cell(folder / "daily/IEF.csv", 50, "Adj Close", "closed")
    return ("IEF.csv", "row 52", "adj_close", "'closed'", "not a number", "correct or remove")


def _no_column(folder: Path) -> tuple[str, ...]:
    path = folder / "daily/XLI.csv"
    path.write_text(path.read_text().replace(HEADER, HEADER.replace(",Close,", ",Last,"), 1))
    return ("XLI.csv", "no column close", "last")


def _no_volume_column(folder: Path) -> tuple[str, ...]:
    path = folder / "daily/IWM.csv"
    path.write_text(path.read_text().replace(HEADER, HEADER.replace(",Volume", ",Turnover"), 1))
    return ("IWM.csv", "has no volume", "add a column Volume")


def _no_dates(folder: Path) -> tuple[str, ...]:
    path = folder / "daily/XLI.csv"
    path.write_text(path.read_text().replace("Date,", "Day,", 1))
    return ("XLI.csv", "no column Date", "day")


def _no_date(folder: Path) -> tuple[str, ...]:
    set_cell(folder / "daily/XBI.csv", 20, "Date", "31/31/2012")
    return ("XBI.csv", "row 22", "31/31/2012", "is not a date", "YYYY-MM-DD")


def _no_file(folder: Path) -> tuple[str, ...]:
    (folder / "daily/KRE.csv").unlink()
    return ("KRE.csv", "no such file", "add it")


def _no_overlap(folder: Path) -> tuple[str, ...]:
    for symbol in LISTED:
        edit(folder / f"daily/{symbol}.csv", lambda rows: _moved(-2400)(rows[:400]))
    return ("^RUT", "2012-01-03", "do not overlap")


def _late_start(folder: Path) -> tuple[str, ...]:
    told: list[str] = []

    def drop(rows: list[str]) -> list[str]:
        told.append(rows[200].partition(",")[0])
        return rows[200:]

    edit(folder / "daily/RUT.csv", drop)
    return (
        "RUT.csv",
        f"starts on {told[0]}",
        "signal.history_from",
        "2012-01-03",
        "set history_from",
    )


FAULTS = (
    Fault("empty file", _empty),
    Fault("only a header", _only_a_header),
    Fault("last row cut off", _cut_off),
    Fault("last row cut off in its date", _cut_off_in_a_date),
    Fault("two rows swapped", _unsorted),
    Fault("a row twice", _twice),
    Fault("dates a day late", _a_day_late),
    Fault("dates a day early", _a_day_early),
    Fault("times in a file of sessions", _with_times),
    Fault("times in a file of a coin", _coin_with_times),
    Fault("a session in the future", _future_session),
    Fault("a coin's day in the future", _future_coin),
    Fault("no volume in IWM", _no_volume),
    Fault("negative close", _price("RUT", "Close", "-5", "must be positive")),
    Fault("zero close", _price("GSPC", "Close", "0", "must be positive")),
    Fault("negative adjusted close", _price("HYG", "Adj Close", "-1", "must be positive")),
    Fault("infinite open of a coin", _price("BTC-USD", "Open", "inf", "must be positive")),
    Fault("negative volume", _price("IWM", "Volume", "-3")),
    Fault("text for a number", _text),
    Fault("no column of closes", _no_column),
    Fault("no column of the fund's volume", _no_volume_column),
    Fault("no column of dates", _no_dates),
    Fault("a date that is none", _no_date),
    Fault("no file", _no_file),
    Fault("coins end before the index starts", _no_overlap),
    Fault("index history starts too late", _late_start),
)
