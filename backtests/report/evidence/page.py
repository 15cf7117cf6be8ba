"""The evidence as one self-contained HTML page."""

from pathlib import Path
from typing import Any

from backtests.evidence import document as documents
from backtests.evidence.document import EvidenceDocument
from backtests.evidence.since_publication import SincePublication
from backtests.report import shell
from backtests.report.calibration import CalibrationSection, calibration_section
from backtests.report.evidence import figures, tables, words
from backtests.runs.document import DocumentError
from backtests.runs.folder import RunError

NAME = "evidence.html"


def write(folder: Path, name: str | None = None) -> Path:
    """Write the page of the evidence in `folder` into it.

    `name` is the run's name on the page, the folder's own name if None.

    Raises
    ------
    RunError
        `folder` holds no evidence, or a damaged one, or the page cannot be written.

    """
    text = html(read(folder), name or folder.resolve().name, calibration_section(folder))
    return shell.save_page(folder / NAME, text)


def read(folder: Path) -> EvidenceDocument:
    """The evidence of a run.

    Raises
    ------
    RunError
        There is none, or it is damaged or of a newer version.

    """
    try:
        return documents.read(folder)
    except DocumentError as error:
        path = folder / documents.NAME
        raise RunError(f"{path}: cannot be read ({error}); run `evidence` again") from None


def html(
    document: EvidenceDocument, name: str, calibration: CalibrationSection | None = None
) -> str:
    """The page; everything it needs is inside."""
    return shell.html(
        "evidence.html",
        figures.all_figures(document),
        document=document,
        calibration=calibration,
        name=name,
        sample=document.sample,
        numbers_stand="in evidence.json",
        words=words,
        tiles=tables.verdict_tiles(document),
        claims=tables.claim_table(document),
        facts=tables.fact_table(document),
        undecided=tables.open_table(document),
        since=_since_tables(document.since),
        elsewhere=tables.elsewhere_table(document),
        events=tables.event_table(document),
        responses=tables.response_table(document),
        definitions=tables.definition_table(document),
        leads=tables.lead_table(document),
    )


def _since_tables(since: SincePublication | None) -> dict[str, Any]:
    """The latest day of publication in short, and each day whole."""
    if since is None:
        return {}
    latest, whole = since.dates[-1], {each.day: tables.since_table(each) for each in since.dates}
    return {"latest": tables.since_table(latest, tables.IN_SHORT), "whole": whole}
