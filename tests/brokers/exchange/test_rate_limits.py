"""Pauses are kept by host, and end when they should."""

from brokers.exchange.rate_limits import Quiet


def test_a_pause_is_as_long_as_it_was_asked_for() -> None:
    time = [1000.0]
    quiet = Quiet(lambda: time[0])
    assert quiet.left("binance") == 0.0
    quiet.keep("binance", 60.0)
    seen = []
    for time[0] in (1000.0, 1059.5, 1060.0, 2000.0):
        seen.append(quiet.left("binance"))
    assert seen == [60.0, 0.5, 0.0, 0.0]


def test_another_host_may_be_asked() -> None:
    quiet = Quiet(lambda: 1000.0)
    quiet.keep("binance", 60.0)
    assert quiet.left("gate") == 0.0


def test_the_next_process_keeps_the_pauses_of_the_one_before() -> None:
    kept: dict[str, str] = {}

    class Kept:
        get, put = kept.get, kept.__setitem__

    first, second = Quiet(lambda: 1000.0), Quiet(lambda: 1010.0)
    first.remember(Kept(), "pauses")
    first.keep("binance", 60.0)
    second.remember(Kept(), "pauses")
    assert (second.left("binance"), second.left("gate")) == (50.0, 0.0)


def test_a_clock_set_back_makes_no_pause_longer() -> None:
    time = [1000.0]
    quiet = Quiet(lambda: time[0])
    quiet.keep("binance", 60.0)
    time[0] = 500.0
    assert quiet.left("binance") == 0.0
