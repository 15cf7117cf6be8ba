"""What stops trading, whoever finds it."""


class SafetyError(Exception):
    """Trading was stopped to keep something safe; the message says what, and how to go on. Exit code 5."""
