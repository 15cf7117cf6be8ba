"""What the README says is true: commands run, numbers are the defaults, tables are results."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import main
from backtests.tuning.search.space import space_of
from config.settings import DEFAULT, load
from tests import readme
from tests.brokers.children import children, config
from tests.brokers.worlds import world
from tests.scenes import REAL, realdata

TEXT = readme.README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
EVERY = [
    line.partition("#")[0].strip()
    for kind, block in BLOCKS
    if kind == "sh"
    for line in block.replace("\\\n", "").splitlines()
    if line.startswith("python main.py")
]
EVERY += re.findall(r"`(python main\.py (?:doctor|paper)[^`]*)`", TEXT)  # in the steps to a testnet
LIVE = [line for line in EVERY if re.match(r"python main\.py (doctor|paper(?! --replay))", line)]
# Of a session that has run.
AFTER = [line for line in EVERY if re.match(r"python main\.py (status|halt|flatten|resume)", line)]
COMMANDS = [line for line in EVERY if line not in (*LIVE, *AFTER)]


def test_its_commands_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").symlink_to(DEFAULT.parent)
    assert len(COMMANDS) >= 6
    for line in COMMANDS:
        result = CliRunner().invoke(main.app, shlex.split(line)[2:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
    assert (tmp_path / "runs/mine/report.html").exists()


def test_its_live_commands_run_against_an_exchange(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """All but the session that keeps running: tests/brokers/test_faults_process.py stops those."""
    assert len(LIVE) == 5
    with world(whole_folder, cache, tmp_path, "2015-10-20 00:00:10") as w, children() as forked:
        here = str(config(w, exchange__mode="testnet"))
        for line in LIVE:
            words = shlex.split(line)[2:]
            if words == ["paper"]:
                continue
            missing = ["--config", here] if "--config" not in words else []
            words = [here if word == "config/testnet.toml" else word for word in words] + missing
            assert forked.run(w, *words) == 0, f"{line}\n{forked.err}\n{forked.out}"
        assert len(AFTER) == 5
        for line in AFTER:
            yes = ["--yes"] if "flatten" in line else []
            words = [*shlex.split(line)[2:], "--config", here, *yes]
            assert forked.run(w, *words) == 0, f"{line}\n{forked.err}\n{forked.out}"


def test_every_command_has_its_row() -> None:
    groups = {group.name: group.typer_instance for group in main.app.registered_groups}
    names = [command.name for command in main.app.registered_commands]
    names += [
        f"{group} {command.name}"
        for group, inside in groups.items()
        for command in inside.registered_commands
    ]
    assert [name for name in names if f"`{name}" not in TEXT] == []


def test_its_make_targets_exist() -> None:
    targets = re.findall(
        r"^([a-z]+):", (readme.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(re.findall(r"\bmake ([a-z]+)", TEXT)) <= set(targets)


def test_its_numbers_are_the_defaults() -> None:
    usual = load()
    stated = {
        f"record at least {usual.gate.base_sessions} sessions old",
        f"closes in a row {usual.gate.fail_tolerance * 100:.0f} % below",
        f"below the {usual.gate.trend_sessions}-session average",
        f"{', '.join(f'{ceiling:.0%}'[:-1] for ceiling in usual.risk_curve.ceilings)} %",
        f"known {usual.prices.publication_delay} minutes after",
        f"{usual.backtest.random_gates:,} shifted gates",
        f"ETH after {usual.coins[1].lag_days} days",
        f"{usual.coins[2].name} after {usual.coins[2].lag_days}.",
    }
    flat = " ".join(TEXT.split())
    assert [sentence for sentence in stated if sentence not in flat] == []
    assert (
        usual.gate.confirm_sessions,
        usual.gate.fail_sessions,
        usual.gate.min_confirmations,
    ) == (3, 3, 2), "written out as words"
    assert len(usual.confirmations.enabled()) == 4
    assert usual.allocation.band == 0.2


def test_files_it_names_exist() -> None:
    linked = [target for target in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in target]
    overlays = [
        f"config/{Path(name).name}"
        for name in re.findall(r"`(?:config/)?(\w+\.toml)`", TEXT)
        if name not in ("settings.toml", "my.toml", "best.toml")
    ]
    assert [name for name in (*linked, *overlays) if not (readme.ROOT / name).exists()] == []


def test_its_coin_can_be_loaded(tmp_path: Path) -> None:
    block = next(block for kind, block in BLOCKS if kind == "toml" and "[[coins]]" in block)
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    assert load([tmp_path / "mine.toml"]).coins[0].name == tomllib.loads(block)["coins"][0]["name"]


def test_its_space_can_be_searched(tmp_path: Path) -> None:
    block = next(block for kind, block in BLOCKS if kind == "toml" and "[tune.space]" in block)
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    space = space_of(load([tmp_path / "mine.toml"]))
    assert space.keys == tuple(tomllib.loads(block)["tune"]["space"])
    # The average is searched with one of the two values of own_trend only.
    assert len(space.grid()) == 3 * 4 * (1 + 2)


@realdata
@pytest.mark.proof
def test_its_tuning_is_what_a_search_gives(tmp_path: Path) -> None:
    shown = TEXT.partition(readme.TUNING)[2].partition(readme.END)[0]
    assert shown == readme.tuning(str(REAL), tmp_path)


@realdata
@pytest.mark.proof
def test_its_evidence_is_what_the_command_gives(tmp_path: Path) -> None:
    shown = TEXT.partition(readme.EVIDENCE)[2].partition(readme.END)[0]
    assert shown == readme.evidence(str(REAL), tmp_path)


@realdata
def test_its_table_is_what_a_run_gives(tmp_path: Path) -> None:
    shown = TEXT.partition(readme.BEGIN)[2].partition(readme.END)[0]
    assert shown == readme.result(str(REAL), tmp_path)
