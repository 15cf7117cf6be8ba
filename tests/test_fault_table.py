"""The tables in tests/README.md: every fault has tests or a reason, every test of a fault a row,
every field report tests that exist.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parent
FAULTS = 69
REPORTS = [
    *(f"O{number}" for number in range(1, 29)),
    *(f"P{number}" for number in range(16)),
    *(f"S{number}" for number in range(1, 5)),
]
NOT_OURS = "does not apply: "


def rows() -> dict[int, str]:
    """All rows by number."""
    matches = re.findall(r"^\| (\d+) (\|.*\|)$", (TESTS / "README.md").read_text(), re.MULTILINE)
    assert len(matches) == len({number for number, _ in matches})
    return {int(number): row for number, row in matches}


def reports() -> dict[str, str]:
    """The rows of the field reports by letter and number."""
    section = (TESTS / "README.md").read_text().partition("\n## Field reports\n")[2]
    return dict(re.findall(r"^\| ([A-Z]\d+) (\|.*\|)$", section, re.MULTILINE))


def all_tests() -> set[str]:
    """The names of all tests."""
    return {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }


def fault_tests() -> set[str]:
    """The names of all tests of a fault."""
    return {name for name in all_tests() if re.match(r"test_fault_\d\d_", name)}


def test_every_fault_has_its_row_in_order() -> None:
    assert list(rows()) == list(range(1, FAULTS + 1))


def test_every_row_names_a_test_that_exists_or_a_reason() -> None:
    existing = fault_tests()
    for number, row in rows().items():
        named = re.findall(r"`(test_\w+)`", row)
        assert named or NOT_OURS in row, number
        assert set(named) <= existing, number


def test_every_test_of_a_fault_stands_in_its_row() -> None:
    table = rows()
    missing = [
        name
        for name in sorted(fault_tests())
        if f"`{name}`" not in table.get(int(name.split("_")[2]), "")
    ]
    assert missing == []


def test_every_field_report_names_tests_that_exist() -> None:
    existing = all_tests()
    assert list(reports()) == REPORTS
    for key, row in reports().items():
        named = re.findall(r"`(test_\w+)`", row)
        assert named, key
        assert set(named) <= existing, key
        assert len(set(named)) == len(named), key
        files = re.findall(r"`([\w/]+\.py)`", row)
        assert all((TESTS / file).is_file() for file in files), key
