"""The fault catalogue in tests/README.md: every row has tests or a reason, every test a row."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
FAULTS = 69
NOT_OURS = "does not apply: "


def rows() -> dict[int, str]:
    """All rows by number."""
    matches = re.findall(r"^\| (\d+) (\|.*\|)$", (TESTS / "README.md").read_text(), re.MULTILINE)
    assert len(matches) == len({number for number, _ in matches})
    return {int(number): row for number, row in matches}


def fault_tests() -> set[str]:
    """The names of all tests of a fault."""
    return {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_fault_\d\d_\w+)\(", file.read_text(), re.MULTILINE)
    }


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
