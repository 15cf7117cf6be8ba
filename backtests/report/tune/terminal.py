"""A parameter search on the terminal."""

from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.markup import escape

from backtests.report import terminal
from backtests.report.cells import Table
from backtests.report.terminal import terminal_table
from backtests.report.tune import chance_words, verdict_table
from backtests.report.tune import tables as tune_tables
from backtests.report.tune import words as tune_words
from backtests.report.tune.tables import Mode
from backtests.tuning.document import TuneDocument
from brokers.local_paths import path_from_here

COLOURS = {"recommended": "green", "not recommended": "red"}
ALL = 100  # rows; there are never many searched settings or tests


def show(out: Console, result: TuneDocument, folder: Path | str) -> None:
    """Print the verdict, its tests, the best parameter set, its figures and the method."""
    if result.sample:
        terminal.show_sample(out, result.fallback)
    colour = COLOURS.get(result.verdict.word, "") if result.verdict else ""
    headline, why = tune_words.headline(result), tune_words.why(result)
    out.print(f"[bold {colour}]{escape(headline)}[/] {escape(why)}\n")
    if action := tune_words.action(result):
        out.print(f"[bold]{escape(action)}[/]\n")
    if (tests := verdict_table.tests(result)).rows:
        out.print(terminal_table(tests, "Tests of the verdict", ALL))
    _show_best(out, result)
    _show_figures(out, result)
    for text in _sentences(result):
        out.print(escape(text))
    for warning in result.warnings:
        out.print(f"[yellow]warning[/]: {escape(warning)}")
    out.print(f"\nWritten to {path_from_here(folder)}")


def _show_best(out: Console, result: TuneDocument) -> None:
    if tune_words.nothing_chosen(result):
        constraints = tune_words.constraints(result)
        out.print(f"No parameter set meets the constraints: {constraints}.\n")
    elif (changed := tune_tables.changed_settings(result)).rows:
        title = f"Best parameter set by {tune_words.objective(result)}"
        out.print(terminal_table(changed, title, ALL))
    else:
        out.print("No parameter set is better than the current settings.\n")


def _show_figures(out: Console, result: TuneDocument) -> None:
    """In-sample and out-of-sample figures, fewer of them on a narrow terminal."""
    modes: tuple[Mode, ...] = get_args(Mode)
    parts = {"In-sample": tune_tables.in_sample(result)} | {
        f"Out-of-sample ({mode} walk-forward)": tune_tables.out_of_sample(result, mode)
        for mode in modes
    }
    for title, rows in parts.items():
        if rows:
            columns = tune_tables.known_columns(rows)
            out.print(terminal.metrics_table(rows, title, out.width, columns))
    folds = tune_tables.folds(result)
    if folds.rows:
        out.print(terminal_table(_without_choices(folds), "One breakout left out", ALL))


def _without_choices(folds: Table) -> Table:
    """Only the first column and the numbers; what was chosen is on the page."""
    columns = [
        column for column, (_, is_number) in enumerate(folds.headings) if is_number or not column
    ]
    rows = [[row[column] for column in columns] for row in folds.rows]
    return Table([folds.headings[column] for column in columns], rows)


def _sentences(result: TuneDocument) -> list[str]:
    """What the tests of the verdict do not say; all of it where there are none."""
    texts = [
        chance_words.superior_ability(result),
        tune_words.neighbours(result),
        tune_words.engine_agreement(result),
        tune_words.method(result),
    ]
    if not result.verdict:
        texts = [
            tune_words.left_out(result),
            chance_words.luck(result),
            chance_words.overfitting(result),
            chance_words.deflated_sharpe(result),
            *texts,
        ]
    return [text for text in texts if text]
