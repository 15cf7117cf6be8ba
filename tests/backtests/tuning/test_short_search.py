"""A search over a window too short to judge: no verdict, and not one yearly figure in what it
writes, whichever version wrote it.
"""

import json
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtests.calibration.outcome import NO_VERDICT
from backtests.calibration.runs import outcome_of
from backtests.performance.short_windows import ANNUALISED, why_short
from backtests.report.tune import page as tune_page
from backtests.tuning import overlay
from backtests.tuning.document import TuneDocument
from backtests.tuning.read_document import parse
from backtests.tuning.search.space import space_of
from backtests.tuning.trials import write_trials
from backtests.tuning.whole_search import Search, search
from backtests.tuning.writer import make_document
from brokers.prices.load import load_prices
from config.settings import Settings, load
from tests.backtests.report import tune_sample
from tests.backtests.tuning.evaluators import NOW
from tests.price_folder import overrides

SPACE = (
    'tune.space={"gate.base_sessions" = [126, 252], "allocation.band" = [0.1, 0.3],'
    ' "allocation.own_trend" = ["off", "or"]}'
)
QUICK = (
    *("tune.searched_gates=6", "tune.searched_sets=4", "tune.min_orders=1"),
    *("tune.walk_forward.step_months=3", "tune.walk_forward.train_months=6"),
)
SHORT, LONG = 599, 600  # daily returns: the last window without a verdict, the first with one
WHY = why_short(SHORT)
# What a number of a short tune.json may be: settings, counts, days, figures of the whole window.
OF_SETTINGS = ("best.point.", "best.changed.", "search.")
OF_WALKS = tuple(
    f"walk_forward.{mode}.{part}."
    for mode in ("rolling", "anchored")
    for part in ("drift", "equity.chosen", "equity.defaults")
)
NOT_YEARLY = {
    *("total_return", "max_drawdown", "max_drawdown_days", "days_held", "exposure", "orders"),
    *("fees", "equity_difference", "orders_differ", "row", "version"),
    *("n", "paths", "effective", "splits", "dropped", "of", "days"),
    *("sets", "seconds", "threads", "microseconds_a_set"),
}


@cache
def searched(folder: Path, cache: Path, returns: int) -> tuple[Search, Settings]:
    """A search over so many daily returns, with a breakout and gate periods in them."""
    last = pd.Timestamp("2016-12-20")
    first = last - pd.Timedelta(days=returns)
    window = (f"backtest.start={first:%Y-%m-%d}", f"backtest.end={last:%Y-%m-%d}")
    settings = load(None, [*overrides(folder, cache), SPACE, *QUICK, *window])
    return search(settings, space_of(settings), load_prices(settings, NOW), silent), settings


def silent(*_: Any) -> None:
    """Report no progress."""


@pytest.fixture
def short(whole_folder: Path, cache: Path) -> tuple[Search, Settings]:
    return searched(whole_folder, cache, SHORT)


@pytest.fixture
def long(whole_folder: Path, cache: Path) -> tuple[Search, Settings]:
    return searched(whole_folder, cache, LONG)


def written(one: tuple[Search, Settings]) -> TuneDocument:
    (evaluator, _, findings), settings = one
    return make_document(evaluator, findings, settings)


def numbers(value: Any, above: str = "") -> Iterator[str]:
    """The dotted place of every number below `value`."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(part, f"{above}.{key}" if above else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield above


def yearly_numbers(document: TuneDocument) -> list[str]:
    """Where a document has a number that is not known to be of something else than a year."""
    return [
        place
        for place in numbers(document.to_json())
        if not place.startswith((*OF_SETTINGS, *OF_WALKS))
        and ".chosen." not in place  # settings of a step or a fold
        and place.rpartition(".")[2] not in NOT_YEARLY
    ]


def made_up(version: int | None, days: int) -> dict[str, Any]:
    """A tune.json with every part, as a version of before left it of so many days."""
    content = json.loads(json.dumps(tune_sample.made("usual")[0]))
    content["window"]["days"] = days
    content["version"] = version
    if version != 3:
        del content["luck"]
    if version is None:
        del content["version"]
        content["verdict"]["word"] = "do not recommend"
    return content


# The search itself


def test_the_last_short_window_gets_no_verdict_and_the_next_one_does(
    short: tuple[Search, Settings], long: tuple[Search, Settings]
) -> None:
    assert [len(one.evaluator.days) for one, _ in (short, long)] == [SHORT, LONG]
    findings = short[0].findings
    tests = (findings.verdict, findings.luck, findings.ability, findings.gates)
    assert (*tests, findings.no_verdict) == (None, None, None, None, WHY)
    whole = long[0].findings
    assert whole.verdict is not None and whole.no_verdict == ""
    assert None not in (whole.ability, whole.gates)


def test_it_cannot_be_calibrated(short: tuple[Search, Settings]) -> None:
    """`--calibrate` refuses what has no verdict."""
    assert outcome_of(short[0].findings, short[1]).word == NO_VERDICT


def test_its_document_has_no_yearly_number(
    short: tuple[Search, Settings], long: tuple[Search, Settings]
) -> None:
    document = written(short)
    assert yearly_numbers(document) == []
    assert (document.verdict, document.warnings) == (None, (WHY,))
    assert document.best.in_sample.total_return is not None
    assert len(document.walk_forward.rolling.steps) > 1
    assert document.walk_forward.rolling.equity.chosen
    whole = written(long)
    assert whole.verdict is not None and WHY not in whole.warnings
    found = {place.rpartition(".")[2] for place in yearly_numbers(whole)}
    assert found >= {
        *ANNUALISED,
        "p",
        "pbo",
        "share",
        "median",
        "in_sample",
        "out_of_sample",
        "low",
    }


def test_it_is_the_same_after_writing_and_reading(short: tuple[Search, Settings]) -> None:
    document = written(short)
    assert parse(json.loads(json.dumps(document.to_json()))) == document


def test_the_table_of_its_sets_has_no_yearly_column(
    short: tuple[Search, Settings], long: tuple[Search, Settings], tmp_path: Path
) -> None:
    columns = []
    for name, (one, _) in (("short", short), ("long", long)):
        write_trials(one.study, tmp_path / name)
        columns.append({*pd.read_parquet(tmp_path / name).columns})
    yearly = {"objective", *ANNUALISED} - {"turnover"}
    assert columns[1] - columns[0] == yearly
    assert columns[0] >= {"path", "total_return", "max_drawdown", "days_held", "orders"}


def test_its_best_toml_says_that_there_is_no_verdict_and_why(
    short: tuple[Search, Settings],
) -> None:
    findings, day = short[0].findings, date(2026, 3, 1)
    content = overlay.text(
        short[1], {}, findings.verdict, "runs/x", day, no_verdict=findings.no_verdict
    )
    assert content.startswith("# Verdict: no verdict.\n")
    assert "Every test" not in content and "The verdict is valid" not in content
    words = " ".join(line.removeprefix("# ") for line in content.splitlines())
    assert WHY in words and "inconclusive" not in words
    tuned = tomllib.loads(content)["tuned"]
    assert (tuned["verdict"], tuned["why"]) == ("no verdict", WHY)


def test_its_folder_can_be_read_and_has_a_page(
    short: tuple[Search, Settings], tmp_path: Path
) -> None:
    content = json.dumps(written(short).to_json())
    (tmp_path / "tune.json").write_text(content, encoding="utf-8")
    write_trials(short[0].study, tmp_path / "trials.parquet")
    text = tune_page.write(tmp_path).read_text(encoding="utf-8")
    assert WHY in text and "All parameter sets" in text


# Documents of before


@pytest.mark.parametrize("version", [None, 2, 3])
def test_an_older_document_of_a_short_window_is_read_without_yearly_figures(
    version: int | None,
) -> None:
    document = parse(made_up(version, SHORT + 1))
    assert yearly_numbers(document) == []
    assert document.verdict is None and document.warnings[0] == WHY
    assert parse(document.to_json()) == document
    part = document.leave_one_breakout_out
    assert (part.won, part.ahead, part.share, part.median_rank) == (None,) * 4
    assert len(part.folds) == part.of == 6
    assert {fold.won for fold in part.folds} == {fold.rank for fold in part.folds} == {None}
    assert document.robustness.neighbours.n > 0


@pytest.mark.parametrize("version", [None, 2, 3])
def test_one_of_a_window_that_is_long_enough_keeps_them(version: int | None) -> None:
    document = parse(made_up(version, LONG + 1))
    assert document.verdict is not None and document.best.in_sample.sharpe is not None
    assert document.leave_one_breakout_out.won is not None
    assert document.robustness.importance and document.best.intervals
