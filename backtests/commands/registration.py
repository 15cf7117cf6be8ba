"""How a command is registered, how it ends, and with which exit code."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any

import typer

from backtests.commands.command_group import CommandGroup
from brokers import errors
from brokers.interrupts import EXIT_CODE, check_interrupt, raised_at_once
from brokers.standard_streams import let_exit_code_stand

DONE, USAGE, MARKET_DATA, EXCHANGE = 0, 2, 3, 4
STOPPED, RETRY_LATER = errors.STOPPED, errors.RETRY_LATER
INTERRUPTED = EXIT_CODE
EXIT_CODES = (
    "Exit codes: 0 done, 2 usage or configuration, 3 market data, 4 exchange, "
    "5 stopped for safety or a check failed, 75 try again later, 130 interrupted."
)


def group(app: typer.Typer, name: str, purpose: str) -> typer.Typer:
    """A group of commands of `app`, listed with its purpose."""
    commands = typer.Typer(
        cls=CommandGroup, help=purpose, no_args_is_help=True, rich_markup_mode=None
    )
    app.add_typer(commands, name=name)
    return commands


def command(
    group: typer.Typer, name: str, *, waits: bool = False, of_account: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; an expected error becomes one message and an exit code.

    Ctrl-C ends it at its next step; one that `waits` for a person or the network at once. The exit
    code of a command `of_account` says what became of that, even if its output is lost.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> None:
            if of_account:
                let_exit_code_stand()
            try:
                check_interrupt()
                with raised_at_once() if waits else nullcontext():
                    function(*args, **kwargs)
            except (KeyboardInterrupt, typer.Abort) as interrupt:
                notes = getattr(interrupt, "__notes__", [])
                message = "; ".join(["interrupted", "nothing half-written is left", *notes])
                typer.echo(message, err=True)
                raise typer.Exit(INTERRUPTED) from None
            except Exception as error:
                code = exit_code(error)
                if code is None:
                    raise
                from brokers.local_paths import hide_paths

                typer.echo(f"error: {hide_paths(str(error))}", err=True)
                raise typer.Exit(code) from None

        group.command(name)(guarded)
        return guarded

    return register


def exit_code(error: Exception) -> int | None:
    """The exit code of an error, by its class; None for a bug."""
    kinds = {
        "ConfigError": USAGE,
        "RunError": USAGE,
        "DataError": MARKET_DATA,
        "RetryLaterError": RETRY_LATER,
        "ExchangeError": EXCHANGE,
        "CheckFailedError": STOPPED,
        "SafetyError": STOPPED,
    }
    return next(
        (kinds[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in kinds), None
    )
