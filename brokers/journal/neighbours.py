"""The journals beside one: which accounts of the same folder are not lost."""

from pathlib import Path

from brokers.journal import statements
from brokers.journal.database import Database
from brokers.journal.reader import ACCOUNT_ID
from brokers.journal.records import JournalError


def account_ids(folder: Path) -> set[str]:
    """The account ids of all journals in `folder`; a file that cannot be read has none."""
    return {id_ for path in folder.glob("*.sqlite") if (id_ := _account_id(path)) is not None}


def copies_of(account_id: str, folder: Path) -> list[Path]:
    """The copies in `folder` that the program has made of that account's journal, newest last."""
    return sorted(path for path in folder.glob("*.backup") if _account_id(path) == account_id)


def _account_id(path: Path) -> str | None:
    database = Database(path.resolve(), "ro")
    try:
        with database.reading() as connection:
            id_: str | None = connection.scalar(statements.VALUE, {"key": ACCOUNT_ID})
    except JournalError:
        return None
    finally:
        database.close()
    return id_
