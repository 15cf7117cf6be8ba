"""The tests that a verdict rests on as a table."""

from backtests.report.cells import Cell, Table, number
from backtests.report.sentence_case import capitalize_first
from backtests.statistics.calibrated_shares import Share, share_passed
from backtests.tuning.document import TuneDocument
from backtests.tuning.document_parts import CheckRecord
from backtests.tuning.read_document import has_fixed_limit

WITHOUT_EFFECT = "passed without an effect"


def tests(result: TuneDocument) -> Table:
    """What a parameter set must pass to be recommended."""
    headings = [
        ("test", False),
        ("passed", False),
        ("value", True),
        ("limit", True),
        ("explanation", False),
    ]
    checks = result.verdict.tests if result.verdict else ()
    shares = {test.name: calibrated_share(test) for test in checks}
    if not any(shares.values()):
        return Table(headings, [_test_row(test) for test in checks])
    rows = [
        [*row[:4], _share_cell(shares[test.name]), *row[4:]]
        for test, row in ((test, _test_row(test)) for test in checks)
    ]
    return Table([*headings[:4], (WITHOUT_EFFECT, True), *headings[4:]], rows)


def calibrated_share(test: CheckRecord) -> Share | None:
    """How often a test is passed without an effect; None if unknown, as by another limit."""
    return share_passed("tune", test.name) if has_fixed_limit(test) else None


def _share_cell(share: Share | None) -> Cell:
    """How often a test was passed in worlds without an effect, above its 95 % interval."""
    if share is None:
        return number(None, "")
    cell = number(share.passed / share.worlds, "{:.0%}")
    return cell._replace(text=f"{cell.text}\n{share.low:.0%} to {share.high:.0%}")


def _test_row(test: CheckRecord) -> list[Cell]:
    """One test; a text such as "Breakouts: ..." names it."""
    name, colon, text = test.text.partition(": ")
    if not colon or name.count(" ") > 2:
        name, text = test.name.replace("_", " "), test.text
    # Without colours: the page has one light, its verdict.
    passed = {True: "yes", False: "no", None: "not possible"}
    return [
        Cell(name),
        Cell(passed[test.passed]),
        number(test.value, "{:.3g}"),
        number(test.limit, "{:.3g}"),
        Cell(capitalize_first(text), None, "sentence"),
    ]
