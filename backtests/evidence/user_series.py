"""Claims that no price decides: held against figures of the user's own, where there are any; else it is said which would do."""

from collections.abc import Iterator, Mapping

import pandas as pd

from backtests.benchmarks.halvings import height_on, mined
from backtests.evidence.claim import Claim, about, stated, untestable
from backtests.evidence.events import every_day
from backtests.evidence.history import BITCOIN

YEAR = pd.Timedelta(days=365)
GAP = pd.Timedelta(days=35)  # monthly figures, at least
LEVERAGE_YEARS = 4  # before, that are called usual
FLOWS = "In 2025 the Russell 2000 rose more than 40 %, yet small-cap ETFs lost almost 20 billion USD over the year"
LOSSES = "About 40 % of Russell 2000 companies reported losses for Q3 2025, near the highest ever, twice the share of 2007"
RAILS = "The rails are better: clear rules, custody, ETFs that keep absorbing supply, less leverage"


def claims(
    macro: Mapping[str, pd.Series], bitcoin: pd.Series | None, lacking: Mapping[str, str]
) -> Iterator[Claim]:
    """All of them; `macro` and `lacking` as in `History`, `bitcoin` its closes."""
    told = {
        "flows": _flows(macro.get("flows")),
        "losses": _losses(macro.get("losses")),
        "bitcoin_flows": _absorbed(macro.get("bitcoin_flows"), bitcoin),
        "open_interest": _leverage(macro.get("open_interest"), bitcoin),
    }
    for name, one in told.items():
        yield (
            one._replace(why=f"{one.why} Yours cannot be read: {lacking[name]}.")
            if name in lacking
            else one
        )


def _lacks(id_: str, said: str, reading: str, figures: str, setting: str) -> Claim:
    return untestable(id_, said, f"{figures}, in a CSV named by {setting}")._replace(
        reading=reading
    )


def _covers(values: pd.Series, first: pd.Timestamp, last: pd.Timestamp) -> bool:
    """Whether figures come at least every `GAP` from first to last."""
    days = pd.DatetimeIndex(
        [first, *values.index[(values.index > first) & (values.index < last)], last]
    )
    return bool(len(values)) and bool((days[1:] - days[:-1]).max() <= GAP)


def _of_year(values: pd.Series, year: int) -> pd.Series:
    """Those dated in a year: each is known when its day is over."""
    known_at = pd.DatetimeIndex(values.index)
    return values[
        (known_at > pd.Timestamp(year, 1, 1, tz="UTC"))
        & (known_at <= pd.Timestamp(year + 1, 1, 1, tz="UTC"))
    ]


def _year_before(values: pd.Series, years: int) -> bool:
    """Whether figures reach so many years back from the last one, without a gap."""
    last = pd.Timestamp(values.index[-1])
    return values.index[0] <= last - years * YEAR and _covers(values, last - years * YEAR, last)


def _flows(flows: pd.Series | None) -> Claim:
    reading = "money out"
    of_2025 = None if flows is None else _of_year(flows, 2025)
    if of_2025 is None or not _covers(
        of_2025, pd.Timestamp("2025-01-01", tz="UTC"), pd.Timestamp("2026-01-01", tz="UTC")
    ):
        return _lacks(
            "A12",
            FLOWS,
            reading,
            "flows of small-cap funds by day over 2025",
            "haircuts.flows.file",
        )
    total = float(of_2025.sum())
    why = f"{len(of_2025)} figures published in 2025 sum to {total / 1e9:+,.1f} billion USD."
    return stated(
        "A12",
        FLOWS,
        "sum of the flows published in 2025",
        "your flows",
        total / 1e9,
        "billion USD",
        about(total, -2e10),
        why,
        reading,
    )


def _losses(losses: pd.Series | None) -> Claim:
    told = (
        None
        if losses is None
        else losses[pd.Timestamp("2025-10-01", tz="UTC") : pd.Timestamp("2026-03-31", tz="UTC")]
    )  # dated 2025-09-30 on
    of_2007 = None if losses is None else _of_year(losses, 2007)
    if losses is None or told is None or of_2007 is None or told.empty or not of_2007.mean() > 0.0:
        return _lacks(
            "A13",
            LOSSES,
            "",
            "the share of its members with losses by quarter, 2007 and 2025 among them",
            "haircuts.losses.file",
        )
    share, before, highest = float(told.iloc[0]), float(of_2007.mean()), float(losses.max())
    holds = (
        about(share, 0.4) and about(share, highest) and abs(share / (2.0 * before) - 1.0) <= 0.25
    )
    why = f"{share:.0%} by the first figure after 2025-10-01; of all {len(losses)} the highest is {highest:.0%}, the mean of 2007 {before:.0%}."
    return stated(
        "A13",
        LOSSES,
        "the first figure after the quarter's end",
        "your losses",
        share,
        "share",
        holds,
        why,
        n=len(losses),
    )


def _absorbed(flows: pd.Series | None, bitcoin: pd.Series | None) -> Claim:
    reading = "ETFs keep absorbing supply"
    if (
        flows is None
        or flows.empty
        or bitcoin is None
        or bitcoin.index[0] > flows.index[-1] - YEAR
        or not _year_before(flows, 1)
    ):
        return _lacks(
            "B14",
            RAILS,
            reading,
            "flows into Bitcoin's spot ETFs by day over a year",
            "evidence.bitcoin_flows",
        )
    last = flows.index[-1]
    year = flows[last - YEAR + pd.Timedelta(seconds=1) :]
    prices = (
        every_day(bitcoin)
        .reindex(pd.DatetimeIndex(year.index).floor("D"), method="ffill")
        .to_numpy(dtype=float)
    )
    taken = float((year.to_numpy() / prices).sum())
    made = (mined(height_on(last)) - mined(height_on(last - YEAR))) / 1e8
    why = f"In the year to {last:%Y-%m-%d} the funds took in {taken:,.0f} coins at each day's price; {made:,.0f} were mined."
    test = "coins that the flows of the last year bought, over those mined meanwhile"
    return stated(
        "B14",
        RAILS,
        test,
        f"your flows, {BITCOIN}",
        taken / made,
        "times",
        taken > made,
        why,
        reading,
        len(year),
    )


def _leverage(interest: pd.Series | None, bitcoin: pd.Series | None) -> Claim:
    reading = "less leverage"
    years = (1 + LEVERAGE_YEARS) * YEAR
    if (
        interest is None
        or interest.empty
        or bitcoin is None
        or bitcoin.index[0] > interest.index[-1] - years
        or not _year_before(interest, 5)
    ):
        return _lacks(
            "B14",
            RAILS,
            reading,
            "open interest in Bitcoin's futures by day over five years",
            "evidence.open_interest",
        )
    days = pd.DatetimeIndex(interest.index)
    supply = pd.Series([mined(height_on(day)) / 1e8 for day in days], days)
    share = interest / (
        supply * every_day(bitcoin).reindex(days.floor("D"), method="ffill").to_numpy(dtype=float)
    )
    now, before = (
        float(share[days > days[-1] - YEAR].mean()),
        float(share[(days >= days[-1] - years) & (days <= days[-1] - YEAR)].mean()),
    )
    if not before > 0.0:
        return _lacks(
            "B14",
            RAILS,
            reading,
            "open interest above 0 in Bitcoin's futures by day over five years",
            "evidence.open_interest",
        )
    why = f"Open interest was {now:.2%} of all coins' value over the last year, {before:.2%} over the {LEVERAGE_YEARS} before."
    test = f"open interest over the value of all coins, the last year against the {LEVERAGE_YEARS} before"
    return stated(
        "B14",
        RAILS,
        test,
        f"your open interest, {BITCOIN}",
        now / before,
        "times",
        now < before,
        why,
        reading,
        len(interest),
    )
