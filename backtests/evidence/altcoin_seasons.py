"""Claim B1: the altcoin seasons of 2017 and 2021, by calendar years and by the breakouts."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import FORMED, EventStudy
from backtests.evidence.claim import Statement, factual_claim, missing_prices
from backtests.evidence.dated_closes import covers, gain_between
from backtests.evidence.document import Claim
from backtests.evidence.history import BITCOIN, INDEX, History
from brokers.prices.clean import day_of_close

ALT_SEASON = Statement(
    "B1", "In 2017 and again in 2021 the Russell 2000 surged and an altcoin season followed"
)
YEARS = (2017, 2021)
YEAR_DAYS = 365


def claims(study: EventStudy, history: History) -> Iterator[Claim]:
    """The years that the article names, and the years after the breakouts before them."""
    for year in YEARS:
        yield _surge_claim(history, year)
        first, last = date(year - 1, 12, 31), date(year, 12, 31)
        yield _season_claim(history, f"the altcoin season of {year}", first, last)
    for year in FORMED:
        event = next((each for each in study.events if each.year == year), None)
        reading = f"in the year after the breakout of {year}"
        if event is None:
            yield missing_prices(ALT_SEASON.read_as(reading), "the index then", kind="fact")
            continue
        first = day_of_close(event)
        yield _season_claim(history, reading, first, _later(first))


def _later(day: date) -> date:
    return (pd.Timestamp(day) + pd.Timedelta(days=YEAR_DAYS)).date()


def _surge_claim(history: History, year: int) -> Claim:
    """A surge: more than the broad index."""
    statement = ALT_SEASON.read_as(f"the Russell's surge of {year}")
    first, last = date(year - 1, 12, 31), date(year, 12, 31)
    small, broad = history.bars["close"], history.broad
    if not (covers(small, first, last) and covers(broad, first, last)):
        return missing_prices(statement, f"both indices in {year}", kind="fact")
    gains = gain_between(small, first, last), gain_between(broad, first, last)
    return factual_claim(
        statement,
        test="gain of the calendar year above the broad index's",
        data=f"{INDEX}, broad index",
        estimate=gains[0],
        unit="share",
        holds=gains[0] > max(gains[1], 0.0),
        why=f"In {year} the Russell 2000 gained {gains[0]:+.0%}, the broad index {gains[1]:+.0%}.",
    )


def _season_claim(history: History, reading: str, first: date, last: date) -> Claim:
    """A season: the median altcoin known at its beginning gains, and more than Bitcoin."""
    statement = ALT_SEASON.read_as(reading)
    bitcoin = history.assets[BITCOIN]
    alts = {name: series for name, series in history.alts.items() if covers(series, first, last)}
    if not alts or not covers(bitcoin, first, last):
        return missing_prices(statement, f"BTC and alts from {first} to {last}", kind="fact")
    gains = {name: gain_between(series, first, last) for name, series in alts.items()}
    median, of_bitcoin = float(np.median(list(gains.values()))), gain_between(bitcoin, first, last)
    listed = ", ".join(f"{name} {gain:+,.0%}" for name, gain in gains.items())
    is_median = len(alts) > 1
    name = "median" if is_median else "only"
    return factual_claim(
        statement,
        test=f"median altcoin with prices on {first}, gain above Bitcoin's to {last}",
        data=", ".join((*alts, BITCOIN)),
        estimate=median,
        unit="share",
        holds=median > max(of_bitcoin, 0.0),
        why=f"From {first} to {last} the {name} altcoin gained {median:+,.0%}, BTC"
        f" {of_bitcoin:+,.0%} ({listed}). They are coins that survived."
        f"{'' if is_median else ' A single coin is no median: nothing can be concluded.'}",
        n=len(alts),
        is_final=is_median,
    )
