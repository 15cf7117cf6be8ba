"""The page of the evidence, of made-up prices.

It is whole, its numbers are those of evidence.json, and it works in a real browser.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.evidence import (
    breakout_claims,
    comovement,
    event_paths,
    gate_test,
    historical_facts,
    lag_scan,
    lead_lag,
    volatility,
)
from backtests.evidence.assembly import Lags, assemble_document
from backtests.evidence.breakouts import run_event_study
from backtests.evidence.document import EvidenceDocument, parse
from backtests.evidence.history import BITCOIN, ETHER
from backtests.report.evidence import figures, page, tables, words
from backtests.runs.folder import RunError
from tests.backtests.evidence import documents
from tests.backtests.evidence.scene import ALWAYS, DAYS, SETTINGS, coin, history, index
from tests.backtests.report.run.test_page import EVIL, Parsed
from tests.backtests.report.windows import NEEDS_CHROMIUM, SIZES, Opened

PICTURES = ("paths", "definitions", "power", "lags", "crosses", "turns", "cycles")


@pytest.fixture(scope="module")
def document() -> EvidenceDocument:
    """As the command writes it."""
    of, evidence = history(**{BITCOIN: coin(1, ALWAYS), ETHER: coin(2, {})}), SETTINGS.evidence
    study, leads = run_event_study(of, SETTINGS), lead_lag.estimate_leads(of, evidence)
    table = open_after(DAYS)
    scans = lag_scan.scan_lags(of, table, evidence)
    claims = [
        *historical_facts.claims(of),
        *breakout_claims.claims(study, of),
        *comovement.claims(of, evidence),
        *volatility.claims(of, evidence),
        *gate_test.claims(of, table, evidence),
        *lag_scan.claims(scans),
        *lead_lag.claims(of, leads, evidence),
    ]
    lags = Lags(scans, leads, lead_lag.cross_correlations(of, evidence))
    return assemble_document(claims, study, of, SETTINGS, lags)


def open_after(days: tuple[str, ...]) -> pd.DataFrame:
    """A gate that is open for 120 days after each of them."""
    sessions = index().index
    starts = [pd.Timestamp(day, tz="UTC") for day in days]
    is_open = [
        any(start <= session < start + pd.Timedelta(days=120) for start in starts)
        for session in sessions
    ]
    state = np.where(is_open, "confirmed", "dormant")
    return pd.DataFrame({"state": state, "stale": 0}, index=sessions)


def without_plotly(text: str) -> str:
    return re.sub(r'(id="plotly">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)


def test_the_page_is_whole_and_holds_what_it_needs(document: EvidenceDocument) -> None:
    text = page.html(document, "run")
    assert len(text.encode()) < 4_000_000
    text = without_plotly(text)
    parsed = Parsed(text)
    assert parsed.stack == []
    places = {
        attributes["id"]
        for tag, attributes in parsed.elements
        if tag == "div" and str(attributes.get("class")).startswith("figure")
    }
    assert places == figures.all_figures(document).keys() == set(PICTURES)
    assert parsed.texts["h1"] == [words.headline(document)]
    visible = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(
        r"\b(nan|NaN|None|NaT|inf|Undefined|True|False)\b", re.sub(r"<[^>]*>", " ", visible)
    )


def test_terms_of_the_method_are_linked_and_explained(document: EvidenceDocument) -> None:
    text = without_plotly(page.html(document, "run"))
    for anchor in ("term-breakout", "term-event-study", "term-holm-s-correction", "term-power"):
        assert text.count(f'href="#{anchor}"') == 1 and text.count(f'id="{anchor}"') == 1


def test_every_claim_is_a_row_with_its_numbers(document: EvidenceDocument) -> None:
    rows = tables.claim_table(document).rows
    assert [row[0].text for row in rows] == [claim.id for claim in document.claims]
    for row, claim in zip(rows, document.claims, strict=True):
        assert row[2].text == claim.verdict + (f"\nn {claim.n:,}" if claim.n else "")
        assert row[3].text.startswith(claim.why)
        p = "-" if claim.p is None else f"{claim.p:.3f}\nHolm {claim.p_holm:.3f}"
        assert row[5].text == p


def test_pairs_of_leaders_are_rows(document: EvidenceDocument) -> None:
    """Four series, ordered pairs, two spans; index and broad index are one here."""
    rows = tables.lead_table(document).rows
    assert len(rows) == len(document.leads) == (4 * 3 - 2) * 2
    for row, lead in zip(rows, document.leads, strict=True):
        assert [cell.text for cell in row[:3]] == [lead.leader, lead.follower, str(lead.weeks)]
        assert row[5].text == f"{lead.low:+.2f} to {lead.high:+.2f}"
        assert row[6].text == f"{lead.p:.3f}"


def test_the_curve_of_lags_stands_beside_what_chance_reaches(document: EvidenceDocument) -> None:
    figure = figures.returns_by_lag(document.gate_test)
    for trace, scan in zip(figure["data"], document.gate_test, strict=True):
        assert trace["name"] == scan.asset and len(trace["x"]) == len(trace["y"]) == 121
        best = trace["y"][scan.best_lag]
        assert best == max(trace["y"]) == pytest.approx(max(scan.apart), abs=1e-4)
    shaded, *bands = figure["layout"]["shapes"]
    assert (shaded["x0"], shaded["x1"]) == (30, 91)
    assert [band["y0"] for band in bands] == [scan.band for scan in document.gate_test]


def test_correlations_are_drawn_of_what_may_follow_the_index(document: EvidenceDocument) -> None:
    traces = figures.all_figures(document)["crosses"]["data"]
    assert [trace["name"] for trace in traces] == [BITCOIN, ETHER]
    assert all(trace["x"] == list(range(-26, 27)) for trace in traces)


def test_power_is_drawn_by_breakouts_with_those_so_far(document: EvidenceDocument) -> None:
    figure = figures.power_curves(document.until)
    for trace, required in zip(figure["data"], document.until, strict=True):
        assert trace["x"][0] == 1 and trace["y"] == list(required.power)
    so_far, line = figure["layout"]["shapes"]
    assert so_far["x0"] == document.until[0].had == 3 and line["y0"] == 0.8


def test_significance_after_correction_is_stated(document: EvidenceDocument) -> None:
    def significance(*ps: tuple[str, float | None, float | None]) -> str:
        claims = [documents.claim(number, p=p, p_holm=holm) for number, p, holm in ps]
        return words.significance(parse(documents.document(claims=claims)))

    assert significance(("A1", None, None)) == ""
    several = [("A1", None, None), ("B2", 0.04, 0.08), ("B7", 0.001, 0.002), ("B7", 0.5, 0.5)]
    assert (
        significance(*several)
        == "Significance: of 3 tests with a p, p is 5% or less in B2, B7; after Holm's correction"
        " for all tests: B7."
    )
    assert significance(("B2", 0.5, 0.5)) == (
        "Significance: of 1 test with a p, p is 5% or less in none; after Holm's correction for all"
        " tests: none."
    )
    assert words.significance(document) in words.key_results(document)


def test_paths_begin_at_the_price_of_the_breakout(document: EvidenceDocument) -> None:
    assert [path.opened[:10] for path in document.paths] == [day for day in DAYS if day > "2012"]
    for path in document.paths:
        by_day = dict(zip(path.days, path.values, strict=True))
        assert by_day[0] == 1.0 and min(by_day) == -90 and max(by_day) == 365
    dashes = [trace["line"]["dash"] for trace in figures.breakout_paths(document.paths)["data"]]
    assert dashes == ["solid", "dash", "solid", "dash", "solid"]  # 2016 and 2020 formed the thesis


def test_paths_end_with_the_prices() -> None:
    of = history(**{BITCOIN: coin(1, {})})
    last = of.assets[BITCOIN].index[-1]
    near_end = pd.DatetimeIndex([last - pd.Timedelta(days=22, hours=3)])
    (path,) = event_paths.paths_around(of, near_end)
    assert path.days[-1] == 20
    outside = pd.DatetimeIndex(["2001-01-01", "2030-01-01"], tz="UTC")
    assert event_paths.paths_around(of, outside) == []


def test_a_sample_is_marked_and_has_no_figures() -> None:
    sample = documents.document(
        claims=[documents.claim()], sample=True, fallback="Yahoo cannot be reached."
    )
    text = without_plotly(page.html(parse(sample), "run"))
    assert "a simulation, not a market" in text and "Yahoo cannot be reached" in text
    assert 'class="figure' not in text and "breakouts needed" not in text


def test_what_comes_from_data_stays_text(document: EvidenceDocument) -> None:
    content = json.loads(json.dumps(document.to_json()))
    content["lacking"] = {EVIL: EVIL}
    content["claims"][0]["why"] = EVIL
    gains = content["events"][0]["after"]["Russell 2000"]
    content["events"][0]["after"] = {EVIL: dict.fromkeys(gains, 0.5)}
    text = without_plotly(page.html(parse(content), EVIL))
    assert EVIL not in text and Parsed(text).stack == []


def test_writing_twice_gives_the_same_bytes(document: EvidenceDocument, tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_text(json.dumps(document.to_json()))
    first = page.write(tmp_path, "run").read_bytes()
    assert page.write(tmp_path, "run").read_bytes() == first


@pytest.mark.parametrize("text", [None, "", "[]", "{", "{}"])
def test_a_folder_without_evidence_is_named(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "evidence.json").write_text(text)
    with pytest.raises(RunError, match=r"evidence\.json: cannot be read .*run `evidence` again"):
        page.write(tmp_path)


@pytest.mark.parametrize(
    ("years", "events", "text"),
    [
        (None, None, "no number of breakouts would show a difference"),
        (0.0, 2.0, "enough for 80 % power"),
        (3.6, 3.5, "About 1 more breakout needed"),
        (7.2, 5.0, "About 2 more breakouts needed for 80 % power to detect the measured"),
    ],
)
def test_how_many_more_breakouts_are_needed(
    years: float | None, events: float | None, text: str
) -> None:
    required = {"horizon": "3 months", "had": 3, "events": events, "years": years, "power": []}
    (sentence,) = words.required_events(parse(documents.document(until=[required])))
    assert text in sentence
    assert sentence.startswith("Bitcoin over 3 months: 3 out-of-sample breakouts so far")


@pytest.fixture
def opened(browser: Any, document: EvidenceDocument, tmp_path: Path) -> Iterator[Any]:
    contexts: list[Any] = []

    def open_page(size: str) -> Opened:
        contexts.append(browser.new_context(viewport=SIZES[size]))
        (tmp_path / "evidence.json").write_text(json.dumps(document.to_json()))
        return Opened(contexts[-1], page.write(tmp_path, "run"))

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
    requests = [url for url in window.requests if not url.startswith(("data:", "blob:"))]
    assert requests == [window.page.url]
    assert window.complaints == [] and window.violations(scheme) == []
