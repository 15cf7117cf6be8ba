"""How far down the risk curve capital has come, and how much crypto that allows."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from strategies.breakout import CONFIRMED
from strategies.indicators import Floats, Ints
from strategies.market import Market, latest


class CurveRules(NamedTuple):
    """`channels`: risk checks upstream of crypto, in order; ceilings by the number that pass.

    Ceilings are shares of equity.
    """

    channels: tuple[str, ...]
    ceilings: tuple[float, ...]
    dormant_ceilings: tuple[float, ...]


class HaircutRules(NamedTuple):
    """Factors on the ceiling; 1.0 leaves it.

    Ages and windows are calendar days unless the name says sessions.
    """

    flows_factor: float
    flows_days: int
    flows_record_sessions: int
    losses_factor: float
    losses_share: float
    losses_max_age: int


def filled_channels(holds: list[Floats], sessions: int) -> Ints:
    """How many risk checks pass from the first on; one that fails or is unknown stops the count."""
    filled = np.zeros(sessions, dtype=np.int64)
    open_so_far = np.ones(sessions, dtype=bool)
    for channel in holds:
        open_so_far &= channel == 1.0
        filled += open_so_far
    return filled


def ceiling(state: float, confirmed: float, dormant: float) -> float:
    """Largest share of equity in crypto, for a confirmed state or for any other.

    Written for numba too.
    """
    return confirmed if state == CONFIRMED else dormant


def haircut(
    market: Market, base_age: Ints, close_above_record: np.ndarray, rules: HaircutRules
) -> Floats:
    """Product of the haircuts that apply, one a session; an unknown figure cuts nothing.

    flows : the flows published within the last `flows_days` sum to less than zero while a record
        close lies at most `flows_record_sessions` back. losses : the latest share of loss-making
        companies is at least `losses_share`.
    """
    known_at = pd.DatetimeIndex(market.sessions.index)
    factor = np.ones(len(known_at))
    if market.flows is not None:
        total = pd.Series(np.cumsum(market.flows.to_numpy(dtype=float)), market.flows.index)
        before = np.nan_to_num(latest(total, known_at - pd.Timedelta(days=rules.flows_days)))
        at_record = close_above_record | (base_age <= rules.flows_record_sessions)
        factor[(latest(total, known_at) - before < 0) & at_record] *= rules.flows_factor
    if market.losses is not None:
        share = latest(market.losses, known_at, pd.Timedelta(days=rules.losses_max_age))
        factor[share >= rules.losses_share] *= rules.losses_factor
    return factor
