"""The sections of the search: axes, objective, and one sentence for each mistake."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydantic import ValidationError

from config.settings import ConfigError, Settings, load, restore, restore_file
from config.tuning import EARLIER_LIMITS, FIXED_LIMITS, Axis, Limits, Tune

TUNE_FILE = Path(__file__).parents[2] / "config" / "tune.toml"


def space(text: str) -> dict[str, Axis]:
    """The space of one table of TOML."""
    return load(None, [f"tune.space={text}"]).tune.space


def refused(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(None, list(overrides))
    return str(caught.value)


def axis(**content: Any) -> Axis:
    return Axis.model_validate(content)


# Axes


def test_a_list_is_an_axis_of_values_a_table_one_with_more() -> None:
    found = space(
        '{"gate.base_sessions" = [126, 252], '
        '"allocation.band" = {low = 0.1, high = 0.3, steps = 3, log = true}}'
    )
    assert found == {
        "gate.base_sessions": axis(values=(126, 252)),
        "allocation.band": axis(low=0.1, high=0.3, steps=3, log=True),
    }
    assert (
        found["gate.base_sessions"].steps,
        found["gate.base_sessions"].log,
        found["gate.base_sessions"].when,
    ) == (5, False, {})


@pytest.mark.parametrize(
    "text",
    [
        '{"confirmations.credit.sessions" = [21, 63]}',
        "{confirmations.credit.sessions = [21, 63]}",
        '{confirmations = {"credit.sessions" = [21, 63]}}',
        '{"confirmations.credit" = {sessions = {values = [21, 63]}}}',
    ],
)
def test_tables_within_tables_are_dotted_keys(text: str) -> None:
    assert space(text) == {"confirmations.credit.sessions": axis(values=(21, 63))}


def test_an_option_names_one_parameter() -> None:
    assert load(None, ["tune.space.gate.base_sessions=[126]"]).tune.space == {
        "gate.base_sessions": axis(values=(126,))
    }


def test_the_environment_names_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSSELL_GATE_TUNE__SPACE", '{"gate.base_sessions": [126]}')
    assert load().tune.space == {"gate.base_sessions": axis(values=(126,))}


def test_an_option_beats_a_file_in_either_spelling() -> None:
    """The file has the key in quotes, the option a table within a table."""
    found = load([TUNE_FILE], ["tune.space.gate.base_sessions=[60]"]).tune.space
    assert found["gate.base_sessions"] == axis(values=(60,))
    assert found.keys() == load([TUNE_FILE]).tune.space.keys()


def test_values_keep_their_types() -> None:
    values = space('{"a.b" = [true, 1, 1.0, "x", [1.0, 2], ["y"]]}')["a.b"].values
    assert values == (True, 1, 1.0, "x", [1.0, 2.0], ["y"])
    assert [type(value) for value in values] == [bool, int, float, str, list, list]


BOTH = {"values": [1], "low": 0, "high": 2}


@pytest.mark.parametrize(
    "content",
    [{}, {"low": 1}, {"high": 1}, {"values": [1], "low": 0}, {"values": [1], "high": 2}, BOTH],
)
def test_an_axis_is_a_list_or_a_range_and_not_both(content: dict[str, Any]) -> None:
    with pytest.raises(
        ValidationError, match="must be a list of values, or a range with low and high"
    ):
        axis(**content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "tune.space.gate.base_sessions.values: tuple should have at least 1 item"),
        (
            "{}",
            (
                "tune.space.gate.base_sessions: "
                "must be a list of values, or a range with low and high"
            ),
        ),
        ("5", "tune.space.gate.base_sessions: input should be a valid dictionary"),
        (
            "{low = 2, high = 1}",
            "tune.space.gate.base_sessions: low (2) must not lie above high (1)",
        ),
        (
            "{low = 0, high = 1, log = true}",
            "tune.space.gate.base_sessions: a logarithmic range must begin above 0, low is 0",
        ),
        (
            "{low = -1, high = 1, log = true}",
            "a logarithmic range must begin above 0, low is -1",
        ),
        (
            "{low = 0, high = 1, steps = 0}",
            (
                "tune.space.gate.base_sessions.steps: "
                "input should be greater than or equal to 1: got 0"
            ),
        ),
        (
            "{low = 0, high = 1, steps = 1001}",
            (
                "tune.space.gate.base_sessions.steps: "
                "input should be less than or equal to 1000: got 1001"
            ),
        ),
        (
            "{low = 0, high = inf}",
            "tune.space.gate.base_sessions.high: input should be a finite number: got inf",
        ),
        (
            "{low = nan, high = 1}",
            "tune.space.gate.base_sessions.low: input should be a finite number: got nan",
        ),
        (
            str([*range(1001)]),
            "tune.space.gate.base_sessions.values: tuple should have at most 1000 items",
        ),
        (
            "{values = [1], when = {a = 1}}",
            "tune.space.gate.base_sessions.when.a: input should be a valid list",
        ),
    ],
)
def test_what_is_no_axis_is_refused(text: str, said: str) -> None:
    assert said in refused(
        f'tune.space={{"gate.base_sessions" = {text}, "allocation.band" = [0.1]}}'
    )


def test_a_slip_in_an_axis_has_its_nearest_neighbour() -> None:
    assert "tune.space.gate.base_sessions.hihg: unknown key" in refused(
        'tune.space={"gate.base_sessions" = {low = 1, hihg = 2}}'
    )


def test_there_are_at_most_64_parameters() -> None:
    texts = [f'"a.b{number}" = [1]' for number in range(65)]
    assert len(space(f"{{{', '.join(texts[:64])}}}")) == 64
    assert "tune.space: dictionary should have at most 64 items" in refused(
        f"tune.space={{{', '.join(texts)}}}"
    )


def test_a_range_of_one_value_may_begin_where_it_ends() -> None:
    assert axis(low=2, high=2) == axis(low=2.0, high=2.0, steps=5)


# What is searched for


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("calmar", {"calmar": 1.0}),
        ("{sharpe = 0.5, calmar = 0.5}", {"sharpe": 0.5, "calmar": 0.5}),
        ("{cagr = 1, sortino = -0.25}", {"cagr": 1.0, "sortino": -0.25}),
    ],
)
def test_an_objective_is_a_figure_or_a_mix(text: str, weights: dict[str, float]) -> None:
    assert load(None, [f"tune.objective={text}"]).tune.weights() == weights


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("luck", "tune.objective"),
        ("{luck = 1}", "tune.objective"),
        ("{}", "all weights are 0"),
        ("{sharpe = 0, calmar = 0.0}", "all weights are 0; nothing would be maximised"),
        ("{sharpe = nan}", "tune.objective"),
        ("{sharpe = inf}", "tune.objective"),
    ],
)
def test_nothing_else_is_searched_for(text: str, said: str) -> None:
    assert said in refused(f"tune.objective={text}")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("method=luck", "tune.method: input should be 'grid', 'random' or 'tpe': got 'luck'"),
        ("sets=1", "tune.sets: input should be greater than or equal to 2: got 1"),
        ("sets=1000001", "tune.sets: input should be less than or equal to 1000000"),
        ("seed=-1", "tune.seed: input should be greater than or equal to 0: got -1"),
        ("threads=-1", "tune.threads: input should be greater than or equal to 0"),
        ("max_drawdown=0", "tune.max_drawdown: input should be greater than 0: got 0"),
        ("max_drawdown=1.01", "tune.max_drawdown: input should be less than or equal to 1"),
        ("purge_days=366", "tune.purge_days: input should be less than or equal to 365"),
        ("searched_sets=1", "tune.searched_sets: input should be greater than or equal to 2"),
        (
            "verdict.max_pbo=-0.1",
            "tune.verdict.max_pbo: input should be greater than or equal to 0: got -0.1",
        ),
        (
            "verdict.min_events=101",
            "tune.verdict.min_events: input should be less than or equal to 100: got 101",
        ),
        (
            "walk_forward.step_months=0",
            "tune.walk_forward.step_months: input should be greater than or equal to 1",
        ),
        (
            "walk_forward.train_months=45",
            "tune.walk_forward: train_months (45) must be a multiple of step_months (6)",
        ),
        ("wlak_forward=1", "tune.wlak_forward: unknown key"),
        (
            "verdict.max_pbx=1",
            (
                "tune.verdict.max_pbx: unknown key (in --set tune.verdict.max_pbx); "
                "did you mean 'max_pbo'?"
            ),
        ),
    ],
)
def test_other_settings_of_the_search_have_bounds(override: str, said: str) -> None:
    assert said in refused(f"tune.{override}")


# Files


def test_the_defaults_search_nothing() -> None:
    assert load().tune.space == {}
    assert load().tuned is None


def test_the_file_of_the_search_is_whole() -> None:
    found = load([TUNE_FILE]).tune
    assert {*found.space} == {*tomllib.loads(TUNE_FILE.read_text())["tune"]["space"]}
    assert found.space["gate.fail_tolerance"] == axis(low=0.0, high=0.08, steps=5)


def test_settings_with_a_space_are_written_and_read_again() -> None:
    first = load(
        [TUNE_FILE],
        [
            (
                'tune.space={"allocation.own_trend_days" = '
                '{values = [50], when = {"allocation.own_trend" = ["and", "or"]}}}'
            )
        ],
    )
    again = Settings.model_validate(first.model_dump(exclude_none=True))
    assert again == first
    assert again.tune.space["allocation.own_trend_days"].when == {
        "allocation.own_trend": ["and", "or"]
    }
    assert Tune.model_validate_json(first.tune.model_dump_json()) == first.tune


# Limits


def test_the_default_limits_are_the_fixed_ones() -> None:
    assert load().tune.verdict.model_dump() == FIXED_LIMITS


LOOSER = [
    *(("max_luck_p", "0.0501"), ("max_searched_gates_p", "1"), ("max_pbo", "0.21")),
    *(("max_probability_behind", "0.5"), ("min_leave_one_out", "0.59"), ("min_events", "4")),
]


@pytest.mark.parametrize(("key", "value"), LOOSER)
def test_a_limit_cannot_be_made_looser(key: str, value: str) -> None:
    side = "more" if key.startswith("min_") else "less"
    assert refused(f"tune.verdict.{key}={value}") == (
        f"tune.verdict.{key}: must be {FIXED_LIMITS[key]:g} or {side}: a limit may only be made"
        " stricter than the default, or a search that chance explains could be called recommended:"
        f" got {value} (in --set tune.verdict.{key})"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, 0.0) for key in FIXED_LIMITS if key.startswith("max_")),
        *(("min_leave_one_out", 1.0), ("min_events", 100)),
    ],
)
def test_a_limit_can_be_made_stricter(key: str, value: float) -> None:
    assert getattr(load(None, [f"tune.verdict.{key}={value}"]).tune.verdict, key) == value


def test_the_schema_has_the_bounds() -> None:
    properties = Limits.model_json_schema()["properties"]
    for key, fixed in FIXED_LIMITS.items():
        assert properties[key]["minimum" if key.startswith("min_") else "maximum"] == fixed


@pytest.mark.parametrize(("key", "value"), LOOSER)
def test_a_looser_limit_that_a_run_stored_is_read_without_effect(
    key: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A journal must open whatever its session was started with; today's settings are checked."""
    number = json.loads(value)
    warning = f"Warning: tune.verdict.{key} = {value} has no effect any more (in "
    stored = {"tune": {"verdict": {"max_luck_p": 0.01, key: number}}}
    stricter = [] if key == "max_luck_p" else ["tune.verdict.max_luck_p=0.01"]
    assert restore(json.dumps(stored), "the journal") == load(None, stricter)
    assert capsys.readouterr().err.startswith(f"{warning}the journal): a limit may only be")
    path = tmp_path / "settings.toml"
    path.write_text(tomli_w.dumps(stored), encoding="utf-8")
    assert restore_file(path) == load(None, stricter)
    printed = capsys.readouterr().err
    assert printed.startswith(f"{warning}{path}): ") and printed.count("\n") == 1
    with pytest.raises(ConfigError, match=f"{key}: must be"):
        restore_file(path, [f"tune.verdict.{key}={value}"])


@pytest.mark.parametrize("key", EARLIER_LIMITS)
def test_limits_of_an_earlier_version_are_read_without_effect(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Settings that a search of before wrote into its folder still load, and say what is void."""
    default = load()
    assert load(None, [f"tune.verdict.{key}=0.9"]) == default
    assert capsys.readouterr().err == (
        f"Warning: tune.verdict.{key} = 0.9 has no effect any more (in --set tune.verdict.{key}):"
        " no search is judged by it; remove it\n"
    )
    monkeypatch.setenv(f"RUSSELL_GATE_TUNE__VERDICT__{key.upper()}", "0.9")
    assert load() == default
    assert f"{key} = 0.9 has no effect any more (in the environment)" in capsys.readouterr().err


def test_what_is_no_number_is_no_limit_of_an_earlier_version(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Such as an address with a secret in it, which must not be printed."""
    address = refused("tune.verdict.min_neighbours=discord://hunter2")
    assert "hunter2" not in address + capsys.readouterr().err
    assert "min_neighbours: unknown key" in refused("tune.verdict.min_neighbours=much")


def test_what_version_0_1_wrote_into_every_run_is_no_choice_to_warn_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored = Path(__file__).parents[1] / "stored" / "0.1" / "tune" / "settings.toml"
    limits = tomllib.loads(stored.read_text())["tune"]["verdict"]
    assert EARLIER_LIMITS.items() <= limits.items()
    restore_file(stored)
    earlier = [f"tune.verdict.{key}={limits[key]}" for key in EARLIER_LIMITS]
    assert load(None, earlier) == load()
    assert capsys.readouterr().err == ""
