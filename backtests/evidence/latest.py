"""The newest evidence in one line, for those who look at the gate or at a backtest."""

from backtests.evidence.document import NAME, read
from backtests.runs import folder as run_folders
from backtests.runs.document import DocumentError, EvidenceQuote


def latest_evidence() -> EvidenceQuote | None:
    """The newest run of `evidence` on real prices under `run_folders.RUNS`; None without one.

    Damaged documents are passed over.
    """
    for path in sorted(run_folders.RUNS.glob(f"*-evidence-*/{NAME}"), reverse=True):
        try:
            document = read(path.parent)
        except DocumentError:
            continue
        if not document.sample:
            return EvidenceQuote(line=document.line, folder=path.parent.name)
    return None
