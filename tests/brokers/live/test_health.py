"""Whether an account is well, recovers, or needs a person; the instants are spelt out."""

import json
import math
from typing import Any

import pytest

from brokers.commands import paper
from brokers.errors import RetryLaterError
from brokers.live.health import EXIT_CODES, PASSING_ERRORS, judge
from brokers.live.session_setup import SessionSetup, setup_of
from brokers.live.status_document import OrderNow, StatusReport
from brokers.prices.series import DataError
from tests.brokers.live.status_samples import DAY, NEXT, SESSION, changed, decision, incident

HOUR, MINUTE = 3600, 60
BAR = NEXT - DAY  # the newest decided one


def setup(timeframe: str = "1d") -> SessionSetup:
    """5 s of grace, 120 s of patience and 120 s of margin: in time is within 245 s."""
    content = {
        "exchange": {"timeframe": timeframe},
        "paper": {"grace": 5.0, "patience": 120.0, "max_decision_age": 180.0},
        "gate": {"max_gate_age": 5},
    }
    return setup_of(json.dumps(content))


def session(**changes: Any) -> Any:
    return SESSION.model_copy(update=changes)


def ended(outcome: str | None, at: float = BAR + 10.0) -> Any:
    return session(running=False, process="", ended=at if outcome else None, outcome=outcome)


def health(report: StatusReport, timeframe: str = "1d") -> str:
    return judge(report, setup(timeframe))[0]


def test_exit_codes_are_those_of_the_commands() -> None:
    assert EXIT_CODES == {"well": 0, "needs a person": 5, "recovering": 75}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (BAR + 23 * HOUR, "well"),
        (NEXT + 4.0, "well"),  # within its grace the bar is not due
        (NEXT + 245.0, "well"),
        (NEXT + 246.0, "recovering"),
        (NEXT + 5 * DAY, "recovering"),  # it runs, and asks again
    ],
)
def test_a_running_session_decides_within_grace_patience_and_a_margin(
    at: float, expected: str
) -> None:
    report = changed(at=at)
    assert health(report) == expected
    if expected == "recovering":
        newest = "2030-01-01" if at < NEXT + DAY else "2030-01-05"  # its grace is not over
        (reason,) = judge(report, setup())[1]
        assert reason == (
            f"a session runs, but the bar of {newest} 00:00 UTC is not decided "
            "(the last was made at 2029-12-31 00:00 UTC)"
        )


def test_a_session_that_has_just_started_is_not_behind() -> None:
    started = NEXT + 10.0 * HOUR
    for after, expected in ((200.0, "well"), (300.0, "recovering")):
        report = changed(at=started + after, session=session(started=started))
        assert health(report) == expected
        assert health(report.model_copy(update={"decision": None})) == expected


@pytest.mark.parametrize(
    ("outcome", "at", "expected"),
    [
        # A timer may start the next one as long as it could still buy.
        ("done", NEXT + 3 * HOUR, "well"),
        ("done", NEXT + 3 * HOUR + 1, "recovering"),
        ("done", NEXT + DAY, "recovering"),
        ("done", NEXT + DAY + 1, "needs a person"),  # a whole bar was missed
        # A session that was to run on is missed sooner.
        ("stopped", NEXT + 245.0, "well"),
        ("stopped", NEXT + 246.0, "recovering"),
        ("stopped", NEXT + DAY + 1, "needs a person"),
        (None, NEXT + 246.0, "recovering"),  # killed
        (None, NEXT + DAY + 1, "needs a person"),
        ("TryLaterError: binance: no answer", BAR + HOUR, "recovering"),
        ("TryLaterError: binance: no answer", NEXT + DAY + 1, "needs a person"),
        ("DataError: no prices", BAR + HOUR, "recovering"),
        ("CallAPersonError: the key is revoked", BAR + HOUR, "needs a person"),
        ("SafetyError: stopped", BAR + HOUR, "needs a person"),
        ("ZeroDivisionError: division by zero", BAR + HOUR, "needs a person"),
    ],
)
def test_without_a_session_it_depends_on_how_the_last_one_ended_and_how_long_ago(
    outcome: str | None, at: float, expected: str
) -> None:
    report = changed(at=at, session=ended(outcome))
    assert health(report) == expected
    if outcome and "Error" in outcome and at < NEXT:
        name, _, text = outcome.partition(": ")
        reason = judge(report, setup())[1][0]
        assert reason.endswith(f": {text}")
        assert (name in reason) is (name == "ZeroDivisionError")  # a bug's class says something


@pytest.mark.parametrize("at", [NEXT + DAY + 1, NEXT + 2 * DAY])
def test_a_missed_bar_is_given_as_a_reason_once(at: float) -> None:
    found, reasons = judge(changed(at=at, session=ended("stopped")), setup())
    assert found == "needs a person"
    (reason,) = reasons
    assert reason.startswith("no session runs and the bar of ") and reason.endswith("start `paper`")


def test_a_first_session_that_is_stopped_within_its_grace_has_missed_nothing_yet() -> None:
    """It began 1 s after a bar's end; the newest bar it decides on had ended a day before."""
    first = ended("interrupted", at=NEXT + 3.0).model_copy(update={"started": NEXT + 1.0})
    for after, expected in (
        (120.0, "well"),
        (247.0, "recovering"),
        (DAY + 2.0, "needs a person"),
    ):
        assert health(changed(at=NEXT + after, session=first, decision=None)) == expected


def open_order(state: str) -> OrderNow:
    return OrderNow(
        decided_on=BAR,
        coin="BTC",
        size=1.0,
        state=state,
        why="",
        client_id=None,
        filled=0.0,
        venue_text="",
    )


@pytest.mark.parametrize(
    ("now", "expected", "reason"),
    [
        # It runs, and has decided at 6 s after the bar's end.
        (session(), "well", ""),
        (ended("interrupted"), "needs a person", "; start `paper`"),
        (ended("done"), "needs a person", "; start `paper`"),
        (ended(None), "recovering", ""),  # killed, and just now
    ],
)
def test_orders_that_are_left_open_need_a_session(now: Any, expected: str, reason: str) -> None:
    now = now.model_copy(update={"last_seen": BAR + 6.0})
    left = tuple(open_order(state) for state in ("planned", "planned", "planned", "sent"))
    report = changed(at=BAR + 60.0, session=now, open_orders=left)
    found, reasons = judge(report, setup())
    assert found == expected
    text = f"orders left open: 3 not sent, 1 not settled{reason}"
    assert reasons == (() if expected == "well" else (text,))
    later = judge(report.model_copy(update={"at": BAR + 2.0 * HOUR}), setup())
    if now.running:
        assert later == ("recovering", (f"{text}; its session tries again",))
    else:
        assert later[0] == "needs a person"
        assert "orders left open: 3 not sent, 1 not settled; start `paper`" in later[1]


def test_what_was_not_sent_while_trading_is_off_is_not_left_open() -> None:
    trading = changed().trading.model_copy(update={"state": "off", "reason": "by hand"})
    left = (open_order("planned"),)
    report = changed(session=ended("done"), trading=trading, open_orders=left)
    assert judge(report, setup())[1] == ("trading is off: by hand; see `resume`",)


def test_a_short_bar_is_not_missed_for_good_before_the_age_of_a_decision() -> None:
    """One-minute bars: the oldest undecided one ended a minute after the newest decided one."""
    for at, expected in (
        (BAR + MINUTE + 180 * MINUTE, "recovering"),
        (BAR + MINUTE + 180 * MINUTE + 1, "needs a person"),
    ):
        assert health(changed(at=float(at), session=ended(None)), "1m") == expected


def kinds_of(error: type[Exception]) -> set[str]:
    """The names of the program's errors of that kind."""
    below = {name for kind in error.__subclasses__() for name in kinds_of(kind)}
    is_named = error.__module__.startswith("brokers.") and not error.__name__.startswith("_")
    return below | ({error.__name__} if is_named else set())


def test_errors_that_pass_are_those_that_units_start_again_after() -> None:
    """An error class that is added must be added there too."""
    assert paper.EXPECTED  # its module imports all that a session may raise
    assert kinds_of(RetryLaterError) | kinds_of(DataError) == set(PASSING_ERRORS)


@pytest.mark.parametrize("state", ["off", "no-buys"])
def test_trading_that_is_not_on_needs_a_person(state: str) -> None:
    trading = changed().trading.model_copy(update={"state": state, "reason": "by hand"})
    found, reasons = judge(changed(trading=trading), setup())
    assert (found, reasons) == ("needs a person", (f"trading is {state}: by hand; see `resume`",))


def test_a_reason_that_names_resume_names_it_once() -> None:
    reason = "paper.permit is missing; `resume` makes it again"
    trading = changed().trading.model_copy(update={"state": "off", "reason": reason})
    assert judge(changed(trading=trading), setup())[1] == (f"trading is off: {reason}",)


@pytest.mark.parametrize(
    ("now", "way"),
    [
        (session(), "its session goes on with it"),
        (ended("stopped"), "start `paper` or `flatten` again"),
    ],
)
def test_everything_that_is_still_to_be_sold_is_not_to_be_resumed(now: Any, way: str) -> None:
    trading = changed().trading.model_copy(update={"state": "flatten", "reason": "get out"})
    assert judge(changed(session=now, trading=trading), setup()) == (
        "needs a person",
        (f"everything is still to be sold (get out): {way}; `halt` calls it off",),
    )


def test_a_coin_without_bars_is_named() -> None:
    missing = decision().model_copy(update={"missing": {"ETH": 2.0}})
    found, reasons = judge(changed(decision=missing), setup())
    assert (found, reasons) == ("recovering", ("ETH: no bar for 2 bars",))


@pytest.mark.parametrize(
    ("kind", "severity", "is_open", "expected"),
    [
        ("drawdown", "critical", True, "needs a person"),
        ("clock", "critical", True, "needs a person"),
        ("gate stale", "critical", True, "recovering"),
        ("held close", "critical", True, "recovering"),
        ("reset", "critical", True, "recovering"),
        ("drawdown", "critical", False, "well"),
        ("exchange", "warning", True, "well"),
    ],
)
def test_only_open_critical_incidents_count(
    kind: str, severity: str, *, is_open: bool, expected: str
) -> None:
    happened = incident("something", kind=kind, severity=severity, open=is_open)
    assert health(changed(incidents=(happened,))) == expected


def test_what_needs_a_person_comes_first() -> None:
    happened = incident("old prices", kind="gate stale", severity="critical")
    trading = changed().trading.model_copy(update={"state": "off", "reason": "by hand"})
    found, reasons = judge(changed(incidents=(happened,), trading=trading), setup())
    assert found == "needs a person"
    assert [reason.partition(":")[0] for reason in reasons] == ["trading is off", "gate stale"]


def test_with_hold_a_gate_is_never_too_old() -> None:
    gate = {"max_gate_age": 5, "when_stale": "hold"}
    assert setup_of(json.dumps({"gate": gate})).gate_age == math.inf
    assert setup_of(json.dumps({"gate": gate | {"when_stale": "sell"}})).gate_age == 5.0
