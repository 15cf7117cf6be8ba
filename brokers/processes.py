"""Other processes of this machine."""

import os


def is_running(pid: int) -> bool:
    """Whether a process has this number. It may be another than the one that had it before."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    return True
