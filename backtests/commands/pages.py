"""Pages of what a run folder holds."""

from pathlib import Path

from brokers.progress import Progress


def write_page(folder: Path, name: str | None, step: Progress) -> Path:
    """The report of a run folder, of that of a search, or of the evidence."""
    step("report")
    if (folder / "evidence.json").exists():
        from backtests.report.evidence import page as evidence_page

        return evidence_page.write(folder, name)
    if (folder / "tune.json").exists():
        from backtests.report.tune import page as tune_page

        return tune_page.write(folder, name)
    from backtests.report.run import page

    return page.write(folder, name)
