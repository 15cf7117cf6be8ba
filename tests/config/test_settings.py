"""Settings from files, environment and command line; every mistake is one clear message."""

import itertools
import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from config.settings import DEFAULT, ConfigError, Settings, load

TEXT = DEFAULT.read_text(encoding="utf-8")


def refused(*overrides: str, files: list[Path] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(files, list(overrides))
    return str(caught.value)


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def leaves(table: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value, dotted."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def fields(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, Any, type[BaseModel]]]:
    """Every field of every section, dotted, with the model it belongs to."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}", field, model
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields(kind, f"{above}{name}.")


KEYS = [key for key, _ in leaves(tomllib.loads(TEXT))]


# The defaults


def test_the_defaults_load():
    assert load().gate.base_sessions == 252
    assert [coin.name for coin in load().coins] == ["BTC", "ETH", "SOL"]


def test_every_default_has_its_reason():
    """A comment on the line of the key, on the line above, or on the header of its table."""
    table, table_is_explained, unexplained = "", False, set()
    lines = TEXT.splitlines()
    for above, line in itertools.pairwise(lines):
        explained = "#" in line or above.startswith("#")
        if header := re.match(r"\[+([\w.]+)\]+", line):
            table, table_is_explained = header[1], explained
        elif (key := re.match(r"(\w+) = ", line)) and not explained and not table_is_explained:
            unexplained.add(f"{table}.{key[1]}")
    assert unexplained == set()


def test_the_files_have_at_most_100_columns():
    wide = {
        f"{path.name}, line {number}"
        for path in DEFAULT.parent.glob("*.toml")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 100
    }
    assert wide == set()


def test_the_defaults_leave_nothing_out():
    optional = {"backtest.start", "backtest.end"}
    tables = {
        "prices.sources",
        "tune.space",
        "tuned",
    }  # what they hold is the user's or, the last, the program's
    for name, _, model in fields(Settings):
        if (
            not any(key == name or key.startswith(f"{name}.") for key in KEYS)
            and name.partition(".")[0] != "coins"
        ):
            assert name in optional or any(
                f"{name}.".startswith(f"{table}.") for table in tables
            ), f"{name} of {model.__name__}"


def test_no_section_has_a_default_of_its_own():
    """Defaults are in default.toml only: an optional field is None. An axis is not in that file."""
    of_an_axis = {"tune.space.steps", "tune.space.log", "tune.space.when"}
    assert {
        name
        for name, field, _ in fields(Settings)
        if not field.is_required() and field.default is not None
    } == of_an_axis


UNIT_IN_NAME = (
    r"(days|sessions|weeks|minutes|enabled|symbols?|file|seed|name|history|index|market|market)$"
)
UNSAID = {"allocation.unready", "allocation.own_trend"}  # described in default.toml alone


def test_every_field_has_a_description_or_a_unit_in_its_name():
    sections = {name for name, field, _ in fields(Settings) if "." not in name}
    said = {
        name
        for name, field, _ in fields(Settings)
        if field.description or any("description" in str(part) for part in field.metadata)
    }
    told = {name for name, _, _ in fields(Settings) if re.search(UNIT_IN_NAME, name)}
    tables = {
        name
        for name, field, _ in fields(Settings)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    assert {
        name for name, _, _ in fields(Settings)
    } - sections - said - told - tables - UNSAID == set()


def test_every_number_has_a_bound():
    schema = Settings.model_json_schema()
    words = ("minimum", "exclusiveMinimum")
    unbounded = [
        f"{section}.{name}"
        for section, content in schema["$defs"].items()
        for name, field in content["properties"].items()
        if field.get("type") in ("integer", "number") and not any(word in field for word in words)
    ]
    assert unbounded == []


# Layers


def test_later_layers_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """default < files in order < environment < --set."""
    first = written(
        tmp_path,
        "[gate]\nbase_sessions = 101\nconfirm_within = 51\n"
        "fail_sessions = 11\ntrend_sessions = 21\n",
        "first.toml",
    )
    second = written(
        tmp_path,
        "[gate]\nbase_sessions = 102\nconfirm_within = 52\nfail_sessions = 12\n",
        "second.toml",
    )
    monkeypatch.setenv("RUSSELL_GATE_GATE__BASE_SESSIONS", "103")
    monkeypatch.setenv("RUSSELL_GATE_GATE__CONFIRM_WITHIN", "53")
    gate = load([first, second], ["gate.base_sessions=104"]).gate
    assert (gate.base_sessions, gate.confirm_within, gate.fail_sessions, gate.trend_sessions) == (
        104,
        53,
        12,
        21,
    )
    assert gate.confirm_sessions == load().gate.confirm_sessions
    assert load([second, first]).gate.fail_sessions == 11


def test_tables_are_merged_and_lists_replaced(tmp_path: Path):
    mine = written(
        tmp_path,
        '[confirmations.breadth]\nsymbols = ["KRE"]\n'
        '[prices.sources]\n"IWM" = "folder"\n[prices]\nfolder = "x"\n',
    )
    merged = load([mine])
    assert merged.confirmations.breadth.symbols == ("KRE",)
    assert merged.confirmations.breadth.sessions == 50
    assert (merged.prices.sources, merged.prices.source) == ({"IWM": "folder"}, "auto")
    coins = written(
        tmp_path,
        '[[coins]]\nname = "LTC"\nhistory = "LTC-USD"\n'
        'market = "LTC/USDT"\nweight = 1\nlag_days = 0\n',
        "coins.toml",
    )
    assert [coin.name for coin in load([coins]).coins] == ["LTC"]


def test_a_later_set_wins():
    assert load([], ["gate.fail_sessions=4", "gate.fail_sessions=5"]).gate.fail_sessions == 5


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ("gate.buffer=0.01", lambda s: s.gate.buffer, 0.01),
        ("confirmations.volume.enabled=false", lambda s: s.confirmations.volume.enabled, False),
        ("backtest.start=2017-01-01", lambda s: s.backtest.start, date(2017, 1, 1)),
        ('backtest.start="2017-01-01"', lambda s: s.backtest.start, date(2017, 1, 1)),
        ("allocation.own_trend=and", lambda s: s.allocation.own_trend, "and"),
        (' signal.broad = "^DJI" ', lambda s: s.signal.broad, "^DJI"),
        ("signal.broad=^DJI", lambda s: s.signal.broad, "^DJI"),
        ("prices.folder=a=b", lambda s: s.prices.folder, "a=b"),
        ("prices.folder=/home/me/my data", lambda s: s.prices.folder, "/home/me/my data"),
        ("risk_curve.ceilings=[0, 0, 0, 1]", lambda s: s.risk_curve.ceilings, (0.0, 0.0, 0.0, 1.0)),
        ("prices.sources.BTC-USD=exchange", lambda s: s.prices.sources, {"BTC-USD": "exchange"}),
        (
            'prices.sources={"BTC-USD" = "exchange"}',
            lambda s: s.prices.sources,
            {"BTC-USD": "exchange"},
        ),
    ],
)
def test_set_takes_toml_values_and_plain_words(text: str, read: Any, value: Any):
    assert read(load([], [text])) == value


def test_a_quoted_key_is_the_key():
    assert load([], ['prices.sources."BTC-USD"=exchange']).prices.sources == {"BTC-USD": "exchange"}


def test_the_environment_takes_json_for_lists(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RUSSELL_GATE_RISK_CURVE__CEILINGS", "[0, 0, 0, 1]")
    monkeypatch.setenv("RUSSELL_GATE_PRICES", json.dumps({"publication_delay": 45}))
    assert load().risk_curve.ceilings == (0.0, 0.0, 0.0, 1.0)
    assert load().prices.publication_delay == 45
    assert load().prices.max_age_sessions == 5


def test_a_file_that_changes_nothing_changes_nothing(tmp_path: Path):
    assert load([written(tmp_path, "# nothing\n")]) == load()
    assert load([written(tmp_path, "[gate]\n")]) == load()


# Mistakes are reported


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("gate.base_session=3", "base_sessions"),
        ("gates.base_sessions=3", "gate"),
        ("confirmations.breadth.symbol=['KRE']", "symbols"),
        ("confirmations.breath.enabled=true", "breadth"),
        ("costs.fees=0.1", "fee"),
        ("backtest.ende=2017-01-01", "end"),
        ("haircuts.losses.max_shares=0.5", "max_share"),
    ],
)
def test_an_unknown_key_names_its_nearest_neighbour_and_its_layer(text: str, nearest: str):
    message = refused(text)
    assert text.startswith(message.partition(":")[0])
    assert f": unknown key (in --set {text.partition('=')[0]})" in message
    assert f"did you mean '{nearest}'?" in message


def test_an_unknown_key_without_a_neighbour_lists_what_is_allowed():
    message = refused("costs.zzz=1")
    assert "allowed are fee, slippage, cash_yield" in message


def test_an_unknown_key_of_a_coin_names_its_neighbour(tmp_path: Path):
    mine = written(
        tmp_path,
        '[[coins]]\nname = "LTC"\nhistory = "LTC-USD"\n'
        'market = "LTC/USDT"\nweights = 1\nlag_days = 0\n',
    )
    message = refused(files=[mine])
    assert f"coins.0.weights: unknown key (in {mine}); did you mean 'weight'?" in message
    assert "coins.0.weight: field required" in message


def test_the_layer_named_is_the_last_that_holds_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first, second = (
        written(tmp_path, "[gate]\nbuffer = 7\n", "first.toml"),
        written(tmp_path, "[gate]\nbuffer = 8\n", "second.toml"),
    )
    assert "got 8 (in " + str(second) in refused(files=[first, second])
    monkeypatch.setenv("RUSSELL_GATE_GATE__BUFFER", "9")
    assert "got '9' (in the environment)" in refused(files=[first, second])
    assert "got 10 (in --set gate.buffer)" in refused("gate.buffer=10", files=[first, second])


def test_all_mistakes_are_reported_at_once():
    message = refused("gate.buffer=7", "costs.fee=-1", "costs.fees=1")
    assert [line.partition(":")[0] for line in message.splitlines()] == [
        "gate.buffer",
        "costs.fee",
        "costs.fees",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gate.base_sessions=many", "valid integer"),
        ("gate.base_sessions=2.5", "valid integer"),
        ("gate.base_sessions=0", "greater than or equal to 1"),
        ("gate.base_sessions=2521", "less than or equal to 2520"),
        ("gate.buffer=nan", "finite"),
        ("costs.fee=inf", "finite"),
        ("costs.fee=0.1", "less than 0.1"),
        ("allocation.cash_reserve=1", "less than 1"),
        ("risk_curve.ceilings=[0, 0, 0, 1.5]", "less than or equal to 1"),
        (
            "risk_curve.channels=['credit', 'broad', 'gold']",
            "'credit', 'broad', 'leadership', 'rates' or 'liquidity'",
        ),
        ("allocation.own_trend=maybe", "'off', 'and' or 'or'"),
        ("exchange.timeframe=1w", "'1d'"),
        ("prices.source=bloomberg", "'yahoo'"),
        ("confirmations.volume.enabled=perhaps", "valid boolean"),
        ("backtest.start=soon", "date"),
        ("signal.history_from=1987-13-01", "date"),
        ("signal.broad=a/b", "pattern"),
        ("confirmations.breadth.symbols=[]", "at least 1 item"),
        ("coins=[]", "at least 1 item"),
        ("gate=3", "gate"),
        ("gate.buffer.deep=3", "number"),
        ("prices.sources.BTC-USD=nowhere", "'yahoo'"),
        ("costs.step=-1", "greater than or equal to 0"),
        ("backtest.seed=-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_names_key_rule_and_layer(text: str, words: str):
    message = refused(text)
    assert message.startswith(text.partition("=")[0].removesuffix(".deep"))
    assert words in message
    assert f"(in --set {text.partition('=')[0]})" in message
    assert "\n" not in message


IMPOSSIBLE = [
    (["prices.source=folder"], "prices.folder"),
    (["prices.sources.BTC-USD=folder"], "prices.folder"),
    (
        ["prices.source=sample", "prices.sources.BTC-USD=yahoo"],
        'source is "sample", but sources.BTC-USD is "yahoo"; set both to "sample" or neither',
    ),
    (
        ["prices.sources.BTC-USD=sample"],
        'simulated and real prices cannot be mixed in one run: source is "auto"',
    ),
    (
        ["prices.source=sample", "haircuts.flows.enabled=true", "haircuts.flows.file=a.csv"],
        "haircuts.flows reads your own file",
    ),
    (
        ["prices.source=sample", "haircuts.losses.enabled=true", "haircuts.losses.file=a.csv"],
        "set haircuts.losses.enabled = false or choose another prices.source",
    ),
    (["gate.rearm_sessions=300"], "rearm_sessions (300) must not exceed base_sessions (252)"),
    (
        ["gate.confirm_sessions=10", "gate.confirm_within=9"],
        "confirm_sessions (10) must not exceed confirm_within (9)",
    ),
    (
        ["risk_curve.channels=['credit', 'credit', 'broad']"],
        "channels: duplicate name in credit, credit, broad",
    ),
    (["risk_curve.ceilings=[0, 1]"], "ceilings needs 4 values for 3 channels, got 2"),
    (["risk_curve.dormant_ceilings=[0]"], "dormant_ceilings needs 4 values for 3 channels, got 1"),
    (["risk_curve.channels=['credit']"], "ceilings needs 2 values for 1 channel, got 4"),
    (["haircuts.flows.enabled=true"], "an enabled haircut needs a CSV file"),
    (["haircuts.losses.enabled=true"], "an enabled haircut needs a CSV file"),
    (
        ["backtest.start=2020-01-01", "backtest.end=2020-01-01"],
        "start (2020-01-01) must be before end (2020-01-01)",
    ),
    (["gate.min_confirmations=5"], "gate.min_confirmations is 5, but only 4 are enabled"),
    (
        [
            f"confirmations.{name}.enabled=false"
            for name in ("volume", "breadth", "leadership", "credit")
        ],
        "(none): no breakout could be confirmed",
    ),
]
COIN = "{{name='{0}',history='{0}-USD',market='{0}/USDT',weight={1},lag_days=0}}"
IMPOSSIBLE += [
    (
        [f"coins=[{COIN.format('A', 0.6)},{COIN.format('B', 0.6)}]"],
        "the weights sum to 1.2; the maximum is 1",
    ),
    ([f"coins=[{COIN.format('A', 0.1)},{COIN.format('A', 0.1)}]"], "duplicate name A"),
    (
        [f"coins=[{COIN.format('A', 0.1)},{COIN.format('B', 0.1).replace('B-USD', 'A-USD')}]"],
        "duplicate history A-USD",
    ),
    (
        [f"coins=[{COIN.format('A', 0.1)},{COIN.format('B', 0.1).replace('B/USDT', 'A/USDT')}]"],
        "duplicate market A/USDT",
    ),
]


@pytest.mark.parametrize(("texts", "words"), IMPOSSIBLE, ids=[words for _, words in IMPOSSIBLE])
def test_values_that_exclude_each_other_are_refused(texts: list[str], words: str):
    assert words in refused(*texts)


def test_what_belongs_together_may_be_changed_together():
    load([], ["prices.source=sample", "prices.sources.BTC-USD=sample", "haircuts.flows.file=a.csv"])
    load(
        [], ["risk_curve.channels=[]", "risk_curve.ceilings=[1]", "risk_curve.dormant_ceilings=[0]"]
    )
    load([], ["gate.rearm_sessions=10", "gate.base_sessions=10", "gate.confirm_sessions=60"])


@pytest.mark.parametrize(
    "text", ["gate.buffer", "=3", "gate.=3", ".buffer=3", "gate..buffer=3", ""]
)
def test_a_set_of_another_form_says_which_form(text: str):
    shown = text.partition("=")[0] if text.startswith("gate") else "..."
    assert refused(text) == f"--set {shown}: expected section.key=value"


def test_a_missing_file_is_named(tmp_path: Path):
    assert (
        refused(files=[tmp_path / "none.toml"])
        == f"{tmp_path / 'none.toml'}: no such file; name an existing TOML file with --config"
    )


def test_a_folder_is_no_file(tmp_path: Path):
    assert f"{tmp_path}: cannot be read" in refused(files=[tmp_path])


@pytest.mark.parametrize(
    "text", ["[gate\n", "gate = \n", "a = 1\na = 2\n", "[gate]\nbuffer = 0,1\n"]
)
def test_a_file_that_is_no_toml_is_named_with_the_line(tmp_path: Path, text: str):
    message = refused(files=[written(tmp_path, text)])
    assert "mine.toml: not valid TOML" in message
    assert "line" in message


def test_a_file_in_another_encoding_is_named(tmp_path: Path):
    path = tmp_path / "latin.toml"
    path.write_bytes('[prices]\nfolder = "Kurse für später"\n'.encode("latin-1"))
    assert "latin.toml: not valid TOML" in refused(files=[path])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RUSSELL_GATE_GATES__BUFFER", "no section 'gates'; did you mean 'gate'?"),
        (
            "RUSSELL_GATE_GATE__BUFFERS",
            "gate.buffers: unknown key (in the environment); did you mean 'buffer'?",
        ),
        ("RUSSELL_GATE_GATE", "gate"),
        ("RUSSELL_GATE_PRICES__SOURCES", "prices"),
    ],
)
def test_a_typo_in_the_environment_is_refused(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, "not json")
    assert words in refused()


def test_a_single_underscore_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RUSSELL_GATE_GATE_BUFFER", "0.1")
    assert "RUSSELL_GATE_GATE_BUFFER" in refused()


def test_variables_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RUSSELL__GATE__BUFFER", "0.1")
    monkeypatch.setenv("GATE__BUFFER", "0.1")
    assert load() == load()
    assert load().gate.buffer == 0.0


def test_a_source_for_a_symbol_nobody_reads_is_refused():
    assert "BTCUSD" in refused("prices.sources.BTCUSD=exchange")


# Frozen


def test_nobody_writes_to_settings():
    loaded = load()
    for model, name in (
        (loaded, "gate"),
        (loaded.gate, "buffer"),
        (loaded.coins[0], "weight"),
        (loaded.confirmations.volume, "enabled"),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(model, name, getattr(model, name))


def test_loading_twice_gives_equal_settings_and_the_same_json():
    assert load() == load()
    assert load().model_dump_json() == load().model_dump_json()


# Anything at all


WORDS = st.text("abgexz_.-=[]{}\"'^ 019", max_size=12)
NUMBERS = (
    st.integers().map(str)
    | st.floats().map(repr)
    | st.sampled_from(["1e400", "-0.0", "0x10", "1_0", "9" * 400, "1979-05-27T07:32:00Z"])
)
VALUES = (
    WORDS
    | NUMBERS
    | st.sampled_from(
        [
            "true",
            "[]",
            "{}",
            '""',
            "[[]]",
            "[1, 'a']",
            "{a = 1}",
            "nan",
            "2020-01-01",
            "07:32:00",
            "[" * 200,
        ]
    )
)
PATHS = (
    st.sampled_from(KEYS)
    | WORDS
    | st.tuples(st.sampled_from(KEYS), WORDS).map(".".join)
    | st.sampled_from(["coins.0.weight", "coins", "gate"])
)


@given(st.lists(st.tuples(PATHS, VALUES).map("=".join), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_anything_set_gives_settings_or_one_kind_of_error(overrides: list[str]):
    with suppress(ConfigError):
        load([], overrides)


@given(
    st.text(max_size=60)
    | st.lists(st.tuples(st.sampled_from(KEYS), VALUES).map(" = ".join), max_size=3).map("\n".join)
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_any_file_gives_settings_or_one_kind_of_error(tmp_path: Path, text: str):
    with suppress(ConfigError):
        load([written(tmp_path, text)])
