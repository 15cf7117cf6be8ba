"""The market without the closes that do not count, and what is said of each session's."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from strategies.held_closes import HeldClose, held_closes, jumps
from strategies.indicators import Floats
from strategies.market import Market

FIELDS = (
    "small_caps",
    "broad",
    "risky_credit",
    "safe_credit",
)  # of a market, beside the funds of `breadth`
NO_ACCEPTANCES = pd.Series([], pd.DatetimeIndex([], tz="UTC"), dtype="datetime64[ns, UTC]")


class CheckedMarket(NamedTuple):
    """A market without the closes that do not count.

    One entry a session: the series whose close is held, and a sentence on what is held, confirmed
    or rejected; "" for nothing. `accepted_at`: by session, the instant from which nothing of it is
    held any more, because somebody stood by it after the session was known; `accepted_notes` what
    is said from then on.
    """

    market: Market
    held: np.ndarray
    notes: np.ndarray
    accepted_at: Mapping[int, pd.Timestamp]
    accepted_notes: Mapping[int, str]


def sibling_of(field: str) -> str:
    """The key under which `Market.names` has the name of a field's or fund's sibling."""
    return f"sibling of {field}"


def check_market(market: Market) -> CheckedMarket:
    """Hold, confirm and reject the closes of every US series the gate reads."""
    sessions = pd.DatetimeIndex(market.sessions.index)
    series = _series(market)
    timeline = _timeline(sessions, [*series.values(), *market.siblings.values()])
    offset = len(timeline) - len(sessions)
    early = pd.DatetimeIndex(timeline[:offset])
    report = _Report(timeline, [*early, *market.sessions])
    changed: dict[str, pd.Series] = {}
    for key, closes in series.items():
        if key not in market.siblings and not len(jumps(closes.to_numpy(dtype=float))):
            continue  # nearly always, and putting a series on the timeline is what takes time
        sibling = _reliable_closes(market.siblings.get(key), timeline)
        accepted = market.accepted.get(key, NO_ACCEPTANCES)
        held = held_closes(_on(closes, timeline), sibling, _newest_known(accepted, timeline))
        report.add(held, market.names.get(key, key), accepted)
        for close in held:
            if not close.confirmed:
                ignored = closes.index.isin(timeline[close.row : close.until])
                changed[key] = closes = closes[~ignored]
    for key, closes in market.siblings.items():
        name = market.names.get(sibling_of(key), sibling_of(key))
        if name not in {market.names.get(other, other) for other in series}:
            report.add_sibling(held_closes(_on(closes, timeline)), name)
    accepted_at = report.accepted_at()
    return CheckedMarket(
        _with_series(market, changed),
        report.held[offset:],
        report.notes[offset:],
        {row - offset: instant for row, instant in accepted_at.items() if row >= offset},
        {row - offset: report.accepted[row] for row in accepted_at if row >= offset},
    )


class _Report:
    """Session by session, which series' closes are held and what is said of them."""

    def __init__(self, timeline: pd.DatetimeIndex, closes: Sequence[pd.Timestamp]) -> None:
        """`closes` are the sessions' own, which name their days: one may be known a day later."""
        self._timeline, self._closes = timeline, closes
        self.held, self.notes = np.full((2, len(timeline)), "", dtype=object)
        self.accepted: dict[int, str] = {}
        self._at: dict[int, pd.Timestamp] = {}
        self._still_held: set[int] = set()

    def add(self, held: Sequence[HeldClose], name: str, accepted: pd.Series) -> None:
        """The held closes of the series that a person calls `name`, oldest first."""
        accepted_until = -1
        for close in held:
            self._add(close, name, accepted, accepted_until)
            accepted_until = max(accepted_until, close.accepted)

    def _add(self, close: HeldClose, name: str, accepted: pd.Series, accepted_until: int) -> None:
        """Up to `accepted_until` the rows say what was known before an older one was accepted."""
        what = f"the close of {name} of {self._closes[close.row]:%Y-%m-%d}"
        end = close.until if close.accepted < 0 else close.accepted + 1
        move = f"{close.move:+.1%} from the one before"
        wanted = "one confirms" if close.needed == 1 else f"{close.needed} confirm"
        waits = f"{what} ({move}) is held until the next {wanted} it"
        for row in range(max(close.row, accepted_until + 1), end):
            self.held[row] = _join(self.held[row], name, ", ")
            self.notes[row] = _join(self.notes[row], waits)
        if close.accepted >= 0:
            self._accept(close, f"{what} was held and is accepted: it counts from now on", accepted)
            return
        self._still_held.update(range(close.row, end))
        if end < len(self._timeline):
            outcome = (
                "confirmed: it counts from now on"
                if close.confirmed
                else "not confirmed: it counts as missing"
            )
            text = f"{what} was held and is {outcome}"
            if end > accepted_until:
                self.notes[end] = _join(self.notes[end], text)
            else:
                self.accepted[accepted_until] = _join(self.accepted[accepted_until], text)

    def add_sibling(self, held: Sequence[HeldClose], name: str) -> None:
        """Closes of a series that is read only to confirm another's: they hold nothing."""
        for close in held:
            text = (
                f"the close of {name} of {self._closes[close.row]:%Y-%m-%d} ({close.move:+.1%} "
                "from the one before) confirms nothing"
            )
            self.notes[close.row] = _join(self.notes[close.row], text)

    def _accept(self, close: HeldClose, text: str, accepted: pd.Series) -> None:
        newest = close.accepted
        at = max(pd.Timestamp(accepted[self._timeline[close.row]]), self._timeline[newest])
        self._still_held.update(range(close.row, newest))
        self._at[newest] = max(at, self._at.get(newest, at))
        self.accepted[newest] = _join(self.accepted.get(newest, ""), text)

    def accepted_at(self) -> dict[int, pd.Timestamp]:
        """By session, from when on nothing of it is held any more."""
        return {row: at for row, at in self._at.items() if row not in self._still_held}


def _reliable_closes(series: pd.Series | None, timeline: pd.DatetimeIndex) -> Floats | None:
    """A sibling's closes without those that were themselves held, confirmed later or not.

    In their own sessions nobody could rely on them.
    """
    if series is None:
        return None
    closes = _on(series, timeline)
    for close in held_closes(closes):
        closes[close.row : close.until] = np.nan
    return closes


def _timeline(sessions: pd.DatetimeIndex, series: Sequence[pd.Series]) -> pd.DatetimeIndex:
    """The sessions, and before them every instant at which one of the series has a value."""
    if not len(sessions):
        return sessions
    early = [
        pd.DatetimeIndex(values.index[: values.index.searchsorted(sessions[0])]).as_unit("ns").asi8
        for values in series
    ]
    instants = np.concatenate([np.unique(np.concatenate(early)), sessions.as_unit("ns").asi8])
    return pd.DatetimeIndex(instants, tz="UTC")


def _on(series: pd.Series, timeline: pd.DatetimeIndex) -> Floats:
    return series.reindex(timeline).to_numpy(dtype=float, copy=True)


def _newest_known(accepted: pd.Series, timeline: pd.DatetimeIndex) -> dict[int, int]:
    """By the row of each accepted close, the newest session that was known by then."""
    rows = timeline.get_indexer(pd.DatetimeIndex(accepted.index))
    newest = timeline.searchsorted(pd.DatetimeIndex(accepted), side="right") - 1
    pairs = zip(rows.tolist(), newest.tolist(), strict=True)
    return {row: known for row, known in pairs if row >= 0}


def _series(market: Market) -> Mapping[str, pd.Series]:
    """The US closes a market has, by field or by fund."""
    return {name: getattr(market, name) for name in FIELDS} | dict(market.breadth)


def _with_series(market: Market, changed: Mapping[str, pd.Series]) -> Market:
    def of(field: str) -> pd.Series:
        series: pd.Series = changed.get(field, getattr(market, field))
        return series

    funds = {name: changed.get(name, fund) for name, fund in market.breadth.items()}
    small, broad, risky, safe = map(of, FIELDS)
    return market._replace(
        small_caps=small, broad=broad, risky_credit=risky, safe_credit=safe, breadth=funds
    )


def _join(before: str, text: str, by: str = "; ") -> str:
    return f"{before}{by}{text}" if before else text
