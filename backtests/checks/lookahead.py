"""Does anything from the future move a decision? The engine of `check lookahead`.

Three questions. Are the rows stamped no earlier than they could be known? Cut every series at an instant: is every gate row, coin's
line and decision up to it the same? Rescale the adjusted prices up to it, as a dividend and a split later do: the same?
"""

import gc
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from backtests.checks.cut_points import instants
from backtests.checks.snapshots import Outcome, difference, outcome
from backtests.checks.timestamps import CALENDAR, Finding, check_stamps
from brokers.prices.load import Prices
from brokers.prices.series import DataError, Request, Series
from brokers.progress import Progress
from config.settings import Settings

SEED = 20160707
DIVIDEND = 0.97  # what a dividend of 3 % makes of every adjusted price before it
SPLIT = 2.0  # shares for one; a power of two, so that ratios keep their last bit
CUT, RESCALED = "cut at", "rescaled at"  # how a finding begins
TOGETHER = "several series together"


class Lookahead(NamedTuple):
    """What was compared and what is wrong.

    `cuts` and `rescalings` count the instants asked about, `stamps` the rows whose stamps were checked; `without_source` names the series
    whose stamps could be held against the clock only. `moved` is empty if nothing from the future was found; otherwise it has the first
    thing that moved, once for each series that moves it alone.
    """

    cuts: int
    rescalings: int
    stamps: int
    without_source: tuple[str, ...]
    moved: tuple[Finding, ...]


def check(
    settings: Settings,
    prices: Prices,
    cuts: int = 40,
    seed: int = SEED,
    progress: Progress | None = None,
) -> Lookahead:
    """Ask all three questions, up to the first thing that is wrong: the second at `cuts` instants chosen by `seed`, the third at half of them.

    `progress` is called with (what is being done, how many are done, of how many); what it raises ends the check.

    Raises
    ------
    DataError
        The prices cannot be used, as `prepare` says.

    """
    step = progress or (lambda *_: None)
    step("stamps", 0, cuts)
    stamps = check_stamps(settings, prices)
    result = Lookahead(0, 0, stamps.checked, stamps.without_source, stamps.wrong)
    if result.moved:
        return result  # cuts go by the stamps: with wrong ones they show nothing
    step("the whole history", 0, cuts)
    full = outcome(settings, prices)
    for done, instant in enumerate(instants(prices, full, cuts, seed)):
        step(f"cut at {instant:%Y-%m-%d %H:%M}", done, cuts)
        moved = moved_by_cut(settings, prices, full, instant, step)
        result = result._replace(cuts=done + 1, moved=moved)
        if not moved and done % 4 < 2:
            moved = moved_by_rescaling(settings, prices, full, instant, step)
            result = result._replace(rescalings=result.rescalings + 1, moved=moved)
        if moved:
            break
        if not gc.isenabled() and done % 10 == 9:
            gc.collect()  # the program does without the collector; each run leaves four megabytes in circles
    return result


def moved_by_cut(
    settings: Settings,
    prices: Prices,
    full: Outcome,
    instant: pd.Timestamp,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """What is no longer as in `full` when every series ends at `instant` (UTC, included): one finding for each series whose end alone does it."""
    then = prices.until(instant)
    text = _moved(settings, full, then, instant)
    return (
        _by_series(settings, full, instant, text, _cut_alone(prices, then), False, progress)
        if text
        else ()
    )


def moved_by_rescaling(
    settings: Settings,
    prices: Prices,
    full: Outcome,
    instant: pd.Timestamp,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """The same when besides a dividend and a split after `instant` have rescaled the prices up to it. The measures' last bits may differ."""
    then = prices.until(instant)
    index = settings.signal.index
    changed = {
        request: _rescaled(one, index)
        for request, one in then.series.items()
        if request.kind == "session"
    }
    text = _moved(settings, full, _with(then, changed), instant, rescaled=True)
    alone = ((request.name, _with(then, {request: one})) for request, one in changed.items())
    return _by_series(settings, full, instant, text, alone, True, progress) if text else ()


def as_json(result: Lookahead) -> dict[str, Any]:
    """The result as plain values, with the sentences."""
    moved = [one._asdict() | {"instant": one.instant.isoformat()} for one in result.moved]
    return result._asdict() | {
        "without_source": list(result.without_source),
        "moved": moved,
        "text": sentences(result),
    }


def sentences(result: Lookahead) -> list[str]:
    """What a person would say: the answer, what moved, what was compared."""
    rescaling = bool(result.moved) and result.moved[0].text.startswith(RESCALED)
    said = [
        "Something from the future is used." if result.moved else "Nothing from the future is used."
    ]
    said += [f"{one.series}: {one.text}." for one in result.moved]
    if result.moved and not result.cuts:
        said.append(
            f"Stamps: {result.stamps:,} looked at. No cuts were made: they go by the stamps, and with wrong ones they show nothing."
        )
    else:
        said.append(
            f"Stamps: {result.stamps:,} looked at, none is earlier than its row could be known."
        )
        said.append(_counted("Every series cut", result.cuts, bool(result.moved) and not rescaling))
        said.append(
            _counted("Prices rescaled by a later dividend and split", result.rescalings, rescaling)
        )
    if result.without_source:
        names = ", ".join(result.without_source)
        said.append(
            f"No dates of the source to compare with for {names}: these stamps were held against the clock only."
        )
    return said


def _counted(what: str, instants: int, moved: bool) -> str:
    """The check ends with the first that moves something, so there is never a second."""
    return f"{what} at {instants} {'instant' if instants == 1 else 'instants'}: {int(moved)} moved a gate row, a coin's line or a decision."


def _moved(
    settings: Settings, full: Outcome, then: Prices, instant: pd.Timestamp, rescaled: bool = False
) -> str | None:
    try:
        return difference(full, outcome(settings, then), instant, rescaled)
    except DataError as error:
        return f"nothing can be computed with what was known: {error}"


def _by_series(
    settings: Settings,
    full: Outcome,
    instant: pd.Timestamp,
    text: str,
    alone: Iterator[tuple[str, Prices]],
    rescaled: bool,
    progress: Progress | None,
) -> tuple[Finding, ...]:
    """Who is responsible for `text`: every series which, changed alone, moves something as well; the calendar if no series does."""
    found: list[Finding] = []
    what = RESCALED if rescaled else CUT
    for name, prices in alone:
        if progress:
            progress(f"{name} alone", 0, 0)
        if name == CALENDAR and found:
            break  # it ends the rows of every series
        if own := _moved(settings, full, prices, instant, rescaled):
            found.append(Finding(name, instant, f"{what} {_utc(instant)}, {own}"))
    return tuple(found) or (Finding(TOGETHER, instant, f"{what} {_utc(instant)}, {text}"),)


def _cut_alone(prices: Prices, then: Prices) -> Iterator[tuple[str, Prices]]:
    for request, one in then.series.items():
        if len(one.frame) < len(prices.series[request].frame):
            yield request.name, _with(prices, {request: one})
    yield CALENDAR, prices._replace(sessions=then.sessions)


def _with(prices: Prices, changed: dict[Request, Series]) -> Prices:
    return prices._replace(series={**prices.series, **changed})


def _rescaled(one: Series, index: str) -> Series:
    """A fund's prices, as a dividend and a split make of them; the index's close is a level and stays what it was."""
    frame = one.frame.assign(adj_close=one.frame["adj_close"] * (DIVIDEND / SPLIT))
    if one.request.symbol != index:
        frame = frame.assign(
            volume=frame["volume"] * SPLIT,
            **{name: frame[name] / SPLIT for name in ("open", "high", "low", "close")},
        )
    return one._replace(frame=frame)


def _utc(instant: pd.Timestamp) -> str:
    return (
        f"{instant:%Y-%m-%d %H:%M} UTC"
        if instant.nanosecond == 0
        else f"{instant} (one nanosecond before {instant.ceil('s'):%H:%M} UTC)"
    )
