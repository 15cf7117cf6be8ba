"""Claims that no price decides: tested with figures of the user's own, where there are any.

Otherwise the claim says which figures would do.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.halvings import height_on, mined_units
from backtests.evidence.claim import (
    Statement,
    factual_claim,
    is_close,
    untestable_claim,
)
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN
from strategies.indicators import Floats

YEAR = pd.Timedelta(days=365)
GAP = pd.Timedelta(days=35)  # monthly figures, at least
LEVERAGE_YEARS = 4  # before the last one, with which it is compared
FLOWS = Statement(
    "A12",
    "In 2025 the Russell 2000 rose more than 40 %, yet small-cap ETFs lost almost 20 billion USD"
    " over the year",
)
LOSSES = Statement(
    "A13",
    "About 40 % of Russell 2000 companies reported losses for Q3 2025, near the highest ever,"
    " twice the share of 2007",
)
RAILS = Statement(
    "B14",
    "The rails are better: clear rules, custody, ETFs that keep absorbing supply, less leverage",
)
TAKEN_IN = Statement("A17", "ETFs took in hundreds of billions")
TEMPERATURE = Statement("A18", "The index is the temperature of the domestic US economy")
ETF_START = pd.Timestamp("2024-01-11", tz="UTC")  # the first day on which the spot ETFs traded
HUNDREDS = 2e11  # USD: the least that "hundreds of billions" can be


class Source(NamedTuple):
    """Where figures come from: which are needed, which setting names their file, its problem."""

    figures: str
    setting: str
    problem: str = ""

    def lacks(self, statement: Statement, figures: str = "") -> Claim:
        """The claim without them; `figures` where others than usual are needed."""
        needed = f"{figures or self.figures}, in a CSV named by {self.setting}"
        problem = f"Your file cannot be read: {self.problem}." if self.problem else ""
        return untestable_claim(statement, needed, problem)


SOURCES = {
    "flows": Source("flows of small-cap funds by day over 2025", "haircuts.flows.file"),
    "losses": Source(
        "the share of its members with losses by quarter, 2007 and 2025 among them",
        "haircuts.losses.file",
    ),
    "bitcoin_flows": Source(
        "flows into Bitcoin's spot ETFs by day over a year", "evidence.bitcoin_flows"
    ),
    "open_interest": Source(
        "open interest in Bitcoin's futures by day over five years", "evidence.open_interest"
    ),
}


def claims(
    macro: Mapping[str, pd.Series], bitcoin: pd.Series | None, problems: Mapping[str, str]
) -> Iterator[Claim]:
    """All of them; `macro` and `problems` as in `History`, `bitcoin` its closes."""
    sources = {
        name: source._replace(problem=problems.get(name, "")) for name, source in SOURCES.items()
    }
    flows, interest = macro.get("bitcoin_flows"), macro.get("open_interest")
    yield _flow_claim(macro.get("flows"), sources["flows"])
    yield _loss_claim(macro.get("losses"), sources["losses"])
    yield _intake_claim(flows, sources["bitcoin_flows"])
    yield untestable_claim(
        TEMPERATURE,
        "the share of its members' sales that is made at home, and those sales against domestic"
        " output by quarter",
    )
    yield _absorption_claim(flows, bitcoin, sources["bitcoin_flows"])
    yield _leverage_claim(interest, bitcoin, sources["open_interest"])
    yield untestable_claim(
        RAILS.read_as("clear rules, custody"),
        "the dates of rules that came into force and the assets that custodians hold by quarter",
    )


def _covers(values: pd.Series, first: pd.Timestamp, last: pd.Timestamp) -> bool:
    """Whether figures come at least every `GAP` from first to last."""
    inside = values.index[(values.index > first) & (values.index < last)]
    days = pd.DatetimeIndex([first, *inside, last])
    return bool(len(values)) and bool((days[1:] - days[:-1]).max() <= GAP)


def _of_year(values: pd.Series, year: int) -> pd.Series:
    """Those dated in a year: each is known when its day is over."""
    known_at = pd.DatetimeIndex(values.index)
    return values[
        (known_at > pd.Timestamp(year, 1, 1, tz="UTC"))
        & (known_at <= pd.Timestamp(year + 1, 1, 1, tz="UTC"))
    ]


def _covers_years(values: pd.Series, years: int, bitcoin: pd.Series | None) -> bool:
    """Whether figures, and prices, reach so many years back from the last one without a gap."""
    if values.empty or bitcoin is None:
        return False
    last = pd.Timestamp(values.index[-1])
    first = last - years * YEAR
    has_prices = bool(bitcoin.index[0] <= first)
    return has_prices and bool(values.index[0] <= first) and _covers(values, first, last)


def _flow_claim(flows: pd.Series | None, source: Source) -> Claim:
    statement = FLOWS.read_as("money out")
    first, last = pd.Timestamp("2025-01-01", tz="UTC"), pd.Timestamp("2026-01-01", tz="UTC")
    of_2025 = None if flows is None else _of_year(flows, 2025)
    if of_2025 is None or not _covers(of_2025, first, last):
        return source.lacks(statement)
    total = float(of_2025.sum())
    return factual_claim(
        statement,
        test="sum of the flows published in 2025",
        data="your flows",
        estimate=total / 1e9,
        unit="billion USD",
        holds=is_close(total, -2e10),
        why=f"{len(of_2025)} figures published in 2025 sum to {total / 1e9:+,.1f} billion USD.",
    )


def _intake_claim(flows: pd.Series | None, source: Source) -> Claim:
    figures = "flows into Bitcoin's spot ETFs by day since January 2024"
    if flows is None or flows.empty or not _covers(flows, ETF_START, pd.Timestamp(flows.index[-1])):
        return source.lacks(TAKEN_IN, figures)
    total = float(flows[flows.index > ETF_START].sum())
    return factual_claim(
        TAKEN_IN,
        test=f"sum of the flows since the spot ETFs began, {HUNDREDS / 1e9:,.0f} billion or more",
        data="your flows",
        estimate=total / 1e9,
        unit="billion USD",
        holds=total >= HUNDREDS,
        why=f"{len(flows)} figures to {flows.index[-1]:%Y-%m-%d} sum to {total / 1e9:+,.1f} billion"
        " USD.",
        n=len(flows),
    )


def _loss_claim(losses: pd.Series | None, source: Source) -> Claim:
    if losses is None:
        return source.lacks(LOSSES)
    # Dated from 2025-09-30 on.
    published = losses[pd.Timestamp("2025-10-01", tz="UTC") : pd.Timestamp("2026-03-31", tz="UTC")]
    of_2007 = _of_year(losses, 2007)
    if published.empty or not of_2007.mean() > 0.0:
        return source.lacks(LOSSES)
    share, before = float(published.iloc[0]), float(of_2007.mean())
    highest = float(losses.max())
    is_double = abs(share / (2.0 * before) - 1.0) <= 0.25
    return factual_claim(
        LOSSES,
        test="the first figure after the quarter's end",
        data="your losses",
        estimate=share,
        unit="share",
        holds=is_close(share, 0.4) and is_close(share, highest) and is_double,
        why=f"The first figure after 2025-10-01 is {share:.0%}; of all {len(losses)} figures the"
        f" highest is {highest:.0%}, the mean of 2007 is {before:.0%}.",
        n=len(losses),
    )


def _absorption_claim(flows: pd.Series | None, bitcoin: pd.Series | None, source: Source) -> Claim:
    statement = RAILS.read_as("ETFs keep absorbing supply")
    if flows is None or bitcoin is None or not _covers_years(flows, 1, bitcoin):
        return source.lacks(statement)
    last = flows.index[-1]
    year = flows[last - YEAR + pd.Timedelta(seconds=1) :]
    bought = float((year.to_numpy() / _prices_on(bitcoin, year)).sum())
    new_coins = (mined_units(height_on(last)) - mined_units(height_on(last - YEAR))) / 1e8
    return factual_claim(
        statement,
        test="coins that the flows of the last year bought, over those mined in it",
        data=f"your flows, {BITCOIN}",
        estimate=bought / new_coins,
        unit="times",
        holds=bought > new_coins,
        why=f"In the year to {last:%Y-%m-%d} the funds bought {bought:,.0f} coins at each day's"
        f" price; {new_coins:,.0f} were mined.",
        n=len(year),
    )


def _prices_on(bitcoin: pd.Series, values: pd.Series) -> Floats:
    """Bitcoin's price on the day of each value."""
    days = pd.DatetimeIndex(values.index).floor("D")
    return np.asarray(daily_closes(bitcoin).reindex(days, method="ffill"), dtype=np.float64)


def _leverage_claim(interest: pd.Series | None, bitcoin: pd.Series | None, source: Source) -> Claim:
    statement = RAILS.read_as("less leverage")
    years = 1 + LEVERAGE_YEARS
    if interest is None or bitcoin is None or not _covers_years(interest, years, bitcoin):
        return source.lacks(statement)
    days = pd.DatetimeIndex(interest.index)
    supply = pd.Series([mined_units(height_on(day)) / 1e8 for day in days], days)
    share = interest / (supply * _prices_on(bitcoin, interest))
    is_earlier = (days >= days[-1] - years * YEAR) & (days <= days[-1] - YEAR)
    now, before = float(share[days > days[-1] - YEAR].mean()), float(share[is_earlier].mean())
    if not before > 0.0:
        figures = "open interest above 0 in Bitcoin's futures by day over five years"
        return source.lacks(statement, figures)
    return factual_claim(
        statement,
        test="open interest over the value of all coins, the last year against the"
        f" {LEVERAGE_YEARS} before",
        data=f"your open interest, {BITCOIN}",
        estimate=now / before,
        unit="times",
        holds=now < before,
        why=f"Open interest was {now:.2%} of all coins' value over the last year, {before:.2%} over"
        f" the {LEVERAGE_YEARS} before.",
        n=len(interest),
    )
