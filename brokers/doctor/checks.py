"""All checks in the order in which a person would make them."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pandas as pd

from brokers.clock import Clock
from brokers.doctor import exchange, installation, prices, records, sources
from brokers.doctor.finding import Finding
from brokers.journal.journal import Journal
from brokers.journal.lock import holder
from brokers.journal.opening import open_journal
from brokers.journal.records import DamagedError, JournalError
from config.secrets import Secrets
from config.settings import ConfigError, Settings

Area = Literal["configuration", "exchange", "data", "journal"]


def run_checks(
    settings: Settings, secrets: Secrets | ConfigError, path: Path, clock: Clock
) -> Iterator[tuple[Area, Finding]]:
    """The findings, one check after the other.

    `path` is the account's journal, which is only read, also while a session writes it; `secrets`
    may be the error that they could not be loaded with.
    """
    yield "configuration", installation.check_configuration(settings)
    if isinstance(secrets, Secrets):
        yield "configuration", installation.check_notifications(settings, secrets)
        yield "configuration", installation.check_heartbeat(secrets)
    with ExitStack() as ending:
        journal = _open(path, clock)
        readable = None if isinstance(journal, Finding) else ending.enter_context(journal)
        held_by = holder(path)
        unreachable, network = exchange.check_network(settings)
        yield "exchange", network
        for finding in exchange.check_exchanges(
            settings, secrets, readable, clock, unreachable=unreachable, running=bool(held_by)
        ):
            yield "exchange", finding
            if finding.state == "wrong" and finding.name == settings.exchange.prices_id:
                unreachable |= {"prices"}
        now = pd.Timestamp(clock.now(), unit="s", tz="UTC")
        for finding in sources.check_sources(settings, now, unreachable):
            yield "data", finding
        for finding in prices.check_prices(settings, clock.now()):
            yield "data", finding
        yield "configuration", records.check_hours(settings, clock.now())
        for finding in records.check_folders(settings):
            yield "journal", finding
        if isinstance(journal, Finding):
            yield "journal", journal
        else:
            for finding in records.check_journal(journal, path, held_by, settings, clock.now()):
                yield "journal", finding


def _open(path: Path, clock: Clock) -> Journal | Finding:
    """The journal to be read, or why there is none."""
    try:
        if not path.exists():
            return Finding("journal", "ok", f"{path}: none yet, the first session creates it")
        return open_journal(path, clock.now, locked=False, thorough=True)
    except (JournalError, OSError) as error:
        backup = "put an earlier backup in its place, or move it away to begin with an empty one"
        remedy = (
            backup
            if isinstance(error.__cause__, DamagedError)
            else "make it and its folder readable and writable for this user"
        )
        return Finding("journal", "wrong", str(error), remedy)
