"""A search over a window too short to judge, on the page and on the terminal: no verdict, no score,
no yearly figure.
"""

import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from backtests.performance.short_windows import FEWEST_DAYS, why_short
from backtests.report.tune import page as tune_page
from backtests.report.tune import terminal as tune_terminal
from backtests.report.tune import words as tune_words
from backtests.tuning.document import TuneDocument
from backtests.tuning.read_document import parse
from tests.backtests.report import tune_sample
from tests.backtests.report.run.test_page import Parsed

WHY = why_short(FEWEST_DAYS - 1)
MARKED = 1.2345678  # each yearly figure of the documents below, found again however it is rounded
ANNUAL = ("cagr", "volatility", "sharpe", "sortino", "calmar")


def searched(days: int = FEWEST_DAYS) -> TuneDocument:
    """One with every part over so many days, all yearly figures `MARKED`."""
    content = json.loads(json.dumps(tune_sample.made("usual")[0]))
    content["window"]["days"] = days
    walks = content["walk_forward"].values()
    rows = [content["best"]["in_sample"], content["best"]["backtrader"]]
    rows += [content["defaults"]["in_sample"], *content["robustness"]["stress"]]
    rows += [walk[part] for walk in walks for part in ("figures", "defaults")]
    for row in rows:
        row.update({name: MARKED for name in ANNUAL if name in row})
    scored = [*content["leave_one_breakout_out"]["folds"]]
    scored += [step for walk in walks for step in walk["steps"]]
    for row in scored:
        row.update(dict.fromkeys(("in_sample", "out_of_sample", "defaults"), MARKED))
    return parse(content)


def printed(document: TuneDocument) -> str:
    out = io.StringIO()
    tune_terminal.show(Console(file=out, width=400), document, "runs/this")
    return out.getvalue()


def is_marked(text: str) -> bool:
    return re.search(r"1\.23\b|1\.235|\+123%|123%", text) is not None


def test_the_terminal_has_no_verdict_and_no_word_on_scores() -> None:
    """Yearly figures are missing there, not broken constraints."""
    document = searched()
    text = printed(document)
    assert text.startswith(f"No verdict. {WHY}") and f"warning: {WHY}" in text
    near = document.robustness.neighbours.n
    assert f"\n{near} parameter sets differ from the best by one step of one setting.\n" in text
    for word in ("Half of them", "plateau", "p = ", "PBO", "without it did better"):
        assert word not in text, word
    assert tune_words.left_out(document) == ""


def test_the_terminal_has_no_yearly_figure() -> None:
    assert not is_marked(printed(searched()))
    assert is_marked(printed(searched(FEWEST_DAYS + 1)))


def test_one_day_more_and_all_is_said() -> None:
    text = printed(searched(FEWEST_DAYS + 1))
    assert text.startswith("Not recommended. ") and WHY not in text
    assert "A plateau is more reliable than a peak." in text
    assert tune_words.left_out(searched(FEWEST_DAYS + 1)).startswith("On ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The search in a folder, its table of sets as an earlier version left it."""
    tune_sample.write("usual", tmp_path)
    (tmp_path / "tune.json").write_text(json.dumps(searched().to_json()), encoding="utf-8")
    return tmp_path


def page_of(folder: Path) -> str:
    text = tune_page.html(tune_page.read_search(folder, "x"))
    return re.sub(r'(id="plotly">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)


def test_the_page_has_no_verdict_no_score_and_no_ranking(folder: Path) -> None:
    parsed = Parsed(page_of(folder))
    main = parsed.texts["main"][0]
    assert parsed.texts["h1"] == ["No verdict."] and WHY in " ".join(parsed.texts["p"])
    for word in ("Tests of the verdict", "The best sets", "Importance of", "Pairs of", "plateau"):
        assert word not in main, word
    assert "Half of them" not in main and "These tests were not possible." in main
    assert not is_marked(main)
    assert not {"figure-sets", "sets"} & {attributes.get("id") for _, attributes in parsed.elements}


def test_the_page_needs_no_objective_of_the_sets_and_shows_none(folder: Path) -> None:
    """This version writes none into the table; an earlier one did."""
    earlier = page_of(folder)
    path = folder / "trials.parquet"
    table = pd.read_parquet(path)
    table.drop(columns=["objective", *(name for name in ANNUAL if name in table)]).to_parquet(path)
    assert page_of(folder) == earlier
    document = json.dumps(searched(FEWEST_DAYS + 1).to_json())
    (folder / "tune.json").write_text(document, encoding="utf-8")
    with pytest.raises(tune_page.RunError, match="has no column objective"):
        page_of(folder)
