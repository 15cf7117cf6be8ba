"""`doctor`: every check in a line, and the exit code of the first area with a failure."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from brokers.doctor.finding import Finding
from brokers.doctor.installation import check_versions
from brokers.local_paths import hide_paths
from brokers.redaction import redact

if TYPE_CHECKING:
    from brokers.clock import Clock
    from brokers.doctor.checks import Area
    from brokers.doctor.finding import State
    from config.secrets import Secrets
    from config.settings import ConfigError, Settings

# Exit code by area; the first area with a failure decides.
CODES: Mapping["Area", int] = {"exchange": 4, "data": 3, "journal": 5, "configuration": 2}
LABELS: Mapping["State", str] = {"ok": "ok", "warning": "warning", "wrong": "FAIL"}
COLOURS: Mapping["State", str] = {"ok": "green", "warning": "yellow", "wrong": "bold red"}
NAME = 26  # characters, of "coins at binance's testnet"; longer names shift their text


def run_doctor(
    files: list[Path] | None, overrides: list[str] | None, *, as_json: bool, drill: bool
) -> int:
    """Check everything a session needs, also while one runs; with `drill` trade a lot as well.

    Each finding is printed in a line, or all of them as one JSON document.

    Returns
    -------
    0 if nothing fails; warnings do not count. Otherwise the code of the first of these areas with a
    failure: 4 exchange, network, keys and account; 3 prices and calendar; 5 journal, session and
    disk; 2 configuration, versions and notifications.

    Raises
    ------
    ConfigError
        With `drill`: the mode is not testnet.

    """
    findings: list[tuple[Area, Finding]] = []
    for area, found in _findings(files, overrides, drill=drill):
        texts = (hide_paths(redact(text, ())) for text in (found.text, found.remedy))
        finding = Finding(found.name, found.state, *texts)
        findings.append((area, finding))
        if not as_json:
            _show(finding)
    failed = {area for area, finding in findings if finding.state == "wrong"}
    code = next((code for area, code in CODES.items() if area in failed), 0)
    if as_json:
        rows = [{"area": area, **finding._asdict()} for area, finding in findings]
        print(json.dumps({"exit_code": code, "findings": rows}))
    return code


def _findings(
    files: list[Path] | None, overrides: list[str] | None, *, drill: bool
) -> Iterator[tuple["Area", Finding]]:
    """Every finding as it is made; a missing package before anything that needs it is imported."""
    installed = check_versions()
    yield "configuration", installed
    try:
        from brokers.clock import Clock
        from brokers.doctor.checks import run_checks
        from brokers.journal.opening import journal_path
        from config.settings import ConfigError, load
    except ImportError:
        if installed.state == "wrong":
            return
        raise
    try:
        settings = load(files, overrides)
    except ConfigError as error:
        remedy = "correct the key that is named; config/default.toml has every key"
        yield "configuration", Finding("configuration", "wrong", str(error), remedy)
        return
    if drill and settings.exchange.mode == "dry-run":
        raise ConfigError(
            '--drill: exchange.mode is "dry-run", which sends no order; a drill needs a testnet, '
            "for example --config config/testnet.toml"
        )
    secrets, clock, path = _secrets(), Clock(), journal_path(settings)
    healthy = True
    for area, finding in run_checks(settings, secrets, path, clock):
        healthy = healthy and (area != "exchange" or finding.state != "wrong")
        yield area, finding
    if drill:
        yield from _drill_findings(settings, secrets, path, clock, healthy=healthy)


def _drill_findings(
    settings: "Settings",
    secrets: "Secrets | ConfigError",
    path: Path,
    clock: "Clock",
    *,
    healthy: bool,
) -> Iterator[tuple["Area", Finding]]:
    """The drill, or why it does not run; `healthy` says that no check of the exchange failed."""
    from brokers.journal.lock import holder

    if session := holder(path):
        text = f"refused: {path} is held by a session ({session})"
        remedy = "stop that session first: a drill trades in its account"
        yield "journal", Finding("drill", "wrong", text, remedy)
    elif not healthy:
        text = "not run: a check of the exchange failed"
        yield "exchange", Finding("drill", "warning", text, "fix the failures above first")
    else:
        for finding in _drill(settings, secrets, path, clock):
            yield "exchange", finding


def _secrets() -> "Secrets | ConfigError":
    """The secrets, or the error that they could not be loaded with."""
    from config.secrets import load_secrets
    from config.settings import ConfigError

    try:
        return load_secrets()
    except ConfigError as error:
        return error


def _drill(
    settings: "Settings", secrets: "Secrets | ConfigError", path: Path, clock: "Clock"
) -> Iterator[Finding]:
    """The drill, which one Ctrl-C does not interrupt half-way."""
    from brokers.commands.paper import stop_on_signals
    from brokers.doctor.drill import run_drill
    from brokers.exchange.client import Keys
    from config.secrets import Secrets

    keys = secrets.keys() if isinstance(secrets, Secrets) else None
    if keys is not None:  # a check has made sure of them
        with stop_on_signals(clock):
            yield from run_drill(settings, Keys(*keys), path, clock)


def _show(finding: Finding) -> None:
    """Print one line, however long."""
    text = f"{finding.text}; fix: {finding.remedy}" if finding.remedy else finding.text
    text = " ".join(text.split())
    label = f"{LABELS[finding.state]:<8}"
    try:
        from rich.text import Text

        from brokers.console import console
    except ImportError:  # a missing package must be reported without it
        print(f"{label}{finding.name:<{NAME}} {text}")
        return
    line = Text.assemble(
        (label, COLOURS[finding.state]), (f"{finding.name:<{NAME}} ", "bold"), text
    )
    console().print(line, soft_wrap=True)
