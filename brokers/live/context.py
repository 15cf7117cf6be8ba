"""What the parts of a session work with."""

from typing import NamedTuple

from brokers.clock import Clock
from brokers.journal.journal import Journal
from brokers.live.broker import TradingAccount
from brokers.live.observer import SessionObserver
from config.settings import Settings


class SessionContext(NamedTuple):
    """Settings, account, journal, clock and observer of one session, the same for all its parts."""

    settings: Settings
    account: TradingAccount
    journal: Journal
    clock: Clock
    observer: SessionObserver
