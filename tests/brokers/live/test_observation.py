"""Messages at the end of a session: by importance, or kept and reported at the next start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import JournalUnavailableError
from brokers.live import observation
from brokers.live.observation import observe_session
from brokers.live.undelivered import KEY
from config.secrets import Secrets
from config.settings import ConfigError, Settings, load
from strategies.breakout import STATES
from tests.brokers.receivers import UUID, Monitor, Receiver, eventually

# As in test_notify.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "MADEUPTOKEN77"
ENDED = "Russell Gate: the session has ended"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(None, [f"log.folder={tmp_path / 'logs'}", f"journal.folder={tmp_path}"])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 7.0) as opened:
        yield opened


def secrets(receiver: Receiver, monitor: Monitor | None = None) -> Secrets:
    return Secrets(
        api_secret=SecretStr(TOKEN),
        notify_urls=SecretStr(receiver.url),
        heartbeat_url=SecretStr(monitor.url if monitor else ""),
    )


def one_bar(settings: Settings, keys: Secrets, journal: Journal, receiver: Receiver) -> None:
    """A session that reports a lot while its service is busy with the first message, and ends."""
    with observe_session(settings, keys, journal, STATES, console=False) as observer:
        observer.on_start()
        observer.on_incident(Incident("account", "warning", "first"))
        assert eventually(lambda: receiver.asked)
        observer.on_orders([])
        observer.on_incident(Incident("exchange", "warning", "away"))
        observer.on_end(f"SafetyError: {TOKEN}", bug=False, retried=False)
        if not receiver.statuses:
            receiver.held.set()


def test_a_slow_service_gets_all_of_a_bars_messages_the_end_first(
    settings: Settings, journal: Journal, receiver: Receiver
) -> None:
    receiver.held.clear()
    one_bar(settings, secrets(receiver), journal, receiver)
    assert receiver.titles == [
        "Russell Gate: account",
        ENDED,
        "Russell Gate: exchange",
        "Russell Gate: orders",
    ]
    assert journal.get(KEY) is None


def test_what_a_service_has_not_taken_at_the_end_is_reported_at_the_next_start(
    settings: Settings, journal: Journal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observation, "FLUSH", 0.05)
    receiver.held.clear()
    receiver.statuses = [500]  # what it answers once the session is gone
    one_bar(settings, secrets(receiver), journal, receiver)
    assert TOKEN not in str(journal.get(KEY))
    receiver.held.set()
    assert receiver.got == []
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for _ in range(2):
        with observe_session(
            settings, secrets(receiver), journal, STATES, console=False
        ) as observer:
            observer.on_start()
    assert receiver.titles == ["Russell Gate: undelivered"], "and once"
    lost = receiver.got[0]["message"].splitlines()
    assert lost[0] == "4 notifications of an earlier session may not have arrived:"
    assert [line.split(": ")[2] for line in lost[1:5]] == [
        "account",
        "the session has ended",
        "exchange",
        "orders",
    ]


def test_a_journal_that_cannot_be_written_at_the_end_does_not_change_how_it_ends(
    settings: Settings, journal: Journal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalUnavailableError("disk full")

    monkeypatch.setattr(observation, "FLUSH", 0.05)
    receiver.held.clear()
    receiver.statuses = [500]
    monkeypatch.setattr(journal, "put", full)
    one_bar(settings, secrets(receiver), journal, receiver)
    log = (Path(settings.log.folder) / "paper.log.jsonl").read_text()
    assert "not sent: " in log and "could not be kept for the next start: disk full" in log


def test_heartbeats_are_delivered_at_the_end_too(
    settings: Settings, journal: Journal, receiver: Receiver
) -> None:
    monitor = Monitor()
    one_bar(settings, secrets(receiver, monitor), journal, receiver)
    monitor.close()
    assert [(one.path, one.text) for one in monitor.got] == [
        (f"/ping/{UUID}/start", "dry-run of binance has started"),
        (f"/ping/{UUID}/log", "account: first"),
        (f"/ping/{UUID}/log", "exchange: away"),
        (f"/ping/{UUID}/fail", "the session has ended: SafetyError: ***"),
    ]


def test_a_missed_decision_marks_the_heartbeat_as_failed(
    settings: Settings, journal: Journal, receiver: Receiver
) -> None:
    monitor = Monitor()
    with observe_session(
        settings, secrets(receiver, monitor), journal, STATES, console=False, now=lambda: 1e9
    ) as observer:
        observer.on_wait(86_400.0 + settings.paper.grace)
        assert eventually(lambda: monitor.got and receiver.got)
    monitor.close()
    assert monitor.paths == ["/fail"]
    assert monitor.got[0].text.startswith("no decision for the bars of 1970-01-02 00:00 UTC")
    assert receiver.titles == ["Russell Gate: missed decision"]


def test_no_part_of_an_address_but_its_host_is_logged(
    settings: Settings, journal: Journal, receiver: Receiver
) -> None:
    receiver.close()
    topic, slug = "plain-topic", "plain-slug"
    keys = Secrets(
        notify_urls=SecretStr(f"ntfy://user-name@127.0.0.1:1/{topic}"),
        heartbeat_url=SecretStr(f"http://127.0.0.1:1/{slug}"),
    )
    with observe_session(settings, keys, journal, STATES, console=False) as observer:
        observer.on_start()
        observer.on_incident(Incident("exchange", "warning", f"GET /{topic} and {slug}"))
    log = (Path(settings.log.folder) / "paper.log.jsonl").read_text()
    assert "notification not sent to ntfy (1)" in log and "heartbeat was not taken" in log
    for secret in (topic, slug, "user-name"):
        assert secret not in log and secret not in str(journal.get(KEY))


def test_an_address_that_is_none_is_refused_before_anything_runs(
    settings: Settings, journal: Journal
) -> None:
    with (
        pytest.raises(ConfigError, match="RUSSELL_GATE_HEARTBEAT_URL"),
        observe_session(
            settings, Secrets(heartbeat_url=SecretStr(UUID)), journal, STATES, console=False
        ),
    ):
        pass
