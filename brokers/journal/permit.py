"""A file that allows an account to trade: removing it works on a full disk, and whatever is locked.

`NAME.permit` lies beside the journal `NAME.sqlite`, is made with it, and is empty.
"""

from pathlib import Path


def permit_path(journal: Path) -> Path:
    """The permit of the journal at `journal`."""
    return journal.with_suffix(".permit")


def is_permitted(journal: Path) -> bool:
    """Whether orders may be sent for the journal at `journal`."""
    return permit_path(journal).exists()


def grant_permit(journal: Path) -> None:
    """Allow orders; OSError where the file cannot be made."""
    permit_path(journal).touch(mode=0o600)


def withdraw_permit(journal: Path) -> None:
    """Allow no orders from now on; OSError where the file cannot be removed."""
    permit_path(journal).unlink(missing_ok=True)
