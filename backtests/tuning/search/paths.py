"""Parameter sets that did the same on every day count as one path.

Many settings make no difference to what was done: a search tries far fewer strategies than it tries
parameter sets.
"""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from backtests.tuning.search.segment_stats import Segments
from strategies.indicators import Ints


class Paths(NamedTuple):
    """The distinct paths in the order in which the search came to them.

    `first` is by path the row of its first set, `copies` how many sets took it, `of` is by set the
    number of its path.
    """

    first: Ints
    copies: Ints
    of: Ints


def distinct_paths(segments: Segments) -> Paths:
    """The distinct paths among parameter sets.

    Two sets share one if the sums of their daily returns, of their squares, the days held and the
    orders are the same to the last bit in every segment. The kernel does the same arithmetic for
    the same decisions, so equal decisions give equal bits.
    """
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    of = np.empty(len(segments.total), dtype=np.int64)
    for row in range(len(of)):
        name = blake2b(digest_size=16)
        for line in (segments.total, segments.squares, segments.exposed, segments.orders):
            name.update(np.ascontiguousarray(line[row]).tobytes())
        number = numbers.setdefault(name.digest(), len(numbers))
        if number == len(first):
            first.append(row)
        of[row] = number
    return Paths(np.array(first, dtype=np.int64), np.bincount(of), of)
