"""`config show`, `config schema`, `init`."""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from backtests.commands.run_scope import Files, Texts
from brokers.local_paths import path_from_here
from config.settings import ConfigError, Settings, load

Answer = TypeVar("Answer")

# The documents that `config schema --document` knows: where the class of each is, imported late.
DOCUMENTS = {
    "metrics": ("backtests.runs.document", "MetricsDocument"),
    "tune": ("backtests.tuning.document", "TuneDocument"),
    "evidence": ("backtests.evidence.document", "EvidenceDocument"),
    "calibration": ("backtests.calibration.document", "CalibrationDocument"),
    "decision": ("brokers.journal.documents", "DecisionDocument"),
    "status": ("brokers.live.status_document", "StatusReport"),
}


def show_config(files: Files, overrides: Texts, *, as_json: bool) -> None:
    """The merged settings, secrets masked."""
    import tomli_w

    settings = load(files, overrides)
    print(
        settings.model_dump_json(indent=1)
        if as_json
        else tomli_w.dumps(settings.model_dump(exclude_none=True)),
        end="",
    )


def show_schema(document: str | None = None) -> None:
    """The JSON schema of the settings, or of a document that the program writes.

    Raises
    ------
    ConfigError
        No document has that name.

    """
    if document is None:
        schema = Settings.model_json_schema()
    elif document in DOCUMENTS:
        module, name = DOCUMENTS[document]
        schema = getattr(import_module(module), name).model_json_schema()
    else:
        raise ConfigError(f"--document {document}: is none of {', '.join(DOCUMENTS)}")
    print(json.dumps(schema, indent=1))


def start_config(
    output: Path, coins: str | None, style: str | None, timeframe: str | None, prices: str | None
) -> None:
    """Ask what no option said, if there is somebody to ask, and write the file."""
    from config import start

    start.check_new(output)
    styles = "; ".join(f"{name}: {meaning}" for name, meaning in start.STYLES.items())
    known = ", ".join(start.KNOWN_COINS)
    of_coins = Question(
        f"Coins in the order they join ({known})", "BTC,ETH,SOL", start.check_coins, coins
    )
    of_style = Question(f"How cautious ({styles})", "gate", start.check_style, style)
    of_bars = Question("A decision every (1d, 4h, 1h)", "1d", start.check_timeframe, timeframe)
    of_folder = Question("Folder of price files (empty: from Yahoo)", "", _folder(prices), prices)
    for question in (of_coins, of_style, of_bars, of_folder):
        question.check_option()  # before anything is asked: an error then would lose the answers
    answers = start.Answers(
        of_coins.answer(), of_style.answer(), of_bars.answer(), of_folder.answer()
    )
    start.write_config(answers, output)
    written = path_from_here(output)
    print(f"Written to {written}; now: python main.py backtest --config {written}")


class Question(NamedTuple, Generic[Answer]):
    """A question of `init`; `option` is what the command line says to it, None for nothing."""

    text: str
    usual: str
    check: Callable[[str], Answer]
    option: str | None

    def check_option(self) -> None:
        """Refuse what the command line says, if it is not allowed."""
        if self.option is not None:
            self.check(self.option)

    def answer(self) -> Answer:
        """The option, or the usual value where nobody can be asked; else asked until allowed."""
        if self.option is not None or not sys.stdin.isatty():
            return self.check(self.usual if self.option is None else self.option)
        import typer

        def accept(text: str) -> Answer:
            try:
                return self.check(text)
            except ConfigError as error:
                raise typer.BadParameter(str(error)) from None

        reply: Answer = typer.prompt(
            self.text, default=self.usual, show_default=bool(self.usual), value_proc=accept
        )
        return reply


def _folder(option: str | None) -> Callable[[str], str]:
    """The check of a folder of prices; one that is typed in must be there."""
    from config import start

    def check(text: str) -> str:
        folder = start.check_folder(text)
        if option is None and folder and not Path(folder).is_dir():
            raise ConfigError(f"{folder}: there is no such folder")
        return folder

    return check
