"""`config show`, `config schema`, `init`."""

import json
import sys
from pathlib import Path

from backtests.commands.run_scope import Files, Texts
from config.settings import Settings, load


def show_config(files: Files, overrides: Texts, as_json: bool) -> None:
    """The merged settings, secrets masked."""
    import tomli_w

    settings = load(files, overrides)
    print(
        settings.model_dump_json(indent=1)
        if as_json
        else tomli_w.dumps(settings.model_dump(exclude_none=True)),
        end="",
    )


def show_schema() -> None:
    """The JSON schema of the settings."""
    print(json.dumps(Settings.model_json_schema(), indent=1))


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
    start.written(answers, output)
    print(f"Written to {output}; now: python main.py backtest --config {output}")
