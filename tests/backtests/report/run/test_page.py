"""The page as text: complete for every kind of run, repeatable, safe, refused when damaged."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest

from backtests.report.run import page
from backtests.report.run.stored_settings import Coin, Signal
from backtests.runs import folder as run_folders
from backtests.runs.document import Caveat, EvidenceQuote, MetricsDocument, VerdictRecord
from tests.backtests.report.conftest import FALLBACK, KINDS

VOID = {"meta", "link", "br", "img", "input", "hr"}
EVIL = "</script><script>alert(1)</script><!--<script>\"'&<img src=x onerror=alert(2)>"


class Parsed(HTMLParser):
    """Elements with their attributes, the text of each, and the elements that are still open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.stack):
            self.texts[tag][-1] += data


def with_changes(run: page.StoredRun, **changes: Any) -> page.StoredRun:
    """The run with other values in its document."""
    return run._replace(document=run.document.model_copy(update=changes))


@pytest.fixture
def copy_of(run_of: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A run folder of one kind that a test may write into."""
    return lambda kind: Path(shutil.copytree(run_of(kind), tmp_path / kind.replace(" ", "-")))


def html(folder: Path) -> str:
    return page.html(page.load_run(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_has_a_page(kind: str, run_of: Callable[[str], Path]) -> None:
    text = html(run_of(kind))
    parsed = Parsed(text)
    assert parsed.stack == []
    assert len(text.encode()) < 4_000_000
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
    assert figures == places == page.pictures(page.load_run(run_of(kind))).keys()
    words = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|None|NaT|inf|Undefined)\b", re.sub(r"<[^>]*>", " ", words))


def test_figures_in_the_page_are_the_figures(run_of: Callable[[str], Path]) -> None:
    text = html(run_of("usual"))
    found = dict(
        re.findall(
            r'<script type="application/json" data-figure="([\w-]+)">(.*?)</script>',
            text,
            flags=re.DOTALL,
        )
    )
    assert {name: json.loads(content) for name, content in found.items()} == page.pictures(
        page.load_run(run_of("usual"))
    )


def test_the_verdict_comes_first(run_of: Callable[[str], Path]) -> None:
    run = page.load_run(run_of("usual"))
    parsed = Parsed(page.html(run))
    assert run.document.verdict
    assert parsed.texts["h1"] == [page.HEADLINES[run.document.verdict.word]]
    assert run.document.verdict.why in parsed.texts["header"][0]


@pytest.mark.parametrize("word", ["better", "worse", "inconclusive"])
def test_there_is_a_headline_for_every_verdict(
    word: Literal["better", "worse", "inconclusive"], run_of: Callable[[str], Path]
) -> None:
    run = page.load_run(run_of("usual"))
    verdict = VerdictRecord(word=word, why="Because.")
    assert Parsed(page.html(with_changes(run, verdict=verdict))).texts["h1"] == [
        page.HEADLINES[word]
    ]


def test_beside_the_verdict_stands_what_would_decide(run_of: Callable[[str], Path]) -> None:
    run = page.load_run(run_of("usual"))
    assert run.document.required_events
    assert run.document.required_events.why in Parsed(page.html(run)).texts["header"][0]
    assert "Under other assumptions" in Parsed(page.html(run)).texts["h2"]


@pytest.mark.parametrize("kind", ["short", "two bars"])
def test_a_short_run_says_why_it_is_not_judged(kind: str, run_of: Callable[[str], Path]) -> None:
    parsed = Parsed(html(run_of(kind)))
    assert parsed.texts["h1"] == ["No verdict."]
    assert parsed.texts["header"][0].count("are neither judged nor annualised") == 1
    assert "stationary bootstrap" not in parsed.texts["main"][0]


def test_a_short_run_without_benchmarks_says_why_it_has_no_yearly_figures(
    run_of: Callable[[str], Path],
) -> None:
    run = page.load_run(run_of("short"))
    alone = with_changes(run, no_verdict="", benchmarks={})
    assert "are neither judged nor annualised" in Parsed(page.html(alone)).texts["header"][0]
    assert "nor annualised" not in html(run_of("usual"))


def test_a_run_without_benchmarks_says_why_it_has_no_verdict(run_of: Callable[[str], Path]) -> None:
    parsed = Parsed(html(run_of("without benchmarks")))
    assert parsed.texts["h1"] == ["No verdict."]
    assert "without benchmarks" in parsed.texts["header"][0]
    assert not any("Ablation" in heading for heading in parsed.texts["h2"])


def test_a_sample_run_says_so_across_the_page(run_of: Callable[[str], Path]) -> None:
    parsed = Parsed(html(run_of("sample")))
    assert parsed.texts["h1"] == ["No verdict."]
    assert ("body", {"class": "sample"}) in parsed.elements
    assert "(sample prices)" in parsed.texts["title"][0]
    (banner,) = [
        text
        for text in parsed.texts["p"]
        if text.startswith("Sample prices: a simulation, not a market.")
    ]
    assert f"{FALLBACK}. The result says nothing" in banner
    assert "p = " not in parsed.texts["main"][0]
    usual = html(run_of("usual"))
    assert "SAMPLE" not in Parsed(usual).texts["body"][0] and 'class="sample"' not in usual


def test_a_sample_that_was_asked_for_needs_no_excuse(run_of: Callable[[str], Path]) -> None:
    run = page.load_run(run_of("sample"))
    text = " ".join(Parsed(page.html(with_changes(run, fallback=""))).texts["p"][0].split())
    expected = "Sample prices: a simulation, not a market. The result says nothing about the idea."
    assert text == expected


def test_a_gate_that_never_opened_is_reported(run_of: Callable[[str], Path]) -> None:
    assert "The gate never opened in this window." in html(run_of("no gate periods"))
    assert "The gate never opened" not in html(run_of("usual"))


def test_all_caveats_are_there_and_the_serious_ones_visible(run_of: Callable[[str], Path]) -> None:
    run = page.load_run(run_of("usual"))
    parsed = Parsed(page.html(run))
    caveats = run.document.caveats
    high = [caveat for caveat in caveats if caveat.severity == "high"]
    items = [
        text
        for text in parsed.texts["li"]
        if any(text.lower().startswith(caveat.about) for caveat in caveats)
    ]
    assert len(items) == len(caveats) > len(high) > 0
    hidden = "".join(parsed.texts.get("details", []))
    assert not any(caveat.text in hidden for caveat in high)


def test_each_term_is_linked_once_to_its_sentence(run_of: Callable[[str], Path]) -> None:
    """The links need no script; each leads to one sentence on the same page."""
    parsed = Parsed(html(run_of("usual")))
    targets = [
        str(attributes["href"])
        for tag, attributes in parsed.elements
        if tag == "a" and attributes.get("class") == "term"
    ]
    ids = [attributes["id"] for tag, attributes in parsed.elements if "id" in attributes]
    assert {"#term-gate-period", "#term-risk-check", "#term-permutation-test"} <= set(targets)
    assert len(targets) == len(set(targets))
    assert all(ids.count(target.removeprefix("#")) == 1 for target in targets)


# --- the same again -------------------------------------------------------------------------------


def test_the_note_on_intervals_has_the_bootstraps_own_numbers(
    run_of: Callable[[str], Path],
) -> None:
    from backtests.statistics.bootstrap import BLOCK_DAYS, DRAWS, LEVEL

    text = html(run_of("usual"))
    assert f">{LEVEL:.0%}".replace("%", " %") + " intervals</a> (stationary bootstrap" in text
    assert f"mean block of {BLOCK_DAYS} days, {DRAWS:,} draws," in text


def test_writing_twice_gives_the_same_bytes(copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("usual")
    first = page.write(folder).read_bytes()
    assert page.write(folder).read_bytes() == first
    assert {path.name for path in folder.iterdir() if path.name.startswith("report")} == {
        "report.html"
    }


def test_a_page_written_while_the_folder_had_another_name_is_the_same(
    copy_of: Callable[[str], Path], tmp_path: Path
) -> None:
    """The backtest writes into a partial folder and says what it will be called."""
    folder = copy_of("usual")
    first = page.write(folder, "final").read_bytes()
    final = folder.rename(tmp_path / "final")
    assert page.write(final).read_bytes() == first


def test_a_page_that_cannot_be_written_says_so(copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("two bars")
    (folder / "report.html").mkdir()
    (folder / "report.html" / "mine").touch()
    with pytest.raises(run_folders.RunError, match=r"report\.html: cannot be written"):
        page.write(folder)


# --- hostile data ---------------------------------------------------------------------------------


def hostile(document: MetricsDocument) -> MetricsDocument:
    """Markup in every text of the document."""
    data = {"source": EVIL, "origin": EVIL, "vintage": EVIL}
    rules = {"rule": EVIL, "text": EVIL}
    periods = tuple(
        period.model_copy(update={"reason": EVIL}) for period in document.events.gate_periods
    )
    profits = {
        "coins": tuple(EVIL for _ in document.profit.coins),
        "by_gate_period": {
            EVIL + name: row for name, row in document.profit.by_gate_period.items()
        },
    }
    changes: dict[str, Any] = {
        "data": {
            EVIL + name: series.model_copy(update=data) for name, series in document.data.items()
        },
        "events": document.events.model_copy(update={"gate_periods": periods}),
        "profit": document.profit.model_copy(update=profits),
        "caveats": (
            Caveat(severity="high", about=EVIL, text=EVIL, remedy=EVIL),
            Caveat(severity="low", about=EVIL, text=EVIL, remedy=EVIL),
        ),
        "verdict": VerdictRecord(word="better", why=EVIL),
        "evidence": EvidenceQuote(line=EVIL, folder=EVIL),
        "ablation": tuple(record.model_copy(update=rules) for record in document.ablation),
        "versions": {EVIL: EVIL},
        "order_list_hash": EVIL,
    }
    return document.model_copy(update=changes)


def test_what_comes_from_data_stays_text(run_of: Callable[[str], Path]) -> None:
    run = page.load_run(run_of("usual"))
    plain = Parsed(page.html(run))
    spoiled = run._replace(
        name=EVIL,
        document=hostile(run.document),
        settings=run.settings.model_copy(
            update={
                "signal": Signal(index=EVIL),
                "coins": (Coin(name=EVIL, weight=1.0, lag_days=0),),
            }
        ),
        orders=run.orders.assign(symbol=EVIL, status=EVIL, reason=EVIL),
        decisions=run.decisions.assign(state=EVIL, reason=EVIL),
        gate=run.gate.assign(reason=EVIL),
    )
    text = page.html(spoiled)
    found = Parsed(text)
    assert found.stack == []
    scripts = [attributes for tag, attributes in found.elements if tag == "script"]
    assert scripts == [attributes for tag, attributes in plain.elements if tag == "script"]
    assert "img" not in {tag for tag, _ in found.elements}
    assert not [
        attributes
        for _, attributes in found.elements
        if any(name.startswith("on") for name in attributes)
    ]
    for content in re.findall(r'data-figure="[\w-]+">(.*?)</script>', text, flags=re.DOTALL):
        assert (
            "<" not in content
        )  # neither </script> nor <!--, which would end or swallow the element
        json.loads(content)


# --- damage ---------------------------------------------------------------------------------------

FILES = [
    "settings.toml",
    "metrics.json",
    "equity.csv",
    "curves.csv",
    "gate.csv",
    "orders.csv",
    "decisions.csv",
]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("two bars")
    (folder / name).unlink()
    with pytest.raises(run_folders.RunError, match=re.escape(name)) as raised:
        page.write(folder)
    assert str(folder) in str(raised.value)
    assert not (folder / "report.html").exists()


SPOILED = {
    "emptied": lambda text: b"",
    "binary": lambda text: b"\xff\xfe\x00" + text,
    "cut short": lambda text: text[: len(text) // 3].rstrip(b"\n0123456789.") + b'"',
    "nonsense": lambda text: b"a,b\n1,2,3,4\n5\n",
}


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("name", [name for name in FILES if name != "metrics.json"])
def test_a_damaged_file_is_named(name: str, how: str, copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("usual")
    path = folder / name
    path.write_bytes(SPOILED[how](path.read_bytes()))
    with pytest.raises(run_folders.RunError, match=re.escape(name)) as raised:
        page.write(folder)
    assert "run the backtest again" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("equity.csv", "value", "much"),
        ("curves.csv", "time", "someday"),
        ("orders.csv", "price", "dear"),
        ("gate.csv", "session_close", "noon"),
    ],
)
def test_a_cell_that_is_no_number_or_instant_is_refused(
    name: str, column: str, value: str, copy_of: Callable[[str], Path]
) -> None:
    folder = copy_of("usual")
    header, first, *rest = (folder / name).read_text().splitlines()
    cells = first.split(",")
    cells[header.replace('"', "").split(",").index(column)] = value
    (folder / name).write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    with pytest.raises(run_folders.RunError, match=re.escape(name)):
        page.write(folder)


@pytest.mark.parametrize("key", ["intervals", "profit", "without", "sample", "events", "verdict"])
def test_a_document_that_lacks_a_part_is_refused(key: str, copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("two bars")
    content = json.loads((folder / "metrics.json").read_text())
    del content[key]
    (folder / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(run_folders.RunError, match=rf"metrics\.json: {key}: Field required"):
        page.write(folder)


@pytest.mark.parametrize("table", ["signal", "costs", "coins"])
def test_settings_that_lack_a_table_of_the_page_are_refused(
    table: str, copy_of: Callable[[str], Path]
) -> None:
    folder = copy_of("two bars")
    text = (folder / "settings.toml").read_text()
    (folder / "settings.toml").write_text(text.replace(f"[{table}]", f"[{table}_gone]"))
    if f"[{table}]" not in text:
        (folder / "settings.toml").write_text(
            "".join(line + "\n" for line in text.splitlines() if not line.startswith(f"{table} ="))
        )
    with pytest.raises(run_folders.RunError, match=r"settings\.toml"):
        page.write(folder)
