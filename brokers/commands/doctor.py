"""What `doctor` does: every check in a line, and the exit code of what is worst."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from brokers.doctor.finding import Finding
from brokers.doctor.installation import versions

if TYPE_CHECKING:
    from brokers.clock import Clock
    from brokers.doctor.checks import Area
    from config.secrets import Secrets
    from config.settings import ConfigError, Settings

CODES: Mapping["Area", int] = {
    "exchange": 4,
    "data": 3,
    "journal": 5,
    "configuration": 2,
}  # the first that has something wrong decides
COLOURS = {"ok": "green", "warning": "yellow", "wrong": "bold red"}
NAME = 22  # characters; longer names move their text


def run_doctor(
    files: list[Path] | None, overrides: list[str] | None, as_json: bool, drill: bool
) -> int:
    """Check everything a session needs, beside one or without, and show each finding in a line; with `drill` trade a lot as well.

    Returns
    -------
    0 if nothing is wrong; warnings do not count. Otherwise the code of the first of these that has something wrong: 4 exchange, network,
    keys and account; 3 prices and calendar; 5 journal, session and disk; 2 configuration, versions and notifications.

    Raises
    ------
    ConfigError
        With `drill`: the mode is not testnet.

    """
    found: list[tuple[Area, Finding]] = []
    for area, finding in _examined(files, overrides, drill):
        found.append((area, finding))
        if not as_json:
            _show(finding)
    wrong = {area for area, finding in found if finding.state == "wrong"}
    code = next((code for area, code in CODES.items() if area in wrong), 0)
    if as_json:
        print(
            json.dumps(
                {
                    "exit_code": code,
                    "findings": [{"area": area, **finding._asdict()} for area, finding in found],
                }
            )
        )
    return code


def _examined(
    files: list[Path] | None, overrides: list[str] | None, drill: bool
) -> Iterator[tuple["Area", Finding]]:
    """Every finding as it is made. What is missing is said before anything that needs it is imported."""
    installed = versions()
    yield "configuration", installed
    try:
        from brokers.clock import Clock
        from brokers.doctor.checks import examined
        from brokers.journal.lock import holder
        from brokers.journal.opening import journal_path
        from config.settings import ConfigError, load
    except ImportError:
        if installed.state == "wrong":
            return
        raise
    try:
        settings = load(files, overrides)
    except ConfigError as error:
        yield (
            "configuration",
            Finding(
                "configuration",
                "wrong",
                str(error),
                "mend it where it is said to stand; config/default.toml has every key",
            ),
        )
        return
    if drill and settings.exchange.mode == "dry-run":
        raise ConfigError(
            '--drill: exchange.mode is "dry-run", which sends no order; a drill needs a testnet, as --config config/testnet.toml'
        )
    secrets, clock, path = _secrets(), Clock(), journal_path(settings)
    healthy = True
    for area, finding in examined(settings, secrets, path, clock):
        healthy = healthy and (area != "exchange" or finding.state != "wrong")
        yield area, finding
    if drill and (session := holder(path)):
        remedy = "stop that session first: a drill trades in its account"
        yield (
            "journal",
            Finding("drill", "wrong", f"refused: {path} is held by a session ({session})", remedy),
        )
    elif drill and not healthy:
        yield (
            "exchange",
            Finding(
                "drill",
                "warning",
                "not tried: nothing may be wrong at the exchange",
                "mend the above first",
            ),
        )
    elif drill:
        yield from (("exchange", finding) for finding in _drilled(settings, secrets, path, clock))


def _secrets() -> "Secrets | ConfigError":
    """The secrets, or why there are none."""
    from config.secrets import load_secrets
    from config.settings import ConfigError

    try:
        return load_secrets()
    except ConfigError as error:
        return error


def _drilled(
    settings: "Settings", secrets: "Secrets | ConfigError", path: Path, clock: "Clock"
) -> Iterator[Finding]:
    """The drill, which one Ctrl-C does not leave half done."""
    from brokers.commands.paper import ended_by_signals
    from brokers.doctor.drill import drilled
    from brokers.exchange.client import Keys
    from config.secrets import Secrets

    keys = secrets.keys() if isinstance(secrets, Secrets) else None
    if keys is not None:  # they were found before
        with ended_by_signals(clock):
            yield from drilled(settings, Keys(*keys), path, clock)


def _show(finding: Finding) -> None:
    """One line, however long."""
    text = " ".join(f"{finding.text}{f' -> {finding.remedy}' if finding.remedy else ''}".split())
    try:
        from rich.text import Text

        from brokers.console import console
    except ImportError:  # that a package is missing must be said without it
        print(f"{finding.state:<8}{finding.name:<{NAME}} {text}")
        return
    line = Text.assemble(
        (f"{finding.state:<8}", COLOURS[finding.state]), (f"{finding.name:<{NAME}} ", "bold"), text
    )
    console().print(line, soft_wrap=True)
