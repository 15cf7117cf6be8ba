"""The command: on made-up prices, on the sample, without a series.

And on the real ones against dates anyone can look up.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.commands.evidence import run_evidence
from backtests.commands.run_scope import RunOptions
from backtests.evidence.document import parse
from backtests.evidence.history import bitcoin_closes, equal_weighted_price
from backtests.performance.forward_returns import HORIZONS
from backtests.report.evidence.terminal import show_document
from brokers.console import console
from brokers.prices.fred import publication_times
from brokers.prices.series import Request, Series
from config.settings import load
from tests.price_folder import HISTORY_FROM
from tests.scenes import REAL, realdata

QUICK = ["evidence.draws=200", "evidence.bases=[126, 252]", "evidence.confirms=[1]"]


def evidence(
    place: Path, overrides: list[str], capsys: pytest.CaptureFixture[str], name: str = "run"
) -> dict[str, Any]:
    options = RunOptions(as_json=True, output=place / name, with_report=name == "run")
    run_evidence(None, [*QUICK, *overrides], options)
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    written: dict[str, Any] = json.loads((place / name / "evidence.json").read_text())
    assert {key: value for key, value in printed.items() if key != "folder"} == written
    return written


@pytest.fixture
def made_up(whole_folder: Path, cache: Path) -> list[str]:
    return [
        "prices.source=folder",
        f"prices.folder={whole_folder}",
        f"prices.cache={cache}",
        f"signal.history_from={HISTORY_FROM}",
    ]


def test_missing_series_are_listed_and_their_claims_are_inconclusive(
    made_up: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder has neither Bitcoin's early prices nor the alts."""
    found = evidence(tmp_path, [*made_up, 'evidence.alts=["LTC-USD"]'], capsys)
    assert {"BTC_coinmetrics", "LTC-USD"} <= found["lacking"].keys()
    assert all("no such file" in why for why in found["lacking"].values())
    claims = {(claim["id"], claim["reading"]): claim for claim in found["claims"]}
    assert (
        claims["B7", "the answer of alts, 3 months from the first close"]["verdict"]
        == "inconclusive"
    )
    assert claims["B1", "the altcoin season of 2017"]["verdict"] == "inconclusive"


def test_the_same_seed_gives_the_same_bytes(
    made_up: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        evidence(tmp_path, made_up, capsys, name)
    one, two = (tmp_path / name / "evidence.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_on_simulated_prices_only_claims_without_prices_are_tested(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evidence(tmp_path, ["prices.source=sample", f"prices.cache={cache}"], capsys)
    assert found["sample"] and found["events"] == [] and found["definitions"] == []
    assert {claim["id"] for claim in found["claims"]} == {"A7", "A12", "A13", "A17", "A18", "B14"}
    assert all(claim["p"] is None for claim in found["claims"])


def test_the_terminal_shows_key_results_and_every_claim(
    made_up: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evidence(tmp_path, made_up, capsys)
    show_document(console(), parse(found), "there")
    printed = capsys.readouterr().out
    assert printed.startswith("Does the Russell's breakout lead Bitcoin? ")
    assert f"Tests ({sum(claim['kind'] == 'test' for claim in found['claims'])})" in printed
    for claim in found["claims"]:
        assert f" {claim['id']} " in printed
    assert "without LTC-USD" in printed and "Written to there" in printed


def test_claims_stand_in_the_order_of_their_numbers(
    made_up: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [one["id"] for one in evidence(tmp_path, made_up, capsys)["claims"]]
    assert ids == sorted(ids, key=lambda name: (name[0], int(name[1:]))) and len(set(ids)) > 10


def test_the_mean_of_coins_earns_the_mean_of_those_that_were_there() -> None:
    """A doubles on the second day and halves on the third.

    B is listed on the second and triples on the third: (0.5 + 3) / 2 - 1 = 0.75.
    """
    days = pd.date_range("2020-01-01", periods=4, freq="D", tz="UTC")
    a, b = pd.Series([1.0, 2.0, 1.0], index=days[:3]), pd.Series([5.0, 15.0, 15.0], index=days[1:])
    assert equal_weighted_price({"A": a, "B": b}).tolist() == pytest.approx([1.0, 2.0, 3.5, 3.5])


@pytest.mark.parametrize("day", ["2012-01-10", "2012-07-10"])
def test_bitcoins_early_price_is_known_when_its_day_is_over(day: str) -> None:
    """At midnight UTC, in New York's winter as in its summer.

    From its first bar on the other source counts.
    """
    early, late = pd.Timestamp(day), pd.Timestamp(day) + pd.Timedelta(days=1)
    before = pd.Series(
        [5.0, 6.0], index=publication_times("BTC_coinmetrics", pd.DatetimeIndex([early, late]))
    )
    bars = pd.Series([7.0], index=pd.DatetimeIndex([late + pd.Timedelta(days=1)], tz="UTC"))

    def series(name: str, column: str, values: pd.Series) -> Series:
        return Series(Request(name, "coin"), "folder", name, values.to_frame(column), "", ())

    settings = load()
    found = bitcoin_closes(
        {
            "BTC-USD": series("BTC-USD", "close", bars),
            "BTC_coinmetrics": series("BTC_coinmetrics", "value", before),
        },
        settings,
    )
    assert found.to_dict() == {late.tz_localize("UTC"): 5.0, bars.index[0]: 7.0}


@pytest.fixture(scope="module")
def real(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """On the real prices, once."""
    folder = tmp_path_factory.mktemp("evidence") / "run"
    overrides = [*QUICK, "prices.source=folder", f"prices.folder={REAL}", f"prices.cache={cache}"]
    run_evidence(None, overrides, RunOptions(as_json=True, output=folder))
    found: dict[str, Any] = json.loads((folder / "evidence.json").read_text())
    return found


@realdata
def test_the_real_breakouts_are_those_of_record(real: dict[str, Any]) -> None:
    assert [one["opened"][:10] for one in real["events"]] == [
        *("1989-06-02", "1991-10-16", "1995-05-16", "1999-12-29", "2004-04-05"),
        *("2011-04-27", "2013-01-02", "2016-11-14", "2020-11-13", "2025-09-18"),
    ]
    claims = {(claim["id"], claim["reading"]): claim for claim in real["claims"]}
    assert "2,442.03 on 2024-11-25, 0.71 short" in claims["A4", "closes"]["why"]
    assert (claims["A4", "closes"]["verdict"], claims["A4", "within the day"]["verdict"]) == (
        "contradicted",
        "supported",
    )
    assert claims["A12", "the year"]["estimate"] == pytest.approx(0.113, abs=0.001)
    assert claims["B2", "the first time"]["why"].startswith(
        "Its first close above 2,600: 2026-01-08"
    )
    assert claims["A8", ""]["verdict"] == "supported"
    assert real["lacking"].keys() <= {"PSCT", "TREAST", "DGS2"}  # not in every such folder


@realdata
def test_gains_after_a_real_breakout_are_those_of_the_file(real: dict[str, Any]) -> None:
    """Bitcoin after 2020-11-13, straight from the vendor's file.

    The UTC day's close, and that of so many days later.
    """
    closes = pd.read_csv(REAL / "daily" / "BTC-USD.csv", index_col="Date", parse_dates=True)[
        "Close"
    ]
    after = next(
        one["after"]["BTC"] for one in real["events"] if one["opened"].startswith("2020-11-13")
    )
    for horizon, days in HORIZONS.items():
        start = pd.Timestamp("2020-11-13")
        assert after[horizon] == pytest.approx(
            closes[start + pd.Timedelta(days=days)] / closes[start] - 1.0, rel=1e-9
        )
    assert np.isfinite(list(after.values())).all()
