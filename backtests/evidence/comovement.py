"""How coins move with small caps and large ones, and how wildly: claims about whole series, not about events.

Weeks from Friday's close, because coins trade on when exchanges are shut. Weeks are drawn in blocks for every interval: calm and storm come
in spells, so weeks are worth fewer than they are.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import Claim, Word, lacking
from backtests.evidence.events import LEVEL, NORMAL, SEEN, SIDES, every_day
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.statistics.stationary_bootstrap import Counted, drawn_days
from config.evidence import Evidence
from strategies.indicators import Floats

ETFS = pd.Timestamp("2024-01-11", tz="UTC")  # the first day on which the spot ETFs traded
BLOCK_WEEKS = 9.0  # the backtests' 60 days
FEWEST_WEEKS = 104
STALE = pd.Timedelta(
    days=10
)  # what is older, a price, a published value or a row of the gate, is not known any more
WEEKS_A_YEAR = 365.25 / 7
DRAWS = 2000
CALMER = "Since the spot ETFs of January 2024 institutions have lowered BTC's volatility: shallower falls, and no advance like 2017's"
CREDIT = "Small caps collapse when credit tightens, and run first when risk appetite returns"


class Measured(NamedTuple):
    """A figure of `n` weeks with its 95 % interval; `power`: how often a one-sided test at 5 % would see it, were it the truth."""

    n: int
    estimate: float
    low: float
    high: float
    power: float


def claims(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Those about series as a whole."""
    for reading, years in (("than in all years before", 100), ("than in the four years before", 4)):
        yield _calmer(history, evidence, reading, years)
    yield _shallower(history, evidence)
    yield _nearer_to_small_caps(history, evidence)
    yield from _betas(history, evidence)
    yield from _small_against_large(history, evidence)


def weekly(closes: dict[str, pd.Series]) -> pd.DataFrame:
    """Log returns from one Saturday's midnight UTC to the next, when Friday's closes are known; weeks that all series have."""
    fridays = pd.DataFrame({name: every_day(one) for name, one in closes.items()}).dropna()
    saturdays = fridays[pd.DatetimeIndex(fridays.index).day_of_week == 5]
    return (
        pd.DataFrame(np.log(saturdays.to_numpy()), index=saturdays.index, columns=saturdays.columns)
        .diff()
        .dropna()
    )


def measured(
    weeks: Floats, figure: Callable[[Floats], Floats], seed: int, beside: float = 0.0
) -> Measured:
    """A figure of weeks x series, to be told from `beside`. `figure` gets draws x weeks x series and gives one number a draw."""
    drawn = figure(weeks[drawn_days(len(weeks), DRAWS, seed, BLOCK_WEEKS)])
    return _measured(len(weeks), float(figure(weeks[None])[0]), float(np.nanstd(drawn)), beside)


def _measured(n: int, estimate: float, error: float, beside: float = 0.0) -> Measured:
    """With Student's interval for as many free blocks as the weeks hold: quantiles of so few draws would lie too near."""
    blocks = n / BLOCK_WEEKS - 1.0
    reach = _students(SIDES[1], blocks) * error
    power = (
        NORMAL.cdf(abs(estimate - beside) / error - _students(1.0 - LEVEL, blocks))
        if error > 0.0
        else 1.0
    )
    return Measured(n, estimate, estimate - reach, estimate + reach, power)


def _students(share: float, freedom: float) -> float:
    from scipy.stats import t  # as long to load as all the rest

    return float(t.ppf(share, freedom))


def correlation(pairs: Floats) -> Floats:
    """Of the first with the last series, by draw; 0 where one does not move."""
    apart = pairs - pairs.mean(axis=1, keepdims=True)
    first, last = apart[..., 0], apart[..., -1]
    return _over(
        (first * last).sum(axis=1), np.sqrt((first**2).sum(axis=1) * (last**2).sum(axis=1))
    )


def beta(pairs: Floats) -> Floats:
    """Of the first on the last series, by draw; 0 where that does not move."""
    apart = pairs - pairs.mean(axis=1, keepdims=True)
    return _over((apart[..., 0] * apart[..., -1]).sum(axis=1), (apart[..., -1] ** 2).sum(axis=1))


def _over(values: Floats, spread: Floats) -> Floats:
    return np.divide(values, spread, out=np.zeros_like(values), where=spread > 0.0)


def _word(found: Measured, beside: float, *, above: bool) -> Word:
    """Whether the whole interval lies on the claim's side of `beside`, or on the other."""
    sides = (found.low > beside, found.high < beside)
    holds, fails = sides if above else sides[::-1]
    return "supported" if holds else "contradicted" if fails else "cannot be told"


def _claim(
    id_: str,
    said: str,
    reading: str,
    test: str,
    data: str,
    found: Measured,
    unit: str,
    verdict: Word,
    why: str,
) -> Claim:
    hidden = verdict == "cannot be told" and found.power < SEEN
    missed = (
        f"; were that the truth, weeks as many would show it in {found.power:.0%}" if hidden else ""
    )
    return Claim(
        id_,
        said,
        reading,
        test,
        data,
        found.n,
        found.estimate,
        found.low,
        found.high,
        unit,
        None,
        found.power,
        verdict,
        f"{why}{missed}.",
    )


def _calmer(history: History, evidence: Evidence, reading: str, years: int) -> Claim:
    before, since = _about_etfs(history, years)
    if min(len(before), len(since)) < FEWEST_WEEKS:
        return lacking("A6", CALMER, "BTC for two years before and after")._replace(reading=reading)
    # Both are drawn from all weeks: a short time mostly misses the few wild weeks that a long one has, and seems calm without being it.
    every = np.concatenate((since, before))
    rows = _drawn(len(every), evidence, 0)
    by_chance = np.log(
        every[rows[:, : len(since)]].std(axis=1, ddof=1)
        / every[rows[:, len(since) :]].std(axis=1, ddof=1)
    )
    own = [float(one.std(ddof=1)) for one in (before, since)]
    estimate, n = float(np.log(own[1] / own[0])), min(len(before), len(since))
    # The shorter time holds few blocks, and rows drawn from few vary too little.
    wider = _students(SIDES[1], n / BLOCK_WEEKS - 1.0) / NORMAL.inv_cdf(SIDES[1])
    low, high = (estimate - wider * float(np.quantile(by_chance, side)) for side in SIDES[::-1])
    found = Measured(
        n,
        estimate,
        low,
        high,
        float(np.mean(by_chance + estimate <= np.quantile(by_chance, LEVEL))),
    )
    yearly = [one * np.sqrt(WEEKS_A_YEAR) for one in own]
    ratio = (
        f"the log of their ratio is {found.estimate:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    )
    why = f"{yearly[0]:.0%} a year before, {yearly[1]:.0%} since; {ratio}"
    test = "log ratio of weekly volatilities, since over before, against that of weeks drawn in blocks from both"
    return _claim(
        "A6", CALMER, reading, test, BITCOIN, found, "log", _word(found, 0.0, above=False), why
    )


def _about_etfs(history: History, years: int) -> tuple[Floats, Floats]:
    """Bitcoin's weeks before, so many years back, and since."""
    weeks = weekly({BITCOIN: history.assets[BITCOIN]})[BITCOIN]
    return weeks[ETFS - pd.DateOffset(years=years) : ETFS - pd.Timedelta(days=1)].to_numpy(), weeks[
        ETFS:
    ].to_numpy()


def _drawn(weeks: int, evidence: Evidence, stream: int) -> Counted:
    return drawn_days(weeks, DRAWS, evidence.seed + stream, BLOCK_WEEKS)


def deepest(weeks: Floats) -> Floats:
    """The deepest fall of each path of log returns from an earlier point of it, the start included, as a share; paths x weeks."""
    levels = np.cumsum(np.concatenate((np.zeros((len(weeks), 1)), weeks), axis=1), axis=1)
    return np.asarray(-np.expm1(-(np.maximum.accumulate(levels, axis=1) - levels).max(axis=1)))


def _shallower(history: History, evidence: Evidence) -> Claim:
    """Against all spans before that were as long: the longer one looks, the deeper the deepest."""
    reading = "shallower falls"
    before, since = _about_etfs(history, 100)
    long = len(since)
    if min(len(before), long) < FEWEST_WEEKS or len(before) < long:
        return lacking("A6", CALMER, "BTC for two years before and after")._replace(reading=reading)
    spans = deepest(np.lib.stride_tricks.sliding_window_view(before, long))
    drawn = [
        deepest(one[_drawn(len(one), evidence, number)][:, :long])
        for number, one in enumerate((before, since))
    ]
    own = float(deepest(since[None])[0])
    found = _measured(long, own - float(spans.mean()), float((drawn[1] - drawn[0]).std()))
    why = (
        f"{own:.0%} was its deepest fall since, week by week; in {len(spans)} spans before as long it was {spans.min():.0%} to {spans.max():.0%}; "
        f"{found.estimate:+.2f} beside their mean ({found.low:+.2f} to {found.high:+.2f})"
    )
    test = "deepest fall since less the mean of that in all spans before as long, weeks drawn in blocks"
    return _claim(
        "A6", CALMER, reading, test, BITCOIN, found, "share", _word(found, 0.0, above=False), why
    )


def _nearer_to_small_caps(history: History, evidence: Evidence) -> Claim:
    said = "BTC's correlation is highest with small-cap stocks, higher than with large caps"
    weeks = weekly(
        {BITCOIN: history.assets[BITCOIN], "broad": history.broad, INDEX: history.assets[INDEX]}
    )
    if len(weeks) < FEWEST_WEEKS:
        return lacking("A9", said, "BTC and both indices for two years")

    def ahead(drawn: Floats) -> Floats:
        return correlation(drawn) - correlation(drawn[..., :2])

    values = weeks.to_numpy()
    found = measured(values, ahead, evidence.seed)
    small, large = (float(correlation(values[None][..., chosen])[0]) for chosen in ([0, 2], [0, 1]))
    why = f"{small:.2f} with the Russell 2000, {large:.2f} with the broad index; {found.estimate:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    return _claim(
        "A9", said, "", "difference of correlations of weekly returns, weeks drawn in blocks", f"{BITCOIN}, {INDEX}, broad index", found,
        "correlation", _word(found, 0.0, above=True), why,
    )  # fmt: skip


def _small_against_large(history: History, evidence: Evidence) -> Iterator[Claim]:
    """What moves small caps against large ones: lenders' appetite, and rates."""
    closes = {INDEX: history.assets[INDEX], "broad": history.broad, **history.bonds}
    if "spread" in history.macro:
        closes["spread"] = history.macro["spread"]
    rates = (
        "Small caps borrow from banks: rising rates hurt them first, falling rates help them first"
    )
    for id_, said, reading, needs, what in (
        (
            "B3",
            CREDIT,
            "by bond funds",
            ("risky", "safe"),
            "high-yield bonds over government bonds",
        ),
        ("B3", CREDIT, "by the spread", ("spread",), "a falling spread of high-yield bonds"),
        ("A14", rates, "", ("safe",), "government bonds, which gain when rates fall"),
    ):
        weeks = (
            weekly({name: closes[name] for name in (INDEX, "broad", *needs)})
            if set(needs) <= closes.keys()
            else None
        )
        if weeks is None or len(weeks) < FEWEST_WEEKS:
            yield lacking(id_, said, "bond funds or spreads for two years")._replace(
                reading=reading
            )
            continue
        first = weeks[needs[0]]
        cause = (
            first - weeks["safe"] if len(needs) == 2 else -first if needs == ("spread",) else first
        )
        found = measured(
            np.column_stack((weeks[INDEX] - weeks["broad"], cause)), correlation, evidence.seed
        )
        why = f"The Russell over the broad index goes with {what}: correlation {found.estimate:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
        test = f"correlation of weekly returns, the Russell less the broad index with {what}; weeks drawn in blocks"
        yield _claim(
            id_,
            said,
            reading,
            test,
            f"{INDEX}, broad index, bonds",
            found,
            "correlation",
            _word(found, 0.0, above=True),
            why,
        )


def _betas(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Each above 1, and growing along the curve."""
    said = "Crypto's beta to small caps is above 1 and grows along the curve BTC, ETH, alts"
    test = "slope of weekly returns on the Russell's, weeks drawn in blocks"
    for asset in (BITCOIN, ETHER, ALTS):
        weeks = weekly(
            {name: history.assets[name] for name in (asset, INDEX) if name in history.assets}
        )
        if asset not in history.assets or len(weeks) < FEWEST_WEEKS:
            yield lacking("B8", said, f"{asset} for two years")._replace(reading=asset)
            continue
        found = measured(weeks.to_numpy(), beta, evidence.seed, 1.0)
        why = f"The slope is {found.estimate:.2f} ({found.low:.2f} to {found.high:.2f})"
        yield _claim(
            "B8",
            said,
            f"{asset} above 1",
            test,
            f"{asset}, {INDEX}",
            found,
            "beta",
            _word(found, 1.0, above=True),
            why,
        )
    if ALTS in history.assets:
        weeks = weekly({name: history.assets[name] for name in (ALTS, BITCOIN, INDEX)})
        if len(weeks) >= FEWEST_WEEKS:
            found = measured(
                weeks.to_numpy(), lambda drawn: beta(drawn) - beta(drawn[..., 1:]), evidence.seed
            )
            why = f"That of alts is {found.estimate:+.2f} above BTC's over the same weeks ({found.low:+.2f} to {found.high:+.2f})"
            yield _claim(
                "B8",
                said,
                "alts above BTC",
                test,
                f"{ALTS}, {BITCOIN}, {INDEX}",
                found,
                "beta",
                _word(found, 0.0, above=True),
                why,
            )
