"""Other assets after the same breakouts: planted effects are found, shared breakouts count once."""

from collections.abc import Mapping
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from backtests.evidence import elsewhere_claims
from backtests.evidence.document import Claim
from backtests.evidence.elsewhere import (
    BitcoinElsewhere,
    Elsewhere,
    breakouts_of,
    describe_bitcoin,
    join_names,
    measure_elsewhere,
)
from backtests.evidence.events import forward_gains
from backtests.evidence.gate_inputs import refuse_gate_inputs
from backtests.evidence.history import BITCOIN, History, load_history
from backtests.evidence.relative_gains import (
    AssetGains,
    effects_of_breakouts,
    measure_assets,
    predict_other_asset,
)
from brokers.prices.series import Request, Series
from config.settings import ConfigError, Settings, load
from tests.backtests.evidence.scene import DAYS, coin, history, index
from tests.price_folder import overrides
from tests.scenes import configured

HORIZON = 91
GAIN = 0.2
SESSIONS = index().index
FLAT = pd.Series(100.0, index=SESSIONS)
BREAKOUTS = [
    SESSIONS[SESSIONS.searchsorted(pd.Timestamp(day, tz="UTC"))].floor("D") for day in DAYS
]


def settings(*assets: str, **changes: Any) -> Settings:
    return configured({"evidence.draws": 500, "evidence.elsewhere.assets": list(assets), **changes})


def rising(gain: float, first: str = "2000-01-03") -> pd.Series:
    """A price whose log grows by `gain` evenly over the 80 days after each breakout; flat else."""
    logs = pd.Series(0.0, index=SESSIONS)
    for day in BREAKOUTS:
        after = (SESSIONS - day) / pd.Timedelta(days=1)
        logs += np.clip((after - 2.0) / 80.0, 0.0, 1.0) * gain
    return (100.0 * np.exp(logs))[first:]


def walk(seed: int, deviation: float = 0.01) -> pd.Series:
    steps = np.random.default_rng(seed).normal(0.0, deviation, len(SESSIONS))
    return pd.Series(100.0 * np.exp(np.cumsum(steps)), index=SESSIONS)


def world(closes: Mapping[str, pd.Series], broad: pd.Series = FLAT, **changes: Any) -> History:
    """The scene's history with series of other symbols."""
    series = tuple(
        Series(Request(name, "session"), "folder", name, pd.DataFrame({"close": values}), "", ())
        for name, values in closes.items()
    )
    bitcoin = coin(1, {})
    return history(**{BITCOIN: bitcoin})._replace(series=series, broad=broad, **changes)


def measured(closes: Mapping[str, pd.Series], broad: pd.Series = FLAT) -> Elsewhere:
    result = measure_elsewhere(world(closes, broad), settings(*closes))
    assert result is not None
    return result


def pooled(result: Elsewhere, horizon: str = "3 months") -> Any:
    return next(each for each in result.pooled if each.horizon == horizon)


def claims_of(result: Elsewhere) -> dict[str, Claim]:
    claims = list(elsewhere_claims.claims(result))
    by_reading = {claim.reading: claim for claim in claims}
    assert len(by_reading) == len(claims)
    return by_reading


def test_a_planted_effect_has_its_size():
    """What is usual holds the seven gains too: each day's window sees a part of them."""
    result = pooled(measured({"QQQ": rising(GAIN)}))
    days = (SESSIONS[-1].floor("D") - SESSIONS[0].ceil("D")).days - HORIZON + 1
    usual = len(DAYS) * GAIN * HORIZON / days
    assert result.n == len(DAYS)
    assert result.estimate == pytest.approx(GAIN - usual, abs=1e-3)


def test_gains_are_those_on_the_broad_index():
    """A market that moves both changes nothing."""
    market = walk(3) / 100.0
    alone = pooled(measured({"QQQ": rising(GAIN)}))
    moving = pooled(measured({"QQQ": rising(GAIN) * market}, market))
    assert moving.estimate == pytest.approx(alone.estimate)


def test_a_planted_effect_is_supported_and_a_walk_is_not():
    noisy = rising(GAIN) * walk(5, 0.002) / 100.0
    found = claims_of(measured({"QQQ": noisy}))["QQQ after breakouts of ^RUT"]
    assert (found.id, found.kind, found.side) == ("E1", "test", "above")
    assert found.verdict == "supported"
    nothing = claims_of(measured({"QQQ": walk(6)}))["QQQ after breakouts of ^RUT"]
    assert nothing.verdict == "inconclusive"
    assert nothing.p is not None
    assert nothing.p > 0.05


def test_a_fall_after_breakouts_contradicts_it():
    falling = rising(-GAIN) * walk(5, 0.002) / 100.0
    claim = claims_of(measured({"QQQ": falling}))["QQQ after breakouts of ^RUT"]
    assert claim.verdict == "contradicted"


def test_five_copies_of_an_asset_say_no_more_than_one():
    """All share the breakouts: taken for independent, they would halve the interval."""
    one = pooled(measured({"QQQ": walk(7)}))
    many = pooled(measured({f"C{number}": walk(7) for number in range(5)}))
    assert many.n == one.n == len(DAYS)
    assert (many.low, many.high, many.p) == pytest.approx((one.low, one.high, one.p))


def gains_of(closes: Mapping[str, pd.Series]) -> list[AssetGains]:
    events = breakouts_of(index(), settings())
    return list(measure_assets(closes, FLAT, events, HORIZON))


def test_a_breakout_has_the_mean_of_its_assets_and_the_variance_of_that_mean():
    young = walk(9)["2015-01-01":]
    both = gains_of({"old": walk(8), "young": young})
    effects, variances = effects_of_breakouts(both)
    old, new = (each.gains for each in both)
    assert len(effects) == len(DAYS)
    before = old.gains[0] - old.every.mean()
    last = (old.gains[-1] - old.every.mean() + new.gains[-1] - new.every.mean()) / 2
    assert (effects[0], effects[-1]) == pytest.approx((before, last))
    shared = old.starts.isin(new.starts)
    together = (old.every[shared] + new.every) / 2
    assert variances[0] == pytest.approx(old.every.var(ddof=1))
    assert variances[-1] == pytest.approx(together.var(ddof=1))


def test_an_asset_counts_from_its_own_first_day():
    result = measured({"QQQ": walk(8), "EEM": walk(9)["2015-01-01":]})
    counts = {each.asset: each.n for each in result.excess if each.horizon == "3 months"}
    assert counts == {"QQQ": 7, "EEM": sum(day > "2015-01-01" for day in DAYS)}
    assert pooled(result).n == 7


def test_each_asset_is_a_test_where_there_are_several():
    readings = claims_of(measured({"QQQ": walk(8), "EEM": walk(9)}))
    assert list(readings) == [
        "QQQ and EEM after breakouts of ^RUT",
        "QQQ after breakouts of ^RUT",
        "EEM after breakouts of ^RUT",
    ]
    assert all(len(claim.p_without_each) == 7 for claim in readings.values())
    assert len(claims_of(measured({"QQQ": walk(8)}))) == 1


def test_few_breakouts_decide_nothing():
    """Four, however much is gained."""
    late = (rising(GAIN) * walk(5, 0.002) / 100.0)["2015-01-01":]
    claim = claims_of(measured({"QQQ": late}))["QQQ after breakouts of ^RUT"]
    assert (claim.n, claim.verdict) == (4, "inconclusive")


def test_a_missing_series_is_named_and_the_others_are_measured():
    lacking = {"EEM": "EEM.csv: no such file", "LTC-USD": "no such file"}
    result = measure_elsewhere(world({"QQQ": walk(8)}, lacking=lacking), settings("QQQ", "EEM"))
    assert result is not None
    assert {each.asset for each in result.excess} == {"QQQ"}
    assert result.lacking == {"EEM": "EEM.csv: no such file"}


def test_without_any_asset_there_is_nothing_to_say():
    assert measure_elsewhere(world({}), settings("QQQ")) is None
    assert measure_elsewhere(world({"QQQ": walk(8)["2024-06-01":]}), settings("QQQ")) is None


def test_simulated_prices_say_nothing():
    simulated = world({"QQQ": walk(8)})
    sample = simulated._replace(prices=simulated.prices._replace(sample=True))
    assert measure_elsewhere(sample, settings("QQQ")) is None


def test_another_index_has_its_own_breakouts():
    """A copy of the index 30 sessions later: its asset gains after its days, not the Russell's."""
    later = pd.Series(index().to_numpy()[:-30], index=SESSIONS[30:])
    moved = pd.Series(rising(GAIN).to_numpy()[:-30], index=SESSIONS[30:])
    pair = settings(**{"evidence.elsewhere.pairs": {"^SP600": ["SMH"]}})
    result = measure_elsewhere(world({"^SP600": later, "SMH": moved}), pair)
    assert result is not None
    assert {(each.index, each.asset) for each in result.excess} == {("^SP600", "SMH")}
    own = pooled(measured({"SMH": rising(GAIN)}))
    assert pooled(result).estimate == pytest.approx(own.estimate, abs=2e-3)
    assert result.bitcoin is None


@pytest.mark.parametrize("asset", ["^RUT", "^GSPC", "IWM", "HYG", "IEF", "KRE", "XBI"])
def test_an_input_of_the_gate_is_refused_by_name(asset: str):
    with pytest.raises(
        ConfigError, match=rf"elsewhere\.assets: {asset.replace('^', '.')} is an inp"
    ):
        refuse_gate_inputs(settings("QQQ", asset))


def test_an_input_is_refused_in_pairs_too_and_a_disabled_one_as_well():
    pair = settings(
        **{
            "evidence.elsewhere.pairs": {"^SP600": ["QQQ", "XLI"]},
            "confirmations.breadth.enabled": False,
        }
    )
    with pytest.raises(ConfigError, match=r'pairs\."\^SP600": XLI is an input of the gate'):
        refuse_gate_inputs(pair)


def test_a_fund_that_stands_in_for_an_input_is_refused():
    stands_in = settings("VTWO", **{"prices.sources": {"^RUT": ["yahoo", "proxy:VTWO"]}})
    with pytest.raises(ConfigError, match="VTWO is an input of the gate"):
        refuse_gate_inputs(stands_in)


@pytest.mark.parametrize("name", ["BTC-USD", "ETH-USD", "LTC-USD"])
def test_a_coin_is_refused(name: str):
    with pytest.raises(ConfigError, match=f"{name} is a coin"):
        refuse_gate_inputs(settings(name))


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [({"^RUT": ["QQQ"]}, "is signal.index"), ({"^SP600": ["^SP600"]}, "its own breakouts")],
)
def test_an_index_is_no_risk_asset_of_its_own(pairs: dict[str, list[str]], reason: str):
    with pytest.raises(ConfigError, match=reason):
        refuse_gate_inputs(settings(**{"evidence.elsewhere.pairs": pairs}))


def test_what_it_names_is_read_with_the_other_series(folder: Path, cache: Path):
    """From its file; what has none is named."""
    (folder / "daily/SMH.csv").write_text((folder / "daily/RSP.csv").read_text())
    named = ['evidence.elsewhere.assets=["SMH"]', 'evidence.elsewhere.pairs={"^SP600"=["EEM"]}']
    now = pd.Timestamp("2017-01-04 12:00", tz="UTC")
    loaded = load_history(load([], [*overrides(folder, cache), *named]), now, lambda *_, **__: None)
    assert "SMH" in {series.request.symbol for series in loaded.series}
    assert {"^SP600", "EEM", "DGS2"} <= loaded.lacking.keys()


def test_an_input_is_refused_before_anything_is_read(folder: Path, cache: Path):
    with pytest.raises(ConfigError, match="KRE is an input"):
        load_history(
            load([], [*overrides(folder, cache), 'evidence.elsewhere.assets=["KRE"]']),
            pd.Timestamp("1900-01-01", tz="UTC"),
            lambda *_, **__: None,
        )


def test_a_jump_of_what_it_names_can_be_accepted():
    days = {"^SOX": ["2020-03-16"], "DGS2": ["2020-03-16"]}
    assert settings("^SOX", **{"prices.accepted": days}).prices.accepted.keys() == days.keys()


def test_the_defaults_name_no_input_of_the_gate():
    refuse_gate_inputs(configured({}))


def identical(number: int) -> AssetGains:
    """Gains of 0.1 at both events and a deviation of 0.1 around 0 elsewhere."""
    starts = pd.date_range("2001-01-01", periods=200, tz="UTC")
    closes = pd.Series(
        np.exp(0.1 * (np.arange(201) % 2)), index=[*starts, starts[-1] + pd.Timedelta(days=1)]
    )
    gains = forward_gains(closes, starts[[10, 20]], 1)
    return AssetGains(f"A{number}", gains, closes)


def test_another_asset_lies_as_far_as_errors_and_its_own_breakouts_say():
    """Three alike: each mean has the variance 1 / 2, the common one 1 / 6; one more, 1 / n."""
    low, high = predict_other_asset([identical(number) for number in range(3)], error=0.0, n=4) or (
        0.0,
        0.0,
    )
    assert (low + high) / 2 == pytest.approx(1.0, abs=1e-6)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 1) * sqrt(1 / 6 + 1 / 4))


def test_the_error_of_shared_breakouts_widens_it():
    three = [identical(number) for number in range(3)]
    low, high = predict_other_asset(three, error=2.0, n=4) or (0.0, 0.0)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 1) * sqrt(4 + 1 / 4))


def test_two_assets_predict_nothing():
    assert predict_other_asset([identical(1), identical(2)], error=0.1, n=4) is None


def bitcoin(low: float | None, high: float | None) -> BitcoinElsewhere:
    return BitcoinElsewhere(
        n=5,
        estimate=log(1.5),
        low=-0.2,
        high=1.0,
        expected=log(1.1),
        predicted_low=low,
        predicted_high=high,
    )


def test_what_it_says_about_bitcoin_is_a_sentence():
    assert describe_bitcoin(bitcoin(log(0.5), log(2.0))) == (
        "At Bitcoin's variability that is +10.0%, for another asset like these -50.0% to +100.0%"
        " (95 %, no effect included); Bitcoin's own gain beyond what is usual was +50.0% on it (5"
        " breakouts), inside that range."
    )
    narrow = describe_bitcoin(bitcoin(log(1.05), log(1.2)))
    assert "(95 %);" in narrow
    assert narrow.endswith("outside that range.")
    assert describe_bitcoin(bitcoin(None, None)).endswith("predict nothing for another one.")


def test_three_assets_predict_bitcoin_in_its_own_deviations():
    """With Bitcoin's gains twice as large, so is what the others predict for it."""
    closes = {name: walk(seed) for seed, name in enumerate(("A", "B", "C"), 20)}
    once, squared = (
        measure_elsewhere(of, settings(*closes))
        for of in (
            world(closes),
            world(closes, assets={BITCOIN: coin(1, {}) ** 2}),
        )
    )
    assert once is not None
    assert squared is not None
    assert "for another asset like these" in once.line
    first, second = once.bitcoin, squared.bitcoin
    assert first is not None
    assert second is not None
    assert first.n == sum(day > "2012-01-01" for day in DAYS)
    for name in ("expected", "predicted_low", "predicted_high"):
        assert getattr(second, name) == pytest.approx(2 * getattr(first, name))


def test_names_are_joined_as_in_a_sentence():
    assert [join_names(list("ABC")[:n]) for n in (1, 2, 3)] == ["A", "A and B", "A, B and C"]


def test_the_record_survives_its_file():
    result = measured({"QQQ": walk(8), "EEM": walk(9)["2023-01-01":]})
    content = result.model_dump_json()
    assert Elsewhere.model_validate_json(content).model_dump_json() == content
