"""Claims about the Fed, the Treasury and financial conditions: facts of record, and breakouts."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import EventStudy
from backtests.evidence.claim import (
    Statement,
    binomial_claim,
    factual_claim,
    missing_prices,
    untestable_claim,
)
from backtests.evidence.document import Claim
from backtests.evidence.history import INDEX, PUBLISHED, History
from backtests.evidence.macro_drivers import LIQUIDITY
from backtests.evidence.weekly_returns import STALE
from strategies.indicators import Floats
from strategies.market import latest

EASING = Statement("B15", "The breakout comes inseparably with easing financial conditions")
PAST = pd.Timedelta(weeks=13)
NEAR_RECORD = 0.05  # share below the index's record that still counts as near it
# The autumn's first day and the last before the latest date of publication (2026-01-31).
AUTUMN, WINTER = (pd.Timestamp(day, tz="UTC") for day in ("2025-11-01", "2026-01-31"))
LIMITS = "It is revised every week and made of market prices, so it partly repeats the breakout."


def claims(study: EventStudy, history: History) -> Iterator[Claim]:
    """Those about liquidity in the winter of 2025/26, and about conditions at breakouts."""
    yield _purchases_claim(history)
    yield _treasury_claim(history)
    yield untestable_claim(
        LIQUIDITY.read_as("fiscal policy loosens"),
        "the federal deficit by month (FRED's MTSDS133FMS) against the year before",
    )
    yield _easing_claim(study, history)


def _during_winter(values: pd.Series | None) -> pd.Series | None:
    """What was published from autumn to publication; None where it does not reach so far."""
    if values is None or values.empty:
        return None
    if values.index[0] > AUTUMN or values.index[-1] < WINTER - STALE:
        return None
    return values[AUTUMN:WINTER]


def _purchases_claim(history: History) -> Claim:
    statement = LIQUIDITY.read_as("the Fed buys Treasuries, winter 2025/26")
    held = _during_winter(history.macro.get("treasuries"))
    if held is None:
        return untestable_claim(
            statement, f"what the Fed holds of Treasuries (FRED's {PUBLISHED['treasuries']})"
        )
    change = float(held.iloc[-1] - held.min()) / 1e3
    return factual_claim(
        statement,
        test=f"holdings published by {WINTER:%Y-%m-%d} above their lowest since {AUTUMN:%Y-%m-%d}",
        data=f"FRED's {PUBLISHED['treasuries']}",
        estimate=change,
        unit="billion USD",
        holds=change > 0.0,
        why=f"They rose by {change:,.0f} billion USD, to {held.iloc[-1] / 1e3:,.0f}.",
    )


def _treasury_claim(history: History) -> Claim:
    """Drawn down to its lowest, and where it stood when the articles were out."""
    statement = LIQUIDITY.read_as("the Treasury draws its account down, winter 2025/26")
    account = _during_winter(history.macro.get("treasury"))
    if account is None:
        return missing_prices(statement, "the Treasury's account since 2025-11", kind="fact")
    lowest = int(account.to_numpy().argmin())
    highest = account.iloc[: lowest + 1].max() / 1e3
    bottom, last = account.iloc[lowest] / 1e3, account.iloc[-1] / 1e3
    refilled = (last - bottom) / (highest - bottom) if highest > bottom else 0.0
    return factual_claim(
        statement,
        test="highest value since 2025-11 to the lowest after it, as published; less than half of"
        " it refilled by 2026-01-31",
        data="Federal Reserve",
        estimate=bottom - highest,
        unit="billion USD",
        holds=highest > bottom and refilled < 0.5,
        why=f"From {highest:,.0f} billion USD the account fell to {bottom:,.0f}, published on"
        f" {account.index[lowest]:%Y-%m-%d}; by {account.index[-1]:%Y-%m-%d} it stood at"
        f" {last:,.0f}, {refilled:.0%} of the fall refilled.",
    )


def _change_of(conditions: pd.Series, at: pd.DatetimeIndex) -> Floats:
    """Change over `PAST` to each instant, as published by it; NaN where unknown."""
    return np.asarray(latest(conditions, at, STALE) - latest(conditions, at - PAST, STALE))


def _easing_claim(study: EventStudy, history: History) -> Claim:
    """Conditions easier than 13 weeks before at each breakout, against days near a record."""
    conditions = history.macro.get("conditions")
    name = PUBLISHED["conditions"]
    if conditions is None:
        return untestable_claim(EASING, f"the Chicago Fed's {name} (FRED). {LIMITS[:-1]}")
    at_events = _change_of(conditions, study.events)
    closes = history.closes.dropna()
    near = closes[closes >= (1.0 - NEAR_RECORD) * closes.cummax()]
    on_days = _change_of(conditions, pd.DatetimeIndex(near.index))
    at_events, on_days = at_events[np.isfinite(at_events)], on_days[np.isfinite(on_days)]
    if not len(at_events):
        return missing_prices(EASING, f"{name} at any breakout")
    hits, n = int((at_events < 0.0).sum()), len(at_events)
    return binomial_claim(
        EASING,
        hits=hits,
        n=n,
        base_rate=float(np.mean(on_days < 0.0)),
        test=f"{name} below its value of 13 weeks before at breakouts, against days on which the"
        f" index was within {NEAR_RECORD:.0%} of its record (the base rate)",
        data=f"{INDEX}, {name}",
        why=f"At {hits} of {n} breakouts {name} stood below its value of 13 weeks before; the days"
        f" below are those near a record. {LIMITS}",
    )
