"""What ends a command, whoever detects it."""

STOPPED, RETRY_LATER = 5, 75  # exit codes


class RetryLaterError(Exception):
    """Something is busy, full or away, and nothing was lost. Exit code 75: start again later."""


class SafetyError(Exception):
    """Trading was stopped for safety; the message says why, and how to go on. Exit code 5."""
