"""What is stored of a combined series, and what a run that is read again makes of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brokers.prices.cache import Cache
from brokers.prices.clean import bar_length, clean_series
from brokers.prices.combine import Needed, combine
from brokers.prices.series import DataError, Request, Series
from brokers.prices.stored_series import read_stored, stored_rows

NO_DELAY = pd.Timedelta(0)
NO_CLOSES = pd.Series(dtype="datetime64[ns, UTC]")


def raw_bars(timeframe: str) -> pd.DataFrame:
    """Bars as an exchange has them: by start in UTC, or by naive date if they are of a day."""
    zone = None if timeframe == "1d" else "UTC"
    index = pd.date_range("2024-01-01", periods=400, freq=bar_length(timeframe), tz=zone)
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, 400)))
    names = ("open", "high", "low", "close", "volume")
    return pd.DataFrame(dict.fromkeys(names, closes), index.rename("date"))


@pytest.mark.parametrize("timeframe", ["1d", "4h", "1h", "15m"])
@pytest.mark.parametrize("first_rows", [390, 0])
def test_a_coins_bars_of_two_sources_are_read_again_as_they_were(
    timeframe: str, first_rows: int, tmp_path: Path
) -> None:
    """The first source lacks its newest rows, or has none at all."""
    request = Request("BTC-USD", "coin", "BTC/USDT", timeframe)
    raw = raw_bars(timeframe)
    end = raw.index[-1] + bar_length(timeframe)
    now = end if end.tz else end.tz_localize("UTC")

    def clean(rows: pd.DataFrame, source: str) -> Series:
        return clean_series(
            request, rows, source=source, origin=source, closes=NO_CLOSES, delay=NO_DELAY, now=now
        )

    def load(source: str) -> Series:
        if source == "folder" and not first_rows:
            raise DataError("folder: no such file")
        return clean(raw.iloc[:first_rows] if source == "folder" else raw, source)

    was = combine(Needed(request, now), ("folder", "exchange"), load, lambda series: None)
    assert was.substitutes is not None
    assert len(was.substitutes) == (len(raw) - first_rows if first_rows else 1)
    cache = Cache(tmp_path)
    cache.pin_rows(was.vintage, stored_rows(was, NO_DELAY))
    stored = read_stored(cache.read_pinned(was.vintage))
    assert stored is not None
    again = stored.restore(clean(stored.rows, stored.source))
    pd.testing.assert_frame_equal(again.frame, was.frame, check_freq=False)
    assert again.substitutes is not None
    assert again.substitutes.to_dict() == was.substitutes.to_dict()
    assert (again.vintage, again.issues, again.source) == (was.vintage, was.issues, was.source)
