"""The inputs of the backtest that a paper session is compared with."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import pandas as pd

from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.paper_sessions.recording import REPLAYED, JournalSnapshot
from backtests.runs.folder import RunError, read_run
from brokers.clock import utc_text
from brokers.local_paths import show_path
from brokers.prices import download
from brokers.prices.live import daily
from brokers.prices.load import Prices, load_prices
from brokers.prices.series import DataError
from brokers.prices.sources import required_series, sources_of
from brokers.progress import Progress
from config.changes import changed_settings
from config.settings import ConfigError, Settings, restore

PRIVATE = ("notify", "log", "journal")  # sections of the settings that decide nothing


def session_settings(journal: JournalSnapshot, overrides: Sequence[str]) -> Settings:
    """The last session's settings, with its price sources unless `overrides` name a source.

    Raises
    ------
    ConfigError
        They are not settings of this version.

    """
    last = journal.sessions[-1]
    name = f"the settings of session {last.id} in {show_path(journal.path)}"
    if not journal.setup.coins:
        raise ConfigError(f"{name}: name no coins; they are not those of a paper session")
    settings = restore(last.settings, name, list(overrides))
    chosen = any(
        text.replace(" ", "").startswith(("prices.source=", "prices.sources")) for text in overrides
    )
    if chosen or settings.prices.source == "sample":
        return settings
    if not journal.replayed:
        return settings.model_copy(update={"prices": daily(settings).prices})
    if _on_sample(journal):
        sample = settings.prices.model_copy(update={"source": "sample"})
        return settings.model_copy(update={"prices": sample})
    return settings


def _on_sample(journal: JournalSnapshot) -> bool:
    """Whether the run folder of a replay's journal says that its prices were the sample."""
    try:
        return read_run(journal.path.parent).sample
    except RunError:
        return False


def load_session_prices(
    settings: Settings, now: pd.Timestamp, progress: Progress | None = None
) -> Prices:
    """All prices as they are known at `now`; without a network this takes a second or two.

    Raises
    ------
    DataError
        A series cannot be downloaded or used.

    """
    listed = {request: sources_of(request, settings) for request in required_series(settings)}
    alone = [(request, names[0]) for request, names in listed.items() if len(names) == 1]
    download.refuse_unreachable(
        [(request, source) for request, source in alone if source in download.SERVICES], settings
    )
    return load_prices(settings, now, progress=progress)


def session_inputs(
    journal: JournalSnapshot, settings: Settings, prices: Prices
) -> tuple[Inputs, list[str]]:
    """The backtest's inputs over the journal's bars and the one after them, and notes on them.

    Raises
    ------
    DataError
        The prices do not cover the first bar, or cannot be used.

    """
    first, last = journal.decisions[0].time, journal.decisions[-1].time
    replayed = journal.sessions[-1].outcome == REPLAYED
    until = last if replayed else last + journal.setup.bar_seconds
    window = {"start": _day(first), "end": _day(until), "cash": journal.equity[0].value}
    changes = {
        "backtest": settings.backtest.model_copy(update=window),
        "costs": settings.costs.model_copy(update={"cash_yield": 0.0}),
    }
    inputs = prepare_inputs(settings.model_copy(update=changes), prices)
    ends = inputs.grid.as_unit("s").asi8
    inside = (ends >= first) & (ends <= until)
    if not inside.any() or ends[inside][0] > first:
        begin = inputs.grid[0] if len(inputs.grid) else prices.now
        raise DataError(
            f"the coins' prices begin with the bar of {begin:%Y-%m-%d %H:%M}, "
            f"the paper session with that of {utc_text(first)}"
        )
    grid, reached = inputs.grid[inside], int(ends[inside][-1])
    coins = {name: lines.loc[grid[0] : grid[-1]] for name, lines in inputs.coins.items()}
    notes = [*_changed_settings(journal)]
    if reached < last:
        notes.insert(0, f"Prices end at {utc_text(reached)}: later bars are not compared.")
    return inputs._replace(grid=grid, coins=coins), notes


def _changed_settings(journal: JournalSnapshot) -> Iterator[str]:
    """A sentence for each session that began with other settings than the one before it."""
    for before, after in zip(journal.sessions, journal.sessions[1:], strict=False):
        changes = changed_settings(before.settings, after.settings)
        keys = [change.key for change in changes if change.key.partition(".")[0] not in PRIVATE]
        if keys:
            yield (
                f"From {utc_text(after.started)} on the paper session had other settings "
                f"({', '.join(keys)}); the backtest uses the last ones."
            )


def _day(end: int) -> date:
    return datetime.fromtimestamp(end - 1, UTC).date()
