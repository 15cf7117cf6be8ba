"""Files as users and vendors write them, read into rows."""

from pathlib import Path

import pandas as pd
import pytest

from brokers.prices.folder import fetch, own_values
from brokers.prices.series import BAR_COLUMNS, DataError, Request

INDEX, COIN = Request("^RUT", "session"), Request("BTC-USD", "coin", "BTC/USDT")
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
    frame, origin = fetch(INDEX, written(tmp_path, HEADER + ROWS))
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
    from_csv, _ = fetch(INDEX, written(tmp_path, HEADER + ROWS))
    table = pd.read_csv(tmp_path / "daily/RUT.csv", parse_dates=["Date"]).set_index("Date")
    (tmp_path / "daily/RUT.csv").unlink()
    table.to_parquet(tmp_path / "daily/RUT.parquet")
    frame, origin = fetch(INDEX, tmp_path)
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
    frame, _ = fetch(
        COIN._replace(timeframe="1h"), written(tmp_path, text, "hourly/BTCUSDT_1h.csv")
    )
    assert frame.index[1] == pd.Timestamp("2020-01-01 01:00", tz="UTC")
    assert "adj_close" not in frame or frame["adj_close"].isna().all()


def test_a_macro_value_moves_to_its_publication(tmp_path: Path):
    folder = written(tmp_path, "Date,WALCL\n2020-01-01,5\n2020-01-08,6\n", "macro/WALCL.csv")
    frame, _ = fetch(Request("WALCL", "macro"), folder)
    assert frame["value"].tolist() == [5.0, 6.0]
    assert frame.index[1] == pd.Timestamp("2020-01-09 21:30", tz="UTC"), (
        "Wednesday's level, Thursday 16:30 New York"
    )


def test_empty_cells_are_unknown_and_no_error(tmp_path: Path):
    frame, _ = fetch(INDEX, written(tmp_path, HEADER + "2020-01-02,,,,1.5,1.4,\n"))
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


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_reported_as_missing_columns(tmp_path: Path, separator: str):
    assert "RUT.csv: has no column" in refused(
        written(tmp_path, (HEADER + ROWS).replace(",", separator))
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
    frame, origin = own_values(path, "share")
    assert frame.index.tolist() == [pd.Timestamp("2020-02-01", tz="UTC")]
    assert origin == str(path)


def test_own_values_without_their_column_list_the_columns(tmp_path: Path):
    path = written(tmp_path, "Date,Percent\n2020-01-31,40\n", "losses.csv") / "losses.csv"
    with pytest.raises(DataError, match="has no column share; it has date, percent"):
        own_values(path, "share")
