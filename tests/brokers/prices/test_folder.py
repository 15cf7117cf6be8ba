"""Files as users and vendors write them, read into rows."""

import gzip
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from brokers.prices.folder import fetch, own_values, read_rows
from brokers.prices.series import BAR_COLUMNS, DataError, Request

INDEX, COIN = Request("^RUT", "session"), Request("BTC-USD", "coin", "BTC/USDT")
HOURLY = COIN._replace(timeframe="1h")
ROWS = "2020-01-02,1,2,0.5,1.5,1.4,100\n2020-01-03,2,3,1.5,2.5,2.4,200\n"
HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"


def written(folder: Path, text: str, name: str = "daily/RUT.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return folder


def refused(folder: Path, request: Request = INDEX) -> str:
    with pytest.raises(DataError) as caught:
        fetch(request, folder)
    return str(caught.value)


def test_a_caret_is_left_out_of_the_file_name_and_columns_are_renamed(tmp_path: Path):
    frame, origin, _ = fetch(INDEX, written(tmp_path, HEADER + ROWS))
    assert origin == str(tmp_path / "daily/RUT.csv")
    assert list(frame.columns) == list(BAR_COLUMNS)
    assert frame.loc["2020-01-03"].tolist() == [2.0, 3.0, 1.5, 2.5, 2.4, 200.0]


@pytest.mark.parametrize(
    "text",
    [
        HEADER.lower() + ROWS,
        HEADER.upper() + ROWS,
        (HEADER + ROWS).replace("\n", "\r\n"),
        "\ufeff" + HEADER + ROWS,
    ],
)
def test_case_line_ends_and_byte_order_mark_do_not_matter(tmp_path: Path, text: str):
    assert fetch(INDEX, written(tmp_path, text))[0]["adj_close"].tolist() == [1.4, 2.4]


def test_a_last_row_without_line_end_is_whole(tmp_path: Path):
    assert len(fetch(INDEX, written(tmp_path, (HEADER + ROWS).removesuffix("\n")))[0]) == 2


def test_parquet_with_a_date_index_gives_the_same_rows(tmp_path: Path):
    from_csv, _, _ = fetch(INDEX, written(tmp_path, HEADER + ROWS))
    table = pd.read_csv(tmp_path / "daily/RUT.csv", parse_dates=["Date"]).set_index("Date")
    (tmp_path / "daily/RUT.csv").unlink()
    table.to_parquet(tmp_path / "daily/RUT.parquet")
    frame, origin, _ = fetch(INDEX, tmp_path)
    assert origin.endswith("RUT.parquet")
    pd.testing.assert_frame_equal(
        frame, from_csv, check_index_type=False, check_names=False, check_freq=False
    )


def test_midnights_of_the_exchange_are_dates(tmp_path: Path):
    summer_and_winter = (
        HEADER + "2020-03-06 00:00:00-05:00,1,1,1,1,1,1\n2020-03-09 00:00:00-04:00,1,1,1,1,1,1\n"
    )
    assert [
        f"{day:%Y-%m-%d %H}" for day in fetch(INDEX, written(tmp_path, summer_and_winter))[0].index
    ] == ["2020-03-06 00", "2020-03-09 00"]


def test_midnights_of_a_coin_are_utc(tmp_path: Path):
    folder = written(
        tmp_path, HEADER + "2020-03-06 00:00:00+00:00,1,1,1,1,1,1\n", "daily/BTC-USD.csv"
    )
    assert f"{fetch(COIN, folder)[0].index[0]:%Y-%m-%d %H}" == "2020-03-06 00"


def test_hourly_bars_lie_under_the_market_name(tmp_path: Path):
    text = (
        "Timestamp,Open,High,Low,Close,Volume\n"
        "2020-01-01 00:00:00,1,1,1,1,1\n"
        "2020-01-01 01:00:00,2,2,2,2,2\n"
    )
    frame, _, _ = fetch(
        COIN._replace(timeframe="1h"), written(tmp_path, text, "hourly/BTCUSDT_1h.csv")
    )
    assert frame.index[1] == pd.Timestamp("2020-01-01 01:00", tz="UTC")
    assert "adj_close" not in frame or frame["adj_close"].isna().all()


def test_a_macro_value_moves_to_its_publication(tmp_path: Path):
    folder = written(tmp_path, "Date,WALCL\n2020-01-01,5\n2020-01-08,6\n", "macro/WALCL.csv")
    frame, _, _ = fetch(Request("WALCL", "macro"), folder)
    assert frame["value"].tolist() == [5.0, 6.0]
    assert frame.index[1] == pd.Timestamp("2020-01-09 21:30", tz="UTC"), (
        "Wednesday's level, Thursday 16:30 New York"
    )


def test_empty_cells_are_unknown_and_no_error(tmp_path: Path):
    frame, _, _ = fetch(INDEX, written(tmp_path, HEADER + "2020-01-02,,,,1.5,1.4,\n"))
    assert frame["close"].tolist() == [1.5]
    assert frame[["open", "volume"]].isna().all(axis=None)


def test_a_folder_that_is_none_says_what_should_be_there(tmp_path: Path):
    assert "no such folder; prices.folder must hold daily/ and macro/" in refused(
        tmp_path / "nowhere"
    )


def test_a_missing_file_names_the_path_and_both_endings(tmp_path: Path):
    message = refused(tmp_path)
    assert f"{tmp_path}/daily/RUT.csv: no such file (nor .parquet), needed for ^RUT" in message


def test_text_among_numbers_names_row_column_and_cell(tmp_path: Path):
    message = refused(written(tmp_path, HEADER + ROWS.replace("2.5", "two")))
    assert "RUT.csv: row 3, close is 'two', not a number; correct or remove the row" in message


def test_a_word_for_a_date_names_its_row(tmp_path: Path):
    assert "row 3, 'Friday' is not a date; write YYYY-MM-DD" in refused(
        written(tmp_path, HEADER + ROWS.replace("2020-01-03", "Friday"))
    )


@pytest.mark.parametrize("content", [b"\x00\x01\x02\xff\xfe", b"PAR1", b"\xff" * 300, b"\n\n\n"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, content: bytes, ending: str):
    (tmp_path / "daily").mkdir()
    (tmp_path / f"daily/RUT.{ending}").write_bytes(content)
    assert f"RUT.{ending}" in refused(tmp_path)


def test_a_cut_off_parquet_file_is_refused_by_name(tmp_path: Path):
    (tmp_path / "daily").mkdir()
    path = tmp_path / "daily/RUT.parquet"
    pd.DataFrame({"Close": [1.0]}, pd.DatetimeIndex(["2020-01-02"], name="Date")).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "cut off" in refused(tmp_path)


def test_a_row_with_too_few_cells_is_a_cut_off_file(tmp_path: Path):
    message = refused(written(tmp_path, HEADER + ROWS[:-9]))
    assert "cut off" in message
    assert "2020-01-03" in message


def test_own_values_are_known_when_their_day_is_over(tmp_path: Path):
    path = (
        written(tmp_path, "Date,Share\n2020-01-31,0.4\n2020-02-29,\n", "losses.csv") / "losses.csv"
    )
    frame, origin, _ = own_values(path, "share")
    assert frame.index.tolist() == [pd.Timestamp("2020-02-01", tz="UTC")]
    assert origin == str(path)


def test_own_values_without_their_column_list_the_columns(tmp_path: Path):
    path = written(tmp_path, "Date,Percent\n2020-01-31,40\n", "losses.csv") / "losses.csv"
    with pytest.raises(DataError, match="has no column share; it has date, percent"):
        own_values(path, "share")


@pytest.mark.parametrize(
    "name",
    [
        "rut.csv",
        "^RUT.csv",
        "^rut.CSV",
        "%5ERUT.csv",
        "RUT.txt",
        "Rut.tsv",
        "RUT.csv.gz",
        "rut.zip",
    ],
)
def test_other_spellings_of_a_name_are_read_and_named(tmp_path: Path, name: str):
    content = (HEADER + ROWS).encode()
    path = tmp_path / "daily" / name
    path.parent.mkdir()
    path.write_bytes(gzip.compress(content) if name.endswith((".gz", ".zip")) else content)
    rows = fetch(INDEX, tmp_path)
    assert rows.frame["close"].tolist() == [1.5, 2.5]
    assert rows.origin == str(path)
    usual = name in ("RUT.csv.gz", "RUT.txt")
    assert (f"read from daily/{name}" in rows.notes) is not usual


@pytest.mark.parametrize("name", ["btc-usd.csv", "BTC_USD.csv", "BTC USD.csv"])
def test_the_separator_in_a_name_does_not_matter(tmp_path: Path, name: str):
    folder = written(tmp_path, HEADER + ROWS, f"daily/{name}")
    assert fetch(COIN, folder).notes == (f"read from daily/{name}",)


def test_a_folder_in_other_case_is_read(tmp_path: Path):
    assert fetch(INDEX, written(tmp_path, HEADER + ROWS, "Daily/RUT.csv")).origin.endswith(
        "Daily/RUT.csv"
    )


def test_hourly_names_in_lower_case_are_read(tmp_path: Path):
    text = "Date,Close\n2020-01-01T00:00:00Z,1\n"
    folder = written(tmp_path, text, "hourly/btcusdt-1h.csv")
    assert fetch(COIN._replace(timeframe="1h"), folder).notes == (
        "read from hourly/btcusdt-1h.csv",
    )


def test_the_usual_name_comes_first(tmp_path: Path):
    written(tmp_path, HEADER + ROWS.replace("2.5", "9.5"), "daily/rut.csv")
    rows = fetch(INDEX, written(tmp_path, HEADER + ROWS))
    assert (rows.frame["close"].iloc[-1], rows.notes) == (2.5, ())


def test_two_files_that_may_be_meant_are_refused(tmp_path: Path):
    written(tmp_path, HEADER + ROWS, "daily/rut.csv")
    message = refused(written(tmp_path, HEADER + ROWS, "daily/^RUT.csv"))
    assert "daily: ^RUT.csv and rut.csv may each be ^RUT; leave one" in message


@pytest.mark.parametrize(
    ("file", "request_", "question"),
    [
        ("daily/RUTT.csv", INDEX, "did you mean daily/RUTT.csv? Otherwise add it"),
        ("daily/BTCUSD.csv", COIN, "did you mean daily/BTCUSD.csv?"),
        ("daily/BTC-UDS.csv", COIN, "did you mean daily/BTC-UDS.csv?"),
        ("daily/LTC-USD.csv", COIN, "needed for BTC-USD; add it"),
        ("daily/BTC.csv", COIN, "did you mean daily/BTC.csv?"),
        ("hourly/BTCUSDT_1m.csv", HOURLY, "needed for BTC-USD 1h; add it"),
        ("hourly/BTCUSD_1h.csv", HOURLY, "did you mean hourly/BTCUSD_1h.csv?"),
        ("RUT.csv", INDEX, "RUT.csv is there: did you mean that?"),
        ("macro/RUT.csv", INDEX, "macro/RUT.csv is there: did you mean that?"),
        ("daily/RUT.xlsx", INDEX, "daily/RUT.xlsx is there: did you mean that?"),
        ("daily/QQQ.csv", INDEX, "needed for ^RUT; add it"),
    ],
)
def test_the_nearest_miss_is_named(tmp_path: Path, file: str, request_: Request, question: str):
    assert question in refused(written(tmp_path, HEADER + ROWS, file), request_)


def test_what_was_assumed_is_one_note(tmp_path: Path):
    text = "Date;Close\n31/01/2020;1,5\n03/02/2020;2,5\n"
    assert fetch(INDEX, written(tmp_path, text)).notes == (
        "read as: semicolon as separator, day-first dates, decimal comma",
    )


def test_bytes_are_read_as_a_file_is(tmp_path: Path):
    rows = read_rows((HEADER + ROWS).encode(), INDEX, origin="https://www.example.org")
    assert rows.origin == "https://www.example.org"
    pd.testing.assert_frame_equal(rows.frame, fetch(INDEX, written(tmp_path, HEADER + ROWS)).frame)


def test_bytes_of_parquet_are_read(tmp_path: Path):
    path = tmp_path / "RUT.parquet"
    pd.DataFrame({"Close": [1.5]}, pd.DatetimeIndex(["2020-01-02"], name="Date")).to_parquet(path)
    assert read_rows(path.read_bytes(), INDEX, origin="o").frame["close"].tolist() == [1.5]


def test_parquet_with_columns_of_two_levels_is_read(tmp_path: Path):
    columns = pd.MultiIndex.from_product([["Close", "Open"], ["^RUT"]])
    table = pd.DataFrame([[1.5, 1.0]], pd.DatetimeIndex(["2020-01-02"], name="Date"), columns)
    table.to_parquet(tmp_path / "x.parquet")
    frame = read_rows((tmp_path / "x.parquet").read_bytes(), INDEX, origin="o").frame
    assert frame[["open", "close"]].to_numpy().tolist() == [[1.0, 1.5]]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (
            "share",
            "30",
            "2020-01-31 has share 30; it must be 0 to 1: a fraction such as 0.3, or 30%",
        ),
        ("share", "-0.1", "2020-01-31 has share -0.1"),
        ("share", "101%", "2020-01-31 has share 1.01"),
        ("value", "-5", "2020-01-31 has value -5; it must be 0 or more, in USD"),
        ("flow", "inf", "2020-01-31 has flow inf; it must be finite"),
    ],
)
def test_p8_a_users_figures_have_bounds(tmp_path: Path, column: str, value: str, reason: str):
    text = f"Date,{column.title()}\n2020-01-31,{value}\n"
    path = written(tmp_path, text, "own.csv") / "own.csv"
    with pytest.raises(DataError) as caught:
        own_values(path, column)
    assert f"{path}: {reason}" in str(caught.value)


@pytest.mark.parametrize("value", ["0", "1", "100%"])
def test_the_bounds_of_a_share_are_allowed(tmp_path: Path, value: str):
    path = written(tmp_path, f"Date,Share\n2020-01-31,{value}\n", "own.csv") / "own.csv"
    assert own_values(path, "share").frame["value"].iloc[0] in (0.0, 1.0)


def test_an_infinite_macro_value_is_refused(tmp_path: Path):
    folder = written(tmp_path, "Date,WALCL\n2020-01-31,inf\n", "macro/WALCL.csv")
    assert "WALCL inf; it must be finite" in refused(folder, Request("WALCL", "macro"))


def test_p7_a_quarterly_file_of_a_user_with_days_first_is_ambiguous(tmp_path: Path):
    text = "Date,Share\n01/01/2012,0.3\n01/04/2012,0.3\n01/07/2012,0.3\n01/10/2012,0.3\n"
    path = written(tmp_path, text, "losses.csv") / "losses.csv"
    with pytest.raises(
        DataError, match=r"losses\.csv: the dates are ambiguous: '01/01/2012' in row 2"
    ):
        own_values(path, "share")


def test_p7_a_users_file_with_a_day_after_the_12th_is_read(tmp_path: Path):
    text = "Date,Share\n31/03/2012,0.3\n30/06/2012,0.4\n"
    rows = own_values(written(tmp_path, text, "losses.csv") / "losses.csv", "share")
    assert [f"{day:%Y-%m-%d}" for day in rows.frame.index] == ["2012-04-01", "2012-07-01"]
    assert rows.notes == ("read as: day-first dates",)


def test_p9_a_point_is_fred_s_missing_value(tmp_path: Path):
    text = "DATE,WALCL\n2015-01-07,4000000\n2015-01-14,.\n2015-01-21,4000002\n"
    rows = fetch(Request("WALCL", "macro"), written(tmp_path, text, "macro/WALCL.csv"))
    assert rows.frame["value"].tolist() == [4_000_000, 4_000_002]


def test_p11_a_latin_1_header_is_read(tmp_path: Path):
    path = written(tmp_path, "", "daily/RUT.csv") / "daily/RUT.csv"
    path.write_bytes("Date,Close,W\u00e4hrung\n2020-01-02,1.5,x\n".encode("latin-1"))
    rows = fetch(INDEX, tmp_path)
    assert (rows.frame["close"].tolist(), rows.notes) == ([1.5], ("read as: Latin-1 text",))


def nested(values: Sequence[object]) -> dict[str, pa.Array]:
    """The values as each kind of cell that holds more than one."""
    return {
        "list": pa.array([[value] for value in values]),
        "fixed list": pa.array([[value] for value in values], pa.list_(pa.array(values).type, 1)),
        "struct": pa.array([{"value": value} for value in values]),
        "map": pa.array(
            [[("value", value)] for value in values],
            pa.map_(pa.string(), pa.array(values).type),
        ),
    }


DATES, NUMBERS = [date(2024, 1, 2), date(2024, 1, 3)], [1.5, 2.5]


@pytest.mark.parametrize("kind", ["list", "fixed list", "struct", "map"])
@pytest.mark.parametrize("column", ["Date", "Close", "Volume", "WALCL", "share"])
def test_a_parquet_column_with_several_values_a_cell_is_refused_by_name(
    kind: str, column: str, tmp_path: Path
) -> None:
    own = {"WALCL": Request("WALCL", "macro"), "share": Request("share", "macro")}
    columns = {"Date": pa.array(DATES), "Close": pa.array(NUMBERS), "Volume": pa.array(NUMBERS)}
    if column in own:
        columns = {"Date": columns["Date"]}
    columns[column] = nested(DATES if column == "Date" else NUMBERS)[kind]
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=f"o: column {column.lower()} has several values a cell"):
        read_rows(path, own.get(column, INDEX), origin="o")


def test_nested_columns_that_are_not_read_do_not_matter(tmp_path: Path) -> None:
    columns = {"Date": DATES, "Close": NUMBERS, "Notes": [["a"], ["b"]]}
    parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert read_rows(tmp_path / "x.parquet", INDEX, origin="o").frame["close"].tolist() == NUMBERS


def test_bytes_in_parquet_are_text_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    dates, numbers = (pa.array([str(one).encode() for one in cells]) for cells in (DATES, NUMBERS))
    parquet.write_table(pa.table({"Date": dates, "Close": numbers}), path)
    frame = read_rows(path, INDEX, origin="o").frame
    assert (frame["close"].tolist(), frame.index[0]) == (NUMBERS, pd.Timestamp("2024-01-02"))
    for column in ("Date", "Close"):
        columns = {"Date": dates, "Close": numbers, column: pa.array([b"\xff\xfe", b"\x00"])}
        parquet.write_table(pa.table(columns), path)
        with pytest.raises(DataError, match=f"column {column.lower()} holds bytes that are no"):
            read_rows(path, INDEX, origin="o")


def test_periods_and_intervals_of_pandas_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    for index in (
        pd.period_range("2024-01-02", periods=2, freq="D", name="Date"),
        pd.IntervalIndex.from_breaks(pd.date_range("2024-01-01", periods=3), name="Date"),
    ):
        pd.DataFrame({"Close": NUMBERS}, index).to_parquet(path)
        with pytest.raises(DataError, match=r"o: column date is of the type extension<pandas\."):
            read_rows(path, INDEX, origin="o")
