"""Any configuration ends with a documented exit code and one message, never a traceback."""

import json
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import main
from backtests.commands import registration
from config.settings import load

COMMANDS = (
    ["backtest", "--no-benchmarks", "--no-report", "--json"],
    ["gate", "--json"],
    ["check", "data", "--json"],
    ["config", "show"],
)
SHORT, LONG = 50, 500


def keys() -> list[tuple[str, ...]]:
    """Every key of the settings, as the parts of its path."""

    def below(table: dict[str, Any], above: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = []
        for name, value in table.items():
            found += (
                below(value, (*above, name))
                if isinstance(value, dict) and value
                else [(*above, name)]
            )
        return found

    return below(load().model_dump(), ())


WORDS = st.text(st.sampled_from("abcxyzBTC^-_ =.'\"\\é"), max_size=8)
NUMBERS = st.one_of(
    st.integers(-3, 400),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from([0.0, 1.0, 1.5, 1e-300, 1e300, math.inf, math.nan]),
)
NAMES = st.sampled_from(["1h", "or", "spread", "auto", "^RUT", "BTC-USD"])
SCALARS = st.one_of(
    st.booleans(), NUMBERS, WORDS, st.dates(date(1980, 1, 1), date(2040, 1, 1)), NAMES
)
VALUES = st.one_of(
    SCALARS,
    SCALARS,
    SCALARS,
    st.lists(SCALARS, max_size=5),
    st.dictionaries(WORDS.filter(bool), SCALARS, max_size=3),
)
USUAL = load().model_dump(exclude_none=True)


def usual(path: tuple[str, ...]) -> Any:
    value: Any = USUAL
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def near(path: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Values close to the default: most are valid, and a command runs with them."""
    value = usual(path)
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return st.integers(value - value // 2, value + 2)
    if isinstance(value, float):
        return st.floats(value / 2, value)
    return VALUES if value is None else st.just(value)


@st.composite
def overlays(draw: Callable[..., Any]) -> dict[str, Any]:
    """A file of one to five keys.

    Half of the files are plausible; the others have any value, misspelt keys, or tables for values.
    """
    content: dict[str, Any] = {}
    wild = draw(st.booleans())
    for path in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True)):
        misspelt = wild and draw(st.integers(0, 9)) == 0
        named = (*path[:-1], draw(WORDS.filter(bool))) if misspelt else path
        value = draw(VALUES if wild and draw(st.booleans()) else near(path))
        table = content
        for part in named[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                break
        else:
            table[named[-1]] = value
    return content


# A random cache folder would litter the machine; a source other than the sample needs a network.
KEYS = [
    path
    for path in keys()
    if path[0] != "prices" or path[1] in ("publication_delay", "max_age_sessions", "max_age_macro")
]


def hold(cases: int, tmp_path: Path) -> set[int]:
    codes = set()

    @settings(
        max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(content=overlays(), command=st.sampled_from(COMMANDS))
    def ends_as_documented(content: dict[str, Any], command: list[str]) -> None:
        (tmp_path / "drawn.toml").write_text(tomli_w.dumps(content), encoding="utf-8")
        output = ["-o", f"out{len(list(tmp_path.iterdir()))}"] if command[0] == "backtest" else []
        result = CliRunner().invoke(
            main.app, [*command, *output, "-c", "drawn.toml", "-s", "prices.source=sample"]
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(
            result.exception
        )
        assert result.exit_code in (registration.DONE, registration.USAGE, registration.MARKET_DATA)
        if result.exit_code == registration.DONE:
            assert command == ["config", "show"] or isinstance(json.loads(result.stdout), dict)
        else:
            assert result.stdout == ""
            assert result.stderr.startswith("error: ")
        codes.add(result.exit_code)

    ends_as_documented()
    return codes


def test_any_configuration_ends_as_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hold(SHORT, tmp_path) >= {registration.DONE, registration.USAGE}


@pytest.mark.proof
def test_many_configurations_end_as_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hold(LONG, tmp_path) >= {registration.DONE, registration.USAGE}
