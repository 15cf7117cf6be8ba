"""How long to wait before what has failed is tried again."""

RETRY, LONGEST_RETRY = 30.0, 900.0  # seconds between two attempts, doubled after each
MOST_DOUBLINGS = 9


def pause_after(failures: int, error: Exception | None = None) -> float:
    """Seconds until the next attempt after so many failures in a row, the newest an `error`.

    No less than an exchange has asked for.
    """
    pause = min(RETRY * 2.0 ** min(failures - 1, MOST_DOUBLINGS), LONGEST_RETRY)
    return max(pause, getattr(error, "wait", 0.0))
