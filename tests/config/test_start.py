"""A starting configuration: always one that loads, never over a file that is there."""

import itertools
from pathlib import Path

import pytest

from config.settings import ConfigError, load
from config.start import KNOWN_COINS, STYLES, TIMEFRAMES, Answers, config_text, write_config

USUAL = Answers(("BTC", "ETH", "SOL"), "gate", "1d", "")


def made(tmp_path: Path, answers: Answers) -> Path:
    path = tmp_path / "my.toml"
    write_config(answers, path)
    return path


@pytest.mark.parametrize("count", range(1, len(KNOWN_COINS) + 1))
def test_any_number_of_coins_shares_all_the_equity(count: int, tmp_path: Path) -> None:
    settings = load([made(tmp_path, USUAL._replace(coins=KNOWN_COINS[:count]))])
    assert [coin.name for coin in settings.coins] == list(KNOWN_COINS[:count])
    assert 1 - 0.001 * count < sum(coin.weight for coin in settings.coins) <= 1
    assert [coin.lag_days for coin in settings.coins] == [0, 30, *[60] * count][:count]


@pytest.mark.parametrize(("style", "timeframe"), list(itertools.product(STYLES, TIMEFRAMES)))
def test_every_answer_gives_a_file_that_loads(style: str, timeframe: str, tmp_path: Path) -> None:
    settings = load(
        [made(tmp_path, USUAL._replace(style=style, timeframe=timeframe, folder="my prices"))]
    )
    assert settings.exchange.timeframe == timeframe
    assert (settings.prices.source, settings.prices.folder) == ("folder", "my prices")
    assert (settings.allocation.own_trend == "or") == (style == "or-trend")
    assert (settings.risk_curve.ceilings[0] == 0) == (style == "strict")


def test_only_what_differs_is_written() -> None:
    assert "[prices]" not in config_text(USUAL)
    assert "[exchange]" not in config_text(USUAL)
    assert "[allocation]" not in config_text(USUAL)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (USUAL._replace(coins=("FOO",)), ("--coins FOO", "BTC")),
        (USUAL._replace(coins=()), ("--coins", "at least one")),
        (USUAL._replace(coins=("BTC", "BTC")), ("--coins BTC,BTC", "once")),
        (USUAL._replace(style="bold"), ("--style bold", "or-trend")),
        (USUAL._replace(timeframe="3h"), ("--timeframe 3h", "1d")),
        (USUAL._replace(folder="it's"), ("--prices it's", "by hand")),
    ],
)
def test_what_is_not_allowed_is_named_and_nothing_is_written(
    answers: Answers, words: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, answers)
    assert all(word in str(caught.value) for word in words)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        made(tmp_path, USUAL)
    assert (tmp_path / "my.toml").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_config(USUAL, tmp_path / "none" / "my.toml")
