"""best.toml: read again it is the set that was found, says what was said of it, and warns where it
should not be trusted.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from backtests.tuning.overlay import advice, text, write
from backtests.tuning.validation.checks import Check
from backtests.tuning.validation.verdict import Verdict
from config.settings import ConfigError, Settings, load, restore, with_changes
from config.tuned import fingerprint, warning_of

WHEN = date(2026, 3, 1)
WHERE = "runs/20260301T120000-tune-abcdef01"
CHANGED: dict[str, tuple[Any, Any]] = {
    "gate.base_sessions": (252, 126),
    "gate.fail_tolerance": (0.03, 0.1 + 0.2),  # 17 digits
    "confirmations.volume.enabled": (True, False),
    "confirmations.breadth.min_share": (0.6, 1.0),
    "risk_curve.ceilings": ((0.25, 0.5, 0.75, 1.0), (0.0, 0.0, 0.0, 1.0)),
    "allocation.own_trend": ("off", "or"),
}
SENTENCE = (
    "Overfitting: a sentence, long enough to be broken, that says 41% (at most 20% is allowed): "
    + "what was best did not stay good, " * 5
    + "so."
)
CHECKS = (
    Check("pbo", 0.41, 0.2, passed=False, condemns=False, text=SENTENCE),
    Check("events", 5.0, 5.0, passed=True, condemns=False, text="Breakouts: five."),
    Check("luck", None, 0.05, passed=None, condemns=False, text="?"),
)
AGAINST = Verdict("not recommended", ("There is no reason to change.", SENTENCE), CHECKS)
FOR = AGAINST._replace(word="recommended", why=("It passes every test.",))
OPEN = AGAINST._replace(word="inconclusive")


def best(base: Settings | None = None) -> Settings:
    return with_changes(base or load(), {key: value for key, (_, value) in CHANGED.items()}, "test")


def written(folder: Path, verdict: Verdict | None = AGAINST, base: Settings | None = None) -> Path:
    path = folder / "best.toml"
    write(path, text(best(base), CHANGED, verdict, WHERE, WHEN))
    return path


def unjudged(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(exclude={"tuned"})


def test_read_again_it_is_the_set_to_the_last_digit(tmp_path: Path) -> None:
    found = load([written(tmp_path)])
    assert unjudged(found) == unjudged(best())
    assert found.gate.fail_tolerance == 0.30000000000000004
    assert found.risk_curve.ceilings == (0.0, 0.0, 0.0, 1.0)


def test_it_holds_the_changed_keys_and_the_verdict_and_nothing_else(tmp_path: Path) -> None:
    content = tomllib.loads(written(tmp_path).read_text(encoding="utf-8"))
    assert set(content) == {"tuned", "gate", "confirmations", "risk_curve", "allocation"}
    assert content["gate"] == {"base_sessions": 126, "fail_tolerance": 0.30000000000000004}
    assert content["confirmations"] == {"volume": {"enabled": False}, "breadth": {"min_share": 1.0}}
    assert content["tuned"] == {
        "verdict": "not recommended",
        "why": f"There is no reason to change. {SENTENCE}",
        "run": WHERE,
        "on": WHEN,
        "judged": fingerprint(best()),
    }


def test_the_verdict_and_every_change_stand_on_top_in_words(tmp_path: Path) -> None:
    lines = (
        written(tmp_path).read_text(encoding="utf-8").partition("[tuned]")[0].rstrip().split("\n")
    )
    assert all(line.startswith("# ") and len(line) <= 100 for line in lines)
    assert lines[0] == "# Verdict: not recommended."
    assert lines[1] == f"# Best parameter set of the search of 2026-03-01 ({WHERE})."
    said = " ".join(line.removeprefix("#").strip() for line in lines)
    assert said.count(SENTENCE) == 2  # why, and its test
    for part in (
        f"- not passed: {SENTENCE}",
        "- passed: Breakouts: five.",
        "- not possible: ?",
        "- gate.base_sessions: 126, was 252",
    ):
        assert part in said
    assert "- risk_curve.ceilings: [ 0.0, 0.0, 0.0, 1.0, ], was [ 0.25, 0.5, 0.75, 1.0, ]" in said
    assert '- allocation.own_trend: "or", was "off"' in said
    assert "- confirmations.volume.enabled: false, was true" in said


@pytest.mark.parametrize(
    ("word", "changed", "expected"),
    [
        (
            "recommended",
            2,
            "Use best.toml: gate.confirm_sessions = 1 and gate.fail_tolerance = 0.0.",
        ),
        ("not recommended", 2, "Keep gate.confirm_sessions = 3 and gate.fail_tolerance = 0.03."),
        ("inconclusive", 1, "Keep gate.confirm_sessions = 3."),
        (
            "not recommended",
            3,
            'Keep gate.confirm_sessions = 3, gate.fail_tolerance = 0.03 and a.trend = "off".',
        ),
        (
            "recommended",
            0,
            "Change nothing: no parameter set is better than the current settings.",
        ),
    ],
)
def test_one_sentence_says_what_to_do(word: Any, changed: int, expected: str) -> None:
    settings = {
        "gate.confirm_sessions": (3, 1),
        "gate.fail_tolerance": (0.03, 0.0),
        "a.trend": ("off", "and"),
    }
    assert advice(word, dict(list(settings.items())[:changed])) == expected


def test_the_sentence_to_act_on_stands_on_top(tmp_path: Path) -> None:
    for verdict in (AGAINST, FOR):
        content = written(tmp_path, verdict).read_text()
        lines = content[: content.index("Every test:")].replace("\n# ", " ")
        assert " ".join(advice(verdict.word, CHANGED).split()) in " ".join(lines.split())


def test_over_the_settings_of_its_run_it_is_the_set_whatever_they_were(tmp_path: Path) -> None:
    """settings.toml as a run writes it, of other coins and with an older verdict."""
    base = load([Path("config/altcoins.toml"), written(tmp_path, FOR)], ["gate.confirm_sessions=2"])
    settings = tmp_path / "settings.toml"
    settings.write_text(tomli_w.dumps(base.model_dump(exclude_none=True)), encoding="utf-8")
    found = load([settings, written(tmp_path, FOR, base)])
    assert unjudged(found) == unjudged(best(base))
    assert warning_of(found) is None


def test_numbers_of_numpy_are_numbers() -> None:
    point: dict[str, tuple[Any, Any]] = {
        "gate.base_sessions": (252, np.int64(126)),
        "allocation.band": (0.2, np.float64(0.1)),
    }
    point["confirmations.credit.enabled"] = (True, np.bool_(0))
    content = tomllib.loads(text(best(), point, AGAINST, WHERE, WHEN))
    assert (content["gate"], content["allocation"]) == ({"base_sessions": 126}, {"band": 0.1})
    assert content["confirmations"]["credit"]["enabled"] is False


@pytest.mark.parametrize(
    "key", ["coins", "coins.weight", "costs.fee", "tuned.verdict", "gate", "tune.sets"]
)
def test_what_is_no_parameter_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="is not a parameter of the strategy"):
        text(best(), CHANGED | {key: (1, 2)}, AGAINST, WHERE, WHEN)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/best\.toml: cannot be written"):
        written(tmp_path / "file")


def test_names_and_sentences_cannot_break_out_of_their_comment() -> None:
    odd = 'a\nb"] \x1b \x00 [gate]\r\u2028'
    content = text(best(), {}, OPEN._replace(why=(odd,)), odd, WHEN)
    found = tomllib.loads(content)
    assert set(found) == {"tuned"}
    assert found["tuned"]["run"] == found["tuned"]["why"] == odd


def test_settings_that_were_not_beaten_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "best.toml"
    write(path, text(load(), {}, FOR, WHERE, WHEN))
    assert "nothing differs" in path.read_text(encoding="utf-8")
    assert unjudged(load([path])) == unjudged(load())
    assert warning_of(load([path])) is None


# Warnings


def test_settings_of_no_search_and_recommended_ones_bring_none(tmp_path: Path) -> None:
    assert warning_of(load()) is None
    assert warning_of(load([written(tmp_path, FOR)])) is None


@pytest.mark.parametrize(
    ("verdict", "said"),
    [(AGAINST, "which does not recommend them"), (OPEN, "which is inconclusive about them")],
)
def test_the_warning_has_the_reasons_of_a_verdict(
    verdict: Verdict, said: str, tmp_path: Path
) -> None:
    warning = warning_of(load([written(tmp_path, verdict)]))
    assert warning is not None
    for part in (said, WHERE, "2026-03-01", SENTENCE):
        assert part in warning


def test_simulated_prices_bring_no_verdict_and_a_warning(tmp_path: Path) -> None:
    path = written(tmp_path, None)
    assert path.read_text(encoding="utf-8").startswith(
        "# Verdict: no verdict.\n"
        f"# Best parameter set of the search of 2026-03-01 ({WHERE}).\n"
        "# The search was made on simulated prices"
    )
    assert "simulated prices" in (warning_of(load([path])) or "")


OTHERS = (
    "gate.when_stale=hold",
    "gate.base_sessions=252",
    "confirmations.credit.sessions=64",
    "risk_curve.broad_sessions=199",
    "haircuts.flows.days=90",
    "allocation.band=0.1",
    "costs.fee=0.002",
    "signal.index=IWM",
    "exchange.timeframe=1h",
    'coins=[{name="BTC", history="BTC-USD", market="BTC/USDT", weight=0.5, lag_days=0}]',
)
ALIKE = (
    "exchange.mode=testnet",
    "exchange.amount=5",
    "backtest.cash=1000",
    "guards.drawdown_stop=0.5",
    "journal.folder=other",
    "tune.sets=7",
)


@pytest.mark.parametrize("override", OTHERS)
def test_a_verdict_holds_for_its_own_set_only(override: str, tmp_path: Path) -> None:
    """Even a recommended one: with other rules, coins or costs it is another strategy."""
    warning = warning_of(load([written(tmp_path, FOR)], [override]))
    assert (
        warning is not None
        and 'the verdict "recommended"' in warning
        and "not the parameter set it is about" in warning
    )


@pytest.mark.parametrize("override", ALIKE)
def test_where_and_with_how_much_it_is_traded_is_free(override: str, tmp_path: Path) -> None:
    assert warning_of(load([written(tmp_path, FOR)], [override])) is None


def test_other_markets_of_the_same_coins_are_the_same_strategy(tmp_path: Path) -> None:
    def coins(quote: str) -> str:
        return (
            f'coins=[{{name="BTC", history="BTC-USD", market="BTC/{quote}", weight=0.5, '
            f"lag_days=0}}]"
        )

    base = load([], [coins("USDT")])
    assert warning_of(load([written(tmp_path, FOR, base)], [coins("USDC")])) is None


def test_a_session_that_kept_its_settings_still_knows(tmp_path: Path) -> None:
    settings = load([written(tmp_path)])
    again = restore(settings.model_dump_json(), "kept")
    assert again == settings
    assert warning_of(again) == warning_of(settings) is not None
    assert restore(load().model_dump_json(), "kept").tuned is None


@pytest.mark.parametrize("change", ["verdict=maybe", "on=yesterday", "api_key=x"])
def test_a_verdict_that_was_tampered_with_is_refused(change: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tuned\."):
        load([written(tmp_path)], [f"tuned.{change}"])


def test_a_fingerprint_of_nothing_is_that_of_other_settings(tmp_path: Path) -> None:
    assert "not the parameter set it is about" in (
        warning_of(load([written(tmp_path, FOR)], ["tuned.judged=abc"])) or ""
    )
