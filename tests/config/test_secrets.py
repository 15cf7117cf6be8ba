"""API keys come from the environment, .env or a secrets folder, and from nowhere else."""

import re
from pathlib import Path

import pytest

from brokers.redaction import redact
from config.secrets import Secrets, load_secrets
from config.settings import ConfigError, load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def private(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_without_any_there_are_none() -> None:
    assert load_secrets().keys() is None
    assert load_secrets().urls() == []
    assert load_secrets().hidden() == []


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    private(
        tmp_path / ".env",
        'RUSSELL_GATE_API_KEY=abc\nRUSSELL_GATE_API_SECRET="d e f"\n# a comment\nOTHER=1\n',
    )
    assert load_secrets().keys() == ("abc", "d e f")


def test_the_environment_wins_over_a_folder_and_that_over_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(
        tmp_path / ".env",
        "RUSSELL_GATE_API_KEY=file\n"
        "RUSSELL_GATE_API_SECRET=file\n"
        "RUSSELL_GATE_NOTIFY_URLS=json://file\n",
    )
    private(tmp_path / "kept" / "russell_gate_api_key", "folder\n")
    private(tmp_path / "kept" / "russell_gate_api_secret", "folder\n")
    monkeypatch.setenv("RUSSELL_GATE_SECRETS", str(tmp_path / "kept"))
    monkeypatch.setenv("RUSSELL_GATE_API_KEY", "environment")
    found = load_secrets()
    assert found.keys()[0] == "environment"  # type: ignore[index]
    assert found.urls() == ["json://file"]


def test_secrets_alone_in_a_folder_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("api_key", "api_secret"):
        private(tmp_path / "kept" / f"russell_gate_{name}", name)
    monkeypatch.setenv("RUSSELL_GATE_SECRETS", str(tmp_path / "kept"))
    assert load_secrets().keys() == ("api_key", "api_secret")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_what_others_can_read_is_refused(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(
        tmp_path / ".env", "RUSSELL_GATE_API_KEY=hush-hush\nRUSSELL_GATE_API_SECRET=hush\n"
    ).chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600") as refused:
        load_secrets()
    assert "hush" not in str(refused.value)
    (tmp_path / ".env").unlink()
    private(tmp_path / "kept" / "russell_gate_api_key", "hush").chmod(mode)
    monkeypatch.setenv("RUSSELL_GATE_SECRETS", str(tmp_path / "kept"))
    with pytest.raises(ConfigError, match="chmod 600"):
        load_secrets()


def test_a_folder_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSSELL_GATE_SECRETS", "nowhere")
    with pytest.raises(ConfigError, match="nowhere: not a folder"):
        load_secrets()


def test_a_key_without_its_secret_is_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSSELL_GATE_API_SECRET", "def")
    with pytest.raises(ConfigError, match="RUSSELL_GATE_API_KEY is not set"):
        load_secrets()


def test_a_file_that_is_no_text_is_one_message(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    (tmp_path / ".env").chmod(0o600)
    with pytest.raises(ConfigError, match="NAME=value"):
        load_secrets()


def test_they_print_masked_and_are_all_known_to_who_hides_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_API_KEY", "abc-key")
    monkeypatch.setenv("RUSSELL_GATE_API_SECRET", "def-secret")
    monkeypatch.setenv("RUSSELL_GATE_NOTIFY_URLS", "json://one.org/token1, json://two.org/token2")
    monkeypatch.setenv("RUSSELL_GATE_HEARTBEAT_URL", " https://joe:pw@hc.org/some/uuid\n")
    found = load_secrets()
    assert (found.urls(), found.heartbeat()) == (
        ["json://one.org/token1", "json://two.org/token2"],
        "https://joe:pw@hc.org/some/uuid",
    )
    secrets = {"abc-key", "def-secret", "token1", "token2", "joe", "pw", "some", "uuid"}
    assert not secrets & set(re.split(r"\W+", repr(found)))
    assert {*secrets, *found.urls(), found.heartbeat()} <= set(found.hidden())
    assert {"one.org", "two.org", "hc.org"}.isdisjoint(found.hidden())


def test_of_the_address_of_prices_what_may_be_a_key_is_hidden_and_its_words_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = (
        "https://joe:pw@x.org/history/daily/9f8e7d6c5b/{symbol}?token=tea&d1={start:%Y%m%d}&i=d"
    )
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", f" {address} ")
    monkeypatch.setenv("RUSSELL_GATE_PRICES_HEADER", "Authorization: Bearer s3cr3t-word")
    found = load_secrets()
    assert found.prices_address() == address
    assert found.prices_headers() == {"Authorization": "Bearer s3cr3t-word"}
    hidden = {"joe", "pw", "9f8e7d6c5b", "tea", "s3cr3t-word", "Bearer s3cr3t-word", address}
    assert hidden <= set(found.hidden())
    assert not {"history", "daily", "d", "x.org", "{symbol}", ""} & set(found.hidden())
    line = "GET /history/daily/9f8e7d6c5b/IWM?d1=20160101 Authorization: Bearer s3cr3t-word"
    masked = redact(line, found.hidden())
    assert "/history/daily/***/IWM?d1=20160101" in masked and "s3cr3t" not in masked


@pytest.mark.parametrize(
    "text",
    [
        "hush",
        "Two Words: hush",
        ": hush",
        "X-Key:",
        "X-Key: a\nX-Other: b",
        "X-Key: \x7f",
        "X: \u2014",
    ],
)
def test_what_is_no_header_is_refused_without_being_shown(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_PRICES_HEADER", text)
    with pytest.raises(ConfigError, match="RUSSELL_GATE_PRICES_HEADER: not a header") as refused:
        load_secrets()
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("x.org/{symbol}", "https://"),
        ("ftp://x.org/{symbol}", "https://"),
        ("https:///{symbol}", "a host"),
        ("https://[x/{symbol}", "no address"),
        ("https://{symbol}.x.org/", "part of the host"),
        ("https://x.org/hush", "no {symbol}"),
        ("https://x.org/{symbol}?k={key}", "braces other than"),
        ("https://x.org/{symbol}?from={start", "braces other than"),
        ("http://joe:hush@x.org/{symbol}", "use https"),
        ("http://x.org/{symbol}?api_key=hush", "use https"),
        ("https://x.org/hush#{symbol}", "no {symbol}"),
        ("https://joe:hush#1@x.org/{symbol}", "# as %23"),
        ("https://joe:hush/1@x.org/{symbol}", "/ as %2F"),
        ("https://x.org:hush/{symbol}", "is no port"),
        ("https://x.org:99999/{symbol}?k=hush", "is no port"),
        ("https://x.org/hush\nhush/{symbol}", "cannot be seen"),
        ("https://x.org/hush\u200bhush/{symbol}", "cannot be seen"),
        ("https://joe:hush\u00a0hush@x.org/{symbol}", "cannot be seen"),
        ("https://x org/{symbol}?k=hush", "no name of a host"),
        ("https://x..org/{symbol}?k=hush", "no name of a host"),
        ("https://" + "\u0436" * 64 + ".org/{symbol}?k=hush", "no name of a host"),
        ("https://" + "x." * 130 + "org/{symbol}?k=hush", "no name of a host"),
    ],
)
def test_what_is_no_address_of_prices_is_refused_without_being_shown(
    address: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", address)
    with pytest.raises(ConfigError, match=re.escape(why)) as refused:
        load_secrets()
    assert not {"hush", "joe", "x.org"} & set(re.split(r"[^\w.]+", str(refused.value)))


@pytest.mark.parametrize(
    "address",
    [
        "https://joe:\u043f\u0430\u0440\u043e\u043b\u044c@x.org/{symbol}",
        "https://x.org/\u0446\u0435\u043d\u044b/{symbol}?k=\u20ac",
        "https://b\u00fccher.example/my folder/{symbol}?from={start:%d %m %Y}",
        "https://x_y.org./{symbol}",
        "https://[::1]:8443/{symbol}",
    ],
)
def test_letters_of_any_script_and_any_host_may_be_in_an_address_of_prices(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", address)
    assert load_secrets().prices_address() == address


@pytest.mark.parametrize(
    ("name", "address", "why"),
    [
        ("NOTIFY_URLS", "json://a.org json://b.org/hu\u200bsh", "NOTIFY_URLS: address 2 has a"),
        ("NOTIFY_URLS", "json://a.org/hu\x7fsh", "NOTIFY_URLS: address 1"),
        ("HEARTBEAT_URL", "https://hc.org/hu\u200bsh", "HEARTBEAT_URL: it has a character"),
        ("HEARTBEAT_URL", "https://hc.org/hu\nsh", "HEARTBEAT_URL: it has a character"),
        ("HEARTBEAT_URL", "https://joe:hu\u0436sh@hc.org/x", "HEARTBEAT_URL: user name or pass"),
        ("HEARTBEAT_URL", "https://joe:hu%D0%B6sh@hc.org/x", "HEARTBEAT_URL: user name or pass"),
    ],
)
def test_what_cannot_be_sent_to_an_address_is_refused_by_name_and_not_shown(
    name: str, address: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RUSSELL_GATE_{name}", address)
    with pytest.raises(ConfigError, match=f"RUSSELL_GATE_{why}") as refused:
        load_secrets()
    assert not re.search(r"hu|sh\b|joe|\.org", str(refused.value))


def test_a_heartbeat_that_is_no_address_is_left_to_who_pings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_HEARTBEAT_URL", "https://[x")
    assert load_secrets().heartbeat() == "https://[x"


def test_a_header_is_sent_unencrypted_to_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_PRICES_HEADER", "X-Key: hush-hush")
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", "http://127.0.0.1:8000/{symbol}")
    assert load_secrets().prices_address() == "http://127.0.0.1:8000/{symbol}"
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", "http://127.0.0.1.x.org/{symbol}")
    with pytest.raises(ConfigError, match="use https"):
        load_secrets()


@pytest.mark.parametrize("name", ["API_KEY", "API_SECRET", "ALPACA_KEY", "ALPACA_SECRET"])
@pytest.mark.parametrize("text", ["hush\nhush", "hush\u2014", "hush\u0410"])
def test_a_key_that_no_client_can_send_is_refused_without_being_shown(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line break, a dash of a word processor, a Cyrillic letter that looks like a Latin one."""
    kind = name.rpartition("_")[0]
    for part in ("KEY", "SECRET"):
        monkeypatch.setenv(f"RUSSELL_GATE_{kind}_{part}", "plain")
    monkeypatch.setenv(f"RUSSELL_GATE_{name}", text)
    with pytest.raises(ConfigError, match=f"RUSSELL_GATE_{name}: has a character") as refused:
        load_secrets()
    assert "hush" not in str(refused.value)


def test_alpaca_needs_key_and_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_secrets().alpaca() is None
    monkeypatch.setenv("RUSSELL_GATE_ALPACA_KEY", "one")
    with pytest.raises(ConfigError, match="RUSSELL_GATE_ALPACA_SECRET is not set"):
        load_secrets()
    monkeypatch.setenv("RUSSELL_GATE_ALPACA_SECRET", "two")
    assert load_secrets().alpaca() == ("one", "two")
    assert {"one", "two"} <= set(load_secrets().hidden())


@pytest.mark.parametrize(
    "line", ['api_key = "abc"', 'secret = "abc"', 'apiSecret = "abc"', 'password = "abc"']
)
def test_a_secret_in_a_settings_file_is_refused_without_being_shown(
    line: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(f"[exchange]\n{line}\n")
    with pytest.raises(ConfigError, match="secrets are not allowed in settings files") as refused:
        load([tmp_path / "mine.toml"])
    assert "abc" not in str(refused.value)
    assert "RUSSELL_GATE_API_KEY" in str(refused.value)


def test_secrets_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSSELL_GATE_API_KEY", "abc")
    assert "abc" not in load().model_dump_json()
    assert set(Secrets.model_fields) == {
        "api_key",
        "api_secret",
        "notify_urls",
        "heartbeat_url",
        "prices_url",
        "prices_header",
        "alpaca_key",
        "alpaca_secret",
    }


def test_one_account_has_one_quote_coin() -> None:
    coins = 'coins=[{name="BTC", history="BTC-USD", market="BTC/USDT", weight=0.5, lag_days=0}, '
    coins += '{name="ETH", history="ETH-USD", market="ETH/EUR", weight=0.5, lag_days=0}]'
    with pytest.raises(ConfigError, match="quoted in EUR and USDT"):
        load(None, [coins])
