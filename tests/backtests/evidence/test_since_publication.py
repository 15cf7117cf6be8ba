"""What happened after the articles appeared: on prices with known gains, and in the real files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.evidence import since_publication
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, ETHER, INDEX, History, load_history
from backtests.evidence.since_publication import (
    BROAD,
    MEDIAN_ALT,
    STRATEGY,
    PublicationRecord,
    SincePublication,
    measure_since,
)
from brokers.prices.load import Prices
from config.settings import Settings, load
from strategies.gate import gate_table
from tests.scenes import REAL, bars, configured, ends, gate_rows, realdata, written

DAYS = pd.date_range("2025-12-01", "2026-09-30", freq="D", tz="UTC")
# Each known half an hour after a close at 21:00 UTC.
SESSIONS = pd.bdate_range("2025-12-01", "2026-09-30", tz="UTC") + pd.Timedelta(hours=21.5)
SETTINGS = load()


def steps(points: Mapping[str, float], days: pd.DatetimeIndex) -> pd.Series:
    """The same value until the next day named."""
    named = pd.Series(list(points.values()), index=pd.DatetimeIndex(list(points), tz="UTC"))
    values = named.reindex(days.floor("D"), method="ffill").bfill()
    return values.set_axis(days)


def coin(points: Mapping[str, float], until: str = "2026-09-30") -> pd.Series:
    closes = steps(points, DAYS)[:until]
    return closes.set_axis(closes.index + pd.Timedelta(days=1))


def table(ceiling: float = 0.75, stale: int = 0) -> pd.DataFrame:
    """Dormant until the 21st of January, confirmed from the 22nd."""
    is_open = pd.DatetimeIndex(SESSIONS) >= pd.Timestamp("2026-01-22", tz="UTC")
    return pd.DataFrame(
        {
            "state": np.where(is_open, "confirmed", "dormant"),
            "ceiling": np.where(is_open, ceiling, 0.0),
            "stale": stale,
        },
        index=SESSIONS,
    )


def history(now: str = "2026-09-30 23:00", **alts: pd.Series) -> History:
    """Bitcoin is known to the day before `now`, the indices to their newest session."""
    known = pd.Timestamp(now, tz="UTC")
    index = steps({"2025-12-01": 2000.0, "2026-01-23": 2200.0, "2026-04-30": 2310.0}, SESSIONS)
    broad = steps({"2025-12-01": 5000.0, "2026-02-25": 5500.0}, SESSIONS)
    coins = {
        BITCOIN: coin({"2025-12-01": 100.0, "2026-01-23": 50.0, "2026-04-24": 60.0}),
        ETHER: coin({"2025-12-01": 100.0, "2026-02-02": 90.0}),
    }
    closes = index[index.index <= known]
    sessions = pd.Series(closes.index, index=closes.index)
    return History(
        Prices({}, sessions, known),
        pd.DataFrame({"close": closes}),
        closes,
        broad[broad.index <= known],
        {},
        {name: closes[closes.index <= known] for name, closes in coins.items()}
        | {INDEX: daily_closes(closes)},
        {},
        (),
        alts={name: closes[closes.index <= known] for name, closes in alts.items()},
    )


def since(scene: History, rows: pd.DataFrame | None = None) -> SincePublication:
    rows = table() if rows is None else rows
    record = measure_since(scene, SETTINGS, rows, scene.prices.now)
    assert record is not None
    return record


def gains(publication: PublicationRecord, horizon: str) -> Mapping[str, float | None]:
    return next(after for after in publication.after if after.horizon == horizon).gains


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where no journal is


def test_gains_are_between_the_closes_of_the_days_themselves() -> None:
    """The first day is measured at its own close, so that what happens on the next day counts."""
    first, last = since(history()).dates
    assert (first.day, first.unseen, last.day, last.unseen) == (
        "2026-01-22", False, "2026-01-31", True,
    )  # fmt: skip
    assert [after.ends for after in first.after] == [
        "2026-02-21", "2026-04-23", "2026-07-23", "2026-09-29",
    ]  # fmt: skip
    assert gains(first, "3 months")[BITCOIN] == pytest.approx(50 / 100 - 1)
    assert gains(first, "6 months")[BITCOIN] == pytest.approx(60 / 100 - 1)
    assert gains(last, "1 month")[BITCOIN] == pytest.approx(0.0)
    assert gains(last, "3 months")[BITCOIN] == pytest.approx(60 / 50 - 1)
    assert gains(last, "1 month")[ETHER] == pytest.approx(90 / 100 - 1)
    assert gains(first, "1 month")[INDEX] == pytest.approx(2200 / 2000 - 1)
    assert gains(last, "to date")[INDEX] == pytest.approx(2310 / 2200 - 1)
    assert gains(first, "1 month")[BROAD] == pytest.approx(0.0)  # 21 February is a Saturday
    assert gains(last, "1 month")[BROAD] == pytest.approx(5500 / 5000 - 1)


def test_the_median_is_that_of_the_alts_that_have_both_closes() -> None:
    alts = {
        "A": coin({"2025-12-01": 10.0, "2026-02-10": 9.0}),
        "B": coin({"2025-12-01": 10.0, "2026-02-10": 7.0}),
        "C": coin({"2025-12-01": 10.0, "2026-02-10": 12.0}, until="2026-04-22"),
        "D": coin({"2025-12-01": 10.0, "2026-02-10": 1.0}, until="2026-02-20"),
    }
    first, _ = since(history(**alts)).dates
    month, quarter = gains(first, "1 month"), gains(first, "3 months")
    assert month["D"] is None
    assert month["C"] == pytest.approx(0.2)
    assert month[MEDIAN_ALT] == pytest.approx(-0.1)  # of -0.1, -0.3 and 0.2
    assert quarter["C"] is None
    assert quarter[MEDIAN_ALT] == pytest.approx(-0.2)  # of -0.1 and -0.3
    assert gains(since(history()).dates[0], "1 month")[MEDIAN_ALT] is None


def test_what_is_not_over_has_no_figure_and_the_day_on_which_it_will() -> None:
    _, last = since(history("2026-05-02 23:59")).dates
    quarter = next(after for after in last.after if after.horizon == "3 months")
    assert (quarter.ends, quarter.over) == ("2026-05-02", False)
    assert set(quarter.gains.values()) == {None}
    assert gains(last, "1 month")[BITCOIN] is not None
    _, last = since(history("2026-05-03 00:00")).dates
    quarter = next(after for after in last.after if after.horizon == "3 months")
    assert quarter.over
    assert quarter.gains[BITCOIN] == pytest.approx(0.2)
    assert quarter.gains[INDEX] == pytest.approx(2310 / 2200 - 1), "2 May is a Saturday"


def test_an_index_that_lacks_the_newest_session_has_no_gain_to_it() -> None:
    scene = history("2026-05-03 00:00")
    lacking = scene._replace(broad=scene.broad.iloc[:-1])
    assert gains(since(lacking).dates[1], "3 months")[BROAD] is None
    assert gains(since(scene).dates[1], "3 months")[BROAD] == pytest.approx(0.1)


def test_the_gate_is_that_at_the_end_of_the_day_and_an_old_row_allows_nothing() -> None:
    first, last = since(history()).dates
    assert (first.state, first.ceiling) == ("confirmed", 0.75)
    assert (last.state, last.ceiling) == ("confirmed", 0.75)
    late = table().shift(1, freq="D")  # the row of the 22nd is known on the 23rd
    assert since(history(), late).dates[0].state == "dormant"
    old = since(history(), table(stale=SETTINGS.gate.age_limit + 1)).dates[0]
    assert (old.state, old.ceiling) == ("confirmed", 0.0)


def test_the_account_begins_with_cash_at_the_close_of_the_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of it buys the coin at 100, which then stands at 160: a gain of 0.5 * 0.6."""
    days = ends(200, pd.Timestamp("2026-01-20", tz="UTC"))
    closes = np.where(days <= pd.Timestamp("2026-02-15", tz="UTC"), 100.0, 160.0)
    closes[:2] = 400.0  # on the 20th and the 21st
    inputs = written({"BTC": bars(closes, days)}, gate_rows([0.5], days[:1]))
    monkeypatch.setattr(since_publication, "prepare_inputs", lambda *_: inputs)
    first, last = since(history()).dates
    assert gains(first, "1 month")[STRATEGY] == pytest.approx(0.3)
    assert gains(last, "1 month")[STRATEGY] == pytest.approx(0.3)
    assert gains(last, "to date")[STRATEGY] is None, "its coin has no bar so late"


def test_simulated_prices_and_those_before_the_articles_say_nothing() -> None:
    scene = history()
    sample = scene._replace(prices=scene.prices._replace(sample=True))
    assert measure_since(sample, SETTINGS, table(), scene.prices.now) is None
    before = history("2026-01-30 23:00")
    assert measure_since(before, SETTINGS, table(), before.prices.now) is None


def test_the_summary_names_the_three_months_or_the_one_that_is_over_or_none() -> None:
    alt = coin({"2025-12-01": 10.0, "2026-02-10": 9.0})
    assert since(history(A=alt)).summary == (
        "Three months after 2026-01-31, by when both articles had appeared, the Russell 2000 gained"
        " 5%, Bitcoin gained 20%, Ether lost 10% and the median of 1 altcoin lost 10%. Six months"
        " after 2026-01-31 the Russell 2000 gained 5%, Bitcoin gained 20%, Ether lost 10% and the"
        " median of 1 altcoin lost 10%."
    )
    assert since(history("2026-04-01", A=alt)).summary == (
        "One month after 2026-01-31, by when both articles had appeared, the Russell 2000 was"
        " unchanged, Bitcoin was unchanged, Ether lost 10% and the median of 1 altcoin lost 10%."
    )
    assert since(history("2026-02-20")).summary == (
        "The first month after 2026-01-31 is not known yet: it ends on 2026-03-02."
    )


def test_the_summary_says_what_the_gate_allowed_and_an_account_made_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    days = ends(200, pd.Timestamp("2026-01-20", tz="UTC"))
    closes = np.where(days <= pd.Timestamp("2026-02-15", tz="UTC"), 100.0, 80.0)
    inputs = written({"BTC": bars(closes, days)}, gate_rows([0.5], days[:1]))
    monkeypatch.setattr(since_publication, "prepare_inputs", lambda *_: inputs)
    assert since(history()).summary.endswith(
        " The gate was confirmed then, with at most 75% in coins; an account begun on that day lost"
        " 10% by 2026-05-02 and lost 10% by 2026-08-01."
    )


def test_the_record_is_read_back_from_json_as_it_was() -> None:
    record = since(history("2026-05-02"))
    assert SincePublication.model_validate(record.model_dump(mode="json")) == record


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, History]:
    settings = configured(
        {
            "prices.source": "folder",
            "prices.folder": str(REAL),
            "prices.cache": str(tmp_path_factory.mktemp("cache")),
        }
    )
    now = pd.Timestamp("2026-08-22", tz="UTC")
    return settings, load_history(settings, now, lambda *_: None)


def file_close(symbol: str, day: str) -> float:
    """The newest close of a file up to a day, as a person would look it up."""
    closes = pd.read_csv(REAL / "daily" / f"{symbol}.csv", index_col="Date")["Close"]
    return float(closes[closes.index <= day].iloc[-1])


@realdata
def test_real_gains_are_those_of_the_files(real: tuple[Settings, History]) -> None:
    settings, scene = real
    rows = gate_table(market(settings, scene.prices), gate_rules(settings))
    record = measure_since(scene, settings, rows, scene.prices.now)
    assert record is not None
    symbols = {INDEX: "RUT", BROAD: "GSPC", BITCOIN: "BTC-USD", ETHER: "ETH-USD"}
    for publication in record.dates:
        for after in publication.after:
            for name, gain in after.gains.items():
                symbol = symbols.get(name, name)
                if gain is not None and symbol not in (MEDIAN_ALT, STRATEGY):
                    before = file_close(symbol, publication.day)
                    expected = file_close(symbol, after.ends) / before - 1.0
                    assert gain == pytest.approx(expected, abs=1e-12), (publication.day, name)
    first = record.dates[0]
    # THESIS, B7: Bitcoin -13 %, Ether -21 % in the three months after 01-22.
    assert gains(first, "3 months")[BITCOIN] == pytest.approx(-0.125, abs=0.005)
    assert gains(first, "3 months")[ETHER] == pytest.approx(-0.21, abs=0.005)


@realdata
def test_the_account_on_real_prices_is_that_of_a_backtest_from_the_day_on(
    real: tuple[Settings, History],
) -> None:
    from backtests.engine.inputs import prepare_inputs
    from backtests.engine.simulation import simulate
    from backtests.performance.result import equity_frame

    settings, scene = real
    inputs = since_publication._inputs_since(scene, settings)
    for day in (since_publication.EARLIEST, since_publication.LATEST):
        window = settings.backtest.model_copy(update={"start": day})
        begun = settings.model_copy(update={"backtest": window})
        whole = equity_frame(simulate(prepare_inputs(begun, scene.prices)))["value"]
        pd.testing.assert_series_equal(since_publication._equity_since(day, inputs), whole)
