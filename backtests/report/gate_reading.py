"""The gate's newest row in words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.performance.forward_returns import ForwardReturns, forward_returns, gain_since
from backtests.report.sentence_case import capitalize_first
from brokers.plurals import count
from brokers.prices.load import Prices
from config.sections import NEVER
from config.settings import Settings
from strategies.gate import GateRules, gate_table

THESIS_DAYS = (30, 91)  # "one to three months" after the breakout
NOTHING = "No coins may be held"
NUMBER_FORMS = {"volume": "{:.2f}", "breadth": "{:.2f}", "liquidity": "{:+,.0f}"}
ENDINGS = {
    "": "no breakout so far",
    "lapsed": "the last breakout was not confirmed in time",
    "failed": "the last breakout failed",
    "trend": "the last gate period ended with the index below its average",
    "age": "the last gate period reached its maximum length",
}


class GateReading(NamedTuple):
    """The gate at `as_of`, from the last session known. Fractions; instants are UTC."""

    as_of: pd.Timestamp
    row: pd.Series
    rules: GateRules
    max_gate_age: int
    symbol: str
    last_close_on: pd.Timestamp
    left_sessions_ago: int | None
    coins_since: Mapping[str, float]
    forward_returns: list[ForwardReturns]

    @property
    def is_too_old(self) -> bool:
        """Whether the row is older than `max_gate_age` allows: all coins are sold then."""
        return int(self.row["stale"]) > self.max_gate_age

    @property
    def ceiling(self) -> float:
        """Largest share of equity in coins that may be held now, whatever the row says."""
        return 0.0 if self.is_too_old else float(self.row["ceiling"])

    def to_json(self) -> dict[str, object]:
        """Python's own types, with the sentences; `ceiling` is the one in force."""
        values = {
            name: _json_value(self.row[name])
            for name in self.row.index
            if not name.startswith(("confirmation_", "channel_", "measure_"))
        }
        return {
            "as_of": self.as_of.isoformat(),
            **values,
            "ceiling": self.ceiling,
            "row_ceiling": values["ceiling"],
            "confirmations": self._checks("confirmation", self.rules.confirmations),
            "channels": self._checks("channel", self.rules.curve.channels),
            "coins_since": dict(self.coins_since),
            "days_open": _days_open(self),
            "openings": [returns.to_json() for returns in self.forward_returns],
            "text": list(sentences(self)),
        }

    def _checks(self, kind: str, names: Iterable[str]) -> dict[str, dict[str, object]]:
        return {
            name: {
                "holds": _json_value(self.row[f"{kind}_{name}"]),
                "value": _json_value(self.row[f"measure_{name}"]),
            }
            for name in names
        }


def gate_reading(settings: Settings, prices: Prices) -> GateReading:
    """The gate at `prices.now`.

    Raises
    ------
    DataError
        The index history starts too late, or there is no session yet.

    """
    rules = gate_rules(settings)
    table = gate_table(market(settings, prices), rules)
    row = table.iloc[-1]
    closes = {
        coin.name: prices.of(coin.history).frame["close"] for coin in settings.coins_and_bitcoin()
    }
    is_open = row["state"] == "confirmed"
    gains = {
        name: gain_since(series, row["confirmed_at"]) if is_open else None
        for name, series in closes.items()
    }
    index = prices.of(settings.signal.index)
    return GateReading(
        as_of=prices.now,
        row=row,
        rules=rules,
        max_gate_age=settings.gate.age_limit,
        symbol=index.request.symbol,
        last_close_on=index.frame.index[-1],
        left_sessions_ago=_sessions_since_left(table["state"]),
        coins_since={name: gain for name, gain in gains.items() if gain is not None},
        forward_returns=forward_returns(table, closes),
    )


def _sessions_since_left(states: pd.Series) -> int | None:
    """Sessions since the gate last became dormant; None: it never was."""
    dormant = states == "dormant"
    left = dormant & ~dormant.shift(fill_value=True)
    return int(len(states) - 1 - left.to_numpy().nonzero()[0][-1]) if left.any() else None


def sentences(reading: GateReading) -> Iterator[str]:
    """The reading in words: the answer, the reasons, and what would change it."""
    row, rules = reading.row, reading.rules
    stale = int(row["stale"])
    if reading.is_too_old:
        yield "No coins may be held: the gate's last row is too old to act on."
    else:
        yield f"The gate is {_state(row)}. {_allowed(reading.ceiling)}."
    yield from _about_data(reading, stale)
    if reading.is_too_old:
        yield f"In that row the gate is {_state(row)}. {_allowed(float(row['ceiling']))} by it."
    yield f"{reading.symbol} closed at {row['close']:,.2f}, {_against_record(row)}."
    days = _days_open(reading)
    if reading.coins_since:
        gains = ", ".join(f"{name} {gain:+.0%}" for name, gain in reading.coins_since.items())
        yield f"Since the confirmation, {count(days or 0, 'day')} ago: {gains}."
    if days is not None:
        yield (
            "According to the thesis other coins follow within one to three months:"
            f" {_thesis_window(days)}."
        )
    channels = rules.curve.channels
    checks = ", ".join(_check(row, "channel", name) for name in channels) or "none"
    yield (
        f"Risk checks, in order: {checks}."
        f" The first {int(row['filled'])} of {count(len(channels), 'risk check')} pass."
    )
    confirmations = ", ".join(_check(row, "confirmation", name) for name in rules.confirmations)
    yield f"Confirmations: {confirmations or 'none'}."
    newer = "newer prices; by that row, " if reading.is_too_old else ""
    yield f"What would change it: {newer}{_change(reading)}."


def _allowed(ceiling: float) -> str:
    return f"Up to {ceiling:.0%} of equity may be held in coins" if ceiling else NOTHING


def _about_data(reading: GateReading, stale: int) -> Iterator[str]:
    """What is wrong with the newest closes, if anything."""
    note = capitalize_first(reading.row["closes_note"] or "")
    consequence = _consequence(reading)
    if stale and reading.row["held"]:
        yield f"{note}: the row is that of the session before, {consequence}"
    elif stale:
        yield (
            f"The last close of {reading.symbol} is of {reading.last_close_on:%Y-%m-%d},"
            f" {count(stale, 'session')} ago: the row is the last available one, {consequence}"
            " Get newer prices."
        )
    elif note:
        yield f"{note}."
    if reading.row["substituted"]:
        yield (
            "Some of the closes are not from the first source of their series: until that has "
            "them, the ceiling may fall and not rise."
        )


def _consequence(reading: GateReading) -> str:
    """What follows of a row that is not of the newest session, as the end of a sentence."""
    if reading.max_gate_age >= NEVER:
        return 'exposure may not rise, and gate.when_stale = "hold": nothing is sold for that.'
    allowed = count(reading.max_gate_age, "session")
    if reading.is_too_old:
        return f"gate.max_gate_age allows {allowed}, so all coins are sold."
    return f"exposure may not rise, and after {allowed} all coins are sold."


def _days_open(reading: GateReading) -> int | None:
    row = reading.row
    return int((reading.as_of - row["confirmed_at"]).days) if row["state"] == "confirmed" else None


def _thesis_window(days: int) -> str:
    first, last = THESIS_DAYS
    if days < first:
        return f"that time begins in {count(first - days, 'day')}"
    if days <= last:
        return f"this is day {days}, that time ends in {count(last - days, 'day')}"
    return f"that time ended {count(days - last, 'day')} ago"


def _distance(close: float, price: float) -> str:
    """A price and how far it is from the close."""
    return f"{price:,.2f} ({price / close - 1:+.1%} from here)"


def _state(row: pd.Series) -> str:
    level = f"{row['level']:,.2f}"
    if row["state"] == "confirmed":
        again = "" if row["after_base"] else ", re-armed after an earlier attempt"
        return (
            f"open (confirmed) since {row['confirmed_at']:%Y-%m-%d}{again}:"
            f" the breakout above {level} holds"
        )
    if row["state"] == "testing":
        return f"closed (testing): the breakout above {level} is not confirmed yet"
    return f"closed (dormant): {ENDINGS[row['reason']]}"


def _against_record(row: pd.Series) -> str:
    if pd.isna(row["record"]):
        return "the first close known"
    record, age = f"{row['record']:,.2f}", count(int(row["base_age"]), "session")
    if row["close"] > row["record"]:
        return f"a new record high; the one before, {record}, stood for {age}"
    below = 1 - row["close"] / row["record"]
    return f"{below:.1%} below its record high of {record}, set {age} ago"


def _check(row: pd.Series, kind: str, name: str) -> str:
    holds, value = row[f"{kind}_{name}"], row[f"measure_{name}"]
    if pd.isna(holds):
        return f"{name} unknown"
    form = NUMBER_FORMS.get(name, "{:+.1%}")
    return f"{name} {'yes' if holds else 'no'} ({form.format(value)})"


def _change(reading: GateReading) -> str:
    state = reading.row["state"]
    if state == "confirmed":
        return _what_would_close(reading)
    return _what_would_confirm(reading) if state == "testing" else _what_would_start(reading)


def _what_would_close(reading: GateReading) -> str:
    row, rules = reading.row, reading.rules.breakout
    close = float(row["close"])
    floor = row["level"] * (1 - rules.fail_tolerance)
    average = (
        ""
        if pd.isna(row["average"])
        else f" or below its {reading.rules.trend_sessions}-session average,"
        f" now {_distance(close, row['average'])},"
    )
    closes = count(rules.fail_sessions, "consecutive close")
    return (
        f"{closes} below {_distance(close, floor)}{average} would close the gate;"
        " each risk check that starts or stops passing moves the ceiling"
    )


def _what_would_confirm(reading: GateReading) -> str:
    row, rules = reading.row, reading.rules.breakout
    threshold = _distance(float(row["close"]), row["level"] * (1 + rules.buffer))
    closes = count(rules.confirm_sessions, "consecutive close")
    confirmations = count(rules.min_confirmations, "confirmation")
    return f"{closes} above {threshold} with {confirmations} would open the gate"


def _what_would_start(reading: GateReading) -> str:
    row, rules = reading.row, reading.rules.breakout
    ago = reading.left_sessions_ago
    is_rearmed = ago is not None and ago < rules.rearm_within
    needed = rules.rearm_sessions if is_rearmed else rules.base_sessions
    is_below = row["close"] <= row["record"]
    record, age = (row["record"], int(row["base_age"])) if is_below else (row["close"], 0)
    wait = (
        ""
        if age + 1 >= needed
        else f" once that record has stood for {count(needed, 'session')} ({age:,} so far)"
    )
    return f"a close above {_distance(float(row['close']), record)}{wait} starts a breakout"


def _json_value(value: Any) -> Any:
    """None for what is unknown, ISO 8601 for an instant, Python's own type for a number."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
