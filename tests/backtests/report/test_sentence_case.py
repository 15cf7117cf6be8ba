"""How a sentence of a page begins."""

import pytest

from backtests.report.sentence_case import capitalize_first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the window is short", "The window is short"),
        ("daily/RUT.csv: 252 sessions missing", "daily/RUT.csv: 252 sessions missing"),
        ("losses.csv has no date", "losses.csv has no date"),
        ("yFinance is away", "yFinance is away"),
        ("sold.", "Sold."),
        ("", ""),
    ],
)
def test_words_are_capitalized_and_names_are_not(text: str, expected: str) -> None:
    assert capitalize_first(text) == expected
