"""What a session that cannot go on says last: the first cause, and what can be done."""

from pathlib import Path

import pytest

from backtests.engine.live import live_strategy
from backtests.runs.replay import ReplayObserver
from brokers.commands.paper import build_session
from brokers.exchange.errors import CallAPersonError
from brokers.prices.series import DataError
from config.secrets import Secrets
from tests.brokers.misfortunes import change, disturbed
from tests.brokers.test_faults_data import AT_ONCE, downloading
from tests.exchange.proxy import Answer

BUSY = Answer(429, b"Too Many Requests")


def test_without_yahoo_the_last_line_has_the_cause_and_advice_that_can_work(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, cold=True) as w:
        w.yahoo.always = BUSY
        with pytest.raises(DataError) as error:
            w.run()
        text = str(error.value)
        assert "the first cause: ^RUT: Yahoo: no usable response for ^RUT: too many" in text
        assert "(HTTP 429)" in text
        assert 'set prices.sources."^RUT" to "folder"' in text
        assert '"exchange"' not in text.partition("the first cause")[2].partition("\n")[0]


def test_without_candles_it_is_the_exchange_that_is_named(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, cold=True) as w:
        w.venue.faults.add("503_before", "GET", "klines", times=1_000_000)
        with pytest.raises(
            DataError, match=r"no coin has a bar.*the first cause: BTC-USD: binance"
        ):
            w.run()


@pytest.mark.parametrize("exchange_id", ["kucoin", "okx", "kraken"])
def test_an_exchange_without_a_sandbox_is_refused_before_its_keys_are_asked_for(
    whole_folder: Path, cache: Path, tmp_path: Path, exchange_id: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        change(w, whole_folder, cache, {"exchange.id": exchange_id})
        with (
            w.journal(locked=True) as journal,
            pytest.raises(CallAPersonError, match=f"exchange.id '{exchange_id}'") as error,
        ):
            build_session(
                w.settings,
                Secrets(),
                live_strategy(w.settings),
                journal=journal,
                clock=w.clock,
                observer=ReplayObserver(0, None),
            )
        assert "RUSSELL_GATE_API_KEY" not in str(error.value)
