"""One series out of several sources: the first one's rows, and newer ones of those after it.

A later source may keep or lower a ceiling, never raise it: a row of the gate that rests on it has
at most the ceiling of the row before (`strategies.gate.cap_ceilings`). Where all rows are a later
source's a backtest is that source's, its newest row alone held down; a live session then goes up
from no row that it acted on (`brokers.live.live_gate.limit_ceilings`).
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.clean import vintage
from brokers.prices.jumps import LIMITS, limits_key
from brokers.prices.same_series import difference_in_returns
from brokers.prices.series import DataError, DataIssue, Kind, Request, Series, UnreachableError
from config.prices import proxy_fund

LEVEL_ROWS = 5  # last common rows whose median ratio is the ratio of two sources' levels
SAME_LEVEL = 5e-4  # ratios nearer to 1 are rounding: the rows are taken as they are
COMPARED_ROWS = 20  # last common rows on which two sources are compared
# Share by which two closes of one day, levels apart, differ where two sources disagree: of a fund
# ten times what vendors' roundings do; of a coin what a composite and an exchange differ by on less
# than one day in a thousand (nine coins of nine years; the most is 0.098).
DISAGREEMENT = {"session": 0.01, "coin": 0.05, "macro": 0.01}
UNUSABLE = 5.0  # times that: another series, which stands in for nothing
# A fund stands in for its index only if their daily returns differed by no more than this (standard
# deviation) over as many sessions. So since 2012 SPY always could for ^GSPC, and IWM for ^RUT but
# for a year from March 2020 on, usually with 0.0005 to 0.001; the equal-weighted RSP has 0.002.
PROXY_SESSIONS, PROXY_DEVIATION = 250, 0.0015
LONGEST_PROXY = 63  # sessions: their dividends are then 0.3 % apart
Floats = NDArray[np.float64]
PRICES = ("open", "high", "low", "close")


class _OtherSeriesError(DataError):
    """What a source has under the name of a series is another one: where they differ."""


class Needed(NamedTuple):
    """What makes a series complete: a row known at `newest` (UTC) or later.

    `session`: when the newest US session was known (UTC), whose row of the gate is the newest.
    """

    request: Request
    newest: pd.Timestamp
    session: pd.Timestamp = pd.Timestamp.max.tz_localize("UTC")

    def is_behind(self, series: Series) -> bool:
        """Whether the newest row that should be known is not there."""
        return bool(series.frame.index[-1] < self.newest)

    def rows_read_last(self, series: Series) -> pd.DatetimeIndex:
        """The rows from the one on that the gate's newest row reads: of a coin several."""
        known_at = pd.DatetimeIndex(series.frame.index)
        return known_at[max(int(known_at.searchsorted(self.session, side="right")) - 1, 0) :]


def combine(
    needed: Needed,
    sources: Sequence[str],
    load: Callable[[str], Series],
    why_not: Callable[[Series], DataIssue | None],
) -> Series:
    """The series of the first of `sources` that has a plausible one, topped up by those after it.

    The next source is asked only while the row that is due is missing. Rows after the last one of
    the sources before it are its own; `Series.substitutes` names them. Where the first source has
    no usable series at all a later one stands in for all of it, and the rows are named that the
    gate's newest row and any after it read. One that is refused for a jump has returns to compare
    it with. Anything else refused, or nothing at all, has not: that is a high caveat, for the later
    source may have another series.

    Parameters
    ----------
    load : the series of a source, of its fund for "proxy:FUND"; raises DataError.
    why_not : the refused issue for which a series may not be used; None if it may.

    Raises
    ------
    DataError
        None of the sources has a series: what the first one says, and why not the others.

    """
    series, errors = None, dict[str, DataError]()
    refused: list[tuple[Series, DataIssue]] = []
    problems: list[str] = []
    for source in sources:
        if series is None and proxy_fund(source):
            continue
        try:
            other = load(source)
        except DataError as error:
            errors[source] = error
            problems.append(_of_source(source, error))
            continue
        if issue := why_not(other):
            refused.append((other, issue))
            problems.append(_of_source(source, issue.text))
        elif series is None:
            series = _stand_in(other, source, needed, refused, problems)
        else:
            series = top_up(series, other, source, problems)
        if series is not None and not needed.is_behind(series):
            break
    if series is not None:
        return _with_notes(series, problems)
    if refused:
        return refused[0][0]
    raise _all_errors(errors)


def _all_errors(errors: Mapping[str, DataError]) -> DataError:
    first, *others = errors.items()
    if not others:
        return first[1]
    causes = ", ".join(f"{name}: {str(error).partition('; ')[0]}" for name, error in others)
    kind = UnreachableError if isinstance(first[1], UnreachableError) else DataError
    return kind(f"{first[1]} (nor from {causes})")


def _stand_in(
    other: Series,
    source: str,
    needed: Needed,
    refused: Sequence[tuple[Series, DataIssue]],
    problems: list[str],
) -> Series | None:
    """The first usable series: as it is, or in place of those that could not be used."""
    if not problems:
        return other
    first = other.frame.index[0]
    if refused and first > refused[0][0].frame.index[0] + pd.Timedelta(days=10):
        problems.append(f"{source}: begins only on {first:%Y-%m-%d}")
        return None
    compared = next((series for series, issue in refused if _has_returns(series, issue)), None)
    if compared is not None and (why := _difference(compared, other)):
        problems.append(f"{source}: is another series than {compared.source}: {why}")
        return None
    names = pd.Series(source, needed.rows_read_last(other))
    issue = _all_rows_issue(other, source, problems[0], is_compared=compared is not None)
    return with_substitutes(other, names, (issue,))


def _has_returns(series: Series, issue: DataIssue) -> bool:
    """Whether a series refused for `issue` moves like what it claims to be, on most days."""
    return issue.kind == "jump" and series.request.kind != "macro"


def _all_rows_issue(other: Series, source: str, problem: str, *, is_compared: bool) -> DataIssue:
    """That a later source stands in for all of the first, which has a `problem`."""
    name, known_at = other.request.name, other.frame.index
    unseen = "" if is_compared else ", and compared with none of another source"
    text = (
        f"{name}: all rows are from {source}{unseen}, as what comes before it in the list cannot "
        f"be used ({problem})"
    )
    severity: Literal["note", "high"] = "note" if is_compared else "high"
    return DataIssue(name, "sources", severity, text, known_at[0], known_at[-1])


def _difference(first: Series, other: Series) -> str:
    """How returns of a later source differ too much from the first's, jumps left out; "" if not."""
    jump = LIMITS[limits_key(first.request)].unusual
    ours, theirs = first.frame["close"], other.frame["close"]
    try:
        return difference_in_returns(ours, theirs, first.request.kind, jump)
    except DataError as error:
        return str(error)


def top_up(series: Series, other: Series, source: str, problems: list[str]) -> Series:
    """`series` with the rows of `other` after its last one, on its level.

    `problems` gets a line where `other` cannot be used.
    """
    last = series.frame.index[-1]
    try:
        spliced = (
            splice_proxy(series.frame, other.frame)
            if proxy_fund(source)
            else splice(series.frame, other.frame, series.request.kind)
        )
    except _OtherSeriesError as error:
        return with_substitutes(
            series, series.substitutes, (_other_series_issue(series, other, source, error),)
        )
    except DataError as error:
        problems.append(_of_source(source, error))
        return series
    rows = spliced.rows
    if rows.empty:
        problems.append(f"{source}: has no row after {last:%Y-%m-%d} either")
        return series
    request = series.request
    text = (
        f"{request.name}: {count(len(rows), 'newest row')}, from {rows.index[0]:%Y-%m-%d} on, "
        f"{'is' if len(rows) == 1 else 'are'} from {source}, not from {series.source}"
    )
    issues = [DataIssue(request.name, "sources", "note", text, rows.index[0], rows.index[-1])]
    if spliced.disagreement:
        text = f"{request.name}: {series.source} and {source} disagree: {spliced.disagreement}"
        issues.append(DataIssue(request.name, "sources", "high", text, last, rows.index[-1]))
    names = pd.Series(source, rows.index)
    before = series.substitutes
    return with_substitutes(
        series._replace(frame=pd.concat([series.frame, rows])),
        names if before is None else pd.concat([before, names]),
        issues,
    )


def other_series_text(series: Series, source: str, why: object) -> str:
    """What a person should know of a source whose series is another one than `series`."""
    return (
        f"{series.request.name}: {series.source} and {source} do not have the same series: {why}; "
        f"nothing of {source} is used: check which symbol it answers for"
    )


def _other_series_issue(series: Series, other: Series, source: str, why: Exception) -> DataIssue:
    last = max(series.frame.index[-1], other.frame.index[-1])
    text = other_series_text(series, source, why)
    return DataIssue(series.request.name, "sources", "high", text, series.frame.index[-1], last)


class Splice(NamedTuple):
    """Rows to add, on the level of those before; where the two differ in what they have in common.

    `disagreement` is a sentence, "" for none.
    """

    rows: pd.DataFrame
    disagreement: str


def splice(before: pd.DataFrame, other: pd.DataFrame, kind: Kind) -> Splice:
    """The rows of `other` after the last of `before`, both of one series, by any index of times.

    Prices are scaled by the median ratio of the last common closes, total-return closes by that of
    their own: spliced by return. Volume is left out: two sources count different trades.

    Raises
    ------
    _OtherSeriesError
        Their common rows are not those of one series.
    DataError
        They have no row in common, or too few.

    """
    column = "value" if kind == "macro" else "close"
    common = pd.DatetimeIndex(before.index.intersection(other.index))[-COMPARED_ROWS:]
    if common.empty:
        raise DataError("has no row in common with the rows before it")
    if kind != "macro" and (why := difference_in_returns(before[column], other[column], kind)):
        raise _OtherSeriesError(why)
    level = 1.0 if kind == "macro" else _level(before, other, column)
    ours, theirs = (frame.loc[common, column].to_numpy(dtype=float) for frame in (before, other))
    apart, bound = _differences(ours, level * theirs), DISAGREEMENT[kind]
    row = int(np.argmax(apart))
    texts = []
    if apart[row] > bound:
        texts.append(f"{ours[row]:,.6g} and {theirs[row]:,.6g} on {common[row]:%Y-%m-%d}")
    if abs(np.log(level)) > bound:
        texts.append(f"the levels of the last {LEVEL_ROWS} common rows differ by {level:.4g} times")
    if apart[row] > UNUSABLE * bound:
        raise _OtherSeriesError(texts[0])
    rows = other[other.index > before.index[-1]].copy()
    if kind != "macro":
        rows[[name for name in PRICES if name in rows]] *= level
        rows["adj_close"] *= _level(before, other, "adj_close")
        rows["volume"] = np.nan if kind == "session" else 0.0
    return Splice(rows, "; ".join(texts))


def _differences(ours: Floats, theirs: Floats) -> Floats:
    """Differences of pairs of values as shares of the larger; 0 for two zeros."""
    larger = np.maximum(np.abs(ours), np.abs(theirs))
    return np.abs(ours - theirs) / np.where(larger > 0.0, larger, 1.0)


def splice_proxy(index: pd.DataFrame, fund: pd.DataFrame) -> Splice:
    """The closes of `fund` after the last of `index`, on its level.

    Its total returns are the index's, dividends apart.

    Raises
    ------
    DataError
        Too few common sessions, or their daily returns differed by more than `PROXY_DEVIATION`.

    """
    common = index.index.intersection(fund.index)[-PROXY_SESSIONS - 1 :]
    if len(common) <= PROXY_SESSIONS:
        raise DataError(f"has only {len(common)} sessions in common with it")
    logs = np.log(index.loc[common, "close"] / fund.loc[common, "adj_close"]).to_numpy()
    deviation = float(np.std(np.diff(logs), ddof=1))
    if not deviation <= PROXY_DEVIATION:
        raise DataError(
            f"its daily returns differed by {deviation:.2%} (standard deviation) over "
            f"{PROXY_SESSIONS} sessions, more than {PROXY_DEVIATION:.2%}: it cannot stand in"
        )
    newer = fund[fund.index > index.index[-1]].iloc[:LONGEST_PROXY]
    close = newer["adj_close"] * float(np.exp(np.median(logs[-LEVEL_ROWS:])))
    total = newer["adj_close"] * _level(index, fund, "adj_close")
    rows = pd.DataFrame(dict.fromkeys(PRICES, close), newer.index)
    rows = rows.assign(adj_close=total, volume=np.nan)
    return Splice(rows.reindex(columns=index.columns), "")


def _level(before: pd.DataFrame, other: pd.DataFrame, column: str) -> float:
    common = before.index.intersection(other.index)[-LEVEL_ROWS:]
    ratio = float((before.loc[common, column] / other.loc[common, column]).median())
    return 1.0 if abs(ratio - 1.0) <= SAME_LEVEL else ratio


def with_substitutes(
    series: Series, names: pd.Series | None, issues: Sequence[DataIssue] = ()
) -> Series:
    """`series` with the sources `names` of some rows and more issues, and the vintage of all.

    The words of an issue are no part of the vintage: a service that is away says so in many ways.
    """
    digest = blake2b(vintage(series.frame).encode(), digest_size=8)
    if names is not None:
        for known_at, name in zip(names.index, names, strict=True):
            digest.update(f"{known_at.isoformat()} {name}\n".encode())
    issues = (*series.issues, *issues)
    for issue in issues:
        instants = f"{issue.first.isoformat()} {issue.last.isoformat()}"
        digest.update(f"{issue.kind} {issue.severity} {instants}\n".encode())
    return series._replace(vintage=digest.hexdigest(), substitutes=names, issues=issues)


def _of_source(source: str, what: object) -> str:
    """`what` is wrong with a source, with its name in front, once."""
    text = str(what)
    return text if text.lower().startswith(f"{source.lower()}:") else f"{source}: {text}"


def _with_notes(series: Series, problems: list[str]) -> Series:
    notes = (f"{series.request.name}: {problem}" for problem in problems)
    return series._replace(notes=(*series.notes, *notes)) if problems else series
