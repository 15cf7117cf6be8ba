"""Which settings differ between two sessions, and what a change does to a running account."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple

from config.settings import DEFAULT

Mode = Literal["dry-run", "testnet"]
# What a changed setting does to the account of a journal: "rules", from the next decision on, and
# the gate is computed anew; "applied", from the session's start on; "kept", nothing, the account
# keeps what it began with; "account", another journal, so another account; "unused", nothing.
Effect = Literal["rules", "applied", "kept", "account", "unused"]
LONGEST = 80  # characters of a value that are shown
ABSENT = "not set"


class Row(NamedTuple):
    """What a change of the keys below `prefix` does in each mode; `why` a kept value is kept."""

    prefix: str
    dry_run: Effect
    testnet: Effect
    why: str = ""


# The first row whose prefix fits a key applies to it.
EFFECTS = (
    Row("prices.cache", "applied", "applied"),
    Row("prices", "rules", "rules"),
    Row("signal", "rules", "rules"),
    Row("gate", "rules", "rules"),
    Row("confirmations", "rules", "rules"),
    Row("risk_curve", "rules", "rules"),
    Row("haircuts", "rules", "rules"),
    Row("coins", "rules", "rules"),
    Row("allocation", "rules", "rules"),
    Row("costs.fee", "applied", "unused"),
    Row("costs", "unused", "unused"),
    Row("backtest.cash", "kept", "unused", "a paper account keeps the cash it began with"),
    Row("backtest", "unused", "unused"),
    Row("exchange.id", "unused", "account"),
    Row("exchange.mode", "account", "account"),
    Row("exchange.prices_id", "account", "rules"),
    Row("exchange.timeframe", "rules", "rules"),
    Row("exchange.amount", "kept", "kept", "the account keeps the cash it began with"),
    Row("exchange.share", "unused", "kept", "the account keeps the cash it began with"),
    Row("exchange.adopt", "unused", "kept", "it counts when an account begins"),
    Row("exchange.deposits", "unused", "applied"),
    Row("exchange.found", "unused", "applied"),
    Row("exchange.order", "unused", "applied"),
    Row("exchange.fill_within", "unused", "applied"),
    Row("exchange.recv_window", "unused", "applied"),
    Row("exchange", "applied", "applied"),
    Row("paper.join", "kept", "kept", "it counts at an account's first decision"),
    Row("paper", "applied", "applied"),
    Row("guards.price_gap", "unused", "applied"),
    Row("guards.withdraw_key", "unused", "applied"),
    Row("guards", "applied", "applied"),
    Row("journal", "account", "account"),
    Row("notify", "applied", "applied"),
    Row("log", "applied", "applied"),
    Row("evidence", "unused", "unused"),
    Row("tune", "unused", "unused"),
    Row("tuned", "unused", "unused"),
)


class Change(NamedTuple):
    """A setting by its dotted key, a coin's by the coin's name, and its two values as text."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.key} {self.before} -> {self.after}"


def changed_settings(before: str, after: str) -> list[Change]:
    """The settings (JSON, as a session stores them) that differ, in the order of their keys.

    A key that the older version of the program did not have had its default value.
    """
    old, new = (dict(_flatten(_tables(text))) for text in (before, after))
    if not old or not new:
        return []  # a session stored no settings: nothing is known of them
    defaults = _defaults()
    changes = []
    for key in sorted(old.keys() | new.keys()):
        values = [side.get(key, defaults.get(key)) for side in (old, new)]
        if values[0] != values[1] and not _of_a_new_table(key, old, new):
            changes.append(Change(key, *(_shorten(value) for value in values)))
    return changes


def effect_of(key: str, mode: Mode) -> tuple[Effect, str]:
    """What a change of the dotted `key` does to a running account, and why a kept one is kept."""
    for row in EFFECTS:
        if key == row.prefix or key.startswith(f"{row.prefix}."):
            return (row.dry_run if mode == "dry-run" else row.testnet), row.why
    return "applied", ""


def coin_markets(text: str) -> dict[str, str]:
    """The market of each coin by its name, out of a session's settings (JSON)."""
    coins = _tables(text).get("coins")
    return {
        str(coin["name"]): str(coin.get("market", ""))
        for coin in (coins if isinstance(coins, list) else [])
        if _is_named(coin)
    }


def _tables(text: str) -> Mapping[str, object]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


@cache
def _defaults() -> Mapping[str, object]:
    """default.toml by dotted key, without its coins: those are named by each session."""
    content = tomllib.loads(DEFAULT.read_text(encoding="utf-8"))
    flat = dict(_flatten(json.loads(json.dumps(content, default=str))))
    return {key: value for key, value in flat.items() if not key.startswith("coins.")}


def _flatten(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Values by dotted key, the tables of a list by their name."""
    for name, value in values.items():
        if isinstance(value, list) and value and all(_is_named(item) for item in value):
            yield f"{prefix}{name}", [item["name"] for item in value]
            for item in value:
                table = {key: field for key, field in item.items() if key != "name"}
                yield from _flatten(table, f"{prefix}{name}.{item['name']}.")
        elif isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _of_a_new_table(key: str, old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    """Whether the key is of a coin that only one side has: the list of names says so already."""
    section, _, rest = key.partition(".")
    names = old.get(section), new.get(section)
    return bool(rest) and any(
        isinstance(side, list) and rest.partition(".")[0] not in side for side in names
    )


def _is_named(item: object) -> bool:
    return isinstance(item, dict) and "name" in item


def _shorten(value: object) -> str:
    text = ABSENT if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
