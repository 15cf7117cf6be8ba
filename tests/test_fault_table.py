"""The table of faults in tests/README.md: every row names tests that exist, or says why there is none, and every test has its row."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
FAULTS = 69
NOT_OURS = "does not apply, because "


def rows() -> dict[int, str]:
    """Every row by its number."""
    found = re.findall(r"^\| (\d+) (\|.*\|)$", (TESTS / "README.md").read_text(), re.MULTILINE)
    assert len(found) == len({number for number, _ in found})
    return {int(number): row for number, row in found}


def written() -> set[str]:
    """Every test of a fault there is."""
    return {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_fault_\d\d_\w+)\(", file.read_text(), re.MULTILINE)
    }


def test_every_fault_has_its_row_in_order() -> None:
    assert list(rows()) == list(range(1, FAULTS + 1))


def test_every_row_names_a_test_that_exists_or_a_reason() -> None:
    existing = written()
    for number, row in rows().items():
        named = re.findall(r"`(test_\w+)`", row)
        assert named or NOT_OURS in row, number
        assert set(named) <= existing, number


def test_every_test_of_a_fault_stands_in_its_row() -> None:
    table = rows()
    missing = [
        name
        for name in sorted(written())
        if f"`{name}`" not in table.get(int(name.split("_")[2]), "")
    ]
    assert missing == []
