"""A live session's prices say before each series that they are being loaded."""

from pathlib import Path

import pandas as pd

from brokers.prices.live import LivePrices
from brokers.prices.sources import required_series
from config.settings import load
from tests.price_folder import overrides


def test_each_series_is_progress_because_each_may_take_minutes_to_fail(
    whole_folder: Path, cache: Path
) -> None:
    """By these the watchdog of a service manager knows that the session does not hang."""
    coins = "".join(f', "{name}-USD" = "folder"' for name in ("ETH", "SOL"))
    sources = f'prices.sources={{"BTC-USD" = "folder"{coins}}}'
    settings = load(None, [*overrides(whole_folder, cache), sources])
    said: list[str] = []
    prices = LivePrices(settings, lambda text, done=0, of=0: said.append(text))
    loaded, failed = prices.history(pd.Timestamp("2017-01-01", tz="UTC"))
    assert failed == {}
    names = [request.name for request in required_series(settings)]
    assert [text.partition(" from ")[0] for text in said] == names
    assert len(loaded.series) == len(names)
