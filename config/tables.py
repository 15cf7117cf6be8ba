"""Nested tables of settings: made from dotted keys, merged layer by layer."""

from collections.abc import Mapping
from typing import Any


def nest(names: list[str], value: Any) -> dict[str, Any]:
    """`value` in nested tables, one per name."""
    for name in reversed(names):
        value = {name: value}
    return dict(value)


def nest_all(point: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted key as nested tables."""
    tables: dict[str, Any] = {}
    for key, value in point.items():
        tables = merge(tables, nest(key.split("."), value))
    return tables


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` merged into `below`, table by table; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = (
            merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged
