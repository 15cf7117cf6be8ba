"""Does anything from the future change a decision? The engine of `check lookahead`.

Three questions. Does any row have a timestamp earlier than it could be known? With every series cut
at an instant, is every gate row, coin line and decision up to it the same? With the adjusted prices
up to it rescaled, as a later dividend and split do, is everything still the same?
"""

import gc
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from backtests.checks.cut_points import cut_points
from backtests.checks.snapshots import Snapshot, difference, take_snapshot
from backtests.checks.timestamps import CALENDAR, Finding, check_timestamps
from brokers.clock import utc_text
from brokers.plurals import count
from brokers.prices.load import Prices
from brokers.prices.series import DataError, Request, Series
from brokers.progress import Progress
from config.settings import Settings

SEED = 20160707
DIVIDEND = 0.97  # what a dividend of 3 % makes of every adjusted price before it
SPLIT = 2.0  # shares for one; a power of two, so that ratios keep their last bit
CUT, RESCALED = "cut at", "rescaled at"  # how a finding begins
TOGETHER = "several series together"


class LookaheadReport(NamedTuple):
    """What was compared and what is wrong.

    `cuts` and `rescalings` count the cut points tested, `timestamps` the rows whose timestamps were
    checked; `without_source` names the series whose timestamps could only be checked against the
    clock. `findings` is empty if no look-ahead was found; otherwise it has the first thing that
    changed, once for each series that changes it alone.
    """

    cuts: int
    rescalings: int
    timestamps: int
    without_source: tuple[str, ...]
    findings: tuple[Finding, ...]


def find_lookahead(
    settings: Settings,
    prices: Prices,
    cuts: int = 40,
    seed: int = SEED,
    progress: Progress | None = None,
) -> LookaheadReport:
    """Ask all three questions, up to the first finding.

    The second is asked at `cuts` instants chosen by `seed`, the third at half of them. An exception
    raised by `progress` ends the check.

    Raises
    ------
    DataError
        The prices cannot be used, as `prepare_inputs` says.

    """
    step = progress or (lambda *_: None)
    step("timestamps", 0, cuts)
    check = check_timestamps(settings, prices)
    report = LookaheadReport(0, 0, check.checked, check.without_source, check.findings)
    if report.findings:
        return report  # cuts go by the timestamps: with wrong ones they show nothing
    step("the whole history", 0, cuts)
    full = take_snapshot(settings, prices)
    for done, instant in enumerate(cut_points(prices, full, cuts, seed)):
        step(f"cut at {instant:%Y-%m-%d %H:%M}", done, cuts)
        findings = findings_of_cut(settings, prices, full, instant, step)
        report = report._replace(cuts=done + 1, findings=findings)
        if not findings and done % 4 < 2:
            findings = findings_of_rescaling(settings, prices, full, instant, step)
            report = report._replace(rescalings=report.rescalings + 1, findings=findings)
        if findings:
            break
        if not gc.isenabled() and done % 10 == 9:
            gc.collect()  # the program turns the collector off; each run leaves 4 MB of cycles
    return report


def findings_of_cut(
    settings: Settings,
    prices: Prices,
    full: Snapshot,
    instant: pd.Timestamp,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """What is no longer as in `full` when every series ends at `instant` (UTC, included).

    One finding for each series whose end alone does it.
    """
    then = prices.until(instant)
    comparison = _Comparison(settings, full, instant, rescaled=False)
    return comparison.findings(then, _cut_alone(prices, then), progress)


def findings_of_rescaling(
    settings: Settings,
    prices: Prices,
    full: Snapshot,
    instant: pd.Timestamp,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """As `findings_of_cut`, with the prices rescaled by a dividend and a split after `instant`.

    The measures' last bits may differ.
    """
    then = prices.until(instant)
    index = settings.signal.index
    changed = {
        request: _rescale(series, index)
        for request, series in then.series.items()
        if request.kind == "session"
    }
    alone = ((request.name, _with(then, {request: series})) for request, series in changed.items())
    comparison = _Comparison(settings, full, instant, rescaled=True)
    return comparison.findings(_with(then, changed), alone, progress)


def as_json(report: LookaheadReport) -> dict[str, object]:
    """The report as plain values, with the sentences."""
    return {
        "cuts": report.cuts,
        "rescalings": report.rescalings,
        "stamps": report.timestamps,
        "without_source": list(report.without_source),
        "moved": [
            finding._asdict() | {"instant": finding.instant.isoformat()}
            for finding in report.findings
        ],
        "text": sentences(report),
    }


def sentences(report: LookaheadReport) -> list[str]:
    """The report as text: the answer, the findings, what was compared."""
    found = bool(report.findings)
    rescaling = found and report.findings[0].text.startswith(RESCALED)
    lines = ["Look-ahead found." if found else "No look-ahead found."]
    lines += [f"{finding.series}: {finding.text}." for finding in report.findings]
    if found and not report.cuts:
        lines.append(
            f"Timestamps: {report.timestamps:,} checked. No prices were cut: cuts go by the "
            "timestamps, and with wrong ones they show nothing."
        )
    else:
        lines += [
            f"Timestamps: {report.timestamps:,} checked, none is before its row could be known.",
            _sentence("Every series cut", report.cuts, changed=found and not rescaling),
            _sentence(
                "Prices rescaled by a later dividend and split",
                report.rescalings,
                changed=rescaling,
            ),
        ]
    if report.without_source:
        lines.append(
            f"Without dates of the source to compare with: {', '.join(report.without_source)}. "
            "Their timestamps were checked against the clock only."
        )
    return lines


def _sentence(what: str, instants: int, *, changed: bool) -> str:
    """The check ends with the first change, so there is never a second."""
    where = f"{what} at {count(instants, 'instant')}"
    if changed:
        return f"{where}: at the last one a gate row, coin line or decision changed."
    return f"{where}: no gate row, coin line or decision changed."


class _Comparison(NamedTuple):
    """Other prices against the snapshot of the whole history, up to an instant."""

    settings: Settings
    full: Snapshot
    instant: pd.Timestamp
    rescaled: bool

    def findings(
        self, prices: Prices, alone: Iterator[tuple[str, Prices]], progress: Progress | None
    ) -> tuple[Finding, ...]:
        """What differs with `prices`: a finding for each series that, changed alone, does it too.

        The calendar is named if no series does.
        """
        text = self._difference(prices)
        if not text:
            return ()
        found: list[Finding] = []
        for name, changed in alone:
            if progress:
                progress(f"{name} alone", 0, 0)
            if name == CALENDAR and found:
                break  # it ends the rows of every series
            if text_alone := self._difference(changed):
                found.append(self._finding(name, text_alone))
        return tuple(found) or (self._finding(TOGETHER, text),)

    def _difference(self, prices: Prices) -> str | None:
        try:
            snapshot = take_snapshot(self.settings, prices)
        except DataError as error:
            return f"nothing can be computed with the data known then: {error}"
        return difference(self.full, snapshot, self.instant, rescaled=self.rescaled)

    def _finding(self, series: str, text: str) -> Finding:
        what = RESCALED if self.rescaled else CUT
        return Finding(series, self.instant, f"{what} {_utc(self.instant)}, {text}")


def _cut_alone(prices: Prices, then: Prices) -> Iterator[tuple[str, Prices]]:
    for request, series in then.series.items():
        if len(series.frame) < len(prices.series[request].frame):
            yield request.name, _with(prices, {request: series})
    yield CALENDAR, prices._replace(sessions=then.sessions)


def _with(prices: Prices, changed: dict[Request, Series]) -> Prices:
    return prices._replace(series={**prices.series, **changed})


def _rescale(series: Series, index: str) -> Series:
    """A fund's prices after a dividend and a split; the index's close is a level and stays."""
    frame = series.frame.assign(adj_close=series.frame["adj_close"] * (DIVIDEND / SPLIT))
    if series.request.symbol != index:
        frame = frame.assign(
            volume=frame["volume"] * SPLIT,
            **{name: frame[name] / SPLIT for name in ("open", "high", "low", "close")},
        )
    return series._replace(frame=frame)


def _utc(instant: pd.Timestamp) -> str:
    if instant.nanosecond == 0:
        return utc_text(instant.timestamp())
    return f"{instant} (one nanosecond before {instant.ceil('s'):%H:%M} UTC)"
