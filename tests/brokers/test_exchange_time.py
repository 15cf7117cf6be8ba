"""Whose clock a session goes by: the exchange's, whatever the machine's shows or goes through.

The machine of these tests has a clock of its own beside the world's time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import ccxt
import pytest

from brokers.clock import SimulatedClock
from brokers.exchange.errors import TryLaterError
from brokers.journal.incident import Incident
from brokers.journal.records import Known
from brokers.live import exchange_clock
from brokers.live.dead_mans_switch import DeadMansSwitch
from brokers.live.exchange_clock import OFFSET_PERIOD, REPORTED_OFFSET_AGE, ExchangeClock
from brokers.live.retries import LONGEST_RETRY, RETRY
from tests.brokers.misfortunes import asked_for, incident_texts
from tests.brokers.test_faults_data import ALL, AT_ONCE, bars, close, decisions, downloading
from tests.brokers.worlds import DAY, World, epoch
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import LIVE, TESTNET

HOUR, MINUTE = 3600.0, 60.0
MODES = {"testnet": TESTNET, "dry-run": LIVE}
BAR = epoch("2015-10-20")  # the first that is decided on


class Machine(SimulatedClock):
    """The world's time, and a clock that is `off` by some seconds and can sleep through others.

    `at` are things that happen once, when a wait ends after that instant of the world's time.
    """

    longest_sleep = 600.0

    def __init__(self, time: float, off: float = 0.0) -> None:
        super().__init__(time)
        self.off, self.asleep = off, 0.0
        self.at: list[tuple[float, Callable[[], object]]] = []

    @property
    def time(self) -> float:
        return self._now

    def now(self) -> float:
        return self._now + self.off

    def monotonic(self) -> float:
        return self._now - self.asleep

    def suspend(self, seconds: float) -> None:
        """A computer that is suspended counts no time, and reads its clock when it wakes."""
        self._now += seconds
        self.asleep += seconds

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        for entry in list(self.at):
            if self._now >= entry[0]:
                self.at.remove(entry)
                entry[1]()


@contextmanager
def machine(
    folder: Path, cache: Path, place: Path, time: str, off: float = 0.0, **changes: Any
) -> Iterator[tuple[World, Machine]]:
    """A world at `time` whose sessions run on a machine with its clock `off` by so many seconds."""
    settings = AT_ONCE | {name.replace("__", "."): value for name, value in changes.items()}
    with downloading(folder, cache, place, settings) as w:
        clock = Machine(epoch(time), off)
        w.clock = clock
        w.venue.now = w.yahoo.now = lambda: clock.time
        yield w, clock


def no_time(w: World, *, until: float = float("inf")) -> None:
    """The exchange does not say what time it is until then."""

    def refused(asked: Asked, number: int) -> Answer | None:
        return DROPPED if asked.path.endswith("/time") and w.venue.now() < until else None

    w.venue.before_request = refused


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("time", "off", "orders"),
    [
        ("2015-10-20 00:30", -5.0 * DAY, []),
        ("2015-10-20 00:30", -DAY, []),
        ("2015-10-20 00:30", -2.0 * HOUR, ALL),
        ("2015-10-20 00:30", 2.0 * HOUR, ALL),
        ("2015-10-20 00:30", 4.0 * HOUR, []),
        ("2015-10-20 22:30", 2.0 * HOUR, []),  # whose decision is late
    ],
    ids=["5 days behind", "a day behind", "2 h behind", "2 h ahead", "4 h ahead", "next day"],
)
def test_the_bar_is_the_exchanges_and_a_clock_too_far_off_buys_nothing(
    whole_folder: Path,
    cache: Path,
    tmp_path: Path,
    *,
    mode: str,
    time: str,
    off: float,
    orders: list[str],
) -> None:
    """The age of a decision, three hours, is also how far the clock may be off for buying."""
    with machine(whole_folder, cache, tmp_path, time, off, exchange__mode=mode) as (w, clock):
        observer = w.run()
        (row,) = decisions(w)
        assert row.time == BAR
        assert 0.0 <= row.decided_at - clock.time + 10.0 <= 10.0
        assert bars(w, BAR)["BTC"] == (close(w, "BTC", "2015-10-19"), 0)
        with w.journal() as journal:
            assert [fill.symbol for fill in journal.fills()] == orders
            assert [intent.symbol for intent in journal.intents()] == orders, "none is planned"
            assert all(abs(fill.time - clock.time) < HOUR for fill in journal.fills())
            assert abs(journal.sessions()[0].started - clock.time) < HOUR
        (first, *_) = incident_texts(observer.incidents, "clock")
        side = "ahead of" if off > 0.0 else "behind"
        assert f"clock is {exchange_clock.duration_text(off)} {side}" in first
        too_far = abs(off) > 3 * HOUR
        assert ("nothing is bought until it is set" in first) == too_far


def test_a_bar_decided_before_is_not_decided_again_under_a_clock_a_day_behind(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30") as (w, clock):
        w.run()
        clock.off = -float(DAY)
        observer = w.run()
        assert [row.time for row in decisions(w)] == [BAR]
        assert len(incident_texts(observer.incidents, "clock")) == 1, "not silent"
        clock.sleep(DAY)
        w.run()
        assert [row.time for row in decisions(w)] == [BAR, BAR + DAY]


@pytest.mark.parametrize("mode", MODES)
def test_the_offset_is_measured_at_the_start_and_hourly(
    whole_folder: Path, cache: Path, tmp_path: Path, mode: str
) -> None:
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30", 90.0, exchange__mode=mode) as (
        w,
        clock,
    ):
        times: list[float] = []

        def note(asked: Asked, number: int) -> None:
            if asked.path.endswith("/time"):
                assert asked.host == MODES[mode]
                times.append(clock.time)

        w.venue.before_request = note
        observer = w.run(once=False, until="2015-10-20 23:00")
        assert len(times) == 1 + 23, "from half past midnight to midnight, once an hour"
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert all(OFFSET_PERIOD <= gap <= OFFSET_PERIOD + Machine.longest_sleep for gap in gaps)
        assert len(incident_texts(observer.incidents, "clock")) == 1, "reported once a day"


def test_an_offset_of_up_to_a_minute_is_followed_and_not_reported(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30", 59.0) as (w, clock):
        observer = w.run()
        assert incident_texts(observer.incidents, "clock") == []
        assert decisions(w)[0].decided_at < clock.time + 1.0


@pytest.mark.parametrize("jump", [-2.0 * DAY, -HOUR, 20.0, HOUR, 2.0 * DAY])
def test_a_clock_that_is_set_while_the_session_waits_moves_no_bar(
    whole_folder: Path, cache: Path, tmp_path: Path, jump: float
) -> None:
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30") as (w, clock):

        def set_clock() -> None:
            clock.off += jump

        clock.at.append((epoch("2015-10-20 13:00"), set_clock))
        w.run(once=False, until="2015-10-22 00:10")
        rows = decisions(w)
        assert [row.time for row in rows] == [BAR, BAR + DAY, BAR + 2 * DAY]
        assert all(row.decided_at - row.time < Machine.longest_sleep for row in rows[1:])
        assert [bars(w, row.time)["BTC"] for row in rows[1:]] == [
            (close(w, "BTC", day), 0) for day in ("2015-10-20", "2015-10-21")
        ]


def test_a_machine_that_was_suspended_asks_what_time_it_is_before_it_decides(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """It wakes two days later, with its clock a day behind: one decision, on the newest bar."""
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30") as (w, clock):

        def wake() -> None:
            clock.suspend(2.0 * DAY)
            clock.off = -float(DAY)

        clock.at.append((epoch("2015-10-20 13:00"), wake))
        w.run(once=False, until="2015-10-23 00:10")
        assert [row.time for row in decisions(w)] == [BAR, BAR + 2 * DAY, BAR + 3 * DAY]


def test_a_machine_that_was_paused_and_noticed_nothing_is_set_right_before_it_decides(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Its clock and its monotonic one go on as if the day and a half had not passed."""
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30") as (w, clock):

        def pause() -> None:
            clock.suspend(1.5 * DAY)
            clock.off -= 1.5 * DAY

        clock.at.append((epoch("2015-10-20 23:59:00"), pause))
        w.run(once=False, until="2015-10-23 00:10")
        rows = decisions(w)
        assert [row.time for row in rows] == [BAR, BAR + 2 * DAY, BAR + 3 * DAY]
        assert rows[1].decided_at - rows[1].time > 12 * HOUR - 700.0, "and is known to be late"


def test_what_is_still_planned_is_not_bought_under_a_clock_too_far_off(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The session ends after its first order; when it is started again the clock is wrong."""
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30") as (w, _):

        def stop(asked: Asked, number: int) -> None:
            if asked.method == "POST":
                w.clock.stop()

        w.venue.after_request = stop
        w.run()
        w.venue.after_request = None
        w.clock = clock = Machine(w.venue.now(), -5.0 * DAY)
        w.venue.now = w.yahoo.now = lambda: clock.time
        observer = w.run()
        assert [order.market.base for order in w.venue.orders] == ["BTC"]
        assert [
            "nothing is bought until it is set" in text
            for text in incident_texts(observer.incidents, "abandoned")
        ] == [True, True]


def test_after_a_jump_nothing_is_decided_before_the_time_is_known_again(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """By its own clock a bar has ended; that it has not nobody can tell for two hours."""
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30") as (w, clock):

        def set_clock() -> None:
            clock.off += 12.0 * HOUR
            no_time(w, until=epoch("2015-10-20 15:00"))

        clock.at.append((epoch("2015-10-20 13:00"), set_clock))
        observer = w.run(once=False, until="2015-10-21 12:00")
        assert [row.time for row in decisions(w)] == [BAR, BAR + DAY]
        assert decisions(w)[1].decided_at - (BAR + DAY) < Machine.longest_sleep
        assert any(
            "the machine's clock has jumped, and it is not known what time it is" in text
            for text in incident_texts(observer.incidents, "exchange")
        )


def test_an_exchange_that_no_longer_says_the_time_leaves_the_old_offset_and_its_age(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30", 40.0) as (w, clock):
        clock.at.append((epoch("2015-10-20 13:00"), lambda: no_time(w)))
        observer = w.run(once=False, until="2015-10-21 00:10")
        assert [row.time for row in decisions(w)] == [BAR, BAR + DAY]
        assert 0.0 <= decisions(w)[1].decided_at - (BAR + DAY) < Machine.longest_sleep
        text = incident_texts(observer.incidents, "clock")[0]
        assert text.startswith("binance has not said what time it is since 2015-10-20 12:")
        assert "measured then (-40.0 s) are used" in text
        with w.journal() as journal:
            (known,) = [row for row in journal.known() if row.what == "clock"]
        assert known.until == pytest.approx(known.asked_at + OFFSET_PERIOD)
        assert known.asked_at < epoch("2015-10-20 13:01")
        wakings = (clock.time - epoch("2015-10-20 13:00")) / Machine.longest_sleep
        assert wakings < len(asked_for(w, "time")) < 15 + 4 * wakings, "asked at every waking"


def test_without_ever_an_answer_nothing_is_decided(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """What time it is is the first question; the session waits for the answer."""
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30", -5.0 * DAY) as (w, _):
        no_time(w, until=epoch("2015-10-20 01:30"))
        w.run(once=False, until="2015-10-20 02:30")
        (row,) = decisions(w)
        assert row.time == BAR
        assert row.decided_at > epoch("2015-10-20 01:30")


def test_an_exchange_without_such_a_request_is_followed_by_the_machines_clock(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise ccxt.NotSupported("binance fetchTime() is not supported yet")

    monkeypatch.setattr(ccxt.binance, "fetch_time", missing)
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:30", exchange__mode="dry-run") as (
        w,
        _,
    ):
        observer = w.run(once=False, until="2015-10-20 04:30")
        assert [row.time for row in decisions(w)] == [BAR]
        (text,) = incident_texts(observer.incidents, "clock")
        assert text.startswith("binance does not say what time it is")


@pytest.mark.parametrize("second", [0.0, 0.5, 2.0, 4.9, 5.0, 60.0, 86_399.5])
@pytest.mark.parametrize("decided", [True, False])
def test_once_decides_the_newest_bar_at_any_second_of_the_day(
    whole_folder: Path, cache: Path, tmp_path: Path, second: float, *, decided: bool
) -> None:
    """Within paper.grace of a close it waits; across a close it decides both bars."""
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:01", paper__grace=5.0) as (w, clock):
        if decided:
            w.run()
        clock.sleep(BAR + DAY + second - clock.time)
        w.run()
        newest = (clock.time - 5.0) // DAY * DAY
        rows = [row.time for row in decisions(w)]
        assert rows[-1] == newest
        assert rows[0] == (BAR if decided else BAR + DAY)
        assert all(row.decided_at >= row.time + 5.0 for row in decisions(w))
        if second < 5.0:
            assert clock.time - (BAR + DAY) < 5.0 + 10.0


def test_once_across_a_close_decides_the_new_bar_too(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Fifteen seconds before midnight, and the first answer takes twenty."""
    with machine(whole_folder, cache, tmp_path, "2015-10-20 23:59:45", paper__grace=5.0) as (
        w,
        clock,
    ):
        slow = [20.0]

        def wait(asked: Asked, number: int) -> None:
            if asked.path.endswith("/klines") and slow:
                clock.sleep(slow.pop())

        w.venue.before_request = wait
        w.run()
        assert [row.time for row in decisions(w)] == [BAR, BAR + DAY]
        with w.journal() as journal:
            assert [fill.time // DAY * DAY for fill in journal.fills()] == [BAR + DAY] * 3


@pytest.mark.parametrize(("off", "rows"), [(40.0, [BAR]), (90.0, [BAR - DAY])])
def test_once_waits_for_a_bar_that_has_ended_by_a_clock_a_little_ahead(
    whole_folder: Path, cache: Path, tmp_path: Path, off: float, rows: list[int]
) -> None:
    """A timer starts it by that clock. Of one that is further ahead a person hears."""
    with machine(whole_folder, cache, tmp_path, "2015-10-19 23:59:25", off) as (w, _):
        observer = w.run()
        assert [row.time for row in decisions(w)] == rows
        assert bool(incident_texts(observer.incidents, "clock")) == (off > MINUTE)


def test_until_when_what_is_known_is_in_the_journal(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The calendar to a session at least 90 days ahead; markets and offset for an hour."""
    for mode in MODES:
        place = tmp_path / mode
        place.mkdir()
        with machine(whole_folder, cache, place, "2015-10-20 00:30", 7.0, exchange__mode=mode) as (
            w,
            clock,
        ):
            w.run(once=False, until="2015-10-21 00:10")
            with w.journal() as journal:
                known = {row.what: row for row in journal.known()}
            decided = decisions(w)[-1].decided_at
        assert set(known) == {"calendar", "clock", "markets"}
        assert known["calendar"].until >= clock.time + 90 * DAY
        assert known["calendar"].source.startswith("XNYS of exchange_calendars ")
        for row in (known["clock"], known["markets"]):
            assert row.until == pytest.approx(row.asked_at + HOUR)
        assert known["clock"].source == "binance, -7.0 s"
        assert known["markets"].source == "binance"
        assert 0.0 <= clock.time - known["clock"].asked_at < HOUR + Machine.longest_sleep
        for row in (known["calendar"], known["markets"]):
            assert -MINUTE <= row.asked_at - decided <= 0.0, "read again for the newest decision"


class Fickle:
    """An exchange whose time a test sets, or that does not say it."""

    id = "fickle"

    def __init__(self) -> None:
        self.clock_offset, self.true_offset = 0.0, 0.0
        self.asked, self.away = 0, False

    def sync_clock(self) -> float:
        self.asked += 1
        if self.away:
            raise TryLaterError("fickle: no answer")
        self.clock_offset = self.true_offset
        return self.clock_offset


def following(source: Fickle, machine: Machine) -> tuple[ExchangeClock, list[Incident]]:
    clock, incidents, known = ExchangeClock(machine), [], list[Known]()
    clock.follow(source, oldest_decision=180.0, report=incidents.append, remember=known.append)
    return clock, incidents


def test_a_changed_offset_is_reported_again_and_the_same_one_daily() -> None:
    source, machine = Fickle(), Machine(0.0)
    clock, incidents = following(source, machine)
    for source.true_offset, hours in ((61.0, 1), (62.0, 22), (200.0, 1), (200.0, 25)):
        clock.synchronise()
        machine.sleep(hours * HOUR)
    clock.synchronise()
    assert [incident.text.split("that of")[0] for incident in incidents] == [
        "this machine's clock is 1 min 1 s behind ",
        "this machine's clock is 3 min 20 s behind ",
        "this machine's clock is 3 min 20 s behind ",
    ]
    assert {incident.severity for incident in incidents} == {"warning"}


def test_small_steps_of_the_machines_clock_ask_nobody() -> None:
    source, machine = Fickle(), Machine(0.0)
    clock, _ = following(source, machine)
    clock.synchronise()
    for step in (4.0, -8.0, 4.0):
        machine.off += step
        clock.synchronise()
    assert source.asked == 1
    machine.off += 6.0
    clock.synchronise()
    assert source.asked == 2


@pytest.mark.parametrize("measured", [True, False], ids=["after a jump", "before any answer"])
def test_an_exchange_that_is_away_is_asked_at_growing_intervals(*, measured: bool) -> None:
    """However often a session that waits looks at the clock: every two seconds, for three hours."""
    source, machine = Fickle(), Machine(0.0)
    clock, _ = following(source, machine)
    if measured:
        clock.synchronise()
    machine.off, source.away, source.asked = 12.0 * HOUR, True, 0
    asked_at = []
    while machine.time < 3.0 * HOUR:
        before = source.asked
        with pytest.raises(TryLaterError, match="it is not known what time it is: fickle"):
            clock.synchronise()
        asked_at += [machine.time] * (source.asked - before)
        machine.sleep(2.0)
    pauses = [min(RETRY * 2.0**number, LONGEST_RETRY) for number in range(len(asked_at))]
    assert asked_at == [0.0, *accumulate(pauses[:-1])]
    assert asked_at[-1] > 3.0 * HOUR - LONGEST_RETRY, "and to the end"
    source.away, source.true_offset = False, -12.0 * HOUR
    machine.sleep(LONGEST_RETRY)
    clock.synchronise()
    assert clock.now() == machine.time


def test_a_clock_that_jumps_while_an_old_offset_holds_is_asked_about_at_once() -> None:
    """The pause after a failed hourly measurement is not for a time that nobody knows."""
    source, machine = Fickle(), Machine(0.0)
    clock, _ = following(source, machine)
    clock.synchronise()
    source.away = True
    machine.sleep(OFFSET_PERIOD)
    clock.synchronise()
    clock.synchronise()
    assert source.asked == 2
    machine.off, source.away, source.true_offset = HOUR, False, -HOUR
    clock.synchronise()
    assert source.asked == 3
    assert clock.now() == machine.time


def test_the_alarm_for_a_missed_decision_goes_by_the_same_clock() -> None:
    """Due by the machine's clock, which is a day ahead; not by the exchange's."""
    machine, alarms = Machine(1000.0, float(DAY)), list[str]()
    source = Fickle()
    source.true_offset = -float(DAY)
    clock, _ = following(source, machine)
    clock.synchronise()
    switch = DeadMansSwitch(DAY, alarms.append, None, clock.now)
    switch.expect(DAY, 2000.0)
    assert switch._look() == ""
    machine.sleep(1000.0)
    assert "no decision for the bar of 1970-01-02 00:00 UTC" in switch._look()
    switch.close()


def test_the_age_at_which_an_old_offset_is_reported_is_beyond_a_missed_measurement() -> None:
    assert REPORTED_OFFSET_AGE > OFFSET_PERIOD + LONGEST_RETRY


@pytest.mark.parametrize("back", [3.0 * DAY])
def test_a_clock_that_is_set_back_while_prices_are_late_delays_no_bar(
    whole_folder: Path, cache: Path, tmp_path: Path, back: float
) -> None:
    patience = 120.0
    with machine(
        whole_folder, cache, tmp_path, "2015-10-20 00:00:01", paper__patience=patience
    ) as (w, clock):
        clock.longest_sleep = 10.0
        w.run()
        w.venue.faults.add(
            "503_before",
            "GET",
            "klines",
            times=100_000,
            where=lambda asked: asked.query.get("symbol") == "BTCUSDT",
        )
        clock._now = epoch("2015-10-21 00:00:00")
        clock.at.append((epoch("2015-10-21 00:00:20"), lambda: setattr(clock, "off", -back)))
        w.run(once=False, until="2015-10-22 12:00")
        rows = decisions(w)
        assert [row.time for row in rows] == [BAR + day * DAY for day in range(3)]
        assert all(row.decided_at - row.time <= patience + MINUTE for row in rows)


@pytest.mark.parametrize("off", [-DAY, -30.0, 30.0, DAY])
def test_once_decides_its_bar_though_the_clock_is_set_within_the_grace(
    whole_folder: Path, cache: Path, tmp_path: Path, off: float
) -> None:
    with machine(whole_folder, cache, tmp_path, "2015-10-20 00:00:01", off, paper__grace=20.0) as (
        w,
        clock,
    ):
        clock.longest_sleep = 2.0
        clock.at.append((epoch("2015-10-20 00:00:05"), lambda: setattr(clock, "off", 0.0)))
        w.run()
        assert [row.time for row in decisions(w)] == [BAR]
        assert clock.time >= BAR + 20.0
