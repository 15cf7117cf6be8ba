"""Closes by the day they belong to, and gains between two days."""

from datetime import date

import pandas as pd

from brokers.prices.clean import DAY, day_of_close


def end_of_day(day: str | date) -> pd.Timestamp:
    """The instant at which a UTC day is over."""
    return pd.Timestamp(day, tz="UTC") + DAY


def covers(closes: pd.Series, first: str | date, last: str | date) -> bool:
    """Whether closes, by the instant known (UTC), reach from one day to another."""
    if closes.empty:
        return False
    begins, ends = day_of_close(closes.index[0]), day_of_close(closes.index[-1])
    return begins <= pd.Timestamp(first).date() and pd.Timestamp(last).date() <= ends


def close_on(closes: pd.Series, day: str | date) -> float:
    """The newest close at the end of a UTC day, one at least."""
    return float(closes[: end_of_day(day)].iloc[-1])


def gain_between(closes: pd.Series, first: str | date, last: str | date) -> float:
    """From the close of one day to that of another, as a fraction."""
    return close_on(closes, last) / close_on(closes, first) - 1.0


def format_day(known_at: pd.Timestamp | None, none: str = "never") -> str:
    """The day of the close that was known at an instant."""
    return none if known_at is None else day_of_close(known_at).isoformat()


def first_time(condition: pd.Series) -> pd.Timestamp | None:
    """When it is true for the first time."""
    return peak_time(condition) if condition.any() else None


def peak_time(values: pd.Series) -> pd.Timestamp:
    """When they are highest for the first time."""
    return pd.DatetimeIndex(values.index)[int(values.to_numpy().argmax())]
