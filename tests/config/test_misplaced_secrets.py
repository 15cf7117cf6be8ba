"""A secret that was put into the settings is refused by its name; its value is repeated nowhere."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import main
from config.settings import ConfigError, load

VALUE = "S3cr3tV4lue"


def refused(*overrides: str, files: tuple[Path, ...] = ()) -> str:
    with pytest.raises(ConfigError) as error:
        load(list(files), list(overrides))
    assert VALUE not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "key",
    [
        *("exchange.secret", "exchange.api_key", "exchange.apiKey", "exchange.password", "secret"),
        *("notify.urls", "notify.webhook", "notify.topic", "log.auth", "exchange.passphrase"),
        *("paper.credential", "coins.0.token", "exchange.pwd"),
    ],
)
def test_set_with_the_name_of_a_secret_names_the_key_alone(key: str) -> None:
    message = refused(f"{key}={VALUE}")
    assert f"(in --set {key})" in message or key.startswith("coins")
    assert "RUSSELL_GATE_API_SECRET" in message or key.startswith("coins")


@pytest.mark.parametrize(
    "text",
    [
        f"exchange.anything={VALUE}",  # no name of a secret
        f"exchange={VALUE}",
        f"exchange.id={{secret='{VALUE}'}}",
        f"confirmations.breadth.symbols=[{{key='{VALUE}'}}]",
        f"nothing.at.all={VALUE}",
        f"={VALUE}",
        VALUE,
        f"https://{VALUE}@host/=1",
    ],
)
def test_no_other_form_repeats_the_value(text: str) -> None:
    refused(text)


def test_a_value_without_a_secret_in_it_is_still_shown() -> None:
    with pytest.raises(ConfigError, match=r"gate.buffer: .*got 10 \(in --set gate.buffer\)"):
        load([], ["gate.buffer=10"])
    with pytest.raises(ConfigError, match=r"got 'testnett' \(in --set exchange.mode\)"):
        load([], ["exchange.mode=testnett"])


@pytest.mark.parametrize("line", [f'secret = "{VALUE}"', f'api_key = "{VALUE}"', f'x = "{VALUE}"'])
def test_a_secret_in_a_file_is_refused_by_name_and_file(tmp_path: Path, line: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"[exchange]\n{line}\n")
    assert f"exchange.{line.partition(' ')[0]}: " in refused(files=(file,))


def test_a_secret_in_the_environment_under_a_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSSELL_GATE_EXCHANGE__SECRET", VALUE)
    assert refused().startswith("exchange.secret: secrets are not allowed in settings")
    monkeypatch.delenv("RUSSELL_GATE_EXCHANGE__SECRET")
    monkeypatch.setenv("RUSSELL_GATE_EXCHANGE", f'{{"secret": "{VALUE}"')  # broken JSON
    refused()


@pytest.mark.parametrize(
    "text",
    [
        f"prices.folder=https://alice:{VALUE}@host/prices",
        f"prices.cache=s3://{VALUE}/bucket",
        f"exchange.id=https://host/?token={VALUE}",
        f"haircuts.flows.file=ftp://alice:{VALUE}@host/flows.csv",
        f"log.folder='tgram://{VALUE}/1'",
        f"confirmations.breadth.symbols=['ntfy://{VALUE}']",
        f"prices.sources.'https://{VALUE}'=yahoo",
    ],
)
def test_an_address_in_a_setting_is_refused_as_it_may_hold_a_secret(text: str) -> None:
    assert ": holds an address" in refused(text)


def output(*words: str) -> str:
    result = CliRunner().invoke(main.app, list(words))
    assert result.exit_code == 2, result.output
    assert VALUE not in result.output
    return result.output


@pytest.mark.parametrize(
    "words",
    [
        ("config", "show", "--set", f"exchange.secret={VALUE}"),
        ("backtest", "--set", f"prices.folder=https://alice:{VALUE}@host/"),
        ("paper", "--set", "exchange.secret", VALUE),
        ("paper", f"exchange.secret={VALUE}"),
        ("config", "show", f"exchange.secret={VALUE}"),
        (f"exchange.secret={VALUE}",),
        ("report", "runs", "--set", f"exchange.secret={VALUE}"),
        ("doctor", VALUE),
    ],
)
def test_no_command_prints_it(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert output(*words)


def test_doctor_refuses_it_by_name() -> None:
    result = CliRunner().invoke(main.app, ["doctor", "--set", f"exchange.secret={VALUE}"])
    assert "exchange.secret: secrets are not allowed" in result.output
    assert VALUE not in result.output


@pytest.mark.parametrize("between", [" ", ":", ": ", " : ", "\t", "/"])
def test_a_secret_after_a_key_without_an_equals_sign_is_not_repeated(between: str) -> None:
    with pytest.raises(ConfigError) as error:
        load([], [f"exchange.secret{between}hunter2hunter2"])
    assert str(error.value) == "--set exchange.secret: expected section.key=value"
