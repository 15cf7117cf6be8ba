"""The page in a real browser: quick, quiet, legible, usable on a telephone and in the dark."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from backtests.report.run import page as report
from tests.backtests.report.windows import NEEDS_CHROMIUM, SIZES, Opened, cells, channels, number

FIRST_PAINT_MS = 1500
FEW = 15  # lines of the long tables where each more takes axe time and shows it nothing new

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def page_of(
    run_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The written page of one kind of run.

    With ", few rows" long tables are cut, with ", tables only" no figure is drawn.
    """
    made: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in made:
            whole, _, changes = kind.partition(", ")
            folder = Path(shutil.copytree(run_of(whole), tmp_path_factory.mktemp("page") / "run"))
            for name in ("orders.csv", "decisions.csv") if changes == "few rows" else ():
                lines = (folder / name).read_text().splitlines(keepends=True)
                (folder / name).write_text("".join(lines[:FEW]))
            made[kind] = report.write(folder)
            if changes == "tables only":
                text = made[kind].read_text(encoding="utf-8")
                made[kind].write_text(
                    re.sub(r'<div class="figure.*?</div>', "", text, flags=re.DOTALL),
                    encoding="utf-8",
                )
        return made[kind]

    return of


@pytest.fixture
def opened(browser: Browser, page_of: Callable[[str], Path]) -> Iterator[Callable[..., Opened]]:
    """Opens the page of one kind of run in a window of its own."""
    contexts: list[BrowserContext] = []

    def open_page(kind: str = "usual", size: str = "wide", scheme: Any = "light") -> Opened:
        viewport: Any = SIZES[size]
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme))
        return Opened(contexts[-1], page_of(kind))

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    "kind", ["usual", "no gate periods", "no channels", "two bars", "hourly"]
)  # whose figures differ in kind
def test_every_figure_draws_and_nothing_is_asked_for_or_complained_about(
    kind: str, opened: Callable[..., Opened], page_of: Callable[[str], Path]
) -> None:
    found = opened(kind)
    found.draw()
    figures = report.pictures(report.load_run(page_of(kind).parent))
    assert found.page.locator(".figure").count() == len(figures)
    for name, figure in figures.items():
        layers = {
            "bar": ".bars",
            "heatmap": ".heatmaplayer image",
            "histogram": ".bars",
            "scatter": ".scatterlayer .trace",
        }
        for trace in figure["data"]:
            empty = (
                not trace.get("z", trace.get("y", trace.get("x", True)))
                or trace.get("visible") == "legendonly"
            )
            if not empty:
                assert (
                    found.page.locator(f"#{name} {layers[trace.get('type', 'scatter')]}").count()
                    > 0
                ), (name, trace.get("name"))
    asked = [url for url in found.requests if not url.startswith(("data:", "blob:"))]
    assert asked == [page_of(kind).as_uri()]
    assert found.complaints == []


def test_the_page_is_small(page_of: Callable[[str], Path]) -> None:
    assert page_of("usual").stat().st_size < 4_000_000


def test_words_appear_at_once(opened: Callable[..., Opened]) -> None:
    """In one of three tries, since other processes may be at work beside the tests."""

    def first_paint() -> float:
        window = opened().page
        window.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        return float(
            window.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        )

    assert any(first_paint() < FIRST_PAINT_MS for _ in range(3))


@pytest.mark.parametrize("kind", ["usual", "sample"])
def test_on_a_telephone_tables_scroll_inside_themselves_and_the_page_does_not(
    kind: str, opened: Callable[..., Opened]
) -> None:
    found = opened(kind, "narrow")
    found.draw()
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert found.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    inner = found.page.evaluate(
        "[...document.querySelectorAll('.scroll')].map("
        "(box) => [box.scrollWidth > box.clientWidth, box.clientWidth])"
    )
    assert any(wider for wider, _ in inner)
    assert all(width <= 360 for _, width in inner)
    box = found.page.locator(".scroll").first
    assert box.evaluate("(box) => { box.scrollLeft = 1e6; return box.scrollLeft; }") > 0


@pytest.mark.parametrize(
    ("kind", "size"),
    [("usual, few rows", "wide"), ("usual, few rows", "narrow"), ("sample, few rows", "narrow")],
)
def test_axe_finds_nothing_serious_in_light_and_in_dark(
    kind: str, size: str, opened: Callable[..., Opened]
) -> None:
    found = opened(kind, size)
    found.draw()
    for scheme in ("light", "dark"):
        assert found.violations(scheme) == []


def test_a_click_sorts_and_a_second_one_turns_it_round(opened: Callable[..., Opened]) -> None:
    window = opened("usual, tables only").page
    label = "Figures of the strategy and its benchmarks"
    heading = window.locator(f"[aria-label='{label}'] th").nth(3)
    as_written = [number(text) for text in cells(window, label, 3)]
    assert heading.get_attribute("aria-sort") is None
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    down = [number(text) for text in cells(window, label, 3)]
    assert down == sorted(as_written, reverse=True) != as_written
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [number(text) for text in cells(window, label, 3)] == sorted(as_written)
    window.locator(f"[aria-label='{label}'] th button").nth(4).click()
    assert heading.get_attribute("aria-sort") is None
    assert window.locator(f"[aria-label='{label}'] [aria-sort]").count() == 1


def test_words_sort_the_other_way_round_and_sums_stay_last(opened: Callable[..., Opened]) -> None:
    window = opened("usual, tables only").page
    label = "Profit by gate period and coin"
    heading = window.locator(f"[aria-label='{label}'] th").first
    as_written = cells(window, label, 0)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    upward = [*sorted(as_written[:-1]), "total"]  # dates, then interest and outside
    assert cells(window, label, 0) == upward
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert cells(window, label, 0) == upward[::-1]


@pytest.mark.parametrize(
    ("kind", "label", "column"),
    [
        ("no gate periods", "Figures of the strategy and its benchmarks", 3),
        ("usual", "Orders", 4),
        ("usual", "Monthly returns", 8),
    ],
)
def test_missing_figures_sort_below_all_others(
    kind: str, label: str, column: int, opened: Callable[..., Opened]
) -> None:
    window = opened(f"{kind}, tables only").page
    heading = window.locator(f"[aria-label='{label}'] th").nth(column)
    values = [number(text) for text in cells(window, label, column)]
    assert float("-inf") in values
    for way in ("descending", "ascending"):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == way
        shown = [number(text) for text in cells(window, label, column)]
        assert shown == sorted(values, reverse=way == "descending")


INK = "getComputedStyle(document.querySelector('#equity .xtick text')).fill"


def test_pictures_wear_the_theme_and_follow_its_change(opened: Callable[..., Opened]) -> None:
    found = opened(scheme="dark")
    found.draw("#equity")
    themes: tuple[Any, ...] = (("dark", "light"), ("light", "dark"))
    for scheme, other in themes:
        ground, ink = (
            found.page.evaluate(what)
            for what in ("getComputedStyle(document.body).backgroundColor", INK)
        )
        assert (sum(channels(ground)) < sum(channels(ink))) == (scheme == "dark")
        found.page.emulate_media(color_scheme=other)
        found.page.wait_for_function(f"{INK} !== {ink!r}")
    assert found.complaints == []


def test_a_word_of_the_method_opens_the_list_that_explains_it(
    opened: Callable[..., Opened],
) -> None:
    window = opened("usual").page
    terms = window.locator(".glossary details")
    assert terms.get_attribute("open") is None
    link = window.locator("a.term").first
    link.click()
    meaning = window.locator(f"[id='{(link.get_attribute('href') or '').removeprefix('#')}']")
    assert terms.get_attribute("open") is not None
    assert meaning.bounding_box() is not None and meaning.is_visible()


def test_on_paper_the_terms_are_open(opened: Callable[..., Opened]) -> None:
    window = opened("usual").page
    window.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert window.locator(".glossary details").get_attribute("open") is not None
