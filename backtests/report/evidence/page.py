"""The evidence as one self-contained HTML page."""

from pathlib import Path

from backtests.evidence import document as documents
from backtests.evidence.document import EvidenceDocument
from backtests.report import shell
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
    return shell.save_page(folder / NAME, html(read(folder), name or folder.resolve().name))


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


def html(document: EvidenceDocument, name: str) -> str:
    """The page; everything it needs is inside."""
    return shell.html(
        "evidence.html",
        figures.all_figures(document),
        document=document,
        name=name,
        sample=document.sample,
        numbers_stand="in evidence.json",
        words=words,
        tiles=tables.verdict_tiles(document),
        claims=tables.claim_table(document),
        events=tables.event_table(document),
        responses=tables.response_table(document),
        definitions=tables.definition_table(document),
        leads=tables.lead_table(document),
    )
