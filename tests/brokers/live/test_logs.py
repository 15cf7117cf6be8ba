"""Where log lines go, that files stay few and small, and that no secret is in any of them.

All secrets are made up.
"""

import errno
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from loguru import logger
from requests.adapters import HTTPAdapter

from brokers.live import log_file, logs
from brokers.redaction import redact
from config.settings import ConfigError
from tests.brokers.prices.servers import closed_port

SECRET = "S3CR3T/marked+key=="
ENCODED = "S3CR3T%2Fmarked%2Bkey%3D%3D"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIMADEUP\n-----END PRIVATE KEY-----"
MARK = re.compile("S3CR3T|MADEUP")


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    yield
    logs.stop()


def started(
    folder: Path,
    level: str = "INFO",
    rotation_mb: float = 1.0,
    keep: int = 3,
    *,
    console: bool = True,
) -> None:
    logs.start(
        folder,
        level=level,
        rotation_mb=rotation_mb,
        keep=keep,
        console=console,
        secrets=[SECRET, PRIVATE_KEY],
    )


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line)["record"] for line in (folder / logs.FILE).read_text().splitlines()]


def everything(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.iterdir())


def test_a_line_is_for_people_on_stderr_and_for_machines_in_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    started(tmp_path / "made" / "here")
    logger.bind(bar=86_400).info("gate {} {{}}", "confirmed")
    logger.debug("not asked for")
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO     gate confirmed {}\n", err)
    (record,) = records(tmp_path / "made" / "here")
    assert (record["message"], record["level"]["name"], record["extra"]) == (
        "gate confirmed {}",
        "INFO",
        {"bar": 86_400},
    )
    assert record["function"] == "test_a_line_is_for_people_on_stderr_and_for_machines_in_the_file"


def test_without_console_only_the_file_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    started(tmp_path, console=False)
    logger.warning("said once")
    assert capfd.readouterr() == ("", "")
    assert [record["message"] for record in records(tmp_path)] == ["said once"]


class Client:
    """What an exchange's client looks like when printed."""

    def __str__(self) -> str:
        return f"<client of {SECRET}>"


class Unprintable:
    def __str__(self) -> str:
        raise ValueError(SECRET)


def asked_with(key: str) -> None:
    """Fails as a request does.

    The address with the key is in the message, the key in this frame's variables.
    """
    try:
        raise OSError(
            f"https://example.test/order?signature=0123456789abcdef&note={ENCODED} with {key}"
        )
    except OSError as error:
        error.add_note(f"sent with {key!r}")
        raise RuntimeError(
            "not sent: S3CR3T/marked+key=="
        ) from error  # the source line of the traceback has it too


def test_no_secret_reaches_the_file_or_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    started(tmp_path, level="DEBUG")
    logger.info(f"key {SECRET}, encoded {ENCODED}, printed {SECRET!r}")
    logger.info("key {} and {key}", SECRET, key=SECRET)
    logger.debug(f"key file {PRIVATE_KEY!r}; one line of it: {PRIVATE_KEY.splitlines()[1]}")
    logger.bind(
        client=Client(), broken=Unprintable(), headers={"a": [SECRET, {SECRET: (SECRET,)}]}
    ).info("extra fields")
    with logger.contextualize(account=SECRET):
        logger.info("a context")
    try:
        asked_with(SECRET)
    except RuntimeError:
        logger.exception(f"failed with {SECRET}")
        logger.opt(exception=True, colors=True).error(f"<red>{SECRET}</red>")
    with logger.catch(message=SECRET):
        asked_with(SECRET)
    logging.getLogger("ccxt.base.exchange").warning("binance POST %s", SECRET)
    logging.getLogger("urllib3.connectionpool").error("wrong %d arguments %s", SECRET)
    try:
        asked_with(SECRET)
    except RuntimeError:
        logging.getLogger("sqlalchemy.pool").exception("gone: %s", SECRET)
    thread = threading.Thread(target=asked_with, args=(SECRET,), name="poller")
    thread.start()
    thread.join()
    out, err = capfd.readouterr()
    for text in (out, err, everything(tmp_path)):
        assert MARK.findall(text) == []
        assert "0123456789abcdef" not in text
    found = records(tmp_path)
    assert len(found) == 12  # nothing is redacted by being lost
    assert found[0]["message"] == "key ***, encoded ***, printed '***'"
    assert found[3]["extra"] == {
        "client": "<client of ***>",
        "broken": "<Unprintable that cannot be printed>",
        "headers": {"a": ["***", {"***": ["***"]}]},
    }
    trace = found[5]["extra"]["traceback"]
    assert (
        "OSError: https://example.test/order?signature=***&note=*** with ***\nsent with '***'"
        in trace
    )
    assert "RuntimeError: not sent: ***" in trace
    assert trace in err
    assert found[-1]["message"] == "thread poller has ended on an error"


def test_what_a_name_says_is_secret_is_redacted_although_nobody_gave_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    started(tmp_path)
    logger.info(
        "GET https://api.example.test/v3/order?symbol=BTCUSDT&signature=c0ffee77c0ffee&recvWindow=5000"
    )
    logger.info(
        "headers {'X-MBX-APIKEY': 'unknownkey'}, X-MBX-APIKEY: unknownkey, "
        "https://example.test/?apiKey=unknownkey"
    )
    logger.bind(
        headers={"X-MBX-APIKEY": "unknownkey", "Accept": "*/*"}, signature="c0ffee77c0ffee"
    ).info("asked")
    for text in (capfd.readouterr().err, everything(tmp_path)):
        assert not re.search("c0ffee|unknownkey", text)
    assert (
        records(tmp_path)[0]["message"]
        == "GET https://api.example.test/v3/order?symbol=BTCUSDT&signature=***&recvWindow=5000"
    )
    assert records(tmp_path)[2]["extra"] == {
        "headers": {"X-MBX-APIKEY": "***", "Accept": "*/*"},
        "signature": "***",
    }


@pytest.mark.parametrize(
    "text",
    [
        "the API-key format is invalid",
        "api_key: missing in the environment",
        "signature: mismatch",
        "decided for 2026-11-25: gate dormant, ceiling 0 %",
        "short secrets such as abc are left alone",
    ],
)
def test_ordinary_sentences_stay_as_they_are(text: str):
    assert redact(text, ["abc", ""]) == text


def test_a_secret_that_holds_another_goes_as_a_whole():
    assert redact("token-with-tail token-with", ["token-with", "token-with-tail"]) == "*** ***"


@pytest.mark.parametrize(
    "form",
    [
        'it\'s a "pass\\word"/1',
        "it%27s%20a%20%22pass%5Cword%22%2F1",
        "it%27s+a+%22pass%5Cword%22%2F1",
    ],
)
def test_a_secret_is_found_as_it_is_and_url_encoded(form: str):
    assert redact(f"<{form}>", ['it\'s a "pass\\word"/1']) == "<***>"


@pytest.mark.parametrize("printed", [repr, json.dumps])
def test_a_secret_is_found_as_python_and_json_print_it(printed: Callable[[str], str]):
    text = printed('it\'s a "pass\\word"/1')
    assert redact(text, ['it\'s a "pass\\word"/1']) == f"{text[0]}***{text[0]}"


def test_a_hostile_answer_is_redacted_in_no_time(tmp_path: Path):
    """A quadratic pattern would take hours for a megabyte of what looks like the beginning of a
    name.
    """
    started(tmp_path, console=False, level="ERROR")
    for beginning in ("secret", "token=  ", "signature:", "a"):
        assert redact(beginning * 100_000, [SECRET])


def test_an_answer_cannot_move_the_readers_cursor(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    started(tmp_path)
    logger.error("the exchange said \x1b[2J\x1b[31mall is well")
    assert "said \\x1b[2J\\x1b[31mall is well" in capfd.readouterr().err


def test_libraries_are_heard_from_warnings_on_with_their_names(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    """Even one that has brought a handler of its own, or is told to be chatty."""
    library = logging.getLogger("yfinance")
    own = logging.StreamHandler(sys.stderr)
    level = library.level
    library.addHandler(own)
    library.setLevel(logging.DEBUG)
    try:
        started(tmp_path)
        for name in ("ccxt", "urllib3", "yfinance", "requests", "sqlalchemy", "any.other"):
            logging.getLogger(name).info("too much")
            logging.getLogger(name).warning("100 % {of} it")
        assert [
            (one["name"], one["level"]["name"], one["message"]) for one in records(tmp_path)
        ] == [
            (name, "WARNING", "100 % {of} it")
            for name in ("ccxt", "urllib3", "yfinance", "requests", "sqlalchemy", "any.other")
        ]
        assert capfd.readouterr().err.count("100 % {of} it\n") == 6
        logs.stop()
        assert library.handlers == [own]
    finally:
        library.removeHandler(own)
        library.setLevel(level)


def test_stopping_leaves_the_standard_library_as_it_was(tmp_path: Path):
    root = logging.getLogger()
    before = (list(root.handlers), root.level, threading.excepthook)
    started(tmp_path)
    started(tmp_path)
    assert root.handlers != before[0]
    logs.stop()
    logs.stop()
    assert (list(root.handlers), root.level, threading.excepthook) == before
    logger.error("nobody listens")
    assert records(tmp_path) == []


def test_a_second_start_does_not_log_twice(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    started(tmp_path)
    started(tmp_path)
    logger.info("once")
    assert len(records(tmp_path)) == 1
    assert capfd.readouterr().err.count("once") == 1


def test_files_are_put_aside_by_size_and_only_so_many_are_kept(tmp_path: Path):
    folder = tmp_path / "odd {name} [here]"
    started(folder, rotation_mb=0.004, keep=3, console=False)
    for number in range(60):
        logger.info("line {}", number)
    files = sorted(folder.iterdir())
    assert len(files) == 3 + 1  # those kept, and the one being written
    assert all(path.stat().st_size <= 4_000 for path in files)
    kept = sorted(
        int(number) for number in re.findall(r'"message": "line (\d+)"', everything(folder))
    )
    assert kept == list(range(kept[0], 60))  # the newest, without a gap
    assert records(folder)[-1]["message"] == "line 59"


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path):
    started(tmp_path, console=False)
    logger.info("before")
    logs.stop()
    started(tmp_path, console=False)
    logger.info("after")
    assert [record["message"] for record in records(tmp_path)] == ["before", "after"]


def test_figures_that_json_lacks_are_written_as_words(tmp_path: Path):
    started(tmp_path, console=False)
    logger.bind(drawdown=float("nan"), equity=1000.5, halted=False, incident=None).info("figures")
    assert records(tmp_path)[0]["extra"] == {
        "drawdown": "nan",
        "equity": 1000.5,
        "halted": False,
        "incident": None,
    }


def test_an_extra_field_that_holds_itself_ends(tmp_path: Path):
    started(tmp_path, console=False)
    endless: dict[str, Any] = {"key": SECRET}
    endless["self"] = endless
    logger.bind(endless=endless).info("still here")
    assert MARK.findall(everything(tmp_path)) == []
    assert len(records(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    before = list(logging.getLogger().handlers)
    with pytest.raises(
        ConfigError,
        match=r"log folder .*file/logs: cannot be written \(Not a directory\); set log.folder",
    ):
        started(tmp_path / "file" / "logs")
    assert logging.getLogger().handlers == before


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk"
)
def test_a_full_disk_stops_neither_the_session_nor_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / logs.FILE).symlink_to("/dev/full")
    started(tmp_path)
    logger.bind(key=SECRET).error(f"order sent with {SECRET}")
    logs.stop()
    err = capfd.readouterr().err
    assert "order sent with ***" in err
    assert "No space left on device" in err
    assert MARK.findall(err) == []


class FullDisk:
    """The module os, on a disk that has room for so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, file: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fits = data[: self.room]
        self.room -= len(fits)
        return os.write(file, fits)


def test_a_full_disk_is_one_line_and_the_log_goes_on_when_there_is_space(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    started(tmp_path, console=False)
    logger.info("before")
    disk = FullDisk(room=100)  # a part of a line
    monkeypatch.setattr(log_file, "os", disk)
    for number in range(50):
        logger.info("lost {}", number)
    assert [record["message"] for record in records(tmp_path)] == ["before"]
    assert capfd.readouterr().err == (
        "the log paper.log.jsonl cannot be written (No space left on device): its lines are lost "
        "until it can be; the session goes on\n"
    )
    disk.room = 1_000_000
    logger.info("after")
    assert [record["message"] for record in records(tmp_path)] == [
        "before",
        "50 lines are missing here: the log could not be written",
        "after",
    ]
    assert capfd.readouterr().err.splitlines() == [
        "the log is written again; 50 of its lines are missing"
    ]


def test_a_log_that_cannot_be_put_aside_is_written_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    started(tmp_path, rotation_mb=0.002, console=False)
    monkeypatch.setattr(Path, "rename", refuse)
    for number in range(20):
        logger.info("line {}", number)
    assert [record["message"] for record in records(tmp_path)] == [
        f"line {number}" for number in range(20)
    ]
    assert capfd.readouterr().err == ""


def test_a_closed_terminal_does_not_stop_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started(tmp_path)
    with (tmp_path / "closed").open("w") as closed:
        pass
    for stderr in (closed, None):
        monkeypatch.setattr(sys, "stderr", stderr)
        logger.error("said to nobody")
    monkeypatch.undo()
    assert [record["message"] for record in records(tmp_path)] == ["said to nobody"] * 2


def test_what_a_real_client_says_of_a_lost_connection_is_redacted(tmp_path: Path):
    """Urllib3 names the whole address, query included, each time it tries again."""
    started(tmp_path, console=False)
    address = (
        f"http://127.0.0.1:{closed_port()}/api/v3/order"
        f"?side=BUY&note={ENCODED}&signature=0123456789abcdef"
    )
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=1))
        with pytest.raises(requests.ConnectionError):
            session.get(address, timeout=5)
    (record,) = records(tmp_path)
    assert (record["name"], record["level"]["name"]) == ("urllib3.connectionpool", "WARNING")
    assert record["message"].endswith("/api/v3/order?side=BUY&note=***&signature=***")
