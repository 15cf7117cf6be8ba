"""Volatility beside its trend, and flows that follow prices: on series with known answers."""

import numpy as np
import pandas as pd
import pytest

from backtests.evidence.document import Claim
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.user_series import ETF_START
from backtests.evidence.volatility import CALMER, chasing_claim, trend_claim, weekly_volatility
from brokers.prices.load import Prices
from config.settings import load
from strategies.indicators import Floats

EVIDENCE = load().evidence
DAYS = pd.date_range("2016-01-02", "2026-06-27", freq="D", tz="UTC")
SATURDAYS = DAYS[DAYS.day_of_week == 5]


def bitcoin(deviations: Floats) -> pd.Series:
    moves = np.random.default_rng(1).normal(0.0, 1.0, len(DAYS)) * deviations
    return pd.Series(100.0 * np.exp(np.cumsum(moves)), index=DAYS)


def history(closes: pd.Series, flows: pd.Series | None = None) -> History:
    macro = {} if flows is None else {"bitcoin_flows": flows}
    nothing = Prices({}, pd.Series(dtype=float), DAYS[-1])
    assets = {BITCOIN: closes}
    return History(nothing, pd.DataFrame(), closes, closes, {}, assets, {}, (), macro=macro)


def trend(closes: pd.Series) -> Claim:
    return trend_claim(CALMER, history(closes), EVIDENCE)


def chasing(closes: pd.Series, flows: pd.Series | None) -> Claim:
    return chasing_claim(CALMER, history(closes, flows), EVIDENCE)


# --- volatility -----------------------------------------------------------------------------------


def test_a_weeks_volatility_is_that_of_its_seven_days() -> None:
    """Falls and rises of 1 % each day: the root of 7 x 0.01^2, annualised by 52.2 weeks."""
    closes = pd.Series(np.exp(0.01 * (np.arange(len(DAYS)) % 2)), index=DAYS)
    found = weekly_volatility(closes)
    assert found.index.tolist() == SATURDAYS[1:].tolist()
    assert np.exp(found.to_numpy()) == pytest.approx(0.01 * np.sqrt(365.25))


def test_a_volatility_that_only_went_on_falling_was_not_lowered() -> None:
    """Half each five years, before the ETFs and since: the mean since is far lower all the same."""
    closes = bitcoin(0.05 * 0.5 ** (np.arange(len(DAYS)) / (5 * 365)))
    one = trend(closes)
    since = DAYS >= ETF_START
    moves = np.diff(np.log(closes.to_numpy()), prepend=0.0)
    assert moves[since].std() < 0.7 * moves[~since][1:].std()
    assert (one.kind, one.side, one.verdict) == ("test", "below", "inconclusive")
    assert one.estimate == pytest.approx(0.0, abs=0.15)


@pytest.mark.parametrize(("times", "word"), [(0.5, "supported"), (2.0, "contradicted")])
def test_a_step_at_the_etfs_is_seen_beside_the_trend(times: float, word: str) -> None:
    """By least squares of the log on time and on the weeks since."""
    since = (DAYS > ETF_START).astype(float)
    closes = bitcoin(0.05 * 0.5 ** (np.arange(len(DAYS)) / (5 * 365)) * times**since)
    one = trend(closes)
    weeks = weekly_volatility(closes)
    late = (pd.DatetimeIndex(weeks.index) > ETF_START).astype(float)
    columns = np.column_stack((np.ones(len(weeks)), np.arange(len(weeks)), late))
    plain = np.linalg.lstsq(columns, weeks.to_numpy(), rcond=None)[0]
    assert (one.verdict, one.n) == (word, len(weeks))
    assert one.estimate == pytest.approx(plain[2])
    assert one.estimate == pytest.approx(np.log(times), abs=0.2)


def test_two_years_before_and_since_are_needed() -> None:
    closes = bitcoin(np.full(len(DAYS), 0.03))
    assert trend(closes[: pd.Timestamp("2026-01-02", tz="UTC")]).n == 0
    assert trend(closes[pd.Timestamp("2022-06-01", tz="UTC") :]).n == 0
    assert trend(closes[pd.Timestamp("2021-12-01", tz="UTC") :]).n


# --- flows ----------------------------------------------------------------------------------------


def flows_after(closes: pd.Series, share: float, lag_weeks: int = 1) -> pd.Series:
    """Each day a fifth of `share` times the return of the week before its own, and noise."""
    weeks = np.log(closes[SATURDAYS].to_numpy())
    returns = pd.Series(np.diff(weeks, prepend=weeks[0]), SATURDAYS)
    days = pd.date_range(ETF_START + pd.Timedelta(days=1), DAYS[-1], freq="D", tz="UTC")
    # A figure known at a Saturday's midnight is Friday's, of the week that ends with it.
    begun = (days - pd.Timedelta(1, "ns")).floor("D")
    past = returns.reindex(begun, method="ffill").to_numpy()
    if lag_weeks == 0:
        past = returns.reindex(begun, method="bfill").to_numpy()
    noise = np.random.default_rng(2).normal(0.0, 1e8, len(days))
    return pd.Series(1e9 * share * np.nan_to_num(past) + noise, index=days)


@pytest.mark.parametrize(("share", "word"), [(5.0, "contradicted"), (0.0, "inconclusive"),
                                            (-5.0, "inconclusive")])  # fmt: skip
def test_flows_that_follow_prices_chase_them(share: float, word: str) -> None:
    closes = bitcoin(np.full(len(DAYS), 0.03))
    one = chasing(closes, flows_after(closes, share))
    assert (one.kind, one.verdict, one.side) == ("test", word, "both")
    assert one.estimate is not None and one.estimate * share >= 0.0


def test_flows_of_the_same_week_chase_nothing() -> None:
    closes = bitcoin(np.full(len(DAYS), 0.03))
    one = chasing(closes, flows_after(closes, 5.0, lag_weeks=0))
    assert one.verdict == "inconclusive"


def test_too_few_flows_name_what_would_decide() -> None:
    closes = bitcoin(np.full(len(DAYS), 0.03))
    few = flows_after(closes, 5.0)[: pd.Timestamp("2025-12-01", tz="UTC")]
    for flows in (None, few):
        one = chasing(closes, flows)
        assert one.verdict == "not testable with prices"
        assert "over two years" in one.why and "evidence.bitcoin_flows" in one.why
