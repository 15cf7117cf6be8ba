"""Bitcoin's turns, the order in which other layers turn about them, and what its advances looked like.

A turn is a close from which it fell by half, or rose to double, before it passed that close again: known only afterwards. It describes what
happened; nothing can be traded on it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, permutations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import FEWEST, Claim, Word, lacking, stated
from backtests.evidence.events import every_day
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.macro_drivers import RISK_CURVE
from strategies.indicators import Floats, Ints

FALL, RISE = 0.5, 2.0  # share lost, and times gained, that make a turn
AROUND = 182  # days before and after a turn: it counts if it is the lowest or highest of them, and other layers turn with it inside
FEWEST_TO_COMPARE = 2  # advances: of two one is always the shallower
DIP = 0.3  # share lost on the way up
LAYERS = {
    "B5": ("high-yield bonds", "broad index", INDEX, BITCOIN),
    "A10": ("government bonds", "broad index", INDEX, BITCOIN),
}
SAID = {
    "B5": "Money moves in layers: bonds and financial conditions, then broad equities, then small caps; only then does it spill into crypto",
    "A10": RISK_CURVE,
}
DISPERSED = "Not all altcoins rise together, nor in a straight line"
SUPERCYCLE = (
    "A supercycle: advances last longer, dips are absorbed by buyers, suppressed high beta revives"
)
Kind = Literal["low", "high"]


class Turn(NamedTuple):
    """A close, and whether the price turned up or down from it; `day` is when it was known (UTC)."""

    day: pd.Timestamp
    kind: Kind
    price: float


class Order(NamedTuple):
    """Of one turn: on which day from it each layer was lowest or highest within `AROUND` days, beside the straight line through its logs.

    Without the line a layer that rises all the time would be lowest at the beginning and highest at the end.
    """

    turn: Turn
    days: Mapping[str, int]


class Advance(NamedTuple):
    """From a low to the high after it, or as far as it has come."""

    low: Turn
    high: Turn
    finished: bool

    @property
    def days(self) -> int:
        """How long it took."""
        return (self.high.day - self.low.day).days


def turns(closes: pd.Series) -> list[Turn]:
    """All of them, lows and highs in turn; `closes` are daily."""
    found: list[Turn] = []
    prices, rows = closes.to_numpy(dtype=float), {"low": 0, "high": 0}
    rising: bool | None = None  # not known yet

    def note(kind: Kind, row: int) -> None:
        found.append(Turn(pd.Timestamp(closes.index[rows[kind]]), kind, float(prices[rows[kind]])))
        rows["low" if kind == "high" else "high"] = row

    for row, price in enumerate(prices):
        if rising is not False and price > prices[rows["high"]]:
            rows["high"] = row
        if rising is not True and price < prices[rows["low"]]:
            rows["low"] = row
        if rising is not False and price <= (1.0 - FALL) * prices[rows["high"]]:
            note("high", row)
            rising = False
        elif rising is not True and price >= RISE * prices[rows["low"]]:
            note("low", row)
            rising = True
    return found


def advances(closes: pd.Series) -> list[Advance]:
    """From each low on; the last may not be over."""
    found = turns(closes)
    pairs = [Advance(low, high, True) for low, high in pairwise(found) if low.kind == "low"]
    if found and found[-1].kind == "low":
        since = closes[found[-1].day :]
        best = pd.Timestamp(since.index[int(since.to_numpy().argmax())])
        pairs.append(Advance(found[-1], Turn(best, "high", float(since.max())), False))
    return pairs


def ordered(history: History, layers: Sequence[str], kind: Kind) -> list[Order]:
    """The layers' own turns about each of Bitcoin's, where all have prices all around it."""
    closes, sign = (
        {name: every_day(one) for name, one in _layers(history).items() if name in layers},
        1.0 if kind == "high" else -1.0,
    )
    found = []
    for turn in turns(closes[BITCOIN]):
        first, last = turn.day - pd.Timedelta(days=AROUND), turn.day + pd.Timedelta(days=AROUND)
        if turn.kind != kind or not all(
            one.index[0] <= first and last <= one.index[-1] for one in closes.values()
        ):
            continue
        logs = {
            name: sign * np.log(one[first:last].to_numpy(dtype=float))
            for name, one in closes.items()
        }
        if logs[BITCOIN].argmax() == AROUND:
            found.append(
                Order(
                    turn, {name: 0 if name == BITCOIN else _day_of(logs[name]) for name in layers}
                )
            )
    return found


def _day_of(logs: Floats) -> int:
    """Where they are highest beside the straight line through them, in days from their middle."""
    days = np.arange(len(logs)) - AROUND
    return int((logs - np.polyval(np.polyfit(days, logs, 1), days)).argmax()) - AROUND


def claims(history: History) -> Iterator[Claim]:
    """Those about layers, about the alts among themselves, and about how long advances last."""
    for id_, layers in LAYERS.items():
        for kind in ("low", "high"):
            yield _in_order(history, id_, layers, kind)
    rises = advances(every_day(history.assets[BITCOIN]))
    yield from _dispersed(history, rises)
    yield from _supercycle(history, rises)


def agreement(days: Ints) -> Floats:
    """Share of pairs of layers that turned in the order of their columns, by turn; on the same day counts half. Turns x layers."""
    first, second = np.triu_indices(days.shape[1], 1)
    return np.asarray((np.sign(days[:, second] - days[:, first]) + 1.0).mean(axis=1) / 2.0)


def _layers(history: History) -> dict[str, pd.Series]:
    bonds = {
        name: history.bonds[kind]
        for name, kind in (("high-yield bonds", "risky"), ("government bonds", "safe"))
        if kind in history.bonds
    }
    return {
        **bonds,
        "broad index": history.broad,
        INDEX: history.assets[INDEX],
        BITCOIN: history.assets[BITCOIN],
    }


def _in_order(history: History, id_: str, layers: tuple[str, ...], kind: Kind) -> Claim:
    reading = f"the order at Bitcoin's {kind}s"
    found = ordered(history, layers, kind) if set(layers) <= _layers(history).keys() else []
    if len(found) < 2:
        return lacking(id_, SAID[id_], "bonds, indices and BTC around two of its turns")._replace(
            reading=reading
        )
    days = np.array([[one.days[name] for name in layers] for one in found])
    own = agreement(days)
    low, high = mean_between(own) if len(found) >= FEWEST else (0.0, 1.0)
    as_well = np.mean(
        [
            agreement(days[:, order]).mean() >= own.mean() - 1e-12
            for order in map(list, permutations(range(len(layers))))
        ]
    )
    word: Word = (
        "cannot be told" if low <= 0.5 <= high else "supported" if low > 0.5 else "contradicted"
    )
    when = ", ".join(
        f"{name} {int(np.median(column)):+d}" for name, column in zip(layers, days.T, strict=True)
    )
    why = (
        f"About its {len(found)} {kind}s {own.mean():.0%} of pairs turned in that order ({low:.0%} to {high:.0%}; half by chance); "
        f"{as_well:.0%} of all orders fit as well. Median days from its own turn: {when}."
    )
    test = f"share of pairs of layers that turn in this order within {AROUND} days; Student's interval over turns"
    return Claim(
        id_, SAID[id_], reading, test, ", ".join(layers), len(found), float(own.mean()), low, high, "share", float(as_well), None, word, why
    )  # fmt: skip


def mean_between(values: Floats) -> tuple[float, float]:
    """Student's 95 % interval of a mean of shares, values independent; two at least."""
    from scipy import stats

    reach = (
        float(stats.t.ppf(0.975, len(values) - 1))
        * float(values.std(ddof=1))
        / np.sqrt(len(values))
    )
    return max(float(values.mean() - reach), 0.0), min(float(values.mean() + reach), 1.0)


def _dispersed(history: History, rises: list[Advance]) -> Iterator[Claim]:
    """Gains of the alts that were listed when an advance began, and their falls on the way."""
    told, apart, dips = [], [], []
    for rise in rises:
        paths = {
            name: one[rise.low.day : rise.high.day]
            for name, one in history.alts.items()
            if one.index[0] <= rise.low.day
        }
        paths = {
            name: one
            for name, one in paths.items()
            if len(one) > 1 and one.index[-1] >= rise.high.day
        }
        if len(paths) < 2:
            continue
        gains = {name: float(one.iloc[-1] / one.iloc[0] - 1.0) for name, one in paths.items()}
        bitcoin = rise.high.price / rise.low.price - 1.0
        best, worst = (
            max(gains, key=lambda name: gains[name]),
            min(gains, key=lambda name: gains[name]),
        )
        apart.append(gains[worst] < bitcoin < gains[best])
        dips.append(float(np.median([(1.0 - one / one.cummax()).max() for one in paths.values()])))
        told.append(
            f"{rise.low.day:%Y-%m}: {best} {gains[best]:+,.0%}, {worst} {gains[worst]:+,.0%}, BTC {bitcoin:+,.0%}"
        )
    if not told:
        for reading in ("not together", "not in a straight line"):
            yield lacking("B12", DISPERSED, "two alts over an advance of BTC")._replace(
                reading=reading
            )
        return
    yield stated(
        "B12", DISPERSED, "in most advances of BTC one alt gained more than it and another less", "alts", float(np.mean(apart)), "share",
        float(np.mean(apart)) > 0.5, f"From its lows to its highs, {'; '.join(told)}.", "not together", len(told),
    )  # fmt: skip
    deep = float(np.mean(np.array(dips) >= DIP))
    falls = ", ".join(f"{fall:.0%}" for fall in dips)
    yield stated(
        "B12", DISPERSED, f"in most advances of BTC half of the alts fell by {DIP:.0%} or more on the way", "alts", float(np.median(dips)), "share",
        deep > 0.5, f"The median alt's deepest fall on the way up was {falls}.", "not in a straight line", len(dips),
    )  # fmt: skip


def _supercycle(history: History, rises: list[Advance]) -> Iterator[Claim]:
    """The latest advance against all before it."""
    if len(rises) < 2:
        for reading in ("longer", "shallower dips"):
            yield lacking("B13", SUPERCYCLE, "BTC over two advances")._replace(reading=reading)
        return
    closes = every_day(history.assets[BITCOIN])
    falls = [
        float(
            (
                1.0
                - closes[one.low.day : one.high.day] / closes[one.low.day : one.high.day].cummax()
            ).max()
        )
        for one in rises
    ]
    last, before = rises[-1], rises[:-1]
    name = f"the latest, from {last.low.day:%Y-%m-%d} to {last.high.day:%Y-%m-%d}{'' if last.finished else ' so far'},"
    longest = max(before, key=lambda one: one.days)
    why = f"Of {len(rises)} advances {name} took {last.days} days; the longest before, from {longest.low.day:%Y-%m-%d}, {longest.days}."
    longer = stated(
        "B13", SUPERCYCLE, "the latest advance of BTC is the longest", BITCOIN, float(last.days), "days", last.days > longest.days, why, "longer",
        len(rises),
    )  # fmt: skip
    # One that is not over may still become longer, and may still fall.
    yield (
        longer
        if last.finished or longer.verdict == "supported"
        else longer._replace(verdict="cannot be told")
    )
    as_long = [fall for one, fall in zip(before, falls, strict=False) if one.days >= last.days / 2]
    if not as_long:
        yield lacking("B13", SUPERCYCLE, "BTC over another advance half as long")._replace(
            reading="shallower dips"
        )
        return
    listed = ", ".join(f"{fall:.0%}" for fall in as_long)
    why = f"On the way it fell by {falls[-1]:.0%} at most; in those before that were at least half as long by {listed}."
    shallower = stated(
        "B13", SUPERCYCLE, "the deepest fall within the latest advance is shallower than in all others at least half as long", BITCOIN, falls[-1],
        "share", falls[-1] < min(as_long), why, "shallower dips", 1 + len(as_long),
    )  # fmt: skip
    sure = shallower.verdict == "contradicted" or (
        last.finished and len(as_long) >= FEWEST_TO_COMPARE
    )
    yield shallower if sure else shallower._replace(verdict="cannot be told")
