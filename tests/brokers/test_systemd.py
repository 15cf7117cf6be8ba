"""The systemd units are accepted by systemd itself, say what the program means, and keys have a
file that is never committed.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

import main
from backtests.commands import registration
from brokers.clock import Clock
from brokers.live import observation
from brokers.live.systemd_notify import MARGIN
from brokers.prices import cache

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "brokers" / "systemd"
SERVICES = ("russell-gate.service", "russell-gate-once.service")
TIMER = "russell-gate-once.timer"
FAILURE = "russell-gate-failure@.service"
ANALYZE = shutil.which("systemd-analyze")
with_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")
# Where a session that runs on and one decision a day differ.
OWN = {
    "Type",
    "ExecStart",
    "TimeoutStartSec",
    "WatchdogSec",
    "WatchdogSignal",
    "RestartForceExitStatus",
    "ExecStopPost",
}
PASSING = {registration.MARKET_DATA, registration.RETRY_LATER}  # exit codes
# Tenths, of 100; what `systemd-analyze security` counts, the network a trading program needs
# included
MOST_EXPOSED = 20


def lines(unit: str, section: str) -> list[tuple[str, str]]:
    """Key and value of each line of a section."""
    text = (UNITS / unit).read_text()
    part = re.search(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", text, re.DOTALL | re.MULTILINE)
    assert part, f"{unit} has no [{section}]"
    return [
        (key, value)
        for key, _, value in (line.partition("=") for line in part[1].splitlines())
        if value and not key.startswith("#")
    ]


def values(unit: str, section: str) -> dict[str, str]:
    return dict(lines(unit, section))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy whose paths exist on this machine, which `systemd-analyze verify` insists on."""
    python = shutil.which("true")
    assert python
    for path in UNITS.iterdir():
        text = (
            path.read_text()
            .replace("/opt/russell-gate/.venv/bin/python", python)
            .replace("/opt/russell-gate", str(ROOT))
        )
        (tmp_path / path.name).write_text(text)
    return tmp_path


def complaints(unit: Path) -> str:
    """What systemd says of our unit; it may have something to say of others on the machine."""
    result = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in result.stderr.splitlines() if "russell-gate" in line]
    return "\n".join(ours) or (result.stderr if result.returncode else "")


@with_systemd
@pytest.mark.parametrize("unit", [*SERVICES, TIMER, FAILURE])
def test_systemd_accepts_the_unit(unit: str, installed: Path):
    assert complaints(installed / unit) == ""


@with_systemd
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Restart=on-failure", "Restart=sometimes"),
        ("NoNewPrivileges=yes", "NoNewPriviliges=yes"),
        ("WatchdogSec=5min", "WatchdogSec=sometimes"),
    ],
)
def test_systemd_would_have_complained(right: str, wrong: str, installed: Path):
    path = installed / SERVICES[0]
    path.write_text(path.read_text().replace(right, wrong))
    (complaint,) = complaints(path).splitlines()
    assert wrong.split("=")["sometimes" in wrong] in complaint


@with_systemd
@pytest.mark.parametrize("unit", [*SERVICES, FAILURE])
def test_little_of_the_machine_is_exposed(unit: str, installed: Path):
    command = [
        str(ANALYZE),
        "security",
        "--offline=true",
        f"--threshold={MOST_EXPOSED}",
        str(installed / unit),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unrecognized option" in result.stderr:
        pytest.skip("this systemd cannot judge a unit that is not loaded")
    assert result.returncode == 0, result.stdout.splitlines()[-1]


@pytest.mark.parametrize("unit", SERVICES)
def test_a_session_that_wants_a_person_is_not_started_again(unit: str):
    service = values(unit, "Service")
    assert service["Restart"] == "on-failure"
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == {
        registration.USAGE,
        registration.EXCHANGE,
        registration.STOPPED,
    }
    assert int(service["SuccessExitStatus"]) == registration.INTERRUPTED


@pytest.mark.parametrize("ended", ["0", "1", "3", "5", "75", "130", "KILL"])
def test_what_passes_is_retried_for_as_long_as_it_lasts(ended: str, tmp_path: Path):
    """A full disk, an exchange or prices that are away: the starts before do not count."""
    service = values(SERVICES[0], "Service")
    assert set(map(int, service["RestartForceExitStatus"].split())) == PASSING
    assert PASSING.isdisjoint(map(int, service["RestartPreventExitStatus"].split()))
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\necho $* >{tmp_path}/asked\n")
    systemctl.chmod(0o755)
    command = service["ExecStopPost"].removeprefix("-+").replace("$$", "$").replace("%n", "UNIT")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "EXIT_STATUS": ended}
    result = subprocess.run(shlex.split(command), env=environment, check=False)
    asked = tmp_path / "asked"
    expected = "reset-failed UNIT\n" if ended in map(str, PASSING) else ""
    assert (result.returncode, asked.read_text() if asked.exists() else "") == (0, expected)


@pytest.mark.parametrize("unit", SERVICES)
def test_what_crashes_or_hangs_again_and_again_is_given_up(unit: str):
    """Within the interval so many starts have come, a restart after each."""
    limits, service = values(unit, "Unit"), values(unit, "Service")
    minutes = {"min": 1.0, "h": 60.0}
    interval, pause, hang = (
        float(re.sub("[a-z]", "", text)) * minutes[re.sub("[0-9]", "", text)]
        for text in (
            limits["StartLimitIntervalSec"],
            service["RestartSec"],
            service.get("WatchdogSec", service["TimeoutStartSec"]),
        )
    )
    starts = int(limits["StartLimitBurst"])
    assert service["RestartSec"] == "5min"
    assert 1 < starts <= 24
    # A unit of one decision that hangs is ended within half an hour.
    lasts = hang if "WatchdogSec" in service else 0.0
    assert starts * (lasts + pause) < interval
    assert limits["OnFailure"]


def test_a_session_that_gives_no_sign_of_life_is_killed_without_a_core_file():
    """Signs are due oftener than at every step of a wait, and longer work gives its own."""
    service = values(SERVICES[0], "Service")
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    watched = 60.0 * float(service["WatchdogSec"].removesuffix("min"))
    assert watched / MARGIN > Clock.longest_sleep
    # The longest of what gives none: the wait for another process that downloads the same series,
    # and then the attempts at it.
    assert watched > cache.PATIENCE + 60.0
    assert (service["WatchdogSignal"], service["LimitCORE"]) == ("SIGKILL", "0")


@pytest.mark.parametrize("unit", SERVICES)
def test_the_last_messages_are_delivered_before_a_stop_is_enforced(unit: str):
    minutes = float(values(unit, "Service")["TimeoutStopSec"].removesuffix("min"))
    ends = (observation.COMPARE, observation.STOP_COMPARING, observation.PING, observation.FLUSH)
    assert 60.0 * minutes - sum(ends) >= 90.0  # for the cycle in progress


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_that_is_not_started_again_is_reported(unit: str):
    assert values(unit, "Unit")["OnFailure"] == "russell-gate-failure@%n.service"
    service = values(FAILURE, "Service")
    assert service["Type"] == "oneshot"
    python, option, module, instance = service["ExecStart"].split()
    assert python == values(unit, "Service")["ExecStart"].split()[0]
    assert (option, instance) == ("-m", "%i")
    assert (ROOT / f"{module.replace('.', '/')}.py").exists()
    assert service["Environment"] == "PYTHONPATH=/opt/russell-gate"
    shared = ("User", "Group", "EnvironmentFile", "WorkingDirectory", "StateDirectory", "UMask")
    theirs = values(unit, "Service")
    assert {key: service[key] for key in shared} == {key: theirs[key] for key in shared}


@pytest.mark.parametrize("unit", SERVICES)
def test_the_service_may_write_its_own_folders_only_and_nobody_else_reads_them(unit: str):
    service = values(unit, "Service")
    wanted = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "UMask": "0077",
    }
    assert wanted.items() <= service.items()
    assert service["StateDirectory"] == service["CacheDirectory"] == "russell-gate"
    assert service["ReadWritePaths"].split() == ["/var/lib/russell-gate", "/var/cache/russell-gate"]
    assert (
        service["WorkingDirectory"] == "/var/lib/russell-gate"
    )  # relative folders of the configuration lie there


@pytest.mark.parametrize("unit", [*SERVICES, FAILURE])
def test_keys_come_from_a_file_and_stand_in_no_unit(unit: str):
    assert values(unit, "Service")["EnvironmentFile"] == "-/etc/russell-gate/environment"
    assert not re.search(r"RUSSELL_GATE_\w+=", (UNITS / unit).read_text())


def test_commands_beside_a_unit_get_its_user_folder_and_keys() -> None:
    """As a person without them `doctor` finds no keys, and `status` no journal."""
    page = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    unit = (UNITS / "russell-gate.service").read_text(encoding="utf-8")
    for text in (page, unit):
        command = text.partition("systemd-run --pipe")[2].partition("main.py")[0]
        for option in (
            "--uid=russell-gate",
            "-p EnvironmentFile=-/etc/russell-gate/environment",
            "-p WorkingDirectory=/var/lib/russell-gate",
        ):
            assert option in command


def test_both_services_are_the_same_but_for_how_long_they_run():
    session, once = (
        [line for line in lines(unit, "Service") if line[0] not in OWN] for unit in SERVICES
    )
    assert session == once
    command, once_command = (values(unit, "Service")["ExecStart"] for unit in SERVICES)
    assert (
        command == "/opt/russell-gate/.venv/bin/python /opt/russell-gate/main.py paper"
        " --config /opt/russell-gate/config/testnet.toml"
    )
    assert once_command == f"{command} --once"
    assert values(SERVICES[1], "Service")["Type"] == "oneshot"


@pytest.mark.parametrize("unit", SERVICES)
def test_the_program_understands_the_command_of_the_unit(unit: str):
    _, program, command, *options = (
        values(unit, "Service")["ExecStart"].replace("/opt/russell-gate", str(ROOT)).split()
    )
    assert Path(program) == Path(main.__file__)
    parsed = (
        typer.main.get_command(main.app).commands[command].make_context(command, options).params
    )
    assert [path.exists() for path in parsed["config"]] == [True]
    assert parsed["once"] == (unit == "russell-gate-once.service")


def test_the_timer_asks_once_a_day_after_the_daily_bar_and_makes_up_for_a_missed_one():
    timer = values(TIMER, "Timer")
    assert timer["OnCalendar"] == "*-*-* 00:05:00 UTC"
    assert timer["Persistent"] == "true"
    assert timer["RandomizedDelaySec"] == "2min"
    assert (
        (UNITS / TIMER).with_suffix(".service").exists()
    )  # started because it has the timer's name


def test_the_example_names_each_secret_and_holds_none():
    text = (ROOT / ".env.example").read_text()
    settings = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert settings == [
        "RUSSELL_GATE_API_KEY=",
        "RUSSELL_GATE_API_SECRET=",
        "RUSSELL_GATE_NOTIFY_URLS=",
        "RUSSELL_GATE_HEARTBEAT_URL=",
        "RUSSELL_GATE_PRICES_URL=",
        "RUSSELL_GATE_PRICES_HEADER=",
        "RUSSELL_GATE_ALPACA_KEY=",
        "RUSSELL_GATE_ALPACA_SECRET=",
    ]
    assert "chmod 600 .env" in text


def test_the_file_with_the_keys_is_never_committed():
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
