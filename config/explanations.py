"""What is wrong with settings, in words: the key, the value, the rule, and never a secret."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

SECRET_WORDS = (
    *("key", "secret", "pass", "pwd", "token", "url", "credential", "auth", "webhook", "topic"),
)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# Errors whose input is a whole table or what stands in its place: it is not shown.
OF_TABLES = ("model_type", "model_attributes_type", "dict_type", "extra_forbidden")


def explain(
    item: ErrorDetails,
    layers: list[tuple[str, dict[str, Any]]],
    model: type[BaseModel],
    variables: Collection[str],
) -> str:
    """One error of `model` as a line; `variables` are where secrets belong.

    `layers` are the names of the sources, in order, with what each sets.
    """
    location = [part for part in item["loc"] if part != "[key]"]
    key = ".".join(str(part) for part in location)
    message = item["msg"].removeprefix("Value error, ")
    if not key:
        return message
    where = next((name for name, layer in reversed(layers) if _holds(layer, location)), None)
    source = f" (in {where})" if where else ""
    if item["type"] == "extra_forbidden" and any(
        word in str(location[-1]).lower() for word in SECRET_WORDS
    ):
        return (
            f"{key}: secrets are not allowed in settings files{source}; set "
            f"{', '.join(sorted(variables))} in the environment or in .env"
        )
    if item["type"] == "extra_forbidden":
        return f"{key}: unknown key{source}{nearest(str(location[-1]), _siblings(model, location))}"
    value = f": got {item['input']!r}" if _may_show(item) else ""
    return f"{key}: {message[0].lower()}{message[1:]}{value}{source}"


def find_address(values: object, prefix: str = "") -> str | None:
    """The dotted key of a text that holds an address, which may hold a secret; None if none does.

    No setting takes one: addresses of services are known, those of notifications are secrets.
    """
    return next(_address_keys(values, prefix), None)


def _address_keys(values: object, prefix: str) -> Iterator[str]:
    if isinstance(values, str) and ADDRESS.search(values):
        yield prefix
    elif isinstance(values, Mapping):
        for name, value in values.items():
            if ADDRESS.search(str(name)):
                yield prefix or "settings"  # the key itself is one
            else:
                yield from _address_keys(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(values, list | tuple):
        for place, value in enumerate(values):
            yield from _address_keys(value, f"{prefix}.{place}")


def _may_show(item: ErrorDetails) -> bool:
    """Whether the refused value is shown: a value or a list of values without an address."""
    value = item["input"]
    parts = value if isinstance(value, list | tuple) else [value]
    return item["type"] not in OF_TABLES and not any(
        isinstance(part, Mapping | list | tuple) or find_address(part) is not None for part in parts
    )


def _holds(layer: Any, location: list[str | int]) -> bool:
    for part in location:
        try:
            layer = layer[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _siblings(model: Any, location: list[str | int]) -> list[str]:
    """The keys allowed in the table of `location`."""
    for part in location[:-1]:
        if isinstance(part, int) or part not in model.model_fields:
            continue  # an index of a list, a key of a dictionary
        annotation = model.model_fields[part].annotation
        arguments = getattr(annotation, "__args__", ())
        model = next(
            (
                kind
                for kind in (annotation, *arguments)
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            ),
            None,
        )
        if model is None:
            return []
    return list(model.model_fields)


def nearest(word: str, allowed: list[str]) -> str:
    """What of `allowed` may be meant by `word`, as the end of a sentence."""
    close = get_close_matches(word, allowed, n=1, cutoff=0.5)
    listed = f"; allowed are {', '.join(allowed)}" if allowed else ""
    return f"; did you mean {close[0]!r}?" if close else listed
