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

from backtests.calibration import runs
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
from backtests.statistics.calibrated_shares import Share
from tests.backtests.evidence import documents
from tests.backtests.evidence.scene import ALWAYS, DAYS, SETTINGS, coin, history, index
from tests.backtests.report.run.test_page import EVIL, Parsed
from tests.backtests.report.windows import NEEDS_CHROMIUM, SIZES, Opened

PICTURES = ("paths", "definitions", "detectable", "lags", "crosses", "turns", "cycles")


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


HELD = (
    "The forward record holds 2 sessions from 2026-03-02 to 2026-03-03, each written at its time."
)


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


def test_facts_tests_and_what_no_price_decides_are_three_tables(
    document: EvidenceDocument,
) -> None:
    """Every claim in one of them, in the order of the document."""
    open_rows = [claim for claim in document.claims if claim.verdict == "not testable with prices"]
    decided = [claim for claim in document.claims if claim not in open_rows]
    tests, facts, undecided = (
        [row[0].text for row in table(document).rows]
        for table in (tables.claim_table, tables.fact_table, tables.open_table)
    )
    assert tests == [claim.id for claim in decided if claim.kind == "test"]
    assert facts == [claim.id for claim in decided if claim.kind == "fact"]
    assert undecided == [claim.id for claim in open_rows]
    assert tests and facts and undecided
    text = without_plotly(page.html(document, "run"))
    assert f"Tests ({len(tests)})" in text and f"Facts of record ({len(facts)})" in text


def test_every_test_is_a_row_with_its_numbers(document: EvidenceDocument) -> None:
    for row, claim in zip(
        tables.claim_table(document).rows, tables.tested_claims(document), strict=True
    ):
        assert row[2].text == claim.verdict + (f"\nn {claim.n:,}" if claim.n else "")
        assert row[3].text.startswith(claim.why)
        is_opposite = claim.verdict == "contradicted" and claim.p_contrary is not None
        word, p = (
            ("opposite, corrected", claim.p_contrary)
            if is_opposite
            else ("corrected", claim.p_corrected)
        )
        sides = "" if claim.side == "both" else "one-sided\n"
        expected = "-" if p is None else f"{claim.p:.3f}\n{sides}{word} {p:.3f}"
        assert row[5].text.startswith(expected)


def row_of(**changes: object) -> list[str]:
    content = documents.document(claims=[documents.claim(**changes)])
    (row,) = tables.claim_table(parse(content)).rows
    return [cell.text for cell in row]


@pytest.mark.parametrize(
    ("unit", "figures", "text"),
    [
        ("fraction", (0.4, -0.1, 0.9, 0.7), "+40%\n-10% to +90%\ndetectable +70%"),
        (
            "fraction a year",
            (0.4, -0.1, 0.9, 0.7),
            "+40%\na year\n-10% to +90%\ndetectable +70%",
        ),
        ("days", (45.0, 30.0, 91.0, None), "45\ndays\n30 to 91"),
        (
            "correlation",
            (0.4, -0.1, 0.9, 0.7),
            "+0.40\ncorrelation\n-0.10 to +0.90\ndetectable +0.70",
        ),
        # An older document has logs: log 3 is a gain of 200 %.
        ("log", (1.0986123, None, None, None), "+200%"),
    ],
)
def test_figures_are_in_units_that_a_trader_reads(
    unit: str, figures: tuple[float | None, ...], text: str
) -> None:
    estimate, low, high, smallest = figures
    changes = {"estimate": estimate, "low": low, "high": high, "smallest_detectable": smallest}
    assert row_of(unit=unit, **changes)[4] == text


def test_a_contradicted_direction_shows_the_p_of_the_opposite() -> None:
    changes = {"side": "above", "p": 0.999, "p_corrected": 1.0, "p_contrary": 0.012}
    assert (
        row_of(verdict="contradicted", **changes)[5]
        == "0.999\none-sided\nopposite, corrected 0.012"
    )


def test_pairs_of_leaders_are_rows(document: EvidenceDocument) -> None:
    """Four series, ordered pairs, two spans; index and broad index are one here."""
    rows = tables.lead_table(document).rows
    assert len(rows) == len(document.leads) == (4 * 3 - 2) * 2
    for row, lead in zip(rows, document.leads, strict=True):
        assert [cell.text for cell in row[:3]] == [lead.leader, lead.follower, str(lead.weeks)]
        assert row[4].text == f"{np.expm1(lead.estimate):+.0%}"
        assert row[5].text == f"{np.expm1(lead.low):+.0%} to {np.expm1(lead.high):+.0%}"
        assert row[6].text == f"{lead.p:.3f}"


def test_the_curve_of_lags_stands_beside_what_chance_reaches(document: EvidenceDocument) -> None:
    figure = figures.returns_by_lag(document.gate_test)
    for trace, scan in zip(figure["data"], document.gate_test, strict=True):
        assert trace["name"] == scan.asset and len(trace["x"]) == len(trace["y"]) == 121
        best = trace["y"][scan.best_lag]
        assert best == max(trace["y"]) == pytest.approx(np.expm1(max(scan.apart)), abs=1e-4)
    shaded, *bands = figure["layout"]["shapes"]
    assert (shaded["x0"], shaded["x1"]) == (30, 91)
    assert [band["y0"] for band in bands] == [
        pytest.approx(np.expm1(scan.band)) for scan in document.gate_test
    ]


def test_correlations_are_drawn_of_what_may_follow_the_index(document: EvidenceDocument) -> None:
    traces = figures.all_figures(document)["crosses"]["data"]
    assert [trace["name"] for trace in traces] == [BITCOIN, ETHER]
    assert all(trace["x"] == list(range(-26, 27)) for trace in traces)


def test_what_so_many_breakouts_could_show_is_drawn_with_what_they_measured() -> None:
    """Three months: with 9 breakouts 1.067 deviations (statsmodels' TTestPower) of 1.2 show.

    What is measured below the usual gain has no place on a logarithmic axis.
    """
    months = {"horizon": "3 months", "had": 3, "spread": 1.2, "mean": 0.9}
    year = months | {"horizon": "12 months", "mean": -0.1}
    until = [row | {"events": None, "years": None} for row in (months, year)]
    figure = figures.detectable_effects(parse(documents.document(until=until)).until)
    curve, _, measured = figure["data"]
    assert dict(zip(curve["x"], curve["y"], strict=True))[9] == pytest.approx(2.598, abs=0.004)
    assert (measured["x"], measured["y"]) == ([3], [pytest.approx(np.expm1(0.9), abs=1e-4)])


def answered(**changes: object) -> EvidenceDocument:
    """The question with its answer, two tests and a fact beside it."""
    figures = {"estimate": 1.0, "low": -0.4, "high": 6.8, "smallest_detectable": 2.9}
    answer = documents.claim("Q", claim="Does it lead?", why="over a month Bitcoin gained +9%")
    return parse(
        documents.document(
            answer=answer | figures | changes,
            claims=[
                documents.claim("B3", p=0.001, p_corrected=0.002, verdict="supported"),
                documents.claim("B7", p=0.03, p_corrected=0.06),
                documents.claim("A8", kind="fact", p=None, p_corrected=None, verdict="supported"),
            ],
        )
    )


@pytest.mark.parametrize(
    ("verdict", "word"),
    [("supported", "Yes"), ("contradicted", "No, the opposite"), ("inconclusive", "Not shown")],
)
def test_the_first_line_answers_the_question(verdict: str, word: str) -> None:
    assert words.headline(answered(verdict=verdict)) == f"Does it lead? {word}."


def test_what_survives_and_what_the_answer_rests_on_follow() -> None:
    survivors, rests_on, detectable = words.summary(answered(p_without_each=[0.2, 0.5]))
    assert survivors == (
        "Of 3 tests 1 survives the correction for multiple testing at 5% (B3); that of this"
        " question does not."
    )
    assert rests_on == (
        "Over a month Bitcoin gained +9%; over all 5 that is +100% more (95% interval from the"
        " breakouts -40% to +680%), one-sided p 0.04; with one breakout left out up to 0.50."
    )
    assert detectable == (
        "With 5 breakouts only an effect of +290% or more would be detected with 80% power, by this"
        " test alone."
    )


def test_the_questions_own_test_is_counted_among_those_that_survive() -> None:
    document = answered(verdict="supported", p=0.0005, p_corrected=0.001)
    assert words.survivors(document) == (
        "Of 3 tests 2 survive the correction for multiple testing at 5% (B3); that of this question"
        " does."
    )
    assert tables.verdict_tiles(document)[1][1:] == ("2", "of 3")


def test_nothing_that_survives_is_said_to() -> None:
    claims = [documents.claim("B7"), documents.claim("B8", p_corrected=0.3)]
    found = words.survivors(parse(documents.document(claims=claims)))
    assert found == "Of 2 tests none survive the correction for multiple testing at 5%."
    assert words.survivors(parse(documents.document())) == ""


def test_tiles_count_tests_and_facts_apart() -> None:
    content = answered().to_json()
    facts = {"supported": 12, "contradicted": 6}
    verdicts = facts | {"not testable with prices": 8}
    tiles = tables.verdict_tiles(parse(content | {"facts": facts, "verdicts": verdicts}))
    assert [figure for _, figure, _ in tiles] == ["5", "1", "12", "8"]
    assert tiles[0][2] == "" and tiles[1][2] == "of 3" and tiles[2][2] == "6 contradicted"


def test_the_document_of_the_command_is_answered(document: EvidenceDocument) -> None:
    """Bitcoin gains 1 in the log after each breakout of the scene, with a deviation of 0.2."""
    answer = document.answer
    assert answer is not None and answer.n == 5 and answer.side == "above"
    assert tables.verdict_tiles(document)[0][1:] == ("5", "2013 to 2022")
    assert answer.p_corrected is not None and answer.p is not None
    assert answer.p_corrected >= answer.p
    assert words.headline(document) == "Does the Russell's breakout lead Bitcoin? " + (
        "Yes." if answer.verdict == "supported" else "Not shown."
    )
    assert document.line.startswith(words.headline(document).rstrip("."))


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
    assert "Simulated prices answer nothing." in text
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


def test_how_many_more_breakouts_are_needed_is_said_of_the_horizon_of_the_question() -> None:
    rows = [
        {"horizon": horizon, "had": 3, "events": 9.0, "years": 20.0, "why": f"{horizon}."}
        for horizon in ("1 month", "3 months")
    ]
    found = words.required_events(parse(documents.document(until=rows)))
    assert found == "Only 3 breakouts with a price of Bitcoin did not form the thesis. 3 months."
    assert words.required_events(parse(documents.document())) == ""


def test_what_came_since_publication_is_said_and_shown() -> None:
    """Short in the table that is open, whole in the one below; nothing where it is not over."""
    found = parse(documents.document(since=documents.since()))
    assert words.summary(found) == ["Bitcoin lost 13%."]
    assert found.since is not None
    table = tables.since_table(found.since.dates[-1], tables.IN_SHORT)
    assert [heading for heading, _ in table.headings] == [
        "",
        "1 month, 2026-03-02",
        "6 months, ends 2026-08-01",
    ]
    assert [[cell.text for cell in row] for row in table.rows] == [["BTC", "-13%", "-"]]
    whole = tables.since_table(found.since.dates[-1]).rows
    assert [row[0].text for row in whole] == ["BTC", "SOL-USD"]
    text = without_plotly(page.html(found, "run"))
    assert "between 2026-01-22 and 2026-01-31" in text and Parsed(text).stack == []
    assert "Since it was said" not in page.html(parse(documents.document()), "run")


@pytest.mark.parametrize(
    ("forward", "texts"),
    [
        (None, []),
        ({"problem": "is damaged"}, ["The forward record cannot be read: is damaged."]),
        (
            {"rows": 2, "since": "2026-03-02", "last": "2026-03-03", "revised": ["One differs."]},
            [
                HELD,
                "One differs.",
            ],
        ),
    ],
)
def test_the_forward_record_is_summed_up(
    forward: dict[str, object] | None, texts: list[str]
) -> None:
    empty = {"rows": 0, "since": None, "last": None, "of_other_rules": 0, "torn": 0, "revised": []}
    since = documents.since(forward=None if forward is None else empty | forward)
    assert words.forward_record(parse(documents.document(since=since))) == texts


def test_other_assets_are_shown_with_the_pooled_effect_in_front() -> None:
    """Logs of 0.01 and 0.1: 1.0 and 10.5 %."""
    found = parse(documents.document(elsewhere=documents.elsewhere()))
    rows = [[cell.text for cell in row] for row in tables.elsewhere_table(found).rows]
    shown = ["3 months", "9"]
    assert rows == [
        ["^RUT", "all (2)", *shown, "+5.0%", "+1.0% to +10.5%", "0.012"],
        ["^RUT", "QQQ", *shown, "+5.1%", "+1.0% to +10.5%", "0.012"],
    ]
    text = without_plotly(page.html(found, "run"))
    assert "They gained +5.0%." in text and Parsed(text).stack == []


def test_how_often_chance_alone_is_supported_stands_beside_a_test_where_it_was_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert words.ANY_SUPPORTED == runs.ANY_SUPPORTED
    names = {words.ANY_SUPPORTED: 7, "A15 since 2010": 2}

    def counted(command: str, name: str) -> Share | None:
        assert command == "evidence"
        return Share(names[name], 500, 0.0056, 0.0286, 9) if name in names else None

    for module in (words, tables):
        monkeypatch.setattr(module, "share_passed", counted)
    assert words.false_findings() == (
        "Calibration: in 500 simulated worlds without an effect a test of coins is supported on"
        " 1.4% of pages (95% interval 0.6% to 2.9%, seed 9)."
    )
    assert row_of(reading="since 2010")[5] == "0.040\ncorrected 0.080\nby chance 2 of 500"
    assert row_of(reading="since 2014")[5] == "0.040\ncorrected 0.080"
    names.clear()
    assert words.false_findings() == ""


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
    window.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    window.draw()
    for name in PICTURES:
        assert window.page.locator(f"#{name} .scatterlayer .trace").count() > 0
    assert window.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    requests = [url for url in window.requests if not url.startswith(("data:", "blob:"))]
    assert requests == [window.page.url]
    assert window.complaints == [] and window.violations(scheme) == []
