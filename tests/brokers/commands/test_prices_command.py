"""`prices accept`: a held close counts from then on, in the session that trades the account."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import main
from backtests.engine.live import live_strategy
from brokers.commands import prices
from config.settings import ConfigError
from tests.brokers.misfortunes import bought, incident_texts
from tests.brokers.test_faults_data import (
    ALL,
    AT_ONCE,
    bent,
    change_rows,
    decisions,
    downloading,
    gate_rows,
    next_day,
)
from tests.brokers.worlds import World, epoch

SATURDAY = "2015-10-24 00:00:02"  # Friday's closes are the newest until Monday evening


def test_without_an_account_there_is_nothing_to_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main.app, ["prices", "accept", "HYG", "2015-10-23"])
    assert result.exit_code == 2
    assert "there is no such journal in this folder or below it" in result.output
    assert list(tmp_path.iterdir()) == []


def accept(w: World, symbol: str, day: str) -> None:
    folder = f"journal.folder={w.settings.journal.folder}"
    prices.accept_close(None, [folder], live_strategy, symbol, day, reason="as in the newspaper")


def test_an_accepted_close_counts_at_the_next_bar(
    whole_folder: Path,
    *,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """High yield has fallen by a fifth: credit fails, and the lowest ceiling is bought."""
    with downloading(whole_folder, cache, tmp_path, AT_ONCE, start=SATURDAY) as w:
        monkeypatch.setattr(prices, "time", SimpleNamespace(time=lambda: w.clock.now()))
        change_rows(w, "HYG", bent(0.8, "2015-10-23"))
        w.run()
        assert (decisions(w)[-1].gate_stale, w.venue.orders) == (1, [])
        for symbol, day, words in (
            ("IEF", "2015-10-23", "is not held, so that there is nothing to accept; held now: HYG"),
            ("HYG", "2015-10-22", "the close of HYG of 2015-10-22 is not held"),
            ("HYG", "23/10/2015", "'23/10/2015' is no date; write the session's as YYYY-MM-DD"),
        ):
            with pytest.raises(ConfigError, match=words):
                accept(w, symbol, day)
        w.clock.sleep(12 * 3600)
        accept(w, "HYG", "2015-10-23")
        assert "accepted: the close of HYG of 2015-10-23 (" in capsys.readouterr().out
        with w.journal() as journal:
            (row,) = journal.accepted()
        assert (row.symbol, row.by_whom, row.at) == (
            "HYG",
            "as in the newspaper",
            epoch(SATURDAY) + 12 * 3600,
        )
        assert row.session == epoch("2015-10-23 20:00")
        w.clock.sleep(epoch("2015-10-25 00:00:02") - w.clock.now())
        told = w.run().incidents
        assert incident_texts(told, "held close") == [
            "the close of HYG of 2015-10-23 was held and is accepted: it counts from now on"
        ]
        decision = decisions(w)[-1]
        assert (decision.gate_stale, decision.ceiling) == (0, w.settings.risk_curve.ceilings[0])
        assert bought(w) == ALL
        assert [row.known_at for row in gate_rows(w)] == [
            epoch("2015-10-23 20:30"),
            epoch(SATURDAY) + 12 * 3600,
        ]
        with pytest.raises(ConfigError, match="held now: nothing"):
            accept(w, "HYG", "2015-10-23")
        assert incident_texts(next_day(w).incidents, "revised") == []


def test_what_was_accepted_as_soon_as_it_was_known_is_not_held(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar of the day ends at the instant its session is known, four hours after the close."""
    late = AT_ONCE | {"prices.publication_delay": 240}
    with downloading(whole_folder, cache, tmp_path, late, start=SATURDAY) as w:
        known_at = epoch("2015-10-24 00:00")
        monkeypatch.setattr(prices, "time", SimpleNamespace(time=lambda: known_at))
        change_rows(w, "HYG", bent(0.8, "2015-10-23"))
        w.run()
        accept(w, "HYG", "2015-10-23")
        with pytest.raises(ConfigError, match="held now: nothing"):
            accept(w, "HYG", "2015-10-23")


def test_a_wrong_date_is_named_before_a_journal_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'23/10/2015' is no date"):
        prices.accept_close(
            None,
            [f"journal.folder={tmp_path}"],
            live_strategy,
            "HYG",
            "23/10/2015",
            reason="as in the newspaper",
        )
