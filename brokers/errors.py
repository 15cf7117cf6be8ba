"""What stops trading, whoever detects it."""


class SafetyError(Exception):
    """Trading was stopped for safety; the message says why, and how to go on. Exit code 5."""
