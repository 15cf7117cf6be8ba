"""What evidence reads beside the strategy's own series passes the plausibility step as well."""

from pathlib import Path

import pandas as pd

from backtests.evidence.history import load_history
from config.settings import load
from tests.price_folder import edit, overrides

NOW = pd.Timestamp("2017-01-04 12:00", tz="UTC")


def silent(text: str, done: int = 0, of: int = 0) -> None:
    """Report no progress."""


def repeat(rows: list[str]) -> list[str]:
    """Twelve rows in the middle with the prices of the one before them."""
    prices = rows[599].partition(",")[2]
    days = [row.partition(",")[0] for row in rows[600:612]]
    return [*rows[:600], *(f"{day},{prices}" for day in days), *rows[612:]]


def test_an_implausible_series_is_left_out_and_a_doubtful_one_is_named(
    folder: Path, cache: Path
) -> None:
    daily = folder / "daily"
    for name in ("LTC-USD", "XRP-USD"):
        (daily / f"{name}.csv").write_text((daily / "BTC-USD.csv").read_text())
    edit(daily / "LTC-USD.csv", lambda rows: rows[::7])
    edit(daily / "IEF.csv", repeat)
    settings = load(
        [], [*overrides(folder, cache), 'evidence.alts=["LTC-USD", "XRP-USD", "SOL-USD"]']
    )
    history = load_history(settings, NOW, silent)
    assert set(history.alts) == {"XRP-USD", "SOL-USD"}
    assert "LTC-USD are a week apart" in history.lacking["LTC-USD"]
    assert "13 closes of IEF in a row" in history.lacking["IEF"]
    assert "IEF" in {series.request.symbol for series in history.series}


def test_what_the_claims_are_about_is_read_where_the_folder_has_it(
    folder: Path, cache: Path
) -> None:
    """Technology, rates, financial conditions, turnover and breadth; what is missing is named."""
    daily, macro = folder / "daily", folder / "macro"
    macro.mkdir(exist_ok=True)
    for name in ("QQQ", "SHY"):
        (daily / f"{name}.csv").write_text((daily / "IEF.csv").read_text())
    weeks = pd.date_range("2012-01-06", "2016-12-23", freq="W-FRI")
    rows = "\n".join(f"{day:%Y-%m-%d},{-0.5 + 0.001 * row}" for row, day in enumerate(weeks))
    (macro / "NFCI.csv").write_text(f"Date,NFCI\n{rows}\n")
    history = load_history(load([], overrides(folder, cache)), NOW, silent)
    assert set(history.funds) == {"technology", "short rates", "banks"}
    assert history.funds["technology"].tolist() == history.bonds["safe"].tolist()
    assert set(history.breadth) == {"KRE", "XLI", "XBI", "RSP"}
    conditions = history.macro["conditions"]
    assert len(conditions) == len(weeks) and conditions.index[0].day_of_week == 2  # Wednesday
    assert {"BTC", "ETH", "SOL-USD", "Russell 2000"} == set(history.volumes)
    assert set(history.coins) == {"BTC", "ETH", "SOL-USD"}
    assert history.lacking["PSCT"].endswith("; only the claims about it need it")
    assert "remove the symbol" not in history.lacking["PSCT"]
    assert "treasuries" not in history.macro and "TREAST" in history.lacking
