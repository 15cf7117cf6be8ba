"""The gate's latest row in words and in JSON."""

import json
from pathlib import Path

import pandas as pd
import pytest

from backtests.report.gate_reading import GateReading, gate_reading, sentences
from brokers.prices.load import Prices, load_prices
from config.settings import load
from tests.price_folder import edit, overrides


@pytest.fixture(scope="module")
def prices(whole_folder: Path, cache: Path) -> Prices:
    return load_prices(
        load([], overrides(whole_folder, cache)), pd.Timestamp("2017-01-01", tz="UTC")
    )


def reading(prices: Prices, folder: Path, cache: Path, day: str, *changes: str) -> GateReading:
    """The reading at the end of a day."""
    settings = load([], [*overrides(folder, cache), *changes])
    return gate_reading(settings, prices.until(pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)))


def text_of(prices: Prices, folder: Path, cache: Path, day: str, *changes: str) -> str:
    return "\n".join(sentences(reading(prices, folder, cache, day, *changes)))


def test_before_any_breakout_it_is_closed(prices: Prices, whole_folder: Path, cache: Path):
    text = text_of(prices, whole_folder, cache, "2012-09-28")
    assert text.startswith(
        "The gate is closed (dormant): no breakout so far. No coins may be held."
    )
    assert "below its record high of 120.44, set " in text
    close = prices.of("^RUT").frame["close"]["2012-09-28 20:30"]
    away = f"{120.444285 / close - 1:+.1%}"
    assert (
        f"What would change it: a close above 120.44 ({away} from here) once that record has"
        " stood for 252 sessions (" in text
    )
    assert "Since the confirmation" not in text
    assert "thesis" not in text


def test_a_breakout_is_tested(prices: Prices, whole_folder: Path, cache: Path):
    text = text_of(prices, whole_folder, cache, "2013-07-11")
    assert text.startswith(
        "The gate is closed (testing): the breakout above 120.44 is not confirmed yet."
        " No coins may be held."
    )
    assert "a new record high; the one before, 120.44, stood for " in text
    below = 120.444285 / prices.of("^RUT").frame["close"]["2013-07-11 20:30"] - 1
    assert (
        f"What would change it: 3 consecutive closes above 120.44 ({below:+.1%} from here)"
        " with 2 confirmations would open the gate" in text
    )
    assert below < 0
    assert "Since the confirmation" not in text and "thesis" not in text


def test_a_confirmed_breakout_says_how_much_since_when_and_until_what(
    prices: Prices, whole_folder: Path, cache: Path
):
    text = text_of(prices, whole_folder, cache, "2013-09-16")
    assert text.startswith(
        "The gate is open (confirmed) since 2013-07-15: the breakout above 120.44 holds."
        " Up to 100% of equity may be held in coins."
    )
    assert "Risk checks, in order: credit yes (+" in text
    assert "The first 3 of 3 risk checks pass." in text
    close, floor = prices.of("^RUT").frame["close"]["2013-09-16 20:30"], 120.444285 * 0.97
    assert (
        f"3 consecutive closes below {floor:,.2f} ({floor / close - 1:+.1%} from here)"
        " or below its 200-session average, now " in text
    )
    assert text.count("from here)") == 2
    assert ", would close the gate; " in text
    closes = prices.of("BTC-USD").frame["close"]
    gain = closes["2013-09-17"] / closes["2013-07-16"] - 1
    # From 15 July 20:30 to 17 September 00:00 are 63 days. ETH and SOL were listed later: no gain.
    assert f"Since the confirmation, 63 days ago: BTC {gain:+.0%}.\n" in text


def test_coins_that_were_listed_have_their_gain_since_the_confirmation(
    prices: Prices, whole_folder: Path, cache: Path
):
    """The breakout of 2015: all three coins trade by then."""
    current = reading(prices, whole_folder, cache, "2015-12-01")
    opened, known = current.row["confirmed_at"], pd.Timestamp("2015-12-02", tz="UTC")
    gains = {}
    for name in ("BTC", "ETH", "SOL"):
        closes = prices.of(f"{name}-USD").frame["close"]
        gains[name] = (
            closes[known] / closes[opened.ceil("D")] - 1
        )  # the first daily bar to end after it was known
    days = (known - opened).days
    lines = ", ".join(f"{name} {gain:+.0%}" for name, gain in gains.items())
    assert f"Since the confirmation, {days} days ago: {lines}." in list(sentences(current))
    content = current.to_json()
    assert content["coins_since"] == pytest.approx(gains)
    assert content["days_open"] == days


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, "that time begins in 30 days"),
        (29, "that time begins in 1 day"),
        (30, "this is day 30, that time ends in 61 days"),
        (91, "this is day 91, that time ends in 0 days"),
        (92, "that time ended 1 day ago"),
    ],
)
def test_one_to_three_months_are_counted_from_the_confirmation(
    days: int, expected: str, prices: Prices, whole_folder: Path, cache: Path
):
    day = pd.Timestamp("2013-07-15") + pd.Timedelta(
        days=days
    )  # confirmed at 20:30 of it, read at its end
    lines = list(sentences(reading(prices, whole_folder, cache, f"{day:%Y-%m-%d}")))
    start = "According to the thesis other coins follow within one to three months"
    assert f"{start}: {expected}." in lines


def test_a_confirmation_of_today_has_no_gain_yet(prices: Prices, whole_folder: Path, cache: Path):
    """Known at 20:30, read at 24:00: one bar."""
    text = text_of(prices, whole_folder, cache, "2013-07-15")
    assert text.startswith("The gate is open (confirmed) since 2013-07-15")
    assert "Since the confirmation" not in text


def test_earlier_gate_periods_have_the_returns_known_by_then(
    prices: Prices, whole_folder: Path, cache: Path
):
    """At the end of 2013 the opening of July is three months old, not six; 2015 is unknown."""
    content = json.loads(
        json.dumps(reading(prices, whole_folder, cache, "2013-12-31").to_json(), allow_nan=False)
    )
    (only,) = content["openings"]
    assert (only["opened"], only["closed"]) == ("2013-07-15T20:30:00+00:00", None)
    assert list(only["after"]) == ["BTC", "ETH", "SOL"]
    assert [value is not None for value in only["after"]["BTC"].values()] == [
        True,
        True,
        False,
        False,
    ]
    assert set(only["after"]["ETH"].values()) == {None}, "listed on 1 August"
    closes = prices.of("BTC-USD").frame["close"]
    assert (
        only["after"]["BTC"]["1 month"] == closes["2013-08-14"] / closes["2013-07-16"] - 1
    )  # 14 August 20:30: the newest bar ended at 00:00
    later = reading(prices, whole_folder, cache, "2016-12-29").to_json()["openings"]
    assert [one["opened"][:4] for one in later] == ["2013", "2015"]
    assert later[0]["reason"] == "trend"
    assert later[0]["after"]["BTC"]["1 month"] == only["after"]["BTC"]["1 month"]
    assert None not in later[0]["after"]["BTC"].values()
    assert None not in later[1]["after"]["SOL"].values()


def test_a_gate_period_that_ended_says_why(prices: Prices, whole_folder: Path, cache: Path):
    text = text_of(prices, whole_folder, cache, "2014-07-07")
    assert text.startswith(
        "The gate is closed (dormant): the last gate period ended with the index below its"
        " average. No coins may be held."
    )
    close = prices.of("^RUT").frame["close"]["2014-07-07 20:30"]
    record = prices.of("^RUT").frame["close"][:"2014-07-07"].max()
    assert (
        f"a close above 160.47 ({record / close - 1:+.1%} from here) starts a breakout" in text
    ), "the record is older than rearm_sessions, and rearming has just begun"


def test_an_attempt_that_lapsed_says_so(prices: Prices, whole_folder: Path, cache: Path):
    text = text_of(
        prices,
        whole_folder,
        cache,
        "2013-07-19",
        "confirmations.volume.min_ratio=10",
        "gate.min_confirmations=4",
        "gate.confirm_within=4",
    )
    assert "the last breakout was not confirmed in time" in text


def test_a_gate_period_of_maximum_length_says_so(prices: Prices, whole_folder: Path, cache: Path):
    assert "the last gate period reached its maximum length" in text_of(
        prices, whole_folder, cache, "2013-07-29", "gate.max_sessions=10"
    )


def test_a_gate_period_below_its_level_says_failed(folder: Path, cache: Path):
    def fall(rows: list[str]) -> list[str]:
        changed = []
        for row in rows:
            cells = row.split(",")
            factor = 0.8 if "2013-08-12" <= cells[0] < "2013-09-01" else 1
            cells[4:6] = [f"{float(cell) * factor:.6f}" for cell in cells[4:6]]
            changed.append(",".join(cells))
        return changed

    for name in ("RUT", "IWM"):  # a fall of the index alone would be held
        edit(folder / f"daily/{name}.csv", fall)
    prices = load_prices(load([], overrides(folder, cache)), pd.Timestamp("2017-01-01", tz="UTC"))
    assert text_of(prices, folder, cache, "2013-08-13").startswith("The gate is open")
    assert text_of(prices, folder, cache, "2013-08-14").startswith(
        "The gate is closed (dormant): the last breakout failed. No coins may be held"
    )


def test_what_is_unknown_is_called_unknown(folder: Path, cache: Path):
    for name in ("KRE", "HYG"):
        edit(folder / f"daily/{name}.csv", lambda rows: [row for row in rows if row < "2013-06-01"])
    prices = load_prices(load([], overrides(folder, cache)), pd.Timestamp("2017-01-01", tz="UTC"))
    text = text_of(prices, folder, cache, "2013-09-16")
    assert "breadth unknown" in text
    assert "Risk checks, in order: credit unknown, broad yes" in text
    assert "The first 0 of 3 risk checks pass." in text
    assert "Up to 25% of equity" in text


@pytest.mark.parametrize(
    ("day", "sessions", "allowed"),
    [("2013-09-20", 4, "Up to 100% of equity"), ("2013-09-24", 6, "No coins may be held")],
)
def test_an_old_close_is_named_before_anything_else(
    day: str, sessions: int, allowed: str, folder: Path, cache: Path
):
    edit(folder / "daily/RUT.csv", lambda rows: [row for row in rows if row < "2013-09-17"])
    prices = load_prices(load([], overrides(folder, cache)), pd.Timestamp("2017-01-01", tz="UTC"))
    first, second, *_ = sentences(reading(prices, folder, cache, day))
    assert allowed in first
    assert second.startswith(f"The last close of ^RUT is of 2013-09-16, {sessions} sessions ago")
    assert "Get newer prices." in second


def test_a_row_that_is_too_old_allows_nothing_in_words_and_in_json(folder: Path, cache: Path):
    edit(folder / "daily/RUT.csv", lambda rows: [row for row in rows if row < "2013-09-17"])
    prices = load_prices(load([], overrides(folder, cache)), pd.Timestamp("2017-01-01", tz="UTC"))
    young, old = (reading(prices, folder, cache, day) for day in ("2013-09-23", "2013-09-24"))
    assert (young.row["stale"], old.row["stale"]) == (5, 6)
    assert (young.to_json()["ceiling"], young.to_json()["row_ceiling"]) == (1.0, 1.0)
    content = old.to_json()
    assert (content["state"], content["ceiling"], content["row_ceiling"]) == ("confirmed", 0.0, 1.0)
    first, second, third, *_ = sentences(old)
    assert first == "No coins may be held: the gate's last row is too old to act on."
    assert "gate.max_gate_age allows 5 sessions, so all coins are sold" in second
    assert third.startswith("In that row the gate is open (confirmed) since 2013-07-15")
    assert not first.startswith("The gate is open")


def test_with_hold_an_old_row_sells_nothing_and_says_so(folder: Path, cache: Path):
    edit(folder / "daily/RUT.csv", lambda rows: [row for row in rows if row < "2013-09-17"])
    settings = load([], [*overrides(folder, cache), "gate.when_stale=hold"])
    prices = load_prices(settings, pd.Timestamp("2017-01-01", tz="UTC"))
    old = gate_reading(settings, prices.until(pd.Timestamp("2013-12-24", tz="UTC")))
    assert not old.is_too_old and old.ceiling == 1.0
    first, second, *_ = sentences(old)
    assert first.startswith("The gate is open")
    assert 'gate.when_stale = "hold": nothing is sold for that' in second


def test_on_a_weekend_it_is_fridays_reading_and_not_stale(
    prices: Prices, whole_folder: Path, cache: Path
):
    friday, sunday = (
        reading(prices, whole_folder, cache, day) for day in ("2014-03-07", "2014-03-09")
    )
    assert sunday.row["stale"] == 0
    pd.testing.assert_series_equal(friday.row, sunday.row)


def test_json_has_the_numbers_behind_the_words(prices: Prices, whole_folder: Path, cache: Path):
    current = reading(prices, whole_folder, cache, "2013-09-16")
    content = json.loads(json.dumps(current.to_json(), allow_nan=False))
    assert content["as_of"] == "2013-09-17T00:00:00+00:00"
    assert (content["state"], content["ceiling"], content["filled"], content["stale"]) == (
        "confirmed",
        1.0,
        3,
        0,
    )
    assert content["confirmed_at"] == "2013-07-15T20:30:00+00:00"
    assert content["session_close"] == "2013-09-16T20:00:00+00:00"
    assert content["level"] == pytest.approx(120.444285)
    assert content["close"] == prices.of("^RUT").frame["close"]["2013-09-16 20:30"]
    assert set(content["confirmations"]) == {"volume", "breadth", "leadership", "credit"}
    assert list(content["channels"]) == ["credit", "broad", "leadership"]
    assert content["channels"]["credit"]["holds"] is True
    assert content["channels"]["credit"]["value"] > 0
    assert content["text"] == list(sentences(current))
    assert content["days_open"] == 63
    assert list(content["coins_since"]) == ["BTC"]


def test_json_says_null_for_what_is_unknown(prices: Prices, whole_folder: Path, cache: Path):
    content = json.loads(
        json.dumps(reading(prices, whole_folder, cache, "2012-01-05").to_json(), allow_nan=False)
    )
    assert content["level"] is None
    assert content["confirmed_at"] is None
    assert content["average"] is None
    assert (content["days_open"], content["coins_since"], content["openings"]) == (None, {}, [])
    assert content["confirmations"]["volume"] == {"holds": None, "value": None}


def test_the_first_session_of_all_can_be_read(prices: Prices, whole_folder: Path, cache: Path):
    text = text_of(prices, whole_folder, cache, "2012-01-03")
    assert "nan" not in text
