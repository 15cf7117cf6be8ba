"""The developers' pages: what they name exists, and what is made by a script is up to date."""

import re
import subprocess
from pathlib import Path

import pytest

from backtests.report.glossary import TERMS
from tests import developer_pages

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
OTHERS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "tests/README.md")]
FOLDERS = ("backtests/", "brokers/", "config/", "docs/", "strategies/", "tests/")
WIDTH = 100
MADE_BY_TESTS = "tests/stored/0.1/"  # files of an earlier version, never edited


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def files() -> list[str]:
    """Every file in the repository, or that would be in it, but those of earlier versions."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [
        name
        for name in listed.splitlines()
        if (ROOT / name).is_file() and not name.startswith(MADE_BY_TESTS)
    ]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_path_in_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+)`", text)
    paths = [name for name in named if name.startswith(FOLDERS) or name.endswith((".py", ".md"))]
    assert [name for name in paths if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=ids([*PAGES, *OTHERS]))
def test_every_link_in_a_page_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in links if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=ids([*PAGES, *OTHERS]))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [
        (target, heading)
        for target, heading in re.findall(r"\]\(([^)#]*)#([^)]+)\)", text)
        if "://" not in target
    ]
    assert [link for link in links if link[1] not in anchors(page.parent / (link[0] or page))] == []


def anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_page_on_running_lists_all_its_parts() -> None:
    text = (ROOT / "docs/operation.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[(.+)\]\(#", text, re.MULTILINE) == re.findall(
        r"^## (.+)$", text, re.MULTILINE
    )


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_function_and_class_is_defined_in_the_file_named_with_it(page: Path) -> None:
    """They are written as `name` (`path`)."""
    text = " ".join(page.read_text(encoding="utf-8").split())
    for name, path in re.findall(r"`(\w+)`,? \(`([\w/]+\.py)`\)", text):
        source = (ROOT / path).read_text(encoding="utf-8")
        definition = rf"^\s*(?:(?:def|class) {name}\b|{name}\b.* = )"
        assert re.search(definition, source, re.MULTILINE), f"{name} is not defined in {path}"


@pytest.mark.parametrize("page", DECISIONS, ids=ids(DECISIONS))
def test_a_decision_has_context_decision_and_consequences_on_one_page(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
    ]
    assert len(lines) <= 45


def test_the_architecture_page_lists_every_decision() -> None:
    text = developer_pages.ARCHITECTURE.read_text(encoding="utf-8")
    listed = re.findall(r"\]\(decisions/([\w-]+\.md)\)", text)
    assert sorted(listed) == [path.name for path in DECISIONS]
    assert len(listed) >= 10


def test_the_picture_is_what_the_imports_give() -> None:
    """If not: `python -m tests.developer_pages` makes it anew."""
    page = developer_pages.ARCHITECTURE.read_text(encoding="utf-8")
    assert page == developer_pages.architecture()


def test_only_arrows_that_a_longer_way_implies_are_left_out() -> None:
    graph = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set[str]()}
    reduced = developer_pages.without_detours(graph)
    assert reduced == {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}


def test_the_glossary_has_every_term_with_the_sentence_of_the_pages() -> None:
    """If not: `python -m tests.developer_pages` writes the sentences anew."""
    text = developer_pages.GLOSSARY.read_text(encoding="utf-8")
    entries = dict(re.findall(r"^### (.+)\n\n((?:.+\n)+)", text, re.MULTILINE))
    sentences = {name: " ".join(entries.get(name, "").split()) for name in TERMS}
    assert sentences == TERMS


def test_no_file_names_a_document_that_is_not_there() -> None:
    names = files()
    documents = {Path(name).name for name in names}
    missing = {
        f"{name}: {document}"
        for name in names
        if Path(name).suffix in (".py", ".md", ".toml", ".html", ".service", ".timer")
        for document in re.findall(r"[\w-]+\.md\b", (ROOT / name).read_text(encoding="utf-8"))
        if document not in documents
    }
    assert missing == set()


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=ids([*PAGES, *OTHERS]))
def test_a_page_has_at_most_100_columns(page: Path) -> None:
    """A row of a table cannot be broken."""
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > WIDTH and not line.startswith("|")] == []


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=ids([*PAGES, *OTHERS]))
def test_a_heading_is_a_line_of_its_own(page: Path) -> None:
    """Wrapping a page again must not draw the paragraph below into it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    headings = [line for line in lines if re.match("#{1,4} ", line)]
    assert [line for line in headings if len(line) > 72] == []
