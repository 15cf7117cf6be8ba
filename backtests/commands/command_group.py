"""The group of commands, whose usage errors repeat no value: it may be a secret put amiss."""

import re
from collections.abc import Collection
from typing import Any, Protocol, cast

import typer
from typer.core import TyperGroup

EXTRA = "unexpected extra argument"
LEFT_OVER = (
    "there is an argument too many; it is not shown, as it may be a secret. A setting is changed "
    "with --set section.key=value, a value with spaces in quotation marks"
)


ITS_OWN = "there is an argument too many: `main.py {}` is a command of its own"


class UsageErrorLike(Protocol):
    """The parser's usage error, which has no public name."""

    message: str


class CommandGroup(TyperGroup):
    """Commands that do not show an argument too many."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what is wrong with its arguments is said without their values."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(error, typer.BadParameter.__bases__[0]):
                _hide_values(cast("UsageErrorLike", error), ctx.find_root().command.commands)
            raise


def _hide_values(error: UsageErrorLike, commands: Collection[str]) -> None:
    if EXTRA in error.message:
        words = re.findall(r"[\w-]+", error.message.partition(EXTRA)[2])
        command = next((word for word in words if word in commands), "")
        error.message = ITS_OWN.format(command) if command else LEFT_OVER
    elif error.message.startswith("No such command"):
        error.message = re.sub(r"=[^']*", "=...", error.message)
