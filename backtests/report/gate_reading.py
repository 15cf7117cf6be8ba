"""The gate's latest row, told as a person would."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.performance.forward_returns import Opening, gain_since, openings
from backtests.performance.forward_returns import as_json as openings_as_json
from brokers.prices.load import Prices
from config.settings import Settings
from strategies.gate import GateRules, gate_table

ANSWER_DAYS = (30, 91)  # "one to three months" after the breakout, as the thesis has it


class Reading(NamedTuple):
    """What the gate says at `as_of`, from the session known last. Shares are fractions; instants are UTC."""

    as_of: pd.Timestamp
    row: pd.Series
    rules: GateRules
    max_gate_age: int
    symbol: str
    last_close_on: pd.Timestamp
    left_sessions_ago: int | None
    coins_since: Mapping[str, float]
    openings: list[Opening]


def read(settings: Settings, prices: Prices) -> Reading:
    """The reading at `prices.now`.

    Raises
    ------
    DataError
        The index history starts too late, or there is no session yet.

    """
    rules = gate_rules(settings)
    table = gate_table(market(settings, prices), rules)
    row = table.iloc[-1]
    dormant = table["state"] == "dormant"
    left = dormant & ~dormant.shift(fill_value=True)
    sessions_ago = int(len(table) - 1 - left.to_numpy().nonzero()[0][-1]) if left.any() else None
    closes = {
        coin.name: prices.of(coin.history).frame["close"] for coin in settings.coins_and_bitcoin()
    }
    gains = (
        {name: gain_since(series, row["confirmed_at"]) for name, series in closes.items()}
        if row["state"] == "confirmed"
        else {}
    )
    since = {name: gain for name, gain in gains.items() if gain is not None}
    index = prices.of(settings.signal.index)
    place = (
        prices.now,
        row,
        rules,
        settings.gate.max_gate_age,
        index.request.symbol,
        index.frame.index[-1],
        sessions_ago,
    )
    return Reading(*place, since, openings(table, closes))


def as_json(reading: Reading) -> dict[str, Any]:
    """The reading as plain values, with the sentences."""
    row = reading.row
    plain = {
        name: _plain(row[name])
        for name in row.index
        if not name.startswith(("confirmation_", "channel_", "measure_"))
    }
    checks = {
        kind: {
            name: {
                "holds": _plain(row[f"{prefix}_{name}"]),
                "value": _plain(row[f"measure_{name}"]),
            }
            for name in names
        }
        for kind, prefix, names in (
            ("confirmations", "confirmation", reading.rules.confirmations),
            ("channels", "channel", reading.rules.curve.channels),
        )
    }
    history = [openings_as_json(one) for one in reading.openings]
    since = {"coins_since": dict(reading.coins_since), "days_open": _days_open(reading)}
    return (
        {"as_of": reading.as_of.isoformat()}
        | plain
        | checks
        | since
        | {"openings": history, "text": list(sentences(reading))}
    )


def sentences(reading: Reading) -> Iterator[str]:
    """What a person would say: the answer, why, and what would change it."""
    row, rules = reading.row, reading.rules
    stale = int(row["stale"])
    shut = stale > reading.max_gate_age or row["ceiling"] == 0
    allowed = "nothing" if shut else f"at most {row['ceiling']:.0%} of equity"
    yield f"The gate is {_state(row)}. {allowed[0].upper()}{allowed[1:]} may be held in coins."
    consequence = (
        f"no holding may rise on it, and after {reading.max_gate_age} sessions all are sold."
    )
    if stale and row["held"]:
        yield f"{_capital(row['closes_note'])}: the row is that of the session before, {consequence}"
    elif stale:
        yield (
            f"The last close of {reading.symbol} is of {reading.last_close_on:%Y-%m-%d}, {_times(stale, 'session')} ago: "
            f"the row is the last one there is, {consequence} Get newer prices."
        )
    elif row["closes_note"]:
        yield f"{_capital(row['closes_note'])}."
    yield f"{reading.symbol} closed at {row['close']:,.2f}; {_against_record(row)}."
    if reading.coins_since:
        gains = ", ".join(f"{name} {gain:+.0%}" for name, gain in reading.coins_since.items())
        yield f"Since the confirmation, {_counted(_days_open(reading) or 0)} ago: {gains}."
    if (days := _days_open(reading)) is not None:
        yield f"By the thesis the other coins answer within one to three months: {_in_window(days)}."
    channels = rules.curve.channels
    held = ", ".join(_check(row, "channel", name) for name in channels) or "none"
    yield f"Channels, in order: {held}; {int(row['filled'])} of {len(channels)} filled from the top."
    yield f"Confirmations: {', '.join(_check(row, 'confirmation', name) for name in rules.confirmations) or 'none'}."
    yield f"What would change it: {_change(reading)}."


def _days_open(reading: Reading) -> int | None:
    row = reading.row
    return int((reading.as_of - row["confirmed_at"]).days) if row["state"] == "confirmed" else None


def _in_window(days: int) -> str:
    first, last = ANSWER_DAYS
    if days < first:
        return f"that time begins in {_counted(first - days)}"
    return (
        f"it is day {days}, that time ends in {_counted(last - days)}"
        if days <= last
        else f"that time ended {_counted(days - last)} ago"
    )


def _counted(days: int) -> str:
    return _times(days, "day")


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _away(close: float, price: float) -> str:
    """Where `price` lies from here."""
    return f"{price:,.2f} ({price / close - 1:+.1%} from here)"


def _state(row: pd.Series) -> str:
    if row["state"] == "confirmed":
        again = "" if row["after_base"] else ", re-armed after an earlier attempt"
        return f"open (confirmed) since {row['confirmed_at']:%Y-%m-%d}{again}: the breakout above {row['level']:,.2f} holds"
    if row["state"] == "testing":
        return f"shut, testing: a breakout above {row['level']:,.2f} is not confirmed yet"
    ended = {
        "": "no breakout so far",
        "lapsed": "the last breakout lapsed unconfirmed",
        "failed": "the last breakout failed",
    }
    ended |= {
        "trend": "the last spell ended below the index's own average",
        "age": "the last spell reached its largest age",
    }
    return f"shut (dormant): {ended[row['reason']]}"


def _against_record(row: pd.Series) -> str:
    if pd.isna(row["record"]):
        return "its first close known"
    if row["close"] > row["record"]:
        return f"a new record, the old one of {row['record']:,.2f} stood for {int(row['base_age']):,} sessions"
    return f"{1 - row['close'] / row['record']:.1%} below its record of {row['record']:,.2f}, set {int(row['base_age']):,} sessions ago"


def _check(row: pd.Series, kind: str, name: str) -> str:
    holds, value = row[f"{kind}_{name}"], row[f"measure_{name}"]
    if pd.isna(holds):
        return f"{name} unknown"
    number = (
        f"{value:.2f}"
        if name in ("volume", "breadth")
        else f"{value:+,.0f}"
        if name == "liquidity"
        else f"{value:+.1%}"
    )
    return f"{name} {'yes' if holds else 'no'} ({number})"


def _change(reading: Reading) -> str:
    row, rules = reading.row, reading.rules.breakout
    close = float(row["close"])
    if row["state"] == "confirmed":
        floor = row["level"] * (1 - rules.fail_tolerance)
        unknown = pd.isna(row["average"])
        average = (
            ""
            if unknown
            else f" or below its {reading.rules.trend_sessions}-session average, now {_away(close, row['average'])}"
        )
        return f"{rules.fail_sessions} closes in a row below {_away(close, floor)}{average}, shut it; each channel filled or lost moves the ceiling"
    if row["state"] == "testing":
        threshold = row["level"] * (1 + rules.buffer)
        return f"{rules.confirm_sessions} closes in a row above {_away(close, threshold)} with {rules.min_confirmations} confirmations open it"
    ago = reading.left_sessions_ago
    rearmed = ago is not None and ago < rules.rearm_within
    needed = rules.rearm_sessions if rearmed else rules.base_sessions
    below = row["close"] <= row["record"]
    record, age = (row["record"], int(row["base_age"])) if below else (row["close"], 0)
    wait = "" if age + 1 >= needed else f" once that has stood for {needed} sessions ({age} so far)"
    return f"a close above {_away(close, record)}{wait} starts a breakout"


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
