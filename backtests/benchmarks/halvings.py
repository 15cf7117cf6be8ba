"""Bitcoin's issuance as its protocol has it: no price in it, and nothing that could be revised.

The subsidy of a block begins at 50 coins and is cut in half every 210,000 blocks, in whole units of
1e-8 coins (validation rule `GetBlockSubsidy`).
"""

from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np

INTERVAL = 210_000  # blocks from one halving to the next
UNITS = 100_000_000  # in a coin
FIRST_SUBSIDY = 50 * UNITS
BLOCKS_A_DAY = 24 * 6
BLOCKS_A_YEAR = 365.25 * BLOCKS_A_DAY  # one every ten minutes, which the difficulty aims at


class Halving(NamedTuple):
    """The block from which the subsidy was half as large, and its own time stamp (UTC)."""

    height: int
    time: datetime

    @property
    def day(self) -> date:
        """The UTC day of it."""
        return self.time.date()


HALVINGS = (
    Halving(210_000, datetime(2012, 11, 28, 15, 24, 38, tzinfo=UTC)),
    Halving(420_000, datetime(2016, 7, 9, 16, 46, 13, tzinfo=UTC)),
    Halving(630_000, datetime(2020, 5, 11, 19, 23, 43, tzinfo=UTC)),
    Halving(840_000, datetime(2024, 4, 20, 0, 9, 27, tzinfo=UTC)),
)
FIRST_BLOCK = Halving(0, datetime(2009, 1, 3, 18, 15, 5, tzinfo=UTC))


def subsidy(height: int) -> int:
    """What the block at `height` may create, in units."""
    cuts = height // INTERVAL
    return FIRST_SUBSIDY >> cuts if cuts < 64 else 0


def mined_units(height: int) -> int:
    """Units created by all blocks below `height`."""
    cuts, rest = divmod(height, INTERVAL)
    whole = sum(subsidy(INTERVAL * before) for before in range(min(cuts, 64)))
    return INTERVAL * whole + rest * subsidy(height)


def height_on(instant: datetime) -> int:
    """The height on a UTC day, interpolated between halvings, at ten minutes a block since."""
    known = (FIRST_BLOCK, *HALVINGS)
    last = known[-1]
    since = (instant.date() - last.day).days
    if since >= 0:
        return last.height + since * BLOCKS_A_DAY
    days = [halving.day.toordinal() for halving in known]
    heights = [halving.height for halving in known]
    return round(float(np.interp(instant.date().toordinal(), days, heights)))


def supply() -> int:
    """Units that will ever be created: a little less than 21 million coins."""
    return mined_units(INTERVAL * 64)


def share_mined(height: int) -> float:
    """Share of all coins that will ever be that exist below `height`."""
    return mined_units(height) / supply()


def yearly_issuance(height: int) -> float:
    """Coins created in a year at the subsidy of `height`, over the coins there are below it."""
    return BLOCKS_A_YEAR * subsidy(height) / mined_units(height)
