"""docs/claims.md names exactly the claims of the program, and how each is read."""

import json
import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from backtests import evidence
from backtests.commands.evidence import run_evidence
from backtests.commands.run_scope import RunOptions
from backtests.evidence.claim import Statement
from tests.price_folder import HISTORY_FROM
from tests.scenes import REAL, realdata

PAGE = (Path(__file__).parents[3] / "docs/claims.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
WHOLE = "(the sentence)"
QUICK = ["evidence.draws=100", "evidence.bases=[252]", "evidence.confirms=[1]"]


def sentences() -> dict[str, set[str]]:
    """The sentences of the articles' claims by number, wherever a module has one."""
    found: dict[str, set[str]] = {}
    for module in iter_modules(evidence.__path__):
        for value in vars(import_module(f"backtests.evidence.{module.name}")).values():
            if isinstance(value, Statement) and value.id[0] in "AB":
                found.setdefault(value.id, set()).add(value.text)
    return found


def readings_of_page() -> set[tuple[str, str]]:
    rows = {
        (title, reading)
        for title, body in SECTIONS.items()
        for reading in re.findall(r"^\| ([^|]+) \| (?:fact|test|needs data) \|", body, re.MULTILINE)
    }
    return {(title, "" if reading == WHOLE else reading) for title, reading in rows}


def readings_of_run(place: Path, overrides: list[str]) -> set[tuple[str, str]]:
    run_evidence(None, overrides, RunOptions(as_json=True, output=place, with_report=False))
    document = json.loads((place / "evidence.json").read_text(encoding="utf-8"))
    claims = {(claim["id"], claim["reading"]) for claim in document["claims"]}
    return {(name, reading) for name, reading in claims if name[0] in "AB"}


def test_each_sentence_has_its_section_word_for_word() -> None:
    quoted = {
        title: {" ".join(re.findall(r"^> (.*)$", body, re.MULTILINE)).removesuffix(".")}
        for title, body in SECTIONS.items()
    }
    assert quoted == sentences()
    numbers = [(title[0], int(title[1:])) for title in SECTIONS]
    assert numbers == [("A", n) for n in range(1, 19)] + [("B", n) for n in range(1, 17)]


def test_no_row_is_named_twice() -> None:
    rows = re.findall(r"^\| .* \| (?:fact|test|needs data) \| .* \|$", PAGE, re.MULTILINE)
    assert len(rows) == len(readings_of_page())


def test_every_reading_that_is_measured_is_on_the_page(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Made-up prices lack series and years: then a claim may have no reading, or fewer drivers."""
    made_up = [
        "prices.source=folder",
        f"prices.folder={whole_folder}",
        f"prices.cache={cache}",
        f"signal.history_from={HISTORY_FROM}",
    ]
    unknown = readings_of_run(tmp_path / "run", [*QUICK, *made_up]) - readings_of_page()
    drivers = "the gate, controlling for the broad index"
    assert {key for key in unknown if key[1] and not key[1].startswith(drivers)} == set()


@realdata
def test_on_real_prices_the_page_names_exactly_what_is_measured(tmp_path: Path) -> None:
    real = ["prices.source=folder", f"prices.folder={REAL}"]
    assert readings_of_run(tmp_path / "run", [*QUICK, *real]) == readings_of_page()
