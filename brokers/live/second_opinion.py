"""What other sources say of a close that is held: one that has the same move confirms it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from brokers.journal.incident import Incident
from brokers.prices.series import AcceptedClose, Series
from config.prices import proxy_fund

AGREEMENT = 0.01  # log difference of two sources' moves, dividends included


class SecondOpinion(NamedTuple):
    """The move of one session as the series has it and as `source` has it, fractions.

    `known_at` is the instant the session's close was known.
    """

    symbol: str
    known_at: pd.Timestamp
    close: float
    source: str
    move: float
    other: float

    @property
    def agrees(self) -> bool:
        """Whether the other source confirms the close."""
        return bool(abs(np.log1p(self.move) - np.log1p(self.other)) <= AGREEMENT)


def second_opinions(
    series: Series, sessions: Sequence[pd.Timestamp], others: Iterable[tuple[str, pd.Series]]
) -> Iterator[SecondOpinion]:
    """What `others`, closes by source, say of the closes of `series` in some sessions.

    Each move is that since the close before in `series`. The source of one of these two closes is
    no witness of its own, nor is a fund that stands in: it mostly comes from the same vendor.
    """
    closes = series.frame["close"]
    for source, theirs in others:
        for known_at in sessions if not proxy_fund(source) else ():
            row = int(closes.index.searchsorted(known_at))
            days = closes.index[row - 1 : row + 1]
            if source in {series.source_at(day) for day in days}:
                continue
            if row and known_at in closes.index and days.isin(theirs.index).all():
                own, other = (
                    float(values[days[1]] / values[days[0]] - 1.0) for values in (closes, theirs)
                )
                yield SecondOpinion(
                    series.request.symbol, known_at, float(closes[known_at]), source, own, other
                )


def acceptance(opinion: SecondOpinion, session: pd.Timestamp, at: pd.Timestamp) -> AcceptedClose:
    """The record of a close that another source has confirmed at `at`; `session` is its close."""
    return AcceptedClose(opinion.symbol, session.date(), opinion.close, opinion.source, at)


def report_opinion(opinion: SecondOpinion, session: pd.Timestamp) -> Incident:
    """What a person should know of it; `session` is the session's close."""
    text = (
        f"the close of {opinion.symbol} of {session:%Y-%m-%d} is {opinion.move:+.1%} from "
        f"the one before, {opinion.source} has {opinion.other:+.1%}: "
    )
    text += "it counts from now on" if opinion.agrees else "it stays held"
    return Incident("held close", "warning", text)
