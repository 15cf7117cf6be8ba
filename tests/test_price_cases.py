"""Files that are not what they claim, through the commands: refused with the reason, or read right.

Rows of the field reports under P. How each is told from true prices is tested beside the code
(tests/brokers/prices), that every command does so in tests/backtests/commands.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import main
from tests.price_folder import options

PRICES = ["Open", "High", "Low", "Close", "Adj Close"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words))


def read(folder: Path, symbol: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"daily/{symbol}.csv")


def write(folder: Path, symbol: str, rows: pd.DataFrame) -> None:
    rows.to_csv(folder / f"daily/{symbol}.csv", index=False)


def bend(folder: Path, symbol: str, first: str, last: str, factor: float) -> None:
    """Multiply the prices of some days."""
    rows = read(folder, symbol)
    rows.loc[rows.Date.between(first, last), PRICES] *= factor
    write(folder, symbol, rows)


def assert_refused(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code, f"{result.exit_code} {result.exception!r} {result.output}"
    assert "Traceback" not in result.output
    assert [word for word in words if word not in result.output] == [], result.output


def checked(*words: str) -> dict[str, Any]:
    """What `check data` says of prices that all commands would use."""
    result = run("check", "data", "--json", *words)
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.stdout)
    return content


# Spacing: P1, P2


@pytest.mark.parametrize(
    ("symbol", "step", "words"),
    [("BTC-USD", 7, "a week"), ("RUT", 21, "a month"), ("HYG", 5, "a week"), ("XBI", 2, "2 days")],
)
def test_check_data_fails_on_rows_that_are_further_apart_than_they_claim(
    symbol: str, step: int, words: str, folder: Path, cache: Path
) -> None:
    write(folder, symbol, read(folder, symbol)[::step])
    assert_refused(run("check", "data", *options(folder, cache)), 5, symbol, f"{words} apart")


# Jumps: P3, P4


def test_a_jump_that_comes_back_is_refused_and_one_setting_accepts_its_date(
    folder: Path, cache: Path
) -> None:
    rows = read(folder, "RUT")
    before, bent, after = (rows.iloc[place] for place in (599, 600, 601))
    bend(folder, "RUT", bent.Date, bent.Date, 100)
    words = options(folder, cache)
    factor = f"{100 * bent.Close / before.Close:.6g} times"
    closes = [f"{close:.10g}" for close in (before.Close, 100 * bent.Close, after.Close)]
    refused = run("gate", *words)
    assert_refused(refused, 3, "RUT.csv", factor, before.Date, bent.Date, after.Date, *closes)
    setting = f'prices.accepted."^RUT" = [{bent.Date}]'
    assert setting in refused.stderr
    assert run("gate", *words, "--set", setting).exit_code == 0
    other = setting.replace(bent.Date, before.Date)
    assert_refused(run("gate", *words, "--set", other), 3, bent.Date)


def test_a_coin_that_restarts_for_days_is_refused(folder: Path, cache: Path) -> None:
    bend(folder, "BTC-USD", "2013-11-15", "2013-11-19", 1e-6)
    refused = run("backtest", *options(folder, cache))
    assert_refused(refused, 3, "BTC-USD", "2013-11-14", "2013-11-15", "2013-11-20", "comes back")
    assert not Path("runs").exists()


def test_a_jump_that_stays_is_a_high_caveat_and_no_error(folder: Path, cache: Path) -> None:
    bend(folder, "XBI", "2014-09-02", "2016-12-30", 0.5)
    found = backtest("--no-benchmarks", *options(folder, cache))
    (caveat,) = [caveat for caveat in found["warnings"] if "a split?" in caveat["text"]]
    assert caveat["severity"] == "high"
    for words in ("XBI", "2014-09-02", "2014-08-29"):
        assert words in caveat["text"]


def backtest(*words: str) -> dict[str, Any]:
    result = run("backtest", "--no-report", "--json", *words)
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.stdout)
    return content


# Windows: P14


def test_a_window_that_begins_before_the_first_bar_is_a_note(folder: Path, cache: Path) -> None:
    words = ["--no-benchmarks", *options(folder, cache)]
    texts = [
        [caveat["text"] for caveat in backtest(*words, "--start", start)["warnings"]]
        for start in ("2011-01-01", "2013-01-01")
    ]
    noted = [[text for text in some if "2011-01-01" in text] for some in texts]
    assert [len(some) for some in noted] == [1, 0]
    assert "2012-06-01" in noted[0][0], "Bitcoin's first day"


# Hours: P6


def hourly(folder: Path, zone: str = "UTC") -> pd.DataFrame:
    """Hours of Bitcoin that go from one daily close to the next, in a zone's own time."""
    days = read(folder, "BTC-USD")
    close = days.Close.to_numpy()
    before = np.concatenate((close[:1], close[:-1]))
    step = np.arange(1, 25) / 24
    path = before[:, None] + (close - before)[:, None] * step
    path[:, ::2] *= 1.001  # not on a line: that would be interpolated
    path = path.ravel()
    starts = pd.date_range(days.Date.iloc[0], periods=len(path), freq="h", tz="UTC")
    opened = np.concatenate((path[:1], path[:-1]))
    return pd.DataFrame(
        {
            "Timestamp": starts.tz_convert(zone).tz_localize(None).strftime("%Y-%m-%d %H:%M:%S"),
            "Open": opened,
            "High": np.maximum(opened, path),
            "Low": np.minimum(opened, path),
            "Close": path,
            "Volume": 1.0,
        }
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: hourly(folder)[3::4], "4 bars apart"),
        (lambda folder: hourly(folder, "Etc/GMT+5"), "if they ended 5 h later"),
        (None, ""),
    ],
    ids=["four hours", "New York's winter time", "as they should be"],
)
def test_hours_are_compared_with_their_spacing_and_with_daily_closes(
    spoil: Callable[[Path], pd.DataFrame] | None, words: str, folder: Path, cache: Path
) -> None:
    (folder / "hourly").mkdir()
    rows = spoil(folder) if spoil else hourly(folder)
    rows[-5_000:].to_csv(folder / "hourly/BTCUSDT_1h.csv", index=False)
    coin = "[{name='BTC',history='BTC-USD',market='BTC/USDT',weight=1,lag_days=0}]"
    changes = ["--set", "exchange.timeframe=1h", "--set", f"coins={coin}"]
    result = run("check", "data", *options(folder, cache), *changes)
    if spoil is None:
        assert result.exit_code == 0, result.output
    else:
        assert_refused(result, 5, "BTC-USD 1h", words)


# Figures of one's own, published values: P7, P8, P9


def losses(content: str, *words: str) -> Result:
    Path("losses.csv").write_text(content)
    own = ["haircuts.losses.enabled=true", "haircuts.losses.file=losses.csv"]
    return run("check", "data", "--json", *words, *(word for key in own for word in ("--set", key)))


QUARTERS = pd.date_range("2012-01-01", "2016-10-01", freq="QS")
ENDS = QUARTERS + pd.offsets.QuarterEnd(0)


@pytest.mark.parametrize(
    ("code", "content", "words"),
    [
        (
            3,
            "\n".join(["Date,Share", *(f"{day:%d/%m/%Y},0.3" for day in QUARTERS)]),
            ("losses.csv", "ambiguous", "'01/01/2012'", "YYYY-MM-DD"),
        ),
        (
            5,
            "\n".join(["Date,Share", *(f"{day:%Y-%m-%d},30.0" for day in QUARTERS)]),
            ("losses.csv", "2012-01-01", "share 30", "0 to 1"),
        ),
        (3, "Date,Share\n1325376,0.3\n1333238,0.3\n", ("losses.csv", "row 2", "1325376")),
    ],
    ids=["quarters day-first", "per cent", "days in 1970"],
)
def test_figures_that_may_mean_something_else_are_refused(
    code: int, content: str, words: tuple[str, ...], whole_folder: Path, cache: Path
) -> None:
    """What cannot be read is no check that failed; a figure that cannot be true is."""
    result = losses(content, *options(whole_folder, cache))
    assert result.exit_code == code
    assert [word for word in words if word not in result.output] == [], result.output


def test_figures_whose_dates_prove_their_order_are_the_same_as_in_iso(
    whole_folder: Path, cache: Path
) -> None:
    vintages = set()
    for form, share in (("%Y-%m-%d", "0.3"), ("%d/%m/%Y", "30%"), ("%m/%d/%Y", "0.3")):
        lines = [f"{day:{form}},{share}" for day in ENDS]
        result = losses("\n".join(["Date,Share", *lines]), *options(whole_folder, cache))
        assert result.exit_code == 0, result.output
        vintages.add(json.loads(result.stdout)["losses"]["vintage"])
    assert len(vintages) == 1


def test_freds_sign_for_nothing_is_a_missing_value(folder: Path, cache: Path) -> None:
    (folder / "macro").mkdir()
    published = {"WALCL": (4e6, "7D"), "WTREGEN": (2e5, "7D"), "RRPONTSYD": (100.0, "B")}
    for name, (value, step) in published.items():
        days = pd.date_range("2011-01-05", "2016-12-28", freq=step)
        values = [f"{value:.1f}"] * len(days)
        values[7] = "."
        lines = [f"{day:%Y-%m-%d},{text}" for day, text in zip(days, values, strict=True)]
        (folder / f"macro/{name}.csv").write_text("\n".join([f"DATE,{name}", *lines]))
    changes = ["--set", "confirmations.liquidity.enabled=true"]
    found = checked(*options(folder, cache), *changes)
    weeks = pd.date_range("2011-01-05", "2016-12-28", freq="7D")
    assert found["WALCL"]["rows"] == len(weeks) - 1


# Dialects: P10, P11


def milliseconds(rows: pd.DataFrame) -> pd.Series:
    days: pd.Series = pd.to_datetime(rows.Date).astype("datetime64[ms]").astype("int64")
    return days


def of_yfinance(rows: pd.DataFrame) -> str:
    order = ["Adj Close", "Close", "High", "Low", "Open", "Volume"]
    head = f"Price,{','.join(order)}\nTicker{',IWM' * 6}\nDate{',' * 6}\n"
    return head + rows[["Date", *order]].to_csv(index=False, header=False)


def of_a_ticker(rows: pd.DataFrame) -> str:
    starts = pd.to_datetime(rows.Date).dt.tz_localize("America/New_York")
    return rows.assign(Date=starts.astype(str), Dividends=0.0).to_csv(index=False)


def of_binance(rows: pd.DataFrame) -> str:
    first = milliseconds(rows)
    columns = [first, rows[["Open", "High", "Low", "Close", "Volume"]], first + 86_399_999]
    return pd.concat(columns, axis=1).to_csv(index=False, header=False)


def of_cryptodatadownload(rows: pd.DataFrame) -> str:
    bars = rows.rename(columns={"Date": "date", "Volume": "Volume ETH"}).drop(columns="Adj Close")
    bars.insert(0, "unix", milliseconds(rows))
    return "https://www.CryptoDataDownload.com\n" + bars[::-1].to_csv(index=False)


def with_thousands(rows: pd.DataFrame) -> str:
    return rows.assign(**{name: rows[name].map("{:,.6f}".format) for name in PRICES}).to_csv(
        index=False
    )


# A file of each symbol in a dialect of its own.
DIALECTS: dict[str, Callable[[pd.DataFrame], str]] = {
    "RUT": lambda rows: f"https://www.example.org\n{rows.to_csv(index=False)}",
    "GSPC": with_thousands,
    "IWM": of_yfinance,
    "HYG": lambda rows: rows[::-1].to_csv(index=False),
    "IEF": lambda rows: rows.to_csv(index=False, sep=";", decimal=","),
    "KRE": of_a_ticker,
    "XLI": lambda rows: rows.assign(Date=pd.to_datetime(rows.Date).dt.strftime("%d.%m.%Y")).to_csv(
        index=False
    ),
    "XBI": lambda rows: rows.assign(Date=pd.to_datetime(rows.Date).dt.strftime("%b %d, %Y")).to_csv(
        index=False
    ),
    "RSP": lambda rows: rows.assign(Währung="USD").to_csv(index=False),
    "BTC-USD": of_binance,
    "ETH-USD": of_cryptodatadownload,
    "SOL-USD": lambda rows: rows.assign(Date=milliseconds(rows)).to_csv(index=False),
}


def test_the_commonest_dialects_are_the_same_prices(folder: Path, cache: Path) -> None:
    words = options(folder, cache)
    usual = checked(*words)
    for symbol, dialect in DIALECTS.items():
        text = dialect(read(folder, symbol))
        encoding = "latin-1" if symbol == "RSP" else "utf-8"
        (folder / f"daily/{symbol}.csv").write_bytes(text.encode(encoding))
    found = checked(*words)
    assert len(found) == len(DIALECTS)
    for symbol, series in found.items():
        assert series["vintage"] == usual[symbol]["vintage"], symbol
        assert symbol == "KRE" or any("read as: " in note for note in series["notes"]), symbol
