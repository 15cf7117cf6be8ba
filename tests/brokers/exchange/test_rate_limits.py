"""Pauses are kept by host, and end when they should."""

from brokers.exchange.rate_limits import RateLimits


def test_a_pause_is_as_long_as_it_was_asked_for() -> None:
    time = [1000.0]
    rate_limits = RateLimits(lambda: time[0])
    assert rate_limits.seconds_left("binance") == 0.0
    rate_limits.pause("binance", 60.0)
    seen = []
    for time[0] in (1000.0, 1059.5, 1060.0, 2000.0):
        seen.append(rate_limits.seconds_left("binance"))
    assert seen == [60.0, 0.5, 0.0, 0.0]


def test_another_host_may_be_asked() -> None:
    rate_limits = RateLimits(lambda: 1000.0)
    rate_limits.pause("binance", 60.0)
    assert rate_limits.seconds_left("gate") == 0.0


def test_the_next_process_keeps_the_pauses_of_the_one_before() -> None:
    texts: dict[str, str] = {}

    class Journal:
        get, put = texts.get, texts.__setitem__

    first, second = RateLimits(lambda: 1000.0), RateLimits(lambda: 1010.0)
    first.restore(Journal(), "pauses")
    first.pause("binance", 60.0)
    second.restore(Journal(), "pauses")
    assert (second.seconds_left("binance"), second.seconds_left("gate")) == (50.0, 0.0)


def test_a_clock_set_back_makes_no_pause_longer() -> None:
    time = [1000.0]
    rate_limits = RateLimits(lambda: time[0])
    rate_limits.pause("binance", 60.0)
    time[0] = 500.0
    assert rate_limits.seconds_left("binance") == 0.0
