"""The hours in which something can be bought, and which decision is late."""

import json

import pytest

from brokers.live.hours import buying_hours, outside_hours
from brokers.live.session_setup import SessionSetup, setup_of
from config.settings import load

MINUTE, HOUR, DAY = 60, 3600, 86_400
MIDNIGHT = 1_893_456_000  # 2030-01-01 00:00 UTC


def setup(timeframe: str = "1d", age: float = 180.0, **paper: float) -> SessionSetup:
    content = {
        "exchange": {"timeframe": timeframe},
        "paper": {"grace": 5.0, "patience": 120.0, "max_decision_age": age, **paper},
    }
    return setup_of(json.dumps(content))


@pytest.mark.parametrize(
    ("after", "opens", "closes", "is_open"),
    [
        # The bar that ended at midnight is not asked for before its grace is over; until then the
        # one before is the newest, and the hours of it are long past.
        (0, 5, 3 * HOUR, False),
        (5, 5, 3 * HOUR, True),
        (3 * HOUR, 5, 3 * HOUR, True),
        (3 * HOUR + 1, DAY + 5, DAY + 3 * HOUR, False),
        (12 * HOUR, DAY + 5, DAY + 3 * HOUR, False),
    ],
)
def test_daily_bars_are_bought_on_for_three_hours(
    after: int, opens: int, closes: int, *, is_open: bool
) -> None:
    hours = buying_hours(setup(), float(MIDNIGHT + after))
    assert (hours.opens - MIDNIGHT, hours.closes - MIDNIGHT, hours.is_open) == (
        opens,
        closes,
        is_open,
    )
    assert hours.text == "from 00:00 to 03:00 UTC"


def test_shorter_bars_are_bought_on_at_any_hour() -> None:
    for after in (0, 4, 5, 30 * MINUTE, 59 * MINUTE):
        hours = buying_hours(setup("1h"), float(MIDNIGHT + after))
        assert (hours.is_open, hours.text) == (True, "at any hour")
        # They end with the next bar's decision, which takes the place of this one.
        assert hours.closes == MIDNIGHT + (5 if after < 5 else HOUR + 5)


def test_hours_within_a_shorter_bar_are_named_by_its_length() -> None:
    hours = buying_hours(setup("4h", age=90.0), float(MIDNIGHT + 2 * HOUR))
    assert (hours.is_open, hours.opens) == (False, MIDNIGHT + 4 * HOUR + 5.0)
    assert hours.text == "for 90 minutes after each bar's end (every 240 minutes from 00:00 UTC)"
    assert hours.when.endswith("not before 2030-01-01 04:00 UTC")


def test_a_start_outside_the_hours_says_when_something_can_be_bought() -> None:
    settings = load(None, [])
    (outside,) = outside_hours(settings, float(MIDNIGHT + 8 * HOUR))
    assert (outside.kind, outside.severity) == ("hours", "info")
    assert outside.text == (
        "buys are possible from 00:00 to 03:00 UTC, not before 2030-01-02 00:00 UTC; "
        "until then a decision only sells (paper.max_decision_age)"
    )
    assert list(outside_hours(settings, float(MIDNIGHT + HOUR))) == []


@pytest.mark.parametrize(
    ("delay", "started", "late"),
    [
        # A session that ran at the bar's end: 5 s of grace, 120 s of patience, 120 s of margin.
        (245.0, -HOUR, False),
        (246.0, -HOUR, True),
        (246.0, 0, True),
        # The shipped timer starts 5 to 7 minutes after the bar.
        (7 * MINUTE + 40.0, 7 * MINUTE, False),
        (180 * MINUTE, 179 * MINUTE, False),
        (180 * MINUTE + 1.0, 179 * MINUTE, True),
    ],
)
def test_who_starts_after_the_bar_is_late_when_nothing_can_be_bought_any_more(
    delay: float, started: int, *, late: bool
) -> None:
    assert setup().is_late(MIDNIGHT, MIDNIGHT + delay, float(MIDNIGHT + started)) is late


def test_a_running_session_is_late_at_the_latest_when_nothing_can_be_bought() -> None:
    assert setup(age=2.0).is_late(MIDNIGHT, MIDNIGHT + 121.0, float(MIDNIGHT - DAY))


def test_settings_that_cannot_be_read_make_nobody_late_to_buy() -> None:
    for text in ("", "[]", "{}"):
        assert not setup_of(text).is_late(MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + 1.0)
        assert setup_of(text).coins == ()


def test_a_setup_names_coins_markets_and_the_exchange_of_the_orders() -> None:
    testnet = setup_of(load(None, ["exchange.mode=testnet"]).model_dump_json())
    assert (testnet.coins, testnet.bases, testnet.quote) == (
        ("BTC", "ETH", "SOL"),
        ("BTC", "ETH", "SOL"),
        "USDT",
    )
    dry_run = ["exchange.mode=dry-run", "exchange.id=binance", "exchange.prices_id=kraken"]
    assert setup_of(load(None, dry_run).model_dump_json()).exchange == "kraken"
    assert testnet.exchange == "binance"
