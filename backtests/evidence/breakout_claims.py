"""Claims about what followed the Russell's breakouts, and what preceded them."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import FORMED, NAMED, EventStudy, Response
from backtests.evidence.claim import (
    FEWEST,
    Statement,
    binomial_claim,
    estimated_claim,
    factual_claim,
    missing_prices,
    verdict_on_excess,
    verdict_on_no_effect,
)
from backtests.evidence.dated_closes import format_day
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import (
    LEVEL,
    TREND_DAYS,
    Excess,
    Side,
    above_own_mean,
    daily_closes,
    p_on_side,
    smallest_difference,
)
from backtests.evidence.historical_facts import JANUARY
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.january_2026 import SOLD_OUT, WASHED_OUT
from backtests.evidence.turning_points import Turn, find_turns
from brokers.plurals import count

BEGINS = pd.Timedelta(days=91)  # "began" with the breakout: within a quarter of it
MOST_ALTS = 0.5  # of the altcoins
BOTH_TIMES = Statement(
    "A1", "In 2016 and in 2020 the Russell 2000 broke above its record and a BTC bull market began"
)
TOO_FEW = Statement("A2", "There are only two examples; statistically nothing can be concluded")
SAME_ENGINE = Statement("B10", "Every cycle runs on the same engine whatever its surface")
LATE = Statement("B11", "Whoever waits for altcoins' own charts to confirm is late")


def claims(study: EventStudy, history: History) -> Iterator[Claim]:
    """Those about breakouts."""
    yield _bull_market_claim(study)
    yield _beginning_claim(study, history.assets[BITCOIN])
    yield _examples_claim(study)
    yield too_few_claim(study)
    yield _resistance_claim(study)
    yield _same_engine_claim(study)
    yield from _claims_before_breakouts(study, history)


def _gain(log_gain: float) -> float:
    """As a fraction."""
    return float(np.expm1(log_gain))


def against_dates(response: Response, asset: str, side: Side = "both") -> str:
    """In words: what the asset gained after breakouts, and at random dates of each kind.

    `side` as in `estimated_claim`: p is one-sided or two-sided as that of the claim.
    """
    excess = response.strictest(side)
    ps = ", ".join(
        f"{p_on_side(each.p, each.difference, side):.3f} against {name}"
        for name, each in response.comparisons.items()
    )
    return (
        f"After {count(excess.n, 'breakout')} {asset} gained {_gain(excess.mean):+.0%} (geometric"
        f" mean), at the least favourable random dates {_gain(excess.usual):+.0%}"
        f" ({'two' if side == 'both' else 'one'}-sided p {ps})."
    )


def _bull_market_claim(study: EventStudy) -> Claim:
    statement = BOTH_TIMES.read_as("BTC gained afterwards")
    response = study.responses.get((BITCOIN, "12 months"))
    rows = []
    if response is not None:
        rows = [row for row, event in enumerate(response.gains.events) if event.year in FORMED]
    if response is None or len(rows) < len(FORMED):
        return missing_prices(statement, "BTC in 2016 and 2020", kind="fact")
    gains = [_gain(gain) for gain in response.gains.gains[rows]]
    doubled = float(np.mean(response.gains.every >= np.log(2.0)))
    return factual_claim(
        statement,
        test="BTC over 12 months after each",
        data=BITCOIN,
        estimate=min(gains),
        unit="share",
        holds=min(gains) >= 1.0,
        why=f"BTC rose {gains[0]:.0%} and {gains[1]:.0%} in the year after. It at least doubled"
        f" after {doubled:.0%} of all days, and these two breakouts formed the thesis.",
        n=len(rows),
    )


def _beginning_claim(study: EventStudy, bitcoin: pd.Series) -> Claim:
    """Whether the advance under way after each breakout began with it."""
    statement = BOTH_TIMES.read_as("the advance began then")
    events = [event for event in study.events if event.year in FORMED]
    lows = [_low_before(event, find_turns(daily_closes(bitcoin))) for event in events]
    known = [low for low in lows if low]
    if len(known) < len(FORMED):
        return missing_prices(statement, "BTC before 2016 and 2020", kind="fact")
    ages = [(event - low.day).days for event, low in zip(events, known, strict=True)]
    listed = ", ".join(
        f"the advance of {event.year} on {format_day(low.day)}, {age:,} days before the breakout"
        for event, low, age in zip(events, known, ages, strict=True)
    )
    return factual_claim(
        statement,
        test=f"BTC's last turning point upwards before each, at most {BEGINS.days} days old",
        data=BITCOIN,
        estimate=float(min(ages)),
        unit="days",
        holds=max(ages) <= BEGINS.days,
        why=f"Began: {listed}.",
        n=len(ages),
    )


def _low_before(event: pd.Timestamp, turns: list[Turn]) -> Turn | None:
    """The low from which the advance under way began; within a quarter after it counts too."""
    lows = [turn for turn in turns if turn.kind == "low" and turn.day <= event + BEGINS]
    return lows[-1] if lows else None


def _examples_claim(study: EventStudy) -> Claim:
    statement = TOO_FEW.read_as("only two")
    response = study.responses.get((BITCOIN, NAMED))
    if response is None:
        return missing_prices(statement, "BTC at any breakout", kind="fact")
    events = response.gains.events
    return factual_claim(
        statement,
        test="breakouts with prices of BTC for the three months after them",
        data=f"{INDEX}, {BITCOIN}",
        estimate=float(len(events)),
        unit="breakouts",
        holds=len(events) <= len(FORMED),
        why=f"There are {len(events)}: {', '.join(f'{event:%Y-%m-%d}' for event in events)}.",
        n=len(events),
    )


def too_few_claim(study: EventStudy) -> Claim:
    """Contradicted only by enough breakouts that did not form the thesis.

    That nothing can be concluded is never shown: at best, nothing has been.
    """
    statement = TOO_FEW.read_as("nothing can be concluded")
    if NAMED not in study.out_of_sample:
        return missing_prices(statement, "BTC at other breakouts than those of 2016 and 2020")
    response = study.out_of_sample[NAMED]
    excess = response.strictest()
    why = (
        f"{count(excess.n, 'breakout')} with a price of BTC did not form the thesis. Over {NAMED}"
        f" BTC gained {_gain(excess.mean):+.0%} (geometric mean), {_gain(excess.usual):+.0%} at"
        f" random dates (two-sided p {excess.p:.3f}).{_power_of_all(study)}"
    )
    return estimated_claim(
        statement,
        response.estimate(),
        test=f"BTC over {NAMED} after out-of-sample breakouts, against random dates",
        data=BITCOIN,
        unit="log",
        verdict=verdict_on_no_effect(excess.low) if excess.n >= FEWEST else "inconclusive",
        why=why,
    )


def _power_of_all(study: EventStudy) -> str:
    """What all breakouts together could show, those that formed the thesis among them."""
    response = study.responses.get((BITCOIN, NAMED))
    if response is None:
        return ""
    excess = response.strictest()
    smallest = smallest_difference(excess.n, excess.spread)
    return (
        f" All {excess.n} together detect an effect of {_gain(smallest):.0%} with 80 % power;"
        f" measured: {_gain(excess.difference):+.0%}."
    )


def _resistance_claim(study: EventStudy) -> Claim:
    """Above a record there is no resistance: the index's own gain after its breakouts."""
    statement = JANUARY.read_as(f"no resistance above a record, {NAMED}")
    response = study.responses.get((INDEX, NAMED))
    if response is None:
        return missing_prices(statement, f"{INDEX} after any breakout")
    return estimated_claim(
        statement,
        response.estimate("above"),
        test="the index's mean log gain after its breakouts against random dates drawn in three"
        " ways; the least favourable counts",
        data=INDEX,
        unit="log",
        verdict=verdict_on_excess(response.strictest("above")),
        why=against_dates(response, INDEX, "above"),
        side="above",
    )


def _same_engine_claim(study: EventStudy) -> Claim:
    """Gains that differ more than those after random dates speak against one engine."""
    response = study.responses.get((BITCOIN, NAMED))
    if response is None or len(response.gains.gains) < 2:
        return missing_prices(SAME_ENGINE, "BTC at two breakouts")
    excess, log_gains = response.strictest(), response.gains.gains
    gains = [_gain(gain) for gain in log_gains]
    verdict: Verdict = "contradicted" if excess.spread_p <= LEVEL else "inconclusive"
    return estimated_claim(
        SAME_ENGINE,
        _deviation(excess, float(log_gains.std(ddof=1))),
        test=f"variance of BTC's log gains over {NAMED} among breakouts against that among random"
        " dates",
        data=BITCOIN,
        unit="deviation of logs",
        verdict=verdict,
        why=f"Over {NAMED} after its {count(len(gains), 'breakout')} BTC gained {min(gains):+.0%}"
        f" to {max(gains):+.0%}. Gains after random dates differ as much in"
        f" {excess.spread_p:.0%} of draws.",
    )


def _deviation(excess: Excess, deviation: float) -> Estimate:
    nan = float("nan")
    return Estimate(
        n=excess.n,
        estimate=deviation,
        low=nan,
        high=nan,
        p=excess.spread_p,
        smallest=nan,
    )


def _claims_before_breakouts(study: EventStudy, history: History) -> Iterator[Claim]:
    """What the coins looked like at the breakouts, against how often they look so anyway."""
    bitcoin = daily_closes(history.assets[BITCOIN])
    days = _covered_days(study.events, bitcoin)
    sold_out = SOLD_OUT.read_as("BTC at all breakouts")
    if len(days):
        yield _sold_out_claim(sold_out, bitcoin, days)
    else:
        yield missing_prices(sold_out, "BTC before any breakout")
    yield _late_claim(
        "BTC's own trend, for comparison", {BITCOIN: history.assets[BITCOIN]}, study.events
    )
    yield _late_claim("altcoins' own trends", history.alts, study.events)


def _covered_days(events: pd.DatetimeIndex, daily: pd.Series) -> pd.DatetimeIndex:
    """The first midnight after each event that has the prices of `TREND_DAYS` before it."""
    first = daily.index[min(TREND_DAYS, len(daily) - 1)]
    covered = events[(events >= first) & (events <= daily.index[-1])]
    return pd.DatetimeIndex(daily.index[daily.index.searchsorted(covered)])


def _sold_out_claim(statement: Statement, daily: pd.Series, days: pd.DatetimeIndex) -> Claim:
    falls = 1.0 - daily / daily.cummax()
    by_year = ", ".join(f"{day.year}: {falls[day]:.0%}" for day in days)
    return binomial_claim(
        statement,
        hits=int((falls[days] >= WASHED_OUT).sum()),
        n=len(days),
        base_rate=float((falls.iloc[TREND_DAYS:] >= WASHED_OUT).mean()),
        test=f"BTC {WASHED_OUT:.0%} or more below its record close at each breakout",
        data=BITCOIN,
        why=f"BTC below its record close at {count(len(days), 'breakout')}: {by_year}.",
    )


def _late_claim(reading: str, coins: Mapping[str, pd.Series], events: pd.DatetimeIndex) -> Claim:
    """Whether most of the coins were still below their own means at each breakout."""
    statement = LATE.read_as(reading)
    below = _share_below(coins)
    midnights = events.ceil("D")
    days = midnights[midnights.isin(below.index)]
    if not len(days):
        return missing_prices(statement, f"{', '.join(coins) or 'alts'} before any breakout")
    by_year = ", ".join(f"{day.year}: {below[day]:.0%} below" for day in days)
    return binomial_claim(
        statement,
        hits=int((below[days] > MOST_ALTS).sum()),
        n=len(days),
        base_rate=float((below > MOST_ALTS).mean()),
        test=f"most coins below their own {TREND_DAYS}-day MA at each breakout",
        data=", ".join(coins),
        why=f"Coins below their own {TREND_DAYS}-day MA at {count(len(days), 'breakout')}:"
        f" {by_year}.",
    )


def _share_below(coins: Mapping[str, pd.Series]) -> pd.Series:
    """Share of coins below their own mean by day, of those whose mean is known."""
    columns = {}
    for name, closes in coins.items():
        daily = daily_closes(closes)
        starts = pd.DatetimeIndex(daily.index[TREND_DAYS - 1 :])
        columns[name] = pd.Series(1.0 - above_own_mean(closes, starts), starts)
    if not columns:
        return pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))
    share: pd.Series = pd.DataFrame(columns).mean(axis=1)
    return share
