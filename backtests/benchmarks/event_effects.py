"""The effect of each independent event on Bitcoin, and how far it scatters at placebo dates."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.performance.gate_periods import GatePeriod
from backtests.statistics.required_events import RequiredEvents, required_events
from strategies.indicators import Floats

YEAR_DAYS = 365.25


class EventEffects(NamedTuple):
    """What Bitcoin did while the gate was open, by independent event.

    effects : log returns beyond Bitcoin's drift over as many days; the gate periods of an event
        are added, one that still runs is valued at the window's end.
    spread : standard deviation of such an effect when the gate is shifted circularly over the
        window, by every number of bars; 0 without events.
    per_year : independent events a year of the window.
    """

    effects: Floats
    spread: float
    per_year: float

    def required(self) -> RequiredEvents:
        """How many events it takes to show such an effect, and in how many years."""
        return required_events(self.effects, self.spread, self.per_year)


def event_effects(periods: Sequence[GatePeriod], bitcoin: pd.Series) -> EventEffects:
    """The effects of the events that `periods` belong to.

    Parameters
    ----------
    periods : of the window, as `gate_periods.events` returns them.
    bitcoin : its closes by the instants at which bars ended, NaN where it has none; the window.

    """
    closes = bitcoin.dropna()
    if len(closes) < 2:
        return EventEffects(np.zeros(0), 0.0, 0.0)
    index = pd.DatetimeIndex(closes.index)
    days = np.diff(index.asi8) / pd.Timedelta(days=1).as_unit(index.unit).value
    gains = np.diff(np.log(closes.to_numpy(dtype=float)))
    excess = gains - gains.sum() / days.sum() * days
    is_open = _open_bars(periods, index)
    return EventEffects(
        effects=is_open @ excess,
        spread=_placebo_spread(is_open, excess),
        per_year=float(len(is_open) / (days.sum() / YEAR_DAYS)),
    )


def _open_bars(periods: Sequence[GatePeriod], index: pd.DatetimeIndex) -> Floats:
    """Event x bar after the first of `index`: 1 if the gate was open for that bar's return.

    It is for the returns from the first bar at or after the opening to the first at or after the
    closing, as in `GatePeriod.bitcoin_return`.
    """
    event_ids = list(dict.fromkeys(period.event_id for period in periods))
    is_open = np.zeros((len(event_ids), len(index) - 1))
    for period in periods:
        first = int(index.searchsorted(period.opened))
        last = int(index.searchsorted(period.closed)) if period.closed else len(index)
        is_open[event_ids.index(period.event_id), first:last] = 1.0
    return is_open


def _placebo_spread(is_open: Floats, excess: Floats) -> float:
    """Standard deviation of the events' effects over all circular shifts but none at all.

    An effect at every shift at once is a circular cross-correlation, a product of spectra.
    """
    if not len(is_open) or len(excess) < 2:
        return 0.0
    spectra = np.conj(np.fft.rfft(is_open, axis=1)) * np.fft.rfft(excess)
    shifted = np.fft.irfft(spectra, len(excess), axis=1)
    return float(shifted[:, 1:].std())
