"""Paths are shown from the working directory on; nobody's home folder is."""

from pathlib import Path

import pytest

from brokers.local_paths import ROOT, hide_paths, name_paths, path_from_here, show_file, show_path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in a home folder, which HOME does not name."""
    folder = tmp_path / "home/alice/project"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    monkeypatch.setenv("HOME", "/home/build")
    return folder


def test_a_path_below_the_working_directory_is_shown_from_there_on(project: Path) -> None:
    assert show_path(project / "data/daily/RUT.csv") == "data/daily/RUT.csv"
    assert path_from_here(project / "runs/one") == "runs/one"
    assert show_path(Path("../data/RUT.csv")) == "../data/RUT.csv"  # as a person wrote it


def test_a_path_elsewhere_is_shown_by_its_name(project: Path, tmp_path: Path) -> None:
    assert show_path(tmp_path / "data/RUT.csv") == "RUT.csv"
    assert show_path(Path("/home/bob/RUT.csv")) == "RUT.csv"


def test_what_is_to_be_opened_can_be(project: Path, tmp_path: Path) -> None:
    file = project.parent / "out/report.html"
    file.parent.mkdir()
    file.write_text("page")
    assert path_from_here(file) == "../out/report.html"
    assert Path(path_from_here(file)).read_text() == "page"
    assert path_from_here(Path("/home/bob/report.html")) == "report.html"
    assert path_from_here(Path("/data/runs/one")) == "/data/runs/one"  # as it was given
    assert path_from_here("runs/one") == "runs/one"


def test_a_working_directory_by_its_other_name_is_the_same(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(project)
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    assert show_path(link / "state/a.sqlite") == "state/a.sqlite"
    assert show_path(project / "state/a.sqlite") == "state/a.sqlite"


def test_messages_lose_the_working_directory_the_program_and_homes(project: Path) -> None:
    assert hide_paths(f"{project}/my.toml: no such file") == "my.toml: no such file"
    assert hide_paths(f"{project}: cannot be written") == ".: cannot be written"
    assert hide_paths(f"(in {ROOT}/config/default.toml)") == "(in config/default.toml)"
    assert hide_paths('File "/home/build/venv/x.py"') == 'File "~/venv/x.py"'
    assert hide_paths(f"{project.parent}/data/RUT.csv: row 3") == "~/data/RUT.csv: row 3"
    assert hide_paths("/Users/alice/x and /home/bob") == "~/x and ~"


@pytest.mark.parametrize(
    "text",
    [
        "BTC/USDT and/or ETH/USDT",
        "https://example.org/home/alice/page",
        "/data/prices/RUT.csv: row 3",
        "2015-10-20 00:00 UTC, 3/4",
        "",
    ],
)
def test_other_texts_stay_as_they_are(text: str, project: Path) -> None:
    assert hide_paths(text) == text


def test_a_folder_whose_name_only_begins_alike_is_another(project: Path) -> None:
    neighbour = f"{project}2/my.toml"
    assert "project2/my.toml" in hide_paths(neighbour)


def test_at_the_root_and_without_a_home_nothing_is_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.delenv("PWD", raising=False)
    monkeypatch.setenv("HOME", "/")
    assert hide_paths("/tmp/a: no such file") == "/tmp/a: no such file"
    assert show_path(Path("/tmp/a")) == "tmp/a"


def test_a_document_has_no_absolute_path_at_all(project: Path) -> None:
    assert name_paths("/data/prices/daily/RUT.csv: row 3") == "RUT.csv: row 3"
    assert name_paths(f"{project}/prices/RUT.csv: row 3") == "prices/RUT.csv: row 3"
    assert name_paths('{"at": "/data/a.csv", "b": "BTC/USDT and/or 3/4 of https://a.org/b/c"}') == (
        '{"at": "a.csv", "b": "BTC/USDT and/or 3/4 of https://a.org/b/c"}'
    )


def test_a_file_of_a_folder_elsewhere_is_shown_by_its_path_in_it(project: Path) -> None:
    elsewhere = Path("/data/prices")
    assert show_file(elsewhere / "daily/RUT.csv", elsewhere) == "daily/RUT.csv"
    assert show_file(project / "prices/daily/RUT.csv", project / "prices") == "prices/daily/RUT.csv"
    assert show_file(Path("prices/daily/RUT.csv"), Path("prices")) == "prices/daily/RUT.csv"
