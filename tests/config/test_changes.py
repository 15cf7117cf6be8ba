"""Changed settings by their keys, and what a change does to a running account."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from config.changes import EFFECTS, changed_settings, coin_markets, effect_of
from config.settings import Settings, load

OPERATION = Path(__file__).parents[2] / "docs/operation.md"


def stored(*overrides: str) -> str:
    return load([], list(overrides)).model_dump_json()


def texts(*overrides: str, before: str = "") -> list[str]:
    return [str(change) for change in changed_settings(before or stored(), stored(*overrides))]


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted key of every setting."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
        inner = next(
            (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None
        )
        if inner is not None and name not in ("tuned", "coins"):
            yield from keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_a_value_is_named_by_its_dotted_key_with_both_values() -> None:
    assert texts() == []
    assert texts("gate.base_sessions=126", "allocation.unready=spread") == [
        'allocation.unready "cash" -> "spread"',
        "gate.base_sessions 252 -> 126",
    ]
    assert texts('prices.sources."^RUT"=yahoo') == ['prices.sources.^RUT not set -> "yahoo"']


COIN = '{{name="{0}",history="{0}-USD",market="{1}",weight={2},lag_days=0}}'


def coins(*rows: tuple[str, str, float]) -> str:
    return f"coins=[{','.join(COIN.format(*row) for row in rows)}]"


def test_coins_are_told_apart_by_their_names_whatever_their_order() -> None:
    before = stored(coins(("BTC", "BTC/USDT", 0.5), ("ETH", "ETH/USDT", 0.5)))
    added = coins(("BTC", "BTC/USDT", 0.5), ("ETH", "ETH/USDT", 0.25), ("LTC", "LTC/USDT", 0.25))
    assert texts(added, before=before) == [
        'coins ["BTC", "ETH"] -> ["BTC", "ETH", "LTC"]',
        "coins.ETH.weight 0.5 -> 0.25",
    ]
    removed = coins(("ETH", "ETH/USDC", 0.5))
    assert texts(removed, before=before) == [
        'coins ["BTC", "ETH"] -> ["ETH"]',
        'coins.ETH.market "ETH/USDT" -> "ETH/USDC"',
    ]
    assert coin_markets(before) == {"BTC": "BTC/USDT", "ETH": "ETH/USDT"}


def test_a_key_that_an_older_version_lacked_had_its_default() -> None:
    content: dict[str, Any] = json.loads(stored())
    del content["gate"]["max_gate_age"], content["evidence"], content["paper"]["join"]
    assert changed_settings(json.dumps(content), stored()) == []
    (change,) = changed_settings(json.dumps(content), stored("paper.join=next"))
    assert str(change) == 'paper.join "now" -> "next"'


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "not JSON"])
def test_of_a_session_without_settings_nothing_is_known(text: str) -> None:
    assert changed_settings(text, stored()) == []
    assert coin_markets(text) == {}


def test_a_long_value_is_shortened() -> None:
    (change,) = changed_settings(
        stored(), stored(f"evidence.alts={[f'C{n}-USD' for n in range(30)]}")
    )
    assert len(change.after) == 80 and change.after.endswith("...")


@pytest.mark.parametrize("key", list(keys(Settings)))
def test_every_setting_has_its_effect_in_both_modes(key: str) -> None:
    """A new section must be added to the table, and to the documentation of it."""
    assert any(key == row.prefix or key.startswith(f"{row.prefix}.") for row in EFFECTS), key
    for mode in ("dry-run", "testnet"):
        effect, why = effect_of(key, mode)
        assert effect != "kept" or why


def test_the_documentation_has_the_same_table() -> None:
    words = {
        "rules": "from the next decision on",
        "applied": "at once",
        "kept": "**not applied**",
        "account": "another account",
        "unused": "-",
    }
    _, _, section = OPERATION.read_text().partition("## Settings that change")
    table = re.findall(
        r"^\| `([^|]+)` \| ([^|]+) \| ([^|]+) \|", section.partition("\n## ")[0], re.MULTILINE
    )
    documented = {key: (dry_run, testnet) for key, dry_run, testnet in table}
    assert documented == {row.prefix: (words[row.dry_run], words[row.testnet]) for row in EFFECTS}
