"""An index that breaks out on chosen days, and a coin with known gains after them."""

import numpy as np
import pandas as pd

from backtests.evidence.events import daily_closes
from backtests.evidence.history import INDEX, History
from brokers.prices.load import Prices
from tests.scenes import configured

DAYS = (
    "2005-03-01",
    "2009-06-01",
    "2013-01-02",
    "2016-11-14",
    "2018-09-03",
    "2020-11-13",
    "2022-08-01",
)
SETTINGS = configured(
    {"evidence.draws": 2000, "evidence.bases": [252, 2000], "evidence.confirms": [1, 3]}
)
LISTED = "2012-01-01"


def index() -> pd.Series:
    """Below 100, and on each of `DAYS` a close 10 above the record before it.

    Then a tenth below that record, which ends the spell.
    """
    sessions = pd.bdate_range("2000-01-03", "2024-12-31", tz="UTC")
    closes, level = pd.Series(90.0, index=sessions), 100.0
    closes.iloc[0] = level
    for day in DAYS:
        level += 10.0
        closes[day:] = 0.9 * (level - 10.0)
        closes[day] = level
    return closes.set_axis(sessions + pd.Timedelta(hours=21))


def coin(seed: int, boost: dict[str, float]) -> pd.Series:
    """A walk without drift; in the 90 days after each of `boost` its log gains so much more."""
    days = pd.date_range(LISTED, "2024-12-31", freq="D", tz="UTC")
    steps = np.random.default_rng(seed).normal(0.0, 0.02, len(days))
    for day, gain in boost.items():
        first = int(days.searchsorted(pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=2)))
        steps[first : first + 89] += gain / 89
    return pd.Series(100.0 * np.exp(np.cumsum(steps)), index=days)


def history(**coins: pd.Series) -> History:
    closes = index()
    nothing = Prices({}, pd.Series(dtype=float), closes.index[-1])
    assets = {**coins, INDEX: daily_closes(closes)}
    return History(
        nothing, pd.DataFrame({"close": closes, "high": closes}), closes, closes, {}, assets, {}, ()
    )


ALWAYS = dict.fromkeys(DAYS, 1.0)
