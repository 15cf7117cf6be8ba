"""Claims about what followed the Russell's breakouts, and what preceded them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import ANSWER, FORMED, NAMED, EventStudy, Response
from backtests.evidence.claim import (
    FEWEST,
    Statement,
    factual_claim,
    missing_prices,
    tested_claim,
    verdict_on_excess,
)
from backtests.evidence.document import Claim
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import (
    LEVEL,
    SEEN,
    TREND_DAYS,
    Excess,
    above_own_mean,
    daily_closes,
)
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from brokers.plurals import count

WASHED_OUT = 0.5  # drawdown from the record that counts as sold out
BOTH_TIMES = Statement(
    "A1", "In 2016 and in 2020 the Russell 2000 broke above its record and a BTC bull market began"
)
TOO_FEW = Statement("A2", "There are only two examples; statistically nothing can be concluded")
ALT_SEASON = Statement(
    "B1", "In 2017 and again in 2021 the Russell surged and an altcoin season followed"
)
SOLD_OUT = Statement(
    "B9", "It happens when crypto is washed out by selling: books thin, sellers exhausted"
)
SAME_ENGINE = Statement("B10", "Every cycle runs on the same engine whatever its surface")
LATE = Statement(
    "B11",
    "Whoever waits for crypto's own chart to confirm is late: the signal comes before crypto's own"
    " trend turns",
)


def claims(study: EventStudy, history: History) -> Iterator[Claim]:
    """Those about breakouts."""
    yield _bull_market_claim(study)
    yield too_few_claim(study)
    yield _altcoin_claim(study)
    for asset in (ETHER, ALTS, BITCOIN):
        for horizon in ("1 month", "3 months"):
            yield _answer_claim(study, asset, horizon)
    yield _same_engine_claim(study)
    yield from _claims_before_breakouts(study, history.assets[BITCOIN])


def _gain(log_gain: float) -> float:
    """As a fraction."""
    return float(np.expm1(log_gain))


def _estimate(excess: Excess) -> Estimate:
    return Estimate(
        n=excess.n,
        estimate=excess.difference,
        low=excess.low,
        high=excess.high,
        p=excess.p,
        power=excess.power,
        smallest=excess.smallest,
    )


def _bull_market_claim(study: EventStudy) -> Claim:
    response = study.responses.get((BITCOIN, "12 months"))
    rows = []
    if response is not None:
        rows = [row for row, event in enumerate(response.gains.events) if event.year in FORMED]
    if response is None or len(rows) < len(FORMED):
        return missing_prices(BOTH_TIMES, "BTC in 2016 and 2020")
    gains = [_gain(gain) for gain in response.gains.gains[rows]]
    doubled = float(np.mean(response.gains.every >= np.log(2.0)))
    return factual_claim(
        BOTH_TIMES,
        test="BTC over 12 months after each",
        data=BITCOIN,
        estimate=min(gains),
        unit="share",
        holds=min(gains) >= 1.0,
        why=f"BTC rose {gains[0]:.0%} and {gains[1]:.0%} in the year after. It at least doubled"
        f" after {doubled:.0%} of all days, and these two breakouts formed the thesis.",
        n=len(rows),
    )


def too_few_claim(study: EventStudy) -> Claim:
    """Contradicted only by enough breakouts that did not form the thesis, with enough power."""
    if NAMED not in study.out_of_sample:
        return missing_prices(TOO_FEW, "BTC at other breakouts than those of 2016 and 2020")
    excess = study.out_of_sample[NAMED].strictest
    is_shown = excess.n >= FEWEST and excess.p <= LEVEL and excess.power >= SEEN
    why = (
        f"{count(excess.n, 'breakout')} with a price of BTC did not form the thesis. Over {NAMED}"
        f" BTC gained {_gain(excess.mean):+.0%} on average, {_gain(excess.usual):+.0%} at random"
        f" dates (p {excess.p:.3f}). At least {FEWEST} are needed for a conclusion."
    )
    return tested_claim(
        TOO_FEW,
        _estimate(excess),
        test=f"BTC over {NAMED} after out-of-sample breakouts, against random dates",
        data=BITCOIN,
        unit="log",
        verdict="contradicted" if is_shown else "supported",
        why=why,
    )


def _altcoin_claim(study: EventStudy) -> Claim:
    alts, bitcoin = (study.responses.get((asset, "12 months")) for asset in (ALTS, BITCOIN))
    if alts is None or bitcoin is None:
        return missing_prices(ALT_SEASON, "alts or BTC")
    alt_gains, bitcoin_gains = _gains_by_year(alts), _gains_by_year(bitcoin)
    years = [year for year in FORMED if year in alt_gains and year in bitcoin_gains]
    if len(years) < len(FORMED):
        return missing_prices(ALT_SEASON, "alts in 2016 and 2020")
    by_year = ", ".join(
        f"{year}: alts {alt_gains[year]:+,.0%}, BTC {bitcoin_gains[year]:+,.0%}" for year in years
    )
    return factual_claim(
        ALT_SEASON,
        test="alts against BTC over the year after each breakout",
        data=f"{ALTS}, {BITCOIN}",
        estimate=None,
        unit="",
        holds=all(alt_gains[year] > max(bitcoin_gains[year], 0.0) for year in years),
        why=f"In the year after the breakouts of {by_year}. The alts are those that survived.",
        n=len(years),
    )


def _gains_by_year(response: Response) -> dict[int, float]:
    gains = response.gains
    return {event.year: _gain(gain) for event, gain in zip(gains.events, gains.gains, strict=True)}


def _answer_claim(study: EventStudy, asset: str, horizon: str) -> Claim:
    note = "; claimed of ETH and alts" if asset == BITCOIN else ""
    statement = ANSWER.read_as(f"{asset}, {horizon}{note}")
    response = study.responses.get((asset, horizon))
    if response is None:
        return missing_prices(statement, f"{asset} at any breakout")
    excess = response.strictest
    ps = ", ".join(f"{each.p:.3f} against {name}" for name, each in response.comparisons.items())
    why = (
        f"After {count(excess.n, 'breakout')} {asset} gained {_gain(excess.mean):+.0%} on average,"
        f" at the least favourable random dates {_gain(excess.usual):+.0%} (p {ps}); smallest"
        f" effect detectable with 80 % power: {_gain(excess.smallest):.0%}."
    )
    return tested_claim(
        statement,
        _estimate(excess),
        test="mean log gain after breakouts against random dates drawn in three ways; the least"
        " favourable counts",
        data=f"{asset}, {INDEX}",
        unit="log",
        verdict=verdict_on_excess(excess),
        why=why,
    )


def _same_engine_claim(study: EventStudy) -> Claim:
    response = study.responses.get((BITCOIN, NAMED))
    if response is None or len(response.gains.gains) < 2:
        return missing_prices(SAME_ENGINE, "BTC at two breakouts")
    log_gains = response.gains.gains
    gains = [_gain(gain) for gain in log_gains]
    p = response.strictest.spread_p
    why = (
        f"Over {NAMED} after its {count(len(gains), 'breakout')} BTC gained {min(gains):+.0%} to"
        f" {max(gains):+.0%}. Gains after random dates differ as much in {p:.0%} of draws."
    )
    return Claim(
        id=SAME_ENGINE.id,
        claim=SAME_ENGINE.text,
        reading="",
        test=f"variance of BTC's log gains over {NAMED} among breakouts against that among random"
        " dates",
        data=BITCOIN,
        n=len(gains),
        estimate=float(log_gains.std(ddof=1)),
        low=None,
        high=None,
        unit="log",
        p=p,
        power=None,
        verdict="contradicted" if p <= LEVEL else "inconclusive",
        why=why,
    )


def _claims_before_breakouts(study: EventStudy, bitcoin: pd.Series) -> Iterator[Claim]:
    """What Bitcoin looked like at the breakouts: each is a case, and the majority decides."""
    daily = daily_closes(bitcoin)
    first = daily.index[min(TREND_DAYS, len(daily) - 1)]
    covered = study.events[(study.events >= first) & (study.events <= daily.index[-1])]
    days = pd.DatetimeIndex(daily.index[daily.index.searchsorted(covered)])
    if not len(days):
        for statement in (SOLD_OUT, LATE):
            yield missing_prices(statement, "BTC before any breakout")
        return
    yield _sold_out_claim(daily, days)
    yield _late_claim(bitcoin, days)


def _sold_out_claim(daily: pd.Series, days: pd.DatetimeIndex) -> Claim:
    drawdowns = (1.0 - daily / daily.cummax())[days]
    by_year = ", ".join(
        f"{day.year}: {drawdown:.0%}" for day, drawdown in zip(days, drawdowns, strict=True)
    )
    return factual_claim(
        SOLD_OUT,
        test=f"BTC's drawdown from its record close at each breakout, {WASHED_OUT:.0%} or more in"
        " most",
        data=BITCOIN,
        estimate=float(drawdowns.median()),
        unit="share",
        holds=bool((drawdowns >= WASHED_OUT).mean() > 0.5),
        why=f"BTC's drawdown from its record close at {count(len(days), 'breakout')}: {by_year}.",
        n=len(days),
    )


def _late_claim(bitcoin: pd.Series, days: pd.DatetimeIndex) -> Claim:
    above = above_own_mean(bitcoin, days)
    by_year = ", ".join(
        f"{day.year}: {'above' if is_above else 'below'}"
        for day, is_above in zip(days, above, strict=True)
    )
    return factual_claim(
        LATE,
        test=f"BTC below its {TREND_DAYS}-day MA in most",
        data=BITCOIN,
        estimate=float(1.0 - above.mean()),
        unit="share",
        holds=bool(above.mean() < 0.5),
        why=f"BTC against its {TREND_DAYS}-day MA at {count(len(days), 'breakout')}: {by_year}.",
        n=len(days),
    )
