"""The page of a search: whole for every kind, its pictures are the tables' numbers, honest about
damage, and usable in a real browser.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtests.report.cells import LOWEST
from backtests.report.tune import chance_words, verdict_table
from backtests.report.tune import figures as tune_figures
from backtests.report.tune import page as tune_page
from backtests.report.tune import words as tune_words
from backtests.report.tune.page import RecordedSearch
from backtests.runs.folder import RunError
from backtests.statistics.calibrated_shares import Share
from backtests.tuning.document import TuneDocument
from tests.backtests.report.run.test_page import EVIL, Parsed
from tests.backtests.report.tune_sample import KINDS, with_parts
from tests.backtests.report.windows import NEEDS_CHROMIUM, SIZES, Opened


@pytest.fixture
def copy_of(search_of: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """The same, to be written into."""
    return lambda kind: Path(shutil.copytree(search_of(kind), tmp_path / kind.replace(" ", "-")))


@pytest.fixture(scope="module")
def parsed_of(search_of: Callable[[str], Path]) -> Callable[[str], Parsed]:
    """The page of a search of one kind, without its chart library."""
    return cache(lambda kind: Parsed(bare(tune_page.html(tune_page.read_search(search_of(kind))))))


def bare(text: str) -> str:
    return re.sub(r'(id="plotly">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def usual(search_of: Callable[[str], Path]) -> RecordedSearch:
    return tune_page.read_search(search_of("usual"))


# whole


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_search_has_a_page(kind: str, search_of: Callable[[str], Path]) -> None:
    run = tune_page.read_search(search_of(kind))
    text = tune_page.html(run)
    assert len(text.encode()) < 4_000_000
    text = bare(text)
    parsed = Parsed(text)
    assert parsed.stack == []
    figures = {
        attributes["data-figure"]
        for tag, attributes in parsed.elements
        if tag == "script" and "data-figure" in attributes
    }
    places = {
        attributes["id"]
        for tag, attributes in parsed.elements
        if tag == "div" and str(attributes.get("class")).startswith("figure")
    }
    assert figures == places == tune_figures.pictures(run.result, run.trials).keys()
    assert parsed.texts["h1"] == [tune_words.headline(run.result)]
    words = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(
        r"\b(nan|NaN|None|NaT|inf|Undefined|True|False)\b", re.sub(r"<[^>]*>", " ", words)
    )


# what it says


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        ("usual", "Not recommended."),
        ("recommended", "Recommended."),
        ("nothing feasible", "Inconclusive."),
        ("sample", "No verdict."),
    ],
)
def test_the_verdict_comes_first_with_its_tests(
    kind: str, headline: str, search_of: Callable[[str], Path], parsed_of: Callable[[str], Parsed]
) -> None:
    run, parsed = tune_page.read_search(search_of(kind)), parsed_of(kind)
    assert parsed.texts["h1"] == [headline]
    tests = run.result.verdict.tests if run.result.verdict else ()
    if tests:
        assert run.result.verdict and run.result.verdict.why[0] in parsed.texts["header"][0]
        headings = parsed.texts["h2"]
        assert headings.index("Tests of the verdict") < headings.index("Best parameter set")
    rows = verdict_table.tests(run.result).rows
    assert [row[2].sort for row in rows] == [
        LOWEST if test.value is None else test.value for test in tests
    ]
    assert [row[3].sort for row in rows] == [test.limit for test in tests]
    assert [row[1].text for row in rows] == [
        {True: "yes", False: "no", None: "not possible"}[test.passed] for test in tests
    ]


@pytest.mark.parametrize("kind", ["usual", "recommended"])
def test_the_page_has_one_light_and_one_sentence_to_act_on(
    kind: str, search_of: Callable[[str], Path], parsed_of: Callable[[str], Parsed]
) -> None:
    """The verdict's word alone is coloured: no test and no tile of the head is green or red."""
    result, parsed = tune_page.read_search(search_of(kind)).result, parsed_of(kind)
    assert result.verdict is not None
    (action,) = parsed.texts["strong"]
    assert action == result.verdict.action and action.count(". ") == 0
    assert action.startswith("Use best.toml: " if kind == "recommended" else "Keep gate.")
    cells = [cell for row in verdict_table.tests(result).rows for cell in row]
    assert not [cell for cell in cells if {"good", "bad"} & set(cell.kind.split())]
    assert "deflated" not in " ".join(parsed.texts["dl"][0].lower().split())
    lit = [attributes for tag, attributes in parsed.elements if "data-word" in attributes]
    assert [one["data-word"] for one in lit] == [result.verdict.word]


def test_the_story_comes_first_and_the_tables_behind_it(
    parsed_of: Callable[[str], Parsed],
) -> None:
    parsed = parsed_of("usual")
    assert parsed.texts["h2"][:4] == [
        *("What tuning would have earned", "What would decide"),
        *("Tests of the verdict", "Warnings"),
    ]
    decide = parsed.texts["main"][0]
    assert "which chance reaches in 5% of histories; the best set has 0.42" in decide
    assert "0.90 above holding the same exposure all the time" in decide


def test_shares_of_worlds_without_an_effect_stand_beside_the_tests(
    usual: RecordedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they have been counted, with their interval; where not, nothing is printed."""
    counted: dict[str, Share] = {}
    monkeypatch.setattr(verdict_table, "share_passed", lambda command, name: counted.get(name))
    assert len(verdict_table.tests(usual.result).headings) == 5
    assert chance_words.calibration(usual.result) == ""
    counted["luck"] = Share(9, 200, 0.021, 0.084, 11)
    table = verdict_table.tests(usual.result)
    column = [heading for heading, _ in table.headings].index(verdict_table.WITHOUT_EFFECT)
    found = {row[0].text: row[column].text for row in table.rows}
    assert found.pop("Chance") == "4%\n2% to 8%"
    assert set(found.values()) == {"-"}
    text = bare(tune_page.html(usual))
    assert "200 worlds with the default settings, seed 11" in text
    assert "200 worlds" not in bare(tune_page.html(usual._replace(result=no_verdict(usual))))


def test_a_share_is_only_of_the_default_limits(
    usual: RecordedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stricter limit fewer would pass; how many has not been counted."""
    counted = Share(9, 200, 0.021, 0.084, 11)
    monkeypatch.setattr(verdict_table, "share_passed", lambda command, name: counted)
    assert usual.result.verdict is not None
    tests = {test.name: test for test in usual.result.verdict.tests}
    assert all(verdict_table.calibrated_share(test) for test in tests.values())
    for name, changes in (
        ("luck", {"limit": 0.01}),
        ("events", {"limit": 7.0}),
        ("pbo", {"other_limit": 0.01}),
    ):
        changed = tests[name].model_copy(update=changes)
        assert verdict_table.calibrated_share(changed) is None, name
        result = with_parts(
            usual.result,
            verdict=usual.result.verdict.model_copy(update={"tests": (changed,)}).model_dump(),
        )
        assert chance_words.calibration(result) == ""
        assert len(verdict_table.tests(result).headings) == 5
    as_usual = tests["pbo"].model_copy(update={"other_limit": 0.05})
    assert verdict_table.calibrated_share(as_usual) == counted


def no_verdict(run: RecordedSearch) -> TuneDocument:
    return with_parts(run.result, verdict=None)


def test_a_search_on_sample_prices_says_so_and_gives_no_p(
    parsed_of: Callable[[str], Parsed],
) -> None:
    parsed = parsed_of("sample")
    assert ("body", {"class": "sample"}) in parsed.elements
    assert parsed.texts["p"][0].startswith(
        "Sample prices: a simulation, not a market. Yahoo cannot be reached"
    )
    assert "p = " not in parsed.texts["main"][0]
    assert "On sample prices no p is given." in parsed.texts["main"][0]


def test_where_no_set_meets_the_constraints_the_page_says_so(
    parsed_of: Callable[[str], Parsed],
) -> None:
    text = parsed_of("nothing feasible").texts["main"][0]
    condition = "at least 10 orders and a drawdown of at most 30%"
    assert f"There is none: no parameter set meets the constraints ({condition})" in text
    assert "best.toml" not in text


def test_two_engines_that_disagree_are_an_alarm(parsed_of: Callable[[str], Parsed]) -> None:
    (alarm,) = [
        text
        for text in parsed_of("disagreeing").texts["li"]
        if text.startswith("The two engines disagree.")
    ]
    assert "orders differ by 31" in alarm
    assert not [
        text for text in parsed_of("usual").texts["li"] if text.startswith("The two engines")
    ]


# files


def test_writing_twice_gives_the_same_bytes_under_any_name(
    copy_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of("usual")
    first = tune_page.write(folder, "final").read_bytes()
    assert tune_page.write(folder, "final").read_bytes() == first
    assert tune_page.write(folder.rename(tmp_path / "final")).read_bytes() == first


def test_what_comes_from_data_stays_text(
    usual: RecordedSearch, parsed_of: Callable[[str], Parsed]
) -> None:
    found, plain = usual.result.to_json(), parsed_of("usual")
    axis = {"key": EVIL, "values": [EVIL, "off"], "when": {EVIL: [EVIL]}}
    step = {
        "first": EVIL,
        "chosen": {EVIL: EVIL},
        "kept_defaults": False,
        "in_sample": 1.0,
        "out_of_sample": 1.0,
        "defaults": 1.0,
    }
    heat = {
        "x": EVIL,
        "y": EVIL,
        "x_values": [EVIL],
        "y_values": [EVIL],
        "median": [[1.0]],
        "best": [[1.0]],
    }
    test = {
        "name": EVIL,
        "value": 1.0,
        "limit": 1.0,
        "passed": True,
        "condemns": False,
        "text": EVIL,
    }
    fold = {
        "event": EVIL,
        "first": EVIL,
        "last": EVIL,
        "chosen": {EVIL: EVIL},
        "in_sample": 1.0,
        "out_of_sample": 1.0,
        "defaults": 1.0,
        "rank": 0.5,
        "won": True,
    }
    harder = {
        "name": EVIL,
        "why": EVIL,
        "sharpe": 1.0,
        "cagr": 1.0,
        "max_drawdown": 0.5,
        "total_return": 1.0,
    }
    hostile: dict[str, Any] = {
        "best": found["best"] | {"point": {EVIL: EVIL}, "changed": {EVIL: [EVIL, EVIL]}},
        "verdict": {"word": "inconclusive", "why": [EVIL], "tests": [test]},
        "search": found["search"] | {"method": EVIL, "space": [axis, *found["search"]["space"]]},
        "walk_forward": {
            mode: one | {"steps": [step], "drift": {EVIL: 1}}
            for mode, one in found["walk_forward"].items()
        },
        "leave_one_breakout_out": found["leave_one_breakout_out"] | {"folds": [fold]},
        "robustness": found["robustness"]
        | {
            "importance": [{"key": EVIL, "share": 0.5}] * 2,
            "heat_maps": [heat] * 3,
            "stress": [harder],
        },
        "warnings": [EVIL],
        "versions": {EVIL: EVIL},
        "fallback": EVIL,
    }
    document = with_parts(usual.result, **hostile)
    trials = usual.trials.assign(**{EVIL: "off"})
    text = bare(tune_page.html(RecordedSearch(EVIL, document, trials)))
    parsed = Parsed(text)
    assert parsed.stack == []
    scripts = [attributes for tag, attributes in parsed.elements if tag == "script"]
    assert scripts == [attributes for tag, attributes in plain.elements if tag == "script"]
    assert "img" not in {tag for tag, _ in parsed.elements}
    for content in re.findall(r'data-figure="[\w-]+">(.*?)</script>', text, flags=re.DOTALL):
        assert "<" not in content
        json.loads(content)


@pytest.mark.parametrize("text", ["", "[]", '{"best": 1', "\0"])
def test_a_folder_without_a_search_is_named(text: str, copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("one axis")
    (folder / "tune.json").write_text(text)
    with pytest.raises(RunError, match=re.escape(str(folder))):
        tune_page.write(folder)
    (folder / "tune.json").unlink()
    with pytest.raises(RunError, match=r"no folder of a search \(no tune.json\)"):
        tune_page.write(folder)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("key", sorted(set(TuneDocument.model_fields) - {"version"}))
def test_a_missing_part_is_named(key: str, copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("one axis")
    content = json.loads((folder / "tune.json").read_text())
    del content[key]
    (folder / "tune.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=rf"tune\.json.*has no {key}.*run `tune` again"):
        tune_page.write(folder)


def test_a_damaged_table_of_sets_is_named(copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("one axis")
    path = folder / "trials.parquet"
    whole = path.read_bytes()
    for spoiled in (b"", whole[:100], b"PAR1" + b"\xff" * 200):
        path.write_bytes(spoiled)
        with pytest.raises(
            RunError, match=r"trials\.parquet.*missing or damaged.*run `tune` again"
        ):
            tune_page.write(folder)
    path.unlink()
    with pytest.raises(RunError, match=r"trials\.parquet"):
        tune_page.write(folder)
    path.write_bytes(whole)
    pd.read_parquet(path).drop(columns="gate.base_sessions").to_parquet(path)
    with pytest.raises(RunError, match=r"trials\.parquet.*has no column gate\.base_sessions"):
        tune_page.write(folder)


# in a browser


@pytest.fixture
def opened(browser: Any, copy_of: Callable[[str], Path]) -> Iterator[Callable[..., Opened]]:
    contexts: list[Any] = []

    def open_page(kind: str, size: str = "wide") -> Opened:
        contexts.append(browser.new_context(viewport=SIZES[size]))
        return Opened(contexts[-1], tune_page.write(copy_of(kind)))

    yield open_page
    for context in contexts:
        context.close()


@NEEDS_CHROMIUM
@pytest.mark.parametrize(
    "kind",
    ["usual", *(pytest.param(kind, marks=pytest.mark.proof) for kind in KINDS if kind != "usual")],
)
def test_every_figure_draws_and_nothing_is_asked_for_or_complained_about(
    kind: str, opened: Callable[..., Opened]
) -> None:
    found = opened(kind)
    found.page.evaluate(
        "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )
    found.draw()
    layers = {
        "bar": ".bars",
        "heatmap": ".heatmaplayer image",
        "histogram": ".bars",
        "scatter": ".scatterlayer .trace",
    }
    run = tune_page.read_search(Path(found.page.url.removeprefix("file://")).parent)
    for name, figure in tune_figures.pictures(run.result, run.trials).items():
        for trace in figure["data"]:
            assert (
                found.page.locator(f"#{name} {layers[trace.get('type', 'scatter')]}").count() > 0
            ), name
    assert [url for url in found.requests if not url.startswith(("data:", "blob:"))] == [
        found.page.url
    ]
    assert found.complaints == []


@NEEDS_CHROMIUM
@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.proof)])
@pytest.mark.parametrize("size", ["narrow", pytest.param("wide", marks=pytest.mark.proof)])
@pytest.mark.parametrize("kind", ["sample", pytest.param("usual", marks=pytest.mark.proof)])
def test_the_page_fits_its_window_and_axe_finds_nothing_serious(
    kind: str, size: str, scheme: str, opened: Callable[..., Opened]
) -> None:
    found = opened(kind, size)
    found.page.evaluate(
        "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )
    found.draw("#sets, #heat-0")
    assert found.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert found.violations(scheme) == []
