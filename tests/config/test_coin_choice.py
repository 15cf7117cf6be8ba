"""`backtest --coins`: coins of the settings in their proportions, others as `init` adds them."""

import pytest

from config.coin_choice import choose_coins
from config.settings import ConfigError, Settings, load

NEAR = 1e-12


def coins(settings: Settings) -> dict[str, tuple[float, int]]:
    return {coin.name: (coin.weight, coin.lag_days) for coin in settings.coins}


def test_all_coins_of_the_settings_change_nothing() -> None:
    usual = load()
    assert choose_coins(usual, "BTC,ETH,SOL") == usual
    assert coins(choose_coins(usual, "sol, BTC ,eth")) == coins(usual)


def test_some_of_them_keep_their_proportions_their_sum_and_their_lags() -> None:
    settings = load([], ["allocation.cash_reserve=0.1"])
    weights = {coin.name: coin.weight for coin in settings.coins}
    chosen = choose_coins(settings, "BTC,SOL")
    share = sum(weights.values()) / (weights["BTC"] + weights["SOL"])
    assert coins(chosen) == {
        "BTC": (pytest.approx(weights["BTC"] * share, rel=NEAR), settings.coins[0].lag_days),
        "SOL": (pytest.approx(weights["SOL"] * share, rel=NEAR), settings.coins[2].lag_days),
    }
    assert chosen.allocation == settings.allocation


def test_a_sum_below_one_stays_what_it_was() -> None:
    table = "{{name='{0}',history='{0}-USD',market='{0}/USDT',weight={1},lag_days=7}}"
    settings = load([], [f"coins=[{table.format('BTC', 0.4)},{table.format('ETH', 0.2)}]"])
    assert coins(choose_coins(settings, "ETH")) == {"ETH": (pytest.approx(0.6, rel=NEAR), 7)}


def test_a_known_coin_that_the_settings_lack_is_added_as_init_adds_it() -> None:
    settings = load()
    mean = sum(coin.weight for coin in settings.coins) / 3
    first, *_ = settings.coins
    chosen = choose_coins(settings, "BTC,LTC")
    assert coins(chosen) == {
        "BTC": (pytest.approx(first.weight / (first.weight + mean), rel=NEAR), 0),
        "LTC": (pytest.approx(mean / (first.weight + mean), rel=NEAR), 30),
    }
    assert (chosen.coins[1].history, chosen.coins[1].market) == ("LTC-USD", "LTC/USDT")


def test_a_table_of_the_settings_is_kept_with_its_names_and_its_step() -> None:
    table = "{name='XAU',history='GOLD-X',market='XAU/USDC',weight=0.5,lag_days=3,step=0.01}"
    settings = load([], [f"coins=[{table}]"])
    assert choose_coins(settings, "XAU").coins == settings.coins


def test_sources_of_coins_that_are_left_out_are_no_error() -> None:
    sources = ['prices.sources."SOL-USD"="exchange"', 'prices.sources."BTC-USD"="exchange"']
    settings = load([], [*sources, 'prices.accepted."SOL-USD"=["2021-01-01"]'])
    chosen = choose_coins(settings, "ETH")
    assert chosen.prices.sources == {"BTC-USD": "exchange"}, "the benchmarks read Bitcoin"
    assert chosen.prices.accepted == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FOO", ("--coins FOO", "BTC, ETH, SOL", "[[coins]]")),
        ("BTC,ETHH", ("--coins ETHH", "did you mean 'ETH'?")),
        ("BTC,btc", ("--coins BTC,BTC", "only once")),
        ("", ("--coins", "at least one")),
        (" , ", ("--coins", "at least one")),
        ("BTC ETH", ("--coins BTC ETH",)),
    ],
)
def test_what_is_not_allowed_is_named(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_coins(load(), text)
    assert [word for word in words if word not in str(caught.value)] == []


def test_an_added_coin_is_quoted_as_the_others_are() -> None:
    table = "{name='BTC',history='BTC-USD',market='BTC/USDC',weight=0.5,lag_days=0}"
    chosen = choose_coins(load([], [f"coins=[{table}]"]), "BTC,ETH")
    assert [coin.market for coin in chosen.coins] == ["BTC/USDC", "ETH/USDC"]
