"""What brings a journal of an older version up, a step a version.

None is ever changed later. Whoever adds one changes `tables` as well: a new file has the newest
version at once.
"""

import json
from collections.abc import Callable

from sqlalchemy import Connection

VERSION_2 = (
    "ALTER TABLE gate_rows ADD COLUMN rules_digest TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE gate_rows ADD COLUMN sources TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE gate_rows ADD COLUMN held TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE decisions ADD COLUMN kind TEXT DEFAULT 'bar' NOT NULL",
    "ALTER TABLE decisions ADD COLUMN rules_digest TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE orders ADD COLUMN venue_text TEXT DEFAULT '' NOT NULL",
    """CREATE TABLE known (
        what TEXT NOT NULL, until REAL NOT NULL, source TEXT NOT NULL, asked_at REAL NOT NULL,
        PRIMARY KEY (what)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE accepted (
        symbol TEXT NOT NULL, session INTEGER NOT NULL, close REAL NOT NULL, by_whom TEXT NOT NULL,
        at REAL NOT NULL, PRIMARY KEY (symbol, session)
    ) WITHOUT ROWID, STRICT""",
)


def to_version_2(connection: Connection) -> None:
    """Digests, sources and refusals in words; a halt becomes a trading state."""
    for statement in VERSION_2:
        connection.exec_driver_sql(statement)
    reason = connection.exec_driver_sql("SELECT value FROM meta WHERE key = 'halted'").scalar()
    if reason is None:
        return
    # When it was halted is in no column of version 1; its incident says so.
    since = connection.exec_driver_sql(
        "SELECT coalesce(max(last), 0.0) FROM incidents WHERE kind = 'halt'"
    ).scalar()
    trading = json.dumps({"state": "off", "reason": reason, "since": since})
    connection.exec_driver_sql("DELETE FROM meta WHERE key = 'halted'")
    connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('trading', ?)", (trading,))


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (to_version_2,)
