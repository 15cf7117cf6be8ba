"""What a calibration says: a table and its sentence, for pages and the terminal."""

from math import floor
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape

from backtests.calibration.document import (
    CalibrationDocument,
    Requirement,
    ResultShares,
    Share,
    read_calibration,
)
from backtests.calibration.outcome import PASSED
from backtests.calibration.request import times_of
from backtests.report.cells import Cell, Table, number
from backtests.report.sentence_case import capitalize_first
from backtests.report.terminal import terminal_table
from backtests.runs.document import DocumentError
from backtests.runs.folder import RunError
from brokers.plurals import count

SUPPORTED, CONTRADICTED = "supported", "contradicted"
ALL_ROWS = 1000
FINDINGS = {"backtest": "better", "tune": "recommended"}


class CalibrationSection(NamedTuple):
    """The section of a page: heading, what the worlds are, two tables, where the numbers are."""

    heading: str
    text: str
    words: Table
    tests: Table
    note: str
    impossible: str


def calibration_section(folder: Path) -> CalibrationSection | None:
    """The section of the run in `folder`; None if the run was not calibrated.

    Raises
    ------
    RunError
        calibration.json is damaged, or of a newer version.

    """
    try:
        document = read_calibration(folder)
    except DocumentError as error:
        raise RunError(str(error)) from None
    return None if document is None else make_section(document)


def make_section(document: CalibrationDocument) -> CalibrationSection:
    """The section of a calibration."""
    effect = document.worlds.effect
    kind = f"with {times_of(effect)}the measured effect" if effect else "without an effect"
    if document.worlds.regimes:
        kind += ", in bull and bear markets"
    _, _, what = document.worlds.text.partition(": ")
    return CalibrationSection(
        heading=f"What this verdict says in worlds {kind}",
        text=f"The same run in {count(document.n, 'world')}: {what}.",
        words=words_table(document),
        tests=tests_table(document),
        note=_note(document),
        impossible=_impossible(document),
    )


def _impossible(document: CalibrationDocument) -> str:
    """That a finding comes out in no world, as the run itself rules it out; "" where it may."""
    unmet = [_unmet(row) for row in document.requirements if row.has < row.needs]
    if not unmet:
        return ""
    return (
        f"The word cannot be {FINDINGS[document.command]} in any world: the run itself has"
        f" {' and '.join(unmet)}. What the worlds say is how often each other test is passed."
    )


def _unmet(requirement: Requirement) -> str:
    """What a run has too few of; rounded down, as 18.96 are not the 19 that it takes."""
    has = f"{floor(10 * requirement.has) / 10:g}"
    noun = requirement.what.removesuffix("s") if has == "1" else requirement.what
    return f"{has} {noun} (it takes {requirement.needs:g})"


def words_table(document: CalibrationDocument) -> Table:
    """How often each word came out; the run's own is marked."""
    headings = [("verdict", False), ("worlds", True), ("share", True), ("95 % interval", True)]
    rows = [
        [
            Cell(word.name, None, "own" if word.name == document.own else ""),
            number(word.count, "{:,}"),
            *_share_cells(word),
        ]
        for word in document.words
    ]
    return Table(headings, rows)


def tests_table(document: CalibrationDocument) -> Table:
    """How often each test came out as a finding: passed, or of evidence supported or not."""
    results = (SUPPORTED, CONTRADICTED) if document.command == "evidence" else (PASSED,)
    headings = [("test", False), ("this run", False)]
    headings += [
        (heading, True) for result in results for heading in (result, f"{result}, 95 % interval")
    ]
    rows = []
    for test in document.tests:
        shares = {share.name: share for share in test.outcomes}
        cells = [Cell(test.name), Cell(test.own)]
        for result in results:
            cells += _share_cells(shares[result])
        rows.append(cells)
    return Table(headings, rows)


def show_calibration(out: Console, document: CalibrationDocument) -> None:
    """The same in the terminal; of evidence only claims that came out one way or the other."""
    section = make_section(document)
    tests = _with_findings(document) if document.command == "evidence" else document.tests
    out.print(f"\n[bold]{escape(section.heading)}[/]")
    out.print(escape(section.text))
    out.print(terminal_table(section.words, "", ALL_ROWS))
    if section.impossible:
        out.print(escape(section.impossible))
    if tests:
        shown = document.model_copy(update={"tests": tests})
        out.print(terminal_table(tests_table(shown), "", ALL_ROWS))
    if others := len(document.tests) - len(tests):
        out.print(f"{count(others, 'other test')} came out inconclusive everywhere.")
    out.print(escape(section.note))


def _with_findings(document: CalibrationDocument) -> tuple[ResultShares, ...]:
    """The claims with a finding, in the run itself or in any world."""
    findings = (SUPPORTED, CONTRADICTED)
    return tuple(
        test
        for test in document.tests
        if test.own in findings
        or any(share.count for share in test.outcomes if share.name in findings)
    )


def _note(document: CalibrationDocument) -> str:
    means = ", ".join(f"{value:.1f} {name}" for name, value in document.means.items() if value)
    a_world = f"A world has on average {means}. " if means else ""
    return capitalize_first(
        f"{a_world}Intervals of shares are those of Clopper and Pearson. Seed {document.seed};"
        " all numbers are in calibration.json."
    )


def _share_cells(share: Share) -> list[Cell]:
    return [
        number(share.count / share.of, "{:.1%}"),
        Cell(f"{share.low:.1%} to {share.high:.1%}", share.low, "number"),
    ]
