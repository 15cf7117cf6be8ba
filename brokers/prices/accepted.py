"""The held closes that somebody confirmed, as the journal of the settings has them."""

from pathlib import Path

import pandas as pd

from brokers.prices.series import AcceptedClose
from config.settings import Settings


def accepted_closes(settings: Settings, now: pd.Timestamp) -> tuple[AcceptedClose, ...]:
    """What was accepted up to `now` (UTC), oldest first; nothing where there is no journal yet.

    Raises
    ------
    JournalError
        The journal is there and cannot be read.

    """
    if not Path(settings.journal.folder).is_dir():
        return ()
    # Imported late: without a paper session no database is needed.
    from brokers.journal.opening import journal_path, read_journal_file

    path = journal_path(settings)
    if not path.exists():
        return ()
    with read_journal_file(path) as journal:
        rows = journal.accepted()
    closes = [
        AcceptedClose(
            row.symbol,
            pd.Timestamp(row.session, unit="s", tz="UTC").date(),
            row.close,
            row.by_whom,
            pd.Timestamp(row.at, unit="s", tz="UTC").as_unit("ns"),
        )
        for row in rows
    ]
    return tuple(sorted((close for close in closes if close.at <= now), key=lambda row: row.at))
