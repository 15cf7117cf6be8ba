"""Correction of p for the number of tests that were made together."""

from collections.abc import Sequence


def correct_holm(ps: Sequence[float | None]) -> list[float | None]:
    """Each p corrected for the number of tests (Holm 1979); None stands for no test.

    The probability that any of them is small by chance alone is then controlled, however the
    tests depend on one another.
    """
    known = sorted((p, row) for row, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, row) in enumerate(known):
        highest = max(highest, min((len(known) - rank) * p, 1.0))
        corrected[row] = highest
    return corrected
