"""`init` in a terminal: a wrong answer is asked again at once, and no answer is lost."""

import io
import sys
from pathlib import Path

import pytest

from backtests.commands.settings import start_config
from config.settings import ConfigError, load


class Terminal(io.StringIO):
    """What a person types, line by line."""

    def isatty(self) -> bool:
        return True


def answer(
    monkeypatch: pytest.MonkeyPatch, *lines: str, output: Path, style: str | None = None
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{line}\n" for line in lines)))
    start_config(output, None, style, None, None)


def test_each_wrong_answer_is_asked_again_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "my prices"
    prices.mkdir()
    lines = ["eth, foo", "eth, btc", "bold", "Strict", "3h", "4h", "no prices", "it's", str(prices)]
    answer(monkeypatch, *lines, output=tmp_path / "my.toml")
    shown = capsys.readouterr().out
    settings = load([tmp_path / "my.toml"])
    assert [coin.name for coin in settings.coins] == ["ETH", "BTC"]
    assert settings.risk_curve.ceilings == (0, 0, 0, 1)
    assert (settings.exchange.timeframe, settings.prices.folder) == ("4h", str(prices))
    for question, times in (("Coins", 2), ("How cautious", 2), ("decision every", 2)):
        assert shown.count(question) == times, question
    assert shown.count("Folder of price files") == 3
    for words in ("FOO: expected some of BTC", "bold: expected one of gate", "3h: expected one of"):
        assert words in shown
    assert "no prices: there is no such folder" in shown


def test_empty_answers_are_the_usual_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "", "", "", "", output=tmp_path / "my.toml")
    settings, usual = load([tmp_path / "my.toml"]), load()
    assert [coin.name for coin in settings.coins] == [coin.name for coin in usual.coins]
    assert settings.prices == usual.prices
    assert settings.exchange == usual.exchange


def test_a_folder_in_the_home_folder_may_be_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prices").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    answer(monkeypatch, "", "", "", "~/prices", output=tmp_path / "my.toml")
    assert load([tmp_path / "my.toml"]).prices.folder == str(tmp_path / "prices")


def test_a_wrong_option_is_refused_before_the_first_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="--style bold"):
        answer(monkeypatch, output=tmp_path / "my.toml", style="bold")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("place", "words"), [("mine.toml", "exists already"), ("none/my.toml", "there is no folder")]
)
def test_a_file_that_cannot_be_made_is_refused_before_the_first_question(
    place: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.toml").write_text("mine")
    with pytest.raises(ConfigError, match=words):
        answer(monkeypatch, output=tmp_path / place)
    assert capsys.readouterr().out == ""
