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

from config import evidence, prices, sections, trading, tuning
from config.explanations import explain, find_address, nearest
from config.tables import merge, nest, nest_all
from config.toml_text import parse_toml

# Parts of a dotted key; a part in quotes may hold dots.
KEY_PART = re.compile(r""""[^"]*"|'[^']*'|[^.]+""")
DEFAULT = Path(__file__).with_name("default.toml")
PREFIX = "RUSSELL_GATE_"
SECRETS_FOLDER = f"{PREFIX}SECRETS"
SECRET_NAMES = (
    *("API_KEY", "API_SECRET", "NOTIFY_URLS", "HEARTBEAT_URL"),
    *("PRICES_URL", "PRICES_HEADER", "ALPACA_KEY", "ALPACA_SECRET"),
)  # read by config.secrets
SECRET_VARIABLES = {SECRETS_FOLDER, *(f"{PREFIX}{name}" for name in SECRET_NAMES)}
OTHER_VARIABLES = {f"{PREFIX}TEST_DATA", *SECRET_VARIABLES}  # the first is read by the tests


class ConfigError(Exception):
    """The configuration is invalid; the message names the key, the value, the rule and the fix."""


class Settings(BaseSettings):
    """All settings. Later layers win: default.toml, files, environment, --set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    prices: prices.Prices
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
        read = [*self.symbols(), *self.prices.proxies()]
        tested = [*read, *self.evidence.symbols()]
        for table, known in (("sources", read), ("url_names", tested), ("accepted", tested)):
            for symbol in getattr(self.prices, table):
                if symbol not in known:
                    raise ValueError(
                        f"prices.{table}.{symbol}: no setting uses this symbol"
                        f"{nearest(symbol, known)}"
                    )
        return self

    @model_validator(mode="after")
    def _sources_of_sessions(self) -> Self:
        for symbol in set(self.prices.sources) - {*self.session_symbols(), *self.prices.proxies()}:
            for name in self.prices.sources_of(symbol):
                if name == "alpaca" or prices.proxy_fund(name):
                    raise ValueError(
                        f"prices.sources.{symbol}: {name} is for indices and funds of US sessions"
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
        liquidity = self.confirmations.liquidity
        others = (
            *(liquidity.assets, liquidity.treasury, liquidity.reverse_repos),
            *(coin.history for coin in self.coins),
            *(self.confirmations.exhaustion.symbol, self.backtest.bitcoin),
        )
        return list(dict.fromkeys((*self.session_symbols(), *others)))

    def session_symbols(self) -> tuple[str, ...]:
        """The symbols among them with a bar per US session."""
        signal = self.signal
        credit = (signal.risky_credit, signal.safe_credit)
        sectors = self.confirmations.breadth.symbols
        return (signal.index, signal.broad, signal.volume, *credit, *sectors)

    def coin_step(self, name: str) -> float:
        """Lot size of the coin `name`: its orders are rounded down to it."""
        return next(
            (coin.step for coin in self.coins if coin.name == name and coin.step is not None),
            self.costs.step,
        )


def load(
    files: list[Path] | None = None,
    overrides: list[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Settings from default.toml, `files` in order, the environment, `overrides`, `options`.

    Later ones win. An override has the form "section.key=value". `options` are what options of the
    command line set: values by dotted key, by the option's name, which error messages repeat.

    Raises
    ------
    ConfigError
        A file is missing or not TOML, a key is unknown, a value has the wrong type or is out of
        bounds, or two values contradict each other.

    """
    layers = [(str(path), _read(path)) for path in (DEFAULT, *(files or []))]
    layers += [("the environment", _environment()), *_named(overrides)]
    return _settings(
        [*layers, *((name, nest_all(point)) for name, point in (options or {}).items())]
    )


def restore_file(path: Path, overrides: list[str] | None = None) -> Settings:
    """Settings from the settings.toml of a run, then `overrides`; the environment has no part.

    Raises
    ------
    ConfigError
        As `load`.

    """
    return _settings(
        [(str(DEFAULT), _read(DEFAULT)), _stored(str(path), _read(path)), *_named(overrides)]
    )


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
    return _settings([(str(DEFAULT), _read(DEFAULT)), _stored(name, layer), *_named(overrides)])


def with_changes(settings: Settings, point: Mapping[str, Any], name: str) -> Settings:
    """`settings` with the values of `point`, by dotted key; `name` is what error messages call it.

    Raises
    ------
    ConfigError
        As `load`.

    """
    layers = [("the settings", settings.model_dump(exclude_none=True)), (name, nest_all(point))]
    return _settings(layers)


def _named(overrides: list[str] | None) -> list[tuple[str, dict[str, Any]]]:
    """Each override under the name of its key: its value may be a secret, if a misplaced one."""
    return [
        (f"--set {text.partition('=')[0].strip()}", _override(text)) for text in overrides or []
    ]


def _stored(name: str, layer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A layer of settings that an earlier version may have written."""
    return name, tuning.without_void_limits(name, layer, is_stored=True)


def _settings(layers: list[tuple[str, dict[str, Any]]]) -> Settings:
    """Merge the layers, later ones win, and validate the result."""
    merged: dict[str, Any] = {}
    for name, layer in layers:
        merged = merge(merged, tuning.without_void_limits(name, layer))
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(explain(item, layers, Settings, SECRET_VARIABLES) for item in error.errors())
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; name an existing TOML file with --config"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


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
    key = key.strip()  # as it stands in a file: name = value
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
    return nest(names, parsed)
