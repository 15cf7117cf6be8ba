"""The page of a run folder, whatever made the run."""

from pathlib import Path

from brokers.progress import Progress


def write_page(folder: Path, name: str | None, step: Progress) -> Path:
    """Write the page of a backtest, a search or of evidence; `name` is what to call the run."""
    step("report")
    if (folder / "evidence.json").exists():
        from backtests.report.evidence import page as evidence_page

        return evidence_page.write(folder, name)
    if (folder / "tune.json").exists():
        from backtests.report.tune import page as tune_page

        return tune_page.write(folder, name)
    from backtests.report.run import page

    return page.write(folder, name)
