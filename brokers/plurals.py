"""Numbers with their nouns, in the singular or the plural."""


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`number` and the noun: "1 order", "2 orders", "1,200 orders"; `plural` if not noun + s.

    Examples
    --------
    >>> count(1, "order"), count(2, "order"), count(0, "loss", "losses")
    ('1 order', '2 orders', '0 losses')

    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def times(number: int) -> str:
    """How often: "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")
