"""The tests of the mechanism elsewhere, corrected together with all others of the page."""

from collections.abc import Iterator
from math import nan

from backtests.evidence.claim import FEWEST, Statement, estimated_claim, verdict_by_interval
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.elsewhere import (
    DECISIVE,
    Elsewhere,
    ExcessElsewhere,
    PooledElsewhere,
    join_names,
)
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import WithoutOne
from brokers.plurals import count

# Not a sentence of the articles, which speak of crypto: what must hold if they have the mechanism.
MECHANISM = Statement(
    "E1",
    "Capital moves down the risk curve after small caps break out: other risk assets gain on the"
    " broad index too",
)


def claims(elsewhere: Elsewhere) -> Iterator[Claim]:
    """For each index the assets together and, where there are several, each of them.

    Only the horizon that was fixed in advance is tested; the others are for the table.
    """
    for pooled in elsewhere.pooled:
        if pooled.horizon != DECISIVE:
            continue
        yield _pooled_claim(pooled, elsewhere.broad)
        if len(pooled.assets) > 1:
            yield from (
                _asset_claim(excess, elsewhere.broad)
                for excess in elsewhere.excess
                if (excess.index, excess.horizon) == (pooled.index, DECISIVE)
            )


def _pooled_claim(pooled: PooledElsewhere, broad: str) -> Claim:
    assets = join_names(pooled.assets)
    estimate = Estimate(
        n=pooled.n,
        estimate=pooled.estimate,
        low=pooled.low,
        high=pooled.high,
        p=pooled.p,
        smallest=pooled.smallest,
        without_each=tuple(map(WithoutOne, pooled.p_without_each, pooled.without_each)),
    )
    return _claim(
        _statement(assets, pooled.index),
        estimate,
        test=f"gain on {broad} over {DECISIVE} less the usual one, mean over the assets of a"
        " breakout; breakouts pooled by random effects (DerSimonian and Laird, interval of Hartung"
        " and Knapp)",
        data=", ".join((pooled.index, broad, *pooled.assets)),
    )


def _asset_claim(excess: ExcessElsewhere, broad: str) -> Claim:
    estimate = Estimate(
        n=excess.n,
        estimate=excess.difference,
        low=nan if excess.low is None else excess.low,
        high=nan if excess.high is None else excess.high,
        p=excess.p,
        smallest=excess.smallest,
        without_each=tuple(map(WithoutOne, excess.p_without_each, excess.without_each)),
    )
    return _claim(
        _statement(excess.asset, excess.index),
        estimate,
        test=f"mean gain on {broad} over {DECISIVE} after breakouts against random dates drawn in"
        " three ways; the least favourable counts",
        data=f"{excess.index}, {broad}, {excess.asset}",
    )


def _statement(assets: str, index: str) -> Statement:
    return MECHANISM.read_as(f"{assets} after breakouts of {index}")


def _claim(statement: Statement, estimate: Estimate, *, test: str, data: str) -> Claim:
    """That more is gained after breakouts; from `FEWEST` of them on."""
    verdict: Verdict = (
        verdict_by_interval(estimate.low, estimate.high) if estimate.n >= FEWEST else "inconclusive"
    )
    why = (
        f"The gain after {count(estimate.n, 'breakout')} was {estimate.percent} than what is usual."
    )
    return estimated_claim(
        statement,
        estimate,
        test=test,
        data=data,
        unit="log",
        verdict=verdict,
        why=why,
        side="above",
    )
