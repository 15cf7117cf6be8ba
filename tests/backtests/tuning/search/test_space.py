"""Which sets a space has: by hand and by counting; and each mistake in one sentence."""

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import main
from backtests.tuning.search import space as module
from backtests.tuning.search.space import CURRENT, Axis, Space, space_of, variants
from config.settings import ConfigError, Settings, load
from tests.price_folder import overrides

TUNE_FILE = Path(__file__).parents[4] / "config" / "tune.toml"


def given_space(text: str, *more: str) -> tuple[Settings, Space]:
    found = load(None, [f"tune.space={text}", *more])
    return found, space_of(found)


def axes(text: str, *more: str) -> dict[str, tuple[Any, ...]]:
    return {axis.key: axis.values for axis in given_space(text, *more)[1].axes}


def refused(text: str, *more: str) -> str:
    with pytest.raises(ConfigError) as caught:
        given_space(text, *more)
    return str(caught.value)


def points(space: Space, codes: np.ndarray) -> list[tuple[Any, ...]]:
    return [tuple(space.point(row).values()) for row in codes]


# Values


def test_lists_have_the_types_of_the_settings() -> None:
    found = axes(
        '{"gate.base_sessions" = [126.0, 252], "allocation.band" = [0, 0.5], '
        '"risk_curve.ceilings" = [[0, 0, 0, 1]]}'
    )
    assert found == {
        "gate.base_sessions": (126, 252),
        "allocation.band": (0.0, 0.5),
        "risk_curve.ceilings": ((0.0, 0.0, 0.0, 1.0),),
    }
    assert [type(value) for value in (*found["gate.base_sessions"], *found["allocation.band"])] == [
        int,
        int,
        float,
        float,
    ]


def test_a_range_is_cut_evenly() -> None:
    """0.1 + 0.05 k, and tenths, each with no more digits than were meant: 0.6 / 6 is
    0.09999999999999999 in floating point.
    """
    assert axes('{"allocation.band" = {low = 0, high = 0.6, steps = 7}}') == {
        "allocation.band": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    }
    assert axes('{"allocation.band" = {low = 0.1, high = 0.3}}') == {
        "allocation.band": (0.1, 0.15, 0.2, 0.25, 0.3)
    }


def test_a_range_in_the_logarithm_is_cut_into_equal_ratios() -> None:
    """10 to 1000 in 5 steps: times the square root of 10."""
    (values,) = axes(
        '{"confirmations.volume.min_ratio" = {low = 0.1, high = 10, steps = 5, log = true}}'
    ).values()
    assert values == pytest.approx([0.1 * 10 ** (k / 2) for k in range(5)], rel=1e-11)
    assert (values[0], values[-1]) == (0.1, 10.0)


def test_whole_numbers_of_a_range_are_rounded_each_once() -> None:
    """21, 21.4, 21.8, 22.2, ... and 21, 42, 84: what is between whole numbers is none."""
    assert axes('{"gate.base_sessions" = {low = 21, high = 23, steps = 6}}') == {
        "gate.base_sessions": (21, 22, 23)
    }
    assert axes('{"gate.base_sessions" = {low = 21, high = 84, steps = 3, log = true}}') == {
        "gate.base_sessions": (21, 42, 84)
    }


def test_a_range_that_ends_where_it_begins_is_one_value() -> None:
    assert axes('{"allocation.band" = {low = 0.3, high = 0.3}}') == {"allocation.band": (0.3,)}
    assert axes('{"allocation.band" = {low = 0.1, high = 0.3, steps = 1}}') == {
        "allocation.band": (0.1,)
    }


def test_the_file_of_the_search_is_a_grid_of_its_lists() -> None:
    """5 x 4 x 4 x 5 x 5 x 5."""
    found = load([TUNE_FILE])
    space = space_of(found)
    assert space.combinations() == 10_000 <= found.tune.sets
    assert space.current == (252, 3, 2, 0.03, 200, 0.0)
    assert (
        len(space.grid()) == 10_000
    )  # fail_tolerance stands at 0.03, which 0, 0.02, 0.04, 0.06, 0.08 leave out


# Sets


def test_a_grid_has_every_set_once_the_last_axis_changing_fastest() -> None:
    """The settings as they stand (252, 0.2) are no set of it: they are run anyway."""
    _, space = given_space(
        '{"gate.base_sessions" = [126, 252], "allocation.band" = [0.1, 0.2, 0.3]}'
    )
    assert space.combinations() == 6
    assert points(space, space.grid()) == [
        (126, 0.1),
        (126, 0.2),
        (126, 0.3),
        (252, 0.1),
        (252, 0.3),
    ]
    assert points(space, space.defaults()) == [(252, 0.2)]


def test_the_settings_own_value_has_one_code() -> None:
    _, space = given_space(
        '{"gate.base_sessions" = [126, 252], "allocation.band" = [0.1, 0.2, 0.3]}'
    )
    assert space.grid().tolist() == [[0, 0], [0, -1], [0, 2], [-1, 0], [-1, 2]]


def test_what_is_tried_under_a_condition_collapses_without_it() -> None:
    """Own trend off: its days are not asked. 1 + 2 x 3 sets, one of which, off, is the settings as
    they stand.
    """
    text = (
        '{"allocation.own_trend_days" = {values = [50, 100, 150], when = '
        '{"allocation.own_trend" = ["and", "or"]}}, '
    )
    _, space = given_space(text + '"allocation.own_trend" = ["off", "and", "or"]}')
    found = points(space, space.grid())
    assert sorted(found) == sorted(product((50, 100, 150), ("and", "or")))
    assert space.combinations() == 9


def test_a_condition_hangs_on_the_settings_own_value_too() -> None:
    """Own trend is "and" in the current settings and no value: only with it are days tried."""
    text = (
        '{"allocation.own_trend" = ["off"], "allocation.own_trend_days" = {values = [50], '
        'when = {"allocation.own_trend" = ["and"]}}, '
    )
    _, space = given_space(text + '"allocation.band" = [0.1]}', "allocation.own_trend=and")
    found = points(
        space,
        np.concatenate([space.grid(), space.distinct(np.array([[-1, 0, -1]], dtype=np.int16))]),
    )
    assert found == [("off", 200, 0.1), ("and", 50, 0.2)]


def test_conditions_hang_on_conditions() -> None:
    """The volatility's days are tried with a target, the target with an own trend: with it no
    target, or one with two lists of days.
    """
    text = (
        '{"allocation.volatility_days" = {values = [10, 20], when = '
        '{"allocation.target_volatility" = [0.4]}}, '
    )
    text += (
        '"allocation.target_volatility" = {values = [0.0, 0.4], when = '
        '{"allocation.own_trend" = ["and"]}}, '
    )
    text += '"allocation.own_trend" = ["off", "and"]}'
    _, space = given_space(text)
    assert sorted(points(space, space.grid())) == [
        (10, 0.4, "and"),
        (20, 0.4, "and"),
        (30, 0.0, "and"),
    ]


def test_a_condition_may_name_a_list() -> None:
    text = '{"risk_curve.ceilings" = [[0, 0, 0, 1], [1, 1, 1, 1]], '
    text += '"allocation.band" = {values = [0.1], when = {"risk_curve.ceilings" = [[0, 0, 0, 1]]}}}'
    _, space = given_space(text)
    assert points(space, space.grid()) == [((0.0, 0.0, 0.0, 1.0), 0.1), ((1.0, 1.0, 1.0, 1.0), 0.2)]


def test_conditions_are_numbers_whatever_their_type() -> None:
    _, space = given_space(
        '{"gate.max_sessions" = [0, 60], "allocation.band" = {values = [0.1], when = '
        '{"gate.max_sessions" = [60.0]}}}'
    )
    assert points(space, space.grid()) == [(60, 0.1)]


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Up to four axes of up to four numbers; each may hang on one before it."""
    found, standing = [], []
    for place in range(draw(st.integers(1, 4))):
        values = tuple(draw(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True)))
        when = {}
        if place and draw(st.booleans()):
            other = found[draw(st.integers(0, place - 1))]
            when = {other.key: tuple(draw(st.lists(st.integers(0, 5), min_size=1, max_size=3)))}
        found.append(Axis(f"gate.a{place}", values, when))
        standing.append(draw(st.integers(0, 5)))
    order = draw(st.permutations(range(len(found))))
    return Space(tuple(found[place] for place in order), tuple(standing[place] for place in order))


def literal(space: Space, values: dict[str, int]) -> tuple[int, ...]:
    """A set with the axes that are not tried at the settings' own value, one condition after the
    other.
    """
    standing = dict(zip(space.keys, space.current, strict=True))
    tried = dict(values)
    for axis in sorted(space.axes, key=lambda one: one.key):  # each hangs on those before it
        if not all(tried[other] in allowed for other, allowed in axis.when.items()):
            tried[axis.key] = standing[axis.key]
    return tuple(tried[key] for key in space.keys)


@settings(max_examples=60, deadline=None)
@given(spaces())
def test_a_grid_is_all_sets_that_differ(space: Space) -> None:
    every = [
        dict(zip(space.keys, some, strict=True))
        for some in product(*(axis.values for axis in space.axes))
    ]
    expected = {literal(space, values) for values in every} - {space.current}
    found = points(space, space.grid())
    assert len(found) == len(set(found))
    assert set(found) <= expected | {space.current}
    assert expected == set(found)


@settings(max_examples=30, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1), st.integers(1, 80))
def test_draws_are_of_the_grid_without_repetition(space: Space, seed: int, count: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            module, "PATIENCE", 3
        )  # 12,288 draws of at most 256 sets miss one with a probability of e^-40
        grid, drawn, again = space.grid(), space.draw(count, seed), space.draw(count, seed)
    assert len(drawn) == min(count, len(grid))
    assert len({tuple(row) for row in drawn.tolist()}) == len(drawn)
    assert {tuple(row) for row in drawn.tolist()} <= {tuple(row) for row in grid.tolist()}
    np.testing.assert_array_equal(again, drawn)


def test_each_value_is_drawn_as_often_as_the_next() -> None:
    """3,000 of 10^6 sets: each of 100 values 30 times, by 5.4 = sqrt(30 x 0.99); 5 of these
    deviations are too many.
    """
    space = Space(
        tuple(Axis(f"gate.a{place}", tuple(range(100)), {}) for place in range(3)), (-1, -1, -1)
    )
    drawn = space.draw(3000, 7)
    for place in range(3):
        assert np.abs(np.bincount(drawn[:, place], minlength=100) - 30).max() < 5 * math.sqrt(
            30 * 0.99
        )
    assert not np.array_equal(space.draw(3000, 8), drawn)


def test_more_draws_begin_with_the_fewer() -> None:
    """A search that is given more sets goes on with those it has."""
    space = Space(
        tuple(Axis(f"gate.a{place}", tuple(range(30)), {}) for place in range(3)), (-1, -1, -1)
    )
    np.testing.assert_array_equal(space.draw(6000, 3)[:100], space.draw(100, 3))


def test_a_hundred_thousand_sets_are_drawn_in_seconds() -> None:
    space = Space(
        tuple(Axis(f"gate.a{place}", tuple(range(30)), {}) for place in range(6)), (-1,) * 6
    )
    assert len(space.draw(100_000, 3)) == 100_000


def test_one_axis_with_the_settings_own_value_alone_has_no_set() -> None:
    _, space = given_space('{"gate.base_sessions" = [252]}')
    assert space.grid().shape == (0, 1)
    assert space.draw(10, 1).shape == (0, 1)


def test_codes_are_places_and_the_settings_own() -> None:
    space = Space((Axis("gate.a", (5, 7), {}),), (6,))
    assert [space.point(codes) for codes in ([0], [1], [CURRENT])] == [
        {"gate.a": 5},
        {"gate.a": 7},
        {"gate.a": 6},
    ]


# What is refused

BAND = '"allocation.band" = [0.1]'
REFUSED = [
    (
        "nothing",
        "{}",
        (
            "tune.space: names no parameter; search those of config/tune.toml with --config "
            "config/tune.toml, or name your own"
        ),
    ),
    (
        "unknown key",
        '{"gate.base_session" = [9]}',
        (
            "gate.base_session: unknown key (in tune.space.gate.base_session); did you mean "
            "'base_sessions'?"
        ),
    ),
    (
        "unknown table",
        '{"confirmations.volum.enabled" = [true]}',
        "(in tune.space.confirmations.volum.enabled); did you mean 'volume'?",
    ),
    (
        "unknown section",
        '{"gat.base_sessions" = [126]}',
        "tune.space.gat.base_sessions: is not a parameter of the strategy; only keys of gate,",
    ),
    ("no key", '{"" = [126]}', "tune.space.: is not a parameter of the strategy"),
    (
        "half a key",
        '{"gate." = [126]}',
        "gate.: unknown key (in tune.space.gate.); allowed are base_sessions,",
    ),
    ("section", '{"gate" = [126]}', "gate: input should be a valid dictionary"),
    (
        "table",
        '{"confirmations.volume" = [true]}',
        "confirmations.volume: input should be a valid dictionary",
    ),
    (
        "key within a value",
        '{"gate.base_sessions.x" = [126]}',
        "gate.base_sessions: input should be a valid integer",
    ),
    (
        "costs",
        '{"costs.fee" = [0.0]}',
        (
            "tune.space.costs.fee: is not a parameter of the strategy; only keys of gate, "
            "confirmations,"
        ),
    ),
    ("coins", '{"coins" = [1]}', "tune.space.coins: is not a parameter of the strategy"),
    (
        "the search itself",
        '{"tune.seed" = [1]}',
        "tune.space.tune.seed: is not a parameter of the strategy",
    ),
    (
        "prices",
        '{"confirmations.breadth.symbols" = [["KRE"]]}',
        "tune.space.confirmations.breadth.symbols: is not a parameter of the strategy",
    ),
    (
        "file",
        '{"haircuts.flows.file" = ["x.csv"]}',
        "tune.space.haircuts.flows.file: is not a parameter of the strategy",
    ),
    (
        "switch of a file",
        '{"haircuts.flows.enabled" = [true, false]}',
        "enable it and search its factor (1.0 has no effect)",
    ),
    (
        "no whole number",
        '{"gate.base_sessions" = [126.5]}',
        "gate.base_sessions: input should be a valid integer, got a number with a fractional",
    ),
    (
        "no number",
        '{"gate.base_sessions" = ["many"]}',
        "gate.base_sessions: input should be a valid integer, unable to parse string",
    ),
    (
        "no word",
        '{"allocation.own_trend" = ["of"]}',
        "'off', 'and' or 'or': got 'of' (in tune.space.allocation.own_trend)",
    ),
    (
        "range of words",
        '{"allocation.own_trend" = {low = 0, high = 1}}',
        "allocation.own_trend: input should be 'off', 'and' or 'or': got 0.0",
    ),
    (
        "out of bounds",
        '{"allocation.band" = [0.5, 1.0]}',
        "allocation.band: input should be less than 1: got 1.0 (in tune.space.allocation.band)",
    ),
    (
        "against another",
        '{"gate.base_sessions" = [20]}',
        "gate: rearm_sessions (21) must not exceed base_sessions (20)",
    ),
    (
        "never confirmed",
        '{"gate.min_confirmations" = [5]}',
        "gate.min_confirmations is 5, but only 4 are enabled",
    ),
    (
        "too few ceilings",
        '{"risk_curve.ceilings" = [[0.5, 1.0]]}',
        "risk_curve: ceilings needs 4 values for 3 channels, got 2",
    ),
    (
        "twice",
        '{"gate.base_sessions" = [126, 252, 126.0]}',
        "tune.space.gate.base_sessions: 126 is listed twice",
    ),
]
CONDITIONS = [
    (
        "not searched",
        '{"gate.buffer" = [0.0]}',
        (
            "when: gate.buffer is not another parameter of this search; searched are "
            "gate.base_sessions, allocation.band"
        ),
    ),
    (
        "itself",
        '{"gate.base_sessions" = [126]}',
        "when: gate.base_sessions is not another parameter of this search",
    ),
    (
        "never met",
        '{"allocation.band" = [0.1, 0.3]}',
        "when: allocation.band is never 0.3; its values are 0.1 and, in the current settings, 0.2",
    ),
    (
        "refused",
        '{"allocation.band" = ["wide"]}',
        "allocation.band: input should be a valid number",
    ),
    (
        "no value",
        '{"allocation.band" = []}',
        "tune.space.gate.base_sessions.when.allocation.band: list should have at least 1 item",
    ),
]
REFUSED += [
    (
        f"condition: {name}",
        f'{{"gate.base_sessions" = {{values = [126], when = {when}}}, {BAND}}}',
        said,
    )
    for name, when, said in CONDITIONS
]
TRENDS, DAYS = (
    '"allocation.own_trend" = {values = ["and"], when = ',
    '"allocation.own_trend_days" = {values = [50], when = ',
)
CIRCLE = (
    f'{{{TRENDS}{{"allocation.own_trend_days" = [50]}}}}, {DAYS}{{"allocation.own_trend" = '
    f'["and"]}}}}}}'
)
REFUSED.append(
    (
        "condition: circle",
        CIRCLE,
        (
            "the conditions of allocation.own_trend, allocation.own_trend_days depend on one"
            " another in a circle"
        ),
    )
)
UNFIT = [
    (
        '{"gate.base_sessions" = [30, 252], "gate.rearm_sessions" = [21, 40]}',
        [
            (
                "gate refuses the parameter set gate.base_sessions = 30, gate.rearm_sessions = 40: "
                "rearm_sessions (40) must not exceed base_sessions (30)"
            )
        ],
    ),
    (
        '{"gate.min_confirmations" = [2, 4], "confirmations.credit.enabled" = [true, false]}',
        [
            (
                "the settings refuse the parameter set gate.min_confirmations = 4, "
                "confirmations.credit.enabled = False: gate.min_confirmations is 4, but only 3 "
            ),
            "no breakout could be confirmed",
        ],
    ),
]


@pytest.mark.parametrize(
    ("text", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_each_mistake_is_one_sentence(text: str, said: str) -> None:
    assert said in refused(text)
    assert "\n" not in refused(text)


def test_mistakes_are_usage_errors_before_any_price_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prices would be an error of their own: there are none."""
    monkeypatch.chdir(tmp_path)
    for _, text, said in REFUSED:
        words = [
            "tune",
            "--set",
            f"tune.space={text}",
            "--set",
            "prices.source=folder",
            "--set",
            "prices.folder=nowhere",
        ]
        result = CliRunner().invoke(main.app, words)
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        assert result.stderr.startswith("error: ") and said in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_set_that_the_settings_refuse_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_folder: Path, cache: Path
) -> None:
    """Each value is allowed with the current settings; of the four sets one is not."""
    monkeypatch.chdir(tmp_path)
    for text, said in UNFIT:
        settings_ = [word for one in overrides(whole_folder, cache) for word in ("--set", one)]
        result = CliRunner().invoke(main.app, ["tune", *settings_, "--set", f"tune.space={text}"])
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        assert all(
            words in result.stderr
            for words in (*said, "; change the values, or make one depend on another with `when`")
        )
    assert not list(tmp_path.glob("runs/*"))


# Prices of the sets


def test_prices_of_every_switch_are_asked_for() -> None:
    text = (
        '{"confirmations.liquidity.enabled" = [true, false], "risk_curve.channels" = '
        '[["rates", "broad", "credit"]]}'
    )
    found, space = given_space(text)
    read = variants(found, space)
    assert any(one.confirmations.liquidity.enabled for one in read)
    assert ("rates", "broad", "credit") in [one.risk_curve.channels for one in read]
