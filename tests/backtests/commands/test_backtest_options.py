"""--start, --end, --cash and --coins: the same run as with settings, and wrong values by name."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import main
from backtests.commands.backtest import Choices, chosen_settings
from config.settings import DEFAULT
from tests.price_folder import options

QUICK = ["--no-benchmarks", "--no-report", "--json"]


def run(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words))


def test_they_win_over_files_the_environment_and_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[backtest]\nstart = 2014-01-01\nend = 2015-01-01\ncash = 1.0\n")
    monkeypatch.setenv("RUSSELL_GATE_BACKTEST__END", "2016-01-01")
    sets = ["backtest.start=2014-02-02", "backtest.cash=2.0", "backtest.seed=7"]
    chosen = chosen_settings([path], sets, Choices("2014-03-03", "2017-01-01", "3", None)).backtest
    assert (chosen.start, chosen.end) == (date(2014, 3, 3), date(2017, 1, 1))
    assert (chosen.cash, chosen.seed) == (3.0, 7)


def test_each_alone_leaves_the_others_to_the_settings() -> None:
    sets = ["backtest.start=2014-02-02", "backtest.end=2015-02-02", "backtest.cash=2.0"]
    given = chosen_settings([], sets, Choices()).backtest
    for name, text, value in (
        ("start", "2014-05-05", date(2014, 5, 5)),
        ("end", "2014-05-05", date(2014, 5, 5)),
        ("cash", "2.5e3", 2500.0),
    ):
        choices = Choices()._replace(**{name: text})
        assert chosen_settings([], sets, choices).backtest == given.model_copy(update={name: value})


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--start", "2016-13-01"], ["--start 2016-13-01", "YYYY-MM-DD"]),
        (["--end", "01/02/2016"], ["--end 01/02/2016", "YYYY-MM-DD"]),
        (["--start", "2016-02-01", "--end", "2016-01-01"], ["before end", "--end"]),
        (["--start", "2016-02-01", "-s", "backtest.end=2016-01-01"], ["before end", "--start"]),
        (["--cash", "10k"], ["--cash 10k", "no number"]),
        (["--cash", "10,000"], ["--cash 10,000", "without separators"]),
        (["--cash", "-5"], ["backtest.cash", "greater than 0", "--cash"]),
        (["--cash", "nan"], ["backtest.cash", "--cash"]),
        (["--cash", "inf"], ["backtest.cash", "--cash"]),
        (["--coins", "FOO"], ["--coins FOO", "BTC, ETH, SOL"]),
        (["--coins", "BTC,BTC"], ["--coins BTC,BTC", "once"]),
        (["--coins", ""], ["--coins", "at least one"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else None,
)
def test_a_wrong_value_is_refused_by_name(words: list[str], named: list[str]) -> None:
    result = run("backtest", "-s", "prices.source=sample", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert [word for word in named if word not in result.stderr] == []
    assert "Traceback" not in result.output


def test_a_run_with_options_is_the_run_with_the_same_settings(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sets = options(whole_folder, cache)
    window = ["--start", "2013-03-01", "--end", "2014-06-30", "--cash", "2500"]
    by_options = run("backtest", *QUICK, *sets, *window, "--coins", "BTC", "-o", "options")
    settings = ("start=2013-03-01", "end=2014-06-30", "cash=2500")
    by_settings = run(
        *("backtest", *QUICK, *sets, "-o", "settings"),
        *("--config", str(DEFAULT.with_name("btc_only.toml"))),
        *(word for setting in settings for word in ("--set", f"backtest.{setting}")),
    )
    first, second = (json.loads(result.stdout) for result in (by_options, by_settings))
    assert first["strategy"]["orders"] > 0
    assert first["order_list_hash"] == second["order_list_hash"]
    assert first["strategy"] == second["strategy"]
    stored = [(tmp_path / name / "settings.toml").read_text() for name in ("options", "settings")]
    assert stored[0] == stored[1], "a run made with options can be repeated from its settings"
