"""The ready-made configurations: each says when to use it, and each runs on the sample."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import main
from config.settings import DEFAULT, load

OVERLAYS = sorted(path for path in DEFAULT.parent.glob("*.toml") if path != DEFAULT)
NAMES = [path.stem for path in OVERLAYS]
# It names sources of its own, and the sample is never mixed with others: its own test is in
# tests/brokers/prices/test_second_sources.py.
ON_THE_SAMPLE = [path for path in OVERLAYS if path.stem != "second_sources"]


def leaves(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Values by dotted key; a list is one value."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= (
            leaves(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
        )
    return found


def test_the_ready_made_ones_are_there() -> None:
    assert {"strict", "gate_or_trend", "btc_only", "altcoins", "hourly"} <= set(NAMES)


@pytest.mark.parametrize("path", OVERLAYS, ids=NAMES)
def test_each_begins_with_when_to_use_it_and_changes_something(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first = text[: text.index("\n[")]
    assert first.startswith("# ")
    assert "Use it " in first
    usual = leaves(load().model_dump(mode="json"))
    changed = leaves(load([path]).model_dump(mode="json"))
    named = leaves(tomllib.loads(text))
    # A searched parameter is written as a list or a short table, and read as a full table.
    tables = tuple(key.removesuffix(".low") for key in named)
    assert [
        key for key in changed if changed[key] != usual.get(key) and not key.startswith(tables)
    ] == []
    assert any(changed[key] != usual.get(key) for key in changed)


@pytest.mark.parametrize("path", ON_THE_SAMPLE, ids=lambda path: path.stem)
def test_each_runs_on_the_sample(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        main.app,
        [
            "backtest",
            "-c",
            str(path),
            "-s",
            "prices.source=sample",
            "--no-benchmarks",
            "--no-report",
            "--json",
        ],
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["sample"] is True
    assert found["events"]["spells"]
    assert found["strategy"]["orders"] > 0
    assert found["window"]["timeframe"] == load([path]).exchange.timeframe
