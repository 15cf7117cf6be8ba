"""What docs/prices.md says is true: limits, files, blocks of settings, commands."""

import re
import shlex
import shutil
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import main
from brokers.commands import prices
from brokers.prices import (
    adjusted_closes,
    bar_checks,
    column_checks,
    combine,
    cross_checks,
    filled_rows,
    jumps,
    same_series,
    spacing,
    web,
)
from brokers.prices.candles import FAR_APART
from brokers.prices.dated_table import read_dated_table
from brokers.prices.folder import ENDINGS
from brokers.prices.macro_checks import PUBLISHED
from brokers.prices.series import DataError, Request
from brokers.prices.url_source import fill
from config.addresses import problem_of_prices_address
from config.prices import LISTED
from config.settings import DEFAULT, SECRET_VARIABLES, load
from strategies import held_closes
from tests.brokers.commands.test_prices_command import SATURDAY
from tests.brokers.test_faults_data import AT_ONCE, bent, change_rows, downloading
from tests.price_folder import options

TEXT = (Path(__file__).parents[1] / "docs/prices.md").read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
HYG = Request("HYG", "session")


def test_it_lists_all_its_parts() -> None:
    assert re.findall(r"^- \[(.+)\]\(#", TEXT, re.MULTILINE) == re.findall(
        r"^## (.+)$", TEXT, re.MULTILINE
    )


def test_its_settings_can_be_loaded(tmp_path: Path) -> None:
    blocks = [block for kind, block in BLOCKS if kind == "toml"]
    assert len(blocks) == 4
    for block in blocks:
        (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
        assert load([tmp_path / "mine.toml"]) != load()
    for text in re.findall(r"`--set '([^`]*)'`", TEXT):
        assert load([], [text]) != load()
    for key in re.findall(r"`\[([a-z_.]+)\]`", TEXT):
        section, _, name = key.partition(".")
        assert hasattr(getattr(load(), section), name or "model_fields"), key
    assert load([DEFAULT.with_name("second_sources.toml")]).prices.sources


def test_its_limits_are_those_of_the_checks() -> None:
    session, coin, short = (jumps.LIMITS[kind] for kind in ("session", "coin", "intraday"))
    high, run = filled_rows.MOST_EQUAL, bar_checks.LONGEST_RUN
    some, many = spacing.SOME_LONG_STEPS, spacing.MANY_LONG_STEPS
    stated = {
        f"more than {spacing.SPARSE:.0%} of all steps, or {many} of {spacing.STRETCH} in a",
        f"{some} of {spacing.STRETCH} in a row",
        f"{high['session']:.0%} of a US series' closes equal the one before, {high['coin']:.0%} of",
        (
            f"the median move is above {column_checks.LARGEST_MEDIAN:.0%}; "
            f"{column_checks.MOST_OUTSIDE:.0%} of the closes lie outside"
        ),
        (
            f"within {jumps.DAYS:.0f} days (one that no market makes: {jumps.LASTING_DAYS:.0f}), "
            f"US series | {session.certain}; or {session.unusual} "
            f"and {jumps.DEVIATIONS:.0f} standard deviations of the {jumps.WINDOW} bars before"
        ),
        f"| {coin.certain}; or {coin.unusual} and {jumps.DEVIATIONS:.0f} standard deviations |",
        f"| {short.certain}; or {short.unusual} and {jumps.DEVIATIONS:.0f} standard deviations |",
        (
            f"| {session.lasting} and {jumps.DEVIATIONS:.0f} standard deviations; or "
            f"{session.certain} and {jumps.SPLIT_MOVES:.0f} of its median moves |"
        ),
        (
            f"| from a close to the next open {jumps.LARGEST_GAP}; between closes {coin.lasting} "
            f"up, {coin.falling} down |"
        ),
        f"no more than {spacing.MOSTLY:.0%} of all steps: an exchange writes",
        (
            f"more than {filled_rows.MOST_ON_A_LINE:.0%} of {filled_rows.LINE_WINDOW} closes are "
            "on a line between their neighbours "
            f"(moves of up to {filled_rows.FEW_TICKS} ticks do not"
        ),
        (
            f"more than {filled_rows.MOST_EQUAL_IN_LONGER:.0%} of the closes equal the one before, "
            f"and below {filled_rows.MOST_EQUAL_AT_START:.0%} where a longer bar starts"
        ),
        (
            f"than {column_checks.LARGEST_MEDIAN_OPEN} of the median move (median; not where "
            f"nobody trades in more than {column_checks.FEW_TRADES:.0%} of bars), and more than "
            f"{column_checks.BY_SPREAD:.0f} or nearer to another column or row by half in "
            f"{column_checks.IN_MOST_BARS:.0%} of bars"
        ),
        f"that is the high or the low | more than {column_checks.MOST_AT_EDGE:.0%} |",
        (
            f"by more than {column_checks.ADJUSTMENT_OF_MOVE} of the close's median move (median; "
            f"{column_checks.ROUNDED_ADJUSTMENT} where rounding"
        ),
        f"at least {PUBLISHED['WALCL'].shortest_step:.0f} days apart",
        ", ".join(
            f"`{name}` {known.jump}" for name, known in PUBLISHED.items() if np.isfinite(known.jump)
        ),
        f"moves otherwise by more than {column_checks.LARGEST_ADJUSTMENT:.1%} (median)",
        f"far from the close before and its own | {bar_checks.LARGEST_OPEN} |",
        f"more than {run} bars",
        (
            f"more than {bar_checks.LONGEST_GAP['session']} sessions, or "
            f"{bar_checks.LONGEST_GAP['coin']} days"
        ),
        (
            f"other prices | {cross_checks.ANOTHER_CURRENCY:.0%} (median), or "
            f"{cross_checks.LARGEST_DIFFERENCE:.0%} on one day |"
        ),
        f"another unit (a factor of {np.exp(cross_checks.ANOTHER_UNIT):.1f})",
        f"exceeds {held_closes.DEVIATIONS:.0f} standard deviations of the {held_closes.WINDOW}",
        f"more than {held_closes.DEPARTURE:.0%} from what moves with it",
        (
            f"more than {combine.DISAGREEMENT['session']:.0%} on the last {combine.COMPARED_ROWS} "
            f"common days (coins {combine.DISAGREEMENT['coin']:.0%})"
        ),
        (
            f"by more than {same_series.LARGEST_DIFFERENCE:.2%} (median) over the last "
            f"{same_series.COMPARED_RETURNS} days that both have, or by three times that over the "
            f"last {same_series.RECENT_RETURNS}; of coins by more than "
            f"{same_series.LARGEST_SHARE:.0%} of the median move"
        ),
        f"in common (within {adjusted_closes.SAME_RATIO:.2%}, or what rounding",
        f"takes more than {web.TIMEOUT:.0f} seconds",
        f"last {combine.LEVEL_ROWS} common sessions",
        f"at most {combine.PROXY_DEVIATION:.2%} over the last {combine.PROXY_SESSIONS} sessions",
        f"at most {combine.LONGEST_PROXY} sessions",
        f"`gate.max_gate_age` ({load().gate.max_gate_age})",
    }
    spaced = {text.replace("%", " %") for text in stated}
    assert [text for text in sorted(spaced) if text not in FLAT] == []
    assert (combine.UNUSABLE, held_closes.CONFIRMING_CLOSES) == (5.0, 3), "written out as words"
    assert (same_series.RECENT_FACTOR, adjusted_closes.MOST_NEWEST) == (3.0, 5), "as words"
    assert column_checks.CLEARLY_NEARER == 0.5, "by half"
    assert held_closes.EXTREME_MOVE == 0.35, "42 % up, 30 % down"
    assert FAR_APART == 0.5, "50 % above, 33 % below"
    assert [name for name in PUBLISHED if f"`{name}`" not in TEXT] == []


def test_it_names_every_source_ending_and_secret() -> None:
    assert [name for name in LISTED if name != "sample" and f"| `{name}` |" not in TEXT] == []
    endings = re.findall(r"`(\.[\w.]+)`", FLAT.partition("A file ends in")[2].partition(" Case")[0])
    assert set(endings) <= {*ENDINGS, ".csv"}
    assert {".csv", ".csv.gz", ".zip", ".txt", ".tsv", ".parquet"} == set(endings)
    named = set(re.findall(r"`(RUSSELL_GATE_\w+)`", TEXT))
    assert named <= SECRET_VARIABLES
    assert len(named) == 4


def test_its_address_can_be_asked() -> None:
    address, login = re.findall(r"`(https://[^`]+)`", TEXT)
    assert problem_of_prices_address(f"{login}{{symbol}}", with_header=True) == ""
    assert problem_of_prices_address(address, with_header=True) == ""
    now = pd.Timestamp("2024-02-01 12:00", tz="UTC")
    filled = fill(address, "^RUT", date(2024, 1, 31), now)
    seconds = int(now.normalize().timestamp())
    assert filled == f"https://example.org/%5ERUT.csv?from=20240131&to={seconds}"


def test_what_it_says_was_assumed_is_what_is_read() -> None:
    cells = [f"{day}/03/2024;1.2{day},5" for day in range(11, 15)]
    content = "\n".join(["Date;Close", *(cell.replace("1.", "") for cell in cells)]).encode()
    table = read_dated_table(content, HYG, origin="a file")
    (note,) = table.notes
    quoted = re.findall(r'"(read as: [^"]+)"', FLAT)
    assert quoted
    for text in quoted:
        for part in text.removeprefix("read as: ").split(", "):
            assert part in note
    assert table.frame["close"].tolist() == [211.5, 212.5, 213.5, 214.5]


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        (["01/01/2024,1.5", "01/04/2024,1.5"], "ambiguous"),
        (["31/01/2024,1.5", "01/31/2024,1.5"], "one day-first and one month-first"),
        (["1325376,1.5", "1333238,1.5"], "is not a date"),
        (["45000,1.5", "45001,1.5"], "Excel"),
        (['2024-01-31,"1,234"', '2024-02-01,"1,235"'], "ambiguous"),
    ],
)
def test_what_it_says_is_refused_is_refused(cells: list[str], word: str) -> None:
    content = "\n".join(["Date,Close", *cells]).encode()
    with pytest.raises(DataError, match=word):
        read_dated_table(content, HYG, origin="a file")


def test_every_form_of_a_missing_value_that_it_names_is_one() -> None:
    named = re.findall(r"`([^`]+)`", FLAT.partition("Missing is an empty cell,")[2][:60])
    assert len(named) == 5
    rows = [f"2024-01-{day:02},{text}" for day, text in enumerate(["1.5", *named], 1)]
    content = "\n".join(["DATE,WALCL", *rows]).encode()
    frame = read_dated_table(content, Request("WALCL", "macro"), origin="a file").frame
    assert frame["value"].isna().tolist() == [False, *[True] * len(named)]


def test_files_are_read_under_the_names_it_shows_and_its_command_runs(
    folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for usual, other in (("RUT.csv", "^rut.csv"), ("BTC-USD.csv", "btc_usd.CSV")):
        assert f"`{other}`" in TEXT
        shutil.move(folder / "daily" / usual, folder / "daily" / other)
    monkeypatch.chdir(tmp_path)
    line = next(text for text in re.findall(r"`(python main\.py [^`]+)`", TEXT) if "check" in text)
    words = [*shlex.split(line)[2:], *options(folder, cache)]
    result = CliRunner().invoke(main.app, words)
    assert result.exit_code == 0, result.output
    last = pd.read_csv(folder / "daily/^rut.csv").Date.iloc[-1]
    assert last in result.output
    moved = folder / "daily/btc_usd.CSV"
    shutil.move(moved, folder / "daily/BTCUSD_daily.csv")
    result = CliRunner().invoke(main.app, words)
    assert (result.exit_code, "BTCUSD_daily.csv" in result.output) == (3, True), result.output


def test_its_held_close_is_accepted_by_its_command(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = next(block for kind, block in BLOCKS if kind == "sh")
    _, _, *words = shlex.split(block)
    symbol, day = words[2:4]
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, start=SATURDAY) as w:
        monkeypatch.setattr(prices, "time", SimpleNamespace(time=lambda: w.clock.now()))
        change_rows(w, symbol, bent(0.8, day))
        w.run()
        journal = f"journal.folder={w.settings.journal.folder}"
        result = CliRunner().invoke(main.app, [*words, "--set", journal])
        assert result.exit_code == 0, result.output
        with w.journal() as written:
            (row,) = written.accepted()
    assert (row.symbol, row.by_whom) == (symbol, words[-1])
