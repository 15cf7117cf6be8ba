"""`report`: the page of a run again, or that of a paper session."""

import json
from pathlib import Path

import pandas as pd

from backtests.commands.pages import write_page
from backtests.commands.run_scope import Texts
from backtests.report.progress import progress
from backtests.report.session.terminal import show_session
from brokers.console import console
from brokers.local_paths import path_from_here
from config.settings import ConfigError


def write_report(path: Path, overrides: Texts, *, as_json: bool) -> None:
    """Write the page of a finished run again, or that of a paper session from its journal."""
    from backtests.runs.folder import journal_at

    if (journal := journal_at(path)) is not None:
        _write_session_report(journal, overrides or [], as_json=as_json)
        return
    if overrides:
        raise ConfigError(
            f"--set {overrides[0].partition('=')[0]}: {path} is no paper session's journal;"
            " a run's page shows what its folder holds"
        )
    with progress() as step:
        page = write_page(path, None, step)
    print(
        json.dumps({"report": path_from_here(page)})
        if as_json
        else f"Written to {path_from_here(page)}"
    )


def _write_session_report(journal: Path, overrides: list[str], *, as_json: bool) -> None:
    from backtests.paper_sessions import document
    from backtests.paper_sessions.summary import session_report
    from backtests.report.session import page as session_page

    with progress() as step:
        report = session_report(journal, overrides, pd.Timestamp.now(tz="UTC"), step)
        step("report")
        page = session_page.write(report)
    if as_json:
        print(
            json.dumps(document.as_json(report) | {"report": path_from_here(page)}, allow_nan=False)
        )
    else:
        show_session(console(), report, page)
