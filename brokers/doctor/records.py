"""The journal, the session that writes it, and the folders that a session writes to."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from brokers.clock import utc_text
from brokers.doctor.finding import Finding, span
from brokers.journal.journal import Journal
from brokers.journal.migrations import MIGRATIONS
from brokers.journal.records import IncidentRow, SessionRecord
from brokers.live.changed_settings import NOT_APPLIED, describe_changes, refuse_other_markets
from brokers.live.hours import buying_hours
from brokers.live.session_setup import setup_of
from brokers.plurals import times
from config.settings import ConfigError, Settings

DAY = 86_400
MEGABYTE = 1_000_000
# Bytes free: a day of log and journal; a year of them.
LEAST_SPACE, COMFORTABLE_SPACE = 20 * MEGABYTE, 500 * MEGABYTE
MOST_SHOWN = 3  # newest incidents, of different texts
MOST_READ = 30  # incidents among which they are looked for: one is stored again each day
LONGEST_TEXT = 160  # characters of an incident; the log has all of it
BY_HAND = ("interrupted", "stopped")  # outcomes of a session that a person ended
START = "python main.py paper with the same --config: it settles orders left open"


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Each folder that a session writes to."""
    places = {
        "journal": settings.journal.folder,
        "log": settings.log.folder,
        "cache": settings.prices.cache,
    }
    for name, place in places.items():
        yield check_folder(
            f"{name} folder",
            Path(place),
            f"{'prices.cache' if name == 'cache' else f'{name}.folder'}",
        )


def check_folder(name: str, folder: Path, key: str) -> Finding:
    """Whether files can be made in `folder`, or where it will be made, and the space there.

    `key` is the setting that names it.
    """
    existing = next(
        (path for path in (folder, *folder.absolute().parents) if path.exists()), folder
    )
    try:
        with TemporaryFile(dir=existing) as probe:
            probe.write(bytes(4096))
            probe.flush()
        free = shutil.disk_usage(existing).free
    except OSError as error:
        remedy = f"make it writable for this user, free some space, or set {key} to another folder"
        return Finding(name, "wrong", f"{folder}: cannot be written ({error.strerror})", remedy)
    what = "can be written" if existing == folder else "can be made"
    text = f"{folder}: {what}, {free / MEGABYTE:,.0f} MB free"
    if free < LEAST_SPACE:
        return Finding(
            name,
            "wrong",
            text,
            f"free some space, or set {key} to another disk: without it no order is sent",
        )
    if free < COMFORTABLE_SPACE:
        return Finding(name, "warning", text, "free some space before it is needed")
    return Finding(name, "ok", text)


def check_journal(
    journal: Journal, path: Path, held_by: str, settings: Settings, now: float
) -> Iterator[Finding]:
    """Everything that the journal shows at `now`.

    `held_by` names the process that writes it, "" for none.
    """
    yield Finding(
        "journal",
        "ok",
        f"{path}: intact, version {1 + len(MIGRATIONS)}, {path.stat().st_size / MEGABYTE:.1f} MB",
    )
    sessions = journal.sessions()
    last = sessions[-1] if sessions else None
    yield check_session(last, held_by, now)
    if last is not None:
        yield check_settings(journal, last, settings)
        yield check_decision(journal, last, held_by, now)
    yield check_trading(journal)
    yield from check_incidents(journal, now)


def check_session(last: SessionRecord | None, held_by: str, now: float) -> Finding:
    """Whether one is running, or how the last one ended."""
    if held_by:
        return Finding(
            "session",
            "ok",
            f"runs ({held_by}{f', since {utc_text(last.started)}' if last else ''})",
        )
    if last is None:
        return Finding("session", "ok", "none has run yet")
    if last.ended is None:
        text = (
            f"the last one, process {last.pid}, was killed (it began at {utc_text(last.started)})"
        )
        return Finding("session", "warning", text, START)
    ended = f"none is running; the last one ended {span(now - last.ended)} ago: {last.outcome}"
    if last.outcome in ("done", *BY_HAND):
        return Finding("session", "ok", ended)
    return Finding("session", "wrong", ended, f"fix what it reports, then {START}")


def check_settings(journal: Journal, last: SessionRecord, settings: Settings) -> Finding:
    """Whether a session with these settings goes on with the account, and what they change."""
    try:
        refuse_other_markets(journal, settings)
    except ConfigError as error:
        return Finding("settings", "wrong", str(error), "follow the message before the next start")
    text = describe_changes(last, settings)
    if NOT_APPLIED in text:
        return Finding("settings", "warning", text, "none, if the account is to go on as it is")
    return Finding("settings", "ok", text or "those of the last session")


def check_decision(journal: Journal, last: SessionRecord, held_by: str, now: float) -> Finding:
    """The newest decision, and whether a later one is lacking, as `status` says it."""
    row = journal.last_decision()
    text = (
        f"{span(now - row.time)} ago, on the bar of {utc_text(row.time)}: {row.sentence}"
        if row
        else "none yet"
    )
    lateness = setup_of(last.settings).lateness(
        now,
        decided=row.time if row else None,
        started=last.started,
        outcome=last.outcome,
        running=bool(held_by),
    )
    if lateness == "in time":
        return Finding("decision", "ok", text)
    if not held_by and last.outcome in BY_HAND:
        text = f"{text}; a person has ended the session since"
        return Finding("decision", "warning", text, START)
    if held_by and lateness == "late":
        text = f"{text}; a later one is due, the session tries again"
        return Finding("decision", "warning", text, "none yet; its log says what it waits for")
    text = f"{text}; a later one is due, {'the session hangs' if held_by else 'no session runs'}"
    remedy = f"stop it and start again: {START}" if held_by else START
    return Finding("decision", "wrong" if lateness == "missed" else "warning", text, remedy)


def check_hours(settings: Settings, now: float) -> Finding:
    """When something can be bought: a session that starts outside these hours waits for them."""
    hours = buying_hours(setup_of(settings.model_dump_json()), now)
    return Finding("hours", "ok", f"buys are {hours.when} (paper.max_decision_age)")


def check_trading(journal: Journal) -> Finding:
    """Whether trading was stopped, or everything is to be sold."""
    trading = journal.trading()
    if trading.state == "on":
        return Finding("trading", "ok", "on")
    orders = {
        "off": "no orders are sent",
        "no-buys": "nothing is bought",
        "flatten": "everything is still to be sold",
    }
    text = f"{trading.state}, {orders[trading.state]}: {trading.reason}"
    if trading.state == "flatten":
        remedy = "start `paper` or `flatten` again, which sells; `halt` calls it off"
    else:
        remedy = "python main.py resume with the same --config, when the reason is gone"
    return Finding("trading", "wrong", text, remedy)


def check_incidents(journal: Journal, now: float) -> Iterator[Finding]:
    """The newest incidents; a warning for each of the last day that is more than information."""
    different: dict[tuple[str, str], IncidentRow] = {}
    for row in journal.incidents(MOST_READ):
        different.setdefault((row.kind, row.text), row)
    if not different:
        yield Finding("incidents", "ok", "none")
    for number, row in enumerate(list(different.values())[:MOST_SHOWN], 1):
        text = (
            row.text
            if len(row.text) <= LONGEST_TEXT
            else f"{row.text[: LONGEST_TEXT - 3].rstrip()}..."
        )
        grave = row.severity != "info" and now - row.last < DAY
        yield Finding(
            "incidents" if number == 1 else f"incidents ({number})",
            "warning" if grave else "ok",
            f"{span(now - row.last)} ago {row.kind} ({row.severity}, seen {times(row.count)} that "
            f"day): {text}",
            "check whether it needs action; the log has the details" if grave else "",
        )
