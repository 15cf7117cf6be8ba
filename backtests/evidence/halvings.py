"""Bitcoin's issuance as its protocol has it: no price in it, and nothing that could be revised.

The subsidy of a block begins at 50 coins and is cut in half every 210,000 blocks, in whole units of 1e-8 coins (validation rule
`GetBlockSubsidy`). The days of the halvings are those of the blocks' own time stamps (UTC).
"""

from datetime import date, datetime
from typing import NamedTuple

INTERVAL = 210_000  # blocks from one halving to the next
UNITS = 100_000_000  # in a coin
FIRST_SUBSIDY = 50 * UNITS
BLOCKS_A_DAY = 24 * 6
BLOCKS_A_YEAR = 365.25 * BLOCKS_A_DAY  # at one block every ten minutes, which the difficulty aims at


class Halving(NamedTuple):
    """The block from which the subsidy was half as large."""

    height: int
    day: date


HALVINGS = (
    Halving(210_000, date(2012, 11, 28)),
    Halving(420_000, date(2016, 7, 9)),
    Halving(630_000, date(2020, 5, 11)),
    Halving(840_000, date(2024, 4, 20)),
)


def subsidy(height: int) -> int:
    """What the block at `height` may create, in units."""
    cuts = height // INTERVAL
    return FIRST_SUBSIDY >> cuts if cuts < 64 else 0


def mined(height: int) -> int:
    """Units created by all blocks below `height`."""
    cuts, rest = divmod(height, INTERVAL)
    whole = sum(subsidy(INTERVAL * before) for before in range(min(cuts, 64)))
    return INTERVAL * whole + rest * subsidy(height)


def height_on(instant: datetime) -> int:
    """The height at an instant at ten minutes a block since the halving before, 2009-01-03 before all; within two weeks of the true one."""
    known = [(one.height, one.day) for one in HALVINGS if one.day <= instant.date()]
    height, day = known[-1] if known else (0, date(2009, 1, 3))
    return height + (instant.date() - day).days * BLOCKS_A_DAY


def supply() -> int:
    """Units that will ever be created: a little less than 21 million coins."""
    return mined(INTERVAL * 64)


def share_mined(height: int) -> float:
    """Share of all coins that will ever be that exist below `height`."""
    return mined(height) / supply()


def yearly_issuance(height: int) -> float:
    """Coins created in a year at the subsidy of `height`, over the coins there are below it."""
    return BLOCKS_A_YEAR * subsidy(height) / mined(height)
