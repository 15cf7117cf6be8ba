"""The page of the evidence: whole, its numbers those of evidence.json, and usable in a real browser. Made of made-up prices."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtests.evidence import paths
from backtests.evidence.breakouts import studied
from backtests.evidence.history import BITCOIN, ETHER
from backtests.report import evidence_figures, evidence_page, evidence_words
from backtests.runs import RunError
from tests.backtests.evidence.scene import ALWAYS, DAYS, SETTINGS, coin, history
from tests.backtests.report.test_page import EVIL, Parsed
from tests.backtests.report.windows import NEEDS_CHROMIUM, SIZES, Opened


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """As the command writes it."""
    from backtests.evidence import breakouts, facts, together
    from backtests.evidence.document import document

    of = history(**{BITCOIN: coin(1, ALWAYS), ETHER: coin(2, {})})
    study = studied(of, SETTINGS)
    claims = [*facts.facts(of), *breakouts.claims(study, of), *together.claims(of, SETTINGS.evidence)]
    made: dict[str, Any] = json.loads(json.dumps(document(claims, study, of, SETTINGS), allow_nan=False))
    return made


def bare(text: str) -> str:
    return re.sub(r'(id="plotly">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)


def test_the_page_is_whole_and_holds_what_it_needs(found: dict[str, Any]) -> None:
    text = evidence_page.html(found, "run")
    assert len(text.encode()) < 4_000_000
    text = bare(text)
    parsed = Parsed(text)
    assert parsed.stack == []
    places = {attributes["id"] for tag, attributes in parsed.elements if tag == "div" and str(attributes.get("class")).startswith("figure")}
    assert places == evidence_figures.pictures(found).keys() == {"paths", "definitions", "cycles"}
    assert parsed.texts["h1"] == [evidence_words.headline(found)]
    words = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|None|NaT|inf|Undefined|True|False)\b", re.sub(r"<[^>]*>", " ", words))


def test_every_claim_is_a_row_with_its_numbers(found: dict[str, Any]) -> None:
    rows = evidence_page.claims(found).rows
    assert [row[0].text for row in rows] == [one["id"] for one in found["claims"]]
    for row, one in zip(rows, found["claims"], strict=True):
        assert row[2].text == one["verdict"] and row[3].text.startswith(one["why"])
        assert row[7].text == ("-" if one["p"] is None else f"{one['p']:.3f}")


def test_paths_begin_at_the_price_of_the_breakout(found: dict[str, Any]) -> None:
    assert [one["opened"][:10] for one in found["paths"]] == [day for day in DAYS if day > "2012"]
    for one in found["paths"]:
        at = dict(zip(one["days"], one["values"], strict=True))
        assert at[0] == 1.0 and min(at) == -90 and max(at) == 365
    figure = evidence_figures.paths(found["paths"])
    assert [trace["line"]["dash"] for trace in figure["data"]] == ["solid", "dash", "solid", "dash", "solid"]  # 2016 and 2020 formed the thesis


def test_paths_end_with_the_prices() -> None:
    of = history(**{BITCOIN: coin(1, {})})
    last = of.assets[BITCOIN].index[-1]
    (path,) = paths.around(of, pd.DatetimeIndex([last - pd.Timedelta(days=22, hours=3)]))
    assert path["days"][-1] == 20
    assert paths.around(of, pd.DatetimeIndex(["2001-01-01", "2030-01-01"], tz="UTC")) == []


def test_a_sample_says_what_it_is_and_draws_nothing(found: dict[str, Any]) -> None:
    bare_of = {
        "events": [],
        "follows": [],
        "definitions": [],
        "paths": [],
        "cycles": [],
        "until": [],
        "sample": True,
        "fallback": "Yahoo cannot be reached.",
    }
    text = bare(evidence_page.html(found | bare_of, "run"))
    assert "a simulation, not a market" in text and "Yahoo cannot be reached" in text
    assert 'class="figure' not in text and "How long until we know" not in text


def test_what_comes_from_data_stays_text(found: dict[str, Any]) -> None:
    spoilt = deepcopy(found)
    spoilt["lacking"] = {EVIL: EVIL}
    spoilt["claims"][0]["why"] = EVIL
    spoilt["events"][0]["after"] = {EVIL: dict.fromkeys(spoilt["events"][0]["after"].popitem()[1], 0.5)}
    text = bare(evidence_page.html(spoilt, EVIL))
    assert EVIL not in text and Parsed(text).stack == []


def test_writing_twice_gives_the_same_bytes(found: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_text(json.dumps(found))
    one = evidence_page.write(tmp_path, "run").read_bytes()
    assert evidence_page.write(tmp_path, "run").read_bytes() == one


@pytest.mark.parametrize("text", [None, "", "[]", "{", "{}"])
def test_a_folder_without_evidence_is_named(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "evidence.json").write_text(text)
    with pytest.raises(RunError, match=r"evidence\.json: is missing or damaged .*run `evidence` again"):
        evidence_page.write(tmp_path)


@pytest.mark.parametrize(
    ("years", "needed", "text"), [(None, None, "no number would show it"), (0.0, 2.0, "to see it in 80%."), (7.2, 5.0, "7 years")]
)
def test_how_long_is_said_in_words(years: float | None, needed: float | None, text: str) -> None:
    one = {"horizon": "3 months", "had": 3, "events": needed, "years": years}
    (said,) = evidence_words.until({"until": [one]})
    assert text in said and said.startswith("Bitcoin over 3 months: ")


@pytest.fixture
def opened(browser: Any, found: dict[str, Any], tmp_path: Path) -> Iterator[Any]:
    contexts: list[Any] = []

    def open_page(size: str) -> Opened:
        contexts.append(browser.new_context(viewport=SIZES[size]))
        (tmp_path / "evidence.json").write_text(json.dumps(found))
        return Opened(contexts[-1], evidence_page.write(tmp_path, "run"))

    yield open_page
    for context in contexts:
        context.close()


@NEEDS_CHROMIUM
@pytest.mark.parametrize(("size", "scheme"), [("narrow", "dark"), pytest.param("wide", "light", marks=pytest.mark.proof)])
def test_the_page_draws_fits_asks_for_nothing_and_axe_finds_nothing_serious(size: str, scheme: str, opened: Any) -> None:
    window = opened(size)
    window.draw()
    for name in ("paths", "definitions", "cycles"):
        assert window.page.locator(f"#{name} .scatterlayer .trace").count() > 0
    assert window.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [url for url in window.requests if not url.startswith(("data:", "blob:"))] == [window.page.url]
    assert window.complaints == [] and window.violations(scheme) == []
