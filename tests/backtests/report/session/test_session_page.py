"""The page of a paper session: whole for every kind of journal, honest about what could not be
compared, and usable in a real browser.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from backtests.paper_sessions.sentences import headline, sentence
from backtests.paper_sessions.summary import SessionReport
from backtests.report.cells import LOWEST
from backtests.report.session import figures as session_figures
from backtests.report.session import page as session_page
from backtests.report.session import rows, trading_tables
from tests.backtests.paper_journals import BARS, SESSION, bar, changed, report_of, sold, without
from tests.backtests.report.run.test_page import EVIL, Parsed
from tests.backtests.report.windows import NEEDS_CHROMIUM, SIZES, Opened, cells, number

QUOTED = EVIL.replace("'", "''")


def halt(reason: str) -> str:
    """SQL: trading was turned off."""
    stored = json.dumps({"state": "off", "reason": reason, "since": 0.0}).replace("'", "''")
    return f"INSERT INTO meta VALUES ('trading', '{stored}')"


TROUBLE = (
    *without(10, 11, 12, 25),
    "UPDATE intents SET state = 'refused', why = 'the market is closed' WHERE id = 6",
    "DELETE FROM fills WHERE symbol = 'SOL'",
    f"UPDATE equity SET value = value * 1.1, units = units * 1.1 WHERE time >= {bar(30)}",
    f"UPDATE equity SET flow = 10000 WHERE time = {bar(30)}",
    (
        "UPDATE decisions SET decided_at = time + 5400, note = 'too late to buy' "
        f"WHERE time = {bar(20)}"
    ),
    "UPDATE fills SET fee_coin = 'BNB', fee_quote = NULL WHERE size < 0",
    (
        f"INSERT INTO incidents VALUES (1, {bar(3)}, 'reset', 'critical', 'everything is gone', "
        f"1, {bar(3)}, 1)"
    ),
    "UPDATE sessions SET ended = NULL, outcome = NULL",
    halt("the fee bill"),
)
SOLD = bar(5) + 125  # when a person had everything sold
NOWHERE = "prices.folder=/nowhere"
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "alike": ((), ()),
    "troubled": (TROUBLE, ()),
    "not compared": (TROUBLE, (NOWHERE,)),
    "sold out": (tuple(sold(SOLD, bar(5))), ()),
    "one bar": ((f"DELETE FROM decisions WHERE time > {bar(0)}",), ()),
    "without orders": (("DELETE FROM fills", "DELETE FROM intents"), (NOWHERE,)),
    "nothing decided": (("DELETE FROM decisions", "DELETE FROM intents", "DELETE FROM fills"), ()),
    "unreadable settings": (("UPDATE sessions SET settings = '{}'",), ()),
    "evil": (
        (
            halt(EVIL),
            f"UPDATE decisions SET note = '{QUOTED}'",
        ),
        (),
    ),
}


@pytest.fixture(scope="module")
def report(
    replayed_journal: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], SessionReport]:
    made: dict[str, SessionReport] = {}

    def of(kind: str) -> SessionReport:
        if kind not in made:
            statements, settings = KINDS[kind]
            made[kind] = report_of(
                changed(
                    replayed_journal, tmp_path_factory.mktemp("session"), *SESSION, *statements
                ),
                *settings,
            )
        return made[kind]

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_session_has_a_page(
    kind: str, report: Callable[[str], SessionReport]
) -> None:
    found = report(kind)
    text = session_page.html(found)
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
    assert figures == places == session_figures.pictures(found).keys()
    assert parsed.texts["h1"] == [headline(found)]
    words = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|None|NaT|inf|Undefined)\b", re.sub(r"<[^>]*>", " ", words))


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_has_a_cell_for_every_heading(
    kind: str, report: Callable[[str], SessionReport]
) -> None:
    for name, make_table in session_page.TABLES.items():
        table = make_table(report(kind))
        for row in table.rows:
            assert len(row) == len(table.headings), name
            for cell, (heading, is_number) in zip(row, table.headings, strict=True):
                assert ("number" in cell.kind) == is_number, (name, heading, cell)
                assert (
                    not is_number or cell.sort == LOWEST or float(cell.sort) == float(cell.sort)
                ), (name, heading, cell)


@pytest.mark.parametrize("kind", KINDS)
def test_plotly_accepts_every_figure(kind: str, report: Callable[[str], SessionReport]) -> None:
    for name, figure in session_figures.pictures(report(kind)).items():
        assert len(go.Figure(_plain(figure)).data) == len(figure["data"]) > 0, name


def _plain(value: Any) -> Any:
    """Colours by name are the page's; plotly wants real ones."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return "#123456" if isinstance(value, str) and value.startswith("--") else value


def test_what_could_not_be_compared_is_said_first(report: Callable[[str], SessionReport]) -> None:
    parsed = Parsed(session_page.html(report("not compared")))
    assert parsed.texts["h1"] == ["Not compared with the backtest."]
    assert "/nowhere: no such folder" in parsed.texts["header"][0]
    assert "--set prices.source=folder" in parsed.texts["header"][0]
    assert {"Account", "Trading costs", "Uptime", "Decisions"} <= set(parsed.texts["h2"])
    assert session_figures.pictures(report("not compared")).keys() == {
        "equity",
        "exposure",
        "slippage",
    }


def test_trouble_is_in_sight(report: Callable[[str], SessionReport]) -> None:
    found = report("troubled")
    parsed = Parsed(session_page.html(found))
    items = " ".join(parsed.texts["li"])
    for expected in (
        "Halted",
        "Killed",
        "Reset",
        "Bars missed",
        "Late decisions",
        "Deposits and withdrawals",
        "Unfilled orders",
        "Fees not known",
    ):
        assert expected in items, expected
    assert "No orders until resumed: the fee bill" in parsed.texts["p"][0]
    cell_texts = " ".join(parsed.texts["td"])
    for expected in (
        "the bar was missed",
        "refused: the market is closed",
        "killed: no end is recorded",
        "everything is gone",
    ):
        assert expected in cell_texts, expected
    assert sentence(found) in parsed.texts["header"][0]


def test_a_session_without_trouble_is_quiet(report: Callable[[str], SessionReport]) -> None:
    parsed = Parsed(session_page.html(report("alike")))
    assert (
        "Needs attention" not in parsed.texts["h2"]
        and "Differences from the backtest" not in parsed.texts["h2"]
    )
    assert f"{BARS - 1} bars decided" in parsed.texts["main"][0]


def test_nothing_in_a_journal_becomes_markup(report: Callable[[str], SessionReport]) -> None:
    text = session_page.html(report("evil"))
    assert EVIL not in text
    figures = len(session_figures.pictures(report("evil")))
    assert len(Parsed(text).texts["script"]) == figures + 2  # the chart library and page.js


def test_the_page_stands_beside_its_journal_and_is_the_same_twice(
    report: Callable[[str], SessionReport],
) -> None:
    found = report("alike")
    first = session_page.write(found)
    assert first == found.journal.path.with_name("session.report.html")
    before = first.read_bytes()
    assert session_page.write(found).read_bytes() == before
    assert [path.name for path in first.parent.iterdir() if path.suffix == ".partial"] == []


def test_a_sale_of_everything_is_marked_where_the_account_stood(
    report: Callable[[str], SessionReport],
) -> None:
    found = report("sold out")
    traces = {one["name"]: one for one in session_figures.equity(found)["data"]}
    line = traces["paper session"]
    stood = dict(zip(line["x"], line["y"], strict=True))["2015-08-21 00:00"]
    marks = traces["sold"]
    assert dict(zip(marks["x"], marks["y"], strict=True))["2015-08-21 00:02"] == stood
    table = trading_tables.fills(found).rows
    (sale,) = [row for row in table if "flatten" in row[0].text]
    assert [cell.text for cell in sale[:3]] == ["2015-08-21 00:02 flatten", "-", "BTC"]
    assert "-" not in [row[1].text for row in table if row is not sale]


def test_long_tables_and_lines_are_cut_with_a_word(
    report: Callable[[str], SessionReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "LONGEST", 3)
    monkeypatch.setattr(session_figures, "MOST", 5)
    found = report("troubled")
    assert len(trading_tables.fills(found).rows) == 3
    assert "The page shows 3 of 6 orders" in session_page.html(found)
    line = session_figures.equity(found)["data"][0]
    assert (len(line["x"]), line["x"][0], line["x"][-1]) == (
        5,
        "2015-08-16 00:00",
        "2015-09-28 00:00",
    )


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture
def opened(browser: Any, report: Callable[[str], SessionReport]) -> Iterator[Callable[..., Opened]]:
    contexts: list[Any] = []

    def open_page(kind: str, size: str = "wide", scheme: Any = "light") -> Opened:
        contexts.append(browser.new_context(viewport=SIZES[size], color_scheme=scheme))
        return Opened(contexts[-1], session_page.write(report(kind)))

    yield open_page
    for context in contexts:
        context.close()


@NEEDS_CHROMIUM
@pytest.mark.parametrize("kind", ["alike", "troubled", "not compared"])
def test_every_figure_draws_and_nothing_is_asked_for_or_complained_about(
    kind: str, opened: Callable[..., Opened], report: Any
) -> None:
    found = opened(kind)
    found.draw()
    for name, figure in session_figures.pictures(report(kind)).items():
        assert found.page.locator(f"#{name} .scatterlayer .trace").count() == len(figure["data"]), (
            name
        )
    asked = [url for url in found.requests if not url.startswith(("data:", "blob:"))]
    assert asked == [session_page.page_path(report(kind).journal.path).as_uri()]
    assert found.complaints == []


@NEEDS_CHROMIUM
def test_on_a_telephone_tables_scroll_inside_themselves_and_the_page_does_not(
    opened: Callable[..., Opened],
) -> None:
    found = opened("troubled", "narrow")
    found.draw()
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 360
    inner = found.page.evaluate(
        "[...document.querySelectorAll('.scroll')]"
        ".map((box) => [box.scrollWidth > box.clientWidth, box.clientWidth])"
    )
    assert any(wider for wider, _ in inner)
    assert all(width <= 360 for _, width in inner)


@NEEDS_CHROMIUM
@pytest.mark.parametrize(("size", "schemes"), [("wide", ("light", "dark")), ("narrow", ("light",))])
def test_axe_finds_nothing_serious(
    size: str,
    schemes: tuple[str, ...],
    opened: Callable[..., Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "LONGEST", 6)  # more rows take axe time and show it nothing new
    found = opened("troubled", size)
    found.draw("#equity")
    for scheme in schemes:
        assert found.violations(scheme) == []


@NEEDS_CHROMIUM
def test_a_click_sorts(opened: Callable[..., Opened]) -> None:
    window = opened("alike").page
    heading = window.locator("[aria-label='Filled orders'] th").nth(6)
    as_written = [number(text) for text in cells(window, "Filled orders", 6)]
    for way in ("descending", "ascending"):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == way
        assert [number(text) for text in cells(window, "Filled orders", 6)] == sorted(
            as_written, reverse=way == "descending"
        )
