"""All settings as one frozen model, read from files, the environment and the command line."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from config import evidence, sections, trading, tuning
from config.explanations import explain, find_address, nearest

# Parts of a dotted key; a part in quotes may hold dots.
KEY_PART = re.compile(r""""[^"]*"|'[^']*'|[^.]+""")
DEFAULT = Path(__file__).with_name("default.toml")
PREFIX = "RUSSELL_GATE_"
SECRETS_FOLDER = f"{PREFIX}SECRETS"
SECRET_VARIABLES = {
    SECRETS_FOLDER,
    *(f"{PREFIX}{name}" for name in ("API_KEY", "API_SECRET", "NOTIFY_URLS", "HEARTBEAT_URL")),
}  # read by config.secrets
OTHER_VARIABLES = {f"{PREFIX}TEST_DATA", *SECRET_VARIABLES}  # the first is read by the tests


class ConfigError(Exception):
    """The configuration is invalid; the message names the key, the value, the rule and the fix."""


class Settings(BaseSettings):
    """All settings. Later layers win: default.toml, files, environment, --set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    prices: sections.Prices
    signal: sections.Signal
    gate: sections.Gate
    confirmations: sections.Confirmations
    risk_curve: sections.RiskCurve
    haircuts: sections.Haircuts
    coins: tuple[sections.Coin, ...] = Field(min_length=1, max_length=20)
    allocation: sections.Allocation
    costs: sections.Costs
    backtest: sections.Backtest
    exchange: trading.Exchange
    paper: trading.Paper
    guards: trading.Guards
    journal: trading.JournalPlace
    notify: trading.Notify
    log: trading.Log
    evidence: evidence.Evidence
    tune: tuning.Tune
    tuned: tuning.Tuned | None = Field(
        default=None, description="written by `tune`: its verdict on these settings"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_addresses(cls, values: Any) -> Any:
        if (key := find_address(values)) is not None:
            raise ValueError(
                f"{key}: holds an address (NAME://...), which may hold a secret: settings are "
                "shown and stored; no setting takes one. Addresses of notifications belong in "
                f"{PREFIX}NOTIFY_URLS, that of a proxy in HTTPS_PROXY"
            )
        return values

    @model_validator(mode="after")
    def _weights(self) -> Self:
        total = sum(coin.weight for coin in self.coins)
        if total > 1 + 1e-9:
            raise ValueError(
                f"coins: the weights sum to {total:g}; the maximum is 1, there is no leverage"
            )
        for field in ("name", "history", "market"):
            values = [getattr(coin, field) for coin in self.coins]
            if duplicates := sorted({value for value in values if values.count(value) > 1}):
                raise ValueError(f"coins: duplicate {field} {', '.join(duplicates)}")
        if len(quotes := sorted({coin.market.partition("/")[2] for coin in self.coins})) > 1:
            raise ValueError(
                f"coins: markets are quoted in {' and '.join(quotes)}; one account "
                "has one quote coin: use the same for all"
            )
        return self

    @model_validator(mode="after")
    def _known_symbols(self) -> Self:
        known = self.symbols()
        for symbol in self.prices.sources:
            if symbol not in known:
                raise ValueError(
                    f"prices.sources.{symbol}: no setting uses this symbol{nearest(symbol, known)}"
                )
        return self

    @model_validator(mode="after")
    def _no_user_files_with_sample(self) -> Self:
        for name in ("flows", "losses"):
            if self.prices.source == "sample" and getattr(self.haircuts, name).enabled:
                raise ValueError(
                    f'haircuts.{name} reads your own file, but prices.source is "sample": '
                    "simulated and real data cannot be mixed in one run; set "
                    f"haircuts.{name}.enabled = false or choose another prices.source"
                )
        return self

    @model_validator(mode="after")
    def _confirmable(self) -> Self:
        enabled = self.confirmations.enabled()
        if self.gate.min_confirmations > len(enabled):
            raise ValueError(
                f"gate.min_confirmations is {self.gate.min_confirmations}, but only {len(enabled)} "
                f"are enabled ({', '.join(enabled) or 'none'}): no breakout could be confirmed; "
                "lower it or enable more confirmations"
            )
        return self

    @property
    def quote(self) -> str:
        """The coin that all markets are quoted in."""
        return self.coins[0].market.partition("/")[2]

    @property
    def bases(self) -> dict[str, str]:
        """The base coin of each coin's market, by the coin's name."""
        return {coin.name: coin.market.partition("/")[0] for coin in self.coins}

    def coins_and_bitcoin(self) -> tuple[sections.Coin, ...]:
        """The coins, followed by Bitcoin if it is not among them: the benchmarks need it."""
        bitcoin = self.backtest.bitcoin
        if any(coin.history == bitcoin for coin in self.coins):
            return self.coins
        return (
            *self.coins,
            sections.Coin(
                name="BITCOIN",
                history=bitcoin,
                market=self.backtest.bitcoin_market,
                weight=1.0,
                lag_days=0,
            ),
        )

    def symbols(self) -> list[str]:
        """Every symbol in these settings, also those of disabled rules."""
        signal, tests = self.signal, self.confirmations
        liquidity = (
            tests.liquidity.assets,
            tests.liquidity.treasury,
            tests.liquidity.reverse_repos,
        )
        coins = (
            *(coin.history for coin in self.coins),
            tests.exhaustion.symbol,
            self.backtest.bitcoin,
        )
        signals = (
            signal.index,
            signal.broad,
            signal.volume,
            signal.risky_credit,
            signal.safe_credit,
        )
        return list(dict.fromkeys((*signals, *tests.breadth.symbols, *liquidity, *coins)))

    def coin_step(self, name: str) -> float:
        """Lot size of the coin `name`: its orders are rounded down to it."""
        return next(
            (coin.step for coin in self.coins if coin.name == name and coin.step is not None),
            self.costs.step,
        )


def load(files: list[Path] | None = None, overrides: list[str] | None = None) -> Settings:
    """Settings from default.toml, `files` in order, the environment, `overrides`; later ones win.

    An override has the form "section.key=value".

    Raises
    ------
    ConfigError
        A file is missing or not TOML, a key is unknown, a value has the wrong type or is out of
        bounds, or two values contradict each other.

    """
    layers = [(str(path), _read(path)) for path in (DEFAULT, *(files or []))]
    return _settings([*layers, ("the environment", _environment()), *_named(overrides)])


def restore(stored: str, name: str, overrides: list[str] | None = None) -> Settings:
    """Settings from the JSON that a session stored, then `overrides`.

    Keys that did not exist then have their defaults. `name` is what error messages call the JSON.

    Raises
    ------
    ConfigError
        The JSON is invalid or does not fit this version; an override as in `load`.

    """
    try:
        layer = json.loads(stored)
    except ValueError:
        layer = None
    if not isinstance(layer, dict):
        raise ConfigError(f"{name}: not a JSON object; the settings cannot be restored")
    return _settings([(str(DEFAULT), _read(DEFAULT)), (name, layer), *_named(overrides)])


def with_changes(settings: Settings, point: Mapping[str, Any], name: str) -> Settings:
    """`settings` with the values of `point`, by dotted key; `name` is what error messages call it.

    Raises
    ------
    ConfigError
        As `load`.

    """
    layer: dict[str, Any] = {}
    for key, value in point.items():
        layer = _merge(layer, _nested(key.split("."), value))
    return _settings([("the settings", settings.model_dump(exclude_none=True)), (name, layer)])


def _named(overrides: list[str] | None) -> list[tuple[str, dict[str, Any]]]:
    """Each override under the name of its key: its value may be a secret, if a misplaced one."""
    return [
        (f"--set {text.partition('=')[0].strip()}", _override(text)) for text in overrides or []
    ]


def _settings(layers: list[tuple[str, dict[str, Any]]]) -> Settings:
    """Merge the layers, later ones win, and validate the result."""
    merged: dict[str, Any] = {}
    for _, layer in layers:
        merged = _merge(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(explain(item, layers, Settings, SECRET_VARIABLES) for item in error.errors())
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; name an existing TOML file with --config"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def _environment() -> dict[str, Any]:
    """Settings from RUSSELL_GATE_SECTION__KEY variables; refuses names that match no setting."""
    for name in os.environ:
        section, nested, _ = name.removeprefix(PREFIX).partition("__")
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        if section.lower() not in Settings.model_fields:
            raise ConfigError(
                f"environment variable {name}: no section {section.lower()!r}"
                f"{nearest(section.lower(), list(Settings.model_fields))}"
            )
        if not nested and not os.environ[name].lstrip().startswith(("{", "[")):
            raise ConfigError(
                f"environment variable {name}: no key of {section.lower()!r}; "
                f"expected {PREFIX}SECTION__KEY"
            )
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise ConfigError(f"environment: {error}") from None


def _override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    names = [name.strip().strip("\"'") for name in KEY_PART.findall(key)]
    if not equals or not names or ".".join(KEY_PART.findall(key)) != key:
        # What follows the name of a key, or has no section of ours before it, may be a secret.
        name = re.match(r"[\w.-]*", key)
        shown = name[0] if name and names and names[0] in Settings.model_fields else "..."
        raise ConfigError(f"--set {shown}: expected section.key=value")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    return _nested(names, parsed)


def _nested(names: list[str], value: Any) -> dict[str, Any]:
    """`value` in nested tables, one per name."""
    for name in reversed(names):
        value = {name: value}
    return dict(value)


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` merged into `below`, table by table; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = (
            _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged
