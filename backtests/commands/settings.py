"""`config show`, `config schema`, `init`."""

import json
import sys
from importlib import import_module
from pathlib import Path

from backtests.commands.run_scope import Files, Texts
from brokers.local_paths import path_from_here
from config.settings import ConfigError, Settings, load

# The documents that `config schema --document` knows: where the class of each is, imported late.
DOCUMENTS = {
    "metrics": ("backtests.runs.document", "MetricsDocument"),
    "tune": ("backtests.tuning.document", "TuneDocument"),
    "evidence": ("backtests.evidence.document", "EvidenceDocument"),
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
    """Ask what was not said, if there is somebody to ask, and write the file."""
    import typer

    from config import start

    def answer(given: str | None, question: str, usual: str) -> str:
        if given is not None or not sys.stdin.isatty():
            return usual if given is None else given
        return str(typer.prompt(question, default=usual, show_default=bool(usual)))

    styles = "; ".join(f"{name}: {meaning}" for name, meaning in start.STYLES.items())
    chosen = answer(
        coins, f"Coins in the order they join ({', '.join(start.KNOWN_COINS)})", "BTC,ETH,SOL"
    )
    answers = start.Answers(
        coins=tuple(coin.strip().upper() for coin in chosen.split(",") if coin.strip()),
        style=answer(style, f"How cautious ({styles})", "gate"),
        timeframe=answer(timeframe, "A decision every (1d, 4h, 1h)", "1d"),
        folder=answer(prices, "Folder of price files (empty: from Yahoo)", ""),
    )
    start.write_config(answers, output)
    written = path_from_here(output)
    print(f"Written to {written}; now: python main.py backtest --config {written}")
