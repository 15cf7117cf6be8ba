"""What held closes catch: every session's close of every US series bent alone, and none bent.

    python -m tests.proofs.held_closes --data FOLDER [--every 1]

The first table says what is held of the true history. The second bends one session's close after
the other, as the newest there is, by some factors, and gives the share of sessions in which it is
held; then two closes in a row by the same factor, and the share in which none of the two counts at
the end. A share is over the sessions with at least 64 closes before, and where a series has a
sibling, over those that the sibling has, too.
"""

import argparse
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.inputs import market
from brokers.prices.load import load_prices
from config.settings import load
from strategies.checked_market import check_market
from strategies.held_closes import DEVIATIONS, LONGEST_WAIT, WINDOW, held_closes
from strategies.indicators import Floats
from strategies.market import Market

FACTORS = (0.1, 0.5, 0.9, 0.93, 1.07, 1.1, 2.0, 10.0)
BEFORE = 2 * WINDOW  # closes that a decision is given: it looks back over fewer
AFTER = LONGEST_WAIT + 3


class Series(NamedTuple):
    """Closes of one series and of its sibling (None: it has none), one a session."""

    name: str
    closes: Floats
    sibling: Floats | None


def series_of(real: Market) -> list[Series]:
    """The series whose closes can be held."""
    sessions = pd.DatetimeIndex(real.sessions.index)

    def on(values: pd.Series) -> Floats:
        return values.reindex(sessions).to_numpy(dtype=float)

    fields: Mapping[str, Any] = {
        name: getattr(real, name) for name in ("small_caps", "broad", "risky_credit", "safe_credit")
    }
    return [
        Series(
            real.names.get(key, key),
            on(values),
            on(real.siblings[key]) if key in real.siblings else None,
        )
        for key, values in {**fields, **real.breadth}.items()
    ]


def is_held(series: Series, row: int, factor: float) -> bool:
    """Whether the close of session `row`, times `factor`, is held as the newest there is."""
    part = slice(max(row - BEFORE, 0), row + 1)
    closes = series.closes[part].copy()
    closes[-1] *= factor
    sibling = None if series.sibling is None else series.sibling[part]
    return any(close.row == len(closes) - 1 for close in held_closes(closes, sibling))


def is_rejected_twice(series: Series, row: int, factor: float) -> bool:
    """Whether the closes of `row` and of the next session, times `factor`, are missing for good."""
    first = max(row - BEFORE, 0)
    part = slice(first, row + AFTER)
    closes = series.closes[part].copy()
    bent = [row - first, row - first + 1]
    closes[bent] *= factor
    sibling = None if series.sibling is None else series.sibling[part]
    missing = {
        session
        for close in held_closes(closes, sibling)
        if not close.confirmed
        for session in range(close.row, close.until)
    }
    return missing >= set(bent)


def sessions_to_bend(series: Series, every: int) -> list[int]:
    """Sessions with a close, of the sibling too, and enough of them before and after."""
    is_known = ~np.isnan(series.closes)
    if series.sibling is not None:
        is_known &= ~np.isnan(series.sibling)
    known = np.flatnonzero(is_known)[WINDOW + 1 : -AFTER]
    return [int(row) for row in known[::every]]


def shares(series: Series, every: int) -> pd.DataFrame:
    """Share of sessions, by factor: one close held, two in a row missing."""
    rows = sessions_to_bend(series, every)
    return pd.DataFrame(
        {
            "once": [np.mean([is_held(series, row, factor) for row in rows]) for factor in FACTORS],
            "twice": [
                np.mean([is_rejected_twice(series, row, factor) for row in rows])
                for factor in FACTORS
            ],
        },
        index=pd.Index(FACTORS),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        settings = load(
            None,
            ["prices.source=folder", f"prices.folder={options.data}", f"prices.cache={cache}"],
        )
        now = pd.Timestamp.now(tz="UTC")
        real = market(settings, load_prices(settings, now))
    checked = check_market(real)
    held = {
        f"{instant:%Y-%m-%d}": names
        for instant, names in zip(real.sessions.index, checked.held, strict=True)
        if names
    }
    print(f"held in {len(real.sessions):,} sessions at {DEVIATIONS:g} deviations: {held}")
    for series in series_of(real):
        known = len(sessions_to_bend(series, 1))
        beside = "without a sibling" if series.sibling is None else "with its sibling"
        print(f"\n{series.name}: {known:,} sessions {beside}")
        table = shares(series, options.every)
        for factor, once, twice in table.itertuples():
            print(f"  x {factor:<5g} held {once:7.1%}   twice in a row, missing {twice:7.1%}")


if __name__ == "__main__":
    main()
