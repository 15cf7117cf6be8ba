"""The journal and the session that writes it, and the folders that everything is written to."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from brokers.doctor.finding import Finding, span, utc
from brokers.journal.journal import Journal
from brokers.journal.opening import MIGRATIONS
from brokers.journal.records import Session
from brokers.prices.clean import bar_length
from config.settings import Settings

DAY = 86_400
MEGABYTE = 1_000_000
NEEDED, COMFORTABLE = (
    20 * MEGABYTE,
    500 * MEGABYTE,
)  # bytes free: a day of log and journal; a year of them
LOOKED_AT = 3  # newest incidents
BY_HAND = ("interrupted", "stopped")  # how a session ends when a person wants it to
START = "python main.py paper with the same --config: it settles what was left open"


def folders(settings: Settings) -> Iterator[Finding]:
    """Each folder that a session writes to."""
    places = {
        "journal": settings.journal.folder,
        "log": settings.log.folder,
        "cache": settings.prices.cache,
    }
    for name, place in places.items():
        yield writable(
            f"{name} folder",
            Path(place),
            f"{'prices.cache' if name == 'cache' else f'{name}.folder'}",
        )


def writable(name: str, folder: Path, key: str) -> Finding:
    """Whether files can be made in `folder`, or where it will be made, and the space there. `key` is the setting that names it."""
    there = next(
        (place for place in (folder, *folder.absolute().parents) if place.exists()), folder
    )
    try:
        with TemporaryFile(dir=there) as probe:
            probe.write(bytes(4096))
            probe.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        remedy = f"make it writable for this user, free some space, or set {key} to another place"
        return Finding(name, "wrong", f"{folder}: cannot be written ({error.strerror})", remedy)
    text = f"{folder}: {'can be written' if there == folder else 'can be made'}, {free / MEGABYTE:,.0f} MB free"
    if free < NEEDED:
        return Finding(
            name,
            "wrong",
            text,
            f"free some space, or set {key} to another disk: without it nothing is ordered",
        )
    if free < COMFORTABLE:
        return Finding(name, "warning", text, "free some space before it is needed")
    return Finding(name, "ok", text)


def examined(
    journal: Journal, path: Path, held_by: str, settings: Settings, now: float
) -> Iterator[Finding]:
    """Everything that the journal tells at `now`; `held_by` names the process that writes it, "" for none."""
    yield Finding(
        "journal",
        "ok",
        f"{path}: whole, version {1 + len(MIGRATIONS)}, {path.stat().st_size / MEGABYTE:.1f} MB",
    )
    sessions = journal.sessions()
    last = sessions[-1] if sessions else None
    yield session(last, held_by, now)
    if last is not None:
        yield decision(journal, last, held_by, settings, now)
    yield halted(journal)
    yield incidents(journal, now)


def session(last: Session | None, held_by: str, now: float) -> Finding:
    """Whether one is running, or how the last one ended."""
    if held_by:
        return Finding(
            "session",
            "ok",
            f"the lock is held: {held_by}{f', since {utc(last.started)}' if last else ''}",
        )
    if last is None:
        return Finding("session", "ok", "none has run yet")
    if last.ended is None:
        text = f"the last one, process {last.pid}, was ended from outside and could not say when (it began at {utc(last.started)})"
        return Finding("session", "warning", text, START)
    ended = f"none is running; the last one ended {span(now - last.ended)} ago: {last.outcome}"
    if last.outcome in ("done", *BY_HAND):
        return Finding("session", "ok", ended)
    return Finding("session", "wrong", ended, f"mend what it says, then {START}")


def decision(
    journal: Journal, last: Session, held_by: str, settings: Settings, now: float
) -> Finding:
    """The newest decision, and whether a later one should be there: two bars and the patience a session has are enough."""
    row = journal.last_decision()
    text = (
        f"{span(now - row.time)} ago, on the bar of {utc(row.time)}: {row.sentence}"
        if row
        else "none yet"
    )
    bars = 2 * bar_length(settings.exchange.timeframe).total_seconds()
    # A session that has just begun has not missed what came before it.
    since = max(row.time if row else 0.0, last.started)
    if now - since <= bars + settings.paper.grace + settings.paper.patience:
        return Finding("decision", "ok", text)
    if not held_by and last.outcome in BY_HAND:
        return Finding("decision", "warning", f"{text}; the session was ended by hand since", START)
    remedy = f"stop it and start anew: {START}" if held_by else START
    return Finding(
        "decision",
        "wrong",
        f"{text}; a session should have decided since, {'it hangs' if held_by else 'none is running'}",
        remedy,
    )


def halted(journal: Journal) -> Finding:
    """Whether trading was stopped."""
    why = journal.halted()
    if why is not None:
        return Finding(
            "halted",
            "wrong",
            f"nothing is ordered: {why}",
            "python main.py resume with the same --config, when the reason is gone",
        )
    return Finding("halted", "ok", "no")


def incidents(journal: Journal, now: float) -> Finding:
    """The newest incidents; only those of the last day that ask for somebody are a warning."""
    found = journal.incidents(LOOKED_AT)
    if not found:
        return Finding("incidents", "ok", "none")
    text = "; ".join(
        f"{span(now - one.last)} ago {one.kind} ({one.severity}, seen {one.count} times that day): {one.text}"
        for one in found
    )
    if any(one.severity != "info" and now - one.last < DAY for one in found):
        return Finding(
            "incidents",
            "warning",
            text,
            "see whether they ask something of you; the log tells more",
        )
    return Finding("incidents", "ok", text)
