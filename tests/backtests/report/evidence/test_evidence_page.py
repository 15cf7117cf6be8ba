"""The page of the evidence: whole, its numbers those of evidence.json, and usable in a real browser. Made of made-up prices."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.evidence import event_paths as paths
from backtests.evidence.breakouts import studied
from backtests.evidence.history import BITCOIN, ETHER
from backtests.report.evidence import figures as evidence_figures
from backtests.report.evidence import page as evidence_page
from backtests.report.evidence import words as evidence_words
from backtests.runs.folder import RunError
from tests.backtests.evidence.scene import ALWAYS, DAYS, SETTINGS, coin, history, index
from tests.backtests.report.run.test_page import EVIL, Parsed
from tests.backtests.report.windows import NEEDS_CHROMIUM, SIZES, Opened

PICTURES = ("paths", "definitions", "power", "lags", "crosses", "turns", "cycles")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """As the command writes it."""
    from backtests.evidence import breakouts, lag_scan
    from backtests.evidence import comovement as together
    from backtests.evidence import gate_test as regime
    from backtests.evidence import historical_facts as facts
    from backtests.evidence import lead_lag as leads
    from backtests.evidence.document import Lags, document

    of, evidence = history(**{BITCOIN: coin(1, ALWAYS), ETHER: coin(2, {})}), SETTINGS.evidence
    study, led = studied(of, SETTINGS), leads.led(of, evidence)
    scans = lag_scan.scanned(of, open_after(DAYS), evidence)
    whole = [
        *together.claims(of, evidence),
        *regime.claims(of, open_after(DAYS), evidence),
        *lag_scan.claims(scans),
        *leads.claims(of, led, evidence),
    ]
    claims = [*facts.facts(of), *breakouts.claims(study, of), *whole]
    lags = Lags(scans, led, leads.crossed(of, evidence))
    made: dict[str, Any] = json.loads(
        json.dumps(document(claims, study, of, SETTINGS, lags), allow_nan=False)
    )
    return made


def open_after(days: tuple[str, ...]) -> pd.DataFrame:
    """A gate that is open for 120 days after each of them."""
    sessions = index().index
    opened = [
        any(
            pd.Timestamp(day, tz="UTC")
            <= one
            < pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=120)
            for day in days
        )
        for one in sessions
    ]
    return pd.DataFrame(
        {"state": np.where(opened, "confirmed", "dormant"), "stale": 0}, index=sessions
    )


def bare(text: str) -> str:
    return re.sub(r'(id="plotly">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)


def test_the_page_is_whole_and_holds_what_it_needs(found: dict[str, Any]) -> None:
    text = evidence_page.html(found, "run")
    assert len(text.encode()) < 4_000_000
    text = bare(text)
    parsed = Parsed(text)
    assert parsed.stack == []
    places = {
        attributes["id"]
        for tag, attributes in parsed.elements
        if tag == "div" and str(attributes.get("class")).startswith("figure")
    }
    assert places == evidence_figures.pictures(found).keys() == set(PICTURES)
    assert parsed.texts["h1"] == [evidence_words.headline(found)]
    words = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(
        r"\b(nan|NaN|None|NaT|inf|Undefined|True|False)\b", re.sub(r"<[^>]*>", " ", words)
    )


def test_every_claim_is_a_row_with_its_numbers(found: dict[str, Any]) -> None:
    rows = evidence_page.claims(found).rows
    assert [row[0].text for row in rows] == [one["id"] for one in found["claims"]]
    for row, one in zip(rows, found["claims"], strict=True):
        assert row[2].text == one["verdict"] + (f"\nn {one['n']:,}" if one["n"] else "")
        assert row[3].text.startswith(one["why"])
        assert row[5].text == (
            "-" if one["p"] is None else f"{one['p']:.3f}\n{one['p_holm']:.3f} of all"
        )


def test_pairs_of_leaders_are_rows(found: dict[str, Any]) -> None:
    rows = evidence_page.leads(found).rows
    assert (
        len(rows) == len(found["leads"]) == (4 * 3 - 2) * 2
    )  # four series, ordered pairs, two spans; index and broad index are one here
    for row, one in zip(rows, found["leads"], strict=True):
        assert [cell.text for cell in row[:3]] == [
            one["leader"],
            one["follower"],
            str(one["weeks"]),
        ]
        assert (
            row[5].text == f"{one['low']:+.2f} to {one['high']:+.2f}"
            and row[6].text == f"{one['p']:.3f}"
        )


def test_the_curve_of_lags_stands_beside_what_chance_reaches(found: dict[str, Any]) -> None:
    figure = evidence_figures.lags(found["gate_test"])
    for trace, one in zip(figure["data"], found["gate_test"], strict=True):
        assert trace["name"] == one["asset"] and len(trace["x"]) == len(trace["y"]) == 121
        assert (
            trace["y"][one["best_lag"]]
            == max(trace["y"])
            == pytest.approx(max(one["apart"]), abs=1e-4)
        )
    shaded, *bands = figure["layout"]["shapes"]
    assert (shaded["x0"], shaded["x1"]) == (30, 91)
    assert [one["y0"] for one in bands] == [one["band"] for one in found["gate_test"]]


def test_correlations_are_drawn_of_what_may_follow_the_index(found: dict[str, Any]) -> None:
    traces = evidence_figures.pictures(found)["crosses"]["data"]
    assert [trace["name"] for trace in traces] == [BITCOIN, ETHER]
    assert all(trace["x"] == list(range(-26, 27)) for trace in traces)


def test_power_is_drawn_by_breakouts_with_those_there_have_been(found: dict[str, Any]) -> None:
    figure = evidence_figures.power(found["until"])
    assert all(
        trace["x"][0] == 1 and trace["y"] == one["power"]
        for trace, one in zip(figure["data"], found["until"], strict=True)
    )
    had, line = figure["layout"]["shapes"]
    assert had["x0"] == found["until"][0]["had"] == 3 and line["y0"] == 0.8


def test_what_is_left_of_p_is_said(found: dict[str, Any]) -> None:
    def told(*ps: tuple[str, float | None, float | None]) -> str:
        return evidence_words.corrected(
            {"claims": [{"id": id_, "p": p, "p_holm": left} for id_, p, left in ps]}
        )

    assert told(("A1", None, None)) == ""
    some = told(("A1", None, None), ("B2", 0.04, 0.08), ("B7", 0.001, 0.002), ("B7", 0.5, 0.5))
    assert (
        some
        == "Of 3 tests with a p, p is 5% or less in B2, B7; corrected for all in the table (Holm), still so: B7."
    )
    assert told(("B2", 0.5, 0.5)).endswith(
        "p is 5% or less in none; corrected for all in the table (Holm), none."
    )
    assert evidence_words.corrected(found) in evidence_words.in_short(found)


def test_paths_begin_at_the_price_of_the_breakout(found: dict[str, Any]) -> None:
    assert [one["opened"][:10] for one in found["paths"]] == [day for day in DAYS if day > "2012"]
    for one in found["paths"]:
        at = dict(zip(one["days"], one["values"], strict=True))
        assert at[0] == 1.0 and min(at) == -90 and max(at) == 365
    figure = evidence_figures.paths(found["paths"])
    assert [trace["line"]["dash"] for trace in figure["data"]] == [
        "solid",
        "dash",
        "solid",
        "dash",
        "solid",
    ]  # 2016 and 2020 formed the thesis


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
        "gate_test": [],
        "leads": [],
        "crosses": [],
        "turns": [],
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
    spoilt["events"][0]["after"] = {
        EVIL: dict.fromkeys(spoilt["events"][0]["after"].popitem()[1], 0.5)
    }
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
    with pytest.raises(
        RunError, match=r"evidence\.json: is missing or damaged .*run `evidence` again"
    ):
        evidence_page.write(tmp_path)


@pytest.mark.parametrize(
    ("years", "needed", "text"),
    [
        (None, None, "no number would show it"),
        (0.0, 2.0, "to see it in 80%."),
        (7.2, 5.0, "7 years"),
    ],
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
@pytest.mark.parametrize(
    ("size", "scheme"), [("narrow", "dark"), pytest.param("wide", "light", marks=pytest.mark.proof)]
)
def test_the_page_draws_fits_asks_for_nothing_and_axe_finds_nothing_serious(
    size: str, scheme: str, opened: Any
) -> None:
    window = opened(size)
    window.draw()
    for name in PICTURES:
        assert window.page.locator(f"#{name} .scatterlayer .trace").count() > 0
    assert window.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [url for url in window.requests if not url.startswith(("data:", "blob:"))] == [
        window.page.url
    ]
    assert window.complaints == [] and window.violations(scheme) == []
