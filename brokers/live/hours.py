"""When a session may buy: for a while after each bar has ended, and not after that."""

from collections.abc import Iterator
from typing import NamedTuple

from brokers.clock import utc_text
from brokers.journal.incident import Incident
from brokers.live.session_setup import SessionSetup, setup_of
from config.settings import Settings

MINUTE, DAY = 60.0, 86_400


class BuyingHours(NamedTuple):
    """The hours in which a decision may buy: those of now, or else the next.

    `opens` and `closes` are epoch seconds, `is_open` says whether that is now, and `text` names the
    hours as they are on every day, in UTC.
    """

    opens: float
    closes: float
    is_open: bool
    text: str

    @property
    def when(self) -> str:
        """When something can be bought, as the end of a sentence."""
        if self.is_open:
            return f"possible {self.text}, now until {utc_text(self.closes)}"
        return f"possible {self.text}, not before {utc_text(self.opens)}"


def buying_hours(setup: SessionSetup, now: float) -> BuyingHours:
    """The hours of these settings (`paper.max_decision_age` from a bar's end on) around `now`.

    A bar's hours end at the latest with the next bar, whose decision takes its place.
    """
    bar, length = setup.newest_bar(now), setup.bar_seconds
    age = min(setup.largest_age, length + setup.grace)
    is_open = now <= bar + age
    first = bar if is_open else bar + length
    return BuyingHours(first + setup.grace, first + age, is_open, _hours_text(setup))


def outside_hours(settings: Settings, now: float) -> Iterator[Incident]:
    """What to tell a person whose session starts `now` and decides a grace later, outside them."""
    setup = setup_of(settings.model_dump_json())
    hours = buying_hours(setup, now + setup.grace)
    if not hours.is_open:
        text = f"buys are {hours.when}; until then a decision only sells (paper.max_decision_age)"
        yield Incident("hours", "info", text)


def _hours_text(setup: SessionSetup) -> str:
    length, age = setup.bar_seconds, setup.largest_age
    if age >= length:
        return "at any hour"
    if length == DAY:
        return f"from 00:00 to {_clock_time(age)} UTC"
    return (
        f"for {age / MINUTE:g} minutes after each bar's end "
        f"(every {length / MINUTE:g} minutes from 00:00 UTC)"
    )


def _clock_time(seconds: float) -> str:
    minutes = int(seconds // MINUTE)
    return f"{minutes // 60:02}:{minutes % 60:02}"
