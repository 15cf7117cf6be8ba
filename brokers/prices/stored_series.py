"""A combined series as it is stored for a run: its rows, and what the run knew of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from brokers.prices.calendar import NEW_YORK
from brokers.prices.clean import bar_length
from brokers.prices.combine import with_substitutes
from brokers.prices.quality import issue_to_json
from brokers.prices.series import DataIssue, Series

SOURCE = "source"  # column: whose row it is, "" for the first source's
SERIES = "series"  # name of the rest among the attributes of the rows, which Parquet stores as JSON


class StoredSeries(NamedTuple):
    """What is stored: rows as `clean_series` takes them, whose each is, and `facts` of the run.

    `source` is the series' own; "" for rows of a version that stored no facts.
    """

    rows: pd.DataFrame
    names: pd.Series
    source: str
    facts: Mapping[str, Any]

    def restore(self, series: Series) -> Series:
        """`series`, made of the rows, with the substitutes, issues and notes that the run had."""
        names = self.names.set_axis(series.frame.index)
        names = names[names != ""]
        issues = [_issue(written) for written in self.facts.get("issues", ())]
        restored = with_substitutes(series, names if len(names) else None, issues)
        if not self.source:
            return restored
        return restored._replace(origin=self.facts["origin"], notes=tuple(self.facts["notes"]))


def needs_storing(series: Series) -> bool:
    """Whether a series is more than the rows of one source."""
    return series.substitutes is not None or bool(series.issues)


def stored_rows(series: Series, delay: pd.Timedelta) -> pd.DataFrame:
    """What is stored of a series; `delay` is from a US close until its price is known."""
    known_at = pd.DatetimeIndex(series.frame.index)
    dates, timeframe = known_at, series.request.timeframe
    if series.request.kind == "session":
        local = (known_at - delay).tz_convert(NEW_YORK)
        dates = local.tz_localize(None).normalize()
    elif series.request.kind == "coin":
        starts, is_daily = known_at - bar_length(timeframe), timeframe == "1d"
        dates = starts.tz_localize(None) if is_daily else starts
    names = series.substitutes if series.substitutes is not None else pd.Series(dtype=object)
    rows = series.frame.assign(**{SOURCE: names.reindex(known_at).fillna("").to_numpy()})
    rows = rows.set_axis(dates.rename("date"))
    rows.attrs[SERIES] = {
        "source": series.source,
        "origin": series.origin,
        "notes": list(series.notes),
        "issues": [issue_to_json(issue) for issue in series.issues],
    }
    return rows


def read_stored(rows: pd.DataFrame) -> StoredSeries | None:
    """What `stored_rows` has stored; None for the rows of a source as it gave them."""
    if SOURCE not in rows:
        return None
    facts = rows.attrs.get(SERIES, {})
    return StoredSeries(rows.drop(columns=SOURCE), rows[SOURCE], facts.get("source", ""), facts)


def _issue(written: Mapping[str, Any]) -> DataIssue:
    first, last = (pd.Timestamp(written[name]) for name in ("first", "last"))
    return DataIssue(**{**written, "first": first, "last": last})
