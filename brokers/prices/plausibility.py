"""Whether prices can be what they claim: one step in the way of every series and every command.

It sees the whole history and changes no value. What is `refused` is used by no command, what is
`high` gives no verdict, a `note` is for a person to know. A newest close that is bent is none of
this: held closes and the rule of candles wait for the one after it.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from brokers.prices.bar_checks import Accepted, bar_issues, published_price_issues
from brokers.prices.cross_checks import cross_issues
from brokers.prices.macro_checks import macro_issues
from brokers.prices.series import DataIssue, Request, Series

PUBLISHED_PRICES = ("BTC_coinmetrics",)  # macro values that are a coin's daily closes


def check_plausibility(
    series: Mapping[Request, Series], sessions: pd.Series, accepted: Accepted
) -> tuple[DataIssue, ...]:
    """Everything implausible about some series, each by itself and compared with the others.

    What the sources of one disagree on is among it.

    Parameters
    ----------
    series : as they can be used.
    sessions : known ones by that instant, as `Prices.sessions`.
    accepted : dates on which something odd is true, by symbol (`prices.accepted`).

    """
    alone = (
        issue
        for each in series.values()
        for issue in (*series_issues(each, sessions, accepted), *each.issues)
    )
    return (*alone, *cross_issues(series, accepted))


def series_issues(series: Series, sessions: pd.Series, accepted: Accepted) -> tuple[DataIssue, ...]:
    """Everything implausible about one series by itself; arguments as `check_plausibility`."""
    if len(series.frame) < 2:
        return ()
    dates = frozenset(accepted.get(series.request.symbol, ()))
    if series.request.kind != "macro":
        return bar_issues(series, sessions, dates)
    is_price = series.request.symbol in PUBLISHED_PRICES
    return (
        *macro_issues(series, dates),
        *(published_price_issues(series, dates) if is_price else ()),
    )


def first_refused(issues: Iterable[DataIssue]) -> DataIssue | None:
    """The issue for which a series cannot be used; None for none."""
    return next((issue for issue in issues if issue.severity == "refused"), None)


def refusal(issues: Iterable[DataIssue]) -> str:
    """The text of the first issue for which a series cannot be used; "" for none."""
    issue = first_refused(issues)
    return issue.text if issue else ""


def live_issues(issues: Iterable[DataIssue], request: Request) -> tuple[DataIssue, ...]:
    """The issues of one series in a session, which one odd value must not make blind.

    One bent close of a US series between two true ones was held and never counted
    (`strategies/held_closes.py`): no issue. One published value was used when it was new: an
    incident, and the series goes on.
    """
    in_session = list[DataIssue]()
    for issue in issues:
        is_one = issue.severity == "refused" and issue.kind == "jump" and issue.first == issue.last
        if is_one and request.kind == "macro":
            in_session.append(issue._replace(severity="high"))
        elif not is_one or request.kind != "session":
            in_session.append(issue)
    return tuple(in_session)
