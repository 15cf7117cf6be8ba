"""Sentences of a run, and the terminal that shows them."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from backtests.report.run import page, tables, words
from backtests.report.run.terminal import show_backtest
from backtests.runs.document import (
    EventsRecord,
    GatePeriodRecord,
    LargestOrderRecord,
    MetricsDocument,
)

SOL = LargestOrderRecord(
    coin="SOL",
    decided=pd.Timestamp("2021-01-17", tz="UTC").to_pydatetime(),
    value=44161.0,
    share=0.001522,
    of_equity=0.2112,
    account=220_209_959.0,
)
BITCOIN = SOL.model_copy(update={"coin": "BTC", "share": 0.00004, "account": 8e8})


@pytest.fixture(scope="module")
def document(run_of: Callable[[str], Path]) -> MetricsDocument:
    return page.load_run(run_of("usual")).document


def shown(document: MetricsDocument) -> str:
    written = StringIO()
    show_backtest(Console(width=200, file=written), document, Path("run"))
    return " ".join(written.getvalue().split())


def test_capacity_is_the_tightest_coins_and_the_largest_order_is_named(
    document: MetricsDocument,
) -> None:
    both = document.model_copy(update={"capacity": (SOL, BITCOIN)})
    assert words.capacity(both) == (
        "At the volumes of the window's last year, an order of 21% of the account in SOL (the"
        " largest there was) is 1 % of that coin's median daily volume in an account of"
        " 220,000,000. The largest order beside its coin's volume was one of 44,000 in SOL on"
        " 2021-01-17: 0.15% of the median daily volume of the 30 days before. Volumes are the price"
        " vendor's, usually summed over all exchanges: a single exchange trades a part of them and"
        " bears a smaller account."
    )
    own = SOL.model_copy(update={"source": "exchange"})
    sentences = words.capacity(document.model_copy(update={"capacity": (own,)}))
    assert sentences.endswith("Volumes are those of the exchange that the prices come from.")
    small = document.model_copy(update={"capacity": (BITCOIN,)})
    assert "less than 0.01% of the median" in words.capacity(small)
    assert words.capacity(document.model_copy(update={"capacity": ()})) == ""


def test_the_terminal_shows_what_the_page_does(document: MetricsDocument) -> None:
    whole = document.model_copy(update={"capacity": (SOL,)})
    text = shown(whole)
    assert whole.verdict and whole.required_events
    for expected in (
        f"Verdict: {whole.verdict.word}. {whole.verdict.why} {whole.required_events.why}",
        "Under other assumptions",
        *(variant.text for variant in whole.other_assumptions),
        f"Capacity: {words.capacity(whole)}",
        "BTC only",
    ):
        assert expected in text


def period(event_id: int, base: int | None, *, is_closed: bool = True) -> GatePeriodRecord:
    day = pd.Timestamp("2020-01-01", tz="UTC").to_pydatetime()
    return GatePeriodRecord(
        opened=day,
        closed=day if is_closed else None,
        level=100.0,
        base_age=21,
        rearmed=False,
        event_id=event_id,
        reason="",
        event_base=base,
        strategy_return=None,
        bitcoin_return=None,
    )


def events(*periods: GatePeriodRecord) -> EventsRecord:
    ids = {row.event_id for row in periods}
    return EventsRecord(
        breakouts=len(periods),
        rearmed=0,
        independent_events=len(ids),
        closed_events=len({row.event_id for row in periods if row.closed}),
        gate_periods=periods,
    )


def test_tile_and_terminal_count_events_as_the_verdict_does(document: MetricsDocument) -> None:
    """Of breakouts above shorter records none; one whose re-armed period still runs has closed."""
    mixed = events(
        period(1, 252),
        period(1, 252, is_closed=False),
        period(2, 251),
        period(3, 300),
        period(4, 999, is_closed=False),
    )
    shown_run = document.model_copy(update={"events": mixed})
    tile = next(row for row in tables.tiles(shown_run) if row[0] == "independent events")
    assert tile == ("independent events", "3", "2 of them closed")
    assert (
        "Events: 3 independent (5 confirmed breakouts, 0 re-armed), 2 closed; 1 more by"
        " gate.base_sessions, which no verdict counts"
    ) in shown(shown_run)
    assert words.verdict_events(events()) == (0, 0)


def test_events_of_an_earlier_version_are_counted_as_it_did(document: MetricsDocument) -> None:
    old = events(period(1, None), period(2, None, is_closed=False))
    assert words.verdict_events(old) == (2, 1)
    assert "more by gate.base_sessions" not in shown(document.model_copy(update={"events": old}))


def test_the_terminal_says_once_why_a_short_run_is_not_judged(
    run_of: Callable[[str], Path],
) -> None:
    short = page.load_run(run_of("short")).document
    assert shown(short).count("are neither judged nor annualised") == 1
    alone = short.model_copy(update={"no_verdict": ""})  # as without benchmarks
    assert shown(alone).count("are neither judged nor annualised") == 1


def test_a_short_run_of_an_earlier_version_shows_what_it_has(document: MetricsDocument) -> None:
    """Its file has the yearly figures that it had: nothing is said to be missing."""
    assert document.strategy.cagr is not None
    assert words.short_window(document) == ""
