"""A parameter search on the terminal."""

from rich.console import Console
from rich.markup import escape

from backtests.report import terminal
from backtests.report.cells import Table
from backtests.report.terminal import plain_table
from backtests.report.tune import tables as tune_tables
from backtests.report.tune import words as tune_words
from backtests.report.tune.words import Found, at

COLOURS = {"recommend": "green", "do not recommend": "red"}
ALL = 100  # rows; of the settings searched and the tests there are never many


def show(out: Console, found: Found, folder: object) -> None:
    """The verdict and what it had to pass, the best set, how it did where it was tuned and where not, and how it was searched for."""
    if found["sample"]:
        terminal.show_sample(out, at(found, "fallback") or "")
    colour = COLOURS.get(at(found, "verdict", "word"), "")
    out.print(
        f"[bold {colour}]{escape(tune_words.headline(found))}[/] {escape(tune_words.why(found))}\n"
    )
    if (tests := tune_tables.tests(found)).rows:
        out.print(plain_table(tests, "What it had to pass", ALL))
    if tune_words.nothing(found):
        out.print(f"No set kept the conditions: {tune_words.conditions(found)}.\n")
    elif (changed := tune_tables.changed(found)).rows:
        out.print(plain_table(changed, f"The best set, by {tune_words.objective(found)}", ALL))
    else:
        out.print("The best set is the settings as they stand.\n")
    _figures(out, found)
    for text in _sentences(found):
        out.print(escape(text))
    for warning in found["warnings"]:
        out.print(f"[yellow]warning[/]: {escape(warning)}")
    out.print(f"\nWritten to {folder}")


def _figures(out: Console, found: Found) -> None:
    """Figures on the days tuned on and on those not seen, fewer of them on a narrow terminal."""
    ways = {
        f"On days not seen, {title[0].lower()}{title[1:]}": tune_tables.not_seen(found, mode)
        for mode, title in tune_words.MODES.items()
    }
    for title, rows in ({"On the days tuned on": tune_tables.tuned_on(found)} | ways).items():
        if rows:
            out.print(terminal.metrics_table(rows, title, out.width, tune_tables.known(rows)))
    folds = tune_tables.folds(found)
    told = [
        column for column, (_, is_number) in enumerate(folds.headings) if is_number or not column
    ]  # what was chosen is on the page
    if folds.rows:
        headings, rows_told = (
            [folds.headings[column] for column in told],
            [[row[column] for column in told] for row in folds.rows],
        )
        out.print(plain_table(Table(headings, rows_told), "Without one breakout", ALL))


def _sentences(found: Found) -> list[str]:
    """What the tests of the verdict do not tell; all of it where there are none."""
    told = [
        tune_words.superior(found),
        tune_words.agreement(found)[0] if found["best"] else "",
        tune_words.method(found),
    ]
    if not at(found, "verdict", "tests"):
        told = [
            tune_words.left_out(found),
            tune_words.overfitting(found),
            tune_words.deflated(found),
            tune_words.neighbours(found),
            *told,
        ]
    return [text for text in told if text]
