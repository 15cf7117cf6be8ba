"""Which journal is meant where no configuration says so."""

from pathlib import Path

import pytest

import config.settings
from brokers.journal.opening import open_journal
from brokers.journal.selection import select_journal
from config.settings import ConfigError, load
from tests.brokers.journal.samples import Clock


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def place(name: str) -> Path:
    path = Path("state") / f"{name}.sqlite"  # NAME may begin with a folder
    open_journal(path, Clock()).close()
    return path


def test_the_only_journal_is_meant() -> None:
    testnet = place("testnet-kraken")
    assert select_journal(None, None) == testnet


def test_the_journal_of_the_only_session_that_runs_is_meant() -> None:
    testnet, dry_run = place("testnet-binance"), place("dry-run-binance")
    with open_journal(testnet, Clock()):
        assert select_journal(None, None) == testnet
    with open_journal(dry_run, Clock()):
        assert select_journal(None, None) == dry_run


@pytest.mark.parametrize("running", [True, False])
def test_several_are_listed(*, running: bool) -> None:
    paths = [place(name) for name in ("testnet-binance", "dry-run-binance", "dry-run-kraken")]
    if running:
        with (
            open_journal(paths[0], Clock()),
            open_journal(paths[1], Clock()),
            pytest.raises(ConfigError) as refused,
        ):
            select_journal(None, None)
        paths.pop()
    else:
        with pytest.raises(ConfigError) as refused:
            select_journal(None, None)
    listed = str(refused.value).splitlines()
    assert listed[0].startswith(f"{len(paths)} {'sessions run' if running else 'journals'}")
    assert listed[1:] == [f"  {path}" for path in sorted(paths)]


def test_a_configuration_names_its_own_whatever_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    testnet, dry_run = place("testnet-binance"), place("dry-run-binance")
    Path("my.toml").write_text("")  # the default settings, said aloud
    with open_journal(testnet, Clock()):
        assert select_journal([Path("my.toml")], None) == dry_run
        assert select_journal(None, ["exchange.mode=dry-run"]) == dry_run
        monkeypatch.setenv("RUSSELL_GATE_EXCHANGE__MODE", "dry-run")
        assert select_journal(None, None) == dry_run


def test_shipped_configurations_keep_theirs_in_folders_below() -> None:
    """`halt` beside a testnet's session that runs in one must not stop an old dry run."""
    place("testnet/testnet-binance.drill")
    testnet = place("testnet/testnet-binance")
    assert select_journal(None, None) == testnet
    dry_run = place("dry-run-binance")
    with open_journal(testnet, Clock()):
        assert select_journal(None, None) == testnet
    with pytest.raises(ConfigError) as refused:
        select_journal(None, None)
    assert str(refused.value).splitlines()[1:] == [f"  {dry_run}", f"  {testnet}"]


def test_every_shipped_configuration_keeps_its_journal_below_the_default_folder() -> None:
    default = Path(load(None, None).journal.folder)
    shipped = Path(config.settings.__file__).parent.glob("*.toml")
    assert [
        file.name
        for file in shipped
        if not Path(load([file], None).journal.folder).is_relative_to(default)
    ] == []


def test_another_folder_is_looked_into_too() -> None:
    elsewhere = Path("elsewhere") / "testnet-binance.sqlite"
    open_journal(elsewhere, Clock()).close()
    place("dry-run-binance")
    assert select_journal(None, ["journal.folder=elsewhere"]) == elsewhere


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (None, "state: there is no such journal in this folder or below it; "),
        (["exchange.mode=testnet"], r"state/testnet-binance\.sqlite: there is no such journal; "),
    ],
)
def test_what_does_not_exist_is_named(overrides: list[str] | None, text: str) -> None:
    with pytest.raises(
        ConfigError, match=f"{text}run this in the folder where the session was started"
    ):
        select_journal(None, overrides)
